//! The scoreboard: the shared memory that every figure comes from.
//!
//! Laid out once, before the first fork, and never moved. Who may write what is fixed:
//!
//! | part | writer |
//! |---|---|
//! | [`Seat`] (two a slot) | the one worker that holds it, through [`SeatWriter`] |
//! | [`Base`], [`Roster`], `state` of a slot | the supervisor (in single and threads the main thread) |
//! | [`RouteTable`], when the run was ready and when it began to drain | the same |
//! | orders page | the observer, through [`crate::control::publish`] |
//! | [`ObserverCheckpoint`], [`TickCheckpoint`], [`SlotCheckpoint`], [`EndedPlans`] | the observer |
//! | [`FaultTable`], [`TokenBucket`] | all workers, by `fetch_add` and by compare-and-swap: the deliberate exceptions |
//!
//! Atomics only. A counter with one writer is a load and a store. A worker writes a request's buckets first and
//! what makes it finished last, and `started` before both; a reader goes the other way round, so that
//! `started − finished − lost` is never negative. What the supervisor does to a slot between two reads of it
//! is guarded by the slot's `version`: odd while it works.

mod arrivals;
mod counters;
mod effort;
mod ended_plans;
mod fault_table;
mod loop_lag;
mod rejection;
mod route_record;
mod route_table;
#[cfg(test)]
mod scribble;
mod seat_writer;
mod shared_counts;
mod slot;
mod token_bucket;

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;

use crate::maybe_known::{MaybeKnown, SharedFigure};
use crate::sys::shared::Shared;

pub use arrivals::Arrivals;
pub use counters::{Counters, Counts};
pub use effort::{Effort, Spent};
pub use ended_plans::EndedPlans;
pub use fault_table::{FAULT_KINDS, FAULT_PLACES, FaultMark, FaultRecord, FaultTable, SharedIndex};
pub use loop_lag::{BEAT_NS, LagWindow, Late, LoopLag};
pub use rejection::{Rejection, Rejections};
pub use route_record::{RouteCounts, RouteRecord};
pub use route_table::{ROUTE_NAME, RouteTable};
pub use seat_writer::{Finished, Outcome, RATE_LIMITED_STATUS, SHED_STATUS, SeatWriter, Times};
pub use slot::{Base, Roster, Seat, SeatState, Slot, SlotCheckpoint, SlotState};
pub use token_bucket::TokenBucket;

/// Most routes of a target, the unmatched one included.
pub const ROUTES: usize = 64;

/// Seats of a slot: one for the worker, one for its successor while both live.
pub const SEATS: usize = 2;

/// Bytes of one buffer of the orders page.
pub const ORDERS: usize = 64 * 1024;

/// All of the shared memory.
pub struct Scoreboard {
    head: Shared<Head>,
    slots: Shared<Slot>,
}

/// What there is one of.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct Head {
    /// Number → method and path.
    pub routes: RouteTable,
    /// What workers share: the indices of fault plans and of routes.
    pub faults: FaultTable,
    /// What the observer must remember beyond its own death.
    pub observer: ObserverCheckpoint,
    /// CPU that this process had used before the run began: whoever started us by exec, such as `cargo run`, has used it.
    cpu_before_ns: SharedFigure,
    /// CPU of ended observers. Written by the supervisor.
    reaped_observer_cpu_ns: SharedFigure,
    /// When all served (monotonic); 0 before. Written by the supervisor.
    ready_ns: AtomicU64,
    /// When the run began to drain (monotonic); 0 before. Written by the supervisor.
    drain_ns: AtomicU64,
    /// Which orders are in force: 0 is none yet. Buffer `epoch % 2` holds them.
    pub(crate) orders_epoch: AtomicU64,
    pub(crate) orders: [TextBuffer; 2],
    /// Fault plans that stood there before.
    pub ended_plans: EndedPlans,
    /// The tokens of each route's rate limit, by the route's number; of number 0, those of the limit that all routes of the
    /// profile share.
    buckets: [TokenBucket; ROUTES],
}

/// A text that one process writes and others read. Whether it is the one they meant is for them to know.
#[derive(Zeroable)]
#[repr(C)]
pub(crate) struct TextBuffer {
    length: AtomicU64,
    bytes: [AtomicU8; ORDERS],
}

impl TextBuffer {
    /// A text of at most [`ORDERS`] bytes.
    pub fn write(&self, text: &[u8]) {
        for (place, byte) in self.bytes.iter().zip(text) {
            place.store(*byte, Relaxed);
        }
        self.length.store(text.len() as u64, Relaxed);
    }

