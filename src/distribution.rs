//! How long a delay is, drawn by the number of the request: pure.
//!
//! A [`Distribution`] is read from a text such as `lognormal(p50=20ms,p99=200ms)`, prints as it was understood, and
//! gives the same duration for the same seed and index in every mode and on every machine: its chance is a function of
//! the index (`chance`), its arithmetic uses software functions alone (`libm`, not the system's).
//!
//! Every distribution lies within bounds: 0 and the limit given, or more narrowly its own `min=` and `max=`. What falls
//! outside is drawn again, never cut to the bound; as the inverse of the distribution function is known, that is one
//! draw from the part inside. Less than [`LEAST_INSIDE`] inside is refused.

pub mod chance;
mod empirical;
mod normal;
mod parse;
mod shape;

use std::fmt;
use std::time::Duration;

pub use empirical::Recorded;
pub(crate) use parse::split;
pub use parse::{ReadFile, Rules};

use crate::mistake::Mistake;
use crate::units::Spelled;
use shape::Shape;

/// How much of a distribution must lie within its bounds, of 1.
pub const LEAST_INSIDE: f64 = 0.01;

/// A duration for each index.
#[derive(Clone, Debug, PartialEq)]
pub struct Distribution {
    shape: Shape,
    /// `min=`, where it was given.
    least: Option<Duration>,
    /// `max=`, where it was given.
    most: Option<Duration>,
    inside: Inside,
}

// Its numbers were read as plain decimals, which are never NaN.
impl Eq for Distribution {}

/// Where values may lie, and which part of the distribution function that is.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Inside {
    least_ns: f64,
    most_ns: f64,
    /// The probability of what lies below the bounds.
    below: f64,
    /// The probability of what lies inside.
    mass: f64,
}

impl Distribution {
    /// The same duration for each index.
    #[must_use]
    pub fn fixed(duration: Duration) -> Self {
        let ns = nanoseconds(duration);
        let inside = Inside { least_ns: ns, most_ns: ns, below: 0.0, mass: 1.0 };
        Self { shape: Shape::Fixed(duration), least: None, most: None, inside }
    }

    /// Reads a distribution.
    ///
    /// # Errors
    /// What is wrong with it, as a sentence: no such distribution, not its parameters, a duration over the limit, or
    /// too little of it within its bounds.
    pub fn parse(text: &str, rules: &Rules<'_>) -> Result<Self, Mistake> {
        parse::distribution(text, rules)
    }

    /// The duration, where it is always the same: nothing need be drawn then.
    #[must_use]
    pub fn always(&self) -> Option<Duration> {
        match self.shape {
            Shape::Fixed(duration) => Some(duration),
            _ => None,
        }
    }

    /// The duration of this index.
    #[must_use]
    pub fn draw(&self, seed: u64, index: u64) -> Duration {
        match &self.shape {
            Shape::Fixed(duration) => *duration,
            Shape::Mixture(parts) => {
                let chosen = chance::unit(chance::stream(seed, chance::PART), index);
                parts.choose(chosen).draw(seed, index)
            }
            shape => {
                let Inside { least_ns, most_ns, below, mass } = self.inside;
                let value = shape.quantile(below + chance::unit(seed, index) * mass);
                // Only what rounding in the last digit has put outside.
                duration(value.clamp(least_ns, most_ns))
            }
        }
    }

    /// The same shape between bounds.
    fn bounded(
        shape: Shape,
        (least, most): (Option<Duration>, Option<Duration>),
        (outer_least, outer_most): (Duration, Duration),
    ) -> Self {
        let least_ns = nanoseconds(least.unwrap_or_default().max(outer_least));
        let most_ns = nanoseconds(most.unwrap_or(outer_most).min(outer_most));
        let (below, mass) = shape.between(least_ns, most_ns);
        Self { shape, least, most, inside: Inside { least_ns, most_ns, below, mass } }
    }
}

impl fmt::Display for Distribution {
    /// As it was understood; [`Distribution::parse`] reads it back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (Shape::Fixed(duration), None, None) = (&self.shape, self.least, self.most) {
            return Spelled(*duration).fmt(formatter);
        }
        write!(formatter, "{}({}", self.shape.name(), self.shape)?;
        for (name, bound) in [("min", self.least), ("max", self.most)] {
            if let Some(bound) = bound {
                write!(formatter, ",{name}={}", Spelled(bound))?;
            }
        }
        formatter.write_str(")")
    }
}

impl serde::Serialize for Distribution {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[allow(clippy::cast_precision_loss)] // 2⁵³ ns are 104 days
fn nanoseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // between two durations, both ≥ 0
fn duration(nanoseconds: f64) -> Duration {
    Duration::from_nanos(libm::round(nanoseconds) as u64)
}

#[cfg(test)]
mod tests;
