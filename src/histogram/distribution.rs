//! Histograms as read: summed, compared, asked for quantiles.

use std::sync::atomic::Ordering::Relaxed;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::marks::bits;
use super::{BUCKETS, DENSE, GROUP, Histogram, bounds, bucket_of};

/// One or more histograms, read and summed, or the difference of two such sums. It holds the stretch of buckets that were
/// ever touched (with their neighbours), which is a small part of all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    /// The bucket that the first of the counts is of.
    first: usize,
    /// Empty when nothing was ever recorded.
    counts: Vec<u64>,
    /// The largest value in nanoseconds: exactly, but in a difference within the width of a bucket.
    pub max_ns: u64,
}

/// The quantiles that are shown everywhere, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// The median.
    pub p50_ns: u64,
    /// Nine of ten are not longer.
    pub p90_ns: u64,
    /// 19 of 20 are not longer.
    pub p95_ns: u64,
    /// 99 of 100 are not longer.
    pub p99_ns: u64,
    /// The longest.
    pub max_ns: u64,
}

impl Distribution {
    /// Adds what a histogram holds.
    pub fn add(&mut self, histogram: &Histogram) {
        // Once: its writer may mark another one meanwhile.
        let mut groups = histogram.groups();
        let Some(first) = groups.next() else { return };
        let last = groups.next_back().unwrap_or(first);
        let counts = self.stretch(first * GROUP, last * GROUP + GROUP - 1);
        for group in [first].into_iter().chain(groups).chain((last > first).then_some(last)) {
            let (counts, buckets) = (&mut counts[(group - first) * GROUP..][..GROUP], histogram.group(group));
            let mut add = |place: usize| counts[place] = counts[place].wrapping_add(buckets[place].load(Relaxed));
            let marked = histogram.marks.word(group);
            if marked.count_ones() < DENSE { bits(marked).for_each(add) } else { (0..GROUP).for_each(&mut add) }
        }
        self.max_ns = self.max_ns.max(histogram.max.load(Relaxed));
    }

    /// Adds a value, in nanoseconds, so many times.
    pub fn record(&mut self, value_ns: u64, count: u64) {
        let bucket = bucket_of(value_ns);
        let here = &mut self.stretch(bucket, bucket)[0];
        *here = here.wrapping_add(count);
        self.max_ns = self.max_ns.max(value_ns);
    }

    /// Adds another distribution.
    pub fn merge(&mut self, other: &Self) {
        if let Some(last) = other.counts.len().checked_sub(1) {
            for (sum, count) in self.stretch(other.first, other.first + last).iter_mut().zip(&other.counts) {
                *sum = sum.wrapping_add(*count);
            }
        }
        self.max_ns = self.max_ns.max(other.max_ns);
    }

    /// What was recorded since `before`, an earlier reading of the same; `None` when a bucket fell, which none does
    /// that is written by its one writer.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        let mut more = self.clone();
        for (bucket, count) in before.filled() {
            let place = bucket.checked_sub(self.first).and_then(|place| more.counts.get_mut(place))?;
            *place = place.checked_sub(count)?;
        }
        let (highest, _) = more.filled().next_back().unwrap_or_default();
        let (_, edge) = bounds(highest);
        // Whichever of the two was read first: a maximum elsewhere than in the highest bucket is not of these values.
        more.max_ns = if bucket_of(self.max_ns) == highest { self.max_ns } else { edge };
        Some(if more.is_empty() { Self::default() } else { more })
    }

    /// Whether nothing was recorded.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.counts.iter().all(|&count| count == 0)
    }

    /// How many values were recorded.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().fold(0, |sum, count| sum.wrapping_add(*count))
    }

    /// The buckets that count something, by number, and how many they count.
    #[must_use]
    pub fn filled(&self) -> impl DoubleEndedIterator<Item = (usize, u64)> + '_ {
        let counts = self.counts.iter().enumerate().filter(|&(_, &count)| count > 0);
        counts.map(|(place, &count)| (self.first + place, count))
    }

    /// The values that were recorded, each as the middle of its bucket in nanoseconds, and how often.
    pub fn values(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.filled().map(|(bucket, count)| {
            let (low, high) = bounds(bucket);
            (low + (high - low) / 2, count)
        })
    }

    /// The value at a quantile from 0 to 1, in nanoseconds: the middle of the bucket in which the value of
    /// rank ⌈quantile × count⌉ lies (at least rank 1), never above the maximum. `None` when nothing was recorded.
    #[must_use]
    pub fn quantile_ns(&self, quantile: f64) -> Option<u64> {
        self.at([quantile]).map(|[value]| value)
    }

    /// The quantiles that are shown everywhere; `None` when nothing was recorded.
    #[must_use]
    pub fn quantiles(&self) -> Option<Quantiles> {
        let [p50_ns, p90_ns, p95_ns, p99_ns] = self.at([0.50, 0.90, 0.95, 0.99])?;
        Some(Quantiles { p50_ns, p90_ns, p95_ns, p99_ns, max_ns: self.max_ns })
    }

    /// The values at quantiles that don't fall, in one walk.
    fn at<const MANY: usize>(&self, quantiles: [f64; MANY]) -> Option<[u64; MANY]> {
        let count = self.count();
        if count == 0 {
            return None;
        }
        let mut filled = self.filled();
        let (mut below, mut value) = (0_u64, 0);
        Some(quantiles.map(|quantile| {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let rank = ((quantile * count as f64).ceil() as u64).clamp(1, count);
            while below < rank {
                let Some((bucket, here)) = filled.next() else { break };
                // Garbage in a bucket must not end the reader.
                below = below.saturating_add(here);
                let (low, high) = bounds(bucket);
                value = low + (high - low) / 2;
            }
            value.min(self.max_ns)
        }))
    }

    /// The counts of a stretch of buckets, made where there are none yet.
    fn stretch(&mut self, low: usize, high: usize) -> &mut [u64] {
        if self.counts.is_empty() {
            self.first = low;
        }
        if low < self.first {
            self.counts.splice(0..0, std::iter::repeat_n(0, self.first - low));
            self.first = low;
        }
        let length = self.counts.len().max(high.min(BUCKETS - 1) + 1 - self.first);
        self.counts.resize(length, 0);
        &mut self.counts[low - self.first..]
    }
}

/// As a flat list: the maximum, then for each bucket that counts something how many empty ones come before it, and its
/// count. Histograms are sparse, and this is kept for every mark.
impl Serialize for Distribution {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut next = 0;
        let buckets = self.filled().flat_map(|(bucket, count)| {
            let gap = bucket - std::mem::replace(&mut next, bucket + 1);
            [gap as u64, count]
        });
        serializer.collect_seq([self.max_ns].into_iter().chain(buckets).collect::<Vec<u64>>())
    }
}

impl<'de> Deserialize<'de> for Distribution {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let list = Vec::<u64>::deserialize(deserializer)?;
        let mut read = Self { max_ns: list.first().copied().unwrap_or(0), ..Self::default() };
        let mut next = 0_usize;
        for pair in list.get(1..).unwrap_or_default().chunks_exact(2) {
            let bucket = usize::try_from(pair[0]).ok().and_then(|gap| gap.checked_add(next));
            let bucket = bucket.filter(|bucket| *bucket < BUCKETS);
            let bucket = bucket.ok_or_else(|| serde::de::Error::custom("there is no such bucket"))?;
            read.stretch(bucket, bucket)[0] = pair[1];
            next = bucket + 1;
        }
        Ok(read)
    }
}
