//! Rows of several instances as rows of all of them: one file after the other would not fit into memory, so all are read
//! side by side, tick by tick.
//!
//! A row is of the tick nearest to its time, and a late one of all ticks that it covers. An instance that has not begun, or
//! has ended, adds nothing; where rows are missing in between, its figures are unknown, and so are the sums.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use super::super::cell::Cell;
use super::super::figure::{Figure, Together};
use super::super::table::{self, Row, Table};
use crate::units::shown::float;

/// So many ticks of an instance are read ahead of those that are merged.
const AHEAD: usize = 256;

/// One instance's run.
pub struct Source<'a> {
    pub name: &'a str,
    pub directory: &'a Path,
    /// When it began, in seconds since the first of all did.
    pub from_s: f64,
}

/// What rows of one tick are told apart by: method and path, or nothing.
type Key = (String, String);

/// What an instance's file says of one moment.
struct Moment {
    /// The first tick that it covers.
    from: u64,
    tick: u64,
    interval_s: f64,
    /// With the numbers of each, in the order of the file's figures.
    rows: Vec<(Key, Vec<f64>)>,
}

/// How rows become those of all instances.
pub struct Merging<'a> {
    pub sources: &'a [Source<'a>],
    pub tick_s: f64,
    pub is_one_machine: bool,
}

impl Merging<'_> {
    /// Gives `visit` each tick of all instances together: its number, what it is of, and the numbers, which are not numbers
    /// where unknown.
    pub fn rows(
        &self,
        file: &Table,
        told: &(dyn Fn(u64) + Sync),
        mut visit: impl FnMut(u64, (&str, &str), &mut [f64]),
    ) -> Result<(), String> {
        thread::scope(|scope| {
            let mut lanes = Vec::new();
            for source in self.sources {
                let (sender, receiver) = sync_channel(AHEAD);
                thread::Builder::new()
                    .spawn_scoped(scope, move || self.send(source, file, told, &sender))
                    .map_err(|error| {
                        format!("there is no thread to read {}: {error}", source.directory.display())
                    })?;
                lanes.push(Lane::new(receiver, file.figures));
            }
            let mut next = 0;
            // Where all have nothing, there is no tick.
            while let Some(tick) = lanes.iter().filter_map(|lane| lane.first_tick_from(next)).min() {
                next = tick + 1;
                for lane in &mut lanes {
                    lane.advance(tick);
                }
                let mut keys: Vec<&Key> = lanes.iter().flat_map(|lane| lane.known.keys()).collect();
                keys.sort();
                keys.dedup();
                for key in keys {
                    let told: Vec<Told<'_>> = lanes.iter().map(|lane| lane.tells(key)).collect();
                    let mut numbers: Vec<f64> =
                        (0..file.figures.len()).map(|place| self.together(file.figures, place, &told)).collect();
                    visit(tick, (&key.0, &key.1), &mut numbers);
                }
            }
            Ok(())
        })
    }

    /// Reads a file to its end, or until nobody listens any more.
    fn send(&self, source: &Source<'_>, file: &Table, told: &dyn Fn(u64), sender: &SyncSender<Moment>) {
        let begin = whole(source.from_s / self.tick_s);
        let mut moment: Option<(f64, Moment)> = None;
        let mut last: Option<u64> = None;
        // What is wrong with the file was said when it was read by itself.
        let _ = table::read(source.directory, file, told, |row: &Row<'_>| {
            // Rows are in the order of their times.
            if moment.as_ref().is_some_and(|(elapsed_s, _)| *elapsed_s < row.elapsed_s)
                && let Some((_, complete)) = moment.take()
            {
                last = Some(complete.tick);
                let _ = sender.send(complete);
            }
            let (_, of_this) = moment.get_or_insert_with(|| {
                let tick = begin + whole(row.elapsed_s / self.tick_s);
                let before = begin + whole((row.elapsed_s - row.interval_s).max(0.0) / self.tick_s);
                let from = (before + 1).max(last.map_or(0, |last| last + 1)).min(tick);
                (row.elapsed_s, Moment { from, tick, interval_s: row.interval_s, rows: Vec::new() })
            });
            let key = match row.texts {
                [_, method, path] => ((*method).to_owned(), (*path).to_owned()),
                _ => Key::default(),
            };
            of_this.rows.push((key, row.numbers.to_vec()));
        });
        if let Some((_, complete)) = moment {
            let _ = sender.send(complete);
        }
    }

    /// One figure of all instances.
    fn together(&self, figures: &[Figure], place: usize, told: &[Told<'_>]) -> f64 {
        let figure = figures[place];
        let sum = |of: &dyn Fn(&Told<'_>) -> Option<f64>| {
            told.iter().filter_map(of).reduce(|sum, number| sum + number).unwrap_or(f64::NAN)
        };
        let present = |told: &Told<'_>| told.now(place);
        let most = |may_be_none: bool| {
            let all = told.iter().filter_map(present).filter(|number| !(may_be_none && number.is_nan()));
            all.reduce(|one, other| if one.is_nan() || one > other { one } else { other }).unwrap_or(f64::NAN)
        };
        match figure.together() {
            Together::Counter => sum(&|told| Some(told.counted(place))),
            Together::Sum | Together::Gauge | Together::Held => sum(&present),
            Together::ShareOfMachine if self.is_one_machine => sum(&present),
            Together::Most => most(false),
            Together::MostOfSome => most(true),
            Together::With(other) => {
                let Some(other) = figures.iter().position(|figure| *figure == other) else { return f64::NAN };
                let both = told.iter().filter_map(|told| Some((told.now(other)?, told.now(place)?)));
                let most =
                    both.filter(|(by, _)| by.is_finite()).max_by(|(one, _), (other, _)| one.total_cmp(other));
                most.map_or(f64::NAN, |(_, number)| number)
            }
            Together::Machine if self.is_one_machine => {
                let known: Vec<f64> = told.iter().filter_map(present).filter(|number| number.is_finite()).collect();
                known.iter().sum::<f64>() / float(known.len() as u64)
            }
            Together::Machine | Together::ShareOfMachine | Together::Quantile | Together::Apart => f64::NAN,
        }
    }
}

