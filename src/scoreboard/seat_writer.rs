//! The one right to write a seat.

mod database;
mod inference;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering, Ordering::Relaxed, Ordering::Release};

use super::Scoreboard;
use super::counters::Counters;
use super::effort::Effort;
use super::loop_lag::Late;
use super::rejection::Rejection;
use super::slot::{Roster, Seat, Slot, SlotState};
use crate::histogram::add;
use crate::sys::usage::Usage;

/// The status of an answer over `--max-inflight`.
pub const SHED_STATUS: u16 = 503;

/// The status of an answer over a rate limit.
pub const RATE_LIMITED_STATUS: u16 = 429;

/// How a request ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The response with this status was flushed.
    Answered(u16),
    /// Answered [`SHED_STATUS`], since `--max-inflight` was reached.
    Shed,
    /// Answered [`RATE_LIMITED_STATUS`], since a rate limit was reached.
    RateLimited,
    /// The client left first.
    ClientGone,
    /// A fault broke the connection on purpose.
    Broken,
}

/// A finished request, as it is recorded.
#[derive(Clone, Copy, Debug)]
pub struct Finished {
    /// Its route's number.
    pub route: usize,
    /// How it ended.
    pub outcome: Outcome,
    /// How long it took; `None` where that is not kept.
    pub times: Option<Times>,
}

/// How long a request took.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Arrival → head parsed; `None` where the socket has no arrival stamps.
    pub queue_ns: Option<u64>,
    /// From when a timer, a pool thread or a piece of its body was ready until the loop ran it on, all together.
    pub loop_ns: u64,
    /// Head parsed → flushed, the waits for the loop apart.
    pub service_ns: u64,
    /// Arrival → flushed.
    pub latency_ns: u64,
}

/// The one right to write a seat. Not `Clone`: who holds it is the seat's worker.
pub struct SeatWriter {
    board: Arc<Scoreboard>,
    slot: usize,
    seat: usize,
    /// See [`SeatWriter::worker`].
    worker: String,
    /// Until when the open connections are counted over time (monotonic).
    connections_until_ns: AtomicU64,
    /// Requests begun until the beat before.
    started_before: AtomicU64,
    /// Requests begun between the two beats before; [`NONE`] unless both were on time.
    started_between: AtomicU64,
}

/// No such number.
const NONE: u64 = u64::MAX;

/// A beat that is later by so much makes the stretches on both its sides no measure of a beat's time.
const ON_TIME_NS: u64 = 20_000_000;

impl SeatWriter {
    /// For the supervisor, once for each [`super::Slot::occupy`].
    #[must_use]
    pub fn new(board: Arc<Scoreboard>, slot: usize, seat: usize) -> Self {
        let generation = board.slots[slot].roster[seat].generation();
        Self {
            board,
            slot,
            seat,
            worker: format!("{slot}.{generation}"),
            connections_until_ns: AtomicU64::new(0),
            started_before: AtomicU64::new(NONE),
            started_between: AtomicU64::new(NONE),
        }
    }

    /// The same, of a target that has a name among others.
    #[must_use]
    pub fn of_instance(self, instance: Option<&str>) -> Self {
        let Self { worker, .. } = &self;
        let worker = instance.map_or_else(|| worker.clone(), |instance| format!("{instance}/{worker}"));
        Self { worker, ..self }
    }

    /// Which worker this is: `slot.generation`, with `instance/` before it where the target has a name.
    #[must_use]
    pub fn worker(&self) -> &str {
        &self.worker
    }

    /// The slot's number.
    #[must_use]
    pub fn slot(&self) -> usize {
        self.slot
    }

