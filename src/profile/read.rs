//! Reads the text of a profile, part by part. Pure: what it is held to is given.

use std::ops::Range;

use toml::de::DeTable;

use super::entry::{Entry, ProfileErrors, Table};
use super::switches::{self, SWITCH, Switch};
use super::{
    Load, Profile, Published, Route, Rules, Scope, overlap, plan, plans, published as figures, rate_limit, route,
};
use crate::config::{self, Limit};
use crate::mistake::{Mistake, Place, Source};

/// The line about a built-in profile.
#[must_use]
pub fn summary_of(text: &str) -> String {
    let (table, _) = DeTable::parse_recoverable(text);
    let summary = table.get_ref().get("summary");
    summary.and_then(|summary| summary.get_ref().as_str()).unwrap_or_default().to_owned()
}

/// What a profile says under `[limits]`, as far as it can be understood, with switches set as `given`. [`read`] tells the
/// mistakes.
pub fn limits(name: &str, text: &str, given: &[(Source, String)]) -> Vec<Limit> {
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
    let sets = table.get("published").map_or_else(Vec::new, |figures| figures::published(&figures, &mut errors));
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
        table.get("published").map_or_else(Vec::new, |figures| figures::published(&figures, &mut errors));
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

/// The switches that a profile declares, set as `given`.
fn read_switches(table: &DeTable<'_>, given: &[(Source, String)], errors: &mut ProfileErrors<'_>) -> Vec<Switch> {
    let declared = table.get(SWITCH).map(|value| Entry::new(SWITCH.to_owned(), value));
    let mut switches = declared.map_or_else(Vec::new, |declared| switches::read(&declared, errors));
    switches::set(&mut switches, given, errors);
    switches
}

/// What a profile consists of.
const PARTS: [&str; 8] = ["summary", SWITCH, "rate_limit", "route", "fault", "limits", "load", "published"];

/// Where a text is no TOML.
fn take_syntax(syntax: &[toml::de::Error], name: &str, text: &str, errors: &mut ProfileErrors<'_>) {
    for error in syntax {
        let at = error.span().map_or(0, |span| span.start);
        let (line, column) = config::place(text, at);
        let source = Source::File(Place { file: name.to_owned(), line, column: Some(column), key: None }.into());
        errors.take(at, Mistake::at(source, None, format!("not valid TOML: {}", error.message())));
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
