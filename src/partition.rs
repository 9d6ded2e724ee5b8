//! Which index gets what, exactly: kinds with rates partition the indices 0, 1, 2, … of requests. Pure.
//!
//! An index is drawn once by each request, whichever worker took it, so that the outcome depends on the order of the
//! draws alone. Each answer costs some tens of nanoseconds and no memory.

use std::fmt;

use crate::spelling::words;
use crate::units::Rate;

mod even;
mod shuffled;

use even::Even;

pub use shuffled::BLOCK;

/// Parts in a rate of 1.
const WHOLE: u64 = 1_000_000_000;

words! {
    /// How the hits are spread over the indices.
    #[derive(Default, serde::Serialize, serde::Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Spacing {
        /// As evenly as whole requests allow (error diffusion): after n of them the hits are within 1 of n × the summed
        /// rate, each kind's within 2 of n × its own. The seed changes nothing.
        Even = "even",
        /// In a random order that is exact in each block of [`BLOCK`]: in block b (from 0) each kind has
        /// ⌊(b+1)·10000·r⌋ − ⌊b·10000·r⌋ hits by its own rate r; the last kinds give way where all would exceed the block.
        #[default]
        Shuffled = "shuffled",
        /// Each index by itself, by chance.
        Random = "random",
    }
}

/// Why rates partition nothing: they sum to more than 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooMuch {
    /// Their sum, in parts in 10⁹.
    pub parts: u64,
}

impl TooMuch {
    /// What they may sum to.
    pub const ALLOWED: &str = "at most 1";
}

impl fmt::Display for TooMuch {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.parts / WHOLE, format!("{:09}", self.parts % WHOLE));
        let rest = rest.trim_end_matches('0');
        let point = if rest.is_empty() { "" } else { "." };
        write!(formatter, "the rates sum to {whole}{point}{rest}")
    }
}

impl std::error::Error for TooMuch {}

/// Kinds, each with its rate, that share out the indices; the kinds are known by their places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Partition {
    law: Law,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Law {
    Even(Even),
    Shuffled { seed: u64, parts: Vec<u64> },
    Random { seed: u64, parts: Vec<u64> },
}

impl Partition {
    /// Shares out the indices. The same spacing, seed and rates always give the same partition.
    ///
    /// # Errors
    /// When the rates sum to more than 1.
    pub fn new(spacing: Spacing, seed: u64, rates: &[Rate]) -> Result<Self, TooMuch> {
        let parts: Vec<u64> = rates.iter().map(|rate| rate.parts()).collect();
        let sum = parts.iter().sum();
        if sum > WHOLE {
            return Err(TooMuch { parts: sum });
        }
        let law = match spacing {
            Spacing::Even => Law::Even(Even::new(&parts)),
            Spacing::Shuffled => Law::Shuffled { seed, parts },
            Spacing::Random => Law::Random { seed, parts },
        };
        Ok(Self { law })
    }

    /// The place of the kind that an index gets, if it gets one.
    #[must_use]
    pub fn kind_at(&self, index: u64) -> Option<usize> {
        match &self.law {
            Law::Even(even) => even.kind_at(index),
            Law::Shuffled { seed, parts } => shuffled::kind_at(*seed, parts, index),
            Law::Random { seed, parts } => {
                let drawn = below(WHOLE, hash(*seed, index));
                place(parts.iter().copied(), drawn)
            }
        }
    }
}

impl Partition {
    /// How many of the first `count` indices each kind gets; `None` where that is left to chance.
    #[must_use]
    pub fn planned(&self, count: u64) -> Option<Vec<u64>> {
        match &self.law {
            Law::Even(even) => Some(even.planned(count)),
            Law::Shuffled { seed, parts } => Some(shuffled::planned(*seed, parts, count)),
            Law::Random { .. } => None,
        }
    }
}

/// Which of consecutive stretches of these lengths holds `at`.
fn place(lengths: impl Iterator<Item = u64>, at: u64) -> Option<usize> {
    let mut end = 0;
    for (place, length) in lengths.enumerate() {
        end += length;
        if at < end {
            return Some(place);
        }
    }
    None
}

/// A number that looks random, from two; the same two give the same one for ever. The finalizer is `splitmix64`'s (Steele, Lea, Flood: Fast splittable
/// pseudorandom number generators, 2014).
pub(crate) fn hash(key: u64, value: u64) -> u64 {
    mix(mix(key).wrapping_add(value.wrapping_mul(0x9e37_79b9_7f4a_7c15)))
}

fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

/// A random number brought below a limit, without a division; no value is likelier than another by more than 2⁻³⁴.
#[allow(clippy::cast_possible_truncation)] // the upper half of the product
fn below(limit: u64, random: u64) -> u64 {
    ((u128::from(random) * u128::from(limit)) >> 64) as u64
}

#[cfg(test)]
mod tests;
