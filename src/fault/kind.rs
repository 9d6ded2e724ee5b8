//! What a fault does.

use std::fmt;
use std::time::Duration;

use crate::distribution::{Distribution, Mistake, Rules};
use crate::partition::hash;
use crate::units::Bytes;

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

/// How long a delay is: a distribution, drawn by the index of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    distribution: Distribution,
    seed: u64,
}

impl Delay {
    /// Reads a delay that is at most so long, of the plan's n-th kind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, most: Duration, (seed, number): (u64, usize)) -> Result<Self, Mistake> {
        let rules = Rules { most, flag: "--max-delay", read: None };
        // Not the seed that has chosen the index, or those chosen would all be short.
        let seed = hash(hash(seed, u64::MAX), number as u64);
        Ok(Self { distribution: Distribution::parse(text, &rules)?, seed })
    }

    /// The delay of an index.
    #[must_use]
    pub fn at(&self, index: u64) -> Duration {
        self.distribution.draw(self.seed, index)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.distribution.fmt(formatter)
    }
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
