//! What workers have counted, added up: the one model of totals, from the seat to the report.

use serde::{Deserialize, Serialize};

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Counts;

/// What workers have counted since they began, or between two instants. All of it only grows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Totals {
    /// Their counters.
    pub counts: Counts,
    /// Requests that died with their worker.
    pub lost: u64,
    /// Their CPU, that of ended workers too.
    pub cpu_ns: MaybeKnown,
}

/// What rises and falls, at one instant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Gauges {
    /// Requests being served.
    pub in_flight: u64,
    /// Threads of the pools that work.
    pub pool_busy: u64,
    /// Pieces of work that wait for a thread of a pool.
    pub pool_queued: u64,
    /// Connections to the database that requests hold.
    pub db_in_use: u64,
    /// Requests that wait for a connection to the database.
    pub db_waiting: u64,
    /// Connections open.
    pub connections: u64,
}

impl Totals {
    /// Nothing was counted: every figure is known, and 0.
    #[must_use]
    pub fn nothing() -> Self {
        Self { cpu_ns: 0.into(), ..Self::default() }
    }

    /// Adds another's. What a broken worker has written may be too large to be added; nobody's reading may end by that.
    pub fn add(&mut self, other: &Self) {
        let Self { counts, lost, cpu_ns } = other;
        self.counts.add(counts);
        self.lost = self.lost.wrapping_add(*lost);
        self.cpu_ns = self.cpu_ns + *cpu_ns;
    }

    /// What has been added since an earlier reading.
    #[must_use]
    pub fn since(&self, before: &Self) -> Self {
        let Self { counts, lost, cpu_ns } = self;
        Self {
            counts: counts.since(&before.counts),
            lost: lost.wrapping_sub(before.lost),
            cpu_ns: cpu_ns.since(before.cpu_ns),
        }
    }

    /// How much of what has begun since the run began has not ended.
    #[must_use]
    pub fn gauges(&self) -> Gauges {
        let Self { counts, lost, cpu_ns: _ } = self;
        Gauges {
            in_flight: counts.started.saturating_sub(counts.finished).saturating_sub(*lost),
            pool_busy: counts.pool_begun.saturating_sub(counts.pool_ended),
            pool_queued: counts.pool_asked.saturating_sub(counts.pool_left),
            db_in_use: counts.db_acquired.saturating_sub(counts.db_released),
            db_waiting: counts.db_asked.saturating_sub(counts.db_left),
            connections: counts.accepts.saturating_sub(counts.closed),
        }
    }
}

impl Gauges {
    /// Adds another's.
    pub fn add(&mut self, other: &Self) {
        let Self { in_flight, pool_busy, pool_queued, db_in_use, db_waiting, connections } = other;
        self.in_flight += in_flight;
        self.pool_busy += pool_busy;
        self.pool_queued += pool_queued;
        self.db_in_use += db_in_use;
        self.db_waiting += db_waiting;
        self.connections += connections;
    }
}

/// Known where all parts are.
impl<'a> std::iter::Sum<&'a Totals> for Totals {
    fn sum<Parts: Iterator<Item = &'a Totals>>(parts: Parts) -> Self {
        parts.fold(Self::nothing(), |mut sum, part| {
            sum.add(part);
            sum
        })
    }
}
