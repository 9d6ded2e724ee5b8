//! Switches of a profile: what `--set NAME=VALUE` may change, and where in the text their values stand.
//!
//! `{ switch = "pool" }` stands for the switch's value. `{ switch = "indexes", on = "yes", off = "no" }` stands for what is
//! given for the word that the switch is set to; where nothing is given for that word, the key or the list's item is left out.

use std::borrow::Cow;
use std::fmt;

use serde::Serialize;
use toml::Spanned;
use toml::de::{DeArray, DeTable, DeValue};

use super::entry::{Entry, ProfileErrors, full_name};
use crate::mistake::{Mistake, Source};
use crate::spelling::did_you_mean;

/// The key of a place that a switch decides about, and of the declarations.
pub const SWITCH: &str = "switch";

/// A switch, and how it is set.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Switch {
    /// As `--set` calls it.
    pub name: String,
    /// What it changes, in a line.
    pub about: String,
    /// Words that it can be set to.
    pub words: Vec<String>,
    /// Whole numbers that it can be set to: from the first to the last.
    pub range: Option<[u64; 2]>,
    /// What it is set to.
    pub value: String,
}

impl Switch {
    fn allows(&self, value: &str) -> bool {
        // Without a sign, which would be read too, and without zeros in front, which TOML does not read.
        let is_plain = value.bytes().all(|byte| byte.is_ascii_digit()) && (value == "0" || !value.starts_with('0'));
        let number: Option<u64> = value.parse().ok().filter(|_| is_plain);
        let in_range =
            self.range.zip(number).is_some_and(|([least, most], number)| (least..=most).contains(&number));
        in_range || self.words.iter().any(|word| word == value)
    }

    /// What it can be set to, as a phrase.
    #[must_use]
    pub fn allowed(&self) -> String {
        let range = self.range.map(|[least, most]| format!("{least} to {most}"));
        self.words.iter().cloned().chain(range).collect::<Vec<_>>().join(" or ")
    }
}

impl fmt::Display for Switch {
    /// `pool=5 (1 to 1000): connections to the database, per worker`
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, about, value, .. } = self;
        write!(formatter, "{name}={value} ({}): {about}", self.allowed())
    }
}

/// Reads the declarations of a profile, each set to its default.
pub fn read(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Vec<Switch> {
    let mut switches: Vec<Switch> = Vec::new();
    for entry in entry.list(errors) {
        let Some(switch) = read_one(&entry, errors) else { continue };
        if switches.iter().any(|known| known.name == switch.name) {
            errors.wrong(entry.at(), &entry.key, format!("{} is declared twice; once is enough", switch.name));
        } else {
            switches.push(switch);
        }
    }
    switches
}

fn read_one(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<Switch> {
    let table = entry.table(&["name", "about", "words", "range", "default"], errors)?;
    let name = table.needed("name", "what --set calls it, such as \"cache\"", errors);
    let name = name.and_then(|name| name.word(errors));
    let about = table.needed("about", "what it changes, in a line", errors);
    let about = about.and_then(|about| super::plan::summary(&about, errors));
    let words: Vec<String> = table.get("words").map_or_else(Vec::new, |words| {
        words.list(errors).iter().filter_map(|word| read_word(word, errors)).collect()
    });
    let range = table.get("range").map(|range| (read_range(&range, errors), range));
    if words.is_empty() && range.is_none() {
        table.lacks("words", "give words = [\"off\", \"on\"], or range = [1, 1000], or both", errors);
        return None;
    }
    let range = range.and_then(|(range, _)| range);
    let default = table.needed("default", "what it is unless --set says otherwise", errors)?;
    let value = match default.value().get_ref() {
        DeValue::Integer(number) if number.radix() == 10 => number.as_str(),
        _ => default.text(errors)?,
    };
    let switch = Switch { name: name?, about: about?, words, range, value: value.to_owned() };
    if !switch.allows(value) {
        errors.wrong_value(&default, format!("must be {}", switch.allowed()));
        return None;
    }
    Some(switch)
}

fn read_word(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<String> {
    let word = entry.word(errors)?;
    if word == SWITCH {
        errors.wrong_value(entry, "must be another word: this one names a switch where a choice stands");
        return None;
    }
    Some(word)
}

fn read_range(entry: &Entry<'_>, errors: &mut ProfileErrors<'_>) -> Option<[u64; 2]> {
    let ends = entry.list(errors);
    let ends: Option<Vec<u64>> = ends.iter().map(|end| end.whole(&(0..=1_000_000_000), "", errors)).collect();
    match ends?[..] {
        [least, most] if least <= most => Some([least, most]),
        _ => {
            errors.wrong_value(entry, "must be the least and the most, such as [1, 1000]");
            None
        }
    }
}

/// Sets switches as `--set` says, each `NAME=VALUE` with its source. The configuration has refused what has no `=`.
pub fn set(switches: &mut [Switch], given: &[(Source, String)], errors: &mut ProfileErrors<'_>) {
    let mut done: Vec<&str> = Vec::new();
    for (source, text) in given {
        let Some((name, value)) = text.split_once('=') else { continue };
        let wrong = match switches.iter_mut().find(|switch| switch.name == name) {
            None => unknown(name, switches),
            Some(_) if done.contains(&name) => format!("{name} is set twice; once is enough"),
            Some(switch) if switch.allows(value) => {
                value.clone_into(&mut switch.value);
                done.push(name);
                continue;
            }
            Some(switch) => format!("{name} must be {}", switch.allowed()),
        };
        errors.take(0, Mistake::at(source.clone(), Some(text.clone()), wrong));
    }
}

/// For each word that a switch is not set to: what `--set` would say of all switches to have that word.
pub fn other_words(switches: &[Switch]) -> Vec<Vec<(Source, String)>> {
    let set = |changed: &Switch, word: &str| {
        let value =
            |switch: &Switch| if switch.name == changed.name { word.to_owned() } else { switch.value.clone() };
        let given =
            |switch: &Switch| (Source::Flag("--set".to_owned()), format!("{}={}", switch.name, value(switch)));
        switches.iter().map(given).collect()
    };
    let of = |switch: &Switch| {
        let others = switch.words.iter().filter(|word| **word != switch.value);
        others.map(|word| set(switch, word)).collect::<Vec<_>>()
    };
    switches.iter().flat_map(of).collect()
}

fn unknown(name: &str, switches: &[Switch]) -> String {
    let all: Vec<String> =
        switches.iter().map(|switch| format!("{} ({})", switch.name, switch.allowed())).collect();
    match did_you_mean(name, switches.iter().map(|switch| switch.name.as_str())) {
        _ if all.is_empty() => "the profile has no switches".to_owned(),
        Some(question) => format!("there is no such switch; {question} The profile has {}", all.join(", ")),
        None => format!("there is no such switch; the profile has {}", all.join(", ")),
    }
}

/// A table with the values of switches in their places; published figures stay as they are.
pub fn put<'t>(table: &DeTable<'t>, switches: &'t [Switch], errors: &mut ProfileErrors<'_>) -> DeTable<'t> {
    put_table(table, "", switches, errors)
}

fn put_table<'t>(
    table: &DeTable<'t>,
    path: &str,
    switches: &'t [Switch],
    errors: &mut ProfileErrors<'_>,
) -> DeTable<'t> {
    let mut whole = DeTable::new();
    for (key, value) in table {
        let path = full_name(path, key.get_ref());
        // At the top stand the declarations of the switches, and the figures, which a report reads without them.
        let is_fixed = [SWITCH, "published"].contains(&&*path);
        let put = if is_fixed { Some(value.clone()) } else { put_value(value, &path, switches, errors) };
        if let Some(value) = put {
            whole.insert(key.clone(), value);
        }
    }
    whole
}

