//! The load that a generator is asked for, and the command line that asks for it.

use std::path::Path;
use std::time::Duration;

use super::Mix;

/// A load, whatever generator makes it.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// How long or how much.
    pub amount: Amount,
    /// The flag that says how long.
    pub time_flag: &'static str,
    /// Connections, or users.
    pub concurrency: u32,
    /// Requests a second over all connections, for generators that can pace; `None` is as fast as answers come.
    pub rate: Option<f64>,
    /// New users a second, for generators that start them one by one.
    pub spawn_rate: Option<f64>,
    /// Path and query.
    pub path: String,
    /// Several routes, in the place of the path.
    pub mix: Option<Mix>,
    /// The file that each request POSTs; `None`: each is a GET.
    pub body: Option<String>,
}

impl Load {
    /// The same to warm up for so long, without stages.
    #[must_use]
    pub fn for_warmup(&self, time: Duration) -> Self {
        let mix = self.mix.clone().map(|mix| Mix { stages: Vec::new(), requests: None, ..mix });
        Self { amount: Amount::Duration(time), time_flag: "warmup", mix, ..self.clone() }
    }
}

/// When a load ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// After so many requests.
    Requests(u64),
    /// After so long.
    Duration(Duration),
}

/// A command that makes a load and prints its output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invocation {
    /// The program and its arguments.
    pub command: Vec<String>,
    /// Files that it reads: name, in the folder where it runs, and content.
    pub files: Vec<(&'static str, String)>,
}

impl Invocation {
    /// One that reads no file.
    #[must_use]
    pub fn printing(command: Vec<String>) -> Self {
        Self { command, files: Vec::new() }
    }
}

/// What a generator can't do, in a sentence.
pub(super) fn cannot(generator: &str, what: &str, flag: &str) -> String {
    format!("--{flag}: {generator} {what}")
}

/// Whole seconds, as generators take them, or a sentence.
pub(super) fn whole_seconds(generator: &str, duration: Duration, load: &Load) -> Result<u64, String> {
    if duration.subsec_nanos() != 0 || duration.is_zero() {
        return Err(cannot(generator, "takes whole seconds, from 1s on", load.time_flag));
    }
    Ok(duration.as_secs())
}

/// For generators that ask for one path.
pub(super) fn one_path(generator: &str, load: &Load) -> Result<(), String> {
    match &load.mix {
        Some(_) => Err(cannot(
            generator,
            "asks for one path; --with locust follows the weights and stages of [load], or name a --path",
            "profile",
        )),
        None => Ok(()),
    }
}

/// For generators that open all their connections at once, and send as fast as answers come.
pub(super) fn as_fast_as_answers_come(generator: &str, load: &Load) -> Result<(), String> {
    one_path(generator, load)?;
    if load.rate.is_some() {
        return Err(cannot(generator, "tells no latencies from a schedule on; oha does", "rate"));
    }
    if load.spawn_rate.is_some() {
        return Err(cannot(generator, "opens all its connections at once", "spawn-rate"));
    }
    Ok(())
}

/// For generators that can't POST a file.
pub(super) fn no_body(generator: &str, load: &Load) -> Result<(), String> {
    match &load.body {
        Some(_) => {
            Err(cannot(generator, "posts no file here; oha, wrk, autocannon, ab, hey and h2load do", "body"))
        }
        None => Ok(()),
    }
}

/// What has a generator POST a file with each request, made from the file's name; nothing where there is none.
pub(super) fn posting<const WORDS: usize>(load: &Load, words: impl Fn(&str) -> [&str; WORDS]) -> Vec<String> {
    load.body.as_deref().map_or_else(Vec::new, |file| words(file).map(str::to_owned).into())
}

/// For generators that need a request for each connection.
pub(super) fn enough_requests(generator: &str, load: &Load) -> Result<(), String> {
    match load.amount {
        Amount::Requests(count) if count < u64::from(load.concurrency) => {
            Err(cannot(generator, "needs at least as many as connections (--concurrency)", "requests"))
        }
        _ => Ok(()),
    }
}

/// The program of this name: below `tools`, where `scripts/get-tools.sh` puts it, or on the search path; `None` where
/// it is in neither. A name with a slash in it is a path.
#[must_use]
pub fn find_program(name: &str, tools: &Path, search_path: &str) -> Option<std::path::PathBuf> {
    if name.contains('/') {
        return Some(name.into());
    }
    let own = ["bin", "locust/bin", "npm/node_modules/.bin"].map(|folder| tools.join(folder));
    let folders = own.into_iter().chain(std::env::split_paths(search_path));
    folders.map(|folder| folder.join(name)).find(|path| is_executable(path))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|file| file.is_file() && file.permissions().mode() & 0o111 != 0)
}
