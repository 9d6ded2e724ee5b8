//! The configuration: resolved once, typed, and every mistake in it reported together.
//!
//! `settings` is the table that everything else is derived from; `layers` puts flags over environment over file;
//! `resolve` makes a [`Config`] of what won; `print` writes one down. `profile` puts a profile's
//! limits below the other layers. It reads the configuration file and nothing else from the world.

mod address;
mod file;
mod foreign;
mod given;
mod instance;
mod kind;
mod layers;
mod print;
mod processors;
mod resolve;
mod secret;
mod settings;

use std::fmt;
use std::time::Duration;

pub use address::{Address, Addresses};
pub use file::{limit, place};
pub use given::Limit;
pub use kind::Kind;
pub use layers::{File, Layers};
pub(crate) use layers::{unknown_flag, unknown_flag_among};
pub use processors::Processors;
pub use resolve::resolve;
pub use secret::{REDACTED, Secret};
pub use settings::{CONFIG, Config, HIDDEN, SETTINGS, Setting};

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
    pub(crate) const NAMES: [&str; 3] = [Self::ALL[0].name(), Self::ALL[1].name(), Self::ALL[2].name()];

    /// As it is spelled everywhere.
    #[must_use]
    pub const fn name(self) -> &'static str {
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
    pub(crate) const NAMES: [&str; 2] = [Self::ALL[0].name(), Self::ALL[1].name()];

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

impl fmt::Display for LogFormat {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(self.name())
    }
}

/// Which database `/db` and `db` steps ask.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DatabaseChoice<'a> {
    /// An embedded one if the profile has a `db` step, and otherwise none.
    ByProfile,
    /// An embedded one.
    Embedded,
    /// The server of this URL.
    Server(&'a Secret),
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
        self.instance.as_deref().or_else(|| self.container_host.as_deref().filter(|host| instance::is_name(host)))
    }

    /// Which database there is.
    #[must_use]
    pub fn database(&self) -> DatabaseChoice<'_> {
        match &self.database_url {
            Some(url) => DatabaseChoice::Server(url),
            None if self.db => DatabaseChoice::Embedded,
            None => DatabaseChoice::ByProfile,
        }
    }

    /// How long before the end of a sleep a worker starts to look at the clock without a pause.
    #[must_use]
    pub fn spin(&self) -> Duration {
        Duration::from_micros(self.spin_us)
    }

    /// Whether a service manager has passed the target's sockets: all of them, or none.
    #[must_use]
    pub fn sockets_are_passed(&self) -> bool {
        self.listen.iter().any(Address::is_passed)
    }
}
