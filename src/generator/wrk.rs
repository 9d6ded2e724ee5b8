//! wrk, by its text. It waits for an answer before it sends the next request on a connection, and then rewrites its
//! latencies: for each long wait it adds the times of the requests that would have fitted into it. An answer later than its
//! `--timeout` counts as a request and as a time-out, but not in the latencies.

use super::load::{Amount, Invocation, Load, cannot, one_path, posting, whole_seconds};
use super::text::{Scale, TIMES};
use super::{Account, Bytes, Failure, Generator, Kind, Latency, Statuses, Timing, Unit};

/// The adapter.
pub struct Wrk;

/// What has it POST a file: it takes no other way.
const SCRIPT: &str = "post.lua";

/// The first words of its output.
const BEGIN: &str = "Running ";

impl Generator for Wrk {
    fn name(&self) -> &'static str {
        "wrk"
    }

    fn unit(&self) -> Unit {
        Unit::Stated
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        one_path(self.name(), load)?;
        let Load { amount, time_flag: _, concurrency, rate, spawn_rate, path, mix: _, body: _ } = load;
        if rate.is_some() {
            return Err(cannot(self.name(), "sends as fast as answers come; oha paces", "rate"));
        }
        if spawn_rate.is_some() {
            return Err(cannot(self.name(), "opens all its connections at once", "spawn-rate"));
        }
        let Amount::Duration(time) = amount else {
            return Err(cannot(
                self.name(),
                "runs for a time and knows no number of requests; oha does",
                "requests",
            ));
        };
        let seconds = whole_seconds(self.name(), *time, load)?;
        let words = ["wrk".to_owned(), "-t1".to_owned(), format!("-c{concurrency}"), format!("-d{seconds}s")];
        let last = ["--latency".to_owned(), format!("{url}{path}")];
        let script = load.body.as_ref().map(|file| {
            let file = quoted(file);
            (SCRIPT, format!("wrk.method = \"POST\"\nwrk.body = io.open({file}, \"rb\"):read(\"*a\")\n"))
        });
        let posting = posting(load, |_| ["-s", SCRIPT]);
        let command = words.into_iter().chain(posting).chain(last).collect();
        Ok(Invocation { files: script.into_iter().collect(), ..Invocation::printing(command) })
    }

    fn recognise(&self, content: &str) -> bool {
        runs(content) > 0 && content.contains("Thread Stats")
    }

    fn ask_for(&self, content: &str) -> Option<&'static str> {
        content
            .starts_with("unable to connect to")
            .then_some("says that wrk could not connect, and nothing else: it made no load")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        if runs(content) > 1 {
            return Err(format!("has {} runs of wrk, one after the other; give one of them", runs(content)));
        }
        let lines: Vec<&str> = content.lines().map(str::trim).collect();
        let after = |word: &str| lines.iter().find_map(|line| line.strip_prefix(word)).map(str::trim);
        let cut = |what: &str| format!("is cut off: wrk's output has {what}");
        // The last line that wrk writes.
        let sent = after("Transfer/sec:").ok_or_else(|| cut("no `Transfer/sec`"))?;
        scaled(sent, BYTES).ok_or_else(|| format!("is damaged: `Transfer/sec` is {sent}"))?;
        let rate = after("Requests/sec:").ok_or_else(|| cut("no `Requests/sec`"))?;
        let rate: f64 = rate.parse().map_err(|_| format!("is damaged: `Requests/sec` is {rate}"))?;
        let total = lines.iter().find(|line| line.contains(" requests in ") && line.ends_with(" read"));
        let total = total.ok_or_else(|| cut("no line `… requests in …`"))?;
        let (answered, duration_s, bytes) = read_total(total).ok_or_else(|| format!("is damaged: `{total}`"))?;
        let damaged = |line: &str| format!("is damaged: `{line}` is not as wrk writes it");
        let load = lines.iter().find(|line| line.ends_with(" connections"));
        let connections = load.map(|line| read_connections(line).ok_or_else(|| damaged(line))).transpose()?;
        let errors = after("Socket errors:").map(|errors| read_errors(errors).ok_or_else(|| damaged(errors)));
        let errors = errors.transpose()?.unwrap_or_default();
        let late = errors.iter().find(|(what, _)| what == "timeout").map_or(0, |(_, count)| *count);
        let not_ok = after("Non-2xx or 3xx responses:");
        let not_ok = not_ok.map_or(Ok(0), |count| count.parse().map_err(|_| damaged(count)))?;
        let failures: Vec<Failure> = errors.iter().filter_map(failure).collect();
        Ok(Account {
            ended: Some(answered + failures.iter().map(|one| one.count).sum::<u64>()),
            answered: Some(answered),
            statuses: Statuses::CountFrom400(not_ok),
            failures: Some(failures),
            late,
            duration_s: Some(duration_s),
            requests_per_s: Some(rate),
            bytes: Some(bytes),
            connections,
            latency: latency(&lines)?,
            timing: Timing::Rewritten,
            ..Account::of(self.name(), self.unit())
        })
    }
}

