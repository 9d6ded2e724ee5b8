//! Counts the work of a worker's pool on the worker's seat.

use std::sync::{Arc, Mutex};

use crate::scoreboard::SeatWriter;
use crate::sys::lock;
use crate::work::pool::{Event, account_to};

/// Where the loop and the threads of the pool count, one at a time; nothing once the worker has ended. A thread of its pool
/// may outlive it, when the seat is another worker's.
pub struct Counted(Place);

/// The same, for whoever counts.
#[derive(Clone)]
pub struct Place(Arc<Mutex<Option<Arc<SeatWriter>>>>);

impl Counted {
    /// Counts on this seat until it is dropped.
    pub fn on(seat: Arc<SeatWriter>) -> Self {
        Self(Place(Arc::new(Mutex::new(Some(seat)))))
    }

    /// Where to count.
    pub fn place(&self) -> Place {
        self.0.clone()
    }
}

impl Place {
    /// Counts, if the worker is still there.
    pub fn with(&self, count: impl FnOnce(&SeatWriter)) {
        // Locked while it counts: the seat's counters have one writer at a time.
        if let Some(seat) = &*lock(&self.0) {
            count(seat);
        }
    }
}

/// Counts what the calling thread gives to its pool, until what is returned is dropped.
#[must_use]
pub fn count(seat: Arc<SeatWriter>) -> Counted {
    let counted = Counted::on(seat);
    let place = counted.place();
    account_to(Arc::new(move |event| {
        place.with(|seat| match event {
            Event::Asked => seat.pool_asked(),
            Event::GivenUp => seat.pool_given_up(),
            Event::Begun { wait_ns } => seat.pool_begun(wait_ns),
            Event::Ended { held_ns } => seat.pool_ended(held_ns),
        });
    }));
    counted
}

impl Drop for Counted {
    fn drop(&mut self) {
        lock(&self.0.0).take();
    }
}
