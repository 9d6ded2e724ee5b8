//! Garbage over a seat, as a worker gone wild might leave it.

use std::sync::atomic::Ordering::Relaxed;

use super::counters::Counters;
use super::route_record::{RouteRecord, RouteRecords};
use super::slot::Seat;

impl Seat {
    /// Overwrites everything that a worker may write.
    pub fn scribble(&self, mut random: impl FnMut() -> u64) {
        let Self { counters, beat_ns, applied_epoch, lag, routes: RouteRecords { touched, records } } = self;
        counters.scribble(&mut random);
        for place in [beat_ns, applied_epoch].into_iter().chain(lag.places()).chain(touched.words()) {
            place.store(random(), Relaxed);
        }
        for route in records.iter().take(3) {
            route.scribble(&mut random);
        }
    }
}

impl Counters {
    fn scribble(&self, random: &mut impl FnMut() -> u64) {
        for counter in self.all() {
            counter.store(random(), Relaxed);
        }
    }
}

impl RouteRecord {
    fn scribble(&self, random: &mut impl FnMut() -> u64) {
        let Self { recorded, counts, answered, statuses, spent, behind, durations } = self;
        let places = [recorded].into_iter().chain(counts.all()).chain(answered.words()).chain(statuses);
        for place in places.chain(spent.all()).chain(behind.places()) {
            place.store(random(), Relaxed);
        }
        for histogram in durations.all() {
            histogram.scribble(random);
        }
    }
}
