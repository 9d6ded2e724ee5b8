//! The phases of a run, each with what was counted in it.

use std::io;
use std::path::Path;

use serde::Deserialize;

use super::damage::{Many, torn, without_lines};
use super::events::Event;
use crate::event::EventKind;
use crate::run_files::{MARK_COLUMNS, MARKS, RECORD, read_whole_lines};
use crate::snapshot::{Figures, Totals};
use crate::units::shown::float;

/// A run has no more phases than marks; what a damaged file says beyond that counts as the last.
const MOST: usize = 300;

/// So many seconds a mark may lie behind the end of the run, by everything else that is known of it.
const BEHIND_S: f64 = 1.0;

/// A named stretch of a run.
#[derive(Clone, Debug, Default)]
pub struct Phase {
    /// Its name.
    pub name: String,
    /// Where it begins, in seconds since the run began.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// What had been counted when it began, where that is known.
    pub begins_with: Option<Totals>,
    /// What was counted in it, where that is known.
    pub figures: Option<Figures>,
}

impl Phase {
    /// One that begins here.
    fn named(name: &str, from_s: f64) -> Self {
        Self { name: name.to_owned(), from_s, ..Self::default() }
    }

    /// How long it is.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to_s - self.from_s
    }

    /// From when to when it is.
    #[must_use]
    pub fn period(&self) -> (f64, f64) {
        (self.from_s, self.to_s)
    }

    /// The place of the phase that goes on at a moment, as phases follow each other.
    #[must_use]
    pub fn at(phases: &[Self], moment_s: f64) -> Option<usize> {
        phases.iter().rposition(|phase| phase.from_s <= moment_s)
    }
}

/// The phases, one after the other, as the rows of a file name them. A row names the phase that goes on when it ends; which
/// phase its figures count for is decided by its middle ([`Stretch::is_within`](super::Stretch::is_within)).
#[derive(Debug, Default)]
pub struct OfRows {
    phases: Vec<(String, f64)>,
    last_s: Option<f64>,
}

impl OfRows {
    /// The number of the phase that a row is of.
    pub fn number(&mut self, name: &str, (elapsed_s, interval_s): (f64, f64)) -> usize {
        // The first row of a run has no interval.
        let first = || if interval_s > 0.0 { elapsed_s - interval_s } else { 0.0 };
        let from_s = self.last_s.replace(elapsed_s).unwrap_or_else(first);
        let is_new = self.phases.last().is_none_or(|(last, _)| last != name);
        if is_new && self.phases.len() < MOST {
            self.phases.push((name.to_owned(), from_s));
        }
        self.phases.len().saturating_sub(1)
    }

    /// As phases of which nothing else is known.
    fn phases(&self) -> Vec<Phase> {
        let until = self.phases.iter().skip(1).map(|(_, from_s)| *from_s).chain(self.last_s);
        let phases = self.phases.iter().zip(until);
        phases.map(|((name, from_s), to_s)| Phase { to_s, ..Phase::named(name, *from_s) }).collect()
    }
}

/// What else tells when the run was.
#[derive(Debug, Default)]
pub struct Times<'a> {
    /// When it began (monotonic).
    pub started_ns: Option<u64>,
    /// How long it lasted.
    pub duration_s: Option<f64>,
    /// What happened, with marks among it.
    pub events: &'a [Event],
}

/// The phases of a run.
#[derive(Debug, Default)]
pub struct Phases {
    /// One after the other.
    pub all: Vec<Phase>,
    /// What was counted in the whole run, where it ended in order.
    pub whole: Option<Figures>,
    /// What was wrong, each a sentence.
    pub wrong: Vec<String>,
}

