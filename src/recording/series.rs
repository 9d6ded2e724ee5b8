//! Figures over time, in so many stretches at most (and one more for each phase), however many rows there were.
//!
//! A stretch is a row, or several neighbours of one phase that were merged: of each figure it keeps the mean over time,
//! the least, the most and the last value, so that no extreme is lost. When there are too many stretches, each two
//! become one, and from then on a stretch takes twice the rows.

use super::cell::{Cell, When};
use super::figure::Figure;
use super::level::{Level, Watch};
use crate::units::shown::float;

/// A row, or several.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// Where it begins, in seconds since the run began.
    pub from_s: f64,
    /// Where it ends.
    pub to_s: f64,
    /// How many rows it is made of.
    pub rows: u64,
    /// Which phase it is of.
    pub phase: usize,
}

impl Stretch {
    /// How long it is.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.to_s - self.from_s
    }

    /// Its middle, which decides where it belongs: a row that begins in one phase and ends in the next is of one of them.
    #[must_use]
    pub fn middle_s(&self) -> f64 {
        f64::midpoint(self.from_s, self.to_s)
    }

    /// Whether it belongs to the time from one moment to another.
    #[must_use]
    pub fn is_within(&self, (from_s, to_s): (f64, f64)) -> bool {
        (from_s..to_s).contains(&self.middle_s())
    }
}

/// Figures over time.
#[derive(Clone, Debug)]
pub struct Series {
    figures: &'static [Figure],
    /// The place of each figure in a stretch's cells, by its number.
    places: Vec<Option<usize>>,
    most_stretches: usize,
    /// How many rows a stretch takes.
    rows: u64,
    stretches: Vec<Stretch>,
    cells: Vec<Cell>,
    /// Whether its first row is the one with which a run begins, which has no interval.
    begins_the_run: bool,
    /// The intervals of all rows that have one, and how many those are.
    covered: (f64, u64),
    /// What must be looked at row by row.
    watches: Vec<Watch>,
}

impl Default for Series {
    /// Nothing of nothing.
    fn default() -> Self {
        Self::new(&[], 2)
    }
}

impl Series {
    /// Of these figures, in so many stretches.
    #[must_use]
    pub fn new(figures: &'static [Figure], most_stretches: usize) -> Self {
        let place = |figure: &Figure| figures.iter().position(|other| other == figure);
        Self {
            figures,
            places: Figure::ALL.iter().map(place).collect(),
            most_stretches: most_stretches.max(2),
            rows: 1,
            stretches: Vec::new(),
            cells: Vec::new(),
            begins_the_run: false,
            covered: (0.0, 0),
            watches: Vec::new(),
        }
    }

    /// The same, which looks for how long figures stay at these levels.
    #[must_use]
    pub fn watching(mut self, levels: &[Level]) -> Self {
        self.watches = levels.iter().map(|level| Watch::new(*level)).collect();
        self
    }

    /// Adds a row: its numbers in the order of the figures, not a number where unknown.
    pub fn push(&mut self, when: When, numbers: &[f64]) {
        let When { elapsed_s, interval_s, phase } = when;
        let cells = numbers.iter().map(|&number| Cell::of(number, interval_s));
        let width = self.figures.len();
        if self.is_empty() {
            self.begins_the_run = interval_s == 0.0;
        }
        self.covered.0 += interval_s;
        self.covered.1 += u64::from(interval_s > 0.0);
        let number = |figure: Figure| {
            let place = self.places[figure as usize];
            place.and_then(|place| numbers.get(place)).copied().unwrap_or(f64::NAN)
        };
        self.watches.iter_mut().for_each(|watch| watch.look(when, number));
        if let Some(last) = self.stretches.last_mut().filter(|last| last.rows < self.rows && last.phase == phase) {
            last.to_s = elapsed_s;
            last.rows += 1;
            let start = self.cells.len() - width;
            for (kept, new) in self.cells[start..].iter_mut().zip(cells) {
                *kept = kept.and(new);
            }
            return;
        }
        self.stretches.push(Stretch { from_s: elapsed_s - interval_s, to_s: elapsed_s, rows: 1, phase });
        self.cells.extend(cells);
        self.cells.resize(self.stretches.len() * width, Cell::default());
        // Each phase has a stretch of its own at least.
        while self.stretches.len() > self.most_stretches + phase {
            self.halve();
        }
    }

