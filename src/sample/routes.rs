//! What each route did in a tick; and how long requests took in it, on all routes together.

use std::sync::Arc;

use super::account::Account;
use super::rate_per_second;
use crate::histogram::{Distribution, Durations, Quantiles};
use crate::maybe_known::MaybeKnown;
use crate::scoreboard::{Counts, RouteCounts};
use crate::snapshot::{RouteReading, Totals};

/// What one route did in a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSample {
    /// Everything that was answered on it since the run began, as it was read.
    pub reading: Arc<RouteReading>,
    /// Requests since the run began: those that are told are never less than in the tick before.
    pub account: Account,
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
    /// Its counts.
    pub account: Account,
}

/// What was counted on a route, as [`Totals`]. A route counts no starts: what has finished is all that has started.
fn totals(reading: &RouteReading) -> Totals {
    let RouteCounts { client_gone, broken, shed, rate_limited, told: _, held_ns: _ } = reading.counts;
    let (finished, errors) = (reading.finished(), reading.errors());
    let ended = Counts { started: finished, finished, errors, client_gone, broken, ..Counts::default() };
    Totals { counts: Counts { shed, rate_limited, ..ended }, ..Totals::nothing() }
}

impl EarlierRoute {
    /// What the next tick needs to know of this one.
    pub(super) fn of(sample: &RouteSample) -> Self {
        let RouteSample { reading, account, rate: _, durations: _ } = sample;
        Self { reading: Arc::clone(reading), account: *account }
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
    let nothing = EarlierRoute::default();
    let samples = readings.iter().map(|reading| match earlier {
        None => first_seen(reading),
        Some(earlier) => {
            let before = earlier.iter().find(|earlier| earlier.reading.number == reading.number);
            let (sample, recorded) = one(before.unwrap_or(&nothing), reading, interval_ns);
            all.merge(&recorded);
            sample
        }
    });
    (samples.collect(), all)
}

fn first_seen(reading: &Arc<RouteReading>) -> RouteSample {
    let seen = totals(reading);
    RouteSample {
        reading: Arc::clone(reading),
        account: Account { seen, told: seen },
        rate: MaybeKnown::UNKNOWN,
        durations: Durations::default(),
    }
}

fn one(
    before: &EarlierRoute,
    reading: &Arc<RouteReading>,
    interval_ns: Option<u64>,
) -> (RouteSample, Durations<Distribution>) {
    let (mut account, plausible) = before.account.go_on(&totals(reading));
    // The same reading once more is of a route on which nothing has happened.
    let recorded = if Arc::ptr_eq(&before.reading, reading) {
        Some(Durations::default())
    } else {
        reading.durations.since(&before.reading.durations)
    };
    // A broken worker may have written anything: then the tick counts nothing for the route.
    let recorded = recorded.filter(|_| plausible);
    if recorded.is_none() {
        account.told = before.account.told;
    }
    let recorded = recorded.unwrap_or_default();
    let finished = |account: &Account| account.told.counts.finished.into();
    let sample = RouteSample {
        reading: Arc::clone(reading),
        account,
        rate: rate_per_second(finished(&before.account), finished(&account), interval_ns),
        durations: recorded.quantiles(),
    };
    (sample, recorded)
}
