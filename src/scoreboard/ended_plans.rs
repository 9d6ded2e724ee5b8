//! Fault plans that were in force and are not any more: what they were, for as long as no other plan counts in their place.

use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release};

use bytemuck::Zeroable;

use super::{FAULT_PLACES, TextBuffer};

/// What stood on the orders page of a plan in each place, and when that plan ended. Written by the observer.
///
/// Their times stand together, apart from their texts: what nobody has written is not touched, and takes no memory.
#[derive(Zeroable)]
#[repr(C)]
pub struct EndedPlans {
    /// Monotonic; 0 where there is none.
    ended_ns: [AtomicU64; FAULT_PLACES],
    texts: [TextBuffer; FAULT_PLACES],
}

impl EndedPlans {
    /// The plan of a place, which is this, is not in force any more.
    pub(crate) fn note(&self, place: usize, text: &[u8], ended_ns: u64) {
        let place = place % FAULT_PLACES;
        self.texts[place].write(text);
        self.ended_ns[place].store(ended_ns, Release);
    }

    /// Another plan is to count in this place.
    pub(crate) fn forget(&self, place: usize) {
        let ended_ns = &self.ended_ns[place % FAULT_PLACES];
        if ended_ns.load(Relaxed) > 0 {
            ended_ns.store(0, Relaxed);
        }
    }

    /// All that are known, each with the time at which it ended; the first to end first.
    pub(crate) fn all(&self) -> Vec<(Vec<u8>, u64)> {
        let known = |(place, ended_ns): (usize, &AtomicU64)| {
            Some((place, ended_ns.load(Acquire))).filter(|known| known.1 > 0)
        };
        let mut ended: Vec<(usize, u64)> = self.ended_ns.iter().enumerate().filter_map(known).collect();
        ended.sort_by_key(|(_, ended_ns)| *ended_ns);
        ended.into_iter().map(|(place, ended_ns)| (self.texts[place].read(), ended_ns)).collect()
    }
}
