//! What values a setting takes: each kind with its bounds, how a value is read from text, and how it is written down.

use std::fmt::{self, Display};
use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::config::SslMode;
use tracing_subscriber::filter::LevelFilter;

use super::instance::{LONGEST_NAME, is_name};
use super::{Address, LogFormat, Mode, Secret};
use crate::limit::Limit;
use crate::phase::{PHASES, Phases};
use crate::spelling::broken_encoding;
use crate::units::{Bytes, Spelled, parse_duration};

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
    /// How switches of the profile are set.
    Switches,
    /// What an instance of the target is called.
    Instance,
    /// Any text that is not empty.
    Text,
    /// Text that is shown nowhere.
    Secret,
    /// The URL of a `PostgreSQL` server, which is shown nowhere: it may hold a password.
    SecretUrl,
    /// Levels of the log, by module or for all.
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
            Self::Switches => formatter.write_str("NAME=VALUE, of a switch that the profile declares"),
            Self::Instance => write!(
                formatter,
                "1 to {LONGEST_NAME} letters, digits, dots, underscores and hyphens, the first a letter or digit"
            ),
            Self::Text | Self::Secret => formatter.write_str("a text that is not empty"),
            Self::SecretUrl => formatter
                .write_str("postgresql://USER:PASSWORD@HOST:PORT/DATABASE, with other characters percent-encoded"),
            Self::Filter => formatter.write_str(
                "LEVEL or MODULE=LEVEL, or several with commas; levels are off, error, warn, info, debug, trace",
            ),
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

/// A value as it is written down.
pub enum Written {
    /// There is none.
    Unset,
    /// One that is shown nowhere.
    Secret,
    /// On or off.
    Switch(bool),
    /// A number.
    Number(u64),
    /// Anything else, as it is typed.
    Text(String),
    /// Several of those.
    Texts(Vec<String>),
}

/// A type of which the program has a setting's value.
pub trait Value: Sized {
    /// Reads what was typed.
    ///
    /// # Errors
    /// What is wrong and what is allowed, as a clause.
    fn read(text: &str, kind: &Kind) -> Result<Self, String>;

    /// Joins all values that were given. Only a list takes more than one.
    fn join(values: Vec<Self>) -> Option<Self> {
        values.into_iter().next()
    }

    /// What it is when nothing was given and there is no default.
    fn unset() -> Option<Self> {
        None
    }

    /// Is told which setting it is the value of.
    #[must_use]
    fn of(self, _setting: &'static str) -> Self {
        self
    }

    /// As it is written down.
    fn written(&self, kind: &Kind) -> Written;
}

impl<T: Value> Value for Limit<T> {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        T::read(text, kind).map(Self::unnamed)
    }

    fn of(self, setting: &'static str) -> Self {
        Self { setting, ..self }
    }

    fn written(&self, kind: &Kind) -> Written {
        self.most.written(kind)
    }
}

/// What is wrong with a value that its kind does not allow.
pub fn must_be(kind: &Kind) -> String {
    format!("must be {kind}")
}

macro_rules! numbers {
    ($($type:ty),*) => {$(
        impl Value for $type {
            fn read(text: &str, kind: &Kind) -> Result<Self, String> {
                let Kind::Number(least, most) = kind else {
                    unreachable!("read as a number, listed as {kind:?}");
                };
                let number = text.parse().ok().filter(|number| (*least..=*most).contains(number));
                number.and_then(|number: u64| number.try_into().ok()).ok_or_else(|| must_be(kind))
            }

            fn written(&self, _: &Kind) -> Written {
                Written::Number(u64::try_from(*self).unwrap_or(u64::MAX))
            }
        }
    )*};
}

numbers!(u32, u64, usize);

impl Value for Duration {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        let is_allowed = |duration: Self| match kind {
            Kind::Duration(least, most) => (*least..=*most).contains(&duration),
            Kind::DurationOrNever(most) => duration <= *most,
            Kind::AnyDuration => !duration.is_zero(),
            _ => unreachable!("read as a duration, listed as {kind:?}"),
        };
        match parse_duration(text) {
            Ok(duration) if is_allowed(duration) => Ok(duration),
            Ok(_) => Err(must_be(kind)),
            Err(reason) => Err(format!("{reason}; allowed is {kind}")),
        }
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Text(Spelled(*self).to_string())
    }
}

/// `None` is never, or a time that was not given.
impl Value for Option<Duration> {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        Duration::read(text, kind).map(|duration| Some(duration).filter(|duration| !duration.is_zero()))
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn written(&self, kind: &Kind) -> Written {
        match (self, kind) {
            (None, Kind::DurationOrNever(_)) => Duration::ZERO.written(kind),
            (None, _) => Written::Unset,
            (Some(duration), _) => duration.written(kind),
        }
    }
}

impl Value for Bytes {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        let Kind::Bytes(most) = kind else {
            unreachable!("read as bytes, listed as {kind:?}");
        };
        match text.parse() {
            Ok(bytes) if bytes <= *most => Ok(bytes),
            Ok(_) => Err(must_be(kind)),
            Err(reason) => Err(format!("{reason}; allowed is {kind}")),
        }
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Text(self.to_string())
    }
}