    pub fn read(&self) -> Vec<u8> {
        let length = usize::try_from(self.length.load(Relaxed)).unwrap_or(0).min(ORDERS);
        self.bytes[..length].iter().map(|byte| byte.load(Relaxed)).collect()
    }
}

/// The figures of a tick, from which a respawned observer goes on.
#[derive(Zeroable)]
#[repr(C)]
pub struct TickCheckpoint {
    /// When it was taken (monotonic); 0 where none stands here.
    pub tick_ns: AtomicU64,
    /// CPU of the whole target at that time.
    pub cpu_ns: SharedFigure,
    /// Of it, in user mode.
    pub user_ns: SharedFigure,
    /// Of it, in the kernel.
    pub system_ns: SharedFigure,
}

/// What an observer leaves for its successor.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct ObserverCheckpoint {
    /// The last two ticks.
    pub ticks: [TickCheckpoint; 2],
    /// Largest sum of resident memory in any tick; unknown before one was read.
    pub rss_peak_bytes: SharedFigure,
    /// How many observers the run has had.
    pub generation: AtomicU64,
    /// The number of the last news from the supervisor that an observer was done with.
    pub news: AtomicU64,
    /// Whether it was written down that the target is ready: 1 if it was.
    pub ready_told: AtomicU64,
    /// How many of the planned marks were put.
    pub phases: AtomicU64,
    /// Clients of the admin listener's events that did not keep up.
    pub sse_dropped: AtomicU64,
    /// Under which number workers enter how late they are.
    pub lag_window: LagWindow,
}

impl Scoreboard {
    /// Maps the memory for `slots` workers.
    ///
    /// # Errors
    /// What `mmap(2)` says.
    pub fn map(slots: usize) -> io::Result<Arc<Self>> {
        let board = Self { head: Shared::map(1)?, slots: Shared::map(slots)? };
        board.head().observer.rss_peak_bytes.store(MaybeKnown::UNKNOWN);
        Ok(Arc::new(board))
    }

    /// What there is one of.
    #[must_use]
    pub fn head(&self) -> &Head {
        &self.head[0]
    }

    /// What the requests of a route, of all workers, draw from that have a modifier with a percentage.
    #[must_use]
    pub fn route_index(&self, number: usize) -> &SharedIndex {
        self.head().faults.route_index(number)
    }

    /// The bucket of a route's rate limit; of number 0, of the limit that all routes of a profile share.
    #[must_use]
    pub fn bucket(&self, number: usize) -> &TokenBucket {
        &self.head().buckets[number % ROUTES]
    }

    /// All slots, used or not.
    #[must_use]
    pub fn slots(&self) -> &[Slot] {
        &self.slots
    }
}

impl Head {
    /// CPU of the supervisor's process that is not the run's.
    #[must_use]
    pub fn cpu_before_ns(&self) -> MaybeKnown {
        self.cpu_before_ns.load()
    }

    /// The run begins. For the supervisor.
    pub fn set_cpu_before(&self, used_ns: MaybeKnown) {
        self.cpu_before_ns.store(used_ns);
    }

    /// When the target was ready (monotonic), if it is.
    #[must_use]
    pub fn ready_ns(&self) -> Option<u64> {
        Some(self.ready_ns.load(Relaxed)).filter(|at_ns| *at_ns > 0)
    }

    /// The target is ready. For the supervisor.
    pub fn set_ready(&self, at_ns: u64) {
        self.ready_ns.store(at_ns, Relaxed);
    }

    /// When the run began to drain (monotonic), if it has.
    #[must_use]
    pub fn drain_ns(&self) -> Option<u64> {
        Some(self.drain_ns.load(Relaxed)).filter(|at_ns| *at_ns > 0)
    }

    /// The run begins to drain. For the supervisor.
    pub fn set_drain(&self, at_ns: u64) {
        self.drain_ns.store(at_ns, Relaxed);
    }

    /// CPU of ended observers.
    #[must_use]
    pub fn observer_cpu_ns(&self) -> MaybeKnown {
        self.reaped_observer_cpu_ns.load()
    }

    /// An observer has ended. For the supervisor, before it reaps it.
    pub fn add_observer_cpu(&self, used_ns: MaybeKnown) {
        self.reaped_observer_cpu_ns.add(used_ns);
    }
}