/// The phases and the whole run with what was counted in each, from `marks.csv`; where that does not say it, those of the
/// rows.
#[must_use]
pub fn read(directory: &Path, of_rows: &OfRows, times: &Times<'_>) -> Phases {
    let mut wrong = Vec::new();
    let readings = readings(directory, &mut wrong);
    let end_s = of_rows.last_s.unwrap_or(0.0);
    let (all, whole) = match begin(&readings, end_s, times, &mut wrong) {
        Some(started_ns) => {
            let first = of_rows.phases.first().map_or("run", |(name, _)| name);
            between(readings, first, started_ns, end_s)
        }
        // Whatever the clocks say, nothing else can have been counted at the end; but not in another run's file.
        None if times.started_ns.is_none() => {
            let end = readings.into_iter().next_back().filter(|reading| reading.phase.is_empty());
            (of_rows.phases(), end.and_then(|end| end.figures))
        }
        None => (of_rows.phases(), None),
    };
    Phases { all, whole, wrong }
}

/// What had been counted at a moment.
struct Reading {
    /// The phase that begins; empty at the end of the run.
    phase: String,
    at_ns: u64,
    figures: Option<Figures>,
}

/// When the run began, by the clock of the marks (monotonic): as `run.json` says, or else by when `events.csv` has the
/// first of them; `None` when there are no marks, or neither fits them.
fn begin(readings: &[Reading], end_s: f64, times: &Times<'_>, wrong: &mut Vec<String>) -> Option<u64> {
    let (first, last) = (readings.first()?, readings.last()?);
    let Times { started_ns, duration_s, events } = *times;
    let known_s = [Some(end_s), duration_s, events.last().map(|event| event.elapsed_s)];
    let until_s = known_s.into_iter().flatten().fold(0.0, f64::max);
    let fits = |started_ns: &u64| {
        let last_s = last.at_ns.checked_sub(*started_ns).map(|passed_ns| float(passed_ns) / 1e9);
        *started_ns <= first.at_ns && last_s.is_some_and(|last_s| until_s == 0.0 || last_s <= until_s + BEHIND_S)
    };
    if let Some(started_ns) = started_ns.filter(fits) {
        return Some(started_ns);
    }
    let of_mark = |event: &&Event| matches!(event.kind, EventKind::Mark(_));
    let mark = events.iter().find(of_mark).filter(|event| event.kind == EventKind::Mark(first.phase.clone()));
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // A negative time or NaN becomes 0.
    let by_event = mark.and_then(|mark| first.at_ns.checked_sub((mark.elapsed_s * 1e9) as u64)).filter(fits);
    wrong.push(match (started_ns, by_event) {
        (Some(_), Some(_)) => {
            format!("started_monotonic_ns of {RECORD} is not when the marks of {MARKS} were put: their times are those of their events")
        }
        (Some(_), None) => {
            format!("started_monotonic_ns of {RECORD} is not when the marks of {MARKS} were put: phases are those of the rows, and their quantiles are not known")
        }
        (None, None) => {
            format!("when the marks of {MARKS} were put is not known: phases are those of the rows, and their quantiles are not known")
        }
        (None, Some(_)) => return by_event,
    });
    by_event
}

/// The phases between the marks, and what was counted until the end.
fn between(readings: Vec<Reading>, first: &str, started_ns: u64, end_s: f64) -> (Vec<Phase>, Option<Figures>) {
    let mut phases = Vec::new();
    let (mut phase, mut before) = (Phase::named(first, 0.0), Some(Figures::default()));
    for Reading { phase: next, at_ns, figures } in readings {
        phase.to_s = float(at_ns.saturating_sub(started_ns)) / 1e9;
        phase.begins_with = before.as_ref().map(|before| before.totals);
        phase.figures = figures.clone().zip(before.as_ref()).map(|(figures, before)| figures.since(before));
        let from_s = phase.to_s;
        phases.push(phase);
        if next.is_empty() {
            return (phases, figures);
        }
        (phase, before) = (Phase::named(&next, from_s), figures);
    }
    // It was killed, or is still going on: of the last phase it is not known what was counted.
    phase.to_s = end_s.max(phase.from_s);
    phase.begins_with = before.map(|before| before.totals);
    phases.push(phase);
    (phases, None)
}

/// A row of `marks.csv`.
#[derive(Deserialize)]
struct Mark {
    phase: String,
    at_ns: u64,
    #[serde(default)]
    figures: String,
}

