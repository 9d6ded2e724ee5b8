//! Answers that a worker keeps for a while, of a route with a `cache` step.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;

use crate::sys::lock;
use crate::units::nanoseconds;

/// The bodies of one route's answers, by their keys, each with the time until which it is kept.
#[derive(Default)]
pub struct Kept(Mutex<HashMap<u64, (u64, Bytes)>>);

impl Kept {
    /// The body of a key, unless its time is over at `now_ns` (monotonic).
    pub fn get(&self, key: u64, now_ns: u64) -> Option<Bytes> {
        let kept = lock(&self.0);
        kept.get(&key).filter(|(until_ns, _)| *until_ns > now_ns).map(|(_, body)| body.clone())
    }

    /// Keeps a body for a time, in the place of the one before.
    pub fn put(&self, key: u64, now_ns: u64, time: Duration, body: Bytes) {
        lock(&self.0).insert(key, (now_ns.saturating_add(nanoseconds(time)), body));
    }
}
