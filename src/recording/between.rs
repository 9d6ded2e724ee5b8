//! Figures between two moments that need not be the ends of rows.

use super::cell::Cell;
use super::figure::Figure;
use super::series::Series;

impl Series {
    /// A figure's mean from one moment to another: each stretch counts for the time that it shares with them. `None` where no
    /// stretch lies mostly within, as each might tell of another time.
    #[must_use]
    pub fn mean_between(&self, figure: Figure, (from_s, to_s): (f64, f64)) -> Option<f64> {
        let (mut sum, mut seconds, mut is_known) = (0.0, 0.0, false);
        for (stretch, cell) in self.of(figure) {
            let shared_s = stretch.to_s.min(to_s) - stretch.from_s.max(from_s);
            let Some(mean) = cell.mean().filter(|_| shared_s > 0.0) else { continue };
            sum += mean * shared_s;
            seconds += shared_s;
            is_known |= shared_s >= stretch.seconds() / 2.0;
        }
        is_known.then(|| sum / seconds)
    }

    /// A figure in all stretches that belong to the time from one moment to another.
    #[must_use]
    pub fn within(&self, figure: Figure, period: (f64, f64)) -> Cell {
        let within = self.of(figure).filter(|(stretch, _)| stretch.is_within(period));
        within.fold(Cell::default(), |sum, (_, cell)| sum.and(cell))
    }

    /// What a counter of the target, which begins at 0 with the run, had come to: between two rows, by the time that has passed.
    #[must_use]
    pub fn counted_at(&self, figure: Figure, at_s: f64) -> Option<f64> {
        let (mut before_s, mut before, mut is_known) = (0.0, 0.0, false);
        for (stretch, cell) in self.of(figure) {
            let Some(last) = cell.last() else { continue };
            if stretch.to_s > at_s {
                return Some(before + (last - before) * (at_s - before_s) / (stretch.to_s - before_s));
            }
            (before_s, before, is_known) = (stretch.to_s, last, true);
        }
        is_known.then_some(before)
    }
}
