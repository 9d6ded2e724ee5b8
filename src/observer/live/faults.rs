//! The fault plans in force, with what a page needs to count down.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{Counted, known_faults, standing};
use crate::fault::{Rules, understand};
use crate::scoreboard::Scoreboard;
use crate::sys::clock;

/// A plan in force.
pub struct Shown {
    /// As understood, with its counts.
    pub counted: Counted,
    /// Whether its window is open.
    pub is_open: bool,
    /// How long until its window next opens or closes, if it does by time.
    pub changes_in: Option<Duration>,
    /// How long until all plans end.
    pub expires_in: Option<Duration>,
}

impl Shown {
    /// For the page.
    #[must_use]
    pub fn to_json(&self) -> Value {
        let Self { counted, is_open, changes_in, expires_in } = self;
        json!({
            "plan": counted,
            "open": is_open,
            "changes_in_s": changes_in.map(|time| time.as_secs_f64()),
            "expires_in_s": expires_in.map(|time| time.as_secs_f64()),
        })
    }
}

/// The plans in force.
#[must_use]
pub fn shown_faults(board: &Scoreboard, now_ns: u64) -> Vec<Shown> {
    let counted = known_faults(board, now_ns).in_force;
    if counted.is_empty() {
        return Vec::new();
    }
    let expires_ns = standing(board).1.faults.expires_ns;
    let expires_in = expires_ns.map(|expires_ns| Duration::from_nanos(expires_ns.saturating_sub(now_ns)));
    counted.into_iter().map(|counted| show(counted, expires_in)).collect()
}

fn show(counted: Counted, expires_in: Option<Duration>) -> Shown {
    let age = Duration::from_nanos(counted.age_ms.saturating_mul(clock::MILLISECOND));
    let window = understand(&counted.plan, "", 0, &Rules::none()).ok().map(|(plan, _)| plan.window);
    Shown {
        is_open: window.is_none_or(|window| window.is_open(age)),
        changes_in: window.and_then(|window| window.changes_in(age)),
        expires_in,
        counted,
    }
}
