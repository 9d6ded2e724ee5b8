//! How late a worker's beat was at most, from one tick of the observer to the next.
//!
//! The observer numbers its ticks' windows; a worker enters each beat's lateness under the window that is open, in one
//! of two places by turns, so that the window that was just closed can be read while the next one fills. A beat that
//! sees its window close enters itself in the next one too, until one stays open: several ticks may show it, never none.

use std::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};

use bytemuck::Zeroable;

use crate::maybe_known::MaybeKnown;

/// How often a worker that nobody asks anything looks at its orders, its clock and its connections.
pub const BEAT_NS: u64 = 100_000_000;

/// The window that is open. Written by the observer.
#[derive(Zeroable)]
#[repr(C)]
pub struct LagWindow(AtomicU64);

/// A worker's largest lateness in the open window, and in the one before. Written by the worker.
#[derive(Zeroable)]
#[repr(C)]
pub struct LoopLag([Largest; 2]);

#[derive(Zeroable)]
#[repr(C)]
struct Largest {
    /// The window, plus one: 0 is none.
    window: AtomicU64,
    lag_ns: AtomicU64,
    ran_ns: AtomicU64,
    waited_ns: AtomicU64,
    blocked_ns: AtomicU64,
}

/// A beat that came late, and what the loop's thread had done since the beat before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Late {
    /// How late it came.
    pub lag_ns: u64,
    /// On a processor.
    pub ran_ns: MaybeKnown,
    /// Ready to run, and waiting for a processor.
    pub waited_ns: MaybeKnown,
    /// Asleep on purpose, for a request that blocks the loop.
    pub blocked_ns: MaybeKnown,
}

/// In shared memory, an unknown time.
const UNKNOWN: u64 = u64::MAX;

impl LagWindow {
    /// Closes the open window, opens the next one, and returns the closed one. For the observer.
    pub fn close(&self) -> u64 {
        let closed = self.0.load(Relaxed);
        self.0.store(closed.wrapping_add(1), Relaxed);
        fence(SeqCst);
        closed
    }
}

impl LoopLag {
    /// Enters a beat's lateness. For the worker.
    pub(super) fn enter(&self, window: &LagWindow, late: Late) {
        let mut open = window.0.load(Relaxed);
        loop {
            self.enter_in(open, late);
            // Either the observer, which closes and then reads, sees the entry, or this sees that it has closed.
            fence(SeqCst);
            let now = window.0.load(Relaxed);
            if now == open {
                return;
            }
            open = now;
        }
    }

    fn enter_in(&self, window: u64, late: Late) {
        let largest = self.place(window);
        if largest.window.load(Relaxed) != window.wrapping_add(1) {
            largest.store(late);
            largest.window.store(window.wrapping_add(1), Release);
        } else if late.lag_ns > largest.lag_ns.load(Relaxed) {
            largest.store(late);
        }
    }

    /// The latest beat in a window that is closed; `None` when there was no beat in it.
    #[must_use]
    pub fn in_window(&self, window: u64) -> Option<Late> {
        let largest = self.place(window);
        (largest.window.load(Acquire) == window.wrapping_add(1)).then(|| largest.load())
    }

    fn place(&self, window: u64) -> &Largest {
        &self.0[usize::from(!window.is_multiple_of(2))]
    }

    pub(super) fn clear(&self) {
        for place in self.places() {
            place.store(0, Relaxed);
        }
    }

    pub(super) fn places(&self) -> impl Iterator<Item = &AtomicU64> {
        self.0.iter().flat_map(|Largest { window, lag_ns, ran_ns, waited_ns, blocked_ns }| {
            [window, lag_ns, ran_ns, waited_ns, blocked_ns]
        })
    }
}

impl Largest {
    fn store(&self, late: Late) {
        let Late { lag_ns, ran_ns, waited_ns, blocked_ns } = late;
        self.lag_ns.store(lag_ns, Relaxed);
        for (place, time_ns) in self.times().into_iter().zip([ran_ns, waited_ns, blocked_ns]) {
            place.store(time_ns.get().unwrap_or(UNKNOWN), Relaxed);
        }
    }

    fn load(&self) -> Late {
        let [ran_ns, waited_ns, blocked_ns] =
            self.times().map(|place| Some(place.load(Relaxed)).filter(|time_ns| *time_ns != UNKNOWN).into());
        Late { lag_ns: self.lag_ns.load(Relaxed), ran_ns, waited_ns, blocked_ns }
    }

    fn times(&self) -> [&AtomicU64; 3] {
        [&self.ran_ns, &self.waited_ns, &self.blocked_ns]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    /// So late, with a wait that is not known.
    fn by(lag_ns: u64) -> Late {
        Late { lag_ns, ran_ns: lag_ns.into(), blocked_ns: 3.into(), ..Late::default() }
    }

    fn zeroed() -> (LagWindow, LoopLag) {
        (LagWindow(AtomicU64::new(0)), LoopLag(std::array::from_fn(|_| Zeroable::zeroed())))
    }

    #[test]
    fn a_window_has_its_largest_lateness_and_an_empty_one_has_none() {
        let (window, lag) = zeroed();
        for lag_ns in [30, 500, 20] {
            lag.enter(&window, by(lag_ns));
        }
        assert_eq!(lag.in_window(window.close()), Some(by(500)));
        lag.enter(&window, by(7));
        assert_eq!(lag.in_window(window.close()), Some(by(7)));
        assert_eq!(lag.in_window(window.close()), None);
        assert_eq!(lag.in_window(window.close()), None);
        lag.enter(&window, by(0));
        assert_eq!(lag.in_window(window.close()), Some(by(0)));
    }

    #[test]
    fn no_lateness_is_missed_between_two_windows() {
        const BEATS: u64 = 200_000;
        let (window, lag) = zeroed();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for beat in 1..=BEATS {
                    lag.enter(&window, by(beat));
                }
                ended.store(true, Release);
            });
            let mut largest = 0;
            loop {
                let last = ended.load(Acquire);
                if let Some(Late { lag_ns: seen, .. }) = lag.in_window(window.close()) {
                    // Rising lateness: each window's largest is its last beat, which the one after can't fall behind.
                    assert!(seen >= largest, "{seen} after {largest}");
                    largest = seen;
                }
                if last {
                    break;
                }
            }
            assert_eq!(largest, BEATS);
        });
    }
}
