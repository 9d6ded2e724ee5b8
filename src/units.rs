//! Durations, bytes, shares and frequencies as people write them: `50us`, `1.5s`, `64KiB`, `0.003`.
//!
//! All are exact: a text is read to the nanosecond, byte or part in 10⁹, or refused; and what is printed reads back
//! as the same value. The arithmetic they share is in `decimal`.

mod bytes;
mod decimal;
mod duration;
mod pattern;
mod per_second;
mod rate;
pub mod shown;

pub use bytes::Bytes;
pub use duration::{Spelled, duration_pattern, nanoseconds, parse_duration};
pub use pattern::plain_up_to;
pub use per_second::PerSecond;
pub use rate::Rate;

/// Why a text is no quantity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError {
    /// A clause that follows the text, such as "needs a unit, such as 5s".
    pub wrong: String,
    /// What is allowed instead; empty where the clause says it.
    pub allowed: &'static str,
}

impl UnitError {
    fn new(wrong: impl Into<String>) -> Self {
        Self { wrong: wrong.into(), allowed: "" }
    }
}

impl std::fmt::Display for UnitError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { wrong, allowed } = self;
        match *allowed {
            "" => formatter.write_str(wrong),
            allowed => write!(formatter, "{wrong}; allowed: {allowed}"),
        }
    }
}

impl std::error::Error for UnitError {}