fn readings(directory: &Path, wrong: &mut Vec<String>) -> Vec<Reading> {
    const NOT_KNOWN: &str = "quantiles of whole phases are not known";
    let (text, is_torn) = match read_whole_lines(&directory.join(MARKS)) {
        Ok((text, is_torn)) if text.is_empty() => {
            wrong.push(format!("{}: {NOT_KNOWN}", without_lines(MARKS, is_torn)));
            return Vec::new();
        }
        Ok(read) => read,
        Err(error) => {
            wrong.push(match error.kind() {
                io::ErrorKind::NotFound => format!("{MARKS} is missing: {NOT_KNOWN}"),
                _ => format!("{MARKS} can't be read ({error}): {NOT_KNOWN}"),
            });
            return Vec::new();
        }
    };
    let mut rows = csv::ReaderBuilder::new().flexible(true).from_reader(&*text);
    let has = |name: &&str| rows.headers().is_ok_and(|header| header.iter().any(|column| column == *name));
    let [phase, at_ns, _, _] = MARK_COLUMNS;
    if ![phase, at_ns].iter().all(has) {
        wrong.push(format!("{MARKS} has no {phase} and no {at_ns}: {NOT_KNOWN}"));
        return Vec::new();
    }
    let (mut readings, mut unreadable, mut uncounted) = (Vec::new(), 0, 0);
    for row in rows.deserialize::<Mark>() {
        let Ok(Mark { phase, at_ns, figures }) = row else {
            unreadable += 1;
            continue;
        };
        let figures = serde_json::from_str(&figures).ok();
        uncounted += u64::from(figures.is_none());
        readings.push(Reading { phase, at_ns, figures });
    }
    wrong.extend(torn(MARKS, is_torn));
    if unreadable > 0 {
        let rows = Many(unreadable, "row");
        wrong.push(format!("{rows} of {MARKS} can't be read: {} left out", rows.they_are()));
    }
    if uncounted > 0 {
        let rows = Many(uncounted, "row");
        wrong.push(format!(
            "what had been counted can't be read in {rows} of {MARKS}: quantiles of the phases beside it are not known"
        ));
    }
    readings.sort_by_key(|reading| reading.at_ns);
    readings.truncate(MOST);
    readings
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND_NS: u64 = 1_000_000_000;

    /// As JSON in a cell, what had been counted when so many requests were finished.
    fn counted(finished: u64) -> String {
        let mut figures = Figures::default();
        figures.totals.counts.finished = finished;
        format!("\"{}\"", serde_json::to_string(&figures).unwrap().replace('"', "\"\""))
    }

    /// A run of 8 s that began at 100 s, as its rows tell it: a, and b from 5 s on.
    fn read_with(marks: &str, times: &Times<'_>) -> Phases {
        let directory = tempfile::TempDir::new().unwrap();
        std::fs::write(directory.path().join(MARKS), marks).unwrap();
        let mut of_rows = OfRows::default();
        for (name, elapsed_s) in [("a", 1.0), ("a", 5.0), ("b", 8.0)] {
            of_rows.number(name, (elapsed_s, 0.0));
        }
        read(directory.path(), &of_rows, times)
    }

    fn began(seconds: u64) -> Times<'static> {
        Times { started_ns: Some(seconds * SECOND_NS), ..Times::default() }
    }

    fn shown(phases: &Phases) -> Vec<(&str, f64, f64, Option<u64>)> {
        let finished = |phase: &Phase| phase.figures.as_ref().map(|figures| figures.totals.counts.finished);
        phases.all.iter().map(|phase| (&*phase.name, phase.from_s, phase.to_s, finished(phase))).collect()
    }

    fn marks(rows: &[(&str, u64, &str)]) -> String {
        let rows = rows.iter().map(|(phase, at_s, figures)| format!("{phase},{},0,{figures}", at_s * SECOND_NS));
        [MARK_COLUMNS.join(",")].into_iter().chain(rows).collect::<Vec<_>>().join("\n") + "\n"
    }

    #[test]
    fn a_mark_that_was_not_counted_is_one_all_the_same() {
        let (ten, end) = (counted(10), counted(90));
        for unread in ["{", ""] {
            let text = marks(&[("b", 102, &ten), ("c", 104, unread), ("d", 106, &end), ("", 108, &end)]);
            let phases = read_with(&text, &began(100));
            let expected =
                [("a", 0.0, 2.0, Some(10)), ("b", 2.0, 4.0, None), ("c", 4.0, 6.0, None), ("d", 6.0, 8.0, Some(0))];
            assert_eq!(shown(&phases), expected);
            assert_eq!(phases.all[1].begins_with.unwrap().counts.finished, 10);
            assert_eq!(
                phases.wrong,
                [
                    "what had been counted can't be read in 1 row of marks.csv: quantiles of the phases beside it are not known"
                ]
            );
            assert_eq!(phases.whole.unwrap().totals.counts.finished, 90);
        }
    }

    #[test]
    fn columns_are_found_by_their_names() {
        let text = format!("new,figures,phase,at_ns\nx,{},b,{}\n", counted(10), 102 * SECOND_NS);
        let phases = read_with(&text, &began(100));
        assert_eq!(shown(&phases), [("a", 0.0, 2.0, Some(10)), ("b", 2.0, 8.0, None)]);
        assert_eq!(phases.wrong, [""; 0]);
    }

    #[test]
    fn without_marks_the_rows_tell_and_it_is_said() {
        for (text, sentence) in [
            ("", "marks.csv is empty: quantiles of whole phases are not known"),
            (
                "phase,at_ns,realtime_ns,figures\nb,102",
                "the last line of marks.csv has no end: its writer was killed, or still writes; it is left out",
            ),
            ("a,b\n1,2\n", "marks.csv has no phase and no at_ns: quantiles of whole phases are not known"),
            ("phase,at_ns,realtime_ns,figures\nb,soon,1,{}\n", "1 row of marks.csv can't be read: it is left out"),
        ] {
            let phases = read_with(text, &began(100));
            assert_eq!(shown(&phases), [("a", 0.0, 5.0, None), ("b", 5.0, 8.0, None)], "{text:?}");
            assert_eq!(phases.wrong, [sentence]);
        }
        // A run that has no marks so far.
        assert_eq!(read_with("phase,at_ns,realtime_ns,figures\n", &began(100)).wrong, [""; 0]);
    }

    #[test]
    fn marks_outside_of_the_run_are_placed_by_their_events_or_not_at_all() {
        let text = marks(&[("b", 102, &counted(10)), ("", 108, &counted(90))]);
        let event = |elapsed_s, phase: &str| Event::of_all(elapsed_s, EventKind::Mark(phase.to_owned()));
        for started_s in [1, 90, 103, 99_999] {
            let phases = read_with(&text, &Times { events: &[event(2.0, "b")], ..began(started_s) });
            assert_eq!(shown(&phases), [("a", 0.0, 2.0, Some(10)), ("b", 2.0, 8.0, Some(80))], "{started_s}");
            assert!(phases.wrong[0].ends_with("their times are those of their events"), "{:?}", phases.wrong);
            let phases = read_with(&text, &Times { events: &[event(2.0, "other")], ..began(started_s) });
            assert_eq!(shown(&phases), [("a", 0.0, 5.0, None), ("b", 5.0, 8.0, None)], "{started_s}");
            assert!(phases.wrong[0].contains("phases are those of the rows"), "{:?}", phases.wrong);
            assert!(phases.whole.is_none(), "it may be of another run");
        }
        // Of a run whose record is missing.
        let phases = read_with(&text, &Times { events: &[event(2.0, "b")], ..Times::default() });
        assert_eq!((phases.all.len(), &*phases.wrong), (2, &[][..]));
        assert_eq!(read_with(&text, &Times::default()).whole.unwrap().totals.counts.finished, 90);
    }

    #[test]
    fn marks_count_although_the_last_rows_are_missing() {
        let text = marks(&[("b", 102, &counted(10)), ("", 190, &counted(90))]);
        let phases = read_with(&text, &Times { duration_s: Some(90.0), ..began(100) });
        assert_eq!(shown(&phases), [("a", 0.0, 2.0, Some(10)), ("b", 2.0, 90.0, Some(80))]);
        assert_eq!(phases.wrong, [""; 0]);
    }
}
