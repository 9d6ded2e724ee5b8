//! The connections to the database, as workers have counted them.

use crate::scoreboard::Counts;

/// Connections to the database: `in_use` and `waiting` as they are, the rest since the run began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Connections {
    /// That requests hold.
    pub in_use: u64,
    /// Requests that wait for one.
    pub waiting: u64,
    /// How often a request took one.
    pub acquired: u64,
    /// Requests that waited for as long as they may, in vain.
    pub timeouts: u64,
    /// Requests that the database failed.
    pub failures: u64,
    /// How long those that got one had waited.
    pub acquire_us: u64,
    /// How long those that were given back had been held.
    pub held_us: u64,
    /// Queries that the database answered.
    pub answered: u64,
    /// How long it took for those.
    pub answer_us: u64,
    /// Of the queries, those that looked for their rows without an index.
    pub scans: u64,
    /// How long queries waited for the database's one writer.
    pub busy_us: u64,
}

impl Connections {
    /// As a worker, or all of them, have counted.
    #[must_use]
    pub fn of(counts: &Counts) -> Self {
        Self {
            in_use: counts.db_in_use(),
            waiting: counts.db_waiting(),
            acquired: counts.db_acquired,
            timeouts: counts.db_timeouts,
            failures: counts.db_failures,
            acquire_us: counts.db_acquire_us,
            held_us: counts.db_held_us,
            answered: counts.db_answered,
            answer_us: counts.db_answer_us,
            scans: counts.db_scans,
            busy_us: counts.db_busy_us,
        }
    }
}
