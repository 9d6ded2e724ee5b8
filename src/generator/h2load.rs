//! h2load, by its text. Its `time for request` runs from the request's last byte to the answer's end, without the time for a
//! connection; each figure has its own unit. Newer versions have percentiles, older ones minimum, mean and maximum only.
//! What is in flight when `-D` ends stands among the started and not among the done.

use std::collections::BTreeMap;

use super::load::{Amount, Invocation, Load, as_fast_as_answers_come, enough_requests, posting};
use super::text::{Lines, TIMES, scaled};
use super::{Account, Bytes, Failure, Generator, Kind, Latency, Statuses, Unit};

/// The adapter.
pub struct H2load;

impl Generator for H2load {
    fn name(&self) -> &'static str {
        "h2load"
    }

    fn unit(&self) -> Unit {
        Unit::Stated
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        as_fast_as_answers_come(self.name(), load)?;
        enough_requests(self.name(), load)?;
        let amount = match load.amount {
            Amount::Requests(count) => format!("-n{count}"),
            Amount::Duration(time) => format!("-D{}ms", time.as_millis()),
        };
        let clients = format!("-c{}", load.concurrency);
        let url = format!("{url}{}", load.path);
        let words = [self.name(), "--h1", "-t1", &clients, &amount].map(str::to_owned);
        Ok(Invocation::printing(words.into_iter().chain(posting(load, |file| ["-d", file])).chain([url]).collect()))
    }

    fn recognise(&self, content: &str) -> bool {
        content.contains("spawning thread #") || content.contains("time for request:")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let lines = Lines::of(self.name(), content, "starting benchmark...")?;
        let damaged = |name: &str| format!("is damaged: `{name}` is not as h2load writes it");
        let finished = lines.needed("finished in ")?;
        let mut parts = finished.split(", ");
        let duration_us =
            parts.next().and_then(|time| scaled(time, TIMES)).ok_or_else(|| damaged("finished in"))?.0;
        let per_s = parts
            .next()
            .and_then(|rate| rate.strip_suffix(" req/s")?.parse().ok())
            .ok_or_else(|| damaged("finished in"))?;
        let requests = counts(lines.needed("requests:")?);
        let count = |name: &str| requests.get(name).copied().ok_or_else(|| damaged("requests:"));
        let (started, errored, timeout) = (count("started")?, count("errored")?, count("timeout")?);
        let classes = counts(lines.needed("status codes:")?);
        let class = |name: &str| classes.get(name).copied().ok_or_else(|| damaged("status codes:"));
        let classes: BTreeMap<u16, u64> =
            [(2, class("2xx")?), (3, class("3xx")?), (4, class("4xx")?), (5, class("5xx")?)].into();
        let answered: u64 = classes.values().sum();
        let bytes =
            lines.needed("traffic:")?.split_once('(').and_then(|(_, rest)| rest.split_once(')')?.0.parse().ok());
        // The last line.
        if lines.needed("req/s ")?.split_whitespace().count() < 6 {
            return Err("is cut off in h2load's last line, `req/s`".to_owned());
        }
        let failures = [
            (Kind::TimedOut, "timeout", timeout),
            (Kind::Unsaid, "errored", errored.saturating_sub(timeout)),
            (Kind::OwnEnd, "started and not done", started.saturating_sub(answered + errored)),
        ];
        let connections = lines.all().iter().filter(|line| line.starts_with("spawning thread #"));
        let clients =
            connections.clone().filter_map(|line| line.split_once(": ")?.1.split(' ').next()?.parse::<u64>().ok());
        Ok(Account {
            ended: Some(answered + errored),
            answered: Some(answered),
            statuses: Statuses::Classes(classes),
            failures: Some(Failure::named(failures)),
            duration_s: Some(duration_us / 1e6),
            requests_per_s: Some(per_s),
            bytes: bytes.map(|bytes| Bytes::All { bytes, within: 0 }),
            connections: Some(clients.sum()).filter(|clients| *clients > 0),
            latency: if answered > 0 { latency(&lines)? } else { Latency::default() },
            has_one_thread: connections.count() == 1,
            ..Account::of(self.name(), self.unit())
        })
    }
}

/// `2000 total, 1988 succeeded` or `1988 2xx, 12 5xx`, by the words.
fn counts(text: &str) -> BTreeMap<&str, u64> {
    let pairs = text.split(", ").filter_map(|pair| pair.split_once(' '));
    pairs.filter_map(|(count, name)| Some((name, count.parse().ok()?))).collect()
}

/// By the names of the columns above the line.
fn latency(lines: &Lines<'_>) -> Result<Latency, String> {
    let header = lines.all().iter().find(|line| line.starts_with("min "));
    let header: Vec<&str> = header.ok_or("is cut off: h2load's table has no header")?.split_whitespace().collect();
    let cells: Vec<&str> = lines.needed("time for request:")?.split_whitespace().collect();
    let column = |name: &str| {
        let cell = cells.get(header.iter().position(|title| *title == name)?)?;
        scaled(cell, TIMES).map(|(us, _)| us)
    };
    if ["min", "max", "mean"].into_iter().any(|name| column(name).is_none()) {
        return Err("is damaged: `time for request:` is not as h2load writes it".to_owned());
    }
    let quantiles = [(0.5, "median"), (0.95, "p95"), (0.99, "p99")];
    Ok(Latency {
        min_us: column("min"),
        mean_us: column("mean"),
        max_us: column("max"),
        quantiles: quantiles.into_iter().filter_map(|(at, name)| Some((at, column(name)?))).collect(),
        // Three digits, and whole microseconds.
        rounding: 0.005,
        rounding_us: 1.0,
        ..Latency::default()
    })
}
