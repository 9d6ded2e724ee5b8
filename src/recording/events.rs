//! What happened, and when.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::damage::{Many, torn};
use crate::run_files::{EVENT_COLUMNS, EVENTS, KILLED_FOR_MEMORY, WORKER_ENDED, read_whole_lines};

/// So many are kept; of a run with more, the first.
const MOST: usize = 20_000;

/// A row of `events.csv`.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
pub struct Event {
    /// Since the run began.
    pub elapsed_s: f64,
    /// `start`, `ready`, `mark`, …
    pub kind: String,
    /// Whom it concerns.
    #[serde(default)]
    pub slot: Option<u64>,
    /// Whom it concerns.
    #[serde(default)]
    pub generation: Option<u64>,
    /// On which of several instances; empty where there is one.
    #[serde(skip)]
    pub instance: String,
    /// In words.
    #[serde(default)]
    pub detail: String,
    /// Of a change of the fault plans: those in force from here on, as JSON.
    #[serde(default)]
    pub plans: String,
}

impl Event {
    /// Whether a worker ended otherwise than by an order.
    #[must_use]
    pub fn is_death(&self) -> bool {
        self.kind == WORKER_ENDED && !self.detail.starts_with("exit status 0")
    }

    /// Whether the kernel has killed a worker for want of memory.
    #[must_use]
    pub fn is_memory_kill(&self) -> bool {
        self.kind == WORKER_ENDED && self.detail.contains(KILLED_FOR_MEMORY)
    }

    /// What such a kill says of the limit: `limit 64MiB`.
    #[must_use]
    pub fn limit_of_memory(&self) -> Option<&str> {
        let (_, rest) = self.detail.split_once(KILLED_FOR_MEMORY)?;
        let (limit, _) = rest.trim_start().strip_prefix('(')?.split_once(')')?;
        Some(limit)
    }

    /// `1.2`, where it concerns a worker; `web-1/1.2` of one of several instances.
    #[must_use]
    pub fn worker(&self) -> String {
        let of_instance = if self.instance.is_empty() { String::new() } else { format!("{}/", self.instance) };
        let worker = match (self.slot, self.generation) {
            (Some(slot), Some(generation)) => format!("{slot}.{generation}"),
            (Some(slot), None) => slot.to_string(),
            (None, _) => return self.instance.clone(),
        };
        of_instance + &worker
    }
}

/// Reads them, in the order of their time; and what was wrong with the file.
#[must_use]
pub fn read(directory: &Path) -> (Vec<Event>, Vec<String>) {
    // What is no UTF-8 in it is found row by row.
    let (text, is_torn) = match read_whole_lines(&directory.join(EVENTS)) {
        Ok((text, _)) if text.is_empty() => return (Vec::new(), vec![format!("{EVENTS} is empty")]),
        Ok(read) => read,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            return (Vec::new(), vec![format!("{EVENTS} is missing: marks, deaths and fault plans are not shown")]);
        }
        Err(error) => return (Vec::new(), vec![format!("{EVENTS} can't be read: {error}")]),
    };
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(&*text);
    let needed = [EVENT_COLUMNS[2], EVENT_COLUMNS[3]];
    let has = |name: &&str| rows.headers().is_ok_and(|header| header.iter().any(|column| column == *name));
    if !needed.iter().all(has) {
        return (Vec::new(), vec![format!("{EVENTS} has no {}: it is left out", needed.join(" and no "))]);
    }
    let mut wrong: Vec<String> = torn(EVENTS, is_torn).into_iter().collect();
    let (mut events, mut unreadable, mut more) = (Vec::new(), 0, 0);
    for row in rows.deserialize::<Event>() {
        match row {
            Ok(event) if event.elapsed_s.is_finite() && events.len() < MOST => events.push(event),
            Ok(event) if event.elapsed_s.is_finite() => more += 1,
            Ok(_) | Err(_) => unreadable += 1,
        }
    }
    if unreadable > 0 {
        let rows = Many(unreadable, "row");
        wrong.push(format!("{rows} of {EVENTS} can't be read: {} left out", rows.they_are()));
    }
    if more > 0 {
        let rows = Many(more, "row");
        wrong.push(format!("{EVENTS} has {rows} after the first {MOST}: {} left out", rows.they_are()));
    }
    events.sort_by(|one, other| one.elapsed_s.total_cmp(&other.elapsed_s));
    (events, wrong)
}
