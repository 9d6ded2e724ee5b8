//! ab, by its text. Times are whole milliseconds. Beside requests without an answer it calls failed, as `Length`, each answer
//! that is not as long as the first one; `-l` stops that. Its statuses are one count of what is not 2xx.

use super::load::{Amount, Invocation, Load, as_fast_as_answers_come, enough_requests, posting, whole_seconds};
use super::text::Lines;
use super::{Account, Bytes, Failure, Generator, Kind, Latency, Statuses, Unit};

/// The adapter.
pub struct Ab;

/// Where a load ends after a time: ab keeps a place in memory for each request that it may send.
const MOST_REQUESTS: &str = "20000000";

impl Generator for Ab {
    fn name(&self) -> &'static str {
        "ab"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        as_fast_as_answers_come(self.name(), load)?;
        enough_requests(self.name(), load)?;
        // With keep-alive, answers of any length, and no end at the first broken connection.
        let mut command: Vec<String> =
            ["ab", "-q", "-k", "-l", "-r", "-c", &load.concurrency.to_string()].map(str::to_owned).into();
        match load.amount {
            Amount::Requests(count) => command.extend(["-n".to_owned(), count.to_string()]),
            // `-t` first, since it sets a number of its own.
            Amount::Duration(time) => {
                let seconds = whole_seconds(self.name(), time, load)?.to_string();
                command.extend(["-t", &seconds, "-n", MOST_REQUESTS].map(str::to_owned));
            }
        }
        command.extend(posting(load, |file| ["-T", "application/octet-stream", "-p", file]));
        command.push(format!("{url}{}", load.path));
        Ok(Invocation::printing(command))
    }

    fn recognise(&self, content: &str) -> bool {
        content.contains("This is ApacheBench") || content.contains("Complete requests: ")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let lines = Lines::of(self.name(), content, "Complete requests:")?;
        let complete: u64 = lines.number("Complete requests:")?;
        let failed: u64 = lines.number("Failed requests:")?;
        let (duration_s, per_s): (f64, f64) =
            (lines.number("Time taken for tests:")?, lines.number("Requests per second:")?);
        let kinds = lines.after("(Connect:").map(|rest| format!("Connect: {}", rest.trim_end_matches(')')));
        let of_kind = |kind: &str| {
            let pairs =
                kinds.as_deref().unwrap_or_default().split(',').filter_map(|pair| pair.trim().split_once(": "));
            pairs.filter(|(name, _)| *name == kind).find_map(|(_, count)| count.parse::<u64>().ok()).unwrap_or(0)
        };
        if ["Connect", "Receive", "Length", "Exceptions"].into_iter().map(of_kind).sum::<u64>() != failed {
            return Err(format!("is damaged: the kinds of its {failed} failed requests are not all"));
        }
        let failures = [(Kind::Unsaid, "Connect"), (Kind::Broken, "Receive"), (Kind::Unsaid, "Exceptions")];
        let failures = Failure::named(failures.map(|(kind, name)| (kind, name, of_kind(name))));
        let us = |ms: f64| self.unit().us(ms);
        let shown: Vec<f64> =
            lines.needed("Total:")?.split_whitespace().filter_map(|cell| cell.parse().ok()).collect();
        let [min, mean, _, _, max] = shown[..] else {
            return Err("is damaged: `Total:` has no five figures".to_owned());
        };
        Ok(Account {
            ended: Some(complete + of_kind("Connect")),
            answered: Some(complete.saturating_sub(of_kind("Receive") + of_kind("Exceptions"))),
            statuses: Statuses::CountNot2xx(
                lines
                    .after("Non-2xx responses:")
                    .map_or(Some(0), |count| count.parse().ok())
                    .ok_or("is damaged: `Non-2xx responses:` is no number")?,
            ),
            failures: Some(failures),
            duration_s: Some(duration_s),
            requests_per_s: Some(per_s),
            bytes: Some(Bytes::All { bytes: lines.number("Total transferred:")?, within: 0 }),
            connections: Some(lines.number("Concurrency Level:")?),
            latency: Latency {
                min_us: Some(us(min)),
                mean_us: Some(us(mean)),
                max_us: Some(us(max)),
                quantiles: lines.quantiles([50, 66, 75, 80, 90, 95, 98, 99])?,
                rounding_us: us(0.5),
                ..Latency::default()
            },
            has_one_thread: true,
            ..Account::of(self.name(), self.unit())
        })
    }
}
