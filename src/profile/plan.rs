//! What a profile says of its use: a line about it, and the load that it is meant for.

use std::time::Duration;

use http::Method;

use super::Route;
use super::entry::{Entry, ProfileErrors, Table};
use super::route::{METHODS, WEIGHT};
use crate::spelling::hint;

/// The load that a profile is meant for.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Load {
    /// One stage after the other; empty when the profile has no plan.
    pub stages: Vec<Stage>,
    /// How long a user waits between an answer and the next request: at least, at most.
    pub think: (Duration, Duration),
    /// What each user asks first, by its method and path: one of the profile's routes.
    pub login: Option<(Method, String)>,
    /// Routes of the target's own that users ask besides those of the profile, with their weights.
    pub also: Vec<(Method, String, f64)>,
}

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

/// What a stage consists of.
const STAGE: [&str; 5] = ["requests", "concurrency", "users", "spawn_rate", "duration"];

/// `[load]`: one stage, or `stages`, and what users do besides asking for the profile's routes.
pub fn load(entry: &Entry<'_>, routes: &[Route], errors: &mut ProfileErrors<'_>) -> Load {
    let known: Vec<&str> = STAGE.into_iter().chain(["stages", "think", "login", "also"]).collect();
    let Some(table) = entry.table(&known, errors) else { return Load::default() };
    Load {
        stages: stages(&table, errors),
        think: table.get("think").and_then(|think| self::think(&think, errors)).unwrap_or_default(),
        login: table.get("login").and_then(|login| self::login(&login, routes, errors)),
        also: table.get("also").map_or_else(Vec::new, |also| self::also(&also, errors)),
    }
}

/// A duration, or a list of the least and the most.
fn think(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<(Duration, Duration)> {
    const MOST: Duration = Duration::from_hours(1);
    let ends = entry.one_or_list(errors);
    let ends: Vec<Duration> =
        ends.iter().map(|end| end.duration(&(Duration::ZERO..=MOST), "", errors)).collect::<Option<_>>()?;
    match ends[..] {
        [always] => Some((always, always)),
        [least, most] if least <= most => Some((least, most)),
        _ => {
            let allowed = "must be one duration, or the least and the most, such as [\"100ms\", \"500ms\"]";
            errors.wrong(entry.at(), &entry.key, allowed);
            None
        }
    }
}

/// One of the routes, such as `POST /login`.
fn login(entry: &Entry<'_>, routes: &[Route], errors: &mut ProfileErrors<'_>) -> Option<(Method, String)> {
    let text = entry.text(errors)?;
    let all =
        routes.iter().flat_map(|route| route.methods.iter().map(|method| (method.clone(), route.path.clone())));
    let mut known = all.map(|(method, path)| (format!("{method} {path}"), (method, path)));
    let names: Vec<String> = known.clone().map(|(name, _)| name).collect();
    let found = known.find(|(name, _)| name == text).map(|(_, route)| route);
    if found.is_none() {
        let hint = hint(text, names.iter().map(String::as_str));
        errors.wrong_value(entry, format!("must be a route of this profile, with its method{hint}"));
    }
    found
}

/// Method and path → weight.
fn also(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<(Method, String, f64)> {
    let table = entry.open_table(errors);
    let mut routes = Vec::new();
    for (name, span, weight) in table.iter().flat_map(Table::entries) {
        let route = name.split_once(' ').filter(|(method, path)| METHODS.contains(method) && path.starts_with('/'));
        let Some((method, path)) = route.and_then(|(method, path)| Some((method.parse().ok()?, path))) else {
            errors.wrong(span.start, &weight.key, "must be a method and a path, such as \"GET /health\"");
            continue;
        };
        if let Some(weight) = weight.number(&WEIGHT, errors) {
            routes.push((method, path.to_owned(), weight));
        }
    }
    routes
}

fn stages(table: &Table<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Stage> {
    let Some(stages) = table.get("stages") else {
        return stage(table, errors).into_iter().collect();
    };
    for key in STAGE {
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
    let tables: Vec<Table<'_>> = list.iter().filter_map(|stage| stage.table(&STAGE, errors)).collect();
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
