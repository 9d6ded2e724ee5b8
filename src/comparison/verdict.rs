//! What may be said about the judged row.

use super::looks::Change;
use super::rows::{Row, Scale, Wanted};

/// What a comparison says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The whole interval lies within the floor: whatever the difference is, it does not matter.
    Same,
    /// The interval excludes no change, and B is better.
    Better,
    /// The interval excludes no change, and B is worse.
    Worse,
    /// Neither: the interval reaches across no change and beyond the floor. With about so many more pairs it would
    /// probably be narrow enough, if that can be told.
    Undecided {
        /// Further pairs.
        more_pairs: Option<usize>,
    },
}

impl Verdict {
    /// Whether further pairs have nothing to decide.
    #[must_use]
    pub fn is_decided(self) -> bool {
        !matches!(self, Self::Undecided { .. })
    }

    /// As JSON and CSV have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Same => "same",
            Self::Better => "better",
            Self::Worse => "worse",
            Self::Undecided { .. } => "can't tell yet",
        }
    }
}

/// Judges a row by what a look has seen. `floor` is the change that doesn't matter: a share of A for a ratio, in the
/// row's unit for a difference.
#[must_use]
pub fn judge(row: &Row, change: Option<&Change>, floor: f64) -> Verdict {
    let Some((change, interval)) = change.and_then(|change| Some((change, change.interval?))) else {
        return Verdict::Undecided { more_pairs: None };
    };
    let bound = match row.scale {
        Scale::Ratio => floor.ln_1p(),
        Scale::Difference => floor,
    };
    if interval.is_within(bound) {
        Verdict::Same
    } else if interval.excludes_zero() {
        match (row.wanted, interval.low > 0.0) {
            (Wanted::More, true) | (Wanted::Less, false) => Verdict::Better,
            (Wanted::More, false) | (Wanted::Less, true) => Verdict::Worse,
            (Wanted::Neither, _) => Verdict::Undecided { more_pairs: None },
        }
    } else {
        Verdict::Undecided {
            more_pairs: more_pairs(change.pairs, change.estimate.abs(), interval.half_width(), bound),
        }
    }
}

/// How many further pairs would probably decide: an interval narrows with the square root of the pairs, and must become
/// narrower than the way to no change, or than the way to the floor.
fn more_pairs(pairs: usize, estimate: f64, half_width: f64, bound: f64) -> Option<usize> {
    let way = estimate.max(bound - estimate);
    if way <= 0.0 || half_width <= 0.0 {
        return None;
    }
    #[allow(clippy::cast_precision_loss)] // a few hundred
    let needed = pairs as f64 * (half_width / way).powi(2);
    // Beyond that the guess says no more than "very many".
    if needed > 1e6 {
        return None;
    }
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // positive and at most a million
    let needed = needed.ceil() as usize;
    Some(needed.saturating_sub(pairs).max(1))
}
