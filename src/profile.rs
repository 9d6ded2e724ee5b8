//! Profiles: TOML in, routes out.
//!
//! A profile says what a target offers besides its own routes: routes with their steps and answers, the limits they
//! need, the load they are meant for, and the figures of the system that it stands for. [`load`] is what the command
//! line calls, and HUP again; everything that is wrong is found at once, each mistake with its line and column.

mod builtin;
mod describe;
mod entry;
mod overlap;
mod plan;
mod plans;
mod published;
mod rate_limit;
mod response;
mod route;
mod signed;
mod switches;

use std::fs::File;
use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use http::{HeaderName, HeaderValue, Method, StatusCode};
use toml::de::DeTable;

pub use builtin::{BUILT_IN, DEFAULT};
pub use overlap::{other_slash, shape};
pub use plan::{Load, Stage};
pub use published::{Claim, PUBLISHED, Published};
pub use response::{OURS, is_bodiless};
pub use signed::{Carrier, Signed};
pub use switches::Switch;

use crate::config::{self, Address, Config, Layers, Limit, Mistake, Mode, Source};
use crate::delay::Delay;
use crate::distribution::ReadFile;
use crate::fault::{self, Written};
use crate::rate_limit::RateLimit;
use crate::spelling::nearest;
use crate::units::Bytes;
use crate::work::cpu::Cpu;
use crate::work::database::Query;
use crate::work::io;
use crate::work::memory::Hold;
use entry::{Entry, ProfileErrors, Table};

/// What a target offers, and what it is meant for. The default has no routes of its own.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Profile {
    /// The name of a built-in one, or the file.
    pub name: String,
    /// One line.
    pub summary: String,
    /// What `--set` may change, and how it is set.
    pub switches: Vec<Switch>,
    /// In the order of the text.
    pub routes: Vec<Route>,
    /// As understood: nothing is left out that has a default. They begin with the run.
    pub faults: Vec<Written>,
    /// The load that it is meant for.
    pub load: Load,
    /// Figures of the system that it stands for, one set for each of its own measurements.
    pub published: Vec<Published>,
    /// As it was written.
    pub text: String,
}

impl Profile {
    /// All that its text says, as JSON.
    #[must_use]
    pub fn content(&self) -> serde_json::Value {
        // It was read before: it is TOML.
        toml::from_str(&self.text).unwrap_or_default()
    }

    /// Whether any of its routes asks a database.
    #[must_use]
    pub fn needs_database(&self) -> bool {
        self.routes.iter().flat_map(|route| &route.steps).any(|step| matches!(step, Step::Db(_)))
    }
}

/// A route of a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct Route {
    /// At least one. HEAD is answered wherever GET is.
    pub methods: Vec<Method>,
    /// A pattern such as `/users/{id}`.
    pub path: String,
    /// Where the path stands in the text, in bytes.
    at: usize,
    /// Its share of the load plan, against those of the other routes.
    pub weight: f64,
    /// How many bytes a request of the load plan sends; `None`: the profile does not say.
    pub request_bytes: Option<u64>,
    /// Done in this order.
    pub steps: Vec<Step>,
    /// What is answered then.
    pub response: Response,
}

/// One piece of work that a route does.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Computes, on the worker's loop or on its pool.
    Cpu(Cpu),
    /// Waits without computing: as long as the request's index on its route draws, if it draws a delay.
    Io {
        /// How long.
        delay: Delay,
        /// What waits.
        mode: io::Mode,
    },
    /// Takes memory, touches it, holds it, gives it back.
    Mem(Hold),
    /// Asks the database.
    Db(Query),
    /// Takes a token, or ends the request with a 429.
    RateLimit {
        /// How often there is one.
        limit: RateLimit,
        /// Whose bucket it is.
        scope: Scope,
    },
    /// Answers with what a worker has kept, if it has, and otherwise keeps what the other steps come to.
    Cache {
        /// How many different answers there are. A request's key is its index, divided by this: what is left over.
        keys: u64,
        /// For how long one is kept.
        time: Duration,
    },
    /// Gives the client a signed value.
    Issue(Signed),
    /// Refuses a request that does not show one.
    Check(Signed),
    /// Adds so many bytes to the body.
    Bytes(u64),
}

/// Whose requests take from one bucket of tokens, whichever worker they come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Those of one method of the route.
    Route,
    /// Those of all routes of the profile.
    Profile,
}

/// What a route answers.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Response {
    /// 200 to 599.
    pub status: StatusCode,
    /// How many bytes the body has; `None`: what was done, as JSON.
    pub size: Option<u64>,
    /// Beside those that every workload answers with.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

