//! A run as a page: what ran where, what was found, how it went over time, and tables of all of it.
//!
//! [`Report`] is put together once from a [`Recording`] and its findings; [`html`] and [`markdown`] write the same down.

mod bottlenecks;
mod by_route;
mod cells;
pub mod comparison;
mod glance;
pub mod html;
mod instances;
pub mod markdown;
mod peaks;
mod phases;
mod plots;
mod published;
mod spark;
mod table;
mod tables;

use serde_json::Value;

use crate::findings::{self, Finding};
use crate::recording::Recording;
use crate::units::shown::{amount, bytes, count, float, span};
use glance::Glance;
use spark::Sparks;
use table::Table;

/// Everything that a report says, in the order in which it says it.
#[derive(Debug)]
pub struct Report {
    /// The run directory's name, or those of the instances.
    pub title: String,
    /// What ran where: what, and its value.
    pub facts: Vec<(&'static str, String)>,
    /// What is missing or damaged.
    pub damage: Vec<String>,
    /// What was found, the weightiest first.
    pub findings: Vec<Finding>,
    /// What is looked at rather than read.
    pub plots: Plots,
    /// How the plots' and tables' stretches relate to rows, where they don't show each row.
    pub resolution: Option<String>,
    /// The tables.
    pub tables: Vec<Table>,
}

/// What is looked at rather than read.
#[derive(Clone, Debug, Default)]
pub struct Plots {
    /// The whole run in a few figures.
    glance: Vec<Glance>,
    /// Requests/s of each worker and each route.
    sparks: [Sparks; 2],
    /// What the plots draw.
    data: Value,
}

impl Report {
    /// Of a run.
    #[must_use]
    pub fn of(run: &Recording) -> Self {
        Self {
            title: run.called(),
            facts: facts(run),
            damage: run.damage.clone(),
            findings: findings::of(run),
            plots: Plots { glance: glance::of(run), sparks: spark::of(run), data: plots::data(run) },
            resolution: resolution(run),
            tables: tables::of(run),
        }
    }
}

fn resolution(run: &Recording) -> Option<String> {
    let (rows, stretches) = (run.target.rows(), run.target.stretches().len());
    (run.target.rows_in_a_stretch() > 1).then(|| {
        let seconds = float(run.target.rows_in_a_stretch()) * run.interval_s();
        format!(
            "{} rows are shown as {} stretches of up to {}: lines are means, shades reach from the least to the most of any row. Times of findings are as coarse.",
            count(rows),
            count(stretches as u64),
            span(seconds)
        )
    })
}

/// What ran where, as far as it is known.
fn facts(run: &Recording) -> Vec<(&'static str, String)> {
    let about = &run.about;
    let text = |path: &str| about.text(path).map(str::to_owned);
    let joined = |parts: Vec<Option<String>>| {
        let known: Vec<String> = parts.into_iter().flatten().collect();
        (!known.is_empty()).then(|| known.join(", "))
    };
    let workers = about.number("/config/workers").map(|workers| amount(workers, "worker"));
    // A run of an earlier version may say 0 where nothing was known.
    let cpus = about.number("/machine/cpus").filter(|cpus| *cpus > 0.0).map(|cpus| amount(cpus, "CPU"));
    let memory = about
        .number("/machine/memory_bytes")
        .filter(|memory| *memory > 0.0)
        .map(|memory| bytes(memory) + " of memory");
    let quota = text("/machine/cgroup_cpu_max").filter(|quota| !quota.starts_with("max"));
    let quota = quota.map(|quota| format!("CPU quota {quota}"));
    let seconds = about.number("/totals/duration_s").unwrap_or_else(|| run.lasted_s());
    let ended = match (about.is_known(), about.text("/totals/ended")) {
        (_, Some(ended)) => Some(ended.to_owned()),
        (true, None) => Some("not in order: it was killed, or still goes on".to_owned()),
        (false, None) => None,
    };
    let version = text("/version").map(|version| match about.text("/commit") {
        Some(commit) => format!("quintain {version} ({commit})"),
        None => format!("quintain {version}"),
    });
    let facts = [
        ("version", version),
        ("arrangement", joined(vec![text("/config/mode"), workers])),
        ("profile", about.profile()),
        ("command", about.command()),
        ("seed", about.at("/seed").map(ToString::to_string)),
        ("began", text("/started")),
        ("ended", ended),
        ("lasted", (seconds > 0.0).then(|| span(seconds))),
        ("machine", joined(vec![text("/machine/cpu"), cpus, memory, quota])),
        (
            "system",
            joined(vec![
                text("/machine/os"),
                text("/machine/kernel"),
                text("/machine/clock_source").map(|source| format!("clock {source}")),
            ]),
        ),
        (
            "rows",
            (run.target.rows() > 0)
                .then(|| format!("{}, one in {}", count(run.target.rows()), span(run.interval_s()))),
        ),
    ];
    facts.into_iter().filter_map(|(what, value)| Some((what, value?))).collect()
}
