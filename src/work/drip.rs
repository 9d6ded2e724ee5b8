//! How many bytes are due, when they come one by one. Pure.

use std::time::Duration;

/// So many bytes over so much time: the first at once, the last at its end, the others evenly between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drip {
    /// How many.
    pub bytes: u64,
    /// From the first to the last.
    pub duration: Duration,
}

impl Drip {
    /// How many are due when so much time has passed since the first.
    #[must_use]
    pub fn due(&self, elapsed: Duration) -> u64 {
        let Some(gaps) = self.gaps().filter(|_| elapsed < self.duration) else { return self.bytes };
        let passed = elapsed.as_nanos() * u128::from(gaps) / self.duration.as_nanos();
        u64::try_from(passed).map_or(self.bytes, |passed| passed + 1)
    }

    /// When so many are due, from the first on: never before [`due`](Self::due) says so.
    #[must_use]
    pub fn due_at(&self, bytes: u64) -> Duration {
        let Some(gaps) = self.gaps().filter(|_| bytes > 1) else { return Duration::ZERO };
        let passed = (self.duration.as_nanos() * u128::from(bytes - 1)).div_ceil(u128::from(gaps));
        Duration::from_nanos(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    /// Whether bytes are due closer together than this.
    #[must_use]
    pub fn is_dense(&self, gap: Duration) -> bool {
        self.gaps().is_some_and(|gaps| self.duration.as_nanos() < gap.as_nanos() * u128::from(gaps))
    }

    fn gaps(&self) -> Option<u64> {
        self.bytes.checked_sub(1).filter(|&gaps| gaps > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_comes_at_once_and_the_last_at_the_end() {
        let drip = Drip { bytes: 10, duration: Duration::from_secs(9) };
        for (milliseconds, due) in [(0, 1), (999, 1), (1_000, 2), (8_999, 9), (9_000, 10), (90_000, 10)] {
            assert_eq!(drip.due(Duration::from_millis(milliseconds)), due, "{milliseconds} ms");
        }
        assert_eq!([1, 2, 10].map(|bytes| drip.due_at(bytes).as_secs()), [0, 1, 9]);
    }

    #[test]
    fn few_bytes_and_no_time_are_due_at_once() {
        for (bytes, seconds) in [(0, 2), (1, 2), (1_000, 0), (u64::MAX, 0)] {
            let drip = Drip { bytes, duration: Duration::from_secs(seconds) };
            assert_eq!(drip.due(Duration::ZERO), bytes, "{drip:?}");
        }
    }

    #[test]
    fn density_is_by_the_gap() {
        let over = |bytes, milliseconds| Drip { bytes, duration: Duration::from_millis(milliseconds) };
        let millisecond = Duration::from_millis(1);
        assert!(!over(11, 10).is_dense(millisecond) && over(12, 10).is_dense(millisecond));
        assert!(!over(1, 0).is_dense(millisecond) && !over(0, 0).is_dense(millisecond));
    }

    proptest! {
        #[test]
        fn each_byte_is_due_when_it_says(
            bytes in 2_u64..1 << 40,
            nanoseconds in 1_u64..3_600_000_000_000,
            part in 0.0_f64..1.0,
        ) {
            #[allow(clippy::cast_possible_truncation, clippy::cast_precision_loss, clippy::cast_sign_loss)]
            let count = 2 + ((bytes - 2) as f64 * part) as u64;
            let drip = Drip { bytes, duration: Duration::from_nanos(nanoseconds) };
            let at = drip.due_at(count);
            prop_assert!(at <= drip.duration);
            prop_assert!(drip.due(at) >= count, "{} at {:?}", drip.due(at), at);
            if let Some(before) = at.checked_sub(Duration::from_nanos(1)) {
                prop_assert!(drip.due(before) < count);
            }
        }
    }
}