impl Response {
    /// Whether its body is what was done.
    #[must_use]
    pub fn tells_what_was_done(&self) -> bool {
        self.size.is_none() && !is_bodiless(self.status)
    }
}

/// A route that every target offers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its method.
    pub method: String,
    /// Its path's pattern.
    pub path: String,
    /// Whether a profile's route can't take its place.
    pub is_fixed: bool,
}

/// What a profile is held to.
#[derive(Clone)]
pub struct Rules<'a> {
    /// `--max-delay`
    pub delay: Duration,
    /// `--max-cpu`
    pub cpu: Duration,
    /// `--max-bytes`
    pub bytes: u64,
    /// `--max-body`, in bytes
    pub body: u64,
    /// `--max-mem`, in bytes
    pub memory: u64,
    /// `--db-rows`
    pub db_rows: u64,
    /// `--seed`
    pub seed: u64,
    /// `--set`: each `NAME=VALUE`, and where it was given.
    pub switches: &'a [(Source, String)],
    /// What is served anyway.
    pub offered: &'a [Offered],
    /// How many routes there can be in all.
    pub room: usize,
    /// Reads the files that delays name.
    pub read: Option<ReadFile<'a>>,
    /// What its fault plans are held to, but for the routes.
    pub faults: fault::Rules,
}

impl<'a> Rules<'a> {
    /// No limits: while those of the configuration are mistaken, nothing can be held to them.
    #[must_use]
    pub fn without_limits(offered: &'a [Offered], room: usize) -> Self {
        Self {
            delay: Duration::MAX,
            cpu: Duration::MAX,
            bytes: u64::MAX,
            body: u64::MAX,
            memory: u64::MAX,
            db_rows: u64::MAX,
            seed: 0,
            switches: &[],
            offered,
            room,
            read: None,
            faults: fault::Rules::none(),
        }
    }

    fn limited_by(self, config: &Config) -> Self {
        Self {
            delay: config.max_delay,
            cpu: config.max_cpu,
            bytes: config.max_bytes.0,
            body: config.max_body.0,
            memory: config.max_mem.0,
            db_rows: config.db_rows,
            seed: config.seed,
            faults: fault_rules(config),
            ..self
        }
    }
}

/// What fault plans are held to in a run with this configuration; the routes are left to be filled in.
#[must_use]
pub fn fault_rules(config: &Config) -> fault::Rules {
    let no_crash = (config.mode != Mode::Cluster).then_some("in mode cluster, where somebody replaces the worker");
    // A port that the kernel chose is lost with the listening, a unix socket can't be listened on again, and a socket that
    // was passed is not ours to close.
    let no_refuse = if config.sockets_are_passed() {
        Some("with --listen on a TCP port that is named, and not on a socket that a service manager has passed")
    } else {
        (!config.listen.iter().all(Address::is_numbered_port))
            .then_some("with --listen on a TCP port that is named")
    };
    fault::Rules {
        routes: Vec::new(),
        seed: config.seed,
        no_crash,
        no_refuse,
        max_delay: config.max_delay,
        max_leak: config.max_leak,
    }
}

/// Resolves the configuration, whose file has been read, and the profile that it names, whose `[limits]` lie below the configuration file and above
/// the defaults. `offered` is what is served anyway, `room` how many routes there can be in all.
///
/// What stands in the profile for other words of its switches must be right too.
///
/// # Errors
/// Every mistake in either.
pub fn load(layers: &Layers, offered: &[Offered], room: usize) -> Result<(Config, Profile), Vec<Mistake>> {
    let named = layers.profile().filter(|(_, name)| !name.is_empty());
    let (source, name) = named.unwrap_or_else(|| (Source::Flag("--profile".to_owned()), DEFAULT.to_owned()));
    let text = match text_of(&name) {
        Ok(text) => text,
        Err(allowed) => {
            let mut mistakes = vec![Mistake { source, value: Some(name), allowed }];
            mistakes.extend(config::resolve(layers).err().into_iter().flatten());
            return Err(mistakes);
        }
    };
    let loaded = load_set(layers, &name, &text, (offered, room), &layers.switches())?;
    for given in switches::other_words(&loaded.1.switches) {
        load_set(layers, &name, &text, (offered, room), &given)?;
    }
    Ok(loaded)
}

