//! What requests have spent their time on, and behind whose work they have waited.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;

use super::ROUTES;
use super::shared_counts::shared_counts;
use crate::histogram::{Marks, add};

shared_counts! {
    /// What the requests of a route have spent, all together, in nanoseconds.
    #[allow(clippy::struct_field_names)] // Units stand in names.
    SpentRecord,
    /// What a request has spent, or all requests of a route together, in nanoseconds.
    #[allow(clippy::struct_field_names)] // Units stand in names.
    Spent {
        /// CPU time of its work.
        cpu_ns,
        /// Time waited on purpose, or for the client's body.
        io_ns,
        /// Time waited for a thread of the pool.
        pool_ns,
        /// Time waited for a connection to the database.
        acquire_ns,
        /// Time that the database took.
        db_ns,
        /// Time to decode a picture.
        decode_ns,
        /// Time to resize it.
        resize_ns,
        /// Time that the model took for it.
        infer_ns,
        /// Time for which faults and modifiers kept it from its handler.
        injected_ns,
    }
}

/// What is known of a request beside its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// What it has spent; `None` where its handler doesn't say.
    pub spent: Option<Spent>,
    /// Whether its handler has refused it: then its work is not done, whatever it has spent.
    pub is_in_vain: bool,
    /// How long it has held its worker's loop.
    pub held_ns: u64,
    /// How long it has waited for the loop while requests of these routes held it.
    pub behind: Vec<(usize, u64)>,
}

impl Effort {
    /// It has waited for so long while a request of this route held the loop.
    pub fn add_behind(&mut self, route: usize, waited_ns: u64) {
        match self.behind.iter_mut().find(|(known, _)| *known == route) {
            Some((_, sum)) => *sum += waited_ns,
            None => self.behind.push((route, waited_ns)),
        }
    }
}

/// How long requests of a route have waited for their worker's loop: a sum for each route whose requests held it meanwhile.
#[derive(Zeroable)]
#[repr(C)]
pub struct BehindRecord {
    /// Which routes anything was ever waited for.
    whom: Marks<{ ROUTES.div_ceil(64) }>,
    waited_ns: [AtomicU64; ROUTES],
}

impl BehindRecord {
    /// For the record's one writer.
    pub(super) fn add(&self, route: usize, waited_ns: u64) {
        if let Some(sum) = self.waited_ns.get(route) {
            self.whom.set(route);
            add(sum, waited_ns);
        }
    }

    /// Each route that was waited for, and how long.
    pub fn read(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.whom.places().filter_map(|route| Some((route, self.waited_ns.get(route)?.load(Relaxed))))
    }

    pub(super) fn absorb(&self, other: &Self) {
        other.read().for_each(|(route, waited_ns)| self.add(route, waited_ns));
    }

    pub(super) fn clear(&self) {
        self.waited_ns.iter().for_each(|sum| sum.store(0, Relaxed));
        self.whom.clear();
    }

    /// Everything that a worker may write, for tests that fill it with garbage.
    #[cfg(test)]
    pub(super) fn places(&self) -> impl Iterator<Item = &AtomicU64> {
        self.whom.words().iter().chain(&self.waited_ns)
    }
}
