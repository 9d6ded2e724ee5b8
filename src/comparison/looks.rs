//! When a comparison may be looked at, and what is seen then.

use super::{Arm, Pair, ROWS, Row};
use crate::statistics::{Interval, hodges_lehmann, signed_rank_interval};

/// The looks of a comparison, declared before its first round.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looks {
    /// After 8, 12, 18, 27 and 40 pairs, at 99 % each: whatever look ends the comparison, its interval holds with 95 %.
    Repeated,
    /// One, after so many pairs, at 95 %.
    Once(usize),
}

/// Pairs of [`Looks::Repeated`].
const REPEATED: [usize; 5] = [8, 12, 18, 27, 40];

/// What is left for all looks together to be wrong.
pub const ALL_LOOKS: f64 = 0.05;

impl Looks {
    /// Fewer pairs than this give no interval at 95 %.
    pub const LEAST: usize = 6;

    /// More are refused: an interval of so many is as narrow as the machine lets it be.
    pub const MOST: usize = 1_000;

    /// After how many pairs there is a look.
    #[must_use]
    pub fn pairs(&self) -> &[usize] {
        match self {
            Self::Repeated => &REPEATED,
            Self::Once(pairs) => std::slice::from_ref(pairs),
        }
    }

    /// The confidence of one look, when `questions` are asked of the same rounds and all answers shall hold together.
    ///
    /// # Panics
    /// When no question is asked.
    #[must_use]
    pub fn confidence(&self, questions: usize) -> f64 {
        assert!(questions > 0, "a look answers a question");
        #[allow(clippy::cast_precision_loss)] // a handful
        let shares = (self.pairs().len() * questions) as f64;
        1.0 - ALL_LOOKS / shares
    }

    /// The last look that so many pairs reach, in pairs.
    #[must_use]
    pub fn reached(&self, pairs: usize) -> Option<usize> {
        self.pairs().iter().rev().find(|look| **look <= pairs).copied()
    }

    /// How many pairs there are at the most.
    #[must_use]
    pub fn most(&self) -> usize {
        self.pairs().last().copied().unwrap_or_default()
    }
}

/// How a figure changed from A to B, on its row's scale.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Change {
    /// In how many pairs it is known in both arms.
    pub pairs: usize,
    /// The most plausible change.
    pub estimate: f64,
    /// The interval that holds the true change; `None` where so few pairs give none.
    pub interval: Option<Interval>,
}

/// The change of each row, in the order of [`ROWS`]; `None` where no pair tells it.
pub type Changes = Vec<(&'static Row, Option<Change>)>;

/// What pairs say of every row.
#[must_use]
pub fn changes(pairs: &[Pair], confidence: f64) -> Changes {
    ROWS.iter().map(|row| (row, change(row, pairs, confidence))).collect()
}

/// What pairs say of a row.
#[must_use]
pub fn change(row: &Row, pairs: &[Pair], confidence: f64) -> Option<Change> {
    let distances = pairs.iter().map(|pair| row.scale.distance((row.of)(&pair.a), (row.of)(&pair.b)));
    of_distances(&distances.flatten().collect::<Vec<_>>(), confidence)
}

/// How a row changed from the arm that ran first in its pair to the one that ran second, whichever they were.
#[must_use]
pub fn effect_of_order(row: &Row, pairs: &[Pair], confidence: f64) -> Option<Change> {
    let distance = |pair: &Pair| {
        let distance = row.scale.distance((row.of)(&pair.a), (row.of)(&pair.b))?;
        Some(match pair.first {
            Arm::A => distance,
            Arm::B => -distance,
        })
    };
    of_distances(&pairs.iter().filter_map(distance).collect::<Vec<_>>(), confidence)
}

fn of_distances(distances: &[f64], confidence: f64) -> Option<Change> {
    let estimate = hodges_lehmann(distances)?;
    Some(Change { pairs: distances.len(), estimate, interval: signed_rank_interval(distances, confidence) })
}