/// Resolves the configuration and reads the profile's text, with its switches set so.
fn load_set(
    layers: &Layers,
    name: &str,
    text: &str,
    (offered, room): (&[Offered], usize),
    switches: &[(Source, String)],
) -> Result<(Config, Profile), Vec<Mistake>> {
    let layers = Layers { profile: limits(name, text, switches), ..layers.clone() };
    let config = config::resolve(&layers);
    let beside = |file: &str| read_beside(name, file);
    let rules = Rules { read: Some(&beside), switches, ..Rules::without_limits(offered, room) };
    let rules = match &config {
        Ok(config) => rules.limited_by(config),
        Err(_) => rules,
    };
    match (config, read(name, text, &rules)) {
        (Ok(config), Ok(profile)) => Ok((config, profile)),
        (config, profile) => {
            let mistakes = config.err().into_iter().flatten();
            Err(mistakes.chain(profile.err().into_iter().flatten()).collect())
        }
    }
}

/// The text of a profile: a built-in one by its name, else a file.
fn text_of(name: &str) -> Result<String, String> {
    if let Some((_, text)) = BUILT_IN.iter().find(|(known, _)| *known == name) {
        return Ok((*text).to_owned());
    }
    read_file(Path::new(name), PROFILE).map_err(|error| {
        let names = BUILT_IN.map(|(known, _)| known);
        let hint = nearest(name, names).map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        format!("is no built-in profile ({}) and can't be read as a file: {error}{hint}", names.join(", "))
    })
}

/// The file that a profile names, which stands beside it.
fn read_beside(profile: &str, file: &str) -> Result<String, String> {
    let directory = Path::new(profile).parent().unwrap_or(Path::new(""));
    read_file(&directory.join(file), BESIDE)
}

/// Largest profile, in bytes.
const PROFILE: u64 = 1 << 20;

/// Largest file that a profile names, in bytes.
const BESIDE: u64 = 16 << 20;

/// Reads no more than that, whatever the file claims to be: the supervisor does it too.
fn read_file(path: &Path, most: u64) -> Result<String, String> {
    let mut text = String::new();
    let file = File::open(path).map_err(|error| error.to_string())?;
    let read = file.take(most + 1).read_to_string(&mut text).map_err(|error| error.to_string())?;
    if read as u64 > most { Err(format!("it has more than {}", Bytes(most))) } else { Ok(text) }
}

/// What a profile is meant for, without holding it to any limit: what serves it does that.
///
/// # Errors
/// Every mistake, a sentence each.
pub fn intended(name: &str) -> Result<Profile, Vec<String>> {
    let text = text_of(name).map_err(|error| vec![format!("--profile {name}: {error}")])?;
    let beside = |file: &str| read_beside(name, file);
    let rules = Rules { read: Some(&beside), ..Rules::without_limits(&[], usize::MAX) };
    read(name, &text, &rules).map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
}

/// The line about a built-in profile.
#[must_use]
pub fn summary_of(text: &str) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let found = table.get_ref().iter().find(|(key, _)| key.get_ref() == "summary");
    found.and_then(|(_, summary)| summary.get_ref().as_str()).unwrap_or_default().to_owned()
}

/// What a profile says under `[limits]`, with switches set so, as far as it can be understood; `read` has the mistakes.
fn limits(name: &str, text: &str, given: &[(Source, String)]) -> Vec<Limit> {
    let (table, _) = DeTable::parse_recoverable(text);
    let mut errors = ProfileErrors::new(name, text);
    let switches = read_switches(table.get_ref(), given, &mut errors);
    let table = switches::put(table.get_ref(), &switches, &mut errors);
    let table = Table::open("", 0..0, &table, &[], &mut errors);
    let limits = table.get("limits").and_then(|limits| limits.open_table(&mut errors));
    let one = |(key, span, entry): (&str, Range<usize>, Entry<'_>)| {
        let source = errors.source(span.start, entry.key.clone());
        config::limit(key, entry.value(), text, source).ok()
    };
    limits.iter().flat_map(Table::entries).filter_map(one).collect()
}

/// The published figures in a text, whatever else stands in it. Pure.
///
/// # Errors
/// Every mistake in them; broken TOML yields only what is broken.
pub fn published(name: &str, text: &str) -> Result<Vec<Published>, Vec<Mistake>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut errors = ProfileErrors::new(name, text);
    take_syntax(&syntax, name, text, &mut errors);
    let table = Table::open("", 0..0, table.get_ref(), &PARTS, &mut errors);
    let sets = table.get("published").map_or_else(Vec::new, |figures| published::published(&figures, &mut errors));
    if sets.is_empty() && errors.is_empty() {
        errors.wrong(
            0,
            "published",
            "is missing: figures stand in a table [published], or in several [[published]]",
        );
    }
    if errors.is_empty() { Ok(sets) } else { Err(errors.in_order()) }
}

/// The published figures in a profile's [`Profile::content`], as a run has recorded it; none where it has none that are right.
#[must_use]
pub fn published_in(content: &serde_json::Value) -> Vec<Published> {
    let text =
        content.get("published").and_then(|sets| toml::to_string(&serde_json::json!({ "published": sets })).ok());
    text.and_then(|text| published("", &text).ok()).unwrap_or_default()
}

