//! The command line: the only reader of arguments and environment.
//!
//! clap is told the settings by the table in `config` and checks nothing but their names. The values stay text, so
//! that `config` can report what is wrong with them, and with the environment and the file, all at once; a flag that
//! doesn't exist joins that report too.

mod compare;
mod environment;
mod program;
mod report;
mod sample_images;
mod verify;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use clap::ArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use crate::commands;
use crate::commands::serve::Remarks;
use crate::config::{self, Layers, REDACTED, SETTINGS};
use crate::http;
use crate::mistake::Mistake;
use crate::profile;
use crate::supervisor::manager::NOTIFY_SOCKET;
use crate::sys::signals;

use environment::{dress, layers, passed_sockets};
use program::{Helps, LOCUSTFILE, NAME, URL, Verb, program, settings};

/// Runs the program: 0 when all went well, 2 when it was told what it can't do, and whatever a command says.
#[must_use]
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = env::args_os().collect();
    let asked = match parse(arguments.clone()) {
        Ok(asked) => asked,
        Err(error) => return exit_with(&error),
    };
    let Asked { verb, flags, mut mistakes } = asked;
    if verb != Verb::Serve {
        signals::outlive_file_limit();
    }
    match (&verb, &mistakes[..]) {
        (Verb::Profiles { name, as_locustfile }, []) => {
            return commands::profiles::run(name.as_deref(), *as_locustfile);
        }
        (Verb::Report(asked), []) => return commands::report::run(asked),
        (Verb::Verify(asked), []) => return commands::verify::run(asked),
        (Verb::Compare(asked), []) => return commands::compare::run(asked, &check_settings),
        (Verb::Health(url), []) => return commands::health::run(url),
        (Verb::SampleImages(asked), []) => return commands::sample_images::run(asked),
        (
            Verb::Report(_)
            | Verb::Profiles { .. }
            | Verb::Verify(_)
            | Verb::Compare(_)
            | Verb::Health(_)
            | Verb::SampleImages(_),
            _,
        ) => return exit_with(&report(&mistakes)),
        (Verb::Serve | Verb::Check, _) => {}
    }
    // Before anything is opened that could get the number of a descriptor that is missing.
    let passed = if verb == Verb::Serve { passed_sockets() } else { Ok(Vec::new()) };
    let passed = passed.unwrap_or_else(|mistake| {
        mistakes.push(mistake);
        Vec::new()
    });
    let mut layers = Layers { passed, ..layers(flags) };
    mistakes.extend(layers.read_file().err());
    let warning = layers.foreign_variables();
    let given = layers.clone();
    let resolve = move || profile::load(&layers, &http::offered(), http::ROOM);
    match resolve() {
        Ok((config, profile)) if mistakes.is_empty() => match verb {
            Verb::Serve => {
                let command = redact(&arguments);
                let manager = (env::var_os(NOTIFY_SOCKET), sd_notify::watchdog_enabled());
                commands::serve::run(
                    &config,
                    profile,
                    Box::new(resolve),
                    &command,
                    dress(),
                    manager,
                    Remarks { warning, why_workers: given.why_workers(&config) },
                )
            }
            Verb::Check
            | Verb::Profiles { .. }
            | Verb::Report(_)
            | Verb::Verify(_)
            | Verb::Compare(_)
            | Verb::Health(_)
            | Verb::SampleImages(_) => {
                if let Some(warning) = warning {
                    eprintln!("warning: {warning}");
                }
                commands::check::run(&config, &profile, given.why_workers(&config).as_deref())
            }
        },
        result => {
            mistakes.extend(result.err().into_iter().flatten());
            exit_with(&report(&mistakes))
        }
    }
}

/// What the command line asks for, values unread.
#[derive(Debug)]
struct Asked {
    verb: Verb,
    flags: Vec<(String, String)>,
    mistakes: Vec<Mistake>,
}

/// Sorts the arguments. Each unknown flag becomes a mistake and is taken out, until clap is content with the rest;
/// what else it has to say (help, version, a stray word) ends the matter at once.
fn parse(mut arguments: Vec<OsString>) -> Result<Asked, clap::Error> {
    join_negative_values(&mut arguments);
    let mut mistakes = Vec::new();
    loop {
        match program(Helps::Short).try_get_matches_from(&arguments) {
            Ok(matches) => return Ok(asked(&matches, mistakes)),
            Err(error) if error.kind() == ErrorKind::DisplayHelp => {
                return Err(program(Helps::All).try_get_matches_from(&arguments).err().unwrap_or(error));
            }
            Err(error) => match take_out_unknown(&error, &mut arguments) {
                Some(mistake) => mistakes.push(mistake),
                None => return Err(error),
            },
        }
    }
}

