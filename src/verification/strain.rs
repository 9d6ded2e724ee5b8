//! Whether the generator could do what it says: Little's law, the rate that it was told, its CPU.

use super::target::answers_per_s;
use super::{Check, Row, Target, Topic};
use crate::findings::Certainty;
use crate::generator::{Account, Timing};
use crate::histogram::Distribution;
use crate::units::shown::{amount, float, microseconds, number, percent};

/// Beyond that, figures of one run do not fit together.
const SLACK: f64 = 0.1;

/// Rate × mean latency ≤ connections.
pub fn littles_law(account: &Account, target: &Target) -> Check {
    let name = account.generator;
    let check = Check::new(Topic::LittlesLaw, format!("{name}: unknown"), "");
    let ended = account.answered.or(account.ended);
    let rate =
        account.duration_s.zip(ended).map(|(seconds, ended)| float(ended) / seconds).or(account.requests_per_s);
    let measured = account.latency.mean_us.filter(|_| account.timing == Timing::Measured);
    let of_target = target.latency.as_ref().and_then(Distribution::mean_ns).map(|ns| ns / 1e3);
    let connections = account.connections.map(float).or_else(|| target.most_connections());
    let (Some(rate), Some(mean_us), Some(connections)) = (rate, measured.or(of_target), connections) else {
        return check.unknown("rate, mean latency and connections are not all known");
    };
    let whose = if measured.is_some() { name } else { "target" };
    let in_flight = rate * mean_us / 1e6;
    // A mean of whole milliseconds may be much larger than what it was rounded from.
    let slack_us = measured.map_or(0.0, |mean_us| account.latency.slack_us(mean_us));
    let at_least = rate * (mean_us - slack_us) / 1e6;
    let check = Check::new(
        Topic::LittlesLaw,
        format!(
            "{name}: {} a second × mean {} ({whose}) = {} in flight",
            number(rate),
            microseconds(mean_us),
            number(in_flight)
        ),
        amount(connections, "connection"),
    );
    if at_least <= connections * (1.0 + SLACK) + 0.5 {
        return check.agrees("");
    }
    check.differs(
        Certainty::Likely,
        "there were more requests at work than connections to carry them: the rate and the latency are not of the same requests, or one has another unit",
    )
}

/// Whether it kept the rate that it was told.
pub fn rate_kept(account: &Account, target: &Target, told: Option<f64>) -> Option<Check> {
    /// A generator that is asked for 100 a second does 99.
    const KEPT: f64 = 0.97;
    let told = told?;
    let name = account.generator;
    let check = |did: Option<f64>| {
        let did = did.map_or_else(|| "unknown".to_owned(), |did| format!("{} a second", number(did)));
        Check::new(Topic::Kept, format!("{name}: {did}"), format!("told: {} a second", number(told)))
    };
    let did = account.requests_per_s.or_else(|| Some(float(account.ended?) / account.duration_s?));
    let Some(did) = did else { return Some(check(None).unknown("its output does not tell")) };
    if did >= KEPT * told {
        return Some(check(Some(did)).agrees(""));
    }
    let mean_s = target.latency.as_ref().and_then(Distribution::mean_ns).map(|ns| ns / 1e9);
    let connections = account.connections.map(float).or_else(|| target.most_connections());
    let busy = mean_s
        .zip(connections)
        .zip(answers_per_s(account, target))
        .map(|((mean_s, open), rate)| rate * mean_s / open);
    Some(match busy {
        Some(busy) if busy >= 0.8 => check(Some(did)).differs(
            Certainty::Likely,
            "nearly all of its connections waited for the target all the time: it has too few for this rate, or the target is too slow for it",
        ),
        Some(busy) => check(Some(did)).differs(
            Certainty::Likely,
            format!("its connections were at work in {} of the time: the generator itself did not keep up", percent(busy * 100.0)),
        ),
        None => check(Some(did)).differs(Certainty::Possible, "either side may have been too slow"),
    })
}

/// What was left of its machine for the generator, if it ran on the target's.
pub fn cpu(account: &Account, target: &Target) -> Check {
    /// Nothing is left.
    const FULL_PCT: f64 = 95.0;
    /// A core that one thread keeps busy, as rows show it.
    const ONE_CORE: std::ops::RangeInclusive<f64> = 0.9..=1.15;
    /// A client that waits for a processor sees its answers so much later.
    const LONGER: f64 = 1.5;
    let name = account.generator;
    let check = Check::new(Topic::Cpu, format!("{name}: does not tell"), "target: unknown");
    let busy = target.busy();
    let mean = |of: fn(&Row) -> Option<f64>| {
        let known: Vec<(f64, f64)> = busy.iter().filter_map(|row| Some((of(row)?, row.seconds))).collect();
        let seconds: f64 = known.iter().map(|(_, seconds)| seconds).sum();
        (known.len() >= 3).then(|| known.iter().map(|(value, seconds)| value * seconds).sum::<f64>() / seconds)
    };
    let figures = mean(|row| row.host_cpu_pct).zip(mean(|row| row.cpu_of_host_pct)).zip(target.processors);
    let Some(((host, own), processors)) = figures else {
        return check.unknown("there are fewer than three rows under load with the machine's CPU");
    };
    let others = (host - own).max(0.0) * processors / 100.0;
    let check = Check {
        ours: format!("target: machine {} busy, {} cores of it by others", percent(host), number(others)),
        ..check
    };
    if account.has_one_thread && ONE_CORE.contains(&others) {
        return check.differs(
            Certainty::Possible,
            format!("others used one core, and {name} has one thread: if it ran on this machine, it had no CPU left, and its latencies are its own"),
        );
    }
    if host < FULL_PCT || others < own * processors / 100.0 {
        return check.agrees(format!("if {name} ran on this machine, it had CPU left")).surely(Certainty::Likely);
    }
    let median = account.latency.at(0.5).zip(target.latency.as_ref().and_then(|ours| ours.quantile_ns(0.5)));
    if median.is_some_and(|(theirs, ours_ns)| theirs <= LONGER * float(ours_ns) / 1e3) {
        return check
            .agrees(format!("the machine had no CPU left, but {name} kept up: half of the requests took it no longer than the target"))
            .surely(Certainty::Likely);
    }
    check.differs(
        Certainty::Possible,
        format!("the machine had no CPU left, and others than the target used most of it: if {name} ran here, it measured its own waiting"),
    )
}
