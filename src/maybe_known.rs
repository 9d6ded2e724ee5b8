//! A figure that may be unknown: the one type for every number that the kernel gives, or may refuse to give.
//!
//! It has no zero to fall back on. A sum is known when all its parts are, and so is a difference, a ratio or a maximum.
//! Where an unknown is shown, it is an empty cell, `null`, or left out.

use std::iter::Sum;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;
use serde::{Deserialize, Serialize};

/// A number, or the statement that it is unknown. As JSON it is the number or `null`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MaybeKnown<T = u64>(Option<T>);

impl<T> MaybeKnown<T> {
    /// What nobody could tell.
    pub const UNKNOWN: Self = Self(None);

    /// A number that was read.
    pub const fn known(value: T) -> Self {
        Self(Some(value))
    }

    /// The number, for whoever handles its absence: `None` must not become a zero.
    pub fn get(self) -> Option<T> {
        self.0
    }

    /// Something made of the number.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> MaybeKnown<U> {
        MaybeKnown(self.0.map(make))
    }

    /// Something made of the number that may be unknown itself.
    pub fn and_then<U>(self, make: impl FnOnce(T) -> MaybeKnown<U>) -> MaybeKnown<U> {
        MaybeKnown(self.0.and_then(|value| make(value).0))
    }

    /// Both numbers, known when both are.
    pub fn zip<U>(self, other: MaybeKnown<U>) -> MaybeKnown<(T, U)> {
        MaybeKnown(self.0.zip(other.0))
    }

    /// A cell of a table: the number as `show` writes it, or nothing.
    pub fn cell(self, show: impl FnOnce(T) -> String) -> String {
        self.0.map(show).unwrap_or_default()
    }
}

impl MaybeKnown {
    /// How much more it is than before, known when both are; nothing more when it fell.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        self.zip(before).map(|(now, before)| now.saturating_sub(before))
    }
}

impl MaybeKnown<f64> {
    /// How often `whole` is in `part`; unknown where the whole is nothing, or either is no number.
    #[must_use]
    pub fn ratio(part: f64, whole: f64) -> Self {
        Self(Some(part / whole).filter(|ratio| whole > 0.0 && ratio.is_finite()))
    }
}

/// Unknown: nothing has been read yet.
impl<T> Default for MaybeKnown<T> {
    fn default() -> Self {
        Self::UNKNOWN
    }
}

impl<T> From<Option<T>> for MaybeKnown<T> {
    fn from(value: Option<T>) -> Self {
        Self(value)
    }
}

impl<T> From<T> for MaybeKnown<T> {
    fn from(value: T) -> Self {
        Self(Some(value))
    }
}

impl<T: Add<Output = T>> Add for MaybeKnown<T> {
    type Output = Self;

    fn add(self, more: Self) -> Self {
        Self(self.0.zip(more.0).map(|(sum, more)| sum + more))
    }
}

/// Known when every part is. The sum of no parts is nothing, and known.
impl<T: Sum> Sum for MaybeKnown<T> {
    fn sum<Parts: Iterator<Item = Self>>(parts: Parts) -> Self {
        Self(parts.map(|part| part.0).sum())
    }
}

/// A figure in shared memory, with one writer. Zeroed memory is a known 0.
#[derive(Debug, Default, Zeroable)]
#[repr(transparent)]
pub struct SharedFigure(AtomicU64);

impl SharedFigure {
    /// No figure here comes near: nanoseconds fill 63 bits after 292 years.
    const UNKNOWN: u64 = u64::MAX;

    /// One that nothing was read of yet.
    #[must_use]
    pub fn unknown() -> Self {
        Self(AtomicU64::new(Self::UNKNOWN))
    }

    /// Reads it.
    #[must_use]
    pub fn load(&self) -> MaybeKnown {
        MaybeKnown(Some(self.0.load(Relaxed)).filter(|value| *value != Self::UNKNOWN))
    }

    /// Replaces it.
    pub fn store(&self, figure: MaybeKnown) {
        self.0.store(figure.0.map_or(Self::UNKNOWN, |value| value.min(Self::UNKNOWN - 1)), Relaxed);
    }

    /// Adds to it. Once it is unknown it stays so.
    pub fn add(&self, more: MaybeKnown) {
        self.store(self.load() + more);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: MaybeKnown = MaybeKnown::UNKNOWN;

    fn known(value: u64) -> MaybeKnown {
        MaybeKnown::known(value)
    }

    #[test]
    fn a_sum_is_known_when_all_its_parts_are() {
        let sum = |parts: &[MaybeKnown]| parts.iter().copied().sum::<MaybeKnown>();
        assert_eq!((sum(&[known(1), known(2)]), sum(&[])), (known(3), known(0)));
        assert_eq!(sum(&[known(1), UNKNOWN, known(2)]), UNKNOWN);
        assert_eq!((known(1) + UNKNOWN, UNKNOWN + known(1)), (UNKNOWN, UNKNOWN));
        assert_eq!((known(5).since(known(3)), known(3).since(known(5))), (known(2), known(0)));
        assert_eq!((known(5).since(UNKNOWN), UNKNOWN.since(known(5))), (UNKNOWN, UNKNOWN));
    }

    #[test]
    fn a_ratio_to_nothing_is_unknown_and_no_number_that_is_none() {
        assert_eq!(MaybeKnown::ratio(1.0, 4.0), MaybeKnown::known(0.25));
        for (part, whole) in [(0.0, 0.0), (1.0, 0.0), (1.0, -1.0), (f64::NAN, 1.0), (1.0, f64::NAN)] {
            assert_eq!(MaybeKnown::ratio(part, whole), MaybeKnown::UNKNOWN, "{part} of {whole}");
        }
    }

    #[test]
    fn an_unknown_is_an_empty_cell_and_null() {
        let shown = |figure: MaybeKnown| (figure.cell(|value| value.to_string()), serde_json::json!(figure));
        assert_eq!(shown(known(7)), ("7".to_owned(), serde_json::json!(7)));
        assert_eq!(shown(UNKNOWN), (String::new(), serde_json::Value::Null));
        assert_eq!(serde_json::from_str::<MaybeKnown>("null").unwrap(), UNKNOWN);
        assert_eq!(MaybeKnown::<u64>::default(), UNKNOWN);
    }

    #[test]
    fn a_shared_sum_that_was_unknown_once_stays_so() {
        let shared = SharedFigure::default();
        shared.add(known(2));
        assert_eq!(shared.load(), known(2));
        shared.add(UNKNOWN);
        shared.add(known(2));
        assert_eq!(shared.load(), UNKNOWN);
        shared.store(known(u64::MAX));
        assert_eq!(shared.load(), known(u64::MAX - 1));
    }
}