/// The published figures of a built-in system, by its name, or else in a file.
///
/// # Errors
/// Every mistake in them, a sentence each.
pub fn published_named(name: &str) -> Result<Vec<Published>, Vec<String>> {
    let built_in = PUBLISHED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let text = built_in.map_or_else(|| read_file(Path::new(name), PROFILE), Ok).map_err(|error| {
        let names = PUBLISHED.map(|(known, _)| known);
        let hint = nearest(name, names).map_or_else(String::new, |meant| format!("; did you mean {meant}?"));
        vec![format!(
            "{name} is no built-in system ({}) and can't be read as a file: {error}{hint}",
            names.join(", ")
        )]
    })?;
    published(name, &text).map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
}

/// Reads a profile. Pure: what it is held to is given.
///
/// # Errors
/// Every mistake, in the order of the text; broken TOML yields only what is broken.
pub fn read(name: &str, text: &str, rules: &Rules<'_>) -> Result<Profile, Vec<Mistake>> {
    let (table, syntax) = DeTable::parse_recoverable(text);
    let mut errors = ProfileErrors::new(name, text);
    take_syntax(&syntax, name, text, &mut errors);
    if !syntax.is_empty() {
        return Err(errors.in_order());
    }
    let switches = read_switches(table.get_ref(), rules.switches, &mut errors);
    let table = switches::put(table.get_ref(), &switches, &mut errors);
    let table = Table::open("", 0..0, &table, &PARTS, &mut errors);
    let summary = table.get("summary").and_then(|summary| plan::summary(&summary, &mut errors));
    let shared = table.get("rate_limit").and_then(|limit| rate_limit::read(&limit, Scope::Profile, &mut errors));
    let routes: Vec<Route> = table.get("route").map_or_else(Vec::new, |routes| {
        let routes = routes.list(&mut errors);
        let routes = routes.iter().filter_map(|entry| route::read(entry, rules, &mut errors));
        routes.map(|route| Route { steps: shared.iter().cloned().chain(route.steps).collect(), ..route }).collect()
    });
    overlap::check(&routes, rules, &mut errors);
    let faults =
        table.get("fault").map_or_else(Vec::new, |faults| plans::read(&faults, &routes, rules, &mut errors));
    check_limits(&table, text, &mut errors);
    let load = table.get("load").map_or_else(Load::default, |load| plan::load(&load, &routes, &mut errors));
    let published =
        table.get("published").map_or_else(Vec::new, |figures| published::published(&figures, &mut errors));
    if table.entries().is_empty() {
        errors.wrong(
            0,
            "route",
            "is missing: this profile says nothing; write at least one [[route]] or [[fault]]",
        );
    }
    if !errors.is_empty() {
        return Err(errors.in_order());
    }
    let summary = summary.unwrap_or_default();
    let text = text.to_owned();
    Ok(Profile { name: name.to_owned(), summary, switches, routes, faults, load, published, text })
}

/// The switches that a profile declares, set so.
fn read_switches(table: &DeTable<'_>, given: &[(Source, String)], errors: &mut ProfileErrors<'_>) -> Vec<Switch> {
    // Of the other parts the rest is judged later.
    let table = Table::open("", 0..0, table, &PARTS, &mut ProfileErrors::new("", ""));
    let mut switches = table.get("switch").map_or_else(Vec::new, |entry| switches::read(&entry, errors));
    switches::set(&mut switches, given, errors);
    switches
}

/// What a profile consists of.
const PARTS: [&str; 8] = ["summary", "switch", "rate_limit", "route", "fault", "limits", "load", "published"];

/// Where a text is no TOML.
fn take_syntax(syntax: &[toml::de::Error], name: &str, text: &str, errors: &mut ProfileErrors<'_>) {
    for error in syntax {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = config::place(text, at);
        let source = Source::Place { file: name.to_owned(), line, column };
        let allowed = format!("not valid TOML: {}", error.message());
        errors.take(at, Mistake { source, value: None, allowed });
    }
}

/// Whether the keys and types under `[limits]` are right; the values are checked with the rest of the configuration.
fn check_limits(table: &Table<'_>, text: &str, errors: &mut ProfileErrors<'_>) {
    let limits = table.get("limits").and_then(|limits| limits.open_table(errors));
    for (key, span, entry) in limits.iter().flat_map(Table::entries) {
        let source = errors.source(span.start, entry.key.clone());
        if let Err(mistake) = config::limit(key, entry.value(), text, source) {
            errors.take(span.start, mistake);
        }
    }
}

#[cfg(test)]
mod tests;
