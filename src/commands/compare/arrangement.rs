//! What an arm runs: this program, another binary of quintain, or another server.

use std::path::{Path, PathBuf};

use super::binary;
use super::setting::{Check, Setting};
use crate::config::{SETTINGS, Setting as ServeSetting};

/// What an arm runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Arrangement {
    /// quintain, with settings of `quintain serve`.
    Quintain {
        /// `binary=PATH`, by its whole path; `None` is this program.
        binary: Option<PathBuf>,
        /// Its settings.
        settings: Vec<Setting>,
        /// `beside=COMMAND`: runs while the arm is measured; `{url}` and `{admin}` are the arm's.
        beside: Option<String>,
    },
    /// Any other server.
    Server {
        /// For `sh -c`; `{port}` is a fresh port.
        command: String,
        /// Where it serves: scheme and authority; `{port}` is the same port.
        url: String,
    },
}

/// Settings that a round sets itself.
const OURS: [&str; 8] = ["listen", "admin", "run-dir", "while", "duration", "phases", "profile", "quiet"];

/// What is allowed for another server.
const SERVER: &str = "allowed: command='COMMAND',url=http://HOST:PORT, in which {port} is a fresh port";

/// The setting of this key, if it is one that is shown nowhere.
fn secret(key: &str) -> Option<&'static ServeSetting> {
    SETTINGS.iter().find(|setting| setting.name == key && setting.kind.is_secret())
}

/// Whether both arms count their own requests, so that the figures can be theirs.
pub fn are_quintain(arms: &[Arrangement; 2]) -> bool {
    arms.iter().all(Arrangement::is_quintain)
}

impl Arrangement {
    /// Understands the text of `--a` or `--b`, which is the flag's `name`.
    ///
    /// # Errors
    /// A sentence for each mistake.
    pub fn read(name: &str, text: &str) -> Result<Self, Vec<String>> {
        let text = text.trim();
        if ["command=", "url="].iter().any(|key| text.starts_with(key)) {
            return server(text).map_err(|wrong| vec![format!("--{name} {text}: {wrong}; {SERVER}")]);
        }
        let (text, beside) = beside(text);
        if beside.is_some_and(str::is_empty) {
            return Err(vec![format!("--{name} beside=: the command is empty; it is the last of the settings")]);
        }
        let beside = beside.map(str::to_owned);
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        let settings: Vec<Setting> = parts
            .map(|part| part.split_once('=').unwrap_or((part, "true")))
            .map(|(key, value)| (key.trim().trim_start_matches("--").to_owned(), value.trim().to_owned()))
            .collect();
        let wrong = |key: &str| {
            match key {
            "profile" => Some(format!("--{name} {key}=…: both arms have one profile; give it as --profile")),
            "command" | "url" => Some(format!(
                "--{name} {key}=…: an arm is another server or settings of quintain, not both; {SERVER}"
            )),
            key if OURS.contains(&key) => Some(format!("--{name} {key}=…: compare sets it itself in each round")),
            key => secret(key).map(|setting| {
                format!(
                    "--{name} {key}=…: it is a secret, and an arm's settings stand in every result; {} gives it to both arms",
                    setting.variable()
                )
            }),
        }
        };
        let wrong: Vec<String> = settings.iter().filter_map(|(key, _)| wrong(key)).collect();
        if !wrong.is_empty() {
            return Err(wrong);
        }
        let (binaries, settings): (Vec<_>, Vec<_>) = settings.into_iter().partition(|(key, _)| key == "binary");
        match &binaries[..] {
            [] => Ok(Self::Quintain { binary: None, settings, beside }),
            [(_, path)] => {
                let path = binary::find(Path::new(path)).map_err(|wrong| vec![format!("--{name} {wrong}")])?;
                Ok(Self::Quintain { binary: Some(path), settings, beside })
            }
            _ => Err(vec![format!("--{name}: binary= is given more than once")]),
        }
    }

    /// Whether it is quintain, which counts its own requests.
    pub fn is_quintain(&self) -> bool {
        matches!(self, Self::Quintain { .. })
    }

    /// What is wrong with its settings, each mistake a sentence. `check` does that for this program.
    pub fn mistakes(&self, profile: Option<&str>, seed: u64, check: &Check) -> Vec<String> {
        let Self::Quintain { binary, settings, .. } = self else { return Vec::new() };
        let settings = complete(settings, profile, seed);
        let checked = match binary {
            None => check(&settings),
            Some(path) => binary::check(path, &settings),
        };
        checked.err().unwrap_or_default()
    }
}

/// An arm's settings with those of both arms.
pub fn complete(settings: &[Setting], profile: Option<&str>, seed: u64) -> Vec<Setting> {
    let mut complete = settings.to_vec();
    complete.extend(profile.map(|profile| ("profile".to_owned(), profile.to_owned())));
    if !settings.iter().any(|(name, _)| name == "seed") {
        complete.push(("seed".to_owned(), seed.to_string()));
    }
    complete
}

