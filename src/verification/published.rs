//! Published figures against each other: of a system that nobody here has measured, only what its report says of itself.

use super::arithmetic::{self, Rates};
use super::latency::{is_about, units};
use super::{Check, Topic, Verdict, exact};
use crate::findings::Certainty;
use crate::generator::{Kind, Latency};
use crate::profile::{Claim, Published};
use crate::units::shown::{bytes, number, percent};

/// Published figures are rounded, and a duration is often the one that was planned.
const ROUNDED: f64 = 0.02;

/// Every check that the figures of a report allow; what they don't tell is left out.
#[must_use]
pub fn of_published(sets: &[Published]) -> Vec<Check> {
    let mut checks: Vec<Check> = sets.iter().flat_map(|set| of_set(set, sets.len())).collect();
    checks.extend([same_cpu(sets), arrangements(sets)].into_iter().flatten());
    checks
}

/// The checks in which published figures contradict each other. The callers' headings say that the figures are published, so
/// `report: ` is left out before them.
#[must_use]
pub fn contradictions(sets: &[Published]) -> Vec<Check> {
    let differing = of_published(sets).into_iter().filter(|check| check.verdict == Verdict::Differs);
    differing
        .map(|check| Check { theirs: check.theirs.trim_start_matches("report: ").to_owned(), ..check })
        .collect()
}

fn of_set(set: &Published, sets: usize) -> Vec<Check> {
    let latency = latency(set);
    let of_rate = arithmetic::rate(&Rates {
        who: "report".to_owned(),
        per_s: set.figure("requests_per_s"),
        seconds: set.figure("duration_s"),
        counts: [count(set, "requests")].into_iter().flatten().collect(),
        slack: ROUNDED,
    });
    let checks = [Some(of_rate), in_flight(set), of_bytes(set), statuses(set), error_share(set), successes(set)];
    let checks = checks.into_iter().flatten().chain(arithmetic::percentiles("report", &latency));
    let checks = checks.chain(fast_errors(set)).chain(failures(set)).chain(claims(set, sets));
    let known = checks.filter(|check| check.verdict != Verdict::Unknown);
    known.map(|check| if check.which.is_empty() { check.of(&*set.name) } else { check }).collect()
}

/// A figure that counts something.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It was read as 0 to 10¹⁵.
fn count(set: &Published, name: &str) -> Option<u64> {
    set.figure(name).map(|figure| figure.round() as u64)
}

fn latency(set: &Published) -> Latency {
    let us = |name: &str| set.figure(name).map(|ms| ms * 1e3);
    let quantile = |(name, ms): (&String, &f64)| Some((Published::quantile(name)?, ms * 1e3));
    let mut quantiles: Vec<(f64, f64)> = set.figures.iter().filter_map(quantile).collect();
    quantiles.sort_by(|(one, _), (other, _)| one.total_cmp(other));
    Latency {
        min_us: us("min_ms"),
        mean_us: us("mean_ms"),
        max_us: us("max_ms"),
        quantiles,
        rounding: 0.01,
        ..Latency::default()
    }
}

/// Little's law; and where it is off by a thousand, a unit.
fn in_flight(set: &Published) -> Option<Check> {
    let (rate, mean_ms) = (set.figure("requests_per_s")?, set.figure("mean_ms")?);
    let closed = set.figure("concurrency");
    let (most, what) =
        closed.map(|most| (most, "concurrency")).or_else(|| Some((set.figure("users")?, "users")))?;
    let in_flight = rate * mean_ms / 1e3;
    let check = Check::new(
        Topic::LittlesLaw,
        format!(
            "report: {} a second × mean {} ms = {} in flight",
            number(rate),
            number(mean_ms),
            number(in_flight)
        ),
        format!("{what}: {}", number(most)),
    );
    // Users may think, so that few in flight say nothing; connections that are always in use do not.
    let factor = [1e3, 1e-3].into_iter().find(|factor| is_about(in_flight / most, *factor));
    if let Some(factor) = factor.filter(|factor| *factor > 1.0 || closed.is_some()) {
        let (one, other) = units(factor);
        return Some(
            Check { topic: Topic::Unit, ..check }
                .differs(Certainty::Likely, format!("a factor of a thousand: {one} were taken for {other}")),
        );
    }
    Some(if in_flight <= most * (1.0 + ROUNDED) {
        check.agrees("")
    } else {
        check.differs(
            Certainty::Certain,
            "rate and mean latency can't be of the same requests: there were not so many at a time",
        )
    })
}

