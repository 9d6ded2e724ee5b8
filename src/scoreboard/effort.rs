//! What requests have spent their time on, and behind whose work they have waited.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;
use serde::{Deserialize, Serialize};

use super::ROUTES;
use crate::histogram::{Marks, add};

/// What a request has spent, or all requests of a route together, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Spent {
    /// CPU time of its work.
    pub cpu_ns: u64,
    /// Time waited on purpose, or for the client's body.
    pub io_ns: u64,
    /// Time waited for a thread of the pool.
    pub pool_ns: u64,
    /// Time waited for a connection to the database.
    pub acquire_ns: u64,
    /// Time that the database took.
    pub db_ns: u64,
    /// Time for which faults and modifiers kept it from its handler.
    pub injected_ns: u64,
}

impl Spent {
    /// Adds another's. A worker that is broken may have written anything.
    pub fn add(&mut self, other: &Self) {
        let Self { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns } = self;
        let sums = [cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns];
        let Self { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns } = *other;
        for (sum, more) in sums.into_iter().zip([cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns]) {
            *sum = sum.wrapping_add(more);
        }
    }

    /// What has been added since an earlier reading; `None` when a sum fell.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        let Self { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns } = self;
        Some(Self {
            cpu_ns: cpu_ns.checked_sub(before.cpu_ns)?,
            io_ns: io_ns.checked_sub(before.io_ns)?,
            pool_ns: pool_ns.checked_sub(before.pool_ns)?,
            acquire_ns: acquire_ns.checked_sub(before.acquire_ns)?,
            db_ns: db_ns.checked_sub(before.db_ns)?,
            injected_ns: injected_ns.checked_sub(before.injected_ns)?,
        })
    }
}

/// What is known of a request beside its times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effort {
    /// What it has spent; `None` where its handler doesn't say.
    pub spent: Option<Spent>,
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

/// The sums of a route, as its worker writes them.
#[derive(Zeroable)]
#[repr(C)]
pub struct EffortRecord {
    /// Requests whose handler has said what they have spent.
    told: AtomicU64,
    cpu_ns: AtomicU64,
    io_ns: AtomicU64,
    pool_ns: AtomicU64,
    acquire_ns: AtomicU64,
    db_ns: AtomicU64,
    injected_ns: AtomicU64,
    held_ns: AtomicU64,
    /// Which routes anything was ever waited for.
    behind_whom: Marks<{ ROUTES.div_ceil(64) }>,
    behind: [AtomicU64; ROUTES],
}

impl EffortRecord {
    /// For the record's one writer.
    pub(super) fn record(&self, effort: &Effort) {
        let Effort { spent, held_ns, behind } = effort;
        if let Some(Spent { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns }) = *spent {
            add(&self.told, 1);
            add(&self.cpu_ns, cpu_ns);
            add(&self.io_ns, io_ns);
            add(&self.pool_ns, pool_ns);
            add(&self.injected_ns, injected_ns);
            if db_ns > 0 {
                add(&self.acquire_ns, acquire_ns);
                add(&self.db_ns, db_ns);
            }
        }
        add(&self.held_ns, *held_ns);
        for &(route, waited_ns) in behind {
            self.add_behind(route, waited_ns);
        }
    }

    fn add_behind(&self, route: usize, waited_ns: u64) {
        if let Some(sum) = self.behind.get(route) {
            self.behind_whom.set(route);
            add(sum, waited_ns);
        }
    }

    /// How many requests' handlers have said what they have spent, and what that was.
    #[must_use]
    pub fn spent(&self) -> (u64, Spent) {
        let [told, cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns, _] =
            self.sums().map(|sum| sum.load(Relaxed));
        (told, Spent { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns })
    }

    /// How long requests of the route have held their worker's loop.
    #[must_use]
    pub fn held_ns(&self) -> u64 {
        self.held_ns.load(Relaxed)
    }

    /// How long they have waited for the loop while requests of which other routes held it.
    pub fn behind(&self) -> impl Iterator<Item = (usize, u64)> + '_ {
        self.behind_whom.places().filter_map(|route| Some((route, self.behind.get(route)?.load(Relaxed))))
    }

    pub(super) fn absorb(&self, other: &Self) {
        for (sum, more) in self.sums().into_iter().zip(other.sums()) {
            add(sum, more.load(Relaxed));
        }
        other.behind().for_each(|(route, waited_ns)| self.add_behind(route, waited_ns));
    }

    pub(super) fn clear(&self) {
        self.sums().into_iter().chain(&self.behind).for_each(|sum| sum.store(0, Relaxed));
        self.behind_whom.clear();
    }

    fn sums(&self) -> [&AtomicU64; 8] {
        let Self {
            told,
            cpu_ns,
            io_ns,
            pool_ns,
            acquire_ns,
            db_ns,
            injected_ns,
            held_ns,
            behind_whom: _,
            behind: _,
        } = self;
        [told, cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, injected_ns, held_ns]
    }

    /// Everything that a worker may write, for tests that fill it with garbage.
    #[cfg(test)]
    pub(super) fn places(&self) -> impl Iterator<Item = &AtomicU64> {
        self.sums().into_iter().chain(self.behind_whom.words()).chain(&self.behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_read_absorbed_and_cleared() {
        let [one, base]: [Box<EffortRecord>; 2] = std::array::from_fn(|_| bytemuck::allocation::zeroed_box());
        let mut effort = Effort { held_ns: 7, ..Effort::default() };
        effort.add_behind(63, 5);
        effort.add_behind(2, 1);
        effort.add_behind(63, 5);
        assert_eq!(effort.behind, [(63, 10), (2, 1)]);
        one.record(&effort);
        let spent = Spent { cpu_ns: 1, io_ns: 2, pool_ns: 3, acquire_ns: 5, db_ns: 6, injected_ns: 4 };
        one.record(&Effort { spent: Some(spent), ..effort });
        base.absorb(&one);
        base.absorb(&one);
        assert_eq!(one.spent(), (1, spent));
        assert_eq!(
            base.spent(),
            (2, Spent { cpu_ns: 2, io_ns: 4, pool_ns: 6, acquire_ns: 10, db_ns: 12, injected_ns: 8 })
        );
        assert_eq!((one.held_ns(), base.held_ns()), (14, 28));
        assert!(base.behind().eq([(2, 4), (63, 40)]));
        base.clear();
        assert_eq!((base.spent(), base.held_ns(), base.behind().count()), ((0, Spent::default()), 0, 0));
        assert!(base.places().all(|place| place.load(Relaxed) == 0));
    }
}
