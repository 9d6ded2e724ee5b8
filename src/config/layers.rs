//! Flags over environment over file over profile: which value of each setting wins. Only the winner is checked later; but a name
//! that is no setting is a mistake in any layer, since a misspelt setting is one that silently does nothing.

use std::os::fd::RawFd;
use std::path::Path;

use super::foreign::{self, is_foreign};
use super::given::{Given, Limit, Winners, unknown, unknown_setting};
use super::settings::{PREFIX, PROFILE, SET};
use super::{CONFIG, Config, Mode, Processors, SETTINGS, Setting, file};
use crate::mistake::{Mistake, Source};
use crate::named_file;

/// What was given, as text, before anything is understood of it.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Names of settings (or `config`) and values, in order; a switch has the value `true`.
    pub flags: Vec<(String, String)>,
    /// Variables and values; those that don't begin with `QUINTAIN_` are passed over. No value: not UTF-8.
    pub environment: Vec<(String, Option<String>)>,
    /// The configuration file, if there is one.
    pub file: Option<File>,
    /// What the profile says under `[limits]`.
    pub profile: Vec<Limit>,
    /// The sockets that a service manager has passed: descriptors and names.
    pub passed: Vec<(RawFd, String)>,
    /// What it may use of the processors, from which the default number of workers follows.
    pub processors: Processors,
    /// The host's name, where the program runs in a container: the default name of an instance.
    pub container_host: Option<String>,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct File {
    /// As it was named.
    pub name: String,
    /// Its content.
    pub text: String,
}

impl Layers {
    /// Reads the configuration file that flags or environment name.
    ///
    /// # Errors
    /// That it can't be read; the other layers are as they were.
    pub fn read_file(&mut self) -> Result<(), Mistake> {
        let (mut winners, mut ignored) = (Winners::new(), Vec::new());
        take_environment(&self.environment, &mut winners, &mut ignored);
        take_flags(&self.flags, &mut winners, &mut ignored);
        let Some(Given { source, text: name, more: _ }) = winners.remove(CONFIG.name) else { return Ok(()) };
        if let Some(allowed) = in_quotes(&name) {
            return Err(Mistake::at(source, Some(name), allowed));
        }
        match named_file::text(Path::new(&name), named_file::SETTINGS) {
            Ok(text) => {
                self.file = Some(File { name, text });
                Ok(())
            }
            Err(error) => Err(Mistake::at(source, Some(name), format!("can't be read: {error}"))),
        }
    }

    /// Which profile they name, and where; nothing when none of them does.
    #[must_use]
    pub fn profile(&self) -> Option<(Source, String)> {
        let (mut winners, _) = gather(self);
        let Given { source, text, more: _ } = winners.remove(PROFILE)?;
        // What is in quotes is refused with the rest of the configuration.
        in_quotes(&text).is_none().then_some((source, text))
    }

    /// How they set the profile's switches: each `NAME=VALUE` and where it was given.
    #[must_use]
    pub fn switches(&self) -> Vec<(Source, String)> {
        let Some(Given { source, text, more }) = gather(self).0.remove(SET) else { return Vec::new() };
        std::iter::once(text).chain(more).map(|text| (source.clone(), text)).collect()
    }

    /// A warning about the variables that look like ours and are another service's, if there are any.
    #[must_use]
    pub fn foreign_variables(&self) -> Option<String> {
        let foreign = self.environment.iter().filter(|(variable, text)| {
            set_by(variable).is_none() && is_foreign(variable, text.as_deref().unwrap_or_default())
        });
        let names: Vec<&str> = foreign.map(|(variable, _)| variable.as_str()).collect();
        foreign::warning(&names)
    }

    /// Why a configuration made of them has so many workers, where nobody has said how many and the reason isn't plain.
    #[must_use]
    pub fn why_workers(&self, config: &Config) -> Option<String> {
        let is_given = gather(self).0.contains_key("workers");
        let is_by_default = !is_given && config.mode != Mode::Single && config.workers == self.processors.workers();
        is_by_default.then(|| self.processors.why()).flatten()
    }
}

/// Puts the layers over each other, the strongest last.
pub(super) fn gather(layers: &Layers) -> (Winners, Vec<Mistake>) {
    let (mut winners, mut mistakes) = (Winners::new(), Vec::new());
    for Limit { name, given } in &layers.profile {
        winners.insert(name, given.clone());
    }
    if let Some(File { name, text }) = &layers.file {
        file::take(name, text, &mut winners, &mut mistakes);
    }
    take_environment(&layers.environment, &mut winners, &mut mistakes);
    take_flags(&layers.flags, &mut winners, &mut mistakes);
    (winners, mistakes)
}

