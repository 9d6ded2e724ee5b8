//! What a fault does.

use std::fmt;
use std::time::Duration;

use crate::distribution::{Distribution, Rules};
use crate::limit::Limit;
use crate::mistake::Mistake;
use crate::partition::hash;
use crate::units::Bytes;

/// What is known of a kind, for whoever has to know it.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As it is written.
    pub name: &'static str,
    /// What is written beside the name, and the kind that it makes.
    pub needs: Needs,
    /// What it concerns.
    pub reach: Reach,
    /// Whether requests or connections wait for it before the target takes them: nothing is accepted, or nothing is
    /// answered.
    pub holds_up: bool,
    /// Whether it keeps memory.
    pub leaks: bool,
    /// What a request gets, for the table in `docs/faults.md`.
    pub doc: &'static str,
}

/// What a kind concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// As many requests as its rate says.
    Rate,
    /// Every request while its window is open: it has no rate, and is alone in its plan.
    Requests,
    /// The listeners while its window is open: the same, and no request draws it.
    Listeners,
}

/// What a kind is made of beside its name.
#[derive(Clone, Copy, Debug)]
pub enum Needs {
    /// Nothing more.
    Nothing(fn() -> Kind),
    /// `code`
    Code(fn(u16) -> Kind),
    /// `delay`
    Delay(fn(Delay) -> Kind),
    /// `bytes`
    Bytes(fn(u64) -> Kind),
}

impl Needs {
    /// The field that has it.
    #[must_use]
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Nothing(_) => None,
            Self::Code(_) => Some("code"),
            Self::Delay(_) => Some("delay"),
            Self::Bytes(_) => Some("bytes"),
        }
    }
}

/// What most kinds have in common.
const USUAL: Row = Row {
    name: "",
    needs: Needs::Nothing(|| Kind::Empty),
    reach: Reach::Rate,
    holds_up: false,
    leaks: false,
    doc: "",
};

/// Declares each kind with its row.
macro_rules! kinds {
    ($(#[doc = $doc:literal] $kind:ident $(($of:ty))? = $row:expr;)*) => {
        /// What a fault does to a request, or, where it has no rate, to everything while its window is open.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum Kind {
            $(#[doc = $doc] $kind $(($of))?,)*
        }

        /// A row for each kind.
        pub static ROWS: &[Row] = &[$($row),*];

        impl Kind {
            /// What is known of it.
            #[must_use]
            pub fn row(&self) -> &'static Row {
                enum Place {
                    $($kind,)*
                }
                let place = match self {
                    $(Self::$kind { .. } => Place::$kind,)*
                };
                &ROWS[place as usize]
            }
        }
    };
}

