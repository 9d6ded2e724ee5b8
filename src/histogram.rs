//! A latency histogram in shared memory: one writer, any number of readers.
//!
//! The layout is `HdrHistogram`'s for two significant digits, in nanoseconds: the values below 256 each have a
//! bucket, and every further power of two is cut into 128, up to 2³⁶ ns (68.7 s). A bucket is at most 1/128 of
//! its lowest value wide; a quantile is reported as the bucket's middle, so within half of that, 0.4 %, and within
//! 0.78 % for whoever reports an edge. Longer values count in the last bucket; `max` keeps them exactly.

mod classic;
mod marks;

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;
use marks::bits;

mod distribution;
mod durations;

pub use distribution::{Distribution, Quantiles};
pub use durations::Durations;
pub(crate) use marks::Marks;

/// Number of buckets.
pub const BUCKETS: usize = 3840;

/// From here on, a value counts in the last bucket with all that are longer: 68.7 s.
pub const LONGEST_NS: u64 = 1 << 36;

/// Values below this have a bucket each.
const LINEAR: u64 = 256;

/// Buckets in one power of two.
const IN_AN_OCTAVE: u64 = 128;

/// Powers of two below [`LINEAR`].
const LINEAR_BITS: u32 = LINEAR.trailing_zeros();

/// Buckets in a group, which has a word of marks.
const GROUP: usize = 64;

/// Groups of buckets: as many as have room in a word.
const GROUPS: usize = BUCKETS / GROUP;

/// A group with so many marked buckets is read whole, since that takes no longer than to pick them.
const DENSE: u32 = 24;

/// Buckets, and marks of which of them were ever written: untouched shared memory must not be read, since
/// reading allocates it; and among the buckets of a few thousand requests most are empty.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Histogram {
    max: AtomicU64,
    /// Groups with a marked bucket.
    groups: Marks<1>,
    marks: Marks<GROUPS>,
    buckets: [AtomicU64; BUCKETS],
}

impl Histogram {
    /// Counts one value. For the histogram's one writer.
    pub fn record(&self, value_ns: u64) {
        let bucket = bucket_of(value_ns);
        self.mark(bucket);
        add(&self.buckets[bucket], 1);
        if value_ns > self.max.load(Relaxed) {
            self.max.store(value_ns, Relaxed);
        }
    }

    /// Adds everything in `other`. For the histogram's one writer.
    pub fn absorb(&self, other: &Self) {
        for group in other.groups() {
            for bucket in bits(other.marks.word(group)).map(|place| group * GROUP + place) {
                self.mark(bucket);
                add(&self.buckets[bucket], other.buckets[bucket].load(Relaxed));
            }
        }
        self.max.store(self.max.load(Relaxed).max(other.max.load(Relaxed)), Relaxed);
    }

    /// Forgets everything. For the histogram's one writer.
    pub fn clear(&self) {
        for group in self.groups() {
            for bucket in self.group(group) {
                bucket.store(0, Relaxed);
            }
        }
        if self.groups.word(0) != 0 {
            self.marks.clear();
        }
        self.groups.clear();
        self.max.store(0, Relaxed);
    }

    /// The groups in which a bucket was ever written. Garbage in the marks names none that there isn't.
    fn groups(&self) -> impl DoubleEndedIterator<Item = usize> + use<> {
        let marked = self.groups.word(0);
        (0..GROUPS).filter(move |group| marked >> group & 1 == 1)
    }

    fn group(&self, group: usize) -> &[AtomicU64] {
        &self.buckets[group * GROUP..][..GROUP]
    }

    /// Garbage all over, as a worker gone wild might leave it.
    #[cfg(test)]
    pub(crate) fn scribble(&self, random: &mut impl FnMut() -> u64) {
        let Self { max, groups, marks, buckets } = self;
        for place in [max].into_iter().chain(groups.words()).chain(marks.words()).chain(buckets) {
            place.store(random(), Relaxed);
        }
    }

    fn mark(&self, bucket: usize) {
        self.groups.set(bucket / GROUP);
        self.marks.set(bucket);
    }
}

/// Adds to a counter that has one writer: a load and a store, no locked instruction.
pub(crate) fn add(counter: &AtomicU64, amount: u64) {
    counter.store(counter.load(Relaxed).wrapping_add(amount), Relaxed);
}

/// The bucket that counts a value.
fn bucket_of(value: u64) -> usize {
    let bucket = if value < LINEAR {
        value
    } else {
        let octave = u64::from(value.ilog2() - LINEAR_BITS);
        let within = (value >> (octave + 1)) - IN_AN_OCTAVE;
        LINEAR + octave * IN_AN_OCTAVE + within
    };
    usize::try_from(bucket).unwrap_or(BUCKETS).min(BUCKETS - 1)
}

