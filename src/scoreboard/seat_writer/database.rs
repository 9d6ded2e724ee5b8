//! What a worker counts of its connections to the database.

use std::sync::atomic::Ordering::Relaxed;

use super::SeatWriter;

impl SeatWriter {
    /// A request needs a connection to the database. This and what follows is counted by the worker's loop and by the
    /// threads of its pool, one at a time.
    pub fn db_asked(&self) {
        self.count(|counters| &counters.db_asked, 1, Relaxed);
    }

    /// A request waits for a connection to the database no more, and has none.
    pub fn db_given_up(&self) {
        self.count(|counters| &counters.db_left, 1, Relaxed);
    }

    /// The same, since it has waited for as long as it may.
    pub fn db_timed_out(&self) {
        self.count(|counters| &counters.db_timeouts, 1, Relaxed);
        self.db_given_up();
    }

    /// A request has got the connection that it had waited for.
    pub fn db_acquired(&self, wait_ns: u64) {
        self.count(|counters| &counters.db_acquired, 1, Relaxed);
        self.count(|counters| &counters.db_left, 1, Relaxed);
        self.count(|counters| &counters.db_acquire_us, wait_ns / 1_000, Relaxed);
    }

    /// A request has given back its connection to the database.
    pub fn db_released(&self, held_ns: u64) {
        self.count(|counters| &counters.db_held_us, held_ns / 1_000, Relaxed);
        self.count(|counters| &counters.db_released, 1, Relaxed);
    }

    /// The database has answered a query: after how long, of which it waited for its one writer, and whether it looked for
    /// the rows without an index.
    pub fn db_answered(&self, db_ns: u64, busy_ns: u64, is_scan: bool) {
        self.count(|counters| &counters.db_answered, 1, Relaxed);
        self.count(|counters| &counters.db_answer_us, db_ns / 1_000, Relaxed);
        self.count(|counters| &counters.db_busy_us, busy_ns / 1_000, Relaxed);
        if is_scan {
            self.count(|counters| &counters.db_scans, 1, Relaxed);
            self.count(|counters| &counters.db_scan_us, db_ns.saturating_sub(busy_ns) / 1_000, Relaxed);
        }
    }

    /// CPU that the database used for so many queries.
    pub fn db_computed(&self, queries: u64, cpu_ns: u64) {
        self.count(|counters| &counters.db_measured, queries, Relaxed);
        self.count(|counters| &counters.db_cpu_us, cpu_ns / 1_000, Relaxed);
    }

    /// The database has failed a request.
    pub fn db_failed(&self) {
        self.count(|counters| &counters.db_failures, 1, Relaxed);
    }
}
