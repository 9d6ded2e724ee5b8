//! From a recording to sentences with their evidence: what limited a run, and what to make of its figures.
//!
//! Each rule is a pure function in a file of its own. It says what it saw, how sure it is and what it can't know, and
//! says nothing where a figure that it needs is unknown. The thresholds stand with the rules, and those that are held
//! against each single row with `recording::Level`.

mod accept_queue;
mod account;
mod connections;
mod database;
mod errors;
mod growth;
mod imbalance;
mod inference;
mod knee;
mod late_beats;
mod lateness;
mod littles_law;
mod loop_lag;
mod lost;
mod memory_kills;
mod more_cpu;
mod neighbours;
mod pool;
mod queueing;
mod resources;
mod room;
mod routes;
mod saturation;
mod shed;
mod split;
mod steal;
mod throttling;

#[cfg(test)]
pub(crate) mod sketch;

use crate::recording::{Phase, Recording, Series};
use crate::spelling::words;
use crate::units::shown::count;
pub use split::{Kind, Split};

/// A sentence about a run.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// Which rule found it.
    pub rule: Rule,
    /// What it is for a reader.
    pub weight: Weight,
    /// What was found.
    pub sentence: String,
    /// The figures that it stands on: what, and its value.
    pub evidence: Vec<(String, String)>,
    /// When, in seconds since the run began.
    pub at: Option<(f64, f64)>,
    /// How sure it is.
    pub certainty: Certainty,
    /// What the figures can't tell.
    pub unknown: &'static str,
}

/// Whichever test of a rule makes a finding, its sentences are short enough to be understood at once.
#[cfg(test)]
impl Drop for Finding {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            for said in [&self.sentence, &format!("It can't know {}.", self.unknown)] {
                sketch::has_short_sentences(said);
            }
        }
    }
}

/// What finds something; in the order in which they are asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The sums agree.
    Account,
    /// Requests died with their worker.
    Lost,
    /// Workers that the kernel killed for memory.
    MemoryKills,
    /// Requests failed.
    Errors,
    /// Requests answered 503 over `--max-inflight`.
    Shed,
    /// Requests answered 429 over a rate limit.
    RateLimited,
    /// Connections that the kernel dropped or the target turned away.
    AcceptQueue,
    /// Which resource was used up first.
    Saturation,
    /// More load brought no more throughput.
    Knee,
    /// Waiting against service.
    Queueing,
    /// Routes that compute, wait or queue, and behind whom.
    Routes,
    /// Work that waited for a thread of the pool.
    Pool,
    /// What requests waited for at the database: a connection, its one writer, a missing index.
    Database,
    /// How much of the service is a model.
    Inference,
    /// A connection for each request.
    Connections,
    /// Little's law against what was observed.
    LittlesLaw,
    /// Something computed on the event loop.
    LoopLag,
    /// Workers that did more than others.
    Imbalance,
    /// The control group's quota.
    Throttling,
    /// Memory that only grows.
    Growth,
    /// Others on the same machine.
    Neighbours,
    /// Others on the same hardware.
    Steal,
    /// Rows that were taken late, and clocks that stepped.
    Lateness,
}

impl Rule {
    /// As a heading.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Account => "account",
            Self::Lost => "lost requests",
            Self::MemoryKills => "killed for memory",
            Self::Errors => "errors",
            Self::Shed => "shed requests",
            Self::RateLimited => "rate limit",
            Self::AcceptQueue => "connections not taken",
            Self::Saturation => "saturation",
            Self::Knee => "the knee",
            Self::Queueing => "queueing and service",
            Self::Routes => "I/O against CPU",
            Self::Pool => "thread pool",
            Self::Database => "database",
            Self::Inference => "inference",
            Self::Connections => "connections per request",
            Self::LittlesLaw => "Little's law",
            Self::LoopLag => "event loop",
            Self::Imbalance => "balance of workers",
            Self::Throttling => "CPU quota",
            Self::Growth => "memory growth",
            Self::Neighbours => "neighbours on the machine",
            Self::Steal => "stolen time",
            Self::Lateness => "time",
        }
    }
}

/// What a finding is for a reader; the weightiest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// Something that a benchmark must not be believed with, unless it was meant.
    Doubt,
    /// What kept the target from doing more.
    Limit,
    /// What explains a figure.
    Note,
    /// What was looked at and is as it should be.
    Sound,
}

