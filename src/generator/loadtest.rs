//! loadtest (npm), by its text. Times are whole milliseconds, rounded down. Its errors are answers from 400 on and requests
//! without an answer in one count, and the latencies are of all of them. It waits for an answer before it sends the next
//! request, so that waiting which a standing target causes is left out.

use super::load::{Amount, Invocation, Load, as_fast_as_answers_come, no_body, whole_seconds};
use super::text::Lines;
use super::{Account, Generator, Latency, Statuses, Unit};

/// The adapter.
pub struct Loadtest;

impl Generator for Loadtest {
    fn name(&self) -> &'static str {
        "loadtest"
    }

    fn unit(&self) -> Unit {
        Unit::Milliseconds
    }

    fn invocation(&self, load: &Load, url: &str) -> Result<Invocation, String> {
        as_fast_as_answers_come(self.name(), load)?;
        no_body(self.name(), load)?;
        let amount = match load.amount {
            Amount::Requests(count) => ["-n".to_owned(), count.to_string()],
            Amount::Duration(time) => ["-t".to_owned(), whole_seconds(self.name(), time, load)?.to_string()],
        };
        let words = [self.name(), "-k", "--cores", "1", "-c", &load.concurrency.to_string()].map(str::to_owned);
        Ok(Invocation::printing(words.into_iter().chain(amount).chain([format!("{url}{}", load.path)]).collect()))
    }

    fn recognise(&self, content: &str) -> bool {
        content.contains("Target URL: ") && content.contains("Concurrent clients: ")
    }

    fn parse(&self, content: &str, _beside: &[Option<String>]) -> Result<Account, String> {
        let lines = Lines::of(self.name(), content, "Target URL:")?;
        let (ended, errors): (u64, u64) = (lines.number("Completed requests:")?, lines.number("Total errors:")?);
        let us = |ms: f64| self.unit().us(ms);
        // The last lines but for the errors, which have no number of their own.
        let quantiles = lines.quantiles([50, 90, 95, 99])?;
        let longest: f64 = lines.number("100%")?;
        let coded = |line: &str| line.split_once(':')?.1.trim().strip_suffix(" errors")?.parse::<u64>().ok();
        if lines.behind("100%").filter_map(coded).sum::<u64>() != errors {
            return Err("is cut off: the errors in loadtest's last lines are not all".to_owned());
        }
        let is_good = errors == 0;
        Ok(Account {
            ended: Some(ended),
            answered: is_good.then_some(ended),
            statuses: Statuses::FailedOrFrom400(errors),
            failures: is_good.then(Vec::new),
            duration_s: Some(lines.number("Total time:")?),
            requests_per_s: Some(lines.number("Effective rps:")?),
            connections: Some(lines.number("Concurrent clients:")?),
            latency: Latency {
                mean_us: Some(us(lines.number("Mean latency:")?)),
                max_us: Some(us(longest)),
                quantiles,
                rounding_us: us(1.0),
                has_failures: !is_good,
                ..Latency::default()
            },
            has_one_thread: lines.after("Running on cores:").is_none_or(|cores| cores == "1"),
            ..Account::of(self.name(), self.unit())
        })
    }
}
