//! A distribution in the few buckets of somebody else's: what Prometheus calls a classic histogram.

use super::{Distribution, bounds};

impl Distribution {
    /// How many values were at most each of these bounds, which ascend. A bucket of ours that lies across a bound counts
    /// where its middle is, so that a value within 0.4 % of a bound may be on its other side. No count ever falls when
    /// values are added.
    #[must_use]
    pub fn counts_up_to(&self, bounds_ns: &[u64]) -> Vec<u64> {
        let mut buckets = self.filled().peekable();
        let mut below = 0_u64;
        let mut up_to = |bound_ns: u64| {
            while let Some((_, count)) = buckets.next_if(|(bucket, _)| middle(*bucket) <= bound_ns) {
                below = below.wrapping_add(count);
            }
            below
        };
        bounds_ns.iter().map(|bound_ns| up_to(*bound_ns)).collect()
    }

    /// The sum of all values in nanoseconds, within 0.4 %: each counts as its bucket's middle. It never falls when values
    /// are added.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn sum_ns(&self) -> f64 {
        self.filled().map(|(bucket, count)| count as f64 * middle(bucket) as f64).sum()
    }
}

impl Distribution {
    /// The mean in nanoseconds, within 0.4 %; `None` when nothing was recorded.
    #[must_use]
    #[allow(clippy::cast_precision_loss)]
    pub fn mean_ns(&self) -> Option<f64> {
        let count = self.count();
        (count > 0).then(|| self.sum_ns() / count as f64)
    }
}

/// The value that a bucket's values are taken for.
fn middle(bucket: usize) -> u64 {
    let (low, high) = bounds(bucket);
    low + (high - low) / 2
}

#[cfg(test)]
mod tests {
    use super::super::Histogram;
    use super::*;
    use proptest::prelude::*;

    const BOUNDS: [u64; 4] = [100_000, 1_000_000, 250_000_000, 60_000_000_000];

    proptest! {
        #[test]
        fn counts_and_sum_are_those_of_the_values(values in proptest::collection::vec(0_u64..60_000_000_000, 0..200)) {
            let histogram: Box<Histogram> = bytemuck::allocation::zeroed_box();
            for &value in &values {
                histogram.record(value);
            }
            let mut distribution = Distribution::default();
            distribution.add(&histogram);
            for (bound, count) in BOUNDS.into_iter().zip(distribution.counts_up_to(&BOUNDS)) {
                let at_most = |bound: u64| values.iter().filter(|value| **value <= bound).count() as u64;
                let slack = bound / 128;
                prop_assert!((at_most(bound - slack)..=at_most(bound + slack)).contains(&count), "{bound}: {count}");
            }
            #[allow(clippy::cast_precision_loss)]
            let exact = values.iter().sum::<u64>() as f64;
            prop_assert!((distribution.sum_ns() - exact).abs() <= exact / 128.0);
        }
    }
}
