//! One reading of the whole scoreboard.
//!
//! Each worker's counters are those of one instant, and what the supervisor moves from a seat to the base is seen
//! on one side or the other, never on both or neither. So in every snapshot `in_flight` is not negative, and from
//! one snapshot to the next no counter falls.

mod fault_tally;
mod figures;
mod routes;
mod totals;

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::{SEATS, Scoreboard, SeatState, Slot, SlotState};

pub use fault_tally::FaultTally;
pub use figures::{Figures, SlotFigures};
pub use routes::{RouteReading, RoutesReader, is_probe, routes};
pub use totals::{Gauges, Totals};

/// All slots that were ever used.
#[derive(Clone, Debug, Default)]
pub struct Snapshot {
    /// By slot number, from 0.
    pub slots: Vec<SlotReading>,
}

/// One slot: its ended generations and the workers on its seats.
#[derive(Clone, Debug)]
pub struct SlotReading {
    /// The slot's number.
    pub slot: usize,
    /// What is to become of it.
    pub state: SlotState,
    /// Process id of the newest worker, also when it has ended.
    pub pid: u32,
    /// The newest worker's generation.
    pub generation: u64,
    /// Of all generations; the CPU is that of their pool threads too.
    pub totals: Totals,
    /// Who sits there now, the older one first.
    pub workers: Vec<WorkerReading>,
}

/// A worker on its seat.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WorkerReading {
    /// Its slot.
    pub slot: usize,
    /// Which of the two seats.
    pub seat: usize,
    /// Its process, or the one process there is.
    pub pid: u32,
    /// How many workers have held the slot, this one included.
    pub generation: u64,
    /// Never [`SeatState::Free`].
    pub state: SeatState,
    /// When its loop last turned (monotonic).
    pub beat_ns: u64,
    /// The orders it follows.
    pub applied_epoch: u64,
}

impl Snapshot {
    /// Reads all slots. `cpu_ns` is asked for the CPU that a seated worker has used so far; its process has
    /// not been reaped while it is asked.
    pub fn read(board: &Scoreboard, mut cpu_ns: impl FnMut(&WorkerReading) -> MaybeKnown) -> Self {
        let used = board.slots().iter().enumerate().filter(|(_, slot)| slot.state() != SlotState::Unused);
        Self {
            slots: used
                .map(|(number, slot)| slot.consistently(|slot| read_slot(number, slot, &mut cpu_ns)))
                .collect(),
        }
    }

    /// Reads all slots for whoever needs counters only: the CPU is unknown.
    #[must_use]
    pub fn without_cpu(board: &Scoreboard) -> Self {
        Self::read(board, |_| MaybeKnown::UNKNOWN)
    }

    /// Sums over all slots.
    #[must_use]
    pub fn totals(&self) -> Totals {
        self.slots.iter().map(|slot| &slot.totals).sum()
    }

    /// Every worker that sits somewhere.
    pub fn workers(&self) -> impl Iterator<Item = &WorkerReading> {
        self.slots.iter().flat_map(|slot| &slot.workers)
    }
}

impl SlotReading {
    /// One word for people: the newest worker's state, or why there is none.
    #[must_use]
    pub fn state_name(&self) -> &'static str {
        match (self.state, self.workers.last()) {
            (SlotState::Retired, None) => "retired",
            (SlotState::BackingOff, None) => "backing-off",
            (_, Some(worker)) => worker.state.name(),
            (SlotState::Unused | SlotState::Filled, None) => "ended",
        }
    }

    /// When the loop of its newest worker last turned (monotonic), if one sits there and it did.
    #[must_use]
    pub fn beat_ns(&self) -> Option<u64> {
        self.workers.last().map(|worker| worker.beat_ns).filter(|beat_ns| *beat_ns > 0)
    }
}

/// What a broken worker has written may be too large to be added; nobody's reading may end by that.
fn add(sum: &mut u64, more: u64) {
    *sum = sum.wrapping_add(more);
}

fn read_slot(number: usize, slot: &Slot, cpu_ns: &mut impl FnMut(&WorkerReading) -> MaybeKnown) -> SlotReading {
    let base = slot.base();
    // The base stands still while the slot is read.
    let (lost, mut counts) = (base.lost(), base.counters().read());
    for seat in 0..SEATS {
        counts.add(&slot.seat(seat).counters().read());
    }
    let mut workers: Vec<WorkerReading> = (0..SEATS).filter_map(|seat| read_worker(number, slot, seat)).collect();
    workers.sort_by_key(|worker| worker.generation);
    let newest = (0..SEATS).map(|seat| slot.roster(seat)).max_by_key(|roster| roster.generation());
    SlotReading {
        slot: number,
        state: slot.state(),
        pid: newest.map_or(0, super::scoreboard::Roster::pid),
        generation: newest.map_or(0, super::scoreboard::Roster::generation),
        totals: Totals { counts, lost, cpu_ns: base.cpu_ns() + workers.iter().map(cpu_ns).sum::<MaybeKnown>() },
        workers,
    }
}

fn read_worker(number: usize, slot: &Slot, seat: usize) -> Option<WorkerReading> {
    let roster = slot.roster(seat);
    let state = roster.state();
    (state != SeatState::Free).then(|| WorkerReading {
        slot: number,
        seat,
        pid: roster.pid(),
        generation: roster.generation(),
        state,
        beat_ns: slot.seat(seat).beat_ns(),
        applied_epoch: slot.seat(seat).applied_epoch(),
    })
}
