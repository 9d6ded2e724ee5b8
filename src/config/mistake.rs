//! A mistake in the configuration, as the sentence its author reads.

use std::fmt;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, by its name with the dashes.
    Flag(String),
    /// An environment variable, by its name.
    Environment(String),
    /// A key of the configuration file.
    Key {
        /// The file, as it was named.
        file: String,
        /// Counted from 1.
        line: usize,
        /// As it stands there.
        key: String,
    },
    /// A key of a profile.
    Entry {
        /// The profile, as it was named.
        file: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
        /// With the tables that it stands in: `route.response.size`.
        key: String,
    },
    /// A place in a file that is not TOML.
    Place {
        /// The file, as it was named.
        file: String,
        /// Counted from 1.
        line: usize,
        /// In characters, counted from 1.
        column: usize,
    },
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) => formatter.write_str(name),
            Self::Key { file, line, key } => write!(formatter, "{file} line {line}: {key}"),
            Self::Entry { file, line, column, key } => {
                write!(formatter, "{file} line {line} column {column}: {key}")
            }
            Self::Place { file, line, column } => {
                write!(formatter, "{file} line {line} column {column}")
            }
        }
    }
}

/// One mistake: what was given, where, and what is allowed instead.
///
/// Printed as one sentence: `--workers 100000: must be 1 to 64 (--max-workers)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// Where the value came from.
    pub source: Source,
    /// The value as it was given; none where there is none, or where it may be a secret.
    pub value: Option<String>,
    /// What is wrong and what is allowed, as a clause: "must be 1 to 64".
    pub allowed: String,
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, value, allowed } = self;
        let Some(value) = value else {
            return write!(formatter, "{source}: {allowed}");
        };
        let equals = match source {
            Source::Environment(_) => "=",
            Source::Key { .. } | Source::Entry { .. } => " = ",
            Source::Flag(_) | Source::Place { .. } => " ",
        };
        // Quotes show an empty value, and keep one with spaces or control characters apart from the sentence.
        let plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
        if !value.is_empty() && value.chars().all(plain) {
            write!(formatter, "{source}{equals}{value}: {allowed}")
        } else {
            write!(formatter, "{source}{equals}{value:?}: {allowed}")
        }
    }
}
