//! A running target, and clients for it.

pub mod account;
pub mod client;
pub mod comparison;
pub mod control_group;
pub mod faults;
pub mod kernel;
pub mod load;
pub mod postgres;
pub mod target;
pub mod terminal;

use std::time::{Duration, Instant};

/// How long anything may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The longest that is counted from one look to the next: a machine that was paused has not been waited for.
const PAUSED: Duration = Duration::from_secs(1);

/// Waits until `condition` gives a value; panics with `what` when that takes too long.
pub fn wait_for<T>(what: &str, condition: impl FnMut() -> Option<T>) -> T {
    wait_at_most(PATIENCE, what, condition)
}

/// The same with another limit than 20 s. A pause of the machine counts as a second, however long it was.
pub fn wait_at_most<T>(patience: Duration, what: &str, mut condition: impl FnMut() -> Option<T>) -> T {
    let mut waited = Duration::ZERO;
    loop {
        let begun = Instant::now();
        if let Some(value) = condition() {
            return value;
        }
        assert!(waited < patience, "gave up waiting: {what}");
        // Not a wait for something to have happened by then, only a pause between two looks.
        std::thread::park_timeout(Duration::from_millis(2));
        waited += begun.elapsed().min(PAUSED);
    }
}

/// CRC-32 bit by bit, as the standard defines it.
pub fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| (crc >> 1) ^ (if crc & 1 == 1 { 0xEDB8_8320 } else { 0 });
    !bytes.iter().fold(!0, |crc, &byte| (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc)))
}