/// The nearest whole number; nothing is negative here.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
pub fn whole(number: f64) -> u64 {
    number.round() as u64
}

/// What an instance has of a key at a tick.
enum Told<'a> {
    /// It has never had a row of it, or has not begun.
    NotYet,
    /// It has ended with these counters.
    Ended(&'a [f64]),
    /// Rows are missing here.
    Unknown,
    /// Counters, and the rest; a first row has no rates.
    Row { counted: &'a [f64], now: &'a [f64], is_first: bool },
}

impl Told<'_> {
    fn counted(&self, place: usize) -> f64 {
        match self {
            Self::NotYet => 0.0,
            Self::Ended(counted) | Self::Row { counted, .. } => counted[place],
            Self::Unknown => f64::NAN,
        }
    }

    /// `None` where there is nothing to add; not a number where it is unknown.
    fn now(&self, place: usize) -> Option<f64> {
        match self {
            Self::NotYet | Self::Ended(_) => None,
            Self::Unknown => Some(f64::NAN),
            Self::Row { now, is_first, .. } => Some(now[place]).filter(|number| !(*is_first && number.is_nan())),
        }
    }
}

/// What is known of a key in one instance.
struct Known {
    /// Where the kernel's counters stood at its first row.
    before: Vec<f64>,
    /// At the last row.
    counted: Vec<f64>,
    /// At the tick that is merged.
    counted_now: Vec<f64>,
    now: Vec<f64>,
    is_first: bool,
}

/// An instance's file, tick by tick.
struct Lane {
    moments: Receiver<Moment>,
    next: Option<Moment>,
    figures: &'static [Figure],
    known: BTreeMap<Key, Known>,
    /// The last tick of which there was a row.
    last: Option<u64>,
    state: State,
}

/// How an instance is at the tick that is merged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// A row is of it, or covers it.
    There,
    /// There are rows before and after it.
    Missing,
    /// It has begun later, or has ended.
    Absent,
}