fn put_value<'t>(
    value: &Spanned<DeValue<'t>>,
    path: &str,
    switches: &'t [Switch],
    errors: &mut ProfileErrors<'_>,
) -> Option<Spanned<DeValue<'t>>> {
    let put = match value.get_ref() {
        DeValue::Table(table) => match table.get(SWITCH) {
            Some(name) => {
                let chosen = choose(table, name, (value, path), switches, errors)?;
                // What stands there may be decided by another switch.
                return put_value(&chosen, path, switches, errors);
            }
            None => DeValue::Table(put_table(table, path, switches, errors)),
        },
        DeValue::Array(values) => {
            let mut whole = DeArray::new();
            values
                .iter()
                .filter_map(|value| put_value(value, path, switches, errors))
                .for_each(|value| whole.push(value));
            DeValue::Array(whole)
        }
        plain => plain.clone(),
    };
    Some(Spanned::new(value.span(), put))
}

/// What stands in the place of a table that names a switch.
fn choose<'t>(
    table: &DeTable<'t>,
    name: &Spanned<DeValue<'t>>,
    (place, path): (&Spanned<DeValue<'t>>, &str),
    switches: &'t [Switch],
    errors: &mut ProfileErrors<'_>,
) -> Option<Spanned<DeValue<'t>>> {
    let name = Entry::new(full_name(path, SWITCH), name);
    let text = name.text(errors)?;
    let Some(switch) = switches.iter().find(|switch| switch.name == text) else {
        errors.wrong_value(&name, unknown(text, switches));
        return None;
    };
    let words = || table.iter().filter(|(key, _)| key.get_ref() != SWITCH);
    if words().next().is_none() {
        let is_word = switch.words.contains(&switch.value);
        let itself = if is_word { None } else { DeValue::parse(&switch.value).ok().map(Spanned::into_inner) };
        let itself = itself.unwrap_or(DeValue::String(Cow::Borrowed(&switch.value)));
        return Some(Spanned::new(place.span(), itself));
    }
    let before = errors.count();
    for (word, _) in words().filter(|(word, _)| !switch.words.iter().any(|known| known == word.get_ref())) {
        let key = full_name(path, word.get_ref());
        errors.wrong(word.span().start, &key, format!("is no word of {text}: it is {}", switch.allowed()));
    }
    if switch.range.is_some() {
        let allowed =
            format!("{text} may be a number, for which nothing can be given: write {{ {SWITCH} = \"{text}\" }}");
        errors.wrong(place.span().start, path, allowed);
    }
    if errors.count() > before {
        return None;
    }
    let mut words = words();
    words.find(|(word, _)| *word.get_ref() == switch.value).map(|(_, value)| value.clone())
}

#[cfg(test)]
mod tests;
