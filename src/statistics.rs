//! Estimates and intervals from few paired measurements. Pure.
//!
//! Everything here rests on the ranks of the values and on no assumption about their distribution but symmetry around
//! the true change, which a random order of the two sides of each pair provides (Hollander, Wolfe and Chicken,
//! *Nonparametric Statistical Methods*, 3rd edition, sections 3.1 to 3.3).

/// An interval that contains the true value with the confidence it was asked for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

impl Interval {
    /// Whether all of it lies between `-bound` and `bound`.
    #[must_use]
    pub fn is_within(self, bound: f64) -> bool {
        -bound <= self.low && self.high <= bound
    }

    /// Whether it leaves out zero, that is: no change.
    #[must_use]
    pub fn excludes_zero(self) -> bool {
        self.low > 0.0 || self.high < 0.0
    }

    /// Half of its width.
    #[must_use]
    pub fn half_width(self) -> f64 {
        (self.high - self.low) / 2.0
    }
}

/// The median; `None` of no values.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    let sorted = sorted(values.to_vec());
    median_of_sorted(&sorted)
}

/// The Hodges–Lehmann estimate of the centre: the median of all means of two values, each value paired with itself too.
/// `None` of no values.
#[must_use]
pub fn hodges_lehmann(values: &[f64]) -> Option<f64> {
    median_of_sorted(&walsh_averages(values))
}

/// The exact interval of the signed-rank test for the centre: with at least this confidence the true centre lies in it.
/// `None` where so few values can't give this confidence (99 % takes eight, 95 % takes six).
///
/// # Panics
/// When `confidence` is not between 0 and 1.
#[must_use]
pub fn signed_rank_interval(values: &[f64], confidence: f64) -> Option<Interval> {
    assert!(confidence > 0.0 && confidence < 1.0, "a confidence lies between 0 and 1");
    let averages = walsh_averages(values);
    let cut = cut(values.len(), (1.0 - confidence) / 2.0)?;
    Some(Interval { low: averages[cut], high: averages[averages.len() - 1 - cut] })
}

/// How many Walsh averages may be cut off on each side, so that the centre lies beyond the cut with at most `tail`
/// probability; `None` where even the outermost average is too likely to be beyond.
fn cut(count: usize, tail: f64) -> Option<usize> {
    let mut below = 0.0;
    let mut cut = None;
    for (rank_sum, probability) in rank_sum_probabilities(count).into_iter().enumerate() {
        below += probability;
        if below > tail {
            break;
        }
        cut = Some(rank_sum);
    }
    // Without values there is one rank sum and no average.
    cut.filter(|_| count > 0)
}

/// The probability of each sum of positive ranks, from 0 to n(n+1)/2, when each sign is a coin's.
fn rank_sum_probabilities(count: usize) -> Vec<f64> {
    let mut probabilities = vec![0.0; count * (count + 1) / 2 + 1];
    probabilities[0] = 1.0;
    for rank in 1..=count {
        for sum in (0..probabilities.len()).rev() {
            let with_rank = sum.checked_sub(rank).map_or(0.0, |rest| probabilities[rest]);
            probabilities[sum] = f64::midpoint(probabilities[sum], with_rank);
        }
    }
    probabilities
}

/// The means of all pairs of values, each value paired with itself too, in ascending order.
fn walsh_averages(values: &[f64]) -> Vec<f64> {
    let pairs = values.iter().enumerate().flat_map(|(at, one)| values[at..].iter().map(move |other| (one, other)));
    sorted(pairs.map(|(one, other)| f64::midpoint(*one, *other)).collect())
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values
}

fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => None,
        count if count.is_multiple_of(2) => Some(f64::midpoint(sorted[middle - 1], sorted[middle])),
        _ => Some(sorted[middle]),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde::Deserialize;

    use super::*;

    /// What `SciPy` says of the same values; `scripts/known-answers.py` writes the file.
    const KNOWN: &str = include_str!("statistics/known_answers.json");

    #[derive(Deserialize)]
    struct Known {
        samples: Vec<Sample>,
    }

    #[derive(Deserialize)]
    struct Sample {
        values: Vec<f64>,
        hodges_lehmann: f64,
        intervals: Vec<(f64, Option<(f64, f64)>)>,
    }

    #[test]
    fn the_answers_are_those_of_scipy() {
        let known: Known = serde_json::from_str(KNOWN).unwrap();
        assert!(known.samples.len() >= 10);
        for Sample { values, hodges_lehmann: expected, intervals } in known.samples {
            let estimate = hodges_lehmann(&values).unwrap();
            assert!((estimate - expected).abs() < 1e-12, "{estimate} is not {expected}: {values:?}");
            for (confidence, expected) in intervals {
                let interval = signed_rank_interval(&values, confidence).map(|found| (found.low, found.high));
                let is_same = match (interval, expected) {
                    (Some((low, high)), Some(known)) => {
                        (low - known.0).abs() < 1e-12 && (high - known.1).abs() < 1e-12
                    }
                    (None, None) => true,
                    _ => false,
                };
                assert!(is_same, "{interval:?} is not {expected:?} at {confidence}: {values:?}");
            }
        }
    }

    #[test]
    fn too_few_values_give_no_interval() {
        let values: Vec<f64> = (0..20_u8).map(f64::from).collect();
        let least =
            |confidence| (0..20).find(|count| signed_rank_interval(&values[..*count], confidence).is_some());
        assert_eq!(least(0.95), Some(6));
        assert_eq!(least(0.99), Some(8));
        assert_eq!(hodges_lehmann(&[]), None);
        assert_eq!(median(&[]), None);
    }

    #[test]
    fn the_probabilities_of_all_rank_sums_are_one() {
        for count in [0, 1, 7, 40, 200] {
            let sum: f64 = rank_sum_probabilities(count).iter().sum();
            assert!((sum - 1.0).abs() < 1e-9, "{count}: {sum}");
        }
    }

    proptest! {
        #[test]
        fn the_interval_holds_the_estimate_and_moves_with_the_values(
            values in prop::collection::vec(-1.0_f64..1.0, 8..40),
            shift in -1.0_f64..1.0,
        ) {
            let interval = signed_rank_interval(&values, 0.99).unwrap();
            let estimate = hodges_lehmann(&values).unwrap();
            prop_assert!(interval.low <= estimate && estimate <= interval.high);
            let moved: Vec<f64> = values.iter().map(|value| value + shift).collect();
            let there = signed_rank_interval(&moved, 0.99).unwrap();
            prop_assert!((there.low - interval.low - shift).abs() < 1e-9);
            prop_assert!((there.high - interval.high - shift).abs() < 1e-9);
        }
    }
}