impl Lane {
    fn new(moments: Receiver<Moment>, figures: &'static [Figure]) -> Self {
        let next = moments.recv().ok();
        Self { moments, next, figures, known: BTreeMap::new(), last: None, state: State::Absent }
    }

    /// The first tick from this one on of which it has something to say.
    fn first_tick_from(&self, tick: u64) -> Option<u64> {
        self.next.as_ref().map(|next| next.from.max(tick))
    }

    /// Moves to a tick.
    fn advance(&mut self, tick: u64) {
        let mut cells: BTreeMap<Key, (Vec<Cell>, bool)> = BTreeMap::new();
        while let Some(moment) = self.next.take_if(|next| next.tick <= tick) {
            for (key, numbers) in moment.rows {
                let (cells, _) = cells
                    .entry(key)
                    .or_insert_with(|| (vec![Cell::default(); numbers.len()], moment.interval_s == 0.0));
                for (cell, number) in cells.iter_mut().zip(numbers) {
                    *cell = cell.and(Cell::of(number, moment.interval_s));
                }
            }
            self.next = self.moments.recv().ok();
        }
        let has_row = !cells.is_empty();
        for (key, (cells, is_first)) in cells {
            self.take(key, &cells, is_first);
        }
        let covering = self.next.as_ref().filter(|next| next.from <= tick);
        self.state = match (&self.next, self.last) {
            _ if has_row || covering.is_some() => State::There,
            (Some(_), Some(_)) => State::Missing,
            _ => State::Absent,
        };
        if has_row {
            self.last = Some(tick);
            return;
        }
        let (Some(next), Some(last)) = (covering, self.last) else { return };
        let share = float(tick - last) / float(next.tick - last);
        for (key, numbers) in &next.rows {
            let Some(known) = self.known.get_mut(key) else { continue };
            for (place, (figure, number)) in self.figures.iter().zip(numbers).enumerate() {
                let (then, at_row) = (known.counted[place], number - known.before[place]);
                known.counted_now[place] = then + (at_row - then) * share;
                if figure.together() != Together::Held {
                    known.now[place] = *number;
                }
            }
            known.is_first = false;
        }
    }

    fn take(&mut self, key: Key, cells: &[Cell], is_first: bool) {
        let number = |cell: Option<f64>| cell.unwrap_or(f64::NAN);
        let width = self.figures.len();
        let known = self.known.entry(key).or_insert_with(|| Known {
            before: vec![f64::NAN; width],
            counted: vec![f64::NAN; width],
            counted_now: vec![f64::NAN; width],
            now: vec![f64::NAN; width],
            is_first,
        });
        known.is_first = is_first;
        for (place, (figure, cell)) in self.figures.iter().zip(cells).enumerate() {
            let last = number(cell.last());
            match figure.together() {
                Together::Counter => {
                    // The kernel's counters have counted before.
                    if known.before[place].is_nan() {
                        let is_own = figure.is_counted_by_the_target() || *figure == Figure::CpuSeconds;
                        known.before[place] = if is_own { 0.0 } else { last };
                    }
                    known.counted_now[place] = last - known.before[place];
                    if last.is_finite() {
                        known.counted[place] = known.counted_now[place];
                    }
                }
                Together::Held if last.is_nan() => {}
                Together::Held | Together::Gauge | Together::With(_) => known.now[place] = last,
                Together::Most | Together::MostOfSome => known.now[place] = number(cell.most()),
                Together::Sum
                | Together::Machine
                | Together::ShareOfMachine
                | Together::Quantile
                | Together::Apart => {
                    known.now[place] = number(cell.mean());
                }
            }
        }
    }

    fn tells(&self, key: &Key) -> Told<'_> {
        match (self.known.get(key), self.state) {
            (None, _) => Told::NotYet,
            (Some(known), State::Absent) => Told::Ended(&known.counted),
            (Some(_), State::Missing) => Told::Unknown,
            (Some(Known { counted_now, now, is_first, .. }), State::There) => {
                Told::Row { counted: counted_now, now, is_first: *is_first }
            }
        }
    }
}
