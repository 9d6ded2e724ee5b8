//! `quintain profiles`: what is built in; `quintain profiles NAME`: one of them, to start from.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::profile::{self, BUILT_IN};
use crate::spelling::nearest;

/// Lists the built-in profiles, or prints the one of this name.
#[must_use]
pub fn run(name: Option<&str>) -> ExitCode {
    let text = match name {
        None => list(),
        Some(name) => match one(name) {
            Ok(text) => text.to_owned(),
            Err(sentence) => {
                eprintln!("error: {sentence}");
                return ExitCode::from(2);
            }
        },
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

fn one(name: &str) -> Result<&'static str, String> {
    let found = BUILT_IN.iter().find(|(known, _)| *known == name);
    found.map(|(_, text)| *text).ok_or_else(|| {
        let names = BUILT_IN.map(|(known, _)| known);
        let hint = nearest(name, names).map_or_else(String::new, |meant| format!("did you mean {meant}? "));
        format!("profiles {name}: there is no such built-in profile; {hint}there are {}", names.join(", "))
    })
}
