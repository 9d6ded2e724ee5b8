//! Stretches in which a figure stays high.

use crate::recording::{Cell, Figure, Series, Stretch};

/// Fewer rows than this may be an accident.
const ROWS: u64 = 3;

/// So may a shorter time.
const SECONDS: f64 = 1.0;

/// A figure that stayed high.
#[derive(Clone, Debug, PartialEq)]
pub struct Sustained {
    /// From when, in seconds since the run began.
    pub from_s: f64,
    /// Until when.
    pub to_s: f64,
    /// Its figure over that time.
    pub cell: Cell,
    /// How long it was high in all, with later times.
    pub seconds: f64,
}

/// The first time that a figure was high for at least three rows and a second: `is_high` is asked of each stretch's mean.
pub fn first(series: &Series, figure: Figure, is_high: impl Fn(f64) -> bool) -> Option<Sustained> {
    first_of(series.of(figure), is_high)
}

/// The same of cells that were made from several figures.
pub fn first_of<'a>(
    cells: impl Iterator<Item = (&'a Stretch, Cell)>,
    is_high: impl Fn(f64) -> bool,
) -> Option<Sustained> {
    let mut first = None;
    let mut open: Option<(Sustained, u64)> = None;
    let mut total = 0.0;
    let mut close = |open: &mut Option<(Sustained, u64)>| {
        if let Some((found, rows)) = open.take()
            && rows >= ROWS
            && found.to_s - found.from_s >= SECONDS
        {
            total += found.to_s - found.from_s;
            first.get_or_insert(found);
        }
    };
    for (stretch, cell) in cells {
        if !cell.mean().is_some_and(&is_high) {
            close(&mut open);
            continue;
        }
        let begun = Sustained { from_s: stretch.from_s, to_s: stretch.to_s, cell: Cell::default(), seconds: 0.0 };
        let (found, rows) = open.get_or_insert((begun, 0));
        found.to_s = stretch.to_s;
        found.cell = found.cell.and(cell);
        *rows += stretch.rows;
    }
    close(&mut open);
    first.map(|found| Sustained { seconds: total, ..found })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::series;

    #[test]
    fn a_moment_is_not_enough_and_the_first_long_time_counts() {
        let high = |values: &[f64]| first(&series(Figure::HostCpu, values), Figure::HostCpu, |value| value >= 95.0);
        assert_eq!(high(&[10.0, 99.0, 99.0, 10.0]), None);
        let found = high(&[10.0, 99.0, 10.0, 96.0, 98.0, 97.0, 1.0, 99.0, 99.0, 99.0]).unwrap();
        assert_eq!((found.from_s, found.to_s, found.seconds), (3.0, 6.0, 6.0));
        assert_eq!((found.cell.mean(), found.cell.most()), (Some(97.0), Some(98.0)));
        assert_eq!(high(&[99.0, f64::NAN, 99.0, f64::NAN, 99.0]), None, "an unknown is not high");
    }
}
