//! How long a figure stayed at a level, looked at row by row: merged rows would not tell it.
//!
//! Each row's share of a limit is held against the level. Rows without load neither begin nor prolong such a time, since
//! nobody asked for what was used up then; they end it where the figure falls.

use super::cell::{Cell, When};
use super::figure::Figure;

/// Fewer rows than this may be an accident.
const ROWS: u64 = 3;

/// So may a shorter time.
const SECONDS: f64 = 1.0;

/// A row that says something of all of its time needs no others, if it is so long. The slack is for ticks that come early.
const LONG_SECONDS: f64 = 2.9;

/// A wait that is counted when it ends may reach over so many rows.
const HELD: usize = 8;

/// From here on a resource is at its limit, in per cent of that. The kernel's own accounting leaves no more of a core, of all
/// cores or of a quota; of memory, queues and room for requests, too little is left to work with.
pub const FULL_PCT: f64 = 95.0;

/// Of the processors' time, so that others' work is no longer noise.
const STOLEN_PCT: f64 = 10.0;

/// What a figure is a share of.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Whole {
    /// It is per cent already.
    Hundred,
    /// Another figure of the same row.
    Figure(Figure),
    /// A limit that holds for the whole run.
    Limit(f64),
}

/// What a row's figure says of the time since the row before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// It is the mean of that time.
    Mean,
    /// The same of time that can't be more than all of it: the kernel counts a wait when it ends, so what is beyond all of a
    /// row's time was in the rows before.
    MeanCountedLate,
    /// It was so at its end.
    Sample,
}

/// When a figure is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum While {
    /// In all rows.
    Always,
    /// In rows in which a request was finished or in flight.
    Load,
}

/// A level that a figure may stay at.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Level {
    figure: Figure,
    whole: Whole,
    from_pct: f64,
    reading: Reading,
    while_: While,
    /// What is full at this level; none where it is no resource of which requests need a part.
    resource: Option<&'static str>,
}

impl Level {
    const fn of(figure: Figure, whole: Whole, reading: Reading) -> Self {
        Self { figure, whole, from_pct: FULL_PCT, reading, while_: While::Load, resource: None }
    }

    const fn called(self, resource: &'static str) -> Self {
        Self { resource: Some(resource), ..self }
    }

    /// Of the whole target.
    pub const OF_THE_TARGET: &[Self] = &[
        Self::of(Figure::HostCpu, Whole::Hundred, Reading::Mean).called("CPU of the machine"),
        Self::of(Figure::Quota, Whole::Hundred, Reading::Mean).called("CPU quota of the control group"),
        Self::of(Figure::HostMemory, Whole::Hundred, Reading::Sample),
        Self::of(Figure::GroupMemory, Whole::Figure(Figure::GroupMemoryLimit), Reading::Sample),
        // What waits to be accepted is load, and nothing else moves while nobody accepts.
        Self {
            while_: While::Always,
            resource: Some("accept queue"),
            ..Self::of(Figure::AcceptQueue, Whole::Figure(Figure::AcceptQueueLimit), Reading::Sample)
        },
        Self {
            from_pct: STOLEN_PCT,
            while_: While::Always,
            ..Self::of(Figure::Steal, Whole::Hundred, Reading::Mean)
        },
    ];

    /// Of a slot: its event loop, its core, and its own room for requests in flight, where that is known.
    #[must_use]
    pub fn of_a_worker(max_inflight: Option<f64>) -> Vec<Self> {
        const ROOM: &str = "room for requests in flight (--max-inflight)";
        let room = |limit| Self::of(Figure::InFlight, Whole::Limit(limit), Reading::Sample).called(ROOM);
        let room = max_inflight.map(room);
        let event_loop = Self::of(Figure::LoopBusy, Whole::Hundred, Reading::MeanCountedLate).called("event loop");
        [event_loop, Self::of(Figure::Cpu, Whole::Hundred, Reading::Mean)].into_iter().chain(room).collect()
    }

    /// Of the pool of database connections, of so many.
    #[must_use]
    pub fn of_connections(limit: f64) -> Self {
        Self::of(Figure::DbInUse, Whole::Limit(limit), Reading::Sample).called("database connections (--db-pool)")
    }

    /// What is full at this level.
    #[must_use]
    pub fn resource(&self) -> Option<&'static str> {
        self.resource
    }

    /// In per cent; not a number where unknown.
    pub fn share(&self, row: &impl Fn(Figure) -> f64) -> f64 {
        let part = row(self.figure);
        match self.whole {
            Whole::Hundred => part,
            Whole::Figure(whole) => part / row(whole) * 100.0,
            Whole::Limit(limit) => part / limit * 100.0,
        }
    }

    fn looks_at(&self, row: &impl Fn(Figure) -> f64) -> bool {
        match self.while_ {
            While::Always => true,
            While::Load => has_load(row),
        }
    }

    /// Whether it is more than an accident.
    fn is_long(&self, rows: u64, seconds: f64) -> bool {
        let is_one_row_enough = self.reading != Reading::Sample && seconds >= LONG_SECONDS;
        is_one_row_enough || (rows >= ROWS && seconds >= SECONDS)
    }
}

