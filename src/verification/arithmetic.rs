//! What holds between the figures of one account, whoever measured them: used for generators and for published figures.

use super::{Check, Topic};
use crate::findings::Certainty;
use crate::generator::{Account, Latency};
use crate::units::shown::{float, microseconds, number};

/// A count, and the rate and duration that should give it.
pub struct Rates {
    /// Who says so.
    pub who: String,
    /// Requests a second.
    pub per_s: Option<f64>,
    /// How long, in seconds.
    pub seconds: Option<f64>,
    /// How many it may count: with and without those that failed, for instance.
    pub counts: Vec<u64>,
    /// The share by which the product may be off.
    pub slack: f64,
}

impl Rates {
    /// Of a generator's account.
    #[must_use]
    pub fn of(account: &Account) -> Self {
        let given_up = account.given_up().unwrap_or(0);
        let counts = [account.ended.map(|ended| ended + given_up), account.ended, account.answered];
        let counts = counts.into_iter().flatten().collect();
        // wrk writes hundredths of a second.
        let slack = account.duration_s.map_or(0.0, |duration_s| 0.005 / duration_s) + 0.002;
        let Account { requests_per_s, duration_s, .. } = *account;
        Self { who: account.generator.to_owned(), per_s: requests_per_s, seconds: duration_s, counts, slack }
    }
}

/// Rate × duration = count.
pub fn rate(rates: &Rates) -> Check {
    let Rates { who, per_s, seconds, counts, slack } = rates;
    let check = |theirs: String, ours: &str| Check::new(Topic::Rate, theirs, ours);
    let (Some(per_s), Some(seconds), Some(first)) = (per_s, seconds, counts.first()) else {
        return check(format!("{who}: unknown"), "")
            .unknown("its output does not tell rate, duration and count by themselves");
    };
    let product = per_s * seconds;
    let fits = |count: &&u64| (product - float(**count)).abs() <= (slack * float(**count)).max(1.0);
    let fitting = counts.iter().find(fits);
    let ours = format!("its count: {}", super::exact(*fitting.unwrap_or(first)));
    let theirs = format!("{who}: {} × {} s = {}", number(*per_s), number(*seconds), number(product));
    match fitting {
        Some(_) => check(theirs, &ours).agrees(""),
        None => check(theirs, &ours).differs(Certainty::Certain, "the three can't all be right"),
    }
}

/// Whether percentiles rise, and whether they allow the mean.
pub fn percentiles(who: &str, latency: &Latency) -> Vec<Check> {
    vec![order(who, latency), mean(who, latency)]
}

/// All figures that must rise, with their names.
fn rising(latency: &Latency) -> Vec<(String, f64)> {
    let min = latency.min_us.map(|min| ("min".to_owned(), min));
    let max = latency.max_us.map(|max| ("max".to_owned(), max));
    let quantiles = latency.quantiles.iter().map(|(at, us)| (percentile(*at), *us));
    min.into_iter().chain(quantiles).chain(max).collect()
}

/// `p50`, `p99.9`
pub fn percentile(at: f64) -> String {
    // The nearest to three decimals: 0.999 × 100 is not 99.9.
    let percent = (at * 100_000.0).round() / 1_000.0;
    format!("p{percent}")
}

fn order(who: &str, latency: &Latency) -> Check {
    let figures = rising(latency);
    if figures.len() < 2 {
        return Check::new(Topic::Order, format!("{who}: unknown"), "").unknown("there are no percentiles");
    }
    let falls = figures.windows(2).find(|pair| pair[1].1 + latency.slack_us(pair[1].1) < pair[0].1);
    let shown = |(name, us): &(String, f64)| format!("{name} {}", microseconds(*us));
    match (falls, figures.first(), figures.last()) {
        (Some([one, other]), ..) => Check::new(Topic::Order, format!("{who}: {}", shown(one)), shown(other))
            .differs(Certainty::Certain, "a higher percentile can't be lower"),
        (_, Some(first), Some(last)) => {
            Check::new(Topic::Order, format!("{who}: {} to {}", shown(first), shown(last)), "").agrees("they rise")
        }
        _ => Check::new(Topic::Order, who, ""),
    }
}

/// The mean lies between what it would be if each request took the least that the percentiles allow, and the most.
fn mean(who: &str, latency: &Latency) -> Check {
    let Some(mean) = latency.mean_us else {
        return Check::new(Topic::Mean, format!("{who}: unknown"), "").unknown("there is no mean");
    };
    let check = Check::new(Topic::Mean, format!("{who}: mean {}", microseconds(mean)), "");
    if latency.quantiles.is_empty() && (latency.min_us.is_none() || latency.max_us.is_none()) {
        return check.unknown("there are no percentiles to hold it against");
    }
    let ends = [(0.0, latency.min_us.unwrap_or(0.0))].into_iter().chain(latency.quantiles.iter().copied());
    let ends: Vec<(f64, f64)> = ends.chain(latency.max_us.map(|max| (1.0, max))).collect();
    let bound = |of: fn(f64, f64) -> f64| {
        ends.windows(2).map(|pair| (pair[1].0 - pair[0].0) * of(pair[0].1, pair[1].1)).sum::<f64>()
    };
    let (known_to, highest) = ends.last().copied().unwrap_or_default();
    let least = bound(|low, _| low) + (1.0 - known_to) * highest;
    let most = latency.max_us.map(|_| bound(|_, high| high));
    let (low, high) = (least - latency.slack_us(least), most.map(|most| most + latency.slack_us(most)));
    // Rounded figures, and the mean of another number of digits.
    let slack = 0.01 * mean;
    let range = most.map_or_else(
        || format!("its percentiles allow {} and more", microseconds(least)),
        |most| format!("its percentiles allow {} to {}", microseconds(least), microseconds(most)),
    );
    let check = Check { ours: range, ..check };
    if mean + slack < low || high.is_some_and(|high| mean - slack > high) {
        return check.differs(Certainty::Certain, "no requests have these percentiles and this mean: they are of different ones, or one of them is no mean");
    }
    check.agrees("")
}
