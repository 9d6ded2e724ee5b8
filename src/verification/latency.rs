//! The client's latencies against the target's, which are a part of them: from a request's arrival in the target's kernel
//! until its answer was flushed.

use super::arithmetic::percentile;
use super::counts::missing;
use super::target::InFlight;
use super::{Check, Target, Topic};
use crate::findings::Certainty;
use crate::generator::{Account, Timing};
use crate::histogram::Distribution;
use crate::units::shown::{float, microseconds};

/// A quantile of both: where, the client's, the target's, in microseconds.
type Pair = (f64, f64, f64);

/// A bucket of the histogram, and as much again for whoever interpolates between two requests.
const SHARE: f64 = 0.016;

/// The kernel's stamps, and timers.
const CLOCKS_US: f64 = 50.0;

/// The lines about them.
pub fn latencies(account: &Account, target: &Target) -> Vec<Check> {
    let pairs = pairs(account, target);
    vec![unit(account, target, &pairs), bound(account, target, &pairs)]
}

fn pairs(account: &Account, target: &Target) -> Vec<Pair> {
    let Some(ours) = target.latency.as_ref().filter(|ours| !ours.is_empty()) else { return Vec::new() };
    // Of few requests, those beyond are single ones.
    let is_many = |at: f64| (1.0 - at) * float(ours.count()) >= 10.0;
    let pair = |(at, theirs): &(f64, f64)| Some((*at, *theirs, float(ours.quantile_ns(*at)?) / 1e3));
    account.latency.quantiles.iter().filter(|(at, _)| *at >= 0.5 && is_many(*at)).filter_map(pair).collect()
}

/// Whether one of the two takes a unit for another.
fn unit(account: &Account, target: &Target, pairs: &[Pair]) -> Check {
    let name = account.generator;
    let of_mean = account.latency.mean_us.zip(target.latency.as_ref().and_then(Distribution::mean_ns));
    let means = of_mean
        .map(|(theirs, ours_ns)| (theirs, ours_ns / 1e3))
        .filter(|(theirs, ours)| *theirs > 0.0 && *ours > 0.0);
    let Some((theirs, ours)) = means else {
        return Check::new(Topic::Unit, format!("{name}: {}", account.unit.name()), "")
            .unknown("there is no mean on both sides");
    };
    let check = Check::new(
        Topic::Unit,
        format!("{name}: mean {}", microseconds(theirs)),
        format!("target: mean {}", microseconds(ours)),
    );
    let ratios = || {
        pairs
            .iter()
            .filter(|(_, theirs, _)| *theirs > 0.0)
            .map(|(_, theirs, ours)| theirs / ours)
            .chain([theirs / ours])
    };
    let found = [1e3, 1e-3, 1e6, 1e-6].into_iter().find(|factor| ratios().all(|ratio| is_about(ratio, *factor)));
    match found {
        Some(factor) => check.differs(
            Certainty::Likely,
            format!(
                "every figure is about {} that of the target: {} were taken for {}",
                times(factor),
                units(factor).0,
                units(factor).1
            ),
        ),
        None => check.agrees(format!("{name} writes {}", account.unit.name())),
    }
}

/// Within a factor of 1.6.
pub fn is_about(ratio: f64, factor: f64) -> bool {
    (0.625..=1.6).contains(&(ratio / factor))
}

fn times(factor: f64) -> &'static str {
    match factor {
        1e3.. => {
            if factor > 1e4 {
                "a million times"
            } else {
                "a thousand times"
            }
        }
        _ => {
            if factor < 1e-4 {
                "a millionth of"
            } else {
                "a thousandth of"
            }
        }
    }
}

/// What was taken for what, when a client's figure is so many times the true one.
pub fn units(factor: f64) -> (&'static str, &'static str) {
    match factor {
        1e3.. => {
            if factor > 1e4 {
                ("microseconds", "seconds")
            } else {
                ("milliseconds", "seconds, or microseconds for milliseconds")
            }
        }
        _ => {
            if factor < 1e-4 {
                ("seconds", "microseconds")
            } else {
                ("seconds", "milliseconds, or milliseconds for microseconds")
            }
        }
    }
}

/// No answer can be with the client earlier than it leaves the target.
fn bound(account: &Account, target: &Target, pairs: &[Pair]) -> Check {
    /// The rewriting of a long wait may push others down.
    const REWRITTEN: f64 = 0.15;
    let name = account.generator;
    let check = Check::new(Topic::Bound, format!("{name}: unknown"), "");
    let of_means = account.latency.mean_us.zip(target.latency.as_ref().and_then(Distribution::mean_ns));
    let means = of_means.filter(|_| account.timing == Timing::Measured && pairs.is_empty());
    let means = means.map(|(theirs, ours_ns)| (f64::NAN, theirs, ours_ns / 1e3));
    let all: Vec<Pair> = pairs.iter().copied().chain(means).collect();
    let shortfall = |(_, theirs, ours): &Pair| (theirs + account.latency.slack_us(*theirs) + CLOCKS_US) / ours;
    let Some(worst) = all.iter().min_by(|one, other| shortfall(one).total_cmp(&shortfall(other))) else {
        return check.unknown("there is no latency on both sides");
    };
    let (at, theirs, ours) = *worst;
    let place = if at.is_nan() { "mean".to_owned() } else { percentile(at) };
    let check = Check::new(
        Topic::Bound,
        format!("{name}: {place} {}", microseconds(theirs)),
        format!("target: {place} {}", microseconds(ours)),
    );
    if let Some(why) = target.others_among_answers() {
        return check.unknown(why);
    }
    // Where no more ended than the target has answered, those that failed were answers, too.
    if account.latency.has_failures && account.ended > target.answered() {
        return check.unknown(format!("{name} counts requests without an answer in its latencies, as fast ones"));
    }
    let (missing, most) =
        (missing(account, target), InFlight::of(account, target).map_or(0, |in_flight| in_flight.most));
    if missing > most {
        return check.unknown(format!(
            "the target's latencies are also those of {} requests that {name} does not count",
            super::exact(missing)
        ));
    }
    let slack = SHARE + if account.timing == Timing::Rewritten { REWRITTEN } else { 0.0 };
    if shortfall(worst) < 1.0 - slack {
        let why = if account.late > 0 {
            format!("{} answers that came after its time-out are not in its latencies", super::exact(account.late))
        } else {
            "it leaves slow requests out, or its latencies are of other requests".to_owned()
        };
        return check.differs(Certainty::Likely, why);
    }
    let median = all.iter().find(|(at, ..)| (*at - 0.5).abs() < 1e-9);
    match median {
        Some((_, theirs, ours)) if *theirs > 2.0 * ours && theirs - ours > 1_000.0 => check
            .agrees(format!(
                "but half of the requests spent {} and more outside of the target: in the network, or in {name} itself",
                microseconds(theirs - ours)
            ))
            .surely(Certainty::Likely),
        _ => check.agrees("what a client sees takes at least as long as the target's part of it"),
    }
}