kinds! {
    /// Waits before the handler.
    Delay(Delay) = Row {
        name: "delay",
        needs: Needs::Delay(Kind::Delay),
        doc: "a wait before its handler, fixed or any [distribution](delays.md); `inject` in `Server-Timing` has what passed",
        ..USUAL
    };
    /// Answers with this status, without the handler.
    Status(u16) = Row {
        name: "status",
        needs: Needs::Code(Kind::Status),
        doc: "this status, 200 to 599, and a sentence that says that it is injected",
        ..USUAL
    };
    /// Closes the connection without an answer.
    Empty = Row {
        name: "empty",
        needs: Needs::Nothing(|| Kind::Empty),
        doc: "an end (FIN) instead of an answer, not one byte",
        ..USUAL
    };
    /// Resets the connection without an answer.
    Reset = Row {
        name: "reset",
        needs: Needs::Nothing(|| Kind::Reset),
        doc: "a reset (RST) instead of an answer; over a unix socket, which has none, an end",
        ..USUAL
    };
    /// Cuts the connection after so many bytes of the body.
    Truncate(u64) = Row {
        name: "truncate",
        needs: Needs::Bytes(Kind::Truncate),
        doc: "the head as it is, so many bytes of the body, an end. A body that is not longer arrives whole, and HEAD has none",
        ..USUAL
    };
    /// Sends the body slowly: spread over this long.
    Drip(Delay) = Row {
        name: "drip",
        needs: Needs::Delay(Kind::Drip),
        doc: "the head at once, the body in ten equal pieces, the last one after `delay`; in chunks of no told length, piece \
              by piece as they are made. Nothing is missing",
        ..USUAL
    };
    /// Breaks the framing of the body.
    Malformed = Row {
        name: "malformed",
        needs: Needs::Nothing(|| Kind::Malformed),
        doc: "a 200 whose first chunk has no size, then an end",
        ..USUAL
    };
    /// Every request waits until the window ends.
    Stall = Row {
        name: "stall",
        needs: Needs::Nothing(|| Kind::Stall),
        reach: Reach::Requests,
        holds_up: true,
        doc: "a wait until the window ends, with everybody else",
        ..USUAL
    };
    /// No connection is accepted.
    Freeze = Row {
        name: "freeze",
        needs: Needs::Nothing(|| Kind::Freeze),
        reach: Reach::Listeners,
        holds_up: true,
        doc: "nobody accepts: it connects and waits. The kernel's queue holds `--backlog` for each worker",
        ..USUAL
    };
    /// Every connection is refused.
    Refuse = Row {
        name: "refuse",
        needs: Needs::Nothing(|| Kind::Refuse),
        reach: Reach::Listeners,
        doc: "a refused connection: nobody listens. Whoever waited in the queue is taken first",
        ..USUAL
    };
    /// The worker exits.
    Crash = Row {
        name: "crash",
        needs: Needs::Nothing(|| Kind::Crash),
        doc: "no answer: its worker exits and is respawned. Cluster only",
        ..USUAL
    };
    /// So many bytes are touched and kept.
    Leak(u64) = Row {
        name: "leak",
        needs: Needs::Bytes(Kind::Leak),
        leaks: true,
        doc: "its answer; so much memory is touched and kept until the plan goes, up to `--max-leak`",
        ..USUAL
    };
}

impl Row {
    /// The row of the kind that is written like this.
    #[must_use]
    pub fn of(name: &str) -> Option<&'static Self> {
        ROWS.iter().find(|row| row.name == name)
    }

    /// Whether it is written with a rate.
    #[must_use]
    pub fn has_rate(&self) -> bool {
        self.reach == Reach::Rate
    }

    /// An example in JSON, as the table in `docs/faults.md` shows it.
    #[must_use]
    pub fn example(&self) -> String {
        let needs = match self.needs {
            Needs::Nothing(_) => "",
            Needs::Code(_) => ", \"code\": 503",
            Needs::Delay(_) => ", \"delay\": \"200ms\"",
            Needs::Bytes(_) => ", \"bytes\": 1000",
        };
        let rate = if self.has_rate() { ", \"rate\": …" } else { "" };
        format!("{{\"kind\": \"{}\"{needs}{rate}}}", self.name)
    }
}

/// How long a delay is: a distribution, drawn by the index of the request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    distribution: Distribution,
    seed: u64,
}

impl Delay {
    /// Reads a delay that is at most so long, of the plan's n-th kind.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, limit: Limit<Duration>, (seed, number): (u64, usize)) -> Result<Self, Mistake> {
        let rules = Rules { limit, read: None };
        // Not the seed that has chosen the index, or those chosen would all be short.
        let seed = hash(hash(seed, u64::MAX), number as u64);
        Ok(Self { distribution: Distribution::parse(text, &rules)?, seed })
    }

    /// The delay of an index.
    #[must_use]
    pub fn at(&self, index: u64) -> Duration {
        self.distribution.draw(self.seed, index)
    }
}

impl fmt::Display for Delay {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.distribution.fmt(formatter)
    }
}

impl Kind {
    /// As it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.row().name
    }

    /// The status that is answered by what is counted under this name, if it is a status.
    #[must_use]
    pub fn status_of(counted: &str) -> Option<u16> {
        counted.strip_prefix("status ")?.parse().ok()
    }
}

/// As it is counted: `status 500`, `delay 200ms`, `reset`.
impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.name();
        match self {
            Self::Delay(delay) | Self::Drip(delay) => write!(formatter, "{name} {delay}"),
            Self::Status(code) => write!(formatter, "{name} {code}"),
            Self::Truncate(bytes) | Self::Leak(bytes) => write!(formatter, "{name} {}", Bytes(*bytes)),
            // All others have nothing to be told apart by.
            _ => formatter.write_str(name),
        }
    }
}
