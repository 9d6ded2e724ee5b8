//! What happened, and when.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::damage::{Many, torn, without_lines};
use crate::event::{EventKind, MemoryLimit};
use crate::run_files::{EVENT_COLUMNS, EVENTS, read_whole_lines};

/// So many are kept; of a run with more, the first.
const MOST: usize = 20_000;

/// Something that happened, as `events.csv` tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// Since the run began.
    pub elapsed_s: f64,
    /// What it was.
    pub kind: EventKind,
    /// Whom it concerns.
    pub slot: Option<u64>,
    /// Whom it concerns.
    pub generation: Option<u64>,
    /// On which of several instances; empty where there is one.
    pub instance: String,
}

/// A row of `events.csv`.
#[derive(Deserialize)]
struct Row {
    elapsed_s: f64,
    kind: String,
    #[serde(default)]
    slot: Option<u64>,
    #[serde(default)]
    generation: Option<u64>,
    #[serde(default)]
    detail: String,
    #[serde(default)]
    plans: String,
}

impl From<Row> for Event {
    fn from(row: Row) -> Self {
        let Row { elapsed_s, kind, slot, generation, detail, plans } = row;
        Self { slot, generation, ..Self::of_all(elapsed_s, EventKind::read(&kind, &detail, &plans)) }
    }
}

impl Event {
    /// One that concerns the whole target.
    #[must_use]
    pub fn of_all(elapsed_s: f64, kind: EventKind) -> Self {
        Self { elapsed_s, kind, slot: None, generation: None, instance: String::new() }
    }

    /// One that concerns a worker.
    #[must_use]
    pub fn of_worker(elapsed_s: f64, (slot, generation): (u64, u64), kind: EventKind) -> Self {
        Self { slot: Some(slot), generation: Some(generation), ..Self::of_all(elapsed_s, kind) }
    }

    /// Of the end of a worker that the kernel has killed for want of memory: at which limit.
    #[must_use]
    pub fn killed_for_memory(&self) -> Option<MemoryLimit> {
        if let EventKind::WorkerEnded(end) = &self.kind { end.killed_for_memory() } else { None }
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
        Ok((text, is_torn)) if text.is_empty() => return (Vec::new(), vec![without_lines(EVENTS, is_torn)]),
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
    for row in rows.deserialize::<Row>() {
        match row {
            Ok(row) if row.elapsed_s.is_finite() && events.len() < MOST => events.push(Event::from(row)),
            Ok(row) if row.elapsed_s.is_finite() => more += 1,
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
