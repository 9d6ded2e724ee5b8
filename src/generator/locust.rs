//! Locust, by `--json` or by `--csv`. Times are in milliseconds, percentiles rounded to about two digits, and requests that
//! failed without an answer count in them. The CSV files are written once a second and not at the end, so that they may lack
//! the last second; the JSON has it.

use std::collections::BTreeMap;
use std::str::FromStr;

use serde::Deserialize;

use super::load::{Amount, Invocation, Load, cannot, no_body, whole_seconds};
use super::{Account, Bytes, Crowd, Failure, Generator, Latency, Mix, Statuses, Unit};
use crate::units::shown::float;

/// The adapter.
pub struct Locust;

/// The first columns of `…_stats.csv`.
const STATS: &str = "Type,Name,Request Count,Failure Count,";

/// The name of the row about all others.
const ALL: &str = "Aggregated";

/// What it is told to do.
const LOCUSTFILE: &str = "locustfile.py";

/// So often it writes its CSV files, with room for one that is late.
const CSV_EVERY_S: f64 = 1.5;

impl Generator for Locust {
    fn name(&self) -> &'static str {
        "locust"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        let Load { amount, time_flag: _, concurrency, rate, spawn_rate, path, mix, body: _ } = load;
        no_body(self.name(), load)?;
        if rate.is_some() {
            return Err(cannot(self.name(), "has users and no common rate; oha paces", "rate"));
        }
        let mut mix = mix.clone().unwrap_or_else(|| Mix::of_path(path));
        let mut command: Vec<String> =
            ["locust", "--headless", "--json", "--stop-timeout=10"].map(str::to_owned).into();
        // A request that failed is told in the output, and no failure of Locust's.
        command.push("--exit-code-on-error=0".to_owned());
        command.extend([format!("--locustfile={LOCUSTFILE}"), format!("--host={url}")]);
        let spawn_rate = spawn_rate.unwrap_or_else(|| f64::from(*concurrency));
        match *amount {
            // The file ends it.
            _ if !mix.stages.is_empty() => {}
            Amount::Duration(time) => {
                let seconds = whole_seconds(self.name(), time, load)?;
                command.extend([format!("--users={concurrency}"), format!("--spawn-rate={spawn_rate}")]);
                command.push(format!("--run-time={seconds}s"));
            }
            Amount::Requests(count) => {
                mix.requests = Some(count);
                mix.stages = vec![Crowd { users: u64::from(*concurrency), spawn_rate, seconds: None }];
            }
        }
        Ok(Invocation { files: vec![(LOCUSTFILE, mix.locustfile())], ..Invocation::printing(command) })
    }

    fn recognise(&self, content: &str) -> bool {
        content.starts_with(STATS) || is_json(content)
    }

    fn ask_for(&self, content: &str) -> Option<&'static str> {
        let header = content.lines().next().unwrap_or_default();
        match header {
            _ if header.starts_with("Type;Name;") => Some(
                "has semicolons where Locust writes commas: it was saved by a program with another locale; give the file that Locust wrote",
            ),
            _ if header.starts_with("Method,Name,Error,") => Some(
                "is Locust's list of failures; give the file that ends with _stats.csv, beside which it is found",
            ),
            _ if header.starts_with("Timestamp,User Count,") => {
                Some("is Locust's history; give the file that ends with _stats.csv, beside which it is found")
            }
            _ if content.contains("# reqs") && content.contains(ALL) => {
                Some("is Locust's table for people; ask Locust for --json or --csv PREFIX")
            }
            _ => None,
        }
    }

    fn companions(&self, file_name: &str) -> Vec<String> {
        let prefix = file_name.strip_suffix("_stats.csv");
        let names =
            prefix.map(|prefix| ["_failures.csv", "_stats_history.csv"].map(|end| format!("{prefix}{end}")));
        names.into_iter().flatten().collect()
    }

    fn parse(&self, content: &str, beside: &[Option<String>]) -> Result<Account, String> {
        if is_json(content) {
            return parse_json(self, content);
        }
        let [failures, history] = [0, 1].map(|place| beside.get(place).cloned().flatten());
        parse_csv(self, content, failures.as_deref(), history.as_deref())
    }
}