impl Value for bool {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        match text {
            // The digits because that is how most people switch something on in an environment.
            "true" | "1" => Ok(true),
            "false" | "0" => Ok(false),
            _ => Err(must_be(kind)),
        }
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Switch(*self)
    }
}

impl Value for Vec<Address> {
    fn read(text: &str, _: &Kind) -> Result<Self, String> {
        Ok(vec![text.parse()?])
    }

    fn join(values: Vec<Self>) -> Option<Self> {
        Some(values.concat())
    }

    fn written(&self, _: &Kind) -> Written {
        list(self)
    }
}

/// Switches of the profile. Whether it has them is checked where the profile is read.
impl Value for Vec<String> {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        if text.contains('=') { Ok(vec![text.to_owned()]) } else { Err(must_be(kind)) }
    }

    fn join(values: Vec<Self>) -> Option<Self> {
        Some(values.concat())
    }

    fn unset() -> Option<Self> {
        Some(Self::new())
    }

    fn written(&self, _: &Kind) -> Written {
        list(self)
    }
}

/// Whether this is a level for all events of the log, or for those of a module. The parser of filters takes a misspelt level for
/// a module, of which there would be no events.
fn is_directive(text: &str) -> bool {
    let (module, level) = text.split_once('=').unwrap_or(("all", text));
    !module.is_empty() && !level.is_empty() && level.parse::<LevelFilter>().is_ok()
}

/// What a database's URL says. The parser takes a `%` as it stands where no byte follows in two hexadecimal digits, and a password
/// would be another than its writer meant: such a URL is none.
fn database_server(url: &str) -> Option<tokio_postgres::Config> {
    let is_url = url.starts_with("postgresql://") || url.starts_with("postgres://");
    url.parse().ok().filter(|_| is_url && broken_encoding(url).is_none())
}

/// A list of one is written as its one value.
fn list(values: &[impl Display]) -> Written {
    match values {
        [] => Written::Unset,
        [one] => Written::Text(one.to_string()),
        several => Written::Texts(several.iter().map(ToString::to_string).collect()),
    }
}

/// `None` is `off`.
impl Value for Option<Address> {
    fn read(text: &str, _: &Kind) -> Result<Self, String> {
        match text {
            "off" => Ok(None),
            _ => text.parse().map(Some).map_err(|reason: String| format!("{reason}; or off")),
        }
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Text(self.as_ref().map_or_else(|| "off".to_owned(), ToString::to_string))
    }
}

impl Value for Phases {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        if text.is_empty() {
            return Err(must_be(kind));
        }
        text.parse().map_err(|reasons| format!("{reasons}; allowed is {kind}"))
    }

    fn unset() -> Option<Self> {
        Some(Self::default())
    }

    fn written(&self, _: &Kind) -> Written {
        if *self == Self::default() { Written::Unset } else { Written::Text(self.to_string()) }
    }
}

/// A type whose values are a few words.
trait Word: Copy + Display + 'static {
    const WORDS: &'static [Self];
}

impl Word for Mode {
    const WORDS: &'static [Self] = &Self::ALL;
}

impl Word for LogFormat {
    const WORDS: &'static [Self] = &Self::ALL;
}

impl<T: Word> Value for T {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        let found = T::WORDS.iter().find(|word| word.to_string() == text);
        found.copied().ok_or_else(|| must_be(kind))
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Text(self.to_string())
    }
}

impl Value for String {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        let is_allowed = match kind {
            Kind::Instance => is_name(text),
            Kind::Filter => text.split(',').all(is_directive),
            // What is wrong with a URL is said without a piece of it, as any may be of the password.
            Kind::SecretUrl => {
                let server = database_server(text);
                if server.as_ref().is_some_and(|server| server.get_ssl_mode() == SslMode::Require) {
                    return Err(format!("must be {kind}, without sslmode=require: quintain speaks no TLS to it"));
                }
                server.is_some()
            }
            _ => !text.is_empty(),
        };
        if is_allowed { Ok(text.to_owned()) } else { Err(must_be(kind)) }
    }

    fn written(&self, _: &Kind) -> Written {
        Written::Text(self.clone())
    }
}

/// A type that is made of a text, for settings that may be left out.
trait Text {
    fn of(text: String) -> Self;
    fn written(&self) -> Written;
}

impl Text for String {
    fn of(text: String) -> Self {
        text
    }

    fn written(&self) -> Written {
        Written::Text(self.clone())
    }
}

impl Text for Secret {
    fn of(text: String) -> Self {
        Self::new(text)
    }

    fn written(&self) -> Written {
        Written::Secret
    }
}

impl Text for PathBuf {
    fn of(text: String) -> Self {
        text.into()
    }

    fn written(&self) -> Written {
        Written::Text(self.display().to_string())
    }
}

impl<T: Text> Value for Option<T> {
    fn read(text: &str, kind: &Kind) -> Result<Self, String> {
        String::read(text, kind).map(T::of).map(Some)
    }

    fn unset() -> Option<Self> {
        Some(None)
    }

    fn written(&self, _: &Kind) -> Written {
        self.as_ref().map_or(Written::Unset, Text::written)
    }
}
