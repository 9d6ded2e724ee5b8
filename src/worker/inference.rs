//! Counts on a worker's seat what its models do.

use std::sync::Arc;

use super::pool::Counted;
use crate::scoreboard::SeatWriter;
use crate::work::inference::{Account, Event};

/// The account that counts on this seat, and the guard that ends the counting when it is dropped.
pub fn count(seat: Arc<SeatWriter>) -> (Account, Counted) {
    let counted = Counted::on(seat);
    let place = counted.place();
    let account: Account = Arc::new(move |event| {
        place.with(|seat| match event {
            Event::Decoded { decode_ns, resize_ns, cpu_ns } => seat.picture_decoded(decode_ns, resize_ns, cpu_ns),
            Event::Ran { pictures, wait_ns, run_ns, cpu_ns } => seat.model_ran(pictures, wait_ns, run_ns, cpu_ns),
        });
    });
    (account, counted)
}
