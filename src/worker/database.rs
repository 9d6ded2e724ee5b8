//! Counts on a worker's seat what happens to requests that need a connection to the database.

use std::sync::Arc;

use super::pool::Counted;
use crate::scoreboard::SeatWriter;
use crate::work::database::{Account, Event, UsedCpu};

/// The account that counts on this seat, and the guard that ends the counting when it is dropped.
pub fn count(seat: Arc<SeatWriter>) -> (Account, Counted) {
    let counted = Counted::on(seat);
    let place = counted.place();
    let account: Account = Arc::new(move |event| {
        place.with(|seat| match event {
            Event::Asked => seat.db_asked(),
            Event::GivenUp => seat.db_given_up(),
            Event::TimedOut => seat.db_timed_out(),
            Event::Acquired { wait_ns } => seat.db_acquired(wait_ns),
            Event::Released { held_ns } => seat.db_released(held_ns),
            Event::Answered { db_ns, busy_ns, cpu, is_scan } => {
                seat.db_answered(db_ns, busy_ns, is_scan);
                if let Some(UsedCpu { queries, ns }) = cpu {
                    seat.db_computed(queries, ns);
                }
            }
            Event::Failed => seat.db_failed(),
        });
    });
    (account, counted)
}
