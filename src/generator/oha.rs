//! oha, by `--output-format json`. Times are in seconds, and of answers only; every answer is a success to it, whatever its
//! status. The requests that it gives up at the end of `-z` stand among the errors.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::load::{Amount, Invocation, Load, cannot, one_path, posting};
use super::{Account, Bytes, Failure, Generator, Kind, Latency, Statuses, Unit};

/// The adapter.
pub struct Oha;

#[derive(Deserialize)]
struct Output {
    summary: Summary,
    #[serde(rename = "latencyPercentiles")]
    percentiles: BTreeMap<String, Option<f64>>,
    #[serde(rename = "statusCodeDistribution")]
    statuses: BTreeMap<u16, u64>,
    #[serde(rename = "errorDistribution")]
    errors: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Summary {
    total: f64,
    slowest: Option<f64>,
    fastest: Option<f64>,
    average: Option<f64>,
    requests_per_sec: f64,
    total_data: u64,
}

impl Generator for Oha {
    fn name(&self) -> &'static str {
        "oha"
    }

    fn unit(&self) -> Unit {
        Unit::Seconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        one_path(self.name(), load)?;
        let Load { amount, time_flag: _, concurrency, rate, spawn_rate, path, mix: _, body: _ } = load;
        if spawn_rate.is_some() {
            return Err(cannot(self.name(), "opens all its connections at once", "spawn-rate"));
        }
        let mut command = vec![self.name().to_owned()];
        let mut add = |words: &[&str]| command.extend(words.iter().map(|word| (*word).to_owned()));
        add(&["--no-tui", "--output-format", "json", "-c", &concurrency.to_string()]);
        match amount {
            Amount::Requests(count) => add(&["-n", &count.to_string()]),
            // Without the last one it drops what is in flight at its end, and no account can close.
            Amount::Duration(time) => {
                add(&["-z", &format!("{}ms", time.as_millis()), "--wait-ongoing-requests-after-deadline"]);
            }
        }
        if let Some(rate) = rate {
            add(&["-q", &rate.to_string(), "--latency-correction"]);
        }
        command.extend(posting(load, |file| ["-m", "POST", "-D", file]));
        command.push(format!("{url}{path}"));
        Ok(Invocation::printing(command))
    }

    fn recognise(&self, content: &str) -> bool {
        super::begins_json(content, '{') && content.contains("\"successRate\"")
    }

    fn ask_for(&self, content: &str) -> Option<&'static str> {
        let is_text = content.trim_start().starts_with("Summary:") && content.contains("Success rate:");
        is_text.then_some("is oha's text for people, with rounded figures; ask oha for --output-format json")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let Output { summary, percentiles, statuses, errors } = super::json(self.name(), content)?;
        let us = |seconds: f64| self.unit().us(seconds);
        let quantile = |(name, value): (&String, &Option<f64>)| {
            let percent: f64 = name.strip_prefix('p')?.parse().ok()?;
            Some((percent / 100.0, us((*value)?)))
        };
        let mut quantiles: Vec<(f64, f64)> = percentiles.iter().filter_map(quantile).collect();
        quantiles.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let failures: Vec<Failure> = errors.iter().map(|(message, count)| Failure::told(message, *count)).collect();
        let failed: u64 = failures.iter().filter(|one| one.kind != Kind::OwnEnd).map(|one| one.count).sum();
        let answered = statuses.values().sum();
        Ok(Account {
            ended: Some(answered + failed),
            answered: Some(answered),
            statuses: Statuses::Each(statuses),
            failures: Some(failures),
            duration_s: Some(summary.total),
            requests_per_s: Some(summary.requests_per_sec),
            bytes: Some(Bytes::Bodies(summary.total_data)),
            latency: Latency {
                min_us: summary.fastest.map(us),
                mean_us: summary.average.map(us),
                max_us: summary.slowest.map(us),
                quantiles,
                ..Latency::default()
            },
            ..Account::of(self.name(), self.unit())
        })
    }
}
