//! A mistake in what a user wrote, wherever that stands: in a flag, a variable, a file, a query or a JSON body.

use std::fmt;

use crate::spelling::nearest;

/// Where a value came from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A flag, by its name with the dashes.
    Flag(String),
    /// An environment variable, by its name.
    Environment(String),
    /// A part of a text; whoever reads the whole says where that stands.
    Part,
    /// A field of a JSON body or a parameter, by its path, such as `faults[0].kinds[1].rate`.
    Field(String),
    /// A place in a file.
    File(Box<Place>),
}

/// A place in a file of TOML.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The file, as it was named.
    pub file: String,
    /// Counted from 1.
    pub line: usize,
    /// In characters, counted from 1; none for the configuration file, which has a setting a line.
    pub column: Option<usize>,
    /// With the tables that it stands in: `route.response.size`. None where the file is not TOML.
    pub key: Option<String>,
}

impl fmt::Display for Source {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(name) | Self::Environment(name) | Self::Field(name) => formatter.write_str(name),
            Self::Part => Ok(()),
            Self::File(place) => {
                let Place { file, line, column, key } = &**place;
                write!(formatter, "{file} line {line}")?;
                column.map_or(Ok(()), |column| write!(formatter, " column {column}"))?;
                key.as_ref().map_or(Ok(()), |key| write!(formatter, ": {key}"))
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
    /// What is wrong, as a clause that follows source and value: "must be 1 to 64".
    pub wrong: String,
    /// The known name that is most like the one that was given.
    pub meant: Option<Box<str>>,
    /// What is allowed instead; empty where the clause says it.
    pub allowed: String,
}

impl Mistake {
    /// A mistake whose clause says what is allowed.
    #[must_use]
    pub fn at(source: Source, value: Option<String>, wrong: impl Into<String>) -> Self {
        Self { source, value, wrong: wrong.into(), meant: None, allowed: String::new() }
    }

    /// A mistake in a field of a JSON body.
    #[must_use]
    pub fn field(place: &str, value: Option<String>, wrong: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { allowed: allowed.into(), ..Self::at(Source::Field(place.to_owned()), value, wrong) }
    }

    /// A mistake in a part of a text.
    #[must_use]
    pub fn part(value: &str, wrong: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self { allowed: allowed.into(), ..Self::at(Source::Part, Some(value.to_owned()), wrong) }
    }

    /// Asks whether the candidate most like `name` was meant, if any is like it.
    #[must_use]
    pub fn meant<'a>(self, name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        Self { meant: nearest(name, candidates).map(Into::into), ..self }
    }
}

impl fmt::Display for Mistake {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { source, value, wrong, meant, allowed } = self;
        // What is allowed in the place of a part is said by whoever reads the whole.
        let allowed = if *source == Source::Part { "" } else { allowed };
        let clause = match (meant, allowed) {
            (None, "") => wrong.clone(),
            (Some(meant), "") => format!("{wrong}; did you mean {meant}?"),
            (None, allowed) => format!("{wrong}; allowed: {allowed}"),
            (Some(meant), allowed) => format!("{wrong} (did you mean {meant}?); allowed: {allowed}"),
        };
        let Some(value) = value else {
            return write!(formatter, "{source}: {clause}");
        };
        let equals = match source {
            Source::Part => return write!(formatter, "{value} {clause}"),
            Source::Field(place) => return write!(formatter, "{place}: {value} {clause}"),
            Source::Environment(_) => "=",
            Source::File(place) if place.key.is_some() => " = ",
            Source::Flag(_) | Source::File(_) => " ",
        };
        // Quotes show an empty value, and keep one with spaces or control characters apart from the sentence.
        let plain = |letter: char| !letter.is_whitespace() && !letter.is_control();
        if !value.is_empty() && value.chars().all(plain) {
            write!(formatter, "{source}{equals}{value}: {clause}")
        } else {
            write!(formatter, "{source}{equals}{value:?}: {clause}")
        }
    }
}

impl std::error::Error for Mistake {}
