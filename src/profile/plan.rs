//! What a profile says of its use: a line about it, and the load that it is meant for.

use std::time::Duration;

use super::entry::{Entry, ProfileErrors, Table};

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

/// The line that `quintain profiles` shows.
pub fn summary(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<String> {
    const LENGTH: usize = 120;
    let text = entry.text(errors)?;
    if text.is_empty() || text.chars().count() > LENGTH || text.chars().any(char::is_control) {
        errors.wrong_value(entry, format!("must be one line of 1 to {LENGTH} characters"));
        return None;
    }
    Some(text.to_owned())
}

/// `[load]`: one stage, or `stages`.
pub fn load(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Stage> {
    const KEYS: [&str; 6] = ["requests", "concurrency", "users", "spawn_rate", "duration", "stages"];
    let Some(table) = entry.table(&KEYS, errors) else { return Vec::new() };
    let Some(stages) = table.get("stages") else {
        return stage(&table, errors).into_iter().collect();
    };
    for key in &KEYS[..5] {
        if let Some(beside) = table.get(key) {
            errors.wrong_value(&beside, "must not stand beside `stages`: it belongs into one of them");
        }
    }
    let list = stages.list(errors);
    if list.is_empty() {
        errors.wrong_value(
            &stages,
            "must be a list of at least one stage, such as { users = 10, spawn_rate = 2, duration = \"3m\" }",
        );
    }
    let tables: Vec<Table<'_>> = list.iter().filter_map(|stage| stage.table(&KEYS[..5], errors)).collect();
    tables.iter().filter_map(|table| stage(table, errors)).collect()
}

fn stage(table: &Table<'_>, errors: &mut ProfileErrors<'_>) -> Option<Stage> {
    const MOST: u64 = 1_000_000_000;
    const DAY: Duration = Duration::from_hours(24);
    let has = |key| table.get(key).is_some();
    let is_closed = has("requests") || has("concurrency");
    let is_users = has("users") || has("spawn_rate") || has("duration");
    if is_closed == is_users {
        let allowed = "must be either requests and concurrency, or users, spawn_rate and duration";
        let key = table.key("");
        errors.wrong(table.span.start, key.trim_end_matches('.'), allowed);
        return None;
    }
    if is_closed {
        let requests = table.needed("requests", "how many in all", errors);
        let concurrency = table.needed("concurrency", "how many at a time", errors);
        let requests = requests.and_then(|requests| requests.whole(&(1..=MOST), "", errors));
        let concurrency = concurrency.and_then(|concurrency| concurrency.whole(&(1..=1_000_000), "", errors));
        return Some(Stage::Requests { requests: requests?, concurrency: concurrency? });
    }
    let users = table.needed("users", "how many at most", errors);
    let spawn_rate = table.needed("spawn_rate", "how many new ones a second", errors);
    let duration = table.needed("duration", "how long, such as \"3m\"", errors);
    let users = users.and_then(|users| users.whole(&(1..=1_000_000), "", errors));
    let spawn_rate = spawn_rate.and_then(|rate| rate.number(&(0.001..=1e6), errors));
    let duration = duration.and_then(|duration| duration.duration(&(Duration::from_millis(1)..=DAY), "", errors));
    Some(Stage::Users { users: users?, spawn_rate: spawn_rate?, duration: duration? })
}