    /// Merges each two neighbours of one phase.
    fn halve(&mut self) {
        self.rows *= 2;
        let width = self.figures.len();
        let before = self.stretches.len();
        let (mut read, mut written) = (0, 0);
        while read < before {
            let mut stretch = self.stretches[read];
            self.cells.copy_within(read * width..(read + 1) * width, written * width);
            let next = self
                .stretches
                .get(read + 1)
                .filter(|next| next.phase == stretch.phase && next.rows + stretch.rows <= self.rows);
            read += 1;
            if let Some(next) = next {
                stretch.to_s = next.to_s;
                stretch.rows += next.rows;
                for place in 0..width {
                    self.cells[written * width + place] =
                        self.cells[written * width + place].and(self.cells[read * width + place]);
                }
                read += 1;
            }
            self.stretches[written] = stretch;
            written += 1;
        }
        self.stretches.truncate(written);
        self.cells.truncate(written * width);
    }

    /// Moves all of it to a later time.
    pub fn shift(&mut self, by_s: f64) {
        for stretch in &mut self.stretches {
            stretch.from_s += by_s;
            stretch.to_s += by_s;
        }
        self.watches.iter_mut().for_each(|watch| watch.shift(by_s));
    }

    /// Its stretches, the oldest first.
    #[must_use]
    pub fn stretches(&self) -> &[Stretch] {
        &self.stretches
    }

