//! The configuration: resolved once, typed, and every mistake in it reported together.
//!
//! `settings` is the table that everything else is derived from; `layers` puts flags over environment over file;
//! `resolve` makes a [`Config`] of what won; `print` writes one down. `profile` puts a profile's
//! limits below the other layers. It reads the configuration file and nothing else from the world.

mod address;
mod file;
mod foreign;
mod instance;
mod layers;
mod mistake;
mod print;
mod processors;
mod resolve;
mod secret;
mod settings;

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

pub use address::{Address, Addresses};
pub use file::{limit, place};
pub use layers::{File, Layers, Limit};
pub(crate) use layers::{unknown_flag, unknown_flag_among};
pub use mistake::{Mistake, Source};
pub use processors::Processors;
pub use resolve::resolve;
pub use secret::{REDACTED, Secret};
pub use settings::{CONFIG, HIDDEN, Kind, SETTINGS, Setting};

use crate::phase::Phases;
use crate::units::Bytes;

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The first twelve digits of the git commit it was built from, or `unknown`.
pub const COMMIT: &str = env!("BUILT_FROM_COMMIT");

/// How the workers are arranged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// One worker in this process.
    Single,
    /// Workers as threads of this process.
    Threads,
    /// Workers as pre-forked processes.
    Cluster,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::Single, Self::Threads, Self::Cluster];

    /// As it is spelled everywhere.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Threads => "threads",
            Self::Cluster => "cluster",
        }
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// How events are told on stderr.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// A JSON object a line.
    Json,
}

impl LogFormat {
    pub(crate) const ALL: [Self; 2] = [Self::Text, Self::Json];
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(match self {
            Self::Text => "text",
            Self::Json => "json",
        })
    }
}

/// Which database `/db` and `db` steps ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DatabaseChoice {
    /// An embedded one if the profile has a `db` step, and otherwise none.
    ByProfile,
    /// An embedded one.
    Embedded,
    /// The server of this URL.
    Server(Secret),
}

/// Everything that can be set, within its bounds. [`SETTINGS`] says what each is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Where the target listens: at least one address.
    pub listen: Vec<Address>,
    /// Where the admin routes listen; none is off.
    pub admin: Option<Address>,
    /// What a write to the admin routes must show beyond loopback.
    pub admin_token: Option<Secret>,
    /// What is served: the name of a built-in profile, or a file.
    pub profile: String,
    /// How the workers are arranged.
    pub mode: Mode,
    /// How many workers: 1 in `single`, at most `max_workers` otherwise.
    pub workers: usize,
    /// How many workers there is room for.
    pub max_workers: usize,
    /// Threads in each worker's pool for blocking work.
    pub pool_threads: usize,
    /// What all chance is drawn from.
    pub seed: u64,
    /// Open connections, per worker.
    pub max_connections: usize,
    /// Requests being served, per worker.
    pub max_inflight: usize,
    /// The longest wait that a request may ask for.
    pub max_delay: Duration,
    /// The most CPU time that a request may ask for.
    pub max_cpu: Duration,
    /// The largest body that a request may send.
    pub max_body: Bytes,
    /// The largest body that a request may ask for.
    pub max_bytes: Bytes,
    /// The most memory that a request may ask for, and that a worker holds for all of them.
    pub max_mem: Bytes,
    /// The most memory that faults may leak, per worker.
    pub max_leak: Bytes,
    /// Which database there is.
    pub database: DatabaseChoice,
    /// How many rows a database has, and the most that one query may be about.
    pub db_rows: u64,
    /// Connections to the database, per worker.
    pub db_pool: usize,
    /// How long a request waits for one of them.
    pub db_acquire_timeout: Duration,
    /// How long a request waits for the database itself.
    pub db_timeout: Duration,
    /// Connections waiting to be accepted, per listening socket, before the kernel's own cap.
    pub backlog: u32,
    /// How long a connection may be idle; none is for ever.
    pub keep_alive_timeout: Option<Duration>,
    /// How long a drain may take.
    pub shutdown_timeout: Duration,
    /// How long after TERM connections are still taken.
    pub drain_delay: Duration,
    /// The observer's tick.
    pub sample_interval: Duration,
    /// The run's own directory; none is `runs/<UTC>-<mode>`.
    pub run_dir: Option<PathBuf>,
    /// What this target is called among others, where that was given; see [`Config::instance`].
    pub named: Option<String>,
    /// The host's name, in a container.
    pub container_host: Option<String>,
    /// Whether CSV files are written.
    pub csv: bool,
    /// Directives that `tracing_subscriber::EnvFilter` takes.
    pub log: String,
    /// How events are told.
    pub log_format: LogFormat,
    /// Whether a terminal gets no status line.
    pub quiet: bool,
    /// How long before the end of a sleep a worker starts to look at the clock without a pause.
    pub spin: Duration,
    /// How long after ready the run ends; none is when it is told to.
    pub duration: Option<Duration>,
    /// Phases that follow each other from ready on; there may be none.
    pub phases: Phases,
    /// The command during which the target is up.
    pub while_command: Option<String>,
    /// Whether it is recorded how long requests take. Only a benchmark switches it off.
    pub times: bool,
}

impl Config {
    /// How many workers need room: `max_workers` in cluster, where TTIN adds some, and else as many as there are.
    #[must_use]
    pub fn slots(&self) -> usize {
        match self.mode {
            Mode::Single | Mode::Threads => self.workers,
            Mode::Cluster => self.max_workers,
        }
    }

    /// What this target is called among others of the same test: as it was given, or as its container is called. A
    /// container's host may have a name that no instance can have; then there is none.
    #[must_use]
    pub fn instance(&self) -> Option<&str> {
        self.named.as_deref().or_else(|| self.container_host.as_deref().filter(|host| instance::is_name(host)))
    }

    /// Whether a service manager has passed the target's sockets: all of them, or none.
    #[must_use]
    pub fn sockets_are_passed(&self) -> bool {
        self.listen.iter().any(Address::is_passed)
    }
}
