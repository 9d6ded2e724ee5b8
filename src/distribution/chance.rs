//! Chance by number: `SplitMix64` with its counter given, so that any index can be had without those before it.
//!
//! Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, OOPSLA 2014.

/// Which part of a mixture an index gets is drawn apart from how long that part's delay is.
pub const PART: u64 = 1;

const GOLDEN: u64 = 0x9E37_79B9_7F4A_7C15;

/// A seed for another use of the same indices.
#[must_use]
pub fn stream(seed: u64, stream: u64) -> u64 {
    mix(seed ^ mix(stream.wrapping_add(GOLDEN)))
}

/// A number between 0 and 1, never either of them, for each index.
#[must_use]
#[allow(clippy::cast_precision_loss)] // 52 bits
pub fn unit(seed: u64, index: u64) -> f64 {
    const STEPS: f64 = 4_503_599_627_370_496.0; // 2⁵²
    let bits = mix(mix(seed).wrapping_add(index.wrapping_add(1).wrapping_mul(GOLDEN))) >> 12;
    // The middle of its step: a quantile of 0 or 1 may be infinite.
    (bits as f64 + 0.5) / STEPS
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The published sequence of seed 1234567 (Rosetta Code, "Pseudo-random numbers/Splitmix64").
        let published = [6_457_827_717_110_365_317_u64, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423];
        for (index, number) in (1..).zip(published) {
            assert_eq!(mix(1_234_567_u64.wrapping_add(GOLDEN.wrapping_mul(index))), number);
        }
    }

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
