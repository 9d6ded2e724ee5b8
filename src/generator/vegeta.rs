//! vegeta, by the documented shapes of `report -type=json` (nanoseconds) and of its text. It sends at a rate whether answers come
//! or not, and so hides no waiting. Code 0 are requests without an answer, which count in its times.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::load::{Invocation, Load, cannot};
use super::text::{Lines, TIMES, scaled};
use super::{Account, Bytes, Failure, Generator, Latency, Statuses, Unit};

/// The adapter.
pub struct Vegeta;

#[derive(Deserialize)]
struct Output {
    latencies: BTreeMap<String, f64>,
    bytes_in: BytesIn,
    duration: f64,
    requests: u64,
    rate: f64,
    status_codes: BTreeMap<u16, u64>,
    errors: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct BytesIn {
    total: u64,
}

impl Generator for Vegeta {
    fn name(&self) -> &'static str {
        "vegeta"
    }

    fn unit(&self) -> Unit {
        Unit::Stated
    }

    fn invocation(&self, _load: &Load, _url: &str) -> Result<Invocation, String> {
        Err(cannot("vegeta", "is a pipe of two commands; give it as --load", "with"))
    }

    fn recognise(&self, content: &str) -> bool {
        is_json(content) || (content.contains("Latencies ") && content.contains("Status Codes "))
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let output = if is_json(content) { super::json(self.name(), content)? } else { read_text(content)? };
        let Output { latencies, bytes_in, duration, requests, rate, status_codes, errors } = output;
        let mut statuses = status_codes;
        let failed = statuses.remove(&0).unwrap_or(0);
        let answered: u64 = statuses.values().sum();
        if answered + failed != requests {
            return Err(format!(
                "is damaged: its status codes are {} requests, and not {requests}",
                answered + failed
            ));
        }
        // Answers from 400 on stand among the errors, too, as `500 Internal Server Error`.
        let is_status = |message: &str| message.split(' ').next().is_some_and(|word| word.parse::<u16>().is_ok());
        let messages: Vec<String> = errors.into_iter().flatten().filter(|message| !is_status(message)).collect();
        // How many there were of each it does not say.
        let failures = (failed > 0).then(|| Failure::told(&messages.join("; "), failed));
        let us = |name: &str| latencies.get(name).map(|ns| ns / 1e3).filter(|_| requests > 0);
        let quantile = |(at, names): (f64, [&str; 2])| Some((at, names.into_iter().find_map(us)?));
        let quantiles =
            [(0.5, ["50th", "50"]), (0.9, ["90th", "90"]), (0.95, ["95th", "95"]), (0.99, ["99th", "99"])];
        Ok(Account {
            ended: Some(requests),
            answered: Some(answered),
            statuses: Statuses::Each(statuses),
            failures: Some(failures.into_iter().collect()),
            duration_s: Some(duration / 1e9),
            requests_per_s: Some(rate),
            bytes: Some(Bytes::Bodies(bytes_in.total)),
            latency: Latency {
                min_us: us("min"),
                mean_us: us("mean"),
                max_us: us("max"),
                quantiles: quantiles.into_iter().filter_map(quantile).collect(),
                has_failures: failed > 0,
                ..Latency::default()
            },
            ..Account::of(self.name(), self.unit())
        })
    }
}

fn is_json(content: &str) -> bool {
    super::begins_json(content, '{') && content.contains("\"latencies\"") && content.contains("\"status_codes\"")
}

/// The text has the names of its figures in brackets: `Bytes In  [total, mean]  3714690, 3095.57`.
fn read_text(content: &str) -> Result<Output, String> {
    let lines = Lines::of("vegeta", content, "Status Codes")?;
    let named = |line: &str| -> Result<BTreeMap<String, String>, String> {
        let damaged = || format!("is damaged: `{line}` is not as vegeta writes it");
        let (names, values) = lines.needed(line)?.trim_start_matches('[').split_once(']').ok_or_else(damaged)?;
        let (names, values): (Vec<&str>, Vec<&str>) =
            (names.split(", ").collect(), values.trim().split(", ").collect());
        if names.len() != values.len() {
            return Err(damaged());
        }
        Ok(names.into_iter().zip(values).map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    };
    let number = |line: &str, name: &str| -> Result<f64, String> {
        let value = named(line)?.get(name).and_then(|value| value.parse().ok().or_else(|| nanoseconds(value)));
        value.ok_or_else(|| format!("has no `{name}` after `{line}`, or no number as vegeta writes it"))
    };
    let whole = |line: &str| -> Result<u64, String> {
        let value = named(line)?.get("total").and_then(|value| value.parse().ok());
        value.ok_or_else(|| format!("has no `total` after `{line}`, or no number as vegeta writes it"))
    };
    let latencies = named("Latencies")?.into_iter().map(|(name, value)| {
        let ns = nanoseconds(&value)
            .ok_or_else(|| format!("has `{value}` as a latency, which is no time as vegeta writes it"))?;
        Ok((name, ns))
    });
    let codes = lines.needed("Status Codes")?.split_once(']').map_or("", |(_, codes)| codes);
    let code = |pair: &str| {
        let (code, count) = pair.split_once(':')?;
        Some((code.parse().ok()?, count.parse().ok()?))
    };
    // The last part, which is there without errors, too.
    lines.needed("Error Set:")?;
    Ok(Output {
        latencies: latencies.collect::<Result<_, String>>()?,
        bytes_in: BytesIn { total: whole("Bytes In")? },
        duration: number("Duration", "attack")?,
        requests: whole("Requests")?,
        rate: number("Requests", "rate")?,
        status_codes: codes.split_whitespace().filter_map(code).collect(),
        errors: Some(lines.behind("Error Set:").filter(|line| !line.is_empty()).map(str::to_owned).collect()),
    })
}

/// Go's durations: `1m2.5s`, `145.082066ms`.
fn nanoseconds(text: &str) -> Option<f64> {
    let is_number = |letter: char| letter.is_ascii_digit() || letter == '.';
    let (mut rest, mut sum) = (text, 0.0);
    while !rest.is_empty() {
        let unit = rest.find(|letter| !is_number(letter))?;
        let end = rest[unit..].find(is_number).map_or(rest.len(), |next| unit + next);
        sum += scaled(&rest[..end], TIMES)?.0 * 1e3;
        rest = &rest[end..];
    }
    (!text.is_empty()).then_some(sum)
}
