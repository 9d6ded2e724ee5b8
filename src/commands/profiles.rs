//! `quintain profiles`: what is built in; `quintain profiles NAME`: one of them, to start from.

use std::io::{self, Write};
use std::process::ExitCode;

use super::intended;
use crate::profile::{self, BUILT_IN};
use crate::spelling::did_you_mean;

/// Lists the built-in profiles, or prints the one of this name; as a Locust file, that of its `[load]` (of a file's, too).
#[must_use]
pub fn run(name: Option<&str>, as_locustfile: bool) -> ExitCode {
    let text = match name {
        None if as_locustfile => Err("profiles --locustfile: name the profile".to_owned()),
        None => Ok(list()),
        Some(name) if as_locustfile => locustfile(name),
        Some(name) => one(name).map(ToOwned::to_owned),
    };
    let text = match text {
        Ok(text) => text,
        Err(sentence) => {
            eprintln!("error: {sentence}");
            return ExitCode::from(2);
        }
    };
    let mut output = io::stdout().lock();
    match output.write_all(text.as_bytes()).and_then(|()| output.flush()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: can't write to stdout: {error}");
            ExitCode::FAILURE
        }
    }
}

fn list() -> String {
    let width = BUILT_IN.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    let line = |(name, text): &(&str, &str)| format!("{name:width$}  {}\n", profile::summary_of(text));
    BUILT_IN.iter().map(line).collect()
}

fn locustfile(name: &str) -> Result<String, String> {
    let profile = profile::intended(name).map_err(|mistakes| mistakes.join("\n  "))?;
    let mix = intended::mix(&profile)?;
    mix.map(|mix| mix.locustfile()).ok_or_else(|| {
        format!("profiles {name}: it has no [load], or no route with a weight, that users could follow")
    })
}

fn one(name: &str) -> Result<&'static str, String> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let names = BUILT_IN.map(|(known, _)| known);
        let hint = did_you_mean(name, names).map_or_else(String::new, |question| question + " ");
        format!("profiles {name}: there is no such built-in profile; {hint}there are {}", names.join(", "))
    })
}
