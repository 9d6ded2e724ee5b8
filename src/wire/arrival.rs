//! When the bytes of a read arrived. The kernel stamps them with the wall clock, which may step.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::sys::clock::{self, MILLISECOND};

/// The wall clock and the monotonic one run at the same pace, slewing included: only a step moves them apart.
const STEP_NS: u64 = 10 * MILLISECOND;

/// Read one after the other, they are this close together unless somebody was interrupted in between.
const DOUBT_NS: u64 = MILLISECOND / 100;

/// Two clocks, read one after the other.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    /// `CLOCK_MONOTONIC`.
    pub monotonic_ns: u64,
    /// `CLOCK_REALTIME`.
    pub realtime_ns: u64,
}

impl Reading {
    /// As they are now.
    pub fn now() -> Self {
        Self { monotonic_ns: clock::monotonic_ns(), realtime_ns: clock::realtime_ns() }
    }
}

/// What a worker knows of the wall clock.
#[derive(Default)]
pub struct WallClock {
    /// How far it is ahead of the monotonic one; 0 before the first reading.
    ahead_ns: AtomicU64,
    /// When it was last seen to have stepped (monotonic).
    stepped_ns: AtomicU64,
}

impl WallClock {
    /// As it is now: a step before the first stamp is seen too.
    #[must_use]
    pub fn seen(now: Reading) -> Self {
        Self { ahead_ns: AtomicU64::new(ahead_ns(now)), stepped_ns: AtomicU64::new(0) }
    }

    /// When a stamp was taken (monotonic). `None` when the clock has stepped since then, or may have: the difference
    /// would be the step, and not what a request has waited. `read` reads the clocks again, where `now` is doubtful.
    pub fn arrival_ns(&self, stamp_ns: u64, mut now: Reading, read: impl Fn() -> Reading) -> Option<u64> {
        if self.has_moved(now, DOUBT_NS) {
            // Somebody who is interrupted between the two clocks sees them apart, but not twice.
            now = read();
            if self.has_moved(now, STEP_NS) {
                self.stepped_ns.store(now.monotonic_ns, Relaxed);
            }
        }
        self.ahead_ns.store(ahead_ns(now), Relaxed);
        if stamp_ns > now.realtime_ns.saturating_add(STEP_NS) {
            return None;
        }
        let arrival_ns = now.monotonic_ns.checked_sub(now.realtime_ns.saturating_sub(stamp_ns))?;
        (arrival_ns >= self.stepped_ns.load(Relaxed)).then_some(arrival_ns)
    }

    fn has_moved(&self, now: Reading, by_ns: u64) -> bool {
        let before = self.ahead_ns.load(Relaxed);
        before != 0 && before.wrapping_sub(ahead_ns(now)).wrapping_add(by_ns) > 2 * by_ns
    }
}

fn ahead_ns(now: Reading) -> u64 {
    now.realtime_ns.wrapping_sub(now.monotonic_ns)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// What a request with this stamp learns at that time.
    fn arrival(clock: &WallClock, stamp_ns: u64, read: impl Fn() -> Reading) -> Option<u64> {
        clock.arrival_ns(stamp_ns, read(), &read)
    }

    const SECOND: u64 = 1_000_000_000;

    /// 1,000 s after the machine started, at 1,000,000 s, and so much later.
    fn at(later_ns: u64, stepped_by: i64) -> impl Fn() -> Reading {
        let realtime_ns = (1_000_000 * SECOND + later_ns).wrapping_add_signed(stepped_by);
        move || Reading { monotonic_ns: 1_000 * SECOND + later_ns, realtime_ns }
    }

    fn stamp(later_ns: u64, stepped_by: i64) -> u64 {
        at(later_ns, stepped_by)().realtime_ns
    }

    #[test]
    fn a_step_before_the_first_stamp_is_seen() {
        let clock = WallClock::seen(at(0, 0)());
        assert_eq!(arrival(&clock, stamp(SECOND, 0), at(SECOND, 100 * 1_000_000_000)), None);
    }

    #[test]
    fn a_stamp_is_as_old_as_it_says() {
        let clock = WallClock::default();
        assert_eq!(arrival(&clock, stamp(0, 0), at(SECOND, 0)), Some(1_000 * SECOND));
        // Older than the first reading: it waited for a worker that was not there yet.
        assert_eq!(arrival(&clock, stamp(0, 0), at(70 * SECOND, 0)), Some(1_000 * SECOND));
        // Another processor's clock may be a little ahead.
        assert_eq!(arrival(&clock, stamp(71_000, 0), at(70_000, 0)), Some(1_000 * SECOND + 70_000));
    }

    #[test]
    fn what_waited_over_a_step_has_no_arrival_and_what_came_later_has_one() {
        let hour = 3_600 * 1_000_000_000;
        for step in [hour, -hour, 24 * hour, -24 * hour, 20_000_000, -20_000_000, -1_000_000 * 1_000_000_000] {
            let clock = WallClock::default();
            assert!(arrival(&clock, stamp(0, 0), at(1_000, 0)).is_some());
            // Stamped before the step, read after it.
            assert_eq!(arrival(&clock, stamp(2_000, 0), at(3_000, step)), None, "{step}");
            if step.unsigned_abs() > SECOND {
                assert_eq!(arrival(&clock, stamp(2_500, 0), at(4_000, step)), None, "{step}");
            }
            let next = arrival(&clock, stamp(SECOND, step), at(SECOND + 5, step));
            assert_eq!(next, Some(1_001 * SECOND), "{step}");
        }
    }

    #[test]
    fn whoever_was_interrupted_between_the_clocks_reads_again() {
        let clock = WallClock::default();
        assert!(arrival(&clock, stamp(0, 0), at(0, 0)).is_some());
        // By more than a step would be, and by less.
        for interruption_ns in [30_000_000, 3_000_000, 20_000] {
            let readings = Cell::new(0);
            let interrupted = || {
                let times = readings.replace(readings.get() + 1);
                let Reading { monotonic_ns, realtime_ns } = at(SECOND, 0)();
                Reading { monotonic_ns, realtime_ns: realtime_ns + if times == 0 { interruption_ns } else { 0 } }
            };
            assert_eq!(arrival(&clock, stamp(0, 0), interrupted), Some(1_000 * SECOND), "{interruption_ns}");
            assert_eq!(readings.get(), 2);
        }
    }
}
