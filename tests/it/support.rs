//! A running target, and clients for it.

pub mod account;
pub mod client;
pub mod faults;
pub mod kernel;
pub mod load;
pub mod target;
pub mod terminal;

use std::time::{Duration, Instant};

/// Waits until `condition` gives a value; panics with `what` after the deadline.
pub fn wait_for<T>(what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(value) = condition() {
            return value;
        }
        assert!(Instant::now() < deadline, "gave up waiting: {what}");
        // Not a wait for something to have happened by then, only a pause between two looks.
        std::thread::park_timeout(Duration::from_millis(2));
    }
}
