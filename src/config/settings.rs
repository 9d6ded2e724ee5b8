//! The one table of settings. Flags, environment names, TOML keys, `--help`, what is allowed, the fields of [`Config`], how
//! they are read and how they are written down all come from it.

use std::path::PathBuf;
use std::time::Duration;

use super::kind::{Kind, Value, Written};
use super::{Address, LogFormat, Mode, Secret};
use crate::limit::Limit;
use crate::phase::Phases;
use crate::units::Bytes;

/// One setting, under its flag's name without the dashes.
#[derive(Debug)]
pub struct Setting {
    /// Words joined by `-`: `keep-alive-timeout`.
    pub name: &'static str,
    /// What `--help` shows in the value's place; empty for a switch.
    pub placeholder: &'static str,
    /// As one would type it; empty when it is unset, or decided by the others (`--help` then says how).
    pub default: &'static str,
    /// Under which heading of `--help` it stands; [`HIDDEN`] is none.
    pub heading: &'static str,
    /// What it does, without default and range, which are added.
    pub help: &'static str,
    /// What its values are.
    pub kind: Kind,
}

impl Setting {
    /// Whether its flag stands alone, without a value.
    #[must_use]
    pub fn is_switch(&self) -> bool {
        matches!(self.kind, Kind::Switch)
    }

    /// Whether neither `--help` nor a page shows it.
    #[must_use]
    pub fn is_hidden(&self) -> bool {
        self.heading == HIDDEN
    }

    /// Whether it takes several values.
    #[must_use]
    pub fn is_list(&self) -> bool {
        matches!(self.kind, Kind::Addresses | Kind::Switches)
    }

    /// Its environment variable: `QUINTAIN_KEEP_ALIVE_TIMEOUT`.
    #[must_use]
    pub fn variable(&self) -> String {
        format!("{PREFIX}{}", self.key().to_uppercase())
    }

    /// Its key in TOML and JSON: `keep_alive_timeout`.
    #[must_use]
    pub fn key(&self) -> String {
        self.name.replace('-', "_")
    }
}

/// How the environment variables begin.
pub(super) const PREFIX: &str = "QUINTAIN_";

/// The setting that names the profile.
pub(super) const PROFILE: &str = "profile";

/// The setting of the profile's switches.
pub(super) const SET: &str = "set";

/// The file that the other settings may stand in; so it can't stand there itself.
pub const CONFIG: Setting = Setting {
    name: "config",
    placeholder: "FILE",
    default: "",
    heading: RUN,
    help: "A TOML file of settings: their names with _ for -",
    kind: Kind::Text,
};

/// The setting of that name.
///
/// # Panics
/// When there is none: names are written in the source, and each is looked up whenever a configuration is resolved.
pub(super) fn setting(name: &str) -> &'static Setting {
    SETTINGS
        .iter()
        .find(|setting| setting.name == name)
        .unwrap_or_else(|| panic!("{name} is missing from the table of settings"))
}

const ADDRESSES: &str = "Addresses";
const WHAT: &str = "What is served";
const WORKERS: &str = "Workers";
pub(super) const LIMITS: &str = "Limits";
const TIMES: &str = "Timing";
const RECORDS: &str = "Records";
const RUN: &str = "Run";

/// The heading of a switch that no user is to meet: it is there for a benchmark of our own.
pub const HIDDEN: &str = "";

const MINUTE: Duration = Duration::from_mins(1);
const HOUR: Duration = Duration::from_hours(1);

