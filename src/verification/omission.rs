//! Coordinated omission: a client that waits for an answer before it sends the next request sends nothing while the target
//! stands still, and so most of the waiting never happens to anybody.
//!
//! What steady arrivals would have waited follows from the target's own histogram, as `HdrHistogram` corrects one: a request
//! that took longer than the time from one request of its connection to the next stands for those that did not come
//! meanwhile (Tene, *How NOT to Measure Latency*). That alone would take a slow request for a stall of the target, so there
//! must be a hole in the throughput, too.

use super::arithmetic::percentile;
use super::target::answers_per_s;
use super::{Check, Target, Topic};
use crate::findings::Certainty;
use crate::generator::{Account, Timing};
use crate::histogram::Distribution;
use crate::units::shown::{float, microseconds, percent};

/// Fewer rows show no hole.
const ROWS: usize = 8;

/// A steady client would have waited so many times as long …
const FACTOR: f64 = 2.0;

/// … and so much longer.
const WORTH_US: f64 = 10_000.0;

/// Of the arrivals that would be missing, so many must be missing in the rows.
const SEEN_AS_HOLE: f64 = 0.3;

/// A client whose percentile is so much of the steady one's shows the waiting.
const SHOWN: f64 = 0.7;

/// More connections than that a request, and each is made for one request: then there is no next one on it.
const OF_ONE_REQUEST: f64 = 0.5;

/// The line about it.
pub fn omission(account: &Account, target: &Target) -> Check {
    let name = account.generator;
    let check = Check::new(Topic::Omission, format!("{name}: unknown"), "");
    let (Some(seen), Some(answers)) = (target.latency.as_ref().filter(|seen| !seen.is_empty()), target.answered())
    else {
        return check.unknown("the target's latencies of this stretch are not known");
    };
    let connections = account.connections.map(float).or_else(|| target.most_connections());
    let (Some(connections), Some(rate)) = (connections, answers_per_s(account, target)) else {
        return check.unknown("how many connections there were is not known");
    };
    if target.accepts.is_some_and(|accepts| float(accepts) > OF_ONE_REQUEST * float(answers)) {
        return check
            .unknown("each request had a connection of its own: when the next would have come is not known");
    }
    let steady = Steady::of(seen, connections / rate * 1e9);
    let quantiles =
        [0.9, 0.95, 0.99].map(|at| (at, seen.quantile_ns(at).map_or(0.0, float) / 1e3, steady.quantile_us(at)));
    let would_differ = |(_, seen_us, steady_us): &(f64, f64, f64)| {
        *steady_us >= FACTOR * seen_us && steady_us - seen_us >= WORTH_US
    };
    let by_ratio =
        |one: &&(f64, f64, f64), other: &&(f64, f64, f64)| (one.2 / one.1).total_cmp(&(other.2 / other.1));
    let worst = quantiles.iter().filter(|quantile| would_differ(quantile)).max_by(by_ratio);
    let (at, seen_us, steady_us) = *worst.unwrap_or(&quantiles[2]);
    let place = percentile(at);
    let client = account.latency.at(at);
    let theirs = client.map_or_else(|| "unknown".to_owned(), microseconds);
    let check = Check::new(
        Topic::Omission,
        format!("{name}: {place} {theirs}"),
        format!("target: {place} {}, {} for steady arrivals", microseconds(seen_us), microseconds(steady_us)),
    );
    if worst.is_none() {
        return check.agrees("steady arrivals would have waited no longer");
    }
    if target.busy().len() < ROWS {
        return check.unknown(format!("in fewer than {ROWS} rows, a target that stands still is not told from slow requests: take a longer run, or a shorter --sample-interval"));
    }
    let never_came = steady.added_share();
    if hole(target) < SEEN_AS_HOLE * never_came {
        return check
            .agrees("the slow requests were slow by themselves: the target went on with others meanwhile")
            .surely(Certainty::Likely);
    }
    let omitted = format!(
        "{name} sent next to nothing while the target stood still: {} of a steady client's requests never came",
        percent(never_came * 100.0)
    );
    match (account.timing, client) {
        (Timing::Measured, Some(client)) if client >= SHOWN * steady_us => {
            check.agrees(format!("{name} shows the waiting, although {omitted}")).surely(Certainty::Likely)
        }
        (Timing::Rewritten, _) => check.differs(
            Certainty::Likely,
            format!(
                "{omitted}. Its percentiles are no measurement: {name} adds times of requests that it did not send"
            ),
        ),
        (Timing::Measured, _) => check.differs(
            Certainty::Likely,
            format!("{omitted}. Ask it for a rate, and for latencies from the schedule on"),
        ),
    }
}

/// The share of the throughput that is missing where rows have less than the median. The first and the last row are left
/// out: the load begins and ends somewhere in them.
fn hole(target: &Target) -> f64 {
    let busy = target.busy();
    let inner = &busy[1..busy.len() - 1];
    let mut rates: Vec<f64> = inner.iter().filter_map(|row| row.rps).collect();
    rates.sort_by(f64::total_cmp);
    let Some(median) = rates.get(rates.len() / 2).copied() else { return 0.0 };
    // Ordinary unevenness is no hole.
    let noise = 0.1 * median;
    let missing =
        inner.iter().filter_map(|row| Some((median - row.rps? - noise).max(0.0) * row.seconds)).sum::<f64>();
    let all = inner.iter().filter_map(|row| Some(row.rps? * row.seconds)).sum::<f64>();
    if missing + all > 0.0 { missing / (missing + all) } else { 0.0 }
}

/// A histogram with the requests that would have come while others waited.
struct Steady<'a> {
    seen: &'a Distribution,
    interval_ns: f64,
}

impl<'a> Steady<'a> {
    fn of(seen: &'a Distribution, interval_ns: f64) -> Self {
        Self { seen, interval_ns: interval_ns.max(1.0) }
    }

    /// How many took at least so long. One that took `n` intervals and a bit stands for `n − 1` more.
    fn at_least(&self, ns: f64) -> f64 {
        let least_added = ns.max(self.interval_ns);
        let of_one = |value: f64| {
            let added = ((value - least_added) / self.interval_ns).floor().max(0.0);
            f64::from(value >= ns) + added
        };
        self.seen.values().map(|(value, count)| of_one(float(value)) * float(count)).sum()
    }

    /// Of all that would have come, the share that did not.
    fn added_share(&self) -> f64 {
        1.0 - float(self.seen.count()) / self.at_least(0.0)
    }

    /// By halving: no histogram is longer than an hour.
    fn quantile_us(&self, at: f64) -> f64 {
        let beyond = (1.0 - at) * self.at_least(0.0);
        let (mut low, mut high) = (0.0, float(self.seen.max_ns).max(1.0));
        for _ in 0..50 {
            let middle = f64::midpoint(low, high);
            if self.at_least(middle) > beyond { low = middle } else { high = middle }
        }
        high / 1e3
    }
}
