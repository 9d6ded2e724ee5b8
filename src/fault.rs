//! Which request gets which fault: pure, from a plan, an index and the time since the plan began.
//!
//! ```text
//! Written (TOML, JSON) → understand → Plan;   time → window → draw → index → partition → kind
//! ```
//!
//! A [`Plan`] is for one target (a route, a method) and has one index that all workers draw from while its window is
//! open. [`Plan::draws`] says whether a request draws, [`Plan::kind_of`] what its draw comes to. Nothing here reads a
//! clock or counts.

use std::time::Duration;

use crate::partition::Partition;

mod kind;
mod understand;
mod window;
mod written;

pub use kind::{Delay, Kind, ROWS, Reach, Row};
pub use understand::{Rules, understand};
pub use window::Window;
pub use written::{Faults, Placed, Written, WrittenKind, WrittenWindow};

/// Most plans at once.
pub const PLANS: usize = 64;

/// Most kinds in a plan.
pub const KINDS: usize = 16;

/// The route of a plan for every route that isn't exempt.
pub const EVERY_ROUTE: &str = "*";

/// The routes by which a target is watched: no fault, no limit on requests in flight and no profile concerns them.
pub const EXEMPT: [&str; 3] = ["/health", "/healthz", "/readyz"];

/// A fault plan, checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What people call it.
    pub name: String,
    /// The pattern of its route; `None` is every route that isn't exempt.
    pub route: Option<String>,
    /// Its method; `None` is every method. GET is HEAD's, too.
    pub method: Option<String>,
    /// The kinds that share out its index, in the order of their rates.
    pub kinds: Vec<Kind>,
    /// When it applies.
    pub window: Window,
    /// Which index gets which kind.
    pub partition: Partition,
}

impl Plan {
    /// Whether the plan may concern a request of a route, by the method and the pattern of the route table.
    #[must_use]
    pub fn concerns(&self, method: &str, path: &str) -> bool {
        let its_route = match &self.route {
            Some(route) => route == path,
            None => !EXEMPT.contains(&path) && path.starts_with('/'),
        };
        its_route && self.method.as_deref().is_none_or(|wanted| takes(method, wanted))
    }

    /// Whether a request's method is the plan's. The route may take more methods than one.
    #[must_use]
    pub fn is_for(&self, method: &str) -> bool {
        self.method.as_deref().is_none_or(|wanted| wanted == method || (wanted == "GET" && method == "HEAD"))
    }

    /// Whether a request that comes so long after the plan's begin draws an index.
    #[must_use]
    pub fn draws(&self, elapsed: Duration) -> bool {
        self.window.is_open(elapsed)
    }

    /// The place of the kind that a draw comes to, if it comes to one.
    #[must_use]
    pub fn kind_of(&self, draw: u64) -> Option<usize> {
        let index = self.window.index(draw)?;
        match self.kinds.as_slice() {
            // It has no rate: it concerns every request.
            [kind] if !kind.row().has_rate() => Some(0),
            _ => self.partition.kind_at(index),
        }
    }

    /// How often each kind is to be carried out for so many draws; `None` where that is left to chance, or is no matter of
    /// draws.
    #[must_use]
    pub fn planned(&self, draws: u64) -> Option<Vec<u64>> {
        let indices = match self.window {
            Window::Requests { after, count } => draws.saturating_sub(after).min(count.unwrap_or(u64::MAX)),
            Window::Always | Window::Between { .. } | Window::Periods { .. } => draws,
        };
        match self.kinds.as_slice() {
            [kind] if kind.row().reach == Reach::Listeners => None,
            [kind] if !kind.row().has_rate() => Some(vec![indices]),
            _ => self.partition.planned(indices),
        }
    }

    /// What the listeners of all workers do while the window is open, if the plan is for them.
    #[must_use]
    pub fn of_listeners(&self) -> Option<&Kind> {
        self.kinds.iter().find(|kind| kind.row().reach == Reach::Listeners)
    }
}

/// Whether a route, whose method in the table may be a list, takes a method.
#[must_use]
pub fn takes(table: &str, method: &str) -> bool {
    table == "ANY" || table.split(',').any(|one| one.trim() == method || (one.trim() == "GET" && method == "HEAD"))
}

#[cfg(test)]
mod tests;
