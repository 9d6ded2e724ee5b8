//! Flags over environment over file: which value of each setting wins. Only the winner is checked later; but a name
//! that is no setting is a mistake in any layer, since a misspelt setting is one that silently does nothing.

use std::collections::BTreeMap;

use super::settings::PREFIX;
use super::{CONFIG, Config, Mistake, SETTINGS, Setting, Source, file, resolve};
use crate::spelling::nearest;

/// What was given, as text, before anything is understood of it.
#[derive(Clone, Debug, Default)]
pub struct Layers {
    /// Names of settings (or `config`) and values, in order; a switch has the value `true`.
    pub flags: Vec<(String, String)>,
    /// Variables and values; those that don't begin with `QUINTAIN_` are passed over. No value: not UTF-8.
    pub environment: Vec<(String, Option<String>)>,
    /// The configuration file, if there is one.
    pub file: Option<File>,
    /// How many CPUs this process may use: the default number of workers.
    pub processors: usize,
}

/// A configuration file that has been read.
#[derive(Clone, Debug)]
pub struct File {
    /// As it was named.
    pub name: String,
    /// Its content.
    pub text: String,
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) source: Source,
    pub(super) text: String,
}

/// The winning value of each setting that was given at all, by its name.
pub(super) type Winners = BTreeMap<&'static str, Given>;

/// Reads the configuration file that flags or environment name, and resolves all layers together.
///
/// # Errors
/// Every mistake, in the order of the layers and then of the settings; a file that can't be read is one of them.
pub fn load(mut layers: Layers) -> Result<Config, Vec<Mistake>> {
    let mut mistakes = Vec::new();
    if let Some(Given { source, text: name }) = config_file(&layers) {
        match std::fs::read_to_string(&name) {
            Ok(text) => layers.file = Some(File { name, text }),
            Err(error) => {
                mistakes.push(Mistake { source, value: Some(name), allowed: format!("can't be read: {error}") });
            }
        }
    }
    match resolve(&layers) {
        Ok(config) if mistakes.is_empty() => Ok(config),
        Ok(_) => Err(mistakes),
        Err(more) => {
            mistakes.extend(more);
            Err(mistakes)
        }
    }
}

fn config_file(layers: &Layers) -> Option<Given> {
    let (mut winners, mut ignored) = (Winners::new(), Vec::new());
    take_environment(&layers.environment, &mut winners, &mut ignored);
    take_flags(&layers.flags, &mut winners, &mut ignored);
    winners.remove(CONFIG.name)
}

/// Puts the layers over each other, the strongest last.
pub(super) fn gather(layers: &Layers) -> (Winners, Vec<Mistake>) {
    let (mut winners, mut mistakes) = (Winners::new(), Vec::new());
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
        let given = Given { source: source.clone(), text: text.clone() };
        if let Some(earlier) = winners.insert(setting.name, given)
            && earlier.source == source
        {
            let allowed = "is given more than once".to_owned();
            mistakes.push(Mistake { source, value: None, allowed });
        }
    }
}

/// The mistake of a flag that is none, with the nearest one that is. Its value isn't shown: it may be a secret.
#[must_use]
pub(crate) fn unknown_flag(flag: &str) -> Mistake {
    let names: Vec<String> = every_setting().map(|setting| format!("--{}", setting.name)).collect();
    unknown(Source::Flag(flag.to_owned()), flag, &names)
}

fn take_environment(environment: &[(String, Option<String>)], winners: &mut Winners, mistakes: &mut Vec<Mistake>) {
    let variables: Vec<String> = every_setting().map(Setting::variable).collect();
    for (variable, text) in environment {
        if !variable.starts_with(PREFIX) || is_from_kubernetes(variable) {
            continue;
        }
        let source = Source::Environment(variable.clone());
        let setting = every_setting().find(|setting| setting.variable() == *variable);
        match (setting, text) {
            (Some(setting), Some(text)) => {
                winners.insert(setting.name, Given { source, text: text.clone() });
            }
            (Some(_), None) => {
                let allowed = "is not valid UTF-8".to_owned();
                mistakes.push(Mistake { source, value: None, allowed });
            }
            (None, _) => mistakes.push(unknown(source, variable, &variables)),
        }
    }
}

/// Kubernetes puts `QUINTAIN_SERVICE_HOST`, `QUINTAIN_PORT_8080_TCP` and their like into every container of a
/// namespace with a service called quintain; nobody misspelt those.
fn is_from_kubernetes(variable: &str) -> bool {
    let rest = variable.strip_prefix(PREFIX).unwrap_or_default();
    rest == "PORT" || ["PORT_", "SERVICE_HOST", "SERVICE_PORT"].iter().any(|start| rest.starts_with(start))
}

/// The mistake of a name that is no setting, with the nearest of `names`, if any is near.
pub(super) fn unknown(source: Source, name: &str, names: &[String]) -> Mistake {
    let suggestion = nearest(name, names.iter().map(String::as_str));
    let allowed = match suggestion {
        Some(name) => format!("there is no such setting; did you mean {name}?"),
        None => "there is no such setting; --help lists them".to_owned(),
    };
    Mistake { source, value: None, allowed }
}

/// The table, and the name of the configuration file.
fn every_setting() -> impl Iterator<Item = &'static Setting> {
    SETTINGS.iter().chain(std::iter::once(&CONFIG))
}
