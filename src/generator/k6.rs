//! k6, by its documented shapes: `--summary-export`, what `handleSummary` gets, and that of `--new-machine-readable-summary`.
//! Times are in milliseconds, without connecting. Its `http_req_failed` are answers from 400 on and requests without an answer in
//! one rate, and the times are of all of them. A user sends the next request after the answer to the last one.

use serde_json::Value;

use super::load::{Invocation, Load, cannot};
use super::{Account, Bytes, Generator, Latency, Statuses, Unit};
use crate::units::shown::float;

/// Beyond it a number with a point is no longer exact: 2⁵³.
const MOST: u64 = 1 << 53;

/// The adapter.
pub struct K6;

impl Generator for K6 {
    fn name(&self) -> &'static str {
        "k6"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, _load: &Load, _url: &str) -> Result<Invocation, String> {
        Err(cannot("k6", "follows a script of yours; give its command as --load", "with"))
    }

    fn recognise(&self, content: &str) -> bool {
        super::begins_json(content, '{') && content.contains("\"http_req_duration\"")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let summary: Value = super::json(self.name(), content)?;
        let of = |metric: &str, keys: &[&str]| figure(&summary, metric, keys);
        let count = |metric: &str, keys: &[&str]| of(metric, keys).map(|value| whole(metric, value)).transpose();
        let ended = count("http_reqs", &["count"])?;
        let ended = ended.ok_or("is no summary that k6 writes: it has no count of `http_reqs`")?;
        let failed = of("http_req_failed", &["rate", "value"]);
        if let Some(rate) = failed.filter(|rate| !(0.0..=1.0).contains(rate)) {
            return Err(format!("is damaged: `http_req_failed` has a rate of {rate}, which is none from 0 to 1"));
        }
        let errors = failed.map(|rate| whole("http_req_failed", (rate * float(ended)).round())).transpose()?;
        let us = |ms: f64| self.unit().us(ms);
        let time = |keys: &[&str]| of("http_req_duration", keys).map(us);
        let quantile = |(at, keys): (f64, [&str; 2])| Some((at, time(&keys)?));
        let quantiles =
            [(0.5, ["med", "p(50)"]), (0.9, ["p(90)", "p90"]), (0.95, ["p(95)", "p95"]), (0.99, ["p(99)", "p99"])];
        Ok(Account {
            ended: Some(ended),
            answered: errors.filter(|errors| *errors == 0).map(|_| ended),
            statuses: errors.map_or(Statuses::Unknown, Statuses::FailedOrFrom400),
            failures: errors.filter(|errors| *errors == 0).map(|_| Vec::new()),
            duration_s: summary["state"]["testRunDurationMs"].as_f64().map(|ms| ms / 1e3),
            requests_per_s: of("http_reqs", &["rate"]),
            bytes: count("data_received", &["count"])?.map(|bytes| Bytes::All { bytes, within: 0 }),
            connections: count("vus_max", &["max", "value"])?,
            latency: Latency {
                min_us: time(&["min"]),
                mean_us: time(&["avg"]),
                max_us: time(&["max"]),
                quantiles: quantiles.into_iter().filter_map(quantile).collect(),
                has_failures: errors != Some(0),
                ..Latency::default()
            },
            ..Account::of(self.name(), self.unit())
        })
    }
}

/// A figure of a metric, by the first of its names that is there, in any of the three shapes.
fn figure(summary: &Value, metric: &str, keys: &[&str]) -> Option<f64> {
    let is_it = |one: &&Value| one["name"] == metric;
    let listed = summary["results"]["metrics"].as_array().and_then(|all| all.iter().find(is_it));
    let found = listed.or_else(|| summary["metrics"].get(metric))?;
    let values = found.get("values").unwrap_or(found);
    keys.iter().find_map(|key| values[*key].as_f64())
}

/// A count, which k6 writes as a number that may have a point.
///
/// # Errors
/// A clause about one that nobody can have counted.
#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // Only what is exact gets there.
fn whole(metric: &str, value: f64) -> Result<u64, String> {
    let is_count = value.fract() == 0.0 && (0.0..=float(MOST)).contains(&value);
    is_count
        .then_some(value as u64)
        .ok_or_else(|| format!("is damaged: `{metric}` counts {value}, which is no count"))
}