/// The array of `--json` begins with a route, whose first keys are these.
fn is_json(content: &str) -> bool {
    super::begins_json(content, '[') && content.contains("\"num_none_requests\"")
}

fn account(locust: &Locust) -> Account {
    Account { has_one_thread: true, ..Account::of(locust.name(), locust.unit()) }
}

/// As Locust rounds: below 100 ms to whole ones, above to two digits.
fn rounded() -> Latency {
    Latency { rounding: 0.05, rounding_us: 500.0, ..Latency::default() }
}

/// A route in the output of `--json`.
#[derive(Deserialize)]
struct Route {
    num_requests: u64,
    num_failures: u64,
    start_time: f64,
    last_request_timestamp: Option<f64>,
    total_response_time: f64,
    min_response_time: Option<f64>,
    max_response_time: f64,
    total_content_length: u64,
    response_times: BTreeMap<u64, u64>,
}

fn parse_json(locust: &Locust, content: &str) -> Result<Account, String> {
    let routes: Vec<Route> = super::json(locust.name(), content)?;
    let sum = |of: fn(&Route) -> u64| routes.iter().map(of).sum::<u64>();
    let (requests, failures) = (sum(|route| route.num_requests), sum(|route| route.num_failures));
    let mut times: BTreeMap<u64, u64> = BTreeMap::new();
    for (time, count) in routes.iter().flat_map(|route| &route.response_times) {
        *times.entry(*time).or_default() += count;
    }
    let (count, us) = (times.values().sum::<u64>(), |ms: f64| locust.unit().us(ms));
    let quantile = |quantile: f64| {
        let mut below = 0;
        let reached = times.iter().find(|(_, here)| {
            below += **here;
            float(below) >= quantile * float(count)
        });
        reached.map(|(time, _)| (quantile, us(float(*time))))
    };
    let begin = routes.iter().map(|route| route.start_time).reduce(f64::min);
    let end = routes.iter().filter_map(|route| route.last_request_timestamp).reduce(f64::max);
    let duration_s = begin.zip(end).map(|(begin, end)| end - begin).filter(|duration_s| *duration_s > 0.0);
    let total_ms: f64 = routes.iter().map(|route| route.total_response_time).sum();
    Ok(Account {
        ended: Some(requests),
        // Which of the failures had an answer is not in it.
        answered: (failures == 0).then_some(requests),
        failures: (failures == 0).then(Vec::new),
        statuses: if failures == 0 { Statuses::From400(BTreeMap::new()) } else { Statuses::Unknown },
        duration_s,
        bytes: Some(Bytes::Bodies(sum(|route| route.total_content_length))),
        latency: Latency {
            min_us: routes.iter().filter_map(|route| route.min_response_time).reduce(f64::min).map(us),
            mean_us: (requests > 0).then(|| us(total_ms / float(requests))),
            max_us: routes.iter().map(|route| route.max_response_time).reduce(f64::max).map(us),
            quantiles: [0.5, 0.75, 0.9, 0.95, 0.99].into_iter().filter_map(quantile).collect(),
            has_failures: failures > 0,
            ..rounded()
        },
        ..account(locust)
    })
}

/// The row about all of them, by the names of its columns.
struct Whole {
    cells: Vec<(String, String)>,
}

impl Whole {
    fn number<Number: FromStr>(&self, column: &str) -> Result<Number, String> {
        let cell = self.cells.iter().find(|(name, _)| name == column).map(|(_, cell)| cell.as_str());
        let cell = cell
            .ok_or_else(|| format!("has no column `{column}`: it is of a version of Locust that is not known"))?;
        cell.parse().map_err(|_| {
            format!("has `{cell}` under `{column}`, which is no number as Locust writes it, with a decimal point")
        })
    }
}

/// A row of `…_failures.csv`.
#[derive(Deserialize)]
struct Told {
    #[serde(rename = "Error")]
    error: String,
    #[serde(rename = "Occurrences")]
    count: u64,
}