words! {
    /// How sure a finding is.
    #[derive(PartialOrd, Ord)]
    pub enum Certainty {
        /// It was counted, or follows from what was counted.
        Certain = "certain",
        /// The figures fit it, and hardly anything else.
        Likely = "likely",
        /// The figures fit it, and other things too.
        Possible = "possible",
    }
}

/// Everything that can be said of a run, the weightiest first.
#[must_use]
pub fn of(run: &Recording) -> Vec<Finding> {
    let rules: [fn(&Recording) -> Vec<Finding>; 22] = [
        lost::find,
        memory_kills::find,
        errors::find,
        shed::find,
        accept_queue::find,
        saturation::find,
        knee::find,
        queueing::find,
        routes::find,
        pool::find,
        database::find,
        inference::find,
        connections::find,
        littles_law::find,
        loop_lag::find,
        throttling::find,
        imbalance::find,
        growth::find,
        neighbours::find,
        steal::find,
        lateness::find,
        account::find,
    ];
    let mut findings: Vec<Finding> = rules.iter().flat_map(|find| find(run)).collect();
    findings.extend(room::find(run, &findings));
    findings.sort_by_key(|finding| (finding.weight, finding.certainty));
    findings
}

/// Evidence, written down.
fn evidence<const MANY: usize>(pairs: [(&str, String); MANY]) -> Vec<(String, String)> {
    pairs.into_iter().map(|(what, value)| (what.to_owned(), value)).collect()
}

/// A figure of the evidence that may not be known.
fn or_unknown(value: Option<f64>, how: fn(f64) -> String) -> String {
    value.map_or_else(|| "unknown".to_owned(), how)
}

/// So many of a series' stretches, as what they are: `3 rows`, or `3 stretches of up to 8 rows`.
fn stretches(many: usize, series: &Series) -> String {
    let (one, several, what) = match series.rows_in_a_stretch() {
        1 => ("row", "rows", String::new()),
        rows => ("stretch", "stretches", format!(" of up to {} rows", count(rows))),
    };
    format!("{} {}{what}", count(many as u64), if many == 1 { one } else { several })
}

/// `in phase "measure", `, where there is more than one.
fn in_phase(run: &Recording, phase: &Phase) -> String {
    if run.phases.len() > 1 { format!("in phase {:?}, ", phase.name) } else { String::new() }
}

/// As a sentence begins.
fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

/// ` A fault plan …`, where one that lets requests or connections wait was in force in this time; otherwise nothing.
fn held_up_by_a_plan(run: &Recording, from_s: f64, to_s: f64) -> String {
    let held = run.faulty.iter().find(|faulty| faulty.holds_up && faulty.reaches_into(from_s, to_s));
    held.map_or_else(String::new, |faulty| {
        format!(" A fault plan that lets requests or connections wait was in force: {}.", faulty.plans)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::recording::Figure;

    /// High enough for any rule that needs nothing else.
    const HIGH: f64 = 1e6;

    #[test]
    fn an_empty_cell_finds_nothing() {
        let empty: Vec<(Figure, &[f64])> =
            Figure::ALL.iter().map(|figure| (*figure, &[f64::NAN; 60][..])).collect();
        assert_eq!(of(&sketch::run(&empty)), []);
        assert_eq!(of(&Recording::default()), []);
    }

    #[test]
    fn what_one_column_shows_is_shown_without_the_others() {
        let alone = |figure: &Figure| {
            let rising: Vec<f64> = (1..=60).map(|row| HIGH * f64::from(row)).collect();
            (*figure, of(&sketch::run(&[(*figure, &rising)])))
        };
        let found: Vec<(Figure, Vec<Finding>)> = Figure::ALL.iter().map(alone).collect();
        let speaks =
            |wanted: Figure| found.iter().any(|(figure, findings)| *figure == wanted && !findings.is_empty());
        for figure in [Figure::Lost, Figure::ListenDrops, Figure::Refused, Figure::Rejected, Figure::ThrottledMs] {
            assert!(speaks(figure), "{figure:?}");
        }
        // A share, a rate of failure or a queue is nothing by itself.
        for figure in [Figure::Errors, Figure::HostCpu, Figure::CpuOfHost, Figure::AcceptQueue, Figure::Connections]
        {
            assert!(!speaks(figure), "{figure:?}");
        }
    }
}
