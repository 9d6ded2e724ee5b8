//! Two arrangements under the same load: what changed from one to the other, and whether that is more than chance. Pure.
//!
//! A round is a [`Pair`]: both arms once, in an order that a seeded coin draws ([`first_of_pair`]). After a number of
//! pairs that is fixed beforehand there is a look ([`Looks`]): each [`Row`] gets an estimate and an interval
//! ([`changes`]), and the judged row a [`Verdict`]. The comparison ends at the first look that decides.
//!
//! The estimate is Hodges and Lehmann's on the paired log ratios (or differences, for figures that may be zero); the
//! interval is that of the exact signed-rank test. With five looks at 99 % each, all of them hold together with at least
//! 95 % (Jennison and Turnbull, *Group Sequential Methods*, chapter 9, on repeated confidence intervals).

mod looks;
mod objections;
mod rows;
mod verdict;

use crate::partition::hash;

pub use looks::{Change, Changes, Looks, change, changes, effect_of_order};
pub use objections::{Circumstances, Objection, mostly_errors, objections};
pub use rows::{Figures, ROWS, Row, Scale, Unit, Wanted, row_named};
pub use verdict::{Verdict, judge};

/// One side of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Arm {
    /// What is compared against.
    A,
    /// What is judged.
    B,
}

impl Arm {
    /// Both, A first.
    pub const BOTH: [Self; 2] = [Self::A, Self::B];

    /// The other side.
    #[must_use]
    pub fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// As a flag and a column have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// As a sentence has it.
    #[must_use]
    pub fn letter(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
        }
    }
}

/// What was measured in a round.
#[derive(Clone, Debug, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Pair {
    /// The arm that ran before the other one.
    pub first: Arm,
    /// Figures of arm A.
    pub a: Figures,
    /// Figures of arm B.
    pub b: Figures,
}

/// Which arm runs first in a pair, counted from 0. Each pair has a coin of its own, so that no rhythm of the machine can
/// line up with the order, and equal arms make each sign of a difference equally likely.
#[must_use]
pub fn first_of_pair(seed: u64, pair: u64) -> Arm {
    if hash(seed, pair) & 1 == 0 { Arm::A } else { Arm::B }
}

#[cfg(test)]
mod tests;
