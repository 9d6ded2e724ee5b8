//! What a worker counts, and the counts as they are read.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, fence};

use bytemuck::Zeroable;
use serde::{Deserialize, Serialize};

use crate::histogram::add;

/// How many counters there are.
pub const COUNTERS: usize = 18;

/// How often a reader tries for counters of which none has moved while it read. A reading takes a hundredth of the time
/// of a request, so one that is not interrupted needs one try or two.
const QUIET_MOMENTS: u32 = 32;

/// A worker's counters, all of which only grow.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Counters {
    pub(super) started: AtomicU64,
    pub(super) finished: AtomicU64,
    pub(super) errors: AtomicU64,
    pub(super) rejected: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) accepts: AtomicU64,
    pub(super) closed: AtomicU64,
    pub(super) bytes_in: AtomicU64,
    pub(super) bytes_out: AtomicU64,
    pub(super) voluntary_switches: AtomicU64,
    pub(super) involuntary_switches: AtomicU64,
    pub(super) major_faults: AtomicU64,
    pub(super) pool_ended: AtomicU64,
    pub(super) pool_left: AtomicU64,
    pub(super) pool_begun: AtomicU64,
    pub(super) pool_asked: AtomicU64,
    pub(super) pool_wait_us: AtomicU64,
    pub(super) pool_held_us: AtomicU64,
}

/// Counters as read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Heads parsed and handed to the router.
    pub started: u64,
    /// Responses flushed, or connections ended first.
    pub finished: u64,
    /// Of those, status ≥ 500 or broken by a fault.
    pub errors: u64,
    /// Refused before the router: parser, Host, a head that took too long.
    pub rejected: u64,
    /// Connections over `--max-connections`.
    pub refused: u64,
    /// Connections taken.
    pub accepts: u64,
    /// Of those, ended.
    pub closed: u64,
    /// Bytes read from clients.
    pub bytes_in: u64,
    /// Bytes written to clients.
    pub bytes_out: u64,
    /// How often its process gave up its processor. 0 where workers share a process.
    pub voluntary_switches: u64,
    /// How often its process's processor was taken from it. 0 where workers share a process.
    pub involuntary_switches: u64,
    /// Pages that its process had to wait for a disk for. 0 where workers share a process.
    pub major_faults: u64,
    /// Pieces of work that a thread of the pool has ended.
    #[serde(default)]
    pub pool_ended: u64,
    /// Pieces of work that wait for a thread no more: begun, or given up.
    #[serde(default)]
    pub pool_left: u64,
    /// Pieces of work that a thread of the pool has begun.
    #[serde(default)]
    pub pool_begun: u64,
    /// Pieces of work that a thread of the pool was asked for.
    #[serde(default)]
    pub pool_asked: u64,
    /// How long those that were begun had waited for a thread, in microseconds.
    #[serde(default)]
    pub pool_wait_us: u64,
    /// How long those that were ended had held a thread, in microseconds.
    #[serde(default)]
    pub pool_held_us: u64,
}

impl Counts {
    /// Threads of the pool that work.
    #[must_use]
    pub fn pool_busy(&self) -> u64 {
        self.pool_begun.saturating_sub(self.pool_ended)
    }

    /// Pieces of work that wait for a thread of the pool.
    #[must_use]
    pub fn pool_queued(&self) -> u64 {
        self.pool_asked.saturating_sub(self.pool_left)
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.all_mut().into_iter().zip(other.all()) {
            *mine = mine.wrapping_add(theirs);
        }
    }

    /// What has been added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut more = *self;
        for (mine, theirs) in more.all_mut().into_iter().zip(before.all()) {
            *mine = mine.wrapping_sub(theirs);
        }
        more
    }

    /// Every count, in the order of the fields.
    #[must_use]
    pub fn all(mut self) -> [u64; COUNTERS] {
        self.all_mut().map(|count| *count)
    }

    fn all_mut(&mut self) -> [&mut u64; COUNTERS] {
        let Self {
            started,
            finished,
            errors,
            rejected,
            refused,
            accepts,
            closed,
            bytes_in,
            bytes_out,
            voluntary_switches,
            involuntary_switches,
            major_faults,
            pool_ended,
            pool_left,
            pool_begun,
            pool_asked,
            pool_wait_us,
            pool_held_us,
        } = self;
        [
            started,
            finished,
            errors,
            rejected,
            refused,
            accepts,
            closed,
            bytes_in,
            bytes_out,
            voluntary_switches,
            involuntary_switches,
            major_faults,
            pool_ended,
            pool_left,
            pool_begun,
            pool_asked,
            pool_wait_us,
            pool_held_us,
        ]
    }
}

impl Counters {
    /// All of them. What has ended is read before what has begun, so that nothing ends that had not begun; and once more
    /// after it, as whatever ends in between looks as if it were still open, and a reader that is interrupted there
    /// misses thousands.
    #[must_use]
    pub fn read(&self) -> Counts {
        let ended = || (self.finished.load(Acquire), self.closed.load(Acquire));
        let mut before = ended();
        for _ in 0..QUIET_MOMENTS {
            let counts = self.read_after(before);
            fence(Acquire);
            let after = ended();
            if after == before {
                return counts;
            }
            before = after;
        }
        self.read_after(before)
    }

    /// Everything but what has ended, which the caller has read before.
    fn read_after(&self, (finished, closed): (u64, u64)) -> Counts {
        let mut counts = Counts::default();
        for (count, counter) in counts.all_mut().into_iter().zip(self.all()) {
            *count = counter.load(Relaxed);
        }
        Counts { finished, closed, ..counts }
    }

    /// Writes down what somebody else has counted. For the observer's notes.
    pub fn note(&self, counts: &Counts) {
        for (counter, count) in self.all().into_iter().zip(counts.all()) {
            counter.store(count, Relaxed);
        }
    }

    pub(super) fn all(&self) -> [&AtomicU64; COUNTERS] {
        let Self {
            started,
            finished,
            errors,
            rejected,
            refused,
            accepts,
            closed,
            bytes_in,
            bytes_out,
            voluntary_switches,
            involuntary_switches,
            major_faults,
            pool_ended,
            pool_left,
            pool_begun,
            pool_asked,
            pool_wait_us,
            pool_held_us,
        } = self;
        [
            started,
            finished,
            errors,
            rejected,
            refused,
            accepts,
            closed,
            bytes_in,
            bytes_out,
            voluntary_switches,
            involuntary_switches,
            major_faults,
            pool_ended,
            pool_left,
            pool_begun,
            pool_asked,
            pool_wait_us,
            pool_held_us,
        ]
    }

    pub(super) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.all().into_iter().zip(other.all()) {
            add(mine, theirs.load(Relaxed));
        }
    }

    pub(super) fn clear(&self) {
        for counter in self.all() {
            counter.store(0, Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Release;

    /// With one request at a time, no reading ever shows two, nor one that ended before it began.
    #[test]
    fn a_reading_is_of_one_instant() {
        const REQUESTS: u64 = 100_000;
        let counters = Counters::zeroed();
        let count = |counter: &AtomicU64| {
            counter.store(counter.load(Relaxed) + 1, Release);
            for _ in 0..20 {
                std::hint::spin_loop();
            }
        };
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..REQUESTS {
                    count(&counters.started);
                    count(&counters.finished);
                }
            });
            loop {
                let Counts { started, finished, .. } = counters.read();
                assert!(finished <= started && started - finished <= 1, "{started} {finished}");
                if finished == REQUESTS {
                    break;
                }
            }
        });
    }
}
