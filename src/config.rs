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

use std::time::Duration;

use crate::spelling::words;

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

/// Version and commit, as people are told them.
pub const VERSION_AND_COMMIT: &str = concat!(env!("CARGO_PKG_VERSION"), " (", env!("BUILT_FROM_COMMIT"), ")");

words! {
    /// How the workers are arranged.
    pub enum Mode {
        /// One worker in this process.
        Single = "single",
        /// Workers as threads of this process.
        Threads = "threads",
        /// Workers as pre-forked processes.
        Cluster = "cluster",
    }
}

words! {
    /// How events are told on stderr.
    pub enum LogFormat {
        /// For people.
        Text = "text",
        /// A JSON object a line.
        Json = "json",
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