/// Flags may stand before the command's name and behind it; a command that isn't named is `serve`.
fn asked(matches: &ArgMatches, mistakes: Vec<Mistake>) -> Asked {
    let (verb, behind) = match matches.subcommand() {
        Some((name, behind)) if name == Verb::Check.name() => (Verb::Check, Some(behind)),
        Some(("profiles", behind)) => {
            let name = behind.get_one::<String>(NAME).cloned();
            (Verb::Profiles { name, as_locustfile: behind.get_flag(LOCUSTFILE) }, None)
        }
        Some(("report", behind)) => (Verb::Report(report::asked(behind)), None),
        Some(("verify", behind)) => (Verb::Verify(verify::asked(behind)), None),
        Some(("health", behind)) => {
            let url = behind.get_one::<String>(URL).map_or(commands::health::DEFAULT, String::as_str);
            (Verb::Health(url.to_owned()), None)
        }
        Some(("sample-images", behind)) => (Verb::SampleImages(sample_images::asked(behind)), None),
        Some(("compare", behind)) => (Verb::Compare(compare::asked(behind)), None),
        Some((_, behind)) => (Verb::Serve, Some(behind)),
        None => (Verb::Serve, None),
    };
    let places = std::iter::once(matches).chain(behind);
    let flags = places.flat_map(flags).collect();
    Asked { verb, flags, mistakes }
}

/// Whether `quintain serve` would start with these flags, and what is wrong with them.
fn check_settings(flags: &[(String, String)]) -> Result<(), Vec<String>> {
    let known = |name: &str| settings().any(|setting| setting.name == name);
    let unknown =
        flags.iter().filter(|(name, _)| !known(name)).map(|(name, _)| config::unknown_flag(&format!("--{name}")));
    let mut mistakes: Vec<Mistake> = unknown.collect();
    let flags = flags.iter().filter(|(name, _)| known(name)).cloned().collect();
    let mut layers = layers(flags);
    mistakes.extend(layers.read_file().err());
    mistakes.extend(profile::load(&layers, &http::offered(), http::ROOM).err().into_iter().flatten());
    if mistakes.is_empty() { Ok(()) } else { Err(mistakes.iter().map(Mistake::to_string).collect()) }
}

fn flags(matches: &ArgMatches) -> impl Iterator<Item = (String, String)> {
    settings().flat_map(|setting| {
        let values = matches.get_many::<String>(setting.name);
        let values = values.into_iter().flatten();
        values.map(|value| (setting.name.to_owned(), value.clone()))
    })
}

/// clap takes `--max-delay -5s` for two flags; joined by `=` the value reaches the check that explains it.
fn join_negative_values(arguments: &mut Vec<OsString>) {
    let mut at = 1;
    while at + 1 < arguments.len() {
        let name = arguments[at].to_str().and_then(|argument| argument.strip_prefix("--"));
        let takes_value = settings().any(|setting| !setting.is_switch() && name == Some(setting.name));
        if takes_value && is_negative(&arguments[at + 1]) {
            let value = arguments.remove(at + 1);
            arguments[at].push("=");
            arguments[at].push(value);
        }
        at += 1;
    }
}