fn take_flags(flags: &[(String, String)], winners: &mut Winners, mistakes: &mut Vec<Mistake>) {
    for (name, text) in flags {
        let source = Source::Flag(format!("--{name}"));
        let Some(setting) = every_setting().find(|setting| setting.name == name) else {
            mistakes.push(unknown_flag(&source.to_string()));
            continue;
        };
        match winners.get_mut(setting.name).filter(|earlier| earlier.source == source) {
            Some(earlier) if setting.is_list() => earlier.more.push(text.clone()),
            Some(_) => {
                mistakes.push(Mistake::at(source, None, "is given more than once"));
            }
            None => {
                winners.insert(setting.name, Given::one(source, text.clone()));
            }
        }
    }
}

/// What other programs call a setting of ours.
const SYNONYMS: [(&str, &str); 7] = [
    ("--port", "--listen"),
    ("--host", "--listen"),
    ("--bind", "--listen"),
    ("--address", "--listen"),
    ("--processes", "--workers"),
    ("--config-file", "--config"),
    ("--output", "--run-dir"),
];

/// The mistake of a flag that is none, with the nearest one that is. Its value isn't shown: it may be a secret.
#[must_use]
pub(crate) fn unknown_flag(flag: &str) -> Mistake {
    let names: Vec<String> = shown().map(|setting| format!("--{}", setting.name)).collect();
    let meant = SYNONYMS.iter().find(|(theirs, _)| *theirs == flag).map(|(_, ours)| (*ours).to_owned());
    unknown_flag_among(flag, &meant.map_or(names, |meant| vec![meant]))
}

/// The mistake of a flag that is none of a command's, with the nearest of `names`, or the only one.
#[must_use]
pub(crate) fn unknown_flag_among(flag: &str, names: &[String]) -> Mistake {
    match names {
        [only] => unknown(Source::Flag(flag.to_owned()), "setting", Some(only), ""),
        names => unknown_setting(Source::Flag(flag.to_owned()), flag, names),
    }
}

/// The setting that a variable sets.
fn set_by(variable: &str) -> Option<&'static Setting> {
    let name = variable.strip_prefix(PREFIX)?.to_lowercase().replace('_', "-");
    every_setting().find(|setting| setting.name == name && setting.variable() == variable)
}

fn take_environment(environment: &[(String, Option<String>)], winners: &mut Winners, mistakes: &mut Vec<Mistake>) {
    for (variable, text) in environment {
        // An empty variable is an unset one: a list of variables can't leave one out otherwise.
        if !variable.starts_with(PREFIX) || text.as_deref() == Some("") {
            continue;
        }
        let source = Source::Environment(variable.clone());
        match (set_by(variable), text) {
            (Some(setting), Some(text)) if setting.is_list() => {
                let texts = text.split(',').map(|text| text.trim().to_owned());
                winners.extend(Given::several(source, texts).map(|given| (setting.name, given)));
            }
            (Some(setting), Some(text)) => {
                winners.insert(setting.name, Given::one(source, text.clone()));
            }
            (Some(_), None) => {
                mistakes.push(Mistake::at(source, None, "is not valid UTF-8"));
            }
            (None, text) if is_foreign(variable, text.as_deref().unwrap_or_default()) => {}
            (None, _) => {
                let variables: Vec<String> = shown().map(Setting::variable).collect();
                mistakes.push(unknown_setting(source, variable, &variables));
            }
        }
    }
}

/// What is wrong with a value whose quotes no shell has taken away, as happens in the files of Docker and systemd.
pub(super) fn in_quotes(text: &str) -> Option<String> {
    // With more quotes between them, as in a command of several quoted words, those at the ends are no pair.
    let is_in = |quote: char| {
        let inner = text.strip_prefix(quote).and_then(|rest| rest.strip_suffix(quote));
        inner.is_some_and(|inner| !inner.contains(quote))
    };
    let quote = ['"', '\''].into_iter().find(|quote| is_in(*quote))?;
    Some(format!("the quotes ({quote}) are part of the value; leave them out"))
}

/// Those that a misspelt name may have meant.
fn shown() -> impl Iterator<Item = &'static Setting> {
    every_setting().filter(|setting| !setting.is_hidden())
}

/// The table, and the name of the configuration file.
fn every_setting() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(std::iter::once(&CONFIG))
}