/// Whether a request was finished or in flight in a row.
pub fn has_load(row: &impl Fn(Figure) -> f64) -> bool {
    row(Figure::Rps) > 0.0 || row(Figure::InFlight) > 0.0
}

/// A time for which a figure stayed at a level or above.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stay {
    /// From when, in seconds since the run began.
    pub from_s: f64,
    /// Until when.
    pub to_s: f64,
    /// Its share over that time, in per cent.
    pub share: Cell,
    /// How long it stayed there in all, with later times.
    pub seconds: f64,
}

/// A time that goes on.
#[derive(Clone, Copy, Debug)]
struct Open {
    from_s: f64,
    to_s: f64,
    rows: u64,
    share: Cell,
}

/// A row as it is held against a level.
#[derive(Clone, Copy, Debug)]
struct Looked {
    when: When,
    /// In per cent; not a number where unknown.
    share: f64,
    is_looked_at: bool,
}

impl Looked {
    /// Gives what is beyond all of its time back to the rows before, the last one first.
    fn give_back(&mut self, before: &mut [Self]) {
        let mut more = (self.share - 100.0).max(0.0) * self.when.interval_s;
        for row in before.iter_mut().rev().filter(|row| row.when.interval_s > 0.0) {
            let taken = more.min((100.0 - row.share).max(0.0) * row.when.interval_s);
            row.share += taken / row.when.interval_s;
            more -= taken;
        }
        if self.share > 100.0 {
            self.share = 100.0;
        }
    }
}

/// Looks at rows, one after the other.
#[derive(Clone, Debug)]
pub struct Watch {
    level: Level,
    /// The last rows, where the next one may have to give them something back.
    held: Vec<Looked>,
    /// The highest share of any row that was looked at.
    peak_pct: Option<f64>,
    /// How much was looked at.
    rows: u64,
    seconds: f64,
    open: Option<Open>,
    /// The first that was long enough.
    first: Option<Open>,
    /// How long all of those were.
    total_s: f64,
}

impl Watch {
    pub(super) fn new(level: Level) -> Self {
        Self {
            level,
            held: Vec::new(),
            peak_pct: None,
            rows: 0,
            seconds: 0.0,
            open: None,
            first: None,
            total_s: 0.0,
        }
    }

    pub(super) fn figure(&self) -> Figure {
        self.level.figure
    }

    /// Moves all of it to a later time.
    pub(super) fn shift(&mut self, by_s: f64) {
        for row in &mut self.held {
            row.when.elapsed_s += by_s;
        }
        for open in [&mut self.open, &mut self.first].into_iter().flatten() {
            open.from_s += by_s;
            open.to_s += by_s;
        }
    }

    pub(super) fn look(&mut self, when: When, row: impl Fn(Figure) -> f64) {
        let share = self.level.share(&row);
        let mut looked = Looked { when, share, is_looked_at: share.is_finite() && self.level.looks_at(&row) };
        if self.level.reading != Reading::MeanCountedLate {
            return self.count(looked);
        }
        looked.give_back(&mut self.held);
        self.held.push(looked);
        if self.held.len() > HELD {
            let settled = self.held.remove(0);
            self.count(settled);
        }
    }

    fn count(&mut self, Looked { when, share, is_looked_at }: Looked) {
        if is_looked_at {
            self.rows += 1;
            self.seconds += when.interval_s;
            self.peak_pct = Some(self.peak_pct.unwrap_or(share).max(share));
        }
        // An unknown is not high.
        if !share.is_finite() || share < self.level.from_pct {
            self.close();
        } else if is_looked_at {
            let from_s = when.elapsed_s - when.interval_s;
            let begun = Open { from_s, to_s: from_s, rows: 0, share: Cell::default() };
            let open = self.open.get_or_insert(begun);
            open.to_s = when.elapsed_s;
            open.rows += 1;
            open.share = open.share.and(Cell::of(share, when.interval_s));
        }
    }

    fn close(&mut self) {
        if let Some(open) = self.open_and_long() {
            self.total_s += open.to_s - open.from_s;
            self.first.get_or_insert(open);
        }
        self.open = None;
    }

    fn open_and_long(&self) -> Option<Open> {
        self.open.filter(|open| self.level.is_long(open.rows, open.to_s - open.from_s))
    }

    /// The first time that it stayed there: for three rows and a second, or for three seconds where a row is the mean of
    /// its time.
    #[must_use]
    pub fn stay(&self) -> Option<Stay> {
        if let Some(all) = self.with_held() {
            return all.stay();
        }
        let open = self.open_and_long();
        let Open { from_s, to_s, rows: _, share } = self.first.or(open)?;
        let seconds = self.total_s + open.map_or(0.0, |open| open.to_s - open.from_s);
        Some(Stay { from_s, to_s, share, seconds })
    }

    /// The same with the last rows, where they are held back.
    fn with_held(&self) -> Option<Self> {
        let (held, mut all) = (&self.held, Self { held: Vec::new(), ..self.clone() });
        if held.is_empty() {
            return None;
        }
        for row in held {
            all.count(*row);
        }
        Some(all)
    }

