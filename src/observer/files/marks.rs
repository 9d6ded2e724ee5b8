//! Marks: the moments at which phases begin, each with everything that was counted until then.
//!
//! There is no reset: whoever wants the figures of a stretch has them subtracted. A mark is kept as text, since a histogram
//! is sparse and there may be many of them; the same text is a row of `marks.csv`, from which a new observer has them again.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard};

use crate::phase::MARKS;
use crate::snapshot::Figures;
use crate::sys::lock;

/// The phase of everything before the first mark.
const BEFORE_ALL: &str = "run";

/// A page that looks every second asks for the same marks again: so many are kept as they were read.
const KEPT: usize = 4;

/// The marks of a run, shared by whoever puts them and whoever reads them.
#[derive(Default)]
pub struct Marks {
    all: Mutex<Vec<Mark>>,
    /// By number: those that were asked for last, the newest at the end.
    asked: Mutex<Vec<Found>>,
}

/// A mark that was asked for.
#[derive(Clone)]
pub struct Found {
    /// How many came before it.
    pub index: usize,
    /// When it was put (monotonic).
    pub at_ns: u64,
    /// The phase that it ended.
    pub phase_before: String,
    /// What had been counted until then.
    pub figures: Arc<Figures>,
}

/// The moment at which a phase began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The phase.
    pub phase: String,
    /// When (monotonic).
    pub at_ns: u64,
    /// When, since the Unix epoch.
    pub realtime_ns: u64,
    /// What had been counted until then, as JSON.
    figures: String,
}

impl Marks {
    /// Puts a mark and says how many came before it; `None` when there is no room for it.
    pub fn put(&self, phase: &str, (at_ns, realtime_ns): (u64, u64), figures: &Figures) -> Option<usize> {
        let mut marks = self.all();
        let figures = serde_json::to_string(figures).unwrap_or_default();
        let index = marks.len();
        (index < MARKS).then(|| marks.push(Mark { phase: phase.to_owned(), at_ns, realtime_ns, figures }))?;
        Some(index)
    }

    /// The last mark with this name.
    #[must_use]
    pub fn find(&self, phase: &str) -> Option<Found> {
        let marks = self.all();
        let (index, mark) = marks.iter().enumerate().rev().find(|(_, mark)| mark.phase == phase)?;
        let mut asked = lock(&self.asked);
        let known = asked.iter().position(|known| known.index == index).map(|place| asked.remove(place));
        let found = match known {
            Some(known) => known,
            None => Found {
                index,
                at_ns: mark.at_ns,
                phase_before: index.checked_sub(1).map_or(BEFORE_ALL, |before| &marks[before].phase).to_owned(),
                figures: Arc::new(serde_json::from_str(&mark.figures).ok()?),
            },
        };
        if asked.len() == KEPT {
            asked.remove(0);
        }
        asked.push(found.clone());
        Some(found)
    }

    /// The phase that it is now, by the name that the rows before the first mark have, too.
    #[must_use]
    pub fn phase(&self) -> String {
        self.current().unwrap_or_else(|| BEFORE_ALL.to_owned())
    }

    /// The phase that it is now, if one has begun.
    #[must_use]
    pub fn current(&self) -> Option<String> {
        self.all().last().map(|mark| mark.phase.clone())
    }

    /// Names and times of all, for `/stats`.
    #[must_use]
    pub fn list(&self) -> Vec<(String, u64)> {
        self.all().iter().map(|mark| (mark.phase.clone(), mark.at_ns)).collect()
    }

    /// The rows of `marks.csv` from a mark on.
    #[must_use]
    pub fn rows(&self, first: usize) -> Vec<[String; 4]> {
        let row = |mark: &Mark| {
            let Mark { phase, at_ns, realtime_ns, figures } = mark.clone();
            [phase, at_ns.to_string(), realtime_ns.to_string(), figures]
        };
        self.all().iter().skip(first).map(row).collect()
    }

    /// Takes over the marks that an observer before this one has written, and says how many there are.
    pub fn recall(&self, path: &Path) -> usize {
        let Ok(mut rows) = ::csv::Reader::from_path(path) else { return 0 };
        let rows = rows.deserialize::<(String, u64, u64, String)>().filter_map(Result::ok);
        // What is under no name was counted at the end of a run.
        let named = rows.filter(|(phase, ..)| !phase.is_empty());
        let read = named.map(|(phase, at_ns, realtime_ns, figures)| Mark { phase, at_ns, realtime_ns, figures });
        let mut marks = self.all();
        *marks = read.take(MARKS).collect();
        marks.len()
    }

    /// No one leaves half a mark, whatever ends it.
    fn all(&self) -> MutexGuard<'_, Vec<Mark>> {
        lock(&self.all)
    }
}
