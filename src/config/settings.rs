//! The one table of settings. Flags, environment names, TOML keys, `--help` and what is allowed all come from it.

use std::fmt;
use std::time::Duration;

use crate::phase::PHASES;
use crate::units::{Bytes, Spelled};

use super::instance::LONGEST_NAME;

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

/// What values a setting takes, and within which bounds (both allowed themselves).
#[derive(Debug)]
pub enum Kind {
    /// On or off: as a flag, given or not.
    Switch,
    /// A whole number.
    Number(u64, u64),
    /// A duration.
    Duration(Duration, Duration),
    /// A duration whose zero means never, up to this.
    DurationOrNever(Duration),
    /// A duration longer than zero.
    AnyDuration,
    /// A number of bytes, up to this.
    Bytes(Bytes),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Names of phases with durations.
    Phases,
    /// Where to listen: one address or several.
    Addresses,
    /// Where to listen, or `off`.
    AddressOrOff,
    /// What an instance of the target is called.
    Instance,
    /// Any text that is not empty.
    Text,
    /// Text that is shown nowhere.
    Secret,
    /// The URL of a `PostgreSQL` server, which is shown nowhere: it may hold a password.
    SecretUrl,
    /// Directives of a tracing filter.
    Filter,
}

impl fmt::Display for Kind {
    /// What is allowed, as a phrase.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ADDRESS: &str = "IP:PORT, [IPV6]:PORT, NAME:PORT or unix:PATH";
        match self {
            Self::Switch => formatter.write_str("true or false"),
            Self::Number(least, most) => write!(formatter, "{least} to {most}"),
            Self::Duration(least, most) => {
                write!(formatter, "{} to {}", Spelled(*least), Spelled(*most))
            }
            Self::DurationOrNever(most) => write!(formatter, "0 (never) to {}", Spelled(*most)),
            Self::AnyDuration => formatter.write_str("a duration above 0"),
            Self::Bytes(most) => write!(formatter, "0 to {most}"),
            Self::Choice([first @ .., last]) => write!(formatter, "{} or {last}", first.join(", ")),
            Self::Choice([]) => formatter.write_str("nothing"),
            Self::Phases => {
                write!(formatter, "1 to {PHASES} of NAME:DURATION with commas between, durations above 0")
            }
            Self::Addresses => formatter.write_str(ADDRESS),
            Self::AddressOrOff => write!(formatter, "{ADDRESS}, or off"),
            Self::Instance => write!(
                formatter,
                "1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens, the first a letter or digit"
            ),
            Self::Text | Self::Secret => formatter.write_str("a text that is not empty"),
            Self::SecretUrl => formatter
                .write_str("postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with other characters percent-encoded"),
            Self::Filter => formatter.write_str("a filter such as info or quintain=debug,warn"),
        }
    }
}