fn of_bytes(set: &Published) -> Option<Check> {
    let (per_s, rate, each) =
        (set.figure("bytes_per_s")?, set.figure("requests_per_s")?, set.figure("response_bytes")?);
    let told =
        format!("report: {} a second / {} requests a second = {}", bytes(per_s), number(rate), bytes(per_s / rate));
    let check = Check::new(Topic::Bytes, told, format!("a response: {}", bytes(each)));
    // Half of it, where somebody counts 1,024 for 1,000.
    let fits = (per_s / rate / each - 1.0).abs() <= ROUNDED + 0.03;
    Some(if fits { check.agrees("") } else { check.differs(Certainty::Certain, "the three can't all be right") })
}

fn statuses(set: &Published) -> Option<Check> {
    let requests = count(set, "requests")?;
    let all: u64 = set.status.values().sum();
    let has_all = set.status.keys().any(|status| *status < 400);
    let errors = count(set, "errors").unwrap_or(requests);
    let most = if has_all { requests } else { errors.min(requests) };
    let what = if has_all { "requests" } else { "errors" };
    let check =
        Check::new(Topic::Status, format!("report: {} by status", exact(all)), format!("{what}: {}", exact(most)));
    (!set.status.is_empty()).then(|| {
        if all > most {
            check.differs(Certainty::Certain, "the parts are more than the whole")
        } else if has_all && all < most {
            check.differs(Certainty::Possible, "the rest had no answer, or is missing")
        } else {
            check.agrees("")
        }
    })
}

fn error_share(set: &Published) -> Option<Check> {
    let (share, errors, requests) = (set.figure("error_pct")?, set.figure("errors")?, set.figure("requests")?);
    let counted = errors / requests * 100.0;
    let check =
        Check::new(Topic::Failures, format!("report: {share} %"), format!("errors / requests: {counted:.3} %"));
    Some(if (share - counted).abs() <= 0.01 * share.max(1.0) {
        check.agrees("")
    } else {
        check.differs(Certainty::Certain, "the three can't all be right")
    })
}

/// What worked, route by route, is at most what did not fail.
fn successes(set: &Published) -> Option<Check> {
    let (requests, errors) = (count(set, "requests")?, count(set, "errors")?);
    let (told, routes) = (set.succeeded.values().sum::<u64>(), set.succeeded.len());
    let rest = requests.saturating_sub(errors);
    let check = Check::new(
        Topic::Success,
        format!("report: {} worked on {routes} routes", exact(told)),
        format!("{} requests − {} errors = {}", exact(requests), exact(errors), exact(rest)),
    );
    (routes > 0).then(|| {
        if told > rest {
            check.differs(
                Certainty::Certain,
                "more worked on some routes than did not fail on all: failures were counted as successes, or twice",
            )
        } else {
            check.agrees("")
        }
    })
}

/// A mean below the median, where there were errors: they are often fast, and count.
fn fast_errors(set: &Published) -> Option<Check> {
    /// So much below.
    const BELOW: f64 = 0.9;
    /// Fewer errors move no mean.
    const SHARE: f64 = 0.05;
    let (mean, median) = (set.figure("mean_ms")?, set.figure("p50_ms")?);
    let share = set.figure("errors")? / set.figure("requests")?;
    (mean < BELOW * median && share >= SHARE).then(|| {
        Check::new(
            Topic::Mean,
            format!("report: mean {} ms, below the median of {} ms", number(mean), number(median)),
            format!("errors: {}", percent(share * 100.0)),
        )
        .differs(Certainty::Likely, "the errors were fast and count as answers: the mean is not that of the work")
    })
}

/// How many failures only a client can have, by what was said of them.
fn of_the_client(set: &Published) -> (u64, &'static str) {
    let own = set.messages.iter().map(|(message, count)| (Kind::of(message), *count));
    let own = own.filter(|(kind, _)| kind.is_the_clients_own());
    own.fold((0, ""), |(sum, _), (kind, count)| (sum + count, kind.meaning()))
}

fn failures(set: &Published) -> Option<Check> {
    let (own, why) = of_the_client(set);
    let all = count(set, "errors").unwrap_or(own);
    (own > 0).then(|| {
        let told = format!("report: {} failures", exact(all));
        let check = Check::new(
            Topic::Failures,
            told,
            format!("{} of them with a message of the client's own system", exact(own)),
        );
        check.differs(Certainty::Certain, format!("the client's own: {why}. They say nothing of the server"))
    })
}