/// Settings, and the command behind `beside=`, which may hold commas: it reaches to the end.
fn beside(text: &str) -> (&str, Option<&str>) {
    match text.strip_prefix("beside=") {
        Some(command) => ("", Some(command.trim())),
        None => text.split_once(",beside=").map_or((text, None), |(rest, command)| (rest, Some(command.trim()))),
    }
}

/// `command=…,url=…` in either order. A command may hold commas: it reaches to the last `,url=`, or to the end.
fn server(text: &str) -> Result<Arrangement, String> {
    let both = match text.strip_prefix("command=") {
        Some(rest) => rest.rsplit_once(",url="),
        None => {
            text.strip_prefix("url=").and_then(|rest| rest.split_once(",command=").map(|(url, all)| (all, url)))
        }
    };
    let (command, url) = both.ok_or("it takes both a command= and a url=")?;
    let (command, url) = (command.trim(), url.trim().trim_end_matches('/'));
    if command.is_empty() {
        return Err("the command is empty".to_owned());
    }
    let uri = url.replace("{port}", "1").parse::<http::Uri>().ok();
    if uri.is_none_or(|uri| uri.scheme_str() != Some("http") || uri.path() != "/" || uri.query().is_some()) {
        return Err(format!("{url} is not http:// with a host and a port and nothing more (--path says the rest)"));
    }
    if command.contains("{port}") != url.contains("{port}") {
        return Err("{port} stands in one of command= and url=, and has to in both".to_owned());
    }
    Ok(Arrangement::Server { command: command.to_owned(), url: url.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::super::setting::words;
    use super::*;

    #[test]
    fn a_server_is_a_command_and_a_url_in_either_order() {
        for text in [
            "command=nginx -g 'a; b', c,url=http://127.0.0.1:81",
            "url=http://127.0.0.1:81/,command=nginx -g 'a; b', c",
        ] {
            let server = Arrangement::read("b", text).unwrap();
            let expected = ("nginx -g 'a; b', c".to_owned(), "http://127.0.0.1:81".to_owned());
            assert_eq!(server, Arrangement::Server { command: expected.0, url: expected.1 }, "{text}");
        }
    }

    #[test]
    fn a_wrong_arm_gets_a_sentence() {
        for (text, expected) in [
            ("command=nginx", "it takes both a command= and a url="),
            ("url=http://127.0.0.1:81", "it takes both a command= and a url="),
            ("command=,url=http://127.0.0.1:81", "the command is empty"),
            ("command=nginx,url=127.0.0.1:81", "127.0.0.1:81 is not http://"),
            ("command=nginx,url=https://localhost", "https://localhost is not http://"),
            ("command=nginx,url=http://localhost/path", "is not http:// with a host and a port and nothing more"),
            ("command=x {port},url=http://127.0.0.1:81", "{port} stands in one of command= and url="),
            ("command=x,url=http://127.0.0.1:{port}", "{port} stands in one of command= and url="),
            ("mode=single,command=x", "another server or settings of quintain, not both"),
            ("binary=/nowhere/quintain", "binary=/nowhere/quintain: there is no such file"),
            ("binary=/", "binary=/: it is a directory"),
            ("binary=/etc/passwd", "binary=/etc/passwd: it may not be executed"),
            ("mode=single,beside=", "beside=: the command is empty"),
            ("listen=127.0.0.1:1", "compare sets it itself"),
            ("database-url=postgresql://a:b@c/d", "QUINTAIN_DATABASE_URL gives it to both arms"),
            ("admin-token=0123456789abcdef", "QUINTAIN_ADMIN_TOKEN gives it to both arms"),
        ] {
            let wrong = Arrangement::read("b", text).unwrap_err().join("\n");
            assert!(wrong.contains(expected) && wrong.starts_with("--b "), "{text}: {wrong}");
        }
    }

    #[test]
    fn what_runs_beside_an_arm_reaches_to_the_end() {
        for (text, settings) in [("beside=a, b=c", 0), ("mode=cluster, workers=2,beside=a, b=c", 2)] {
            let Arrangement::Quintain { settings: read, beside, .. } = Arrangement::read("a", text).unwrap() else {
                panic!("it is quintain")
            };
            assert_eq!((read.len(), beside.as_deref()), (settings, Some("a, b=c")), "{text}");
        }
    }

    #[test]
    fn a_switch_is_its_name_alone() {
        let Arrangement::Quintain { settings, .. } = Arrangement::read("a", "no-csv, --mode=cluster").unwrap()
        else {
            panic!("it is quintain")
        };
        assert_eq!(words(&complete(&settings, None, 7)), ["--no-csv", "--mode", "cluster", "--seed", "7"]);
    }
}
