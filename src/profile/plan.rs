//! What a profile says of its use: a line about it, the load it is meant for, the figures of what it stands for.

use std::collections::BTreeMap;
use std::time::Duration;

use super::entry::{Entry, Findings, Table};

/// A stage of the load that a profile is meant for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Stage {
    /// So many requests, so many at a time.
    Requests {
        /// In all.
        requests: u64,
        /// In flight at once.
        concurrency: u64,
    },
    /// Users who ask one thing after another.
    Users {
        /// At most.
        users: u64,
        /// New ones a second.
        spawn_rate: f64,
        /// From the first.
        duration: Duration,
    },
}

/// One set of published figures.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Published {
    /// Which of the system's measurements it is; empty when there is one.
    pub name: String,
    /// Figure → value, in the unit of its name.
    pub figures: BTreeMap<String, f64>,
    /// Status → how many answers had it.
    pub status: BTreeMap<u16, u64>,
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

/// The line that `quintain profiles` shows.
pub fn summary(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<String> {
    const LENGTH: usize = 120;
    let text = entry.text(findings)?;
    if text.is_empty() || text.chars().count() > LENGTH || text.chars().any(char::is_control) {
        findings.wrong_value(entry, format!("must be one line of 1 to {LENGTH} characters"));
        return None;
    }
    Some(text.to_owned())
}

/// `[load]`: one stage, or `stages`.
pub fn load(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Vec<Stage> {
    const KEYS: [&str; 6] = ["requests", "concurrency", "users", "spawn_rate", "duration", "stages"];
    let Some(table) = entry.table(&KEYS, findings) else { return Vec::new() };
    let Some(stages) = table.get("stages") else {
        return stage(&table, findings).into_iter().collect();
    };
    for key in &KEYS[..5] {
        if let Some(beside) = table.get(key) {
            findings.wrong_value(&beside, "must not stand beside `stages`: it belongs into one of them");
        }
    }
    let list = stages.list(findings);
    if list.is_empty() {
        findings.wrong_value(
            &stages,
            "must be a list of at least one stage, such as { users = 10, spawn_rate = 2, duration = \"3m\" }",
        );
    }
    let tables: Vec<Table<'_>> = list.iter().filter_map(|stage| stage.table(&KEYS[..5], findings)).collect();
    tables.iter().filter_map(|table| stage(table, findings)).collect()
}

fn stage(table: &Table<'_>, findings: &mut Findings<'_>) -> Option<Stage> {
    const MOST: u64 = 1_000_000_000;
    const DAY: Duration = Duration::from_hours(24);
    let has = |key| table.get(key).is_some();
    let is_closed = has("requests") || has("concurrency");
    let is_users = has("users") || has("spawn_rate") || has("duration");
    if is_closed == is_users {
        let allowed = "must be either requests and concurrency, or users, spawn_rate and duration";
        let key = table.key("");
        findings.wrong(table.span.start, key.trim_end_matches('.'), allowed);
        return None;
    }
    if is_closed {
        let requests = table.needed("requests", "how many in all", findings);
        let concurrency = table.needed("concurrency", "how many at a time", findings);
        let requests = requests.and_then(|requests| requests.whole(&(1..=MOST), "", findings));
        let concurrency = concurrency.and_then(|concurrency| concurrency.whole(&(1..=1_000_000), "", findings));
        return Some(Stage::Requests { requests: requests?, concurrency: concurrency? });
    }
    let users = table.needed("users", "how many at most", findings);
    let spawn_rate = table.needed("spawn_rate", "how many new ones a second", findings);
    let duration = table.needed("duration", "how long, such as \"3m\"", findings);
    let users = users.and_then(|users| users.whole(&(1..=1_000_000), "", findings));
    let spawn_rate = spawn_rate.and_then(|rate| rate.number(&(0.001..=1e6), findings));
    let duration = duration.and_then(|duration| duration.duration(&(Duration::from_millis(1)..=DAY), "", findings));
    Some(Stage::Users { users: users?, spawn_rate: spawn_rate?, duration: duration? })
}

/// `[published]`, or several `[[published]]` with a name each.
pub fn published(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Vec<Published> {
    entry.one_or_list(findings).iter().filter_map(|set| figures(set, findings)).collect()
}

fn figures(entry: &Entry<'_>, findings: &mut Findings<'_>) -> Option<Published> {
    let known: Vec<&str> = ["name", "status"].into_iter().chain(FIGURES).collect();
    let table = entry.table(&known, findings)?;
    let name = table.get("name").and_then(|name| summary(&name, findings)).unwrap_or_default();
    let mut figures = BTreeMap::new();
    for key in FIGURES {
        if let Some(figure) = table.get(key)
            && let Some(value) = figure.number(&(0.0..=1e15), findings)
        {
            figures.insert(key.to_owned(), value);
        }
    }
    let status = table.get("status").and_then(|status| status.open_table(findings));
    let status = status.map_or_else(BTreeMap::new, |status| statuses(&status, findings));
    Some(Published { name, figures, status })
}

fn statuses(table: &Table<'_>, findings: &mut Findings<'_>) -> BTreeMap<u16, u64> {
    let mut statuses = BTreeMap::new();
    for (name, span, count) in table.entries() {
        let Some(status) = name.parse().ok().filter(|status| (100..=599).contains(status)) else {
            findings.wrong(span.start, &count.key, "must be a status from 100 to 599");
            continue;
        };
        if let Some(count) = count.whole(&(0..=1_000_000_000_000), "", findings) {
            statuses.insert(status, count);
        }
    }
    statuses
}
