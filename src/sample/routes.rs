//! How long requests took in a tick: of each route, and of the whole target.

use std::sync::Arc;

use super::account::MOST_IN_A_TICK;
use super::rate_per_second;
use crate::histogram::{Distribution, Quantiles};
use crate::maybe_known::MaybeKnown;
use crate::snapshot::RouteReading;

/// The same of each of the stretches of a request's time: latency is queue, waits for the loop and service together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Durations<T> {
    /// Head parsed → flushed, the waits for the loop apart.
    pub service: T,
    /// Arrival in the kernel → flushed.
    pub latency: T,
    /// Arrival in the kernel → head parsed; nothing on a unix socket, which has no arrival stamps.
    pub queue: T,
    /// Timer, pool thread or piece of the body ready → the loop runs the request on.
    pub loop_wait: T,
}

/// What one route did in a tick.
#[derive(Clone, Debug, PartialEq)]
pub struct RouteSample {
    /// Everything that was answered on it since the run began, as it was read.
    pub reading: Arc<RouteReading>,
    /// Requests since the run began; never less than in the tick before.
    pub counts: RouteCounts,
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
    pub counts: RouteCounts,
}

/// Requests of a route.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RouteCounts {
    /// Answered, given up by their client, or broken by a fault.
    pub finished: u64,
    /// Of those, given up by their client.
    pub client_gone: u64,
    /// Of the finished, broken by a fault.
    pub broken: u64,
    /// Of the finished, answered 503 because `--max-inflight` was reached.
    pub shed: u64,
    /// Of the finished, answered 429 because a rate limit was reached.
    pub rate_limited: u64,
    /// Of the finished, status ≥ 500 or broken by a fault.
    pub errors: u64,
}

impl RouteCounts {
    fn of(reading: &RouteReading) -> Self {
        let RouteReading { client_gone, broken, shed, rate_limited, .. } = *reading;
        Self { finished: reading.finished(), client_gone, broken, shed, rate_limited, errors: reading.errors() }
    }

    /// Combines each count with another's.
    fn each(self, other: Self, combine: fn(u64, u64) -> u64) -> Self {
        Self {
            finished: combine(self.finished, other.finished),
            client_gone: combine(self.client_gone, other.client_gone),
            broken: combine(self.broken, other.broken),
            shed: combine(self.shed, other.shed),
            rate_limited: combine(self.rate_limited, other.rate_limited),
            errors: combine(self.errors, other.errors),
        }
    }

    fn could_be_gained(self) -> bool {
        let Self { finished, client_gone, broken, shed, rate_limited, errors } = self;
        [finished, client_gone, broken, shed, rate_limited, errors].iter().all(|more| *more <= MOST_IN_A_TICK)
    }
}

impl EarlierRoute {
    /// What the next tick needs to know of this one.
    pub(super) fn of(sample: &RouteSample) -> Self {
        let RouteSample { reading, counts, rate: _, durations: _ } = sample;
        Self { reading: Arc::clone(reading), counts: *counts }
    }
}

impl Durations<Distribution> {
    /// The quantiles of each.
    #[must_use]
    pub fn quantiles(&self) -> Durations<Option<Quantiles>> {
        let Self { service, latency, queue, loop_wait } = self;
        Durations {
            service: service.quantiles(),
            latency: latency.quantiles(),
            queue: queue.quantiles(),
            loop_wait: loop_wait.quantiles(),
        }
    }

    fn merge(&mut self, other: &Self) {
        let Self { service, latency, queue, loop_wait } = other;
        self.service.merge(service);
        self.latency.merge(latency);
        self.queue.merge(queue);
        self.loop_wait.merge(loop_wait);
    }

    /// What was recorded on a route between two readings; `None` where that can't be.
    fn between(before: &RouteReading, now: &RouteReading) -> Option<Self> {
        Some(Self {
            service: now.service.since(&before.service)?,
            latency: now.latency.since(&before.latency)?,
            queue: now.queue.since(&before.queue)?,
            loop_wait: now.loop_wait.since(&before.loop_wait)?,
        })
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
        counts: RouteCounts::of(reading),
        rate: MaybeKnown::UNKNOWN,
        durations: Durations::default(),
    }
}

fn one(
    before: &EarlierRoute,
    reading: &Arc<RouteReading>,
    interval_ns: Option<u64>,
) -> (RouteSample, Durations<Distribution>) {
    let more = RouteCounts::of(reading).each(RouteCounts::of(&before.reading), u64::wrapping_sub);
    // The same reading once more is of a route on which nothing has happened.
    let recorded = if Arc::ptr_eq(&before.reading, reading) {
        Some(Durations::default())
    } else {
        Durations::between(&before.reading, reading)
    };
    // A broken worker may have written anything: then the tick counts nothing for the route.
    let recorded = recorded.filter(|_| more.could_be_gained());
    let plausible = recorded.is_some();
    let recorded = recorded.unwrap_or_default();
    let counts = if plausible { before.counts.each(more, u64::saturating_add) } else { before.counts };
    let sample = RouteSample {
        reading: Arc::clone(reading),
        counts,
        rate: rate_per_second(before.counts.finished.into(), counts.finished.into(), interval_ns),
        durations: recorded.quantiles(),
    };
    (sample, recorded)
}