fn is_negative(argument: &OsString) -> bool {
    let text = argument.to_string_lossy();
    text.strip_prefix('-').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Removes the long flag that clap doesn't know, and the value behind it, if that is what the error is about.
fn take_out_unknown(error: &clap::Error, arguments: &mut Vec<OsString>) -> Option<Mistake> {
    let Some(ContextValue::String(flag)) = error.get(ContextKind::InvalidArg) else {
        return None;
    };
    if error.kind() != ErrorKind::UnknownArgument || !flag.starts_with("--") {
        return None;
    }
    let joined = format!("{flag}=");
    let at = arguments
        .iter()
        .position(|argument| argument == flag.as_str() || argument.to_string_lossy().starts_with(&joined))?;
    let had_value = arguments.remove(at).to_string_lossy().starts_with(&joined);
    let looks_like_value = |argument: &OsString| {
        let is_verb = Verb::all().iter().any(|verb| argument == verb.name());
        !is_verb && (is_negative(argument) || !argument.to_string_lossy().starts_with('-'))
    };
    if !had_value && arguments.get(at).is_some_and(looks_like_value) {
        arguments.remove(at);
    }
    let is_compare = arguments.iter().any(|argument| argument == "compare");
    let names = || commands::compare::FLAGS.iter().map(|flag| format!("--{}", flag.name)).collect::<Vec<_>>();
    Some(if is_compare { config::unknown_flag_among(flag, &names()) } else { config::unknown_flag(flag) })
}

/// One sentence a mistake, in clap's dress: colours where they belong, and where to read on.
fn report(mistakes: &[Mistake]) -> clap::Error {
    let sentences: Vec<String> = mistakes.iter().map(Mistake::to_string).collect();
    let text = match &sentences[..] {
        [one] => one.clone(),
        many => format!("{} mistakes in the configuration\n  {}", many.len(), many.join("\n  ")),
    };
    program(Helps::Short).error(ErrorKind::ValueValidation, text)
}

fn exit_with(error: &clap::Error) -> ExitCode {
    // Nobody is left to be told that stdout or stderr is closed.
    let _ = error.print();
    u8::try_from(error.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from)
}

/// The command line as it was typed, but for the token's value.
fn redact(arguments: &[OsString]) -> Vec<String> {
    let secrets: Vec<String> = SETTINGS
        .iter()
        .filter(|setting| setting.kind.is_secret())
        .map(|setting| format!("--{}", setting.name))
        .collect();
    let mut is_secret = false;
    let mut shown = Vec::new();
    for argument in arguments {
        let argument = argument.to_string_lossy();
        let joined = secrets.iter().find(|secret| argument.starts_with(&format!("{secret}=")));
        shown.push(match joined {
            _ if is_secret => REDACTED.to_owned(),
            Some(secret) => format!("{secret}={REDACTED}"),
            None => argument.clone().into_owned(),
        });
        is_secret = !is_secret && secrets.iter().any(|secret| argument == secret.as_str());
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(line: &str) -> Result<Asked, clap::Error> {
        parse(std::iter::once("quintain").chain(line.split(' ')).map(OsString::from).collect())
    }

    fn flags_of(line: &str) -> Vec<(String, String)> {
        let asked = parsed(line).unwrap();
        assert!(asked.mistakes.is_empty(), "{:?}", asked.mistakes);
        asked.flags
    }

    fn sentences(line: &str) -> Vec<String> {
        parsed(line).unwrap().mistakes.iter().map(Mistake::to_string).collect()
    }

    #[test]
    fn clap_finds_no_fault_with_the_program() {
        for helps in [Helps::Short, Helps::All] {
            program(helps).debug_assert();
        }
    }

    #[test]
    fn serve_is_the_default() {
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(parsed("--mode cluster").unwrap().verb, Verb::Serve);
        assert_eq!(flags_of("--mode cluster"), [pair("mode", "cluster")]);
        assert_eq!(flags_of("serve --mode=cluster --no-csv"), [pair("mode", "cluster"), pair("no-csv", "true")]);
        assert_eq!(parsed("check --seed 7").unwrap().verb, Verb::Check);
    }

    #[test]
    fn negative_values_reach_the_check() {
        assert_eq!(flags_of("--max-delay -5s"), [("max-delay".to_owned(), "-5s".to_owned())]);
        assert_eq!(flags_of("--seed 1 check --workers -1").len(), 2);
    }

    #[test]
    fn every_unknown_flag_is_reported_with_the_nearest() {
        assert_eq!(
            sentences("check --wokers 4 --max_body=1 --seed 3 --xyzzy -1"),
            [
                "--wokers: there is no such setting; did you mean --workers?",
                "--max_body: there is no such setting; did you mean --max-body?",
                "--xyzzy: there is no such setting; --help lists them",
            ]
        );
        assert_eq!(sentences("--port 80"), ["--port: there is no such setting; did you mean --listen?"]);
        assert_eq!(
            sentences("compare --a x --b y --concurency 4"),
            ["--concurency: there is no such setting; did you mean --concurrency?"]
        );
    }

    #[test]
    fn other_wrong_usage_ends_with_2_and_help_with_0() {
        for line in ["frobnicate", "--workers", "-x", "serve check", "--no-csv=1"] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 2, "{line}");
        }
        for line in ["--help", "-h", "--version", "check --help"] {
            assert_eq!(parsed(line).unwrap_err().exit_code(), 0, "{line}");
        }
    }

    #[test]
    fn short_help_is_short_and_there_is_a_command_for_it() {
        let [short, long, command] = ["-h", "--help", "help"].map(|line| parsed(line).unwrap_err());
        assert_eq!(command.exit_code(), 0);
        let lines = |help: &clap::Error| help.to_string().lines().count();
        assert!(2 * lines(&short) < lines(&long), "{short}");
        assert!(!short.to_string().contains("[env:"), "{short}");
    }

    #[test]
    fn help_names_every_setting_three_ways() {
        let help = parsed("--help").unwrap_err().to_string();
        let help = help.split_whitespace().collect::<Vec<_>>().join(" ");
        for setting in settings() {
            assert_eq!(help.contains(&format!("--{}", setting.name)), !setting.is_hidden(), "{}", setting.name);
            if setting.is_hidden() {
                continue;
            }
            assert!(help.contains(&format!("[env:{}]", setting.variable())), "{}", setting.name);
            assert!(setting.is_switch() || help.contains(setting.default), "{}", setting.name);
        }
    }

    #[test]
    fn the_token_leaves_the_command_line() {
        let line = ["quintain", "--admin-token", "hunter2", "--seed", "1", "--admin-token=hunter2"];
        let shown = redact(&line.map(OsString::from));
        let expected = ["quintain", "--admin-token", "[redacted]", "--seed", "1", "--admin-token=[redacted]"];
        assert_eq!(shown, expected);
    }
}
