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

/// Why a text is no quantity: a clause that follows the text, such as "needs a unit, such as 5s".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError(String);

impl std::fmt::Display for UnitError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UnitError {}
