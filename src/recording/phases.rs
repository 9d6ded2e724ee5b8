//! The phases of a run, each with what was counted in it.

use std::path::Path;

use crate::run_files::MARKS;
use crate::snapshot::Figures;
use crate::units::shown::float;

/// A run has no more phases than marks; what a damaged file says beyond that counts as the last.
const MOST: usize = 300;

/// A named stretch of a run.
#[derive(Clone, Debug)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Where it begins, in seconds since the run began.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// What was counted in it, where that is known.
    pub figures: Option<Figures>,
}

impl Phase {
    /// How long it is.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to_s - self.from_s
    }
}

/// What had been counted at a moment.
struct Reading {
    /// The phase that begins; empty at the end of the run.
    phase: String,
    at_ns: u64,
    figures: Figures,
}

/// The phases, one after the other, as the rows of a file tell them.
#[derive(Debug, Default)]
pub struct OfRows {
    phases: Vec<(String, f64)>,
}

impl OfRows {
    /// The number of the phase that a row is of.
    pub fn number(&mut self, name: &str, from_s: f64) -> usize {
        let is_new = self.phases.last().is_none_or(|(last, _)| last != name);
        if is_new && self.phases.len() < MOST {
            self.phases.push((name.to_owned(), from_s));
        }
        self.phases.len().saturating_sub(1)
    }

    /// As phases of which nothing else is known.
    fn phases(&self, end_s: f64) -> Vec<Phase> {
        let until = self.phases.iter().skip(1).map(|(_, from_s)| *from_s).chain([end_s]);
        let phases = self.phases.iter().zip(until);
        phases
            .map(|((name, from_s), to_s)| Phase { name: name.clone(), from_s: *from_s, to_s, figures: None })
            .collect()
    }
}

/// The phases and the whole run with what was counted in each, from `marks.csv`; where that does not say it, those of the
/// rows. `started_ns` is when the run began. And what was wrong.
#[must_use]
pub fn read(
    directory: &Path,
    of_rows: &OfRows,
    started_ns: Option<u64>,
    end_s: f64,
) -> (Vec<Phase>, Option<Figures>, Vec<String>) {
    let mut wrong = Vec::new();
    let readings = readings(&directory.join(MARKS), &mut wrong);
    let mut whole = None;
    let Some(started_ns) = started_ns.filter(|_| !readings.is_empty()) else {
        return (of_rows.phases(end_s), None, wrong);
    };
    let seconds = |at_ns: u64| float(at_ns.saturating_sub(started_ns)) / 1e9;
    let mut phases = Vec::new();
    let first = of_rows.phases.first().map_or("run", |(name, _)| name);
    let (mut name, mut from_s, mut before) = (first.to_owned(), 0.0, Figures::default());
    for Reading { phase, at_ns, figures } in readings {
        let to_s = seconds(at_ns);
        let gained = figures.clone().since(&before);
        phases.push(Phase { name, from_s, to_s, figures: Some(gained) });
        if phase.is_empty() {
            whole = Some(figures);
            return (phases, whole, wrong);
        }
        (name, from_s, before) = (phase, to_s, figures);
    }
    // It was killed, or is still going on: of the last phase it is not known what was counted.
    phases.push(Phase { name, from_s, to_s: end_s.max(from_s), figures: None });
    (phases, whole, wrong)
}

fn readings(path: &Path, wrong: &mut Vec<String>) -> Vec<Reading> {
    let Ok(mut rows) = csv::ReaderBuilder::new().flexible(true).from_path(path) else {
        wrong.push(format!("{MARKS} is missing: quantiles of whole phases are not known"));
        return Vec::new();
    };
    let mut readings = Vec::new();
    let mut unreadable = 0;
    for row in rows.deserialize::<(String, u64, u64, String)>() {
        let read = row.ok().and_then(|(phase, at_ns, _, figures)| {
            Some(Reading { phase, at_ns, figures: serde_json::from_str(&figures).ok()? })
        });
        match read {
            Some(reading) => readings.push(reading),
            None => unreadable += 1,
        }
    }
    if unreadable > 0 {
        wrong.push(format!("{unreadable} rows of {MARKS} can't be read: they are left out"));
    }
    readings.sort_by_key(|reading| reading.at_ns);
    readings.truncate(MOST);
    readings
}
