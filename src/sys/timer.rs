//! Timers finer than the runtime's, which counts milliseconds.

use std::io;
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create, timerfd_settime,
};

use super::clock::SECOND;

/// A descriptor that becomes readable at a time on the monotonic clock: `timerfd_create(2)`.
///
/// The kernel gives these no slack. Setting one again makes it unreadable until the new time, so that nobody need read
/// it.
pub struct Timer(OwnedFd);

impl Timer {
    /// A timer that is not set.
    ///
    /// # Errors
    /// What `timerfd_create(2)` says.
    pub fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        Ok(Self(timerfd_create(TimerfdClockId::Monotonic, flags)?))
    }

    /// Sets it to a time on the monotonic clock; one that has passed is at once.
    ///
    /// # Errors
    /// What `timerfd_settime(2)` says.
    pub fn set(&self, at_ns: u64) -> io::Result<()> {
        // 0 would unset it.
        let at_ns = at_ns.max(1);
        let part = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
        let it_value = Timespec { tv_sec: part(at_ns / SECOND), tv_nsec: part(at_ns % SECOND) };
        let once = Itimerspec { it_interval: Timespec::default(), it_value };
        timerfd_settime(&self.0, TimerfdTimerFlags::ABSTIME, &once)?;
        Ok(())
    }
}

impl AsFd for Timer {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// The calling thread, and those that it starts from here on, wake from sleeps as soon as the kernel can, and not up to
/// 50 µs later to save wake-ups: `PR_SET_TIMERSLACK`. Where the kernel refuses, it stays as it was.
pub fn without_slack() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}
