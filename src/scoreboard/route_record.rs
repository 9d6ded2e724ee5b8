//! What was answered on one route.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed};

use bytemuck::Zeroable;

use super::ROUTES;
use super::effort::{BehindRecord, Effort, Spent, SpentRecord};
use super::shared_counts::shared_counts;
use crate::histogram::{Durations, Histogram, Marks, add};

/// Statuses are counted from 100 …
pub(super) const FIRST_STATUS: u16 = 100;

/// … to 599.
pub(super) const STATUSES: usize = 500;

shared_counts! {
    /// A worker's counters of a route.
    RouteCounters,
    /// What was counted on a route, beside the statuses.
    RouteCounts {
        /// Requests whose client left before the answer was flushed.
        client_gone,
        /// Requests whose connection was broken by a fault instead of an answer.
        broken,
        /// Requests answered 503 because `--max-inflight` was reached; they are among the statuses.
        shed,
        /// Requests answered 429 because a rate limit was reached; they are among the statuses.
        rate_limited,
        /// Requests whose handler has said what they have spent.
        told,
        /// How long requests have held their worker's loop, in nanoseconds.
        held_ns,
    }
}

/// The records of all routes.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct RouteRecords {
    /// On which routes anything was ever recorded: the records of the others need not be looked at.
    pub(super) touched: Marks<{ ROUTES.div_ceil(64) }>,
    pub(super) records: [RouteRecord; ROUTES],
}

impl RouteRecords {
    /// A route's record, if anything was ever written to it.
    #[must_use]
    pub fn get(&self, number: usize) -> Option<&RouteRecord> {
        self.records.get(number).filter(|_| self.touched.has(number))
    }

    /// A route's record, which is about to be written to. For the records' one writer.
    pub(super) fn write(&self, number: usize) -> &RouteRecord {
        self.touched.set(number);
        &self.records[number]
    }

    /// Adds what a worker has recorded that has ended, and leaves nothing of it there.
    pub(super) fn take_over(&self, ended: &Self) {
        for number in ended.touched.places().filter(|number| *number < ROUTES) {
            self.write(number).absorb(&ended.records[number]);
            ended.records[number].clear();
        }
        ended.touched.clear();
    }
}

/// What was answered on one route.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct RouteRecord {
    /// How often something was recorded: raised last, so that a reader which finds it unchanged has read everything.
    pub(super) recorded: AtomicU64,
    /// What was counted, beside the statuses.
    pub counts: RouteCounters,
    /// Which statuses were ever answered.
    pub(super) answered: Marks<{ STATUSES.div_ceil(64) }>,
    pub(super) statuses: [AtomicU64; STATUSES],
    /// What its requests have spent.
    pub spent: SpentRecord,
    /// Whom they have waited for.
    pub behind: BehindRecord,
    /// How long they took.
    pub durations: Durations<Histogram>,
}

impl RouteRecord {
    /// How often something was recorded: as long as it is the same, so is everything else.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.recorded.load(Acquire)
    }

    /// The statuses answered, and how often.
    pub fn statuses(&self) -> impl Iterator<Item = (u16, u64)> + '_ {
        let counts =
            self.answered.places().filter_map(|place| Some((place, self.statuses.get(place)?.load(Relaxed))));
        let statuses = counts.filter(|&(_, count)| count > 0);
        statuses.filter_map(|(place, count)| Some((FIRST_STATUS + u16::try_from(place).ok()?, count)))
    }

    /// For the record's one writer.
    pub(super) fn count(&self, status: u16) {
        let place = usize::from(status.saturating_sub(FIRST_STATUS)).min(STATUSES - 1);
        self.answered.set(place);
        add(&self.statuses[place], 1);
    }

    /// Adds what a request has spent. For the record's one writer.
    pub(super) fn record(&self, effort: &Effort) {
        let Effort { spent, is_in_vain: _, held_ns, behind } = effort;
        if let Some(spent) = *spent {
            let Spent { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, decode_ns, resize_ns, infer_ns, injected_ns } =
                spent;
            add(&self.counts.told, 1);
            add(&self.spent.cpu_ns, cpu_ns);
            add(&self.spent.io_ns, io_ns);
            add(&self.spent.pool_ns, pool_ns);
            add(&self.spent.injected_ns, injected_ns);
            // Without an answer of the database it has waited for a connection in vain: part of the sum, and not of the histogram.
            add(&self.spent.acquire_ns, acquire_ns);
            if db_ns > 0 {
                self.durations.acquire.record(acquire_ns);
                add(&self.spent.db_ns, db_ns);
            }
            if infer_ns > 0 {
                add(&self.spent.decode_ns, decode_ns);
                add(&self.spent.resize_ns, resize_ns);
                add(&self.spent.infer_ns, infer_ns);
            }
        }
        add(&self.counts.held_ns, *held_ns);
        for &(route, waited_ns) in behind {
            self.behind.add(route, waited_ns);
        }
    }

    fn absorb(&self, other: &Self) {
        let Self { recorded, counts, answered, statuses, spent, behind, durations } = other;
        add(&self.recorded, recorded.load(Relaxed));
        self.counts.add(&counts.read());
        for place in answered.places().filter(|place| *place < STATUSES) {
            self.answered.set(place);
            add(&self.statuses[place], statuses[place].load(Relaxed));
        }
        self.spent.add(&spent.read());
        self.behind.absorb(behind);
        self.durations.absorb(durations);
    }

    fn clear(&self) {
        let Self { recorded, counts, answered, statuses, spent, behind, durations } = self;
        for count in [recorded].into_iter().chain(statuses) {
            count.store(0, Relaxed);
        }
        counts.clear();
        answered.clear();
        spent.clear();
        behind.clear();
        durations.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_absorbed_and_cleared() {
        let [one, base]: [Box<RouteRecord>; 2] = std::array::from_fn(|_| bytemuck::allocation::zeroed_box());
        let mut effort = Effort { held_ns: 7, ..Effort::default() };
        effort.add_behind(63, 5);
        effort.add_behind(2, 1);
        effort.add_behind(63, 5);
        assert_eq!(effort.behind, [(63, 10), (2, 1)]);
        one.record(&effort);
        let spent = Spent {
            cpu_ns: 1,
            io_ns: 2,
            pool_ns: 3,
            acquire_ns: 5,
            db_ns: 6,
            decode_ns: 7,
            resize_ns: 8,
            infer_ns: 9,
            injected_ns: 4,
        };
        let twice = Spent {
            cpu_ns: 2,
            io_ns: 4,
            pool_ns: 6,
            acquire_ns: 10,
            db_ns: 12,
            decode_ns: 14,
            resize_ns: 16,
            infer_ns: 18,
            injected_ns: 8,
        };
        one.record(&Effort { spent: Some(spent), ..effort });
        base.absorb(&one);
        base.absorb(&one);
        assert_eq!((one.counts.read().told, one.spent.read()), (1, spent));
        assert_eq!((base.counts.read().told, base.spent.read()), (2, twice));
        assert_eq!((one.counts.read().held_ns, base.counts.read().held_ns), (14, 28));
        assert!(base.behind.read().eq([(2, 4), (63, 40)]));
        base.clear();
        assert_eq!((base.spent.read(), base.counts.read()), (Spent::default(), RouteCounts::default()));
        assert!(base.behind.places().all(|place| place.load(Relaxed) == 0));
    }
}
