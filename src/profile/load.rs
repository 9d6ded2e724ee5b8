//! Finds the text of a profile, and reads it together with the configuration that it is held to.

use std::path::Path;

use super::read::{limits, published, read};
use super::{BUILT_IN, DEFAULT, Offered, PUBLISHED, Profile, Published, Rules, switches};
use crate::config::{self, Address, Config, Layers, Mode};
use crate::fault;
use crate::mistake::{Mistake, Source};
use crate::named_file;
use crate::spelling::hint;

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

/// Resolves the configuration, whose file has been read, and reads the profile that it names. The profile's `[limits]` are
/// stronger than the defaults and weaker than the configuration file. `offered` is what is served anyway, `room` how many
/// routes there can be in all.
///
/// The profile is read once more for each word that a switch is not set to: a mistake there must not wait for its `--set`.
///
/// # Errors
/// Every mistake in either.
pub fn load(layers: &Layers, offered: &[Offered], room: usize) -> Result<(Config, Profile), Vec<Mistake>> {
    let named = layers.profile().filter(|(_, name)| !name.is_empty());
    let (source, name) = named.unwrap_or_else(|| (Source::Flag("--profile".to_owned()), DEFAULT.to_owned()));
    let text = match text_of(&name) {
        Ok(text) => text,
        Err(wrong) => {
            let mut mistakes = vec![Mistake::at(source, Some(name), wrong)];
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

/// Resolves the configuration and reads the profile's text, with these switches set.
pub fn load_set(
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
    named_file::text(Path::new(name), named_file::SETTINGS).map_err(|error| {
        let names = BUILT_IN.map(|(known, _)| known);
        let hint = hint(name, names);
        format!("is no built-in profile ({}) and can't be read as a file: {error}{hint}", names.join(", "))
    })
}

/// The file that a profile names, which stands beside it.
fn read_beside(profile: &str, file: &str) -> Result<String, String> {
    let directory = Path::new(profile).parent().unwrap_or(Path::new(""));
    named_file::text(&directory.join(file), BESIDE)
}

/// Largest file that a profile names, in bytes.
const BESIDE: u64 = 16 << 20;

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

/// The published figures of a built-in system, by its name, or else in a file.
///
/// # Errors
/// Every mistake in them, a sentence each.
pub fn published_named(name: &str) -> Result<Vec<Published>, Vec<String>> {
    let built_in = PUBLISHED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
    let text =
        built_in.map_or_else(|| named_file::text(Path::new(name), named_file::SETTINGS), Ok).map_err(|error| {
            let names = PUBLISHED.map(|(known, _)| known);
            let hint = hint(name, names);
            vec![format!(
                "{name} is no built-in system ({}) and can't be read as a file: {error}{hint}",
                names.join(", ")
            )]
        })?;
    published(name, &text).map_err(|mistakes| mistakes.iter().map(Mistake::to_string).collect())
}
