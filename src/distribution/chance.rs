//! Chance by number, so that any index can be had without those before it.

use crate::partition::hash;

/// Which part of a mixture an index gets is drawn apart from how long that part's delay is.
pub const PART: u64 = 1;

/// A seed for another use of the same indices.
#[must_use]
pub fn stream(seed: u64, stream: u64) -> u64 {
    hash(hash(seed, stream), stream)
}

/// A number between 0 and 1, never either of them, for each index.
#[must_use]
#[allow(clippy::cast_precision_loss)] // 52 bits
pub fn unit(seed: u64, index: u64) -> f64 {
    const STEPS: f64 = 4_503_599_627_370_496.0; // 2⁵²
    // The middle of its step: a quantile of 0 or 1 may be infinite.
    ((hash(seed, index) >> 12) as f64 + 0.5) / STEPS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_stays_between_0_and_1() {
        for index in [0, 1, u64::MAX - 1, u64::MAX] {
            for seed in [0, u64::MAX] {
                let unit = unit(seed, index);
                assert!(unit > 0.0 && unit < 1.0, "{unit}");
            }
        }
    }
}