    /// The highest share of any row that was looked at, in per cent.
    #[must_use]
    pub fn peak_pct(&self) -> Option<f64> {
        self.with_held().map_or(self.peak_pct, |all| all.peak_pct)
    }

    /// The share from which on it is high, in per cent.
    #[must_use]
    pub fn from_pct(&self) -> f64 {
        self.level.from_pct
    }

    /// Whether it was looked at for so long that a stay would have been seen.
    #[must_use]
    pub fn saw_enough(&self) -> bool {
        if let Some(all) = self.with_held() {
            return all.saw_enough();
        }
        self.level.is_long(self.rows, self.seconds)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LEVEL: Level = Level::of(Figure::HostCpu, Whole::Hundred, Reading::Mean);

    /// Rows of so many seconds each; of load where `rps` says so.
    fn watched(level: Level, interval_s: f64, rows: &[(f64, f64)]) -> Watch {
        let mut watch = Watch::new(level);
        let mut elapsed_s = 0.0;
        for &(value, rps) in rows {
            elapsed_s += interval_s;
            watch.look(When { elapsed_s, interval_s, phase: 0 }, |figure| match figure {
                Figure::Rps => rps,
                Figure::InFlight if level.figure != Figure::InFlight => f64::NAN,
                _ => value,
            });
        }
        watch
    }

    fn stay(interval_s: f64, values: &[f64]) -> Option<Stay> {
        let rows: Vec<(f64, f64)> = values.iter().map(|value| (*value, 9.0)).collect();
        watched(LEVEL, interval_s, &rows).stay()
    }

    #[test]
    fn a_moment_is_not_enough_and_the_first_long_time_counts() {
        assert_eq!(stay(1.0, &[10.0, 99.0, 99.0, 10.0]), None);
        let found = stay(1.0, &[10.0, 99.0, 10.0, 96.0, 98.0, 97.0, 1.0, 99.0, 99.0, 99.0]).unwrap();
        assert_eq!((found.from_s, found.to_s, found.seconds), (3.0, 6.0, 6.0));
        assert_eq!((found.share.mean(), found.share.most()), (Some(97.0), Some(98.0)));
        assert_eq!(stay(1.0, &[99.0, f64::NAN, 99.0, f64::NAN, 99.0]), None, "an unknown is not high");
        assert_eq!(stay(0.1, &[99.0; 9]), None, "nine rows and no second");
    }

    #[test]
    fn a_long_row_counts_by_its_time_if_it_is_a_mean() {
        assert_eq!(stay(60.0, &[10.0, 100.0, 10.0]).map(|stay| (stay.from_s, stay.to_s)), Some((60.0, 120.0)));
        let memory = Level::of(Figure::HostMemory, Whole::Hundred, Reading::Sample);
        let rows = |count: usize| vec![(99.0, 9.0); count];
        assert_eq!(watched(memory, 60.0, &rows(2)).stay(), None, "two looks at it are no time");
        assert!(watched(memory, 60.0, &rows(3)).stay().is_some());
    }

    #[test]
    fn what_was_used_up_before_anybody_asked_is_nothing() {
        let before = [(99.0, 0.0), (99.0, 0.0), (99.0, 0.0), (99.0, 0.0), (30.0, 9.0), (30.0, 9.0)];
        let watch = watched(LEVEL, 1.0, &before);
        assert_eq!((watch.stay(), watch.peak_pct()), (None, Some(30.0)));
        assert!(!watch.saw_enough());
        let sparse = [(99.0, 9.0), (99.0, 0.0), (99.0, 9.0), (99.0, 0.0), (99.0, 9.0), (99.0, 0.0)];
        assert_eq!(watched(LEVEL, 1.0, &sparse).stay().map(|stay| (stay.from_s, stay.to_s)), Some((0.0, 5.0)));
    }

    #[test]
    fn a_wait_that_is_counted_when_it_ends_belongs_to_the_row_before() {
        let late = Level::of_a_worker(None)[0];
        let rows = |shares: &[f64]| shares.iter().map(|share| (*share, 9.0)).collect::<Vec<_>>();
        let found = watched(late, 1.0, &rows(&[50.0, 99.0, 60.0, 138.0, 97.0, 40.0])).stay().unwrap();
        assert_eq!((found.from_s, found.to_s, found.share.most()), (1.0, 5.0, Some(100.0)));
        assert_eq!(
            watched(late, 1.0, &rows(&[99.0, 60.0, 120.0, 99.0])).stay(),
            None,
            "it was idle for a fifth of a second"
        );
        let watch = watched(late, 1.0, &rows(&[30.0, 40.0, 130.0]));
        assert_eq!((watch.peak_pct(), watch.saw_enough()), (Some(100.0), true));
    }

    #[test]
    fn a_share_needs_its_limit() {
        let level = Level::of_a_worker(Some(4.0))[2];
        let rows = [(4.0, 9.0); 3];
        assert_eq!(watched(level, 1.0, &rows).stay().and_then(|stay| stay.share.mean()), Some(100.0));
        assert_eq!(Level::of_a_worker(None).len(), 2);
    }
}
