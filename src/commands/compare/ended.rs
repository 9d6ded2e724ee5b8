//! When a comparison ends, and why.

use super::looked_at;
use super::plan::Plan;
use crate::comparison::{Pair, change, judge};

/// Why there are no more rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Ended {
    /// A look has decided.
    Decided,
    /// The last look was reached.
    LastLook,
    /// `--time-limit`
    TimeLimit,
    /// INT or TERM.
    ByTheUser,
    /// A round could not be run.
    ByAFailure,
}

impl Ended {
    /// As a sentence.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Decided => "It ended at the first look that decided.",
            Self::LastLook => "It ended at the last look.",
            Self::TimeLimit => "It was ended by --time-limit: this is what the last look said.",
            Self::ByTheUser => "It was interrupted: this is what the last look said.",
            Self::ByAFailure => "A round failed: this is what the last look said.",
        }
    }
}

/// Whether it ends after so many pairs. It can be decided only when a look has just been reached, and only if no bound of
/// `--fail-if` needs more rounds.
pub fn after(plan: &Plan, pairs: &[Pair], seconds: f64) -> Option<Ended> {
    let looked = looked_at(&plan.looks, pairs);
    if looked.len() == pairs.len() && !pairs.is_empty() {
        let seen = change(plan.judged, looked, plan.looks.confidence(1));
        let is_decided = judge(plan.judged, seen.as_ref(), plan.floor).is_decided();
        let confidence = plan.confidence_of_bounds();
        let bounds_are = plan.bounds.iter().all(|bound| bound.state(looked, confidence).is_decided());
        if is_decided && bounds_are {
            return Some(Ended::Decided);
        }
        if pairs.len() >= plan.looks.most() {
            return Some(Ended::LastLook);
        }
    }
    plan.time_limit.is_some_and(|limit| seconds >= limit.as_secs_f64()).then_some(Ended::TimeLimit)
}