impl Kind {
    /// Whether a value must not be shown.
    #[must_use]
    pub fn is_secret(&self) -> bool {
        matches!(self, Self::Secret | Self::SecretUrl)
    }
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
        matches!(self.kind, Kind::Addresses)
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

/// Every setting, in the order of `--help`.
pub const SETTINGS: &[Setting] = &[
    Setting {
        name: "listen",
        placeholder: "ADDRESS",
        default: "127.0.0.1:8080",
        heading: ADDRESSES,
        help: "Where the target listens; port 0 takes a free one, localhost is 127.0.0.1 and ::1. May be given several \
               times; its variable takes several with commas between",
        kind: Kind::Addresses,
    },
    Setting {
        name: "admin",
        placeholder: "ADDRESS",
        default: "127.0.0.1:8081",
        heading: ADDRESSES,
        help: "Where the live page and the admin routes listen (/, /stats, /metrics, /faults, /ready)",
        kind: Kind::AddressOrOff,
    },
    Setting {
        name: "admin-token",
        placeholder: "TOKEN",
        default: "",
        heading: ADDRESSES,
        help: "What a write to the admin routes must show when they listen beyond loopback; better \
               given by the environment, where `ps` doesn't show it",
        kind: Kind::Secret,
    },
    Setting {
        name: "profile",
        placeholder: "NAME|FILE",
        default: "default",
        heading: WHAT,
        help: "What is served: a built-in profile (`quintain profiles` lists them) or a TOML file of routes",
        kind: Kind::Text,
    },
    Setting {
        name: "db",
        placeholder: "",
        default: "false",
        heading: WHAT,
        help: "Make an embedded database (SQLite) in the run directory before the start, for /db; a profile with db steps \
               has one anyway",
        kind: Kind::Switch,
    },
    Setting {
        name: "database-url",
        placeholder: "URL",
        default: "",
        heading: WHAT,
        help: "A PostgreSQL server for /db and db steps, such as postgresql://user:password@host:5432/database; better given \
               by the environment, where `ps` doesn't show it",
        kind: Kind::SecretUrl,
    },
    Setting {
        name: "mode",
        placeholder: "MODE",
        default: "single",
        heading: WORKERS,
        help: "One worker in this process, workers as threads, or a pre-forked cluster of processes",
        kind: Kind::Choice(&["single", "threads", "cluster"]),
    },
    Setting {
        name: "workers",
        placeholder: "N",
        default: "",
        heading: WORKERS,
        help: "How many workers: unless given, the whole CPUs that affinity and CPU quota allow this process, at least \
               1 and at most --max-workers; 1 in mode single",
        kind: Kind::Number(1, 256),
    },
    Setting {
        name: "max-workers",
        placeholder: "N",
        default: "64",
        heading: WORKERS,
        help: "How many workers there is room for on the scoreboard in mode cluster; in the others, the largest --workers",
        kind: Kind::Number(1, 256),
    },
    Setting {
        name: "pool-threads",
        placeholder: "N",
        default: "16",
        heading: WORKERS,
        help: "Threads in each worker's pool for blocking work",
        kind: Kind::Number(1, 512),
    },
    Setting {
        name: "seed",
        placeholder: "N",
        default: "1",
        heading: WORKERS,
        help: "What all chance is drawn from: the same seed, the same run",
        kind: Kind::Number(0, u64::MAX),
    },
    Setting {
        name: "max-connections",
        placeholder: "N",
        default: "16384",
        heading: LIMITS,
        help: "Open connections per worker; more are answered 503 and closed",
        kind: Kind::Number(1, 1_000_000),
    },
    Setting {
        name: "max-inflight",
        placeholder: "N",
        default: "16384",
        heading: LIMITS,
        help: "Requests being served per worker; more are answered 503",
        kind: Kind::Number(1, 1_000_000),
    },
    Setting {
        name: "max-delay",
        placeholder: "DURATION",
        default: "60s",
        heading: LIMITS,
        help: "The longest wait that a request may ask for",
        kind: Kind::Duration(Duration::ZERO, HOUR),
    },
    Setting {
        name: "max-cpu",
        placeholder: "DURATION",
        default: "10s",
        heading: LIMITS,
        help: "The most CPU time that a request may ask for",
        kind: Kind::Duration(Duration::ZERO, Duration::from_mins(10)),
    },
    Setting {
        name: "max-body",
        placeholder: "BYTES",
        default: "64MiB",
        heading: LIMITS,
        help: "The largest body that a request may send",
        kind: Kind::Bytes(Bytes(4 << 30)),
    },
    Setting {
        name: "max-bytes",
        placeholder: "BYTES",
        default: "1GiB",
        heading: LIMITS,
        help: "The largest body that a request may ask for",
        kind: Kind::Bytes(Bytes(1 << 40)),
    },
    Setting {
        name: "max-mem",
        placeholder: "BYTES",
        default: "256MiB",
        heading: LIMITS,
        help: "The most memory that a request may ask for, and that a worker holds for all of them",
        kind: Kind::Bytes(Bytes(1 << 40)),
    },
    Setting {
        name: "max-leak",
        placeholder: "BYTES",
        default: "1GiB",
        heading: LIMITS,
        help: "The most memory that faults may leak, per worker",
        kind: Kind::Bytes(Bytes(64 << 30)),
    },
    Setting {
        name: "db-rows",
        placeholder: "N",
        default: "100000",
        heading: LIMITS,
        help: "Rows of the database, made from the seed; no query is about more",
        kind: Kind::Number(1, 100_000_000),
    },
    Setting {
        name: "db-pool",
        placeholder: "N",
        default: "10",
        heading: LIMITS,
        help: "Connections to the database, per worker; requests beyond them wait for one",
        kind: Kind::Number(1, 10_000),
    },
    Setting {
        name: "db-acquire-timeout",
        placeholder: "DURATION",
        default: "5s",
        heading: LIMITS,
        help: "How long a request waits for a database connection before it is answered 503",
        kind: Kind::Duration(Duration::from_millis(1), HOUR),
    },
    Setting {
        name: "db-timeout",
        placeholder: "DURATION",
        default: "10s",
        heading: LIMITS,
        help: "How long a request waits for the database itself, such as for its one writer, before it is answered 503",
        kind: Kind::Duration(Duration::from_millis(1), HOUR),
    },
    Setting {
        name: "backlog",
        placeholder: "N",
        default: "4096",
        heading: LIMITS,
        help: "Connections waiting to be accepted, per worker, and in all on a unix socket; the kernel caps it at \
               somaxconn",
        kind: Kind::Number(1, 65_535),
    },
    Setting {
        name: "keep-alive-timeout",
        placeholder: "DURATION",
        default: "75s",
        heading: TIMES,
        help: "How long a connection may be idle before it is closed",
        kind: Kind::DurationOrNever(HOUR),
    },
    Setting {
        name: "shutdown-timeout",
        placeholder: "DURATION",
        default: "30s",
        heading: TIMES,
        help: "How long a drain may take; what is then in flight is lost",
        kind: Kind::Duration(Duration::from_millis(100), HOUR),
    },
    Setting {
        name: "drain-delay",
        placeholder: "DURATION",
        default: "0",
        heading: TIMES,
        help: "How long after TERM connections are still taken while /readyz says 503",
        kind: Kind::Duration(Duration::ZERO, Duration::from_mins(10)),
    },
    Setting {
        name: "spin-us",
        placeholder: "N",
        default: "0",
        heading: TIMES,
        help: "Microseconds before the end of each sleep in which a worker does nothing but watch the clock",
        kind: Kind::Number(0, 1_000),
    },
    Setting {
        name: "instance",
        placeholder: "NAME",
        default: "",
        heading: RECORDS,
        help: "What this target is called among others of the same test, in headers, metrics and the run directory's \
               name; the host's name in a container, none elsewhere",
        kind: Kind::Instance,
    },
    Setting {
        name: "sample-interval",
        placeholder: "DURATION",
        default: "1s",
        heading: RECORDS,
        help: "How often a row is written",
        kind: Kind::Duration(Duration::from_millis(50), MINUTE),
    },
    Setting {
        name: "run-dir",
        placeholder: "DIR",
        default: "",
        heading: RECORDS,
        help: "Where the run's files go, runs/<UTC>-<mode>, with the instance behind it, unless given; refused if it \
               holds a run",
        kind: Kind::Text,
    },
    Setting {
        name: "no-csv",
        placeholder: "",
        default: "false",
        heading: RECORDS,
        help: "Write no CSV files",
        kind: Kind::Switch,
    },
    Setting {
        name: "log",
        placeholder: "FILTER",
        default: "info",
        heading: RECORDS,
        help: "Which events are told on stderr",
        kind: Kind::Filter,
    },
    Setting {
        name: "log-format",
        placeholder: "FORMAT",
        default: "text",
        heading: RECORDS,
        help: "How they are told",
        kind: Kind::Choice(&["text", "json"]),
    },
    Setting {
        name: "quiet",
        placeholder: "",
        default: "false",
        heading: RECORDS,
        help: "Show no status line on a terminal",
        kind: Kind::Switch,
    },
    Setting {
        name: "duration",
        placeholder: "DURATION",
        default: "",
        heading: RUN,
        help: "Drain and end this long after the target is ready",
        kind: Kind::AnyDuration,
    },
    Setting {
        name: "phases",
        placeholder: "NAME:DURATION,…",
        default: "",
        heading: RUN,
        help: "Phases that follow each other from ready on, such as warmup:10s,measure:60s: a mark as each begins, and \
               one called end",
        kind: Kind::Phases,
    },
    Setting {
        name: "while",
        placeholder: "CMD",
        default: "",
        heading: RUN,
        help: "Run CMD by `sh -c` with {url} and {admin} filled in, then drain and exit with its code",
        kind: Kind::Text,
    },
    Setting {
        name: "without-times",
        placeholder: "",
        default: "false",
        heading: HIDDEN,
        help: "Ask the kernel for no arrival stamps and record no times, so that their cost can be measured",
        kind: Kind::Switch,
    },
];