fn parse_csv(
    locust: &Locust,
    content: &str,
    failures: Option<&str>,
    history: Option<&str>,
) -> Result<Account, String> {
    let whole = whole_row(content)?;
    let ms = |column: &str| whole.number(column).map(|ms| locust.unit().us(ms));
    let (requests, failed_in_all): (u64, u64) = (whole.number("Request Count")?, whole.number("Failure Count")?);
    let requests_per_s: f64 = whole.number("Requests/s")?;
    let quantile = |(name, value): &(String, String)| {
        let percent: f64 = name.strip_suffix('%')?.parse().ok().filter(|percent| *percent < 100.0)?;
        Some((percent / 100.0, locust.unit().us(value.parse().ok()?)))
    };
    let quantiles = whole.cells.iter().filter_map(quantile).collect();
    let told = match failures {
        _ if failed_in_all == 0 => Some((BTreeMap::new(), Vec::new())),
        Some(list) => Some(read_failures(list)?),
        None => None,
    };
    let (statuses, unanswered) = told.unzip();
    let failed: Option<u64> = unanswered.as_ref().map(|all: &Vec<Failure>| all.iter().map(|one| one.count).sum());
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is a count of bytes.
    let bytes = (whole.number::<f64>("Average Content Size")? * float(requests)).round() as u64;
    Ok(Account {
        ended: Some(requests),
        answered: failed.map(|failed| requests.saturating_sub(failed)),
        statuses: statuses.map_or(Statuses::Unknown, Statuses::From400),
        failures: unanswered,
        ends_early_s: CSV_EVERY_S,
        requests_per_s: Some(requests_per_s),
        bytes: Some(Bytes::Bodies(bytes)),
        connections: history.and_then(most_users),
        latency: Latency {
            min_us: Some(ms("Min Response Time")?),
            mean_us: Some(ms("Average Response Time")?),
            max_us: Some(ms("Max Response Time")?),
            quantiles,
            has_failures: failed.is_none_or(|failed| failed > 0),
            ..rounded()
        },
        ..account(locust)
    })
}

/// The row about all of them, which is the last one.
fn whole_row(content: &str) -> Result<Whole, String> {
    if content.lines().filter(|line| line.starts_with(STATS)).count() > 1 {
        return Err("has more than one run of Locust, one after the other; give one of them".to_owned());
    }
    let mut rows = csv::Reader::from_reader(content.as_bytes());
    let header = rows.headers().cloned().map_err(|error| format!("is no CSV: {error}"))?;
    for row in rows.records() {
        let row = row.map_err(|error| match error.kind() {
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } if len > expected_len => format!(
                "has {len} cells under {expected_len} columns: its numbers were written with decimal commas, by another locale; give the file that Locust wrote"
            ),
            csv::ErrorKind::UnequalLengths { .. } => "is cut off in the middle of a row".to_owned(),
            _ => format!("is no CSV: {error}"),
        })?;
        if row.get(1) == Some(ALL) {
            let cells = header.iter().zip(&row).map(|(name, cell)| (name.to_owned(), cell.to_owned()));
            return Ok(Whole { cells: cells.collect() });
        }
    }
    Err(format!("is cut off: Locust's last row, `{ALL}`, is missing"))
}

/// Statuses from 400 on, and what had no answer.
fn read_failures(list: &str) -> Result<(BTreeMap<u16, u64>, Vec<Failure>), String> {
    let (mut statuses, mut unanswered) = (BTreeMap::new(), Vec::new());
    for row in csv::Reader::from_reader(list.as_bytes()).deserialize::<Told>() {
        let Told { error, count } =
            row.map_err(|error| format!("can't be read with the list of failures beside it: {error}"))?;
        match status(&error) {
            Some(status) => *statuses.entry(status).or_default() += count,
            None => unanswered.push(Failure::told(&error, count)),
        }
    }
    Ok((statuses, unanswered))
}

/// `HTTPError('500 Server Error: …')`
fn status(error: &str) -> Option<u16> {
    let text = error.strip_prefix("HTTPError('").or_else(|| error.strip_prefix("HTTPError(\""))?;
    text.split(' ').next()?.parse().ok()
}

/// The most users at a time.
fn most_users(history: &str) -> Option<u64> {
    let mut rows = csv::Reader::from_reader(history.as_bytes());
    let column = rows.headers().ok()?.iter().position(|name| name == "User Count")?;
    rows.records().filter_map(|row| row.ok()?.get(column)?.parse().ok()).max()
}