/// The lowest and highest value that a bucket counts.
fn bounds(bucket: usize) -> (u64, u64) {
    let bucket = bucket as u64;
    if bucket < LINEAR {
        return (bucket, bucket);
    }
    let octave = (bucket - LINEAR) / IN_AN_OCTAVE;
    let within = (bucket - LINEAR) % IN_AN_OCTAVE;
    let low = (IN_AN_OCTAVE + within) << (octave + 1);
    (low, low + (1 << (octave + 1)) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn distribution_of(values: &[u64]) -> Distribution {
        let histogram: Box<Histogram> = bytemuck::allocation::zeroed_box();
        for &value in values {
            histogram.record(value);
        }
        let mut distribution = Distribution::default();
        distribution.add(&histogram);
        distribution
    }

    #[test]
    fn every_bucket_counts_the_values_between_its_bounds() {
        let mut expected_low = 0;
        for bucket in 0..BUCKETS {
            let (low, high) = bounds(bucket);
            assert_eq!(low, expected_low, "bucket {bucket}");
            assert_eq!((bucket_of(low), bucket_of(high)), (bucket, bucket));
            expected_low = high + 1;
        }
        assert_eq!(expected_low, 1 << 36);
        assert_eq!(bucket_of(u64::MAX), BUCKETS - 1);
    }

    #[test]
    fn nothing_recorded_has_no_quantile() {
        assert_eq!(Distribution::default().quantile_ns(0.5), None);
        assert_eq!(distribution_of(&[]).count(), 0);
    }

    proptest! {
        #[test]
        fn a_quantile_is_within_one_bucket_of_the_exact_one(
            mut values in proptest::collection::vec(0_u64..60_000_000_000, 1..300),
            quantile in 0.0_f64..=1.0,
        ) {
            let distribution = distribution_of(&values);
            values.sort_unstable();
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = ((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len());
            let exact = values[rank - 1];
            let reported = distribution.quantile_ns(quantile).unwrap();
            prop_assert!(reported.abs_diff(exact) * 128 <= exact, "{reported} for {exact}");
            prop_assert_eq!(distribution.max_ns, values[values.len() - 1]);
            prop_assert_eq!(distribution.count(), values.len() as u64);
        }

        #[test]
        fn absorbing_is_recording_the_other_s_values(
            mine in proptest::collection::vec(0_u64..100_000_000_000, 0..50),
            theirs in proptest::collection::vec(0_u64..100_000_000_000, 0..50),
        ) {
            let one: Box<Histogram> = bytemuck::allocation::zeroed_box();
            let other: Box<Histogram> = bytemuck::allocation::zeroed_box();
            for &value in &mine {
                one.record(value);
            }
            for &value in &theirs {
                other.record(value);
            }
            one.absorb(&other);
            other.clear();
            let mut sum = Distribution::default();
            sum.add(&one);
            sum.add(&other);
            let all: Vec<u64> = mine.iter().chain(&theirs).copied().collect();
            prop_assert_eq!(sum, distribution_of(&all));
        }

        #[test]
        fn a_difference_is_what_was_recorded_in_between(
            before in proptest::collection::vec(0_u64..68_000_000_000, 0..50),
            after in proptest::collection::vec(0_u64..68_000_000_000, 0..50),
        ) {
            let histogram: Box<Histogram> = bytemuck::allocation::zeroed_box();
            let read = || {
                let mut read = Distribution::default();
                read.add(&histogram);
                read
            };
            for &value in &before {
                histogram.record(value);
            }
            let earlier = read();
            for &value in &after {
                histogram.record(value);
            }
            let difference = read().since(&earlier).unwrap();
            let expected = distribution_of(&after);
            prop_assert!(difference.filled().eq(expected.filled()));
            prop_assert!(difference.max_ns.abs_diff(expected.max_ns) * 128 <= expected.max_ns.max(128));
            prop_assert_eq!(difference.quantile_ns(1.0).is_none(), after.is_empty());
            // Nothing falls that is written by its one writer.
            prop_assert_eq!(earlier.since(&read()).is_none(), !after.is_empty());
            let written = serde_json::to_string(&difference).unwrap();
            let again: Distribution = serde_json::from_str(&written).unwrap();
            prop_assert!(again.max_ns == difference.max_ns && again.filled().eq(difference.filled()));
            let mut sum = earlier;
            sum.merge(&difference);
            prop_assert!(sum.filled().eq(read().filled()));
        }
    }
}
