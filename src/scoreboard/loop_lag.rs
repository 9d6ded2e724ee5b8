//! How late a worker's beat was at most, from one tick of the observer to the next.
//!
//! The observer numbers its ticks' windows; a worker enters each beat's lateness under the window that is open, in one
//! of two places by turns, so that the window that was just closed can be read while the next one fills. A beat that
//! sees a window close under its hands enters itself in the next one too: it may be shown in two ticks, never in none.

use std::sync::atomic::{
    AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, Ordering::SeqCst, fence,
};

use bytemuck::Zeroable;

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
}

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
    pub(super) fn enter(&self, window: &LagWindow, lag_ns: u64) {
        let open = window.0.load(Relaxed);
        self.enter_in(open, lag_ns);
        // Either the observer, which closes and then reads, sees the entry, or this sees that it has closed.
        fence(SeqCst);
        let now = window.0.load(Relaxed);
        if now != open {
            self.enter_in(now, lag_ns);
        }
    }

    fn enter_in(&self, window: u64, lag_ns: u64) {
        let Largest { window: noted, lag_ns: largest } = self.place(window);
        if noted.load(Relaxed) != window.wrapping_add(1) {
            largest.store(lag_ns, Relaxed);
            noted.store(window.wrapping_add(1), Release);
        } else if lag_ns > largest.load(Relaxed) {
            largest.store(lag_ns, Relaxed);
        }
    }

    /// The largest lateness of any beat in a window that is closed; `None` when there was no beat in it.
    #[must_use]
    pub fn in_window(&self, window: u64) -> Option<u64> {
        let Largest { window: noted, lag_ns } = self.place(window);
        (noted.load(Acquire) == window.wrapping_add(1)).then(|| lag_ns.load(Relaxed))
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
        self.0.iter().flat_map(|Largest { window, lag_ns }| [window, lag_ns])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;

    fn zeroed() -> (LagWindow, LoopLag) {
        (LagWindow(AtomicU64::new(0)), LoopLag(std::array::from_fn(|_| Zeroable::zeroed())))
    }

    #[test]
    fn a_window_has_its_largest_lateness_and_an_empty_one_has_none() {
        let (window, lag) = zeroed();
        for lag_ns in [30, 500, 20] {
            lag.enter(&window, lag_ns);
        }
        assert_eq!(lag.in_window(window.close()), Some(500));
        lag.enter(&window, 7);
        assert_eq!(lag.in_window(window.close()), Some(7));
        assert_eq!(lag.in_window(window.close()), None);
        assert_eq!(lag.in_window(window.close()), None);
        lag.enter(&window, 0);
        assert_eq!(lag.in_window(window.close()), Some(0));
    }

    #[test]
    fn no_lateness_is_missed_between_two_windows() {
        const BEATS: u64 = 200_000;
        let (window, lag) = zeroed();
        let ended = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for beat in 1..=BEATS {
                    lag.enter(&window, beat);
                }
                ended.store(true, Release);
            });
            let mut largest = 0;
            loop {
                let last = ended.load(Acquire);
                if let Some(seen) = lag.in_window(window.close()) {
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
