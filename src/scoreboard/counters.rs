//! What a worker counts, and the counts as they are read.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, fence};

use bytemuck::Zeroable;
use serde::{Deserialize, Serialize};

use super::rejection::{REJECTIONS, Rejections};
use crate::histogram::add;

/// How often a reader tries for counters of which none has moved while it read. A reading takes a hundredth of the time
/// of a request, so one that is not interrupted needs one try or two.
const QUIET_MOMENTS: u32 = 32;

/// Makes the counters and the counts, which have the same fields but for two: `answered` is counted, and `finished` is
/// told, so that what is finished is the sum of its parts in every reading; `rejected` is the sum of its reasons.
macro_rules! counters {
    ($($(#[$doc:meta])+ $name:ident,)*) => {
        /// A worker's counters, all of which only grow.
        #[derive(Zeroable)]
        #[repr(C, align(128))]
        pub struct Counters {
            /// Responses flushed.
            pub(super) answered: AtomicU64,
            $($(#[$doc])+ pub(super) $name: AtomicU64,)*
            /// Refused before the router, by reason.
            pub(super) rejections: [AtomicU64; REJECTIONS],
        }

        /// Counters as read.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(default)]
        pub struct Counts {
            /// Requests that ended: answered, given up by their client, or broken by a fault.
            pub finished: u64,
            $($(#[$doc])+ pub $name: u64,)*
            /// Refused before the router: parser, Host, a head that took too long.
            pub rejected: u64,
            /// The same, by reason.
            pub rejections: Rejections,
        }

        impl Counts {
            /// Every count.
            pub fn all(self) -> impl Iterator<Item = u64> {
                let Self { finished, $($name,)* rejected, rejections } = self;
                [finished, $($name,)* rejected].into_iter().chain(rejections.0)
            }

            fn all_mut(&mut self) -> impl Iterator<Item = &mut u64> {
                let Self { finished, $($name,)* rejected, rejections } = self;
                [finished, $($name,)* rejected].into_iter().chain(&mut rejections.0)
            }
        }

        impl Counters {
            /// Everything but what has ended, which the caller has read before.
            fn read_after(&self, (finished, client_gone, broken, closed): Ended) -> Counts {
                let rejections = Rejections(std::array::from_fn(|place| self.rejections[place].load(Relaxed)));
                let others = Counts {
                    $($name: self.$name.load(Relaxed),)*
                    finished,
                    rejected: rejections.sum(),
                    rejections,
                };
                Counts { client_gone, broken, closed, ..others }
            }

            /// Writes down what somebody else has counted. For the observer's checkpoints.
            pub fn note(&self, counts: &Counts) {
                self.answered.store(counts.answered(), Relaxed);
                $(self.$name.store(counts.$name, Relaxed);)*
                for (counter, count) in self.rejections.iter().zip(counts.rejections.0) {
                    counter.store(count, Relaxed);
                }
            }

            pub(super) fn all(&self) -> impl Iterator<Item = &AtomicU64> {
                let Self { answered, $($name,)* rejections } = self;
                [answered, $($name,)*].into_iter().chain(rejections)
            }
        }
    };
}

counters! {
    /// Heads parsed and handed to the router.
    started,
    /// Requests whose client left before the answer was flushed.
    client_gone,
    /// Requests whose connection was broken by a fault instead of an answer.
    broken,
    /// Of the finished, status ≥ 500 or broken by a fault.
    errors,
    /// Connections taken.
    accepts,
    /// Of those, ended.
    closed,
    /// Bytes read from clients.
    bytes_in,
    /// Bytes written to clients.
    bytes_out,
    /// Of the answered, 503 because `--max-inflight` was reached.
    shed,
    /// Of the answered, 429 because a rate limit was reached.
    rate_limited,
    /// Looks into a cache that had kept an answer.
    cache_hits,
    /// Looks into a cache that had kept none.
    cache_misses,
    /// Connections over `--max-connections`.
    refused,
    /// How often its process gave up its processor. 0 where workers share a process.
    voluntary_switches,
    /// How often its process's processor was taken from it. 0 where workers share a process.
    involuntary_switches,
    /// Pages that its process had to wait for a disk for. 0 where workers share a process.
    major_faults,
    /// Pieces of work that a thread of the pool has ended. Read before what was begun, as is the next.
    pool_ended,
    /// Pieces of work that wait for a thread no more: begun, or given up.
    pool_left,
    /// Pieces of work that a thread of the pool has begun.
    pool_begun,
    /// Pieces of work that a thread of the pool was asked for.
    pool_asked,
    /// How long those that were begun had waited for a thread, in microseconds.
    pool_wait_us,
    /// How long those that were ended had held a thread, in microseconds.
    pool_held_us,
    /// Connections to the database that were given back. Read before what was taken, as is the next.
    db_released,
    /// Requests that wait for a connection to the database no more: they have one, or none is to be had.
    db_left,
    /// Connections to the database that requests took.
    db_acquired,
    /// Requests that needed a connection to the database.
    db_asked,
    /// Requests that waited for a connection to the database for as long as they may, in vain.
    db_timeouts,
    /// Requests that the database failed.
    db_failures,
    /// How long those that got a connection to the database had waited for it, in microseconds.
    db_acquire_us,
    /// How long connections to the database that were given back had been held, in microseconds.
    db_held_us,
    /// Queries that the database answered.
    db_answered,
    /// How long it took for those, in microseconds.
    db_answer_us,
    /// Of the queries, those that looked for their rows without an index.
    db_scans,
    /// How long it took for those, in microseconds.
    db_scan_us,
    /// How long queries waited for the database's one writer, or for rows that another transaction held, in microseconds.
    db_busy_us,
    /// Queries of which it could be read how much CPU the database used.
    db_measured,
    /// CPU that it used for those, in microseconds.
    db_cpu_us,
    /// Pictures that were decoded and resized for a model.
    infer_decoded,
    /// How long decoding them took, in microseconds.
    infer_decode_us,
    /// How long resizing them took, in microseconds.
    infer_resize_us,
    /// Pictures that a model was run on.
    infer_pictures,
    /// How long those had waited for the model, in microseconds.
    infer_wait_us,
    /// Runs of a model.
    infer_runs,
    /// How long those took, in microseconds.
    infer_run_us,
    /// CPU of all this, in microseconds.
    infer_cpu_us,
    /// How long connections were open, all together, in microseconds: their number integrated over time.
    connection_us,
    /// Pairs of neighbouring stretches between two beats on time, for how bursty arrivals are.
    arrival_pairs,
    /// Requests begun in the later stretch of each pair, all together.
    arrivals_in_pairs,
    /// The squares of by how much the two stretches of each pair differ, all together.
    arrival_squares,
}

/// Finished, client gone, broken and closed.
type Ended = (u64, u64, u64, u64);

impl Counts {
    /// Requests whose response was flushed.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.finished.wrapping_sub(self.client_gone).wrapping_sub(self.broken)
    }

    /// Adds another's counts.
    pub fn add(&mut self, other: &Self) {
        for (mine, theirs) in self.all_mut().zip(other.all()) {
            *mine = mine.wrapping_add(theirs);
        }
    }

    /// What has been added since `before`.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let mut more = *self;
        for (mine, theirs) in more.all_mut().zip(before.all()) {
            *mine = mine.wrapping_sub(theirs);
        }
        more
    }
}

impl Counters {
    /// All of them. What has ended is read before what has begun, so that nothing ends that had not begun; and once more
    /// after it, as whatever ends in between looks as if it were still open, and a reader that is interrupted there
    /// misses thousands.
    #[must_use]
    pub fn read(&self) -> Counts {
        let mut before = self.ended();
        for _ in 0..QUIET_MOMENTS {
            let counts = self.read_after(before);
            fence(Acquire);
            let after = self.ended();
            if after == before {
                return counts;
            }
            before = after;
        }
        self.read_after(before)
    }

    fn ended(&self) -> Ended {
        let [answered, client_gone, broken, closed] =
            [&self.answered, &self.client_gone, &self.broken, &self.closed].map(|counter| counter.load(Acquire));
        (answered.wrapping_add(client_gone).wrapping_add(broken), client_gone, broken, closed)
    }

    /// Requests begun and not ended, as their own worker sees it.
    pub(super) fn in_flight(&self) -> u64 {
        let [started, answered, client_gone, broken] =
            [&self.started, &self.answered, &self.client_gone, &self.broken].map(|counter| counter.load(Relaxed));
        // A broken worker may have written anything.
        let finished = answered.wrapping_add(client_gone).wrapping_add(broken);
        started.saturating_sub(finished)
    }

    pub(super) fn absorb(&self, other: &Self) {
        for (mine, theirs) in self.all().zip(other.all()) {
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
                    count(&counters.answered);
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
