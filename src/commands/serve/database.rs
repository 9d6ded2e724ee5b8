//! The database of a run, which is filled before the first worker starts.
//!
//! A process of its own fills it and ends: no connection to `SQLite` may be carried across a fork, and the runtime that
//! speaks to a server has threads.

use std::fs;

use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::child::{Ended, Prepared, in_child};
use super::run_directory::RunDirectory;
use super::screen::Screen;
use crate::commands::progress;
use crate::config::{Config, DatabaseChoice};
use crate::profile::Profile;
use crate::run_files;
use crate::sys::inherited::Inherited;
use crate::sys::signals::Signals;
use crate::work::database::embedded::{self, Embedded, JOURNAL, SYNCHRONOUS};
use crate::work::database::server::{Reached, Server, Unusable};
use crate::work::database::{Place, Settings, Trouble};

/// Fewer rows are made so fast that a bar could not be seen.
const WORTH_A_BAR: u64 = 500_000;

/// The database of a run that has one.
#[derive(Clone, Debug)]
pub struct RunDatabase {
    place: Place,
    /// What a server said at the start; `None` when it was down, and for an embedded database.
    reached: Option<Reached>,
}

impl RunDatabase {
    /// Makes and fills the database, if a flag or the profile asks for one.
    ///
    /// # Errors
    /// A sentence: why there can be none.
    pub fn prepare(
        config: &Config,
        profile: &Profile,
        directory: &RunDirectory,
        signals: (&Signals, &Inherited),
        screen: Screen,
    ) -> Result<Prepared<Option<Self>>, String> {
        if let DatabaseChoice::Server(url) = config.database() {
            let (timeout, seed, rows) = (config.db_timeout, config.seed, config.db_rows.most);
            let server = Server::new(url.reveal(), timeout, seed, rows)
                .map_err(|sentence| format!("--database-url {sentence}"))?;
            return reach(server, config, signals, screen);
        }
        if profile.needs_database_server() {
            return Err(format!("{}: {}", profile.name, Trouble::NoServer));
        }
        if config.database() == DatabaseChoice::Embedded || profile.needs_database() {
            return fill(config, directory, signals, screen);
        }
        Ok(Prepared::Ready(None))
    }

    /// Whether it is a server's.
    #[must_use]
    pub fn is_server(&self) -> bool {
        matches!(self.place, Place::Server(_))
    }

    /// The settings for a worker.
    #[must_use]
    pub fn settings(&self, config: &Config) -> Settings {
        Settings {
            rows: config.db_rows.most,
            seed: config.seed,
            pool: config.db_pool,
            acquire_timeout: config.db_acquire_timeout,
            // After HUP the profile may have another limit.
            place: self.place.within(config.db_timeout),
        }
    }

    /// For `run.json`.
    #[must_use]
    pub fn record(&self, config: &Config) -> Value {
        let connections = config.db_pool * config.workers;
        match &self.place {
            Place::Embedded(_) => json!({
                "kind": "embedded",
                "file": run_files::DATABASE,
                "version": embedded::version(),
                "rows": config.db_rows.most,
                "journal_mode": JOURNAL,
                "synchronous": SYNCHRONOUS,
                "connections": connections,
            }),
            Place::Server(server) => json!({
                "kind": "postgresql",
                "place": server.place(),
                "version": self.reached.as_ref().map(|reached| &reached.version),
                "rows": config.db_rows.most,
                "connections": connections,
                "server_connections": self.reached.as_ref().map(|reached| reached.connections),
            }),
        }
    }

    /// Removes the embedded file after the run: the seed makes the same rows again.
    pub fn remove_files(&self) {
        match &self.place {
            Place::Embedded(Embedded { file, .. }) => {
                for name in run_files::DATABASE_FILES {
                    // A file that can't be removed stays.
                    let _ = fs::remove_file(file.with_file_name(name));
                }
            }
            // A server's tables stay for the next run.
            Place::Server(_) => {}
        }
    }
}

