//! Clocks, in nanoseconds.
//!
//! Everything that is measured reads time through this module, so that there is one place that says which
//! clock a figure comes from. See `clock_gettime(2)`.

use std::os::fd::RawFd;

use crate::maybe_known::MaybeKnown;

/// Nanoseconds in a second.
pub const SECOND: u64 = 1_000_000_000;

/// Nanoseconds in a millisecond.
pub const MILLISECOND: u64 = 1_000_000;

/// `CLOCK_MONOTONIC`: never steps, the same in every process of the machine.
#[must_use]
pub fn monotonic_ns() -> u64 {
    read(libc::CLOCK_MONOTONIC).unwrap_or(0)
}

/// `CLOCK_REALTIME`, since the Unix epoch. Only for timestamps that people read, and for the kernel's arrival
/// stamps, which are taken with it.
#[must_use]
pub fn realtime_ns() -> u64 {
    read(libc::CLOCK_REALTIME).unwrap_or(0)
}

/// Whole seconds since the Unix epoch, as of the kernel's last tick, some milliseconds ago: no counter is read for it
/// (`CLOCK_REALTIME_COARSE`).
#[must_use]
pub fn realtime_second() -> u64 {
    read(libc::CLOCK_REALTIME_COARSE).unwrap_or(0) / SECOND
}

/// CPU time that the calling thread has used (`CLOCK_THREAD_CPUTIME_ID`).
#[must_use]
pub fn thread_cpu_ns() -> u64 {
    read(libc::CLOCK_THREAD_CPUTIME_ID).unwrap_or(0)
}

/// CPU time that a process has used, all its threads, ended ones too; a zombie still answers.
/// Unknown when there is no such process, and where the kernel keeps other processes' clocks to itself (gVisor).
#[must_use]
pub fn process_cpu_ns(pid: u32) -> MaybeKnown {
    read(cpu_clock(pid, false)).into()
}

/// CPU time that one thread has used; it must be of the calling process. Unknown when it has ended.
#[must_use]
pub fn thread_cpu_ns_of(tid: u32) -> MaybeKnown {
    read(cpu_clock(tid, true)).into()
}

/// The kernel's encoding of a CPU clock (`include/linux/posix-timers_types.h`): the inverted id, a bit for
/// "one thread", and 2 for the scheduler's own nanosecond account.
fn cpu_clock(id: u32, one_thread: bool) -> libc::clockid_t {
    const SCHEDULER: RawFd = 2;
    const ONE_THREAD: RawFd = 4;
    let id = RawFd::try_from(id).unwrap_or(0);
    (!id << 3) | SCHEDULER | if one_thread { ONE_THREAD } else { 0 }
}

fn read(clock: libc::clockid_t) -> Option<u64> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec of ours, which the call fills or leaves alone.
    let result = unsafe { libc::clock_gettime(clock, &raw mut time) };
    (result == 0).then(|| nanoseconds(&time))
}

pub(super) fn nanoseconds(time: &libc::timespec) -> u64 {
    let seconds = u64::try_from(time.tv_sec).unwrap_or(0);
    let rest = u64::try_from(time.tv_nsec).unwrap_or(0);
    seconds * SECOND + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_used_at_least_what_its_thread_has() {
        let mine = thread_cpu_ns();
        let all = process_cpu_ns(std::process::id()).get().expect("this process exists");
        assert!(all >= mine, "{all} < {mine}");
        assert_eq!(thread_cpu_ns_of(0x003f_fff0), MaybeKnown::UNKNOWN);
    }
}
