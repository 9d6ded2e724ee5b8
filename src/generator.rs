//! Load generators, and a balancer between them and the target: an adapter each, which knows what its generator writes, and the account that all of them become.
//!
//! An output is recognised by its content, never by the name of its file. Everything in an [`Account`] may be unknown: no
//! two generators tell the same.

mod ab;
mod account;
mod autocannon;
mod failure;
mod h2load;
mod haproxy;
mod hey;
mod k6;
mod load;
mod loadtest;
mod locust;
mod locustfile;
mod oha;
mod text;
mod vegeta;
mod wrk;

use serde::de::DeserializeOwned;

pub use account::{Account, Bytes, Latency, Served, Statuses, Timing};
pub use failure::{Failure, Kind};
pub use load::{Amount, Invocation, Load, find_program};
pub use locustfile::{Body, Crowd, Mix, Request, Weighted};

/// What is known of one load generator.
pub trait Generator: Sync {
    /// Its name, as in its command line.
    fn name(&self) -> &'static str;

    /// The unit of its times.
    fn unit(&self) -> Unit;

    /// The command line that puts a load on `url` (scheme and authority) and writes an output that can be read.
    ///
    /// # Errors
    /// A sentence with the flag that this generator can't follow.
    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String>;

    /// Whether this is an output of it that can be read. It may still be cut off or damaged, which `parse` says.
    fn recognise(&self, content: &str) -> bool;

    /// What to ask the generator for, where this is an output of it that can't be read.
    fn ask_for(&self, _content: &str) -> Option<&'static str> {
        None
    }

    /// Files that belong to an output of this name, in the order in which `parse` takes them.
    fn companions(&self, _file_name: &str) -> Vec<String> {
        Vec::new()
    }

    /// Reads its account from an output and what lies beside it.
    ///
    /// # Errors
    /// A clause that says what is wrong with the output, to follow its name.
    fn parse(&self, content: &str, beside: &[Option<String>]) -> Result<Account, String>;
}

/// All that are known.
pub static ALL: [&dyn Generator; 11] = [
    &oha::Oha,
    &wrk::Wrk,
    &locust::Locust,
    &loadtest::Loadtest,
    &autocannon::Autocannon,
    &ab::Ab,
    &hey::Hey,
    &h2load::H2load,
    &k6::K6,
    &vegeta::Vegeta,
    &haproxy::HaProxy,
];

/// In which unit a generator writes times.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// `0.2`
    Seconds,
    /// `200`
    Milliseconds,
    /// `200.00ms`: each figure says its own.
    Stated,
}

impl Unit {
    /// A time in microseconds.
    #[must_use]
    pub fn us(self, value: f64) -> f64 {
        match self {
            Self::Seconds => value * 1e6,
            Self::Milliseconds => value * 1e3,
            Self::Stated => value,
        }
    }

    /// In words.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Seconds => "seconds",
            Self::Milliseconds => "milliseconds",
            Self::Stated => "the unit beside each figure",
        }
    }
}

/// The generator of this name.
#[must_use]
pub fn named(name: &str) -> Option<&'static dyn Generator> {
    ALL.into_iter().find(|generator| generator.name() == name)
}

/// Reads the output of a generator that is known. `file_name` and `beside` find the other files of the same run.
///
/// # Errors
/// A clause that says why it can't be read, to follow the output's name.
pub fn read(content: &str, file_name: &str, beside: impl Fn(&str) -> Option<String>) -> Result<Account, String> {
    if content.trim().is_empty() {
        return Err("is empty".to_owned());
    }
    let mut writers = ALL.into_iter().filter(|generator| generator.recognise(content));
    let Some(generator) = writers.next() else {
        let ask_for = ALL.into_iter().find_map(|generator| generator.ask_for(content));
        return Err(ask_for.map_or_else(unknown, ToOwned::to_owned));
    };
    if let Some(other) = writers.next() {
        return Err(format!("holds runs of {} and of {}; give one of them", generator.name(), other.name()));
    }
    let beside: Vec<Option<String>> = generator.companions(file_name).iter().map(|name| beside(name)).collect();
    generator.parse(content, &beside)?.with_possible_figures()
}

/// Whether some line begins with this bracket, as a JSON document does: text of another generator may stand in front of it.
fn begins_json(content: &str, bracket: char) -> bool {
    content.lines().any(|line| line.trim_start().starts_with(bracket))
}

/// An output that is one JSON document.
fn json<Shape: DeserializeOwned>(generator: &str, content: &str) -> Result<Shape, String> {
    let mut documents = serde_json::Deserializer::from_str(content).into_iter::<Shape>();
    let first = documents.next().unwrap_or_else(|| Err(serde::de::Error::custom("there is nothing")));
    let first = first.map_err(|error| {
        if error.is_eof() {
            format!("is cut off in line {}: {generator}'s JSON has no end", error.line())
        } else {
            format!("is not the JSON that {generator} writes: {error}")
        }
    })?;
    let rest = content.get(documents.byte_offset()..).unwrap_or_default();
    if !rest.trim().is_empty() {
        return Err(format!(
            "has more behind {generator}'s first JSON document, perhaps a second run; give one of them"
        ));
    }
    Ok(first)
}

fn unknown() -> String {
    let names = ALL.map(Generator::name).join(", ");
    format!("is no output of a generator that is known here ({names})")
}

#[cfg(test)]
mod tests;
