//! The load of a comparison, and who makes it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use super::{Reader, Source};
use crate::commands::intended;
use crate::generator::{self, Amount, Body, Generator, Load, Request, Weighted, find_program};
use crate::named_file;
use crate::profile;
use crate::spelling::did_you_mean;

/// Flags that say what the load is; without any of them, that of the profile runs.
const OF_A_LOAD: [&str; 9] =
    ["load", "requests", "duration", "concurrency", "users", "rate", "spawn-rate", "path", "body"];

impl Reader<'_> {
    /// What the flags say or, without any of them, the `[load]` of the profile.
    pub(super) fn load(&mut self, profile: Option<&str>) -> Load {
        let is_asked = OF_A_LOAD.iter().any(|name| self.text(name).is_some());
        match profile {
            Some(name) if !is_asked => self.load_of_profile(name),
            _ => self.load_of_flags(),
        }
    }

    fn load_of_flags(&mut self) -> Load {
        let concurrency = match (self.whole("concurrency", 1, 100_000), self.whole("users", 1, 100_000)) {
            (Some(_), Some(_)) => {
                self.wrong.push("--concurrency and --users are the same; give one of them".to_owned());
                50
            }
            (one, other) => one.or(other).unwrap_or(50),
        };
        let (requests, duration) = (self.whole("requests", 1, 1_000_000_000), self.time("duration"));
        if requests.is_some() && duration.is_some() {
            self.wrong.push("--requests and --duration both end the load; give one of them".to_owned());
        }
        let path = self.text("path").unwrap_or_else(|| "/health".to_owned());
        if !path.starts_with('/') || path.contains(|letter: char| letter.is_whitespace() || letter.is_control()) {
            self.wrong.push(format!("--path {path:?}: allowed: a path that begins with / and has no spaces"));
        }
        Load {
            amount: requests
                .map_or_else(|| Amount::Duration(duration.unwrap_or(Duration::from_secs(3))), Amount::Requests),
            time_flag: "duration",
            concurrency: u32::try_from(concurrency).unwrap_or(u32::MAX),
            rate: self.positive("rate"),
            spawn_rate: self.positive("spawn-rate"),
            path,
            mix: None,
            body: self.body(),
        }
    }

    /// The file that is posted, by a name that is good wherever the generator runs.
    fn body(&mut self) -> Option<String> {
        let file = self.text("body")?;
        if self.text("path").is_none() {
            self.wrong.push(format!("--body {file}: say with --path where to it is posted"));
        }
        let path = match named_file::open(Path::new(&file)).and_then(|_| std::path::absolute(&file)) {
            Ok(path) => path,
            Err(error) => {
                self.wrong.push(format!("--body {file}: it can't be read ({error})"));
                return None;
            }
        };
        Some(path.display().to_string())
    }

    /// The `[load]` of the profile as it stands; where it has none, the default load.
    fn load_of_profile(&mut self, name: &str) -> Load {
        let plain = self.load_of_flags();
        // What is wrong with the profile is said by the check of the arms.
        let Ok(profile) = profile::intended(name) else { return plain };
        let mix = intended::mix(&profile).unwrap_or_else(|sentence| {
            self.wrong.push(sentence);
            None
        });
        let Some(mix) = mix else { return plain };
        let [crowd, ..] = &mix.stages[..] else { return plain };
        let seconds: Option<f64> = mix.stages.iter().map(|stage| stage.seconds).sum();
        let amount = match (mix.requests, seconds) {
            (Some(requests), _) => Amount::Requests(requests),
            (None, Some(seconds)) => Amount::Duration(Duration::from_secs_f64(seconds)),
            (None, None) => return plain,
        };
        let concurrency = u32::try_from(crowd.users).unwrap_or(u32::MAX);
        match &mix.routes[..] {
            // Any generator can ask for one path.
            [Weighted { request: Request { method, path, body: Body::Bytes(0) }, weight: _ }]
                if method == "GET"
                    && !path.contains('{')
                    && mix.stages.len() == 1
                    && mix.login.is_none()
                    && mix.think_s == (0.0, 0.0) =>
            {
                let spawn_rate = mix.requests.is_none().then_some(crowd.spawn_rate);
                Load { amount, concurrency, spawn_rate, path: path.clone(), ..plain }
            }
            _ => Load { amount, concurrency, spawn_rate: Some(crowd.spawn_rate), mix: Some(mix), ..plain },
        }
    }

    /// Who makes it, which has to be able to.
    pub(super) fn source(&mut self, load: &Load, warmup: Duration) -> Option<Source> {
        if let Some(command) = self.text("load") {
            for flag in ["with", "requests", "concurrency", "users", "rate", "spawn-rate", "path", "body"] {
                if self.text(flag).is_some() {
                    self.wrong
                        .push(format!("--{flag}: --load is a whole command and takes no other flags of a load"));
                }
            }
            if !command.contains("{url}") {
                self.wrong
                    .push(format!("--load {command:?}: there is no {{url}} in it, so it can't know the target"));
            }
            if command.contains("{seconds}") {
                let Amount::Duration(duration) = load.amount else { return None };
                for (flag, time) in [("duration", duration), ("warmup", warmup)] {
                    if time.subsec_nanos() > 0 {
                        self.wrong.push(format!("--{flag}: {{seconds}} in --load takes whole seconds, from 1s on"));
                    }
                }
            }
            return Some(Source::Command(command));
        }
        let name = self.text("with").unwrap_or_else(|| {
            if load.mix.is_some() || load.spawn_rate.is_some() { "locust" } else { "oha" }.to_owned()
        });
        let Some(known) = generator::named(&name) else {
            let names = generator::ALL.map(Generator::name);
            let hint = did_you_mean(&name, names).map_or_else(String::new, |question| question + " ");
            self.wrong
                .push(format!("--with {name}: {hint}there are {}; --load takes any command", names.join(", ")));
            return None;
        };
        let mistakes = self.wrong.len();
        for asked in [load, &load.for_warmup(warmup)] {
            if let Err(sentence) = known.invocation(asked, "http://127.0.0.1:1")
                && !self.wrong.contains(&sentence)
            {
                self.wrong.push(sentence);
            }
        }
        // Nobody needs a program that can't make this load.
        if self.wrong.len() > mistakes {
            return None;
        }
        let found = find_program(&name, &PathBuf::from("target/tools"), &self.asked.search_path);
        if found.is_none() {
            self.wrong.push(format!(
                "--with {name}: {name} is not installed; scripts/get-tools.sh {name} puts it below target/tools"
            ));
        }
        found.map(|program| Source::Known(known, program))
    }
}