    /// The generation of this worker.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.roster().generation()
    }

    /// The scoreboard that the seat is on.
    #[must_use]
    pub fn board(&self) -> &Arc<Scoreboard> {
        &self.board
    }

    fn seat(&self) -> &Seat {
        &self.board.slots[self.slot].seats[self.seat]
    }

    fn roster(&self) -> &Roster {
        &self.board.slots[self.slot].roster[self.seat]
    }

    /// The seat's counters, unless the worker was given up: then it has no say any more.
    fn counters(&self) -> Option<&Counters> {
        (!self.roster().is_abandoned()).then(|| &self.seat().counters)
    }

    fn count(&self, counter: impl FnOnce(&Counters) -> &AtomicU64, amount: u64, order: Ordering) {
        if let Some(counters) = self.counters() {
            let counter = counter(counters);
            counter.store(counter.load(Relaxed).wrapping_add(amount), order);
        }
    }

    /// A connection was taken.
    pub fn accepted(&self, now_ns: u64) {
        self.integrate_connections(now_ns);
        self.count(|counters| &counters.accepts, 1, Relaxed);
    }

    /// A connection ended.
    pub fn closed(&self, now_ns: u64) {
        self.integrate_connections(now_ns);
        self.count(|counters| &counters.closed, 1, Release);
    }

    /// Counts how long the connections have been open since this was last done, before their number changes and at each
    /// beat. Whole microseconds; what is left of one is counted the next time.
    fn integrate_connections(&self, now_ns: u64) {
        let until_ns = self.connections_until_ns.load(Relaxed);
        let passed_us = now_ns.saturating_sub(until_ns) / 1_000;
        self.connections_until_ns.store(until_ns + passed_us * 1_000, Relaxed);
        self.count(|counters| &counters.connection_us, passed_us.wrapping_mul(self.connections()), Relaxed);
    }

    /// A request has looked for its answer, or a part of it, in a cache.
    pub fn looked_in_cache(&self, is_kept: bool) {
        self.count(|of| if is_kept { &of.cache_hits } else { &of.cache_misses }, 1, Relaxed);
    }

    /// Connections open now.
    #[must_use]
    pub fn connections(&self) -> u64 {
        let counters = &self.seat().counters;
        counters.accepts.load(Relaxed).saturating_sub(counters.closed.load(Relaxed))
    }

    /// Requests in flight now.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.seat().counters.in_flight()
    }

    /// A connection over the limit was turned away.
    pub fn refused(&self) {
        self.count(|counters| &counters.refused, 1, Relaxed);
    }

    /// Something that was no request was refused before the router. The first of each reason in the run is logged.
    pub fn rejected(&self, reason: Rejection) {
        let place = reason as usize;
        if self.seat().counters.rejections[place].load(Relaxed) == 0 && !self.is_known(reason) {
            tracing::warn!(
                reason = reason.name(),
                "a client sent {}; more of these are only counted",
                reason.sentence()
            );
        }
        self.count(|counters| &counters.rejections[place], 1, Relaxed);
    }

    /// Whether any worker of the run has rejected something for this reason.
    fn is_known(&self, reason: Rejection) -> bool {
        let has = |counters: &Counters| counters.rejections[reason as usize].load(Relaxed) > 0;
        let in_slot = |slot: &Slot| has(&slot.base.counters) || slot.seats.iter().any(|seat| has(&seat.counters));
        self.board.slots.iter().filter(|slot| slot.state() != SlotState::Unused).any(in_slot)
    }

    /// Bytes came in.
    pub fn bytes_in(&self, bytes: usize) {
        self.count(|counters| &counters.bytes_in, bytes as u64, Relaxed);
    }

    /// Bytes went out.
    pub fn bytes_out(&self, bytes: usize) {
        self.count(|counters| &counters.bytes_out, bytes as u64, Relaxed);
    }

    /// A head was parsed and goes to the router.
    pub fn started(&self) {
        self.count(|counters| &counters.started, 1, Release);
    }

    /// What a request of this route has spent, which ends next.
    pub fn spent(&self, route: usize, effort: &Effort) {
        if self.counters().is_some() {
            self.seat().routes.write(route).record(effort);
        }
    }

    /// A request ended: its buckets first, last the counter that makes it finished.
    pub fn finished(&self, request: &Finished) {
        let Some(counters) = self.counters() else { return };
        let Finished { route, outcome, times } = *request;
        let record = self.seat().routes.write(route);
        let ended = match outcome {
            Outcome::Answered(status) => {
                record.count(status);
                if status >= 500 {
                    add(&counters.errors, 1);
                }
                &counters.answered
            }
            Outcome::Shed => {
                record.count(SHED_STATUS);
                add(&record.counts.shed, 1);
                add(&counters.shed, 1);
                add(&counters.errors, 1);
                &counters.answered
            }
            Outcome::RateLimited => {
                record.count(RATE_LIMITED_STATUS);
                add(&record.counts.rate_limited, 1);
                add(&counters.rate_limited, 1);
                &counters.answered
            }
            Outcome::ClientGone => {
                add(&record.counts.client_gone, 1);
                &counters.client_gone
            }
            Outcome::Broken => {
                add(&record.counts.broken, 1);
                add(&counters.errors, 1);
                &counters.broken
            }
        };
        if let Some(Times { queue_ns, loop_ns, service_ns, latency_ns }) = times {
            record.durations.loop_wait.record(loop_ns);
            record.durations.service.record(service_ns);
            record.durations.latency.record(latency_ns);
            if let Some(queue_ns) = queue_ns {
                record.durations.queue.record(queue_ns);
            }
        }
        record.recorded.store(record.recorded.load(Relaxed).wrapping_add(1), Release);
        ended.store(ended.load(Relaxed).wrapping_add(1), Release);
    }

    /// A thread of the pool was asked for. This and what follows is counted by the worker's loop and by the threads of its
    /// pool, one at a time.
    pub fn pool_asked(&self) {
        self.count(|counters| &counters.pool_asked, 1, Relaxed);
    }

    /// What waited for a thread of the pool was given up.
    pub fn pool_given_up(&self) {
        self.count(|counters| &counters.pool_left, 1, Relaxed);
    }

    /// A thread of the pool began what had waited for it.
    pub fn pool_begun(&self, wait_ns: u64) {
        self.count(|counters| &counters.pool_begun, 1, Relaxed);
        self.count(|counters| &counters.pool_left, 1, Relaxed);
        self.count(|counters| &counters.pool_wait_us, wait_ns / 1_000, Relaxed);
    }

    /// A thread of the pool ended what it had worked on.
    pub fn pool_ended(&self, held_ns: u64) {
        self.count(|counters| &counters.pool_held_us, held_ns / 1_000, Relaxed);
        self.count(|counters| &counters.pool_ended, 1, Relaxed);
    }

    /// The loop turned.
    pub fn beat(&self, now_ns: u64) {
        self.seat().beat_ns.store(now_ns, Relaxed);
        self.integrate_connections(now_ns);
    }

    /// A beat came, so late.
    pub fn late(&self, late: Late) {
        self.count_arrivals(late.lag_ns <= ON_TIME_NS);
        self.seat().lag.enter(&self.board.head().observer.lag_window, late);
    }

    /// How many requests came since the beat before, and by how much that differs from the time before.
    fn count_arrivals(&self, on_time: bool) {
        let started = self.seat().counters.started.load(Relaxed);
        let before = self.started_before.swap(if on_time { started } else { NONE }, Relaxed);
        let came = if on_time && before != NONE { started.wrapping_sub(before) } else { NONE };
        let came_before = self.started_between.swap(came, Relaxed);
        if came != NONE && came_before != NONE {
            let apart = came.abs_diff(came_before);
            self.count(|counters| &counters.arrival_pairs, 1, Relaxed);
            self.count(|counters| &counters.arrivals_in_pairs, came, Relaxed);
            self.count(|counters| &counters.arrival_squares, apart.wrapping_mul(apart), Relaxed);
        }
    }

    /// What the kernel has counted of the worker's process so far.
    pub fn used(&self, usage: &Usage) {
        let Some(counters) = self.counters() else { return };
        let Usage { voluntary_switches, involuntary_switches, major_faults } = *usage;
        counters.voluntary_switches.store(voluntary_switches, Relaxed);
        counters.involuntary_switches.store(involuntary_switches, Relaxed);
        counters.major_faults.store(major_faults, Relaxed);
    }

    /// The orders of this epoch are followed from here on.
    pub fn applied(&self, epoch: u64) {
        self.seat().applied_epoch.store(epoch, Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Counts;

    #[test]
    fn stretches_next_to_a_late_beat_make_no_pair() {
        let board = Scoreboard::map(1).unwrap();
        board.slots()[0].occupy(0, 1, 0);
        let seat = SeatWriter::new(Arc::clone(&board), 0, 0);
        let beat = |requests: u64, lag_ns| {
            (0..requests).for_each(|_| seat.started());
            seat.late(Late { lag_ns, ..Late::default() });
            let counts = board.slots()[0].seat(0).counters().read();
            (counts.arrival_pairs, counts.arrivals_in_pairs, counts.arrival_squares)
        };
        assert_eq!((beat(9, 0), beat(3, 0)), ((0, 0, 0), (0, 0, 0)), "no stretch, and one");
        assert_eq!((beat(5, 0), beat(1, 0)), ((1, 5, 4), (2, 6, 20)));
        assert_eq!((beat(100, ON_TIME_NS + 1), beat(7, 0), beat(2, 0)), ((2, 6, 20), (2, 6, 20), (2, 6, 20)));
        assert_eq!(beat(4, 0), (3, 10, 24));
    }

    /// 1 connection for 10 µs, 2 for 20 µs, 1 for 5 µs, none for long: whatever is in between, beats too.
    #[test]
    fn open_connections_are_counted_over_time() {
        let board = Scoreboard::map(1).unwrap();
        board.slots()[0].occupy(0, 1, 0);
        let seat = SeatWriter::new(Arc::clone(&board), 0, 0);
        let open_us = || {
            let Counts { connection_us, .. } = board.slots()[0].seat(0).counters().read();
            connection_us
        };
        seat.beat(1_000_000);
        seat.accepted(2_000_000);
        seat.accepted(2_010_000);
        assert_eq!(open_us(), 10);
        // Parts of a microsecond are not lost, however often it beats.
        (2_010_000..=2_030_000).step_by(250).for_each(|now_ns| seat.beat(now_ns));
        assert_eq!(open_us(), 50);
        seat.closed(2_030_000);
        seat.closed(2_035_000);
        seat.beat(9_000_000);
        assert_eq!(open_us(), 55);
    }
}
