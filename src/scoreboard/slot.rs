//! A slot: its seats, what the supervisor knows of them, and the sums of those who have left.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};

use bytemuck::Zeroable;

use super::SEATS;
use super::counters::Counters;
use super::loop_lag::LoopLag;
use super::route_record::{RouteRecord, RouteRecords};
use crate::histogram::add;
use crate::maybe_known::{MaybeKnown, SharedFigure};
use crate::spelling::words;

/// Per slot, what [`super::TickCheckpoint`] is for the target.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct SlotCheckpoint {
    /// Its counters as they were told.
    pub counters: Counters,
    /// Lost requests as they were told.
    pub lost: AtomicU64,
    /// CPU of the slot.
    pub cpu_ns: SharedFigure,
}

/// A worker's place.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Slot {
    pub(super) version: AtomicU64,
    pub(super) state: AtomicU64,
    pub(super) roster: [Roster; SEATS],
    /// The slot's part of the observer's checkpoints, beside [`super::ObserverCheckpoint::ticks`].
    pub checkpoints: [SlotCheckpoint; 2],
    pub(super) base: Base,
    pub(super) seats: [Seat; SEATS],
}

/// What the supervisor knows of a seat's worker.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Roster {
    pub(super) pid: AtomicU64,
    pub(super) generation: AtomicU64,
    pub(super) state: AtomicU64,
    pub(super) since_ns: AtomicU64,
}

/// Sums of the slot's reaped generations.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Base {
    pub(super) counters: Counters,
    pub(super) lost: AtomicU64,
    pub(super) cpu_ns: SharedFigure,
    pub(super) routes: RouteRecords,
}

/// What one worker writes.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Seat {
    pub(super) counters: Counters,
    pub(super) beat_ns: AtomicU64,
    pub(super) applied_epoch: AtomicU64,
    pub(super) lag: LoopLag,
    pub(super) routes: RouteRecords,
}

words! {
    /// A seat's state, set by the supervisor.
    pub enum SeatState {
        /// Nobody holds it.
        Free = "free",
        /// Its worker is starting.
        Starting = "starting",
        /// Its worker serves.
        Live = "live",
        /// Its worker finishes what it has.
        Draining = "draining",
        /// Its worker was given up: it records nothing from now on, and what it had in flight is lost.
        Abandoned = "abandoned",
    }
}

/// A slot's state, set by the supervisor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SlotState {
    /// No worker has ever held it.
    Unused,
    /// It has, or is to have, a worker.
    Filled,
    /// Its worker died, and the next one waits for its time.
    BackingOff,
    /// It was taken out; its socket is lent to another worker.
    Retired,
}

impl SlotState {
    const ALL: [Self; 4] = [Self::Unused, Self::Filled, Self::BackingOff, Self::Retired];
}

impl Slot {
    /// The slot's state.
    #[must_use]
    pub fn state(&self) -> SlotState {
        variant(&SlotState::ALL, self.state.load(Relaxed)).unwrap_or(SlotState::Unused)
    }

    /// Says what is to become of the slot. For the supervisor.
    pub fn set_state(&self, state: SlotState) {
        self.state.store(state as u64, Relaxed);
    }

    /// Who holds a seat.
    #[must_use]
    pub fn roster(&self, seat: usize) -> &Roster {
        &self.roster[seat]
    }

    /// The sums of the generations that have ended.
    #[must_use]
    pub fn base(&self) -> &Base {
        &self.base
    }

    /// A seat, for reading.
    #[must_use]
    pub fn seat(&self, seat: usize) -> &Seat {
        &self.seats[seat]
    }

    /// Reads with no change by the supervisor in between. `reading` runs again when there was one.
    pub fn consistently<T>(&self, mut reading: impl FnMut(&Self) -> T) -> T {
        Self::all_consistently(std::slice::from_ref(self), |slots| reading(&slots[0]))
    }

    /// The same with several slots.
    pub fn all_consistently<T>(slots: &[Self], mut reading: impl FnMut(&[Self]) -> T) -> T {
        // Versions only grow: none has changed while their sum is the same.
        let sum = |versions: &mut dyn Iterator<Item = u64>| versions.fold(0, u64::wrapping_add);
        loop {
            let is_changing = |slot: &Self| !slot.version.load(Acquire).is_multiple_of(2);
            let before = sum(&mut slots.iter().map(|slot| slot.version.load(Acquire)));
            if !slots.iter().any(is_changing) {
                let read = reading(slots);
                fence(Acquire);
                if sum(&mut slots.iter().map(|slot| slot.version.load(Relaxed))) == before {
                    return read;
                }
            }
            std::thread::yield_now();
        }
    }

