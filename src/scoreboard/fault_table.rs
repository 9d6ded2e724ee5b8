//! The indices that all workers draw from, and what became of the draws: the one deliberate exception to "one writer".

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;

use super::ROUTES;

/// Places for plans. Plans that are replaced keep theirs for many replacements more, so that a request which is still
/// under way can't count for its successor.
pub const FAULT_PLACES: usize = 256;

/// Kinds that a plan is counted by.
pub const FAULT_KINDS: usize = 16;

/// The numbers 0, 1, 2, … each drawn once, by whoever comes first, in a cache line of its own.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct SharedIndex(AtomicU64);

impl SharedIndex {
    /// The next number.
    #[must_use]
    pub fn draw(&self) -> u64 {
        self.0.fetch_add(1, Relaxed)
    }

    /// How many were drawn.
    #[must_use]
    pub fn drawn(&self) -> u64 {
        self.0.load(Relaxed)
    }
}

/// A plan's index, and how often each of its kinds was carried out.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct FaultRecord {
    index: SharedIndex,
    executed: [AtomicU64; FAULT_KINDS],
}

/// Where a fault that is carried out is counted: the plan's place and the kind's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultMark {
    /// The plan's place, below [`FAULT_PLACES`].
    pub place: usize,
    /// The kind's place in the plan, below [`FAULT_KINDS`].
    pub kind: usize,
}

impl FaultRecord {
    /// What its requests draw from.
    #[must_use]
    pub fn index(&self) -> &SharedIndex {
        &self.index
    }

    /// How often the plan's n-th kind was carried out.
    #[must_use]
    pub fn executed(&self, kind: usize) -> u64 {
        self.executed.get(kind).map_or(0, |count| count.load(Relaxed))
    }

    /// For another plan. Only while no worker knows of one here.
    pub fn clear(&self) {
        let Self { index, executed } = self;
        index.0.store(0, Relaxed);
        for count in executed {
            count.store(0, Relaxed);
        }
    }
}

/// All that workers share beyond what they read.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct FaultTable {
    plans: [FaultRecord; FAULT_PLACES],
    routes: [SharedIndex; ROUTES],
}

impl FaultTable {
    /// A plan's index and counts.
    #[must_use]
    pub fn plan(&self, place: usize) -> &FaultRecord {
        &self.plans[place % FAULT_PLACES]
    }

    /// A fault was carried out.
    pub fn carried_out(&self, mark: FaultMark) {
        let FaultMark { place, kind } = mark;
        if let Some(count) = self.plan(place).executed.get(kind) {
            count.fetch_add(1, Relaxed);
        }
    }

    /// What the requests of a route draw from that have a modifier with a percentage.
    #[must_use]
    pub fn route_index(&self, number: usize) -> &SharedIndex {
        &self.routes[number % ROUTES]
    }
}