    /// Whether there is nothing in it.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// How many rows it was made of.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.stretches.iter().map(|stretch| stretch.rows).sum()
    }

    /// From one row to the next, on average: the rows' own intervals, so that missing ones make it no longer.
    #[must_use]
    pub fn interval_s(&self) -> f64 {
        let (seconds, rows) = self.covered;
        seconds / float(rows.max(1))
    }

    /// How many rows a stretch may hold.
    #[must_use]
    pub fn rows_in_a_stretch(&self) -> u64 {
        self.rows
    }

    /// One figure in one stretch.
    #[must_use]
    pub fn cell(&self, stretch: usize, figure: Figure) -> Cell {
        let place = self.places[figure as usize];
        place.and_then(|place| self.cells.get(stretch * self.figures.len() + place)).copied().unwrap_or_default()
    }

    /// Each stretch with the cell of a figure.
    pub fn of(&self, figure: Figure) -> impl Iterator<Item = (&Stretch, Cell)> + '_ {
        self.stretches.iter().enumerate().map(move |(number, stretch)| (stretch, self.cell(number, figure)))
    }

    /// One figure in all stretches.
    #[must_use]
    pub fn whole(&self, figure: Figure) -> Cell {
        self.of(figure).fold(Cell::default(), |sum, (_, cell)| sum.and(cell))
    }

    /// How long a figure stayed at the level that is watched for it; `None` where none is.
    #[must_use]
    pub fn watch(&self, figure: Figure) -> Option<&Watch> {
        self.watches.iter().find(|watch| watch.figure() == figure)
    }

    /// How much a figure that only grows has gained in all, with the first and the last stretch in which it did; `None` when
    /// it has gained nothing, or it is unknown.
    #[must_use]
    pub fn gained(&self, figure: Figure) -> Option<(f64, Stretch, Stretch)> {
        let gains = self.stretches.iter().zip(self.gains(figure));
        let growing = gains.filter_map(|(stretch, gain)| Some((*stretch, gain.filter(|gain| *gain > 0.0)?)));
        growing.fold(None, |sum, (stretch, gain)| match sum {
            Some((before, first, _)) => Some((before + gain, first, stretch)),
            None => Some((gain, stretch, stretch)),
        })
    }

    /// How much a figure that only grows has gained in each stretch, since the last one in which it was known; `None` where
    /// it is unknown. Of the row with which a run begins it is known what the target itself had counted before: nothing.
    #[must_use]
    pub fn gains(&self, figure: Figure) -> Vec<Option<f64>> {
        let mut before = (self.begins_the_run && figure.is_counted_by_the_target()).then_some(0.0);
        let gain = |(_, cell): (&Stretch, Cell)| {
            let last = cell.last()?;
            before.replace(last).map(|before| (last - before).max(0.0))
        };
        self.of(figure).map(gain).collect()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const FIGURES: &[Figure] = &[Figure::Rps, Figure::Requests];

    fn series(values: &[f64], most: usize, phase_of: impl Fn(usize) -> usize) -> Series {
        let mut series = Series::new(FIGURES, most);
        let mut total = 0.0;
        for (number, &value) in values.iter().enumerate() {
            total += if value.is_finite() { value } else { 0.0 };
            #[allow(clippy::cast_precision_loss)]
            let elapsed_s = number as f64 + 1.0;
            series.push(When { elapsed_s, interval_s: 1.0, phase: phase_of(number) }, &[value, total]);
        }
        series
    }

    #[test]
    fn few_rows_stay_as_they_are() {
        let series = series(&[1.0, f64::NAN, 3.0], 8, |_| 0);
        assert_eq!(
            series.of(Figure::Rps).map(|(_, cell)| cell.mean()).collect::<Vec<_>>(),
            [Some(1.0), None, Some(3.0)]
        );
        assert_eq!(series.gains(Figure::Requests), [None, Some(0.0), Some(3.0)]);
        assert_eq!(series.cell(0, Figure::Cpu), Cell::default());
    }

    #[test]
    fn what_others_counted_before_the_run_is_not_of_it() {
        const COUNTERS: &[Figure] = &[Figure::Errors, Figure::ThrottledMs];
        let mut series = Series::new(COUNTERS, 8);
        series.push(When { elapsed_s: 0.01, interval_s: 0.0, phase: 0 }, &[2.0, 500.0]);
        series.push(When { elapsed_s: 1.0, interval_s: 0.99, phase: 0 }, &[3.0, 500.0]);
        assert_eq!(series.gains(Figure::Errors), [Some(2.0), Some(1.0)]);
        assert_eq!(series.gains(Figure::ThrottledMs), [None, Some(0.0)]);
    }

    #[test]
    fn missing_rows_make_the_interval_no_longer() {
        let mut series = Series::new(FIGURES, 8);
        for (elapsed_s, interval_s) in [(0.01, 0.0), (0.2, 0.2), (7.0, 0.2), (7.2, 0.2)] {
            series.push(When { elapsed_s, interval_s, phase: 0 }, &[1.0, 1.0]);
        }
        assert!((series.interval_s() - 0.2).abs() < 1e-9);
    }

    #[test]
    fn a_stay_is_seen_although_its_rows_are_merged() {
        const CPU: &[Figure] = &[Figure::HostCpu, Figure::Rps];
        let mut series = Series::new(CPU, 4).watching(Level::OF_THE_TARGET);
        for row in 1..=1_000 {
            let busy = if (500..510).contains(&row) { 100.0 } else { 10.0 };
            series.push(When { elapsed_s: f64::from(row), interval_s: 1.0, phase: 0 }, &[busy, 9.0]);
        }
        let stay = series.watch(Figure::HostCpu).and_then(Watch::stay);
        assert_eq!(stay.map(|stay| (stay.from_s, stay.to_s)), Some((499.0, 509.0)));
    }

    #[test]
    fn phases_are_never_merged() {
        let series = series(&[1.0; 100], 8, |number| number / 50);
        assert!(series.stretches().len() <= 9);
        assert!(
            series.stretches().iter().all(|stretch| (stretch.to_s <= 50.0) == (stretch.phase == 0)),
            "{series:?}"
        );
        // More phases than stretches: each keeps its own.
        assert_eq!(self::series(&[1.0; 30], 8, |number| number).stretches().len(), 30);
    }

    proptest! {
        #[test]
        fn merging_loses_no_row_no_extreme_and_no_sum(
            values in proptest::collection::vec(prop_oneof![9 => 0.0..1e6, 1 => Just(f64::NAN)], 1..700),
            most in 2_usize..40,
        ) {
            let series = series(&values, most, |_| 0);
            prop_assert!(series.stretches().len() <= most);
            prop_assert_eq!(series.rows(), values.len() as u64);
            let known: Vec<f64> = values.iter().copied().filter(|value| value.is_finite()).collect();
            let whole = series.whole(Figure::Rps);
            prop_assert_eq!(whole.most(), known.iter().copied().reduce(f64::max));
            prop_assert_eq!(whole.least(), known.iter().copied().reduce(f64::min));
            prop_assert_eq!(whole.last(), known.last().copied());
            let sum: f64 = known.iter().sum();
            #[allow(clippy::cast_precision_loss)]
            let mean = (!known.is_empty()).then(|| sum / known.len() as f64);
            prop_assert!(whole.mean().zip(mean).is_none_or(|(one, other)| (one - other).abs() <= 1e-9 * other.max(1.0)));
            let gained: f64 = series.gains(Figure::Requests).into_iter().flatten().sum();
            let first = series.cell(0, Figure::Requests).last().unwrap_or_default();
            prop_assert!((gained + first - sum).abs() <= 1e-6 * sum.max(1.0));
            for pair in series.stretches().windows(2) {
                prop_assert!((pair[0].to_s - pair[1].from_s).abs() < 1e-9);
            }
        }
    }
}