    /// Changes the slot so that no reader sees half of it. For the supervisor.
    fn change<T>(&self, change: impl FnOnce(&Self) -> T) -> T {
        let version = self.version.load(Relaxed);
        self.version.store(version.wrapping_add(1), Relaxed);
        fence(Release);
        let done = change(self);
        self.version.store(version.wrapping_add(2), Release);
        done
    }

    /// Puts a new worker on a seat. For the supervisor, before the worker starts.
    pub fn occupy(&self, seat: usize, generation: u64, now_ns: u64) {
        self.change(|slot| {
            let Roster { pid, generation: number, state, since_ns } = &slot.roster[seat];
            pid.store(0, Relaxed);
            number.store(generation, Relaxed);
            state.store(SeatState::Starting as u64, Relaxed);
            since_ns.store(now_ns, Relaxed);
        });
        self.set_state(SlotState::Filled);
    }

    /// Ends a seat's worker: what it had in flight is lost, its figures go to the base, the seat is free.
    /// For the supervisor, once the worker can write no more. Returns how many requests were lost.
    pub fn fold(&self, seat: usize, cpu_ns: MaybeKnown) -> u64 {
        self.change(|slot| {
            let Seat { counters, beat_ns, applied_epoch, lag, routes } = &slot.seats[seat];
            let in_flight = counters.in_flight();
            let base = &slot.base;
            // A dead worker's connections are closed, though it could not say so.
            counters.closed.store(counters.accepts.load(Relaxed), Relaxed);
            // And its pool has no threads.
            counters.pool_ended.store(counters.pool_begun.load(Relaxed), Relaxed);
            counters.pool_left.store(counters.pool_asked.load(Relaxed), Relaxed);
            // Nor has it connections to a database.
            counters.db_released.store(counters.db_acquired.load(Relaxed), Relaxed);
            counters.db_left.store(counters.db_asked.load(Relaxed), Relaxed);
            base.counters.absorb(counters);
            add(&base.lost, in_flight);
            base.cpu_ns.add(cpu_ns);
            base.routes.take_over(routes);
            counters.clear();
            beat_ns.store(0, Relaxed);
            applied_epoch.store(0, Relaxed);
            lag.clear();
            slot.roster[seat].set_state(SeatState::Free);
            in_flight
        })
    }
}

impl Roster {
    /// Process id; 0 until it is known.
    #[must_use]
    pub fn pid(&self) -> u32 {
        u32::try_from(self.pid.load(Relaxed)).unwrap_or(0)
    }

    /// How many workers have held the slot, this one included.
    #[must_use]
    pub fn generation(&self) -> u64 {
        self.generation.load(Relaxed)
    }

    /// The seat's state.
    #[must_use]
    pub fn state(&self) -> SeatState {
        variant(&SeatState::ALL, self.state.load(Relaxed)).unwrap_or(SeatState::Free)
    }

    /// Whether the worker was given up. Asked before each count, and so only one load.
    pub(super) fn is_abandoned(&self) -> bool {
        self.state.load(Relaxed) == SeatState::Abandoned as u64
    }

    /// Since when the worker is there (monotonic).
    #[must_use]
    pub fn since_ns(&self) -> u64 {
        self.since_ns.load(Relaxed)
    }

    /// For the supervisor.
    pub fn set_pid(&self, pid: u32) {
        self.pid.store(u64::from(pid), Relaxed);
    }

    /// For the supervisor.
    pub fn set_state(&self, state: SeatState) {
        self.state.store(state as u64, Relaxed);
    }
}

impl Base {
    /// Counters of the ended generations.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// Requests in flight when their worker died.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Acquire)
    }

    /// CPU of the ended generations.
    #[must_use]
    pub fn cpu_ns(&self) -> MaybeKnown {
        self.cpu_ns.load()
    }

    /// A route's record, if anything was ever written to it.
    #[must_use]
    pub fn route(&self, number: usize) -> Option<&RouteRecord> {
        self.routes.get(number)
    }
}

impl Seat {
    /// The worker's counters.
    #[must_use]
    pub fn counters(&self) -> &Counters {
        &self.counters
    }

    /// When its loop last turned (monotonic). A long `/cpu` makes it old; that is not a hang.
    #[must_use]
    pub fn beat_ns(&self) -> u64 {
        self.beat_ns.load(Relaxed)
    }

    /// How late its beats were.
    #[must_use]
    pub fn lag(&self) -> &LoopLag {
        &self.lag
    }

    /// The orders it follows.
    #[must_use]
    pub fn applied_epoch(&self) -> u64 {
        self.applied_epoch.load(Acquire)
    }

    /// A route's record, if anything was ever written to it.
    #[must_use]
    pub fn route(&self, number: usize) -> Option<&RouteRecord> {
        self.routes.get(number)
    }
}

fn variant<T: Copy>(all: &[T], number: u64) -> Option<T> {
    usize::try_from(number).ok().and_then(|number| all.get(number)).copied()
}
