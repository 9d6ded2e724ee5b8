//! autocannon (npm), by `--json`. Times are whole milliseconds, rounded down, in a histogram in which a minimum of 0 is left
//! out. Its rate is a mean over whole seconds, which short loads don't fill, and so is not taken. With a rate (`-R`) it adds
//! times for omitted requests, which the JSON does not tell.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::load::{Amount, Invocation, Load, as_fast_as_answers_come, posting, whole_seconds};
use super::{Account, Bytes, Failure, Generator, Kind, Latency, Statuses, Unit};

/// The adapter.
pub struct Autocannon;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Output {
    connections: u64,
    pipelining: u64,
    workers: u64,
    duration: f64,
    errors: u64,
    timeouts: u64,
    status_code_stats: BTreeMap<u16, Count>,
    latency: BTreeMap<String, f64>,
    requests: Sent,
    throughput: Received,
}

#[derive(Deserialize)]
struct Count {
    count: u64,
}

#[derive(Deserialize)]
struct Sent {
    sent: u64,
}

#[derive(Deserialize)]
struct Received {
    total: u64,
}

impl Generator for Autocannon {
    fn name(&self) -> &'static str {
        "autocannon"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        as_fast_as_answers_come(self.name(), load)?;
        let amount = match load.amount {
            Amount::Requests(count) => ["-a".to_owned(), count.to_string()],
            Amount::Duration(time) => ["-d".to_owned(), whole_seconds(self.name(), time, load)?.to_string()],
        };
        let words = [self.name(), "--json", "-c", &load.concurrency.to_string()].map(str::to_owned);
        let posting = posting(load, |file| ["-m", "POST", "-i", file]);
        let words = words.into_iter().chain(amount).chain(posting);
        Ok(Invocation::printing(words.chain([format!("{url}{}", load.path)]).collect()))
    }

    fn recognise(&self, content: &str) -> bool {
        super::begins_json(content, '{') && content.contains("\"sampleInt\"") && content.contains("\"pipelining\"")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let output: Output = super::json(self.name(), content)?;
        let us = |ms: f64| self.unit().us(ms);
        let statuses: BTreeMap<u16, u64> =
            output.status_code_stats.iter().map(|(status, stats)| (*status, stats.count)).collect();
        let answered: u64 = statuses.values().sum();
        // `p97_5` is the 97.5th.
        let quantile = |(name, ms): (&String, &f64)| {
            let percent: f64 = name.strip_prefix('p')?.replace('_', ".").parse().ok()?;
            (answered > 0).then_some((percent / 100.0, us(*ms)))
        };
        let mut quantiles: Vec<(f64, f64)> = output.latency.iter().filter_map(quantile).collect();
        quantiles.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let time = |name: &str| output.latency.get(name).copied().filter(|_| answered > 0).map(us);
        let failures = [
            (Kind::TimedOut, "timeouts", output.timeouts),
            (Kind::Unsaid, "errors", output.errors.saturating_sub(output.timeouts)),
            (Kind::OwnEnd, "sent and not answered", output.requests.sent.saturating_sub(answered + output.errors)),
        ];
        Ok(Account {
            ended: Some(answered + output.errors),
            answered: Some(answered),
            statuses: Statuses::Each(statuses),
            failures: Some(Failure::named(failures)),
            duration_s: Some(output.duration),
            bytes: Some(Bytes::All { bytes: output.throughput.total, within: 0 }),
            connections: Some(output.connections * output.pipelining),
            latency: Latency {
                mean_us: time("mean"),
                max_us: time("max"),
                quantiles,
                rounding_us: us(1.0),
                ..Latency::default()
            },
            has_one_thread: output.workers == 0,
            ..Account::of(self.name(), self.unit())
        })
    }
}
