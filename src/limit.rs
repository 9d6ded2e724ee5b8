//! A limit that a run has, together with the setting that sets it: whoever refuses what is over it can say both.

use std::fmt::{self, Display};

/// The largest value that is taken, and the name of the setting that says so, such as `max-delay`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit<T> {
    /// That value is taken itself.
    pub most: T,
    /// Without the dashes of its flag.
    pub setting: &'static str,
}

impl<T> Limit<T> {
    /// One that no setting sets: for what was held to the run's limits before, and for a value yet to be named.
    pub const fn unnamed(most: T) -> Self {
        Self { most, setting: "" }
    }

    /// The same limit of something else that follows from it.
    pub fn map<U>(self, convert: impl FnOnce(T) -> U) -> Limit<U> {
        Limit { most: convert(self.most), setting: self.setting }
    }

    /// Its flag: `--max-delay`.
    #[must_use]
    pub fn flag(&self) -> String {
        format!("--{}", self.setting)
    }

    /// What sets it, behind a range: ` (--max-delay)`, or nothing.
    #[must_use]
    pub fn in_brackets(&self) -> String {
        if self.setting.is_empty() { String::new() } else { format!(" ({})", self.flag()) }
    }
}

impl<T: Display> Display for Limit<T> {
    /// As it is given: `--max-pixels 16000000`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.setting.is_empty() {
            write!(formatter, "{} ", self.flag())?;
        }
        self.most.fmt(formatter)
    }
}
