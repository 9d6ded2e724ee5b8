//! Durations and bytes as people write them: `50us`, `1.5s`, `64KiB`.
//!
//! Both are exact: a text is read to the nanosecond or byte, or refused; and what is printed reads back as the same
//! value. The arithmetic they share is in `decimal`.

mod bytes;
mod decimal;
mod duration;

pub use bytes::Bytes;
pub use duration::{Spelled, parse_duration};

/// Why a text is no quantity: a clause that follows the text, such as "needs a unit, such as 5s".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitError(String);

impl std::fmt::Display for UnitError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for UnitError {}
