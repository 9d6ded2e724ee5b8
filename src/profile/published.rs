//! `[published]`: figures of a system that somebody else has measured, and where they come with the program.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::entry::{Entry, ProfileErrors, Table};
use super::plan::summary;
use crate::config::Mode;

/// Name and text of each system whose figures are built in, in the order in which they are listed. Those of which there is a
/// profile stand in it.
pub const PUBLISHED: [(&str, &str); 5] = [
    ("baseline", include_str!("builtin/baseline.toml")),
    ("node-cluster", include_str!("builtin/node-cluster.toml")),
    ("flask-locust", include_str!("builtin/flask-locust.toml")),
    ("image-inference", include_str!("builtin/image-inference.toml")),
    ("market", include_str!("builtin/market.toml")),
];

/// How many of something there may be.
const MANY: RangeInclusive<u64> = 0..=1_000_000_000_000;

/// One set of published figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Which of the system's measurements it is; empty when there is one.
    pub name: String,
    /// Figure → value, in the unit of its name.
    pub figures: BTreeMap<String, f64>,
    /// Status → how many answers had it; all of them, or those that were told.
    pub status: BTreeMap<u16, u64>,
    /// Route → how many of its requests worked; of the routes that were told.
    pub succeeded: BTreeMap<String, u64>,
    /// Message of a failure → how often.
    pub messages: BTreeMap<String, u64>,
    /// What the report says in words.
    pub claims: Vec<Claim>,
    /// Our mode that arranges processes as this measurement had them.
    pub mode: Option<Mode>,
}

/// Something that a report says in words, and that its figures can bear out or not.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// The response times hardly vary.
    VariesLittle,
    /// That no request failed shows the capacity.
    CapacityBySuccess,
    /// The failures are the server's.
    ServerFailed,
    /// The sets compare arrangements of one service.
    ComparesArrangements,
    /// The generator was short of CPU.
    GeneratorShortOfCpu,
}

impl Claim {
    /// All of them, with their names in a file.
    pub const ALL: [(Self, &str); 5] = [
        (Self::VariesLittle, "varies-little"),
        (Self::CapacityBySuccess, "capacity-by-success"),
        (Self::ServerFailed, "server-failed"),
        (Self::ComparesArrangements, "compares-arrangements"),
        (Self::GeneratorShortOfCpu, "generator-short-of-cpu"),
    ];
}

impl Published {
    /// A figure by its name.
    #[must_use]
    pub fn figure(&self, name: &str) -> Option<f64> {
        self.figures.get(name).copied()
    }

    /// The quantile that a figure's name says, of `p99_9_ms` 0.999; `None` for every other figure.
    #[must_use]
    pub fn quantile(name: &str) -> Option<f64> {
        let percent: f64 = name.strip_prefix('p')?.strip_suffix("_ms")?.replace('_', ".").parse().ok()?;
        Some(percent / 100.0)
    }

    /// Every figure with its name, as reports have them.
    pub fn in_order(&self) -> impl Iterator<Item = (&'static str, f64)> + '_ {
        FIGURES.into_iter().filter_map(|name| Some((name, self.figure(name)?)))
    }
}

/// Figures that can be published, each with its unit.
const FIGURES: [&str; 24] = [
    "requests",
    "errors",
    "concurrency",
    "users",
    "spawn_rate",
    "duration_s",
    "requests_per_s",
    "bytes_per_s",
    "response_bytes",
    "mean_ms",
    "min_ms",
    "p50_ms",
    "p66_ms",
    "p75_ms",
    "p80_ms",
    "p90_ms",
    "p95_ms",
    "p98_ms",
    "p99_ms",
    "p99_9_ms",
    "max_ms",
    "error_pct",
    "cpu_pct",
    "memory_pct",
];

/// `[published]`, or several `[[published]]` with a name each.
pub fn published(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Published> {
    entry.one_or_list(errors).iter().filter_map(|set| figures(set, errors)).collect()
}

fn figures(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<Published> {
    let known: Vec<&str> =
        ["name", "status", "succeeded", "messages", "claims", "mode"].into_iter().chain(FIGURES).collect();
    let table = entry.table(&known, errors)?;
    let name = table.get("name").and_then(|name| summary(&name, errors)).unwrap_or_default();
    let mut figures = BTreeMap::new();
    for key in FIGURES {
        if let Some(figure) = table.get(key)
            && let Some(value) = figure.number(&(0.0..=1e15), errors)
        {
            figures.insert(key.to_owned(), value);
        }
    }
    let status = table.get("status").and_then(|status| status.open_table(errors));
    let status = status.map_or_else(BTreeMap::new, |status| statuses(&status, errors));
    let mut counts = |key| table.get(key).map_or_else(BTreeMap::new, |entry| counts(&entry, errors));
    let (succeeded, messages) = (counts("succeeded"), counts("messages"));
    let claims = table.get("claims").map_or_else(Vec::new, |claims| {
        claims.list(errors).iter().filter_map(|entry| one_of(entry, Claim::ALL, errors)).collect()
    });
    let mode =
        table.get("mode").and_then(|entry| one_of(&entry, Mode::ALL.map(|mode| (mode, mode.name())), errors));
    Some(Published { name, figures, status, succeeded, messages, claims, mode })
}

/// A value out of a few that have names.
fn one_of<Value: Copy, const COUNT: usize>(
    entry: &Entry<'_>,
    allowed: [(Value, &str); COUNT],
    errors: &mut ProfileErrors<'_>,
) -> Option<Value> {
    let text = entry.text(errors)?;
    let found = allowed.iter().find(|(_, name)| *name == text).map(|(value, _)| *value);
    if found.is_none() {
        let names = allowed.map(|(_, name)| name).join(", ");
        errors.wrong_value(entry, format!("must be one of {names}"));
    }
    found
}

/// Text → count.
fn counts(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> BTreeMap<String, u64> {
    let table = entry.open_table(errors);
    let entries = table.iter().flat_map(Table::entries);
    let counts = entries.filter_map(|(name, _, count)| Some((name.to_owned(), count.whole(&MANY, "", errors)?)));
    counts.collect()
}

fn statuses(table: &Table<'_>, errors: &mut ProfileErrors<'_>) -> BTreeMap<u16, u64> {
    let mut statuses = BTreeMap::new();
    for (name, span, count) in table.entries() {
        let Some(status) = name.parse().ok().filter(|status| (100..=599).contains(status)) else {
            errors.wrong(span.start, &count.key, "must be a status from 100 to 599");
            continue;
        };
        if let Some(count) = count.whole(&MANY, "", errors) {
            statuses.insert(status, count);
        }
    }
    statuses
}