/// Has a child fill a file of the run directory.
fn fill(
    config: &Config,
    directory: &RunDirectory,
    signals: (&Signals, &Inherited),
    screen: Screen,
) -> Result<Prepared<Option<RunDatabase>>, String> {
    let Some(directory) = directory.path() else {
        return Err(format!(
            "{} needs a run directory for its file, and --no-csv makes none: leave one of them out",
            if config.database() == DatabaseChoice::Embedded { "--db" } else { "a profile with db steps" }
        ));
    };
    let file = directory.join(run_files::DATABASE);
    let (timeout, seed, rows) = (config.db_timeout, config.seed, config.db_rows.most);
    let embedded = Embedded { file: file.clone(), timeout, seed, rows };
    // A file that is there already is not this run's. From here on the files are, and are removed with it.
    fs::File::create_new(&file)
        .map_err(|error| format!("the database {} can't be made: {error}", file.display()))?;
    let database = RunDatabase { place: Place::Embedded(embedded), reached: None };
    let filled = in_child(signals, || {
        let bar = progress_bar(config.db_rows.most, screen);
        let filled = embedded::fill(&file, config.seed, config.db_rows.most, |rows| bar.set_position(rows));
        bar.finish_and_clear();
        filled.map(|()| Value::Null).map_err(Value::from)
    });
    let unfilled = match filled {
        Ok(Ended::Well(_)) => return Ok(Prepared::Ready(Some(database))),
        Ok(Ended::Interrupted(end)) => Ok(Prepared::Interrupted(end)),
        Ok(Ended::Badly(sentence)) => Err(sentence.as_str().unwrap_or_default().to_owned()),
        Err(sentence) => Err(format!("the database can't be filled: {sentence}")),
    };
    database.remove_files();
    unfilled
}

/// Has a child reach a server and fill its tables. A server that is down is no error: it may come up later.
fn reach(
    server: Server,
    config: &Config,
    signals: (&Signals, &Inherited),
    screen: Screen,
) -> Result<Prepared<Option<RunDatabase>>, String> {
    let place = server.place();
    let reached = in_child(signals, || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| json!({ "refused": error.to_string() }))?;
        let bar = progress_bar(config.db_rows.most, screen);
        let reached = runtime.block_on(server.reach(|rows| bar.set_position(rows)));
        bar.finish_and_clear();
        match reached {
            Ok(Reached { version, connections }) => Ok(json!({ "version": version, "connections": connections })),
            Err(Unusable::Down(reason) | Unusable::Full(reason)) => Err(json!({ "down": reason })),
            Err(Unusable::Refused(reason)) => Err(json!({ "refused": reason })),
        }
    });
    let reached = match reached.map_err(|sentence| format!("the database {place} can't be reached: {sentence}"))? {
        Ended::Interrupted(end) => return Ok(Prepared::Interrupted(end)),
        Ended::Well(said) => {
            let version = said["version"].as_str().unwrap_or_default().to_owned();
            let connections = said["connections"].as_u64().unwrap_or(0);
            say_connections(config, &place, connections);
            Some(Reached { version, connections })
        }
        Ended::Badly(said) => match (said["down"].as_str(), said["refused"].as_str()) {
            (Some(reason), _) => {
                tracing::warn!("the database is down: {reason}; /db is 503 and /readyz says so until it answers");
                None
            }
            (None, reason) => return Err(format!("--database-url: {}", reason.unwrap_or("it can't be used"))),
        },
    };
    Ok(Prepared::Ready(Some(RunDatabase { place: Place::Server(server), reached })))
}

/// Logs how many connections the workers may open together, beside how many the server allows.
fn say_connections(config: &Config, place: &str, allowed: u64) {
    let (pool, workers) = (config.db_pool, config.workers);
    let sum = pool as u64 * workers as u64;
    let sentence = format!(
        "--db-pool {pool} in each of {workers} workers are {sum} connections; {place} allows {allowed} (max_connections, less \
         those for superusers)"
    );
    if sum > allowed {
        tracing::warn!("{sentence}: what is over that is answered 503");
    } else {
        tracing::info!("{sentence}");
    }
}

fn progress_bar(rows: u64, screen: Screen) -> ProgressBar {
    let is_worth_it = screen.has_status() && rows >= WORTH_A_BAR;
    progress::bar(rows, is_worth_it, "filling the database {wide_bar} {pos} of {len} rows, {eta} left")
}
