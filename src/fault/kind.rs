//! What a fault does.

use std::fmt;
use std::time::Duration;

use crate::units::{Bytes, Spelled, UnitError, parse_duration};

/// What a request gets, or, of the last three before `Crash`, what is the same for all while the window is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Waits before the handler.
    Delay(Delay),
    /// Answers with this status, without the handler.
    Status(u16),
    /// Closes the connection without an answer.
    Empty,
    /// Resets the connection without an answer.
    Reset,
    /// Cuts the connection after so many bytes of the body.
    Truncate(u64),
    /// Sends the body slowly: spread over this long.
    Drip(Delay),
    /// Breaks the framing of the body.
    Malformed,
    /// Every request waits until the window ends.
    Stall,
    /// No connection is accepted.
    Freeze,
    /// Every connection is refused.
    Refuse,
    /// The worker exits.
    Crash,
    /// So many bytes are touched and kept.
    Leak(u64),
}

/// How long a delay is. A fixed time; the one place where distributions come in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay(Duration);

impl Delay {
    /// Reads a delay that is at most so long.
    ///
    /// # Errors
    /// A clause that follows the text.
    pub fn parse(text: &str, most: Duration) -> Result<Self, DelayError> {
        let delay = parse_duration(text).map_err(DelayError::Unreadable)?;
        if delay > most { Err(DelayError::TooLong) } else { Ok(Self(delay)) }
    }

    /// The delay of an index.
    #[must_use]
    pub fn at(&self, _index: u64) -> Duration {
        self.0
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        Spelled(self.0).fmt(formatter)
    }
}

/// Why a text is no delay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DelayError {
    /// It can't be read, with the clause why.
    Unreadable(UnitError),
    /// It is over the limit.
    TooLong,
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Delay(_) => "delay",
            Self::Status(_) => "status",
            Self::Empty => "empty",
            Self::Reset => "reset",
            Self::Truncate(_) => "truncate",
            Self::Drip(_) => "drip",
            Self::Malformed => "malformed",
            Self::Stall => "stall",
            Self::Freeze => "freeze",
            Self::Refuse => "refuse",
            Self::Crash => "crash",
            Self::Leak(_) => "leak",
        }
    }
}

/// As it is counted: `status 500`, `delay 200ms`, `reset`.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Delay(delay) | Self::Drip(delay) => write!(formatter, "{name} {delay}"),
            Self::Status(code) => write!(formatter, "{name} {code}"),
            Self::Truncate(bytes) | Self::Leak(bytes) => write!(formatter, "{name} {}", Bytes(*bytes)),
            Self::Empty
            | Self::Reset
            | Self::Malformed
            | Self::Stall
            | Self::Freeze
            | Self::Refuse
            | Self::Crash => formatter.write_str(name),
        }
    }
}