/// In Lua's long quotes, with as many `=` as nothing in the text can end.
fn quoted(text: &str) -> String {
    let ends = |equals: &String| format!("{text}]").contains(&format!("]{equals}]"));
    let equals =
        (1..=text.len() + 1).map(|number| "=".repeat(number)).find(|equals| !ends(equals)).unwrap_or_default();
    format!("[{equals}[{text}]{equals}]")
}

fn runs(content: &str) -> usize {
    content.lines().filter(|line| line.starts_with(BEGIN) && line.contains(" test @ ")).count()
}

/// `1 threads and 4 connections`
fn read_connections(line: &str) -> Option<u64> {
    line.split(' ').rev().nth(1)?.parse().ok()
}

/// `connect 0, read 3, write 0, timeout 2`
fn read_errors(text: &str) -> Option<Vec<(String, u64)>> {
    let pairs = text.split(',').map(|pair| pair.trim().split_once(' '));
    pairs.map(|pair| pair.and_then(|(what, count)| Some((what.to_owned(), count.parse().ok()?)))).collect()
}

fn failure((what, count): &(String, u64)) -> Option<Failure> {
    let kind = match what.as_str() {
        "connect" => Kind::Unsaid,
        "read" | "write" => Kind::Broken,
        _ => return None,
    };
    (*count > 0).then(|| Failure { kind, message: format!("socket errors: {what}"), count: *count })
}

/// `138752 requests in 3.10s, 17.64MB read`
fn read_total(line: &str) -> Option<(u64, f64, Bytes)> {
    let (count, rest) = line.split_once(" requests in ")?;
    let (duration, bytes) = rest.strip_suffix(" read")?.split_once(", ")?;
    let (bytes, within) = scaled(bytes, BYTES)?;
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // It is a count of bytes.
    let bytes = Bytes::All { bytes: bytes as u64, within: within.ceil() as u64 };
    Some((count.trim().parse().ok()?, scaled(duration, TIMES)?.0 / 1e6, bytes))
}

fn latency(lines: &[&str]) -> Result<Latency, String> {
    let time = |text: &str| scaled(text, TIMES).map(|(us, _)| us);
    let damaged = |line: &str| format!("is damaged: `{line}` has no times as wrk writes them");
    let line = lines.iter().find(|line| line.starts_with("Latency ") && **line != DISTRIBUTION);
    let line = line.ok_or("is damaged: wrk's output has no line `Latency`")?;
    let cells: Vec<&str> = line.split_whitespace().skip(1).collect();
    // It measured none.
    if cells.last().is_some_and(|share| share.contains("nan")) {
        return Ok(Latency::default());
    }
    let cell = |place: usize| cells.get(place).and_then(|cell| time(cell)).ok_or_else(|| damaged(line));
    let quantile = |line: &str| {
        let (percent, us) = line.split_once('%')?;
        Some((percent.parse::<f64>().ok()? / 100.0, time(us.trim())?))
    };
    let listed = lines.iter().skip_while(|line| **line != DISTRIBUTION).skip(1);
    let listed = listed.take_while(|line| line.contains('%'));
    Ok(Latency {
        mean_us: Some(cell(0)?),
        max_us: Some(cell(2)?),
        quantiles: listed.map(|line| quantile(line).ok_or_else(|| damaged(line))).collect::<Result<_, _>>()?,
        // Three digits, of which the smallest number is 1.00.
        rounding: 0.005,
        rounding_us: 1.0,
        ..Latency::default()
    })
}

/// The line above the percentiles.
const DISTRIBUTION: &str = "Latency Distribution";

/// wrk counts in powers of two.
const BYTES: &Scale =
    &[("KB", 1024.0), ("MB", 1_048_576.0), ("GB", 1_073_741_824.0), ("TB", 1_099_511_627_776.0), ("B", 1.0)];

/// wrk writes hundredths: a number with its unit, and how far it may be from what was counted.
fn scaled(text: &str, scale: &Scale) -> Option<(f64, f64)> {
    super::text::scaled(text, scale).map(|(value, factor)| (value, 0.005 * factor))
}
