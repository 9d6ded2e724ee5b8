//! What was answered on one route.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use bytemuck::Zeroable;

use super::effort::EffortRecord;
use crate::histogram::{Histogram, Marks, add};

/// Statuses are counted from 100 …
pub(super) const FIRST_STATUS: u16 = 100;

/// … to 599.
pub(super) const STATUSES: usize = 500;

/// What was answered on one route.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct RouteRecord {
    pub(super) touched: AtomicU64,
    /// How often something was recorded: raised last, so that a reader which finds it unchanged has read everything.
    pub(super) recorded: AtomicU64,
    pub(super) client_gone: AtomicU64,
    pub(super) broken: AtomicU64,
    pub(super) shed: AtomicU64,
    pub(super) rate_limited: AtomicU64,
    /// Which statuses were ever answered.
    pub(super) answered: Marks<{ STATUSES.div_ceil(64) }>,
    pub(super) statuses: [AtomicU64; STATUSES],
    /// What its requests have spent, and whom they have waited for.
    pub effort: EffortRecord,
    /// Head parsed → flushed, the waits for the loop apart.
    pub service: Histogram,
    /// Arrival in the kernel → flushed.
    pub latency: Histogram,
    /// Arrival in the kernel → head parsed.
    pub queue: Histogram,
    /// Timer, pool thread or piece of the body ready → the loop runs the request on.
    pub loop_wait: Histogram,
}

impl RouteRecord {
    pub(super) fn is_touched(&self) -> bool {
        self.touched.load(Acquire) != 0
    }

    /// How often something was recorded: as long as it is the same, so is everything else.
    #[must_use]
    pub fn recorded(&self) -> u64 {
        self.recorded.load(Acquire)
    }

    /// Requests whose client left before the answer was flushed.
    #[must_use]
    pub fn client_gone(&self) -> u64 {
        self.client_gone.load(Relaxed)
    }

    /// Requests whose connection was broken by a fault instead of an answer.
    #[must_use]
    pub fn broken(&self) -> u64 {
        self.broken.load(Relaxed)
    }

    /// Requests answered 503 because `--max-inflight` was reached.
    #[must_use]
    pub fn shed(&self) -> u64 {
        self.shed.load(Relaxed)
    }

    /// Requests answered 429 because a rate limit was reached.
    #[must_use]
    pub fn rate_limited(&self) -> u64 {
        self.rate_limited.load(Relaxed)
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

    pub(super) fn absorb(&self, other: &Self) {
        if !other.is_touched() {
            return;
        }
        let Self {
            touched,
            recorded,
            client_gone,
            broken,
            shed,
            rate_limited,
            answered,
            statuses,
            effort,
            service,
            latency,
            queue,
            loop_wait,
        } = other;
        add(&self.recorded, recorded.load(Relaxed));
        add(&self.client_gone, client_gone.load(Relaxed));
        add(&self.broken, broken.load(Relaxed));
        add(&self.shed, shed.load(Relaxed));
        add(&self.rate_limited, rate_limited.load(Relaxed));
        for place in answered.places().filter(|place| *place < STATUSES) {
            self.answered.set(place);
            add(&self.statuses[place], statuses[place].load(Relaxed));
        }
        self.effort.absorb(effort);
        self.service.absorb(service);
        self.latency.absorb(latency);
        self.queue.absorb(queue);
        self.loop_wait.absorb(loop_wait);
        self.touched.store(touched.load(Relaxed), Release);
    }

    pub(super) fn clear(&self) {
        if !self.is_touched() {
            return;
        }
        let Self {
            touched,
            recorded,
            client_gone,
            broken,
            shed,
            rate_limited,
            answered,
            statuses,
            effort,
            service,
            latency,
            queue,
            loop_wait,
        } = self;
        touched.store(0, Relaxed);
        recorded.store(0, Relaxed);
        client_gone.store(0, Relaxed);
        broken.store(0, Relaxed);
        shed.store(0, Relaxed);
        rate_limited.store(0, Relaxed);
        answered.clear();
        for count in statuses {
            count.store(0, Relaxed);
        }
        effort.clear();
        service.clear();
        latency.clear();
        queue.clear();
        loop_wait.clear();
    }
}
