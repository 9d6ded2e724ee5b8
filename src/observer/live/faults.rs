//! The fault plans, with what a page needs to count down and to shade the stretches in which they were open.

use std::time::Duration;

use serde_json::{Value, json};

use crate::control::{Counted, faults_in_force, known_faults, standing};
use crate::fault::{Rules, Window, understand};
use crate::scoreboard::Scoreboard;
use crate::sys::clock;

/// A plan that is or was in force.
pub struct Shown {
    /// As understood, with its counts.
    pub counted: Counted,
    /// When it applies.
    pub window: Option<Window>,
    /// Whether its window is open.
    pub is_open: bool,
    /// Whether its window will not open again.
    pub is_over: bool,
    /// How long until its window next opens or closes, if it does by time.
    pub changes_in: Option<Duration>,
    /// How long until all plans end.
    pub expires_in: Option<Duration>,
}

impl Shown {
    /// For the page; `elapsed_s` is since the run began.
    #[must_use]
    pub fn to_json(&self, elapsed_s: f64) -> Value {
        let Self { counted, window, is_open, is_over, changes_in, expires_in } = self;
        let ago = |ms: u64| elapsed_s - Duration::from_millis(ms).as_secs_f64();
        let window = match window {
            Some(Window::Between { from, to }) => {
                json!({ "from": from.as_secs_f64(), "to": to.map(|to| to.as_secs_f64()) })
            }
            Some(Window::Periods { every, open }) => {
                json!({ "every": every.as_secs_f64(), "for": open.as_secs_f64() })
            }
            // Of a window in requests nobody knows when it was open.
            Some(Window::Always | Window::Requests { .. }) | None => Value::Null,
        };
        json!({
            "plan": counted,
            "open": is_open,
            "over": is_over,
            "changes_in_s": changes_in.map(|time| time.as_secs_f64()),
            "expires_in_s": expires_in.map(|time| time.as_secs_f64()),
            "began_s": ago(counted.age_ms),
            "ended_s": counted.ended_ms.map(ago),
            "window_s": window,
        })
    }
}

/// The plans in force.
#[must_use]
pub fn shown_faults(board: &Scoreboard, now_ns: u64) -> Vec<Shown> {
    let counted = faults_in_force(board, now_ns);
    if counted.is_empty() {
        return Vec::new();
    }
    let expires_ns = standing(board).1.faults.expires_ns;
    let expires_in = expires_ns.map(|expires_ns| Duration::from_nanos(expires_ns.saturating_sub(now_ns)));
    counted.into_iter().map(|counted| show(counted, expires_in)).collect()
}

/// The plans that are not in force any more.
#[must_use]
pub fn past_faults(board: &Scoreboard, now_ns: u64) -> Vec<Shown> {
    known_faults(board, now_ns).ended.into_iter().map(|counted| show(counted, None)).collect()
}

fn show(counted: Counted, expires_in: Option<Duration>) -> Shown {
    let age = Duration::from_nanos(counted.age_ms.saturating_mul(clock::MILLISECOND));
    let window = understand(&counted.plan, "", 0, &Rules::none()).ok().map(|(plan, _)| plan.window);
    let (is_open, is_over) = window.map_or((true, false), |window| stand(&window, age, counted.matched));
    Shown {
        is_open,
        is_over,
        changes_in: window.and_then(|window| window.changes_in(age)),
        window,
        expires_in,
        counted,
    }
}

/// Whether a window is open, and whether it was for the last time, so long after the plan's begin and after so many
/// requests.
fn stand(window: &Window, age: Duration, matched: u64) -> (bool, bool) {
    match window {
        Window::Always | Window::Periods { .. } => (window.is_open(age), false),
        Window::Between { to, .. } => (window.is_open(age), to.is_some_and(|to| age >= to)),
        Window::Requests { after, count } => {
            let is_over = count.is_some_and(|count| matched >= after.saturating_add(count));
            (matched >= *after && !is_over, is_over)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_opens_and_is_over_by_time_or_by_requests() {
        let ms = Duration::from_millis;
        let between = Window::Between { from: ms(10), to: Some(ms(20)) };
        let periods = Window::Periods { every: ms(10), open: ms(4) };
        let requests = Window::Requests { after: 10, count: Some(20) };
        let (shut, open, over) = ((false, false), (true, false), (false, true));
        for (window, age, matched, stands) in [
            (Window::Always, 0, 0, open),
            (between, 9, 99, shut),
            (between, 10, 0, open),
            (between, 20, 0, over),
            (Window::Between { from: ms(10), to: None }, 1_000, 0, open),
            (periods, 1_003, 0, open),
            (periods, 1_004, 0, shut),
            (requests, 1_000, 9, shut),
            (requests, 0, 10, open),
            (requests, 0, 29, open),
            (requests, 0, 30, over),
            (Window::Requests { after: 10, count: None }, 0, u64::MAX, open),
        ] {
            assert_eq!(stand(&window, ms(age), matched), stands, "{window:?} {age} {matched}");
        }
    }
}
