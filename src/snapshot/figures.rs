//! Everything that was counted up to an instant, or between two: what `/stats` tells and a mark keeps.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::routes::is_probe;
use super::{FaultTally, Gauges, RouteReading, SlotReading, Snapshot, Totals};
use crate::histogram::{Distribution, Durations};
use crate::maybe_known::MaybeKnown;

/// Everything that was counted up to an instant.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Figures {
    /// Sums over all slots.
    pub totals: Totals,
    /// What rises and falls, at that instant.
    #[serde(flatten)]
    pub now: Gauges,
    /// What all accept queues together had dropped at the last tick.
    pub listen_drops: MaybeKnown,
    /// Each route on which something was answered.
    pub routes: Vec<RouteReading>,
    /// Each slot ever used.
    pub slots: Vec<SlotFigures>,
    /// Each fault plan that is known. Of two instants the later one's: which plans there are is the state of an instant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub faults: Vec<FaultTally>,
}

/// A slot's part.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlotFigures {
    /// Its number.
    pub slot: usize,
    /// Of its newest worker.
    pub generation: u64,
    /// Of its newest worker.
    pub pid: u32,
    /// One word for people.
    pub state: String,
    /// Of all its workers.
    #[serde(flatten)]
    pub totals: Totals,
    /// What rises and falls, at that instant.
    #[serde(flatten)]
    pub now: Gauges,
    /// When its newest worker's loop last turned (monotonic).
    pub beat_ns: Option<u64>,
}

impl Figures {
    /// As a snapshot and the routes say, which were read after it: so the statuses add up to at least what is said to be
    /// finished.
    #[must_use]
    pub fn of(
        snapshot: &Snapshot,
        routes: Vec<RouteReading>,
        listen_drops: MaybeKnown,
        faults: Vec<FaultTally>,
    ) -> Self {
        let totals = snapshot.totals();
        Self {
            totals,
            now: totals.gauges(),
            listen_drops,
            routes,
            slots: snapshot.slots.iter().map(SlotFigures::of).collect(),
            faults,
        }
    }

    /// What was added since an earlier instant. What is the state of an instant stays that of the later one.
    #[must_use]
    pub fn since(self, before: &Self) -> Self {
        let earlier_route = |number| before.routes.iter().find(|route| route.number == number);
        let nothing = RouteReading::default();
        let routes = self.routes.iter();
        Self {
            totals: self.totals.since(&before.totals),
            listen_drops: self
                .listen_drops
                .zip(before.listen_drops)
                .and_then(|(now, then)| now.checked_sub(then).into()),
            routes: routes
                .filter_map(|route| route.since(earlier_route(route.number).unwrap_or(&nothing)))
                .collect(),
            slots: self.slots.into_iter().map(|slot| slot.since(&before.slots)).collect(),
            ..self
        }
    }

    /// Answers to health checks. A check whose client left first has none.
    #[must_use]
    pub fn probed(&self) -> u64 {
        self.routes.iter().filter(|route| is_probe(&route.path)).flat_map(|route| route.statuses.values()).sum()
    }

    /// How long the requests took, on all routes.
    #[must_use]
    pub fn recorded(&self) -> Durations<Distribution> {
        let mut sum = Durations::default();
        self.routes.iter().for_each(|route| sum.merge(&route.durations));
        sum
    }

    /// Status → how often it was answered, on any route.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<u16, u64> {
        let mut sums = BTreeMap::new();
        for (status, count) in self.routes.iter().flat_map(|route| &route.statuses) {
            let sum: &mut u64 = sums.entry(*status).or_default();
            *sum = sum.wrapping_add(*count);
        }
        sums
    }
}

impl SlotFigures {
    fn of(slot: &SlotReading) -> Self {
        Self {
            slot: slot.slot,
            generation: slot.generation,
            pid: slot.pid,
            state: slot.state_name().to_owned(),
            totals: slot.totals,
            now: slot.totals.gauges(),
            beat_ns: slot.beat_ns(),
        }
    }

    fn since(self, before: &[Self]) -> Self {
        let Some(before) = before.iter().find(|before| before.slot == self.slot) else { return self };
        Self { totals: self.totals.since(&before.totals), ..self }
    }
}
