//! How unevenly requests came, from counts at the workers' beats.

use super::Counts;
use crate::units::shown::float;

/// How unevenly requests came.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Arrivals {
    /// The index of dispersion, variance over mean: 1 where requests don't know of each other, more where they come in bursts.
    pub dispersion: f64,
    /// The squared coefficient of variation, variance over the square of the mean: how large that is against the mean.
    pub cv_squared: f64,
}

impl Arrivals {
    /// The variance is half the mean square of the differences of neighbours, so that a slow rise of the load is no burst.
    /// `None` where nothing came in a pair of beats.
    #[must_use]
    pub fn of(counts: &Counts) -> Option<Self> {
        if counts.arrival_pairs == 0 || counts.arrivals_in_pairs == 0 {
            return None;
        }
        let pairs = float(counts.arrival_pairs);
        let (mean, variance) =
            (float(counts.arrivals_in_pairs) / pairs, float(counts.arrival_squares) / 2.0 / pairs);
        Some(Self { dispersion: variance / mean, cv_squared: variance / (mean * mean) })
    }
}
