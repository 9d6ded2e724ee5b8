//! What a load generator says of its own run, in words that hold for all of them.

use std::collections::BTreeMap;

use super::{Failure, Unit};
use crate::units::shown::float;

/// A generator's account; whatever it does not tell is unknown.
#[derive(Clone, Debug, PartialEq)]
pub struct Account {
    /// Its name.
    pub generator: &'static str,
    /// The unit of the times in its output.
    pub unit: Unit,
    /// Requests that ended, whatever came of them; those that it gave up at its own end are not among them.
    pub ended: Option<u64>,
    /// Of them, whole answers, whatever their status.
    pub answered: Option<u64>,
    /// What statuses they had.
    pub statuses: Statuses,
    /// Requests that got no whole answer, and connections that were never made.
    pub failures: Option<Vec<Failure>>,
    /// Of the answers, those that came after its own time-out. They are left out of its latencies.
    pub late: u64,
    /// Its output may end so many seconds before its load does.
    pub ends_early_s: f64,
    /// From its first request to its last answer.
    pub duration_s: Option<f64>,
    /// Requests a second, as it says itself.
    pub requests_per_s: Option<f64>,
    /// What it received.
    pub bytes: Option<Bytes>,
    /// How many requests it can have had in flight at once.
    pub connections: Option<u64>,
    /// How long requests took.
    pub latency: Latency,
    /// How it came by those times.
    pub timing: Timing,
    /// Whether it runs on one core at most.
    pub has_one_thread: bool,
    /// Of a balancer: each of its servers.
    pub servers: Vec<Served>,
}

/// A balancer's server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Served {
    /// Its name, as the balancer has it.
    pub name: String,
    /// Whole answers of it that the balancer passed on.
    pub answered: u64,
}

impl Account {
    /// Nothing is known yet of a run of this generator.
    #[must_use]
    pub fn of(generator: &'static str, unit: Unit) -> Self {
        Self {
            generator,
            unit,
            ended: None,
            answered: None,
            statuses: Statuses::Unknown,
            failures: None,
            late: 0,
            ends_early_s: 0.0,
            duration_s: None,
            requests_per_s: None,
            bytes: None,
            connections: None,
            latency: Latency::default(),
            timing: Timing::Measured,
            has_one_thread: false,
            servers: Vec::new(),
        }
    }

    /// Refuses rates, durations and times that nobody can have measured, whatever the output says. A duration of 0 is one
    /// that is shorter than its last digit: it is not known.
    ///
    /// # Errors
    /// A clause with the figure.
    pub(super) fn with_possible_figures(self) -> Result<Self, String> {
        let Latency { min_us, mean_us, max_us, quantiles, .. } = &self.latency;
        let known = [
            ("duration", self.duration_s),
            ("rate", self.requests_per_s),
            ("shortest time", *min_us),
            ("mean", *mean_us),
            ("longest time", *max_us),
        ];
        let known = known.into_iter().filter_map(|(name, figure)| Some((name.to_owned(), figure?)));
        let percentile = |(at, us): &(f64, f64)| (format!("percentile {}", 100.0 * at), *us);
        let mut figures = known.chain(quantiles.iter().map(percentile));
        if let Some((name, figure)) = figures.find(|(_, figure)| !figure.is_finite() || *figure < 0.0) {
            return Err(format!("is damaged: its {name} is {figure}"));
        }
        if let Some((at, _)) = quantiles.iter().find(|(at, _)| !(0.0..=1.0).contains(at)) {
            return Err(format!("is damaged: it has a percentile {}", 100.0 * at));
        }
        Ok(Self { duration_s: self.duration_s.filter(|duration_s| *duration_s > 0.0), ..self })
    }

    /// How many of its requests failed without an answer; those that it gave up at its own end are not among them.
    #[must_use]
    pub fn failed(&self) -> Option<u64> {
        let failures = self.failures.as_ref()?.iter().filter(|failure| failure.kind != super::Kind::OwnEnd);
        Some(failures.map(|failure| failure.count).sum())
    }

    /// Requests that had no answer below status 400, in percent of those that ended; `None` where it does not tell which.
    #[must_use]
    pub fn errors_pct(&self) -> Option<f64> {
        let from_400 = |statuses: &BTreeMap<u16, u64>| statuses.range(400..).map(|(_, count)| count).sum::<u64>();
        let errors = match &self.statuses {
            Statuses::FailedOrFrom400(count) => *count,
            Statuses::CountFrom400(count) => count + self.failed()?,
            Statuses::Each(each) | Statuses::From400(each) => from_400(each) + self.failed()?,
            Statuses::Classes(classes) => {
                classes.range(4..).map(|(_, count)| count).sum::<u64>() + self.failed()?
            }
            Statuses::Unknown | Statuses::CountNot2xx(_) => return None,
        };
        self.ended.filter(|ended| *ended > 0).map(|ended| 100.0 * float(errors) / float(ended))
    }

    /// How many requests it gave up at its own end, where it counts them.
    #[must_use]
    pub fn given_up(&self) -> Option<u64> {
        let mut given_up = self.failures.as_ref()?.iter().filter(|failure| failure.kind == super::Kind::OwnEnd);
        given_up.next().map(|failure| failure.count)
    }
}

/// What a generator tells of statuses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statuses {
    /// Nothing.
    Unknown,
    /// Each status that was answered, and how often.
    Each(BTreeMap<u16, u64>),
    /// Each from 400 on.
    From400(BTreeMap<u16, u64>),
    /// How many were 400 or more.
    CountFrom400(u64),
    /// How many were not 2xx.
    CountNot2xx(u64),
    /// How many were 400 or more, with the requests that had no answer.
    FailedOrFrom400(u64),
    /// How many there were of each hundred: 2 stands for 200 to 299.
    Classes(BTreeMap<u16, u64>),
}

/// What a generator counts as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bytes {
    /// Bodies of answers.
    Bodies(u64),
    /// Everything, heads too, in the precision to which it is written.
    All {
        /// As written.
        bytes: u64,
        /// The true value is at most so much more or less.
        within: u64,
    },
}

/// How long requests took, in microseconds.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Latency {
    /// The shortest.
    pub min_us: Option<f64>,
    /// The mean.
    pub mean_us: Option<f64>,
    /// The longest.
    pub max_us: Option<f64>,
    /// Quantile (0.5 is the median) and value, rising.
    pub quantiles: Vec<(f64, f64)>,
    /// Quantiles are rounded by at most this share of themselves, …
    pub rounding: f64,
    /// … and by so many microseconds.
    pub rounding_us: f64,
    /// Whether requests that failed without an answer count in it, which are often fast.
    pub has_failures: bool,
}

impl Latency {
    /// The value at a quantile that is known.
    #[must_use]
    pub fn at(&self, quantile: f64) -> Option<f64> {
        let same = |(known, _): &&(f64, f64)| (known - quantile).abs() < 1e-9;
        self.quantiles.iter().find(same).map(|(_, us)| *us)
    }

    /// How far a figure may be from what was measured.
    #[must_use]
    pub fn slack_us(&self, us: f64) -> f64 {
        us * self.rounding + self.rounding_us
    }
}

/// How a generator comes by its latencies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timing {
    /// It measured each.
    Measured,
    /// It adds times of requests that it did not send, as many as would have fitted into each long wait.
    Rewritten,
}