/// What the report says in words.
fn claims(set: &Published, sets: usize) -> Vec<Check> {
    set.claims.iter().filter_map(|claim| of_claim(*claim, set, sets)).collect()
}

fn of_claim(claim: Claim, set: &Published, sets: usize) -> Option<Check> {
    /// A longest time of so many shortest ones is no small variation.
    const VARIES: f64 = 2.0;
    let said = |words: &str, figures: String| Check::new(Topic::Claim, format!("report: {words}"), figures);
    Some(match claim {
        Claim::VariesLittle => {
            let (min, max) = (set.figure("min_ms")?, set.figure("max_ms")?);
            let check =
                said("the response times hardly vary", format!("min {} ms, max {} ms", number(min), number(max)));
            if max >= VARIES * min {
                check.differs(
                    Certainty::Certain,
                    format!("the longest took {} times as long as the shortest", number(max / min)),
                )
            } else {
                check.agrees("")
            }
        }
        Claim::CapacityBySuccess => {
            let errors = set.figure("errors")?;
            let check = said(
                "the success rate shows the capacity",
                format!("errors: {}, levels of load: {sets}", number(errors)),
            );
            if sets < 2 {
                check.differs(Certainty::Certain, "that nothing failed at one level of load does not tell what would happen at the next: a capacity is the rate that more load does not raise")
            } else {
                check.unknown("several levels of load: compare their rates")
            }
        }
        Claim::ServerFailed => {
            let (own, why) = of_the_client(set);
            let all = count(set, "errors")?;
            let check = said(
                "the failures are the server's",
                format!("{} of {} are the client's own", exact(own), exact(all)),
            );
            if own * 2 > all {
                check.differs(Certainty::Certain, format!("{why}: the server never saw them"))
            } else {
                check.unknown("the report does not tell")
            }
        }
        Claim::GeneratorShortOfCpu => Check::new(Topic::Cpu, "report: the generator was short of CPU", "").differs(
            Certainty::Certain,
            "its latencies contain its own waiting, and its rate is what it could do and not what the server could",
        ),
        // It is about several sets.
        Claim::ComparesArrangements => return None,
    })
}

/// The same CPU at rates that differ.
fn same_cpu(sets: &[Published]) -> Option<Check> {
    /// Two may be alike by chance.
    const SETS: usize = 3;
    const TIMES: f64 = 1.5;
    let all: Vec<(f64, f64)> =
        sets.iter().filter_map(|set| set.figure("cpu_pct").zip(set.figure("requests_per_s"))).collect();
    let (least, most) =
        all.iter().fold((f64::MAX, 0.0_f64), |(least, most), (_, rate)| (least.min(*rate), most.max(*rate)));
    let (first, _) = *all.first()?;
    let is_same = all.len() >= SETS && all.iter().all(|(cpu, _)| (cpu - first).abs() < 1e-9);
    (is_same && most >= TIMES * least).then(|| {
        Check::new(
            Topic::Sets,
            format!("report: CPU {first} % in all of {} sets", all.len()),
            format!("{} to {} requests a second: {} times", number(least), number(most), number(most / least)),
        )
        .of("CPU")
        .differs(Certainty::Likely, "no server does so much more work with the same CPU: one reading was written down several times, or it is of something else")
    })
}

/// Two arrangements under different loads.
fn arrangements(sets: &[Published]) -> Option<Check> {
    let compared: Vec<&Published> =
        sets.iter().filter(|set| set.claims.contains(&Claim::ComparesArrangements)).collect();
    let loads: Vec<f64> =
        compared.iter().filter_map(|set| set.figure("concurrency").or_else(|| set.figure("users"))).collect();
    let first = *loads.first()?;
    let told: Vec<String> = loads.iter().map(|load| number(*load)).collect();
    let names: Vec<&str> = compared.iter().map(|set| set.name.as_str()).collect();
    let check = Check::new(
        Topic::Sets,
        format!("report: compares {}", names.join(" and ")),
        format!("clients: {}", told.join(", ")),
    );
    let check = check.of("clients");
    Some(if loads.iter().all(|load| (load - first).abs() < 0.5) {
        check.agrees("")
    } else {
        let has_cpu = compared.iter().all(|set| set.figure("cpu_pct").is_some());
        let cpu = if has_cpu { "" } else { ", and what each used of the CPU is not told" };
        check.differs(Certainty::Certain, format!("two things were changed at once, the arrangement and the load: neither explains a difference by itself{cpu}"))
    })
}