/// Makes [`SETTINGS`] and [`Config`]. An entry is: the field of `Config` and its type, the flag, what `--help` shows in the
/// value's place, the default, what is allowed, and what the setting does. `workers` has no field in the table, since its
/// default depends on the machine.
macro_rules! settings {
    ($($heading:ident { $($($field:ident: $type:ty,)? $name:literal, $placeholder:literal, $default:literal, $kind:expr, $help:literal;)* })*) => {
        /// Every setting, in the order of `--help`.
        pub const SETTINGS: &[Setting] = &[$($(Setting {
            name: $name,
            placeholder: $placeholder,
            default: $default,
            heading: $heading,
            help: $help,
            kind: $kind,
        },)*)*];

        /// Everything that can be set, within its bounds.
        #[derive(Clone, Debug, PartialEq, Eq)]
        // What is in angle brackets is for `--help`.
        #[allow(rustdoc::invalid_html_tags)]
        pub struct Config {
            $($($(#[doc = $help] pub $field: $type,)?)*)*
            /// How many workers: 1 in `single`, at most `max_workers` otherwise.
            pub workers: usize,
            /// The host's name, in a container.
            pub container_host: Option<String>,
        }

        impl Config {
            /// Reads each setting; one worker, in no container.
            pub(super) fn read(reader: &mut impl Read) -> Self {
                Self {
                    $($($($field: reader.read($name),)?)*)*
                    workers: 1,
                    container_host: None,
                }
            }

            /// A setting's value, as it is written down.
            pub(super) fn written(&self, setting: &Setting) -> Written {
                match setting.name {
                    $($($($name => self.$field.written(&setting.kind),)?)*)*
                    "workers" => self.workers.written(&setting.kind),
                    name => unreachable!("{name} is in the table of settings"),
                }
            }
        }
    };
}

/// Finds the value of each setting, for [`Config::read`].
pub(super) trait Read {
    /// The value of the setting with this name.
    fn read<T: Value>(&mut self, name: &'static str) -> T;
}

settings! {
    ADDRESSES {
        listen: Vec<Address>, "listen", "ADDRESS", "127.0.0.1:8080", Kind::Addresses,
            "Where the target listens; port 0 takes a free one, localhost is 127.0.0.1 and ::1. May be given several \
             times; its variable takes several with commas between";
        admin: Option<Address>, "admin", "ADDRESS", "127.0.0.1:8081", Kind::AddressOrOff,
            "Where the live page and the admin routes listen (/, /stats, /metrics, /faults, /ready)";
        admin_token: Option<Secret>, "admin-token", "TOKEN", "", Kind::Secret,
            "What a write to the admin routes must show when they listen beyond loopback; better given by the \
             environment, where `ps` doesn't show it";
    }
    WHAT {
        profile: String, "profile", "NAME|FILE", "default", Kind::Text,
            "What is served: a built-in profile (`quintain profiles` lists them) or a TOML file of routes";
        set: Vec<String>, "set", "NAME=VALUE", "", Kind::Switches,
            "Sets a switch of the profile, such as pool=50 (`quintain check --profile NAME` lists them). May be given \
             several times; its variable takes several with commas between";
        db: bool, "db", "", "false", Kind::Switch,
            "Make an embedded database (SQLite) in the run directory before the start, for /db; a profile with db \
             steps has one anyway";
        database_url: Option<Secret>, "database-url", "URL", "", Kind::SecretUrl,
            "A PostgreSQL server for /db and db steps, such as postgresql://user:password@host:5432/database; better \
             given by the environment, where `ps` doesn't show it";
        model: Option<PathBuf>, "model", "FILE", "", Kind::Text,
            "The model that /infer and infer steps run, an ONNX file that takes float32 [batch, 3, height, width]; its \
             labels stand in the file beside it that ends in .txt, one a line. Unless given, country flags";
    }
    WORKERS {
        mode: Mode, "mode", "MODE", "single", Kind::Choice(&Mode::NAMES),
            "One worker in this process, workers as threads, or a pre-forked cluster of processes";
        "workers", "N", "", Kind::Number(1, 256),
            "How many workers: unless given, the whole CPUs that affinity and CPU quota allow this process, at least \
             1 and at most --max-workers; 1 in mode single";
        max_workers: usize, "max-workers", "N", "64", Kind::Number(1, 256),
            "How many workers there is room for on the scoreboard in mode cluster; in the others, the largest \
             --workers";
        pool_threads: usize, "pool-threads", "N", "16", Kind::Number(1, 512),
            "Threads in each worker's pool for blocking work";
        seed: u64, "seed", "N", "1", Kind::Number(0, u64::MAX),
            "What all chance is drawn from: the same seed, the same run";
    }
    LIMITS {
        max_connections: Limit<usize>, "max-connections", "N", "16384", Kind::Number(1, 1_000_000),
            "Open connections per worker; more are answered 503 and closed";
        max_inflight: Limit<usize>, "max-inflight", "N", "16384", Kind::Number(1, 1_000_000),
            "Requests being served per worker; more are answered 503";
        max_delay: Limit<Duration>, "max-delay", "DURATION", "60s", Kind::Duration(Duration::ZERO, HOUR),
            "The longest wait that a request may ask for";
        max_cpu: Limit<Duration>, "max-cpu", "DURATION", "10s", Kind::Duration(Duration::ZERO, Duration::from_mins(10)),
            "The most CPU time that a request may ask for";
        max_body: Limit<Bytes>, "max-body", "BYTES", "64MiB", Kind::Bytes(Bytes(4 << 30)),
            "The largest body that a request may send";
        max_bytes: Limit<Bytes>, "max-bytes", "BYTES", "1GiB", Kind::Bytes(Bytes(1 << 40)),
            "The largest body that a request may ask for";
        max_mem: Limit<Bytes>, "max-mem", "BYTES", "256MiB", Kind::Bytes(Bytes(1 << 40)),
            "The most memory that a request may ask for, and that a worker holds for all of them";
        max_leak: Limit<Bytes>, "max-leak", "BYTES", "1GiB", Kind::Bytes(Bytes(64 << 30)),
            "The most memory that faults may leak, per worker";
        max_pixels: Limit<u64>, "max-pixels", "N", "16000000", Kind::Number(1, 1_000_000_000),
            "The most pixels that a picture may have, as its head declares them";
        db_rows: Limit<u64>, "db-rows", "N", "100000", Kind::Number(1, 100_000_000),
            "Rows of the database, made from the seed; no query is about more";
        db_pool: usize, "db-pool", "N", "10", Kind::Number(1, 10_000),
            "Connections to the database, per worker; requests beyond them wait for one";
        db_acquire_timeout: Duration, "db-acquire-timeout", "DURATION", "5s", Kind::Duration(Duration::from_millis(1), HOUR),
            "How long a request waits for a database connection before it is answered 503";
        db_timeout: Duration, "db-timeout", "DURATION", "10s", Kind::Duration(Duration::from_millis(1), HOUR),
            "How long a request waits for the database itself, such as for its one writer, before it is answered 503";
        backlog: u32, "backlog", "N", "4096", Kind::Number(1, 65_535),
            "Connections waiting to be accepted, per worker, and in all on a unix socket; the kernel caps it at \
             somaxconn";
    }
    TIMES {
        keep_alive_timeout: Option<Duration>, "keep-alive-timeout", "DURATION", "75s", Kind::DurationOrNever(HOUR),
            "How long a connection may be idle before it is closed";
        shutdown_timeout: Duration, "shutdown-timeout", "DURATION", "30s", Kind::Duration(Duration::from_millis(100), HOUR),
            "How long a drain may take; what is then in flight is lost";
        drain_delay: Duration, "drain-delay", "DURATION", "0", Kind::Duration(Duration::ZERO, Duration::from_mins(10)),
            "How long after TERM connections are still taken while /readyz says 503";
        spin_us: u64, "spin-us", "N", "0", Kind::Number(0, 1_000),
            "Microseconds before the end of each sleep in which a worker does nothing but watch the clock";
    }
    RECORDS {
        instance: Option<String>, "instance", "NAME", "", Kind::Instance,
            "What this target is called among others of the same test, in headers, metrics and the run directory's \
             name; the host's name in a container, none elsewhere";
        sample_interval: Duration, "sample-interval", "DURATION", "1s", Kind::Duration(Duration::from_millis(50), MINUTE),
            "How often a row is written";
        run_dir: Option<PathBuf>, "run-dir", "DIR", "", Kind::Text,
            "Where the run's files go, runs/<UTC>-<mode>, with the instance behind it, unless given; refused if it \
             holds a run";
        no_csv: bool, "no-csv", "", "false", Kind::Switch,
            "Write no CSV files";
        log: String, "log", "FILTER", "info", Kind::Filter,
            "Which events are told on stderr";
        log_format: LogFormat, "log-format", "FORMAT", "text", Kind::Choice(&LogFormat::NAMES),
            "How they are told";
        quiet: bool, "quiet", "", "false", Kind::Switch,
            "Show no status line on a terminal";
    }
    RUN {
        duration: Option<Duration>, "duration", "DURATION", "", Kind::AnyDuration,
            "Drain and end this long after the target is ready";
        phases: Phases, "phases", "NAME:DURATION,…", "", Kind::Phases,
            "Phases that follow each other from ready on, such as warmup:10s,measure:60s: a mark as each begins, and \
             one called end";
        while_command: Option<String>, "while", "CMD", "", Kind::Text,
            "Run CMD by `sh -c` with {url} and {admin} filled in, then drain and exit with its code";
    }
    HIDDEN {
        without_times: bool, "without-times", "", "false", Kind::Switch,
            "Ask the kernel for no arrival stamps and record no times, so that their cost can be measured";
    }
}
