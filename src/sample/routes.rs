//! How long requests took in a tick: of each route, and of the whole target.

use std::sync::Arc;

use super::account::MOST_IN_A_TICK;
use super::rate_per_second;
use crate::histogram::{Distribution, Durations, Quantiles};
use crate::maybe_known::MaybeKnown;
use crate::scoreboard::RouteCounts;
use crate::snapshot::RouteReading;

/// What one route did in a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSample {
    /// Everything that was answered on it since the run began, as it was read.
    pub reading: Arc<RouteReading>,
    /// Requests since the run began; never less than in the tick before.
    pub totals: RouteTotals,
    /// Requests finished, a second in this tick.
    pub rate: MaybeKnown<f64>,
    /// Of the requests finished in this tick; `None` when there were none.
    pub durations: Durations<Option<Quantiles>>,
}

/// A route's cumulative figures of the tick before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EarlierRoute {
    /// As they were read.
    pub reading: Arc<RouteReading>,
    /// The counts as they were told: the same, unless they were implausible once.
    pub totals: RouteTotals,
}

/// Requests of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteTotals {
    /// Answered, given up by their client, or broken by a fault.
    pub finished: u64,
    /// Of the finished, status ≥ 500 or broken by a fault.
    pub errors: u64,
    /// What else was counted.
    pub counts: RouteCounts,
}

impl RouteTotals {
    fn of(reading: &RouteReading) -> Self {
        Self { finished: reading.finished(), errors: reading.errors(), counts: reading.counts }
    }

    /// What has been added since an earlier reading; `None` where that can't be.
    fn since(&self, before: &Self) -> Option<Self> {
        let finished = self.finished.checked_sub(before.finished).filter(|more| *more <= MOST_IN_A_TICK)?;
        let errors = self.errors.checked_sub(before.errors)?;
        Some(Self { finished, errors, counts: self.counts.since(&before.counts)? })
    }

    fn add(&mut self, more: &Self) {
        self.finished = self.finished.wrapping_add(more.finished);
        self.errors = self.errors.wrapping_add(more.errors);
        self.counts.add(&more.counts);
    }
}

impl EarlierRoute {
    /// What the next tick needs to know of this one.
    pub(super) fn of(sample: &RouteSample) -> Self {
        let RouteSample { reading, totals, rate: _, durations: _ } = sample;
        Self { reading: Arc::clone(reading), totals: *totals }
    }
}

/// Each route's tick, and what was recorded in it on all of them together. `earlier` is `None` when the tick before was
/// another observer's: then nobody knows what this tick has added.
pub(super) fn between(
    earlier: Option<&[EarlierRoute]>,
    readings: &[Arc<RouteReading>],
    interval_ns: Option<u64>,
) -> (Vec<RouteSample>, Durations<Distribution>) {
    let mut all = Durations::default();
    let samples = readings.iter().map(|reading| match earlier {
        None => first_seen(reading),
        Some(earlier) => {
            let before = earlier.iter().find(|earlier| earlier.reading.number == reading.number);
            let nothing = EarlierRoute::default();
            let (sample, recorded) = one(before.unwrap_or(&nothing), reading, interval_ns);
            all.merge(&recorded);
            sample
        }
    });
    (samples.collect(), all)
}

fn first_seen(reading: &Arc<RouteReading>) -> RouteSample {
    RouteSample {
        reading: Arc::clone(reading),
        totals: RouteTotals::of(reading),
        rate: MaybeKnown::UNKNOWN,
        durations: Durations::default(),
    }
}

fn one(
    before: &EarlierRoute,
    reading: &Arc<RouteReading>,
    interval_ns: Option<u64>,
) -> (RouteSample, Durations<Distribution>) {
    let more = RouteTotals::of(reading).since(&RouteTotals::of(&before.reading));
    // The same reading once more is of a route on which nothing has happened.
    let recorded = if Arc::ptr_eq(&before.reading, reading) {
        Some(Durations::default())
    } else {
        reading.durations.since(&before.reading.durations)
    };
    // A broken worker may have written anything: then the tick counts nothing for the route.
    let (more, recorded) = more.zip(recorded).unwrap_or_default();
    let mut totals = before.totals;
    totals.add(&more);
    let sample = RouteSample {
        reading: Arc::clone(reading),
        totals,
        rate: rate_per_second(before.totals.finished.into(), totals.finished.into(), interval_ns),
        durations: recorded.quantiles(),
    };
    (sample, recorded)
}
