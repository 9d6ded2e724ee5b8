//! The configuration file: a flat TOML table of settings, each of the type that its kind asks for.

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::given::{Given, Limit, Winners, unknown, unknown_setting};
use super::settings::LIMITS;
use super::{CONFIG, Kind, SETTINGS, Setting};
use crate::mistake::{Mistake, Place, Source};
use crate::spelling::nearest;

/// Takes the values of a file called `name`. Broken TOML yields its mistakes and no values.
pub(super) fn take(name: &str, text: &str, winners: &mut Winners, mistakes: &mut Vec<Mistake>) {
    let (table, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        let (line, column) = place(text, error.span().map_or(0, |span| span.start));
        // The message alone: the error's own print quotes the line, which may hold the token.
        let source = Source::File(Place { file: name.to_owned(), line, column: Some(column), key: None }.into());
        mistakes.push(Mistake::at(source, None, format!("not valid TOML: {}", error.message())));
    }
    if !errors.is_empty() {
        return;
    }
    // The table is sorted by key; mistakes are read from the top of the file.
    let mut entries: Vec<_> = table.get_ref().iter().collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    for (key, value) in entries {
        let (line, _) = place(text, key.span().start);
        let key = key.get_ref();
        let source =
            Source::File(Place { file: name.to_owned(), line, column: None, key: Some(key.to_string()) }.into());
        match take_entry(key, value, text, source) {
            Ok((setting, given)) => {
                winners.insert(setting.name, given);
            }
            Err(mistake) => mistakes.push(mistake),
        }
    }
}

/// Takes one entry of a profile's `[limits]`: a setting that caps what a request may ask for, as in a configuration file.
///
/// # Errors
/// A mistake at `source`: no such limit, or a value of another type than its setting's.
pub fn limit(key: &str, value: &Spanned<DeValue>, file: &str, source: Source) -> Result<Limit, Mistake> {
    let limits: Vec<String> =
        SETTINGS.iter().filter(|setting| setting.heading == LIMITS).map(Setting::key).collect();
    if !limits.iter().any(|limit| limit == key) {
        let names = limits.iter().map(String::as_str);
        return Err(unknown(
            source,
            "limit",
            nearest(key, names),
            &format!("a profile sets {}", limits.join(", ")),
        ));
    }
    let (setting, given) = take_entry(key, value, file, source)?;
    Ok(Limit { name: setting.name, given })
}

fn take_entry(
    key: &str,
    value: &Spanned<DeValue>,
    file: &str,
    source: Source,
) -> Result<(&'static Setting, Given), Mistake> {
    let Some(setting) = SETTINGS.iter().find(|setting| setting.key() == key) else {
        return Err(unknown_key(key, value.get_ref(), source));
    };
    let given = as_texts(setting, value.get_ref())
        .and_then(|texts| Given::several(source.clone(), texts).ok_or("at least one string"));
    match given {
        Ok(given) => Ok((setting, given)),
        Err(wanted) => {
            let kind = value.get_ref().type_str();
            let is_shown = !setting.kind.is_secret() && !value.get_ref().is_table();
            let value = is_shown.then(|| file.get(value.span()).unwrap_or_default().to_owned());
            let wrong = format!("must be {wanted} ({}), not {} {kind}", setting.kind, article(kind));
            Err(Mistake::at(source, value, wrong))
        }
    }
}

fn unknown_key(key: &str, value: &DeValue, source: Source) -> Mistake {
    let keys: Vec<String> = SETTINGS.iter().filter(|setting| !setting.is_hidden()).map(Setting::key).collect();
    if key == CONFIG.name {
        Mistake::at(source, None, "one configuration file can't name another")
    } else if value.is_table() {
        Mistake::at(source, None, "settings stand at the top level, not in tables")
    } else {
        unknown_setting(source, key, &keys)
    }
}

/// The values of a setting, which may stand in an array if it takes several.
fn as_texts(setting: &Setting, value: &DeValue) -> Result<Vec<String>, &'static str> {
    match value {
        DeValue::Array(values) if setting.is_list() => {
            values.iter().map(|value| as_text(&setting.kind, value.get_ref())).collect()
        }
        one => as_text(&setting.kind, one).map(|text| vec![text]),
    }
}

/// The value as it would be typed on the command line, or the TOML type that was wanted.
fn as_text(kind: &Kind, value: &DeValue) -> Result<String, &'static str> {
    match (kind, value) {
        (Kind::Switch, DeValue::Boolean(on)) => Ok(on.to_string()),
        (Kind::Switch, _) => Err("a boolean"),
        // TOML promises no integers above 2⁶³ − 1; a seed may be one, and is then a string.
        (Kind::Number(_, u64::MAX), DeValue::String(text)) => Ok(text.to_string()),
        (
            Kind::Number(..) | Kind::Duration(..) | Kind::DurationOrNever(_) | Kind::AnyDuration | Kind::Bytes(_),
            DeValue::Integer(integer),
        ) => {
            // What is longer than any bound stays as it is written, to be refused as text.
            let number = i128::from_str_radix(integer.as_str(), integer.radix());
            Ok(number.map_or_else(|_| integer.to_string(), |number| number.to_string()))
        }
        (Kind::Number(..), _) => Err("an integer"),
        (_, DeValue::String(text)) => Ok(text.to_string()),
        (_, _) => Err("a string"),
    }
}

fn article(noun: &str) -> &'static str {
    if noun.starts_with(['a', 'i']) { "an" } else { "a" }
}

/// Line and column of a byte of a text, both from 1, the column in characters.
#[must_use]
pub fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line = before.matches('\n').count() + 1;
    let start = before.rfind('\n').map_or(0, |newline| newline + 1);
    (line, before[start..].chars().count() + 1)
}
