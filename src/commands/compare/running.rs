//! What an arm runs, while it runs in a round.

use std::fs;
use std::path::Path;

use super::arrangement::Arrangement;
use super::plan::Plan;
use super::process::Stop;
use super::server::Server;
use super::target::{Target, Told};
use crate::comparison::Arm;

/// A target, or another server.
pub enum Running {
    /// It counts its own requests.
    Quintain(Target),
    /// Its requests are counted by the client alone.
    Other(Server),
}

impl Running {
    /// Starts what the arm runs in `folder`, which it makes, and waits until it serves; says after how many seconds it answered.
    ///
    /// # Errors
    /// A sentence with what it said.
    pub fn start(plan: &Plan, arm: Arm, folder: &Path, stop: &Stop) -> Result<(Self, Option<f64>), String> {
        fs::create_dir_all(folder).map_err(|error| format!("{}: it can't be made ({error})", folder.display()))?;
        match &plan.arms[arm as usize] {
            Arrangement::Quintain { binary, settings, beside: _ } => {
                let program = binary.as_ref().unwrap_or(&plan.program);
                let (target, took) = Target::start(plan, program, settings, folder, stop)?;
                Ok((Self::Quintain(target), took.map(|took| took.as_secs_f64())))
            }
            Arrangement::Server { command, url } => {
                let (server, took) = Server::start(plan, arm, (command, url), folder, stop)?;
                Ok((Self::Other(server), Some(took.as_secs_f64())))
            }
        }
    }

    /// Where it serves: scheme and authority.
    pub fn url(&self) -> &str {
        match self {
            Self::Quintain(target) => target.url(),
            Self::Other(server) => server.url(),
        }
    }

    /// Where its admin listener is, if it has one.
    pub fn admin(&self) -> Option<&str> {
        match self {
            Self::Quintain(target) => Some(target.admin()),
            Self::Other(_) => None,
        }
    }

    /// A user's command, with the addresses of this arm in place of `{url}` and `{admin}`.
    pub fn fill_in(&self, command: &str) -> String {
        command.replace("{url}", self.url()).replace("{admin}", self.admin().unwrap_or_default())
    }

    /// The first process of its tree.
    pub fn pid(&self) -> u32 {
        match self {
            Self::Quintain(target) => target.pid(),
            Self::Other(server) => server.pid(),
        }
    }

    /// How many requests have begun so far; `None` where nobody tells.
    pub fn started(&self) -> Option<u64> {
        match self {
            Self::Quintain(target) => target.started(),
            Self::Other(_) => None,
        }
    }

    /// The measured stretch begins.
    ///
    /// # Errors
    /// A sentence.
    pub fn begin(&self) -> Result<(), String> {
        match self {
            Self::Quintain(target) => target.begin(),
            Self::Other(_) => Ok(()),
        }
    }

    /// Waits until what was answered is counted, too.
    pub fn come_to_rest(&self) {
        match self {
            Self::Quintain(target) => target.come_to_rest(),
            Self::Other(_) => {}
        }
    }

    /// The measured stretch ends, and so does the process tree. For `idle_s` at the stretch's begin the generator was still
    /// starting. `None`: it tells nothing of itself.
    ///
    /// # Errors
    /// A sentence.
    pub fn end(self, idle_s: f64) -> Result<Option<Told>, String> {
        match self {
            Self::Quintain(target) => target.end(idle_s).map(Some),
            Self::Other(server) => server.end().map(|()| None),
        }
    }
}
