//! `run.json`: what ran where, and what it came to.

use std::io::{self, Read};
use std::path::Path;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;

use crate::named_file;
use crate::run_files::{RECORD, TCP_AFTER, TCP_BEFORE};
use crate::sys::procfs::TcpCounters;

/// What `run.json` says; nothing where it can't be read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct About(Value);

impl About {
    /// What a record says.
    #[must_use]
    pub fn of(record: Value) -> Self {
        Self(record)
    }

    /// Reads it; and what was wrong with it.
    #[must_use]
    pub fn read(directory: &Path) -> (Self, Option<String>) {
        let mut text = Vec::new();
        let read = named_file::open(&directory.join(RECORD)).and_then(|mut file| file.read_to_end(&mut text));
        let text = match read.map(|_| text) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return (Self::default(), Some(format!("{RECORD} is missing: what ran where is not known")));
            }
            Err(error) => return (Self::default(), Some(format!("{RECORD} can't be read: {error}"))),
        };
        match serde_json::from_slice::<Value>(&text) {
            Ok(record) if record.is_object() => (Self(record), None),
            Ok(_) => (Self::default(), Some(format!("{RECORD} is no object: what ran where is not known"))),
            Err(error) => {
                (Self::default(), Some(format!("{RECORD} is no JSON ({error}): what ran where is not known")))
            }
        }
    }

    /// Whether there is anything.
    #[must_use]
    pub fn is_known(&self) -> bool {
        self.0.is_object()
    }

    /// A value by its path, such as `/machine/cpus`; `None` where it is missing or null.
    #[must_use]
    pub fn at(&self, path: &str) -> Option<&Value> {
        self.0.pointer(path).filter(|value| !value.is_null())
    }

    /// A text.
    #[must_use]
    pub fn text(&self, path: &str) -> Option<&str> {
        self.at(path)?.as_str()
    }

    /// A number.
    #[must_use]
    pub fn number(&self, path: &str) -> Option<f64> {
        self.at(path)?.as_f64()
    }

    /// The name of the profile, and how its switches were set: `market, pool=5`.
    #[must_use]
    pub fn profile(&self) -> Option<String> {
        let switches = self.at("/profile/switches").and_then(Value::as_array);
        let set = switches.into_iter().flatten().filter_map(|switch| {
            let [name, value] = ["name", "value"].map(|key| switch[key].as_str());
            Some(format!(", {}={}", name?, value?))
        });
        let name = self.text("/profile/name")?;
        Some(std::iter::once(name.to_owned()).chain(set).collect())
    }

    /// When the run began, by the wall clock: seconds since 1970.
    #[must_use]
    pub fn began_epoch_s(&self) -> Option<f64> {
        let started: Timestamp = self.text("/started")?.parse().ok()?;
        Some(started.as_duration().as_secs_f64())
    }

    /// The kernel's counters of TCP, before the run and after it.
    #[must_use]
    pub fn tcp(&self) -> [TcpCounters; 2] {
        let counters = |name| self.0.get(name).and_then(|counters| TcpCounters::deserialize(counters).ok());
        [TCP_BEFORE, TCP_AFTER].map(|name| counters(name).unwrap_or_default())
    }

    /// The command line.
    #[must_use]
    pub fn command(&self) -> Option<String> {
        let words = self.at("/command")?.as_array()?;
        Some(words.iter().filter_map(Value::as_str).map(quoted).collect::<Vec<_>>().join(" "))
    }
}

/// A word as one would type it to a shell.
fn quoted(word: &str) -> String {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || "-_=./:,@+%".contains(letter);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_line_can_be_typed_again() {
        let about = About(serde_json::json!({ "command": ["quintain", "--while", "wrk 'x' {url}", ""] }));
        assert_eq!(about.command().unwrap(), r"quintain --while 'wrk '\''x'\'' {url}' ''");
    }
}
