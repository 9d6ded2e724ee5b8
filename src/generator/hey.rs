//! hey, by its text. Times are in seconds with four decimals, and of answers only. It waits for an answer before it sends the
//! next request of a connection. Of more than a million answers it keeps the first million and leaves the rest out.

use std::collections::BTreeMap;

use super::load::{Amount, Invocation, Load, as_fast_as_answers_come, cannot, enough_requests, posting};
use super::text::Lines;
use super::{Account, Bytes, Failure, Generator, Latency, Statuses, Unit};
use crate::units::shown::float;

/// The adapter.
pub struct Hey;

/// It keeps no more answers.
const KEPT: u64 = 1_000_000;

impl Generator for Hey {
    fn name(&self) -> &'static str {
        "hey"
    }

    fn unit(&self) -> Unit {
        Unit::Seconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        as_fast_as_answers_come(self.name(), load)?;
        enough_requests(self.name(), load)?;
        let amount = match load.amount {
            Amount::Requests(count) if count % u64::from(load.concurrency) != 0 => {
                let what =
                    format!("sends the same number on each connection; give a multiple of {}", load.concurrency);
                return Err(cannot(self.name(), &what, "requests"));
            }
            Amount::Requests(count) => ["-n".to_owned(), count.to_string()],
            Amount::Duration(time) => ["-z".to_owned(), format!("{}ms", time.as_millis())],
        };
        let words = ["hey".to_owned(), "-c".to_owned(), load.concurrency.to_string()];
        let posting = posting(load, |file| ["-m", "POST", "-D", file]);
        let words = words.into_iter().chain(amount).chain(posting);
        Ok(Invocation::printing(words.chain([format!("{url}{}", load.path)]).collect()))
    }

    fn recognise(&self, content: &str) -> bool {
        content.lines().any(|line| line.trim_end() == "Summary:")
            && content.contains("Requests/sec:")
            && !content.contains("Success rate:")
    }

    fn ask_for(&self, content: &str) -> Option<&'static str> {
        let is_csv = content.starts_with("response-time,DNS+dialup,");
        is_csv.then_some("is hey's CSV, which has no failures; give what hey prints without -o csv")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let lines = Lines::of(self.name(), content, "Summary:")?;
        let us = |seconds: f64| self.unit().us(seconds);
        let (total, per_s): (f64, f64) = (lines.number("Total:")?, lines.number("Requests/sec:")?);
        lines.needed("Status code distribution:")?;
        let counted = |line: &str| {
            let (count, rest) = line.strip_prefix('[')?.split_once(']')?;
            Some((count.parse::<u64>().ok()?, rest.trim().to_owned()))
        };
        let statuses: BTreeMap<u16, u64> = lines
            .behind("Status code distribution:")
            .map_while(counted)
            .filter_map(|(status, count)| {
                Some((u16::try_from(status).ok()?, count.strip_suffix(" responses")?.parse().ok()?))
            })
            .collect();
        let failures: Vec<Failure> = lines
            .behind("Error distribution:")
            .map_while(counted)
            .map(|(count, message)| Failure::told(&message, count))
            .collect();
        let answered: u64 = statuses.values().sum();
        let ended = answered + failures.iter().map(|failure| failure.count).sum::<u64>();
        let is_whole = answered < KEPT;
        if is_whole && (per_s * total - float(ended)).abs() > 1.0 + per_s * 0.00006 {
            return Err(format!(
                "is cut off: its statuses and errors are {ended} requests, and its rate makes {:.0} of them",
                per_s * total
            ));
        }
        // Some versions write `10%% in`.
        let quantile = |line: &str| {
            let (percent, time) = line.strip_suffix(" secs")?.split_once("% in ")?;
            Some((percent.trim_end_matches('%').parse::<f64>().ok()? / 100.0, us(time.parse().ok()?)))
        };
        let listed = lines.behind("Latency distribution:").take_while(|line| !line.is_empty());
        let quantiles = listed
            .map(|line| quantile(line).ok_or_else(|| format!("is damaged: `{line}` is no percentile of hey")));
        let time = |name: &str| -> Result<_, String> { Ok(lines.optional(name)?.filter(|_| answered > 0).map(us)) };
        Ok(Account {
            ended: is_whole.then_some(ended),
            answered: is_whole.then_some(answered),
            statuses: if is_whole { Statuses::Each(statuses) } else { Statuses::Unknown },
            failures: Some(failures),
            duration_s: Some(total),
            requests_per_s: Some(per_s),
            bytes: lines.optional("Total data:")?.map(Bytes::Bodies),
            latency: Latency {
                min_us: time("Fastest:")?,
                mean_us: time("Average:")?,
                max_us: time("Slowest:")?,
                quantiles: quantiles.collect::<Result<_, _>>()?,
                rounding_us: us(0.0001),
                ..Latency::default()
            },
            ..Account::of(self.name(), self.unit())
        })
    }
}
