//! What happens to a run: told by whom it happens to, written to `events.csv` and the live page, and read back by reports.
//!
//! A kind's name and what it tells stand here alone: its text is made by [`EventKind::text`], and [`EventKind::read`] reads it.

mod worker_end;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::sys::clock;
pub use worker_end::{Killer, MemoryLimit, WorkerEnd};

/// Kinds of events: the name of each in `events.csv`, what else it tells, or the sentence that it always says.
macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:literal => $kind:ident $(($told:ident: $type:ty))? $(says $sentence:literal)?,)*) => {
        /// What has happened.
        #[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub enum EventKind {
            $($(#[doc = $doc])* $kind $(($type))?,)*
            /// One that another version knows.
            Other {
                /// Its name.
                name: String,
                /// What it tells.
                text: String,
            },
        }

        impl EventKind {
            /// The names of all kinds, and when each comes.
            pub const KINDS: &[(&str, &str)] = &[$(($name, concat!($($doc),*))),*];

            /// Its name.
            #[must_use]
            pub fn name(&self) -> &str {
                match self {
                    $(Self::$kind { .. } => $name,)*
                    Self::Other { name, .. } => name,
                }
            }

            /// What it tells, in words.
            #[must_use]
            pub fn text(&self) -> String {
                match self {
                    $(Self::$kind $(($told))? => {
                        let words: &[String] = &[$($told.to_string())? $($sentence.to_owned())?];
                        words.concat()
                    })*
                    Self::Other { text, .. } => text.clone(),
                }
            }

            fn of(name: &str, text: &str) -> Self {
                match name {
                    $($name => Self::$kind $((<$type>::from(text)))?,)*
                    _ => Self::Other { name: name.to_owned(), text: text.to_owned() },
                }
            }
        }
    };
}

kinds! {
    /// The first worker of a slot serves.
    "start" => Start,
    /// All workers serve.
    "ready" => Ready says "all workers serve",
    /// A TTIN has added a worker, which serves.
    "worker-added" => WorkerAdded,
    /// A TTOU has taken a worker out.
    "worker-retired" => WorkerRetired,
    /// The successor of a worker that died serves.
    "respawn" => Respawn,
    /// The successor of a worker that is replaced serves.
    "reload" => Reload,
    /// A worker could not be started, and why.
    "start-failed" => StartFailed(reason: String),
    /// A successor could not serve, and why; the worker before it stays.
    "reload-failed" => ReloadFailed(reason: String),
    /// A worker has ended.
    "worker-ended" => WorkerEnded(end: WorkerEnd),
    /// Another observer samples.
    "observer-respawn" => ObserverRespawn says "the observer before it died; the next row covers the gap",
    /// A HUP has brought another profile, and what of it is other.
    "profile" => Profile(change: String),
    /// A signal is not obeyed: which one, and why.
    "refused" => Refused(reason: String),
    /// A phase begins: its name.
    "mark" => Mark(phase: String),
    /// Other fault plans are in force.
    "fault plan" => FaultPlan(change: PlanChange),
    /// A worker has counted what can't be.
    "implausible" => Implausible says "its counters can't be true: this row keeps the last ones, and counting goes on from there",
    /// Rows of a file are missing or late: which.
    "gap" => Gap(rows: String),
    /// The run ends in order, and why.
    "drain" => Drain(reason: String),
    /// What is in flight is given up, and why.
    "abandon" => Abandon(reason: String),
    /// The target can't go on, and why.
    "failure" => Failure(reason: String),
}

impl EventKind {
    /// Reads what stands in `events.csv`: name, words, and the plans where there are any.
    #[must_use]
    pub fn read(name: &str, text: &str, plans: &str) -> Self {
        match Self::of(name, text) {
            Self::FaultPlan(change) => Self::FaultPlan(PlanChange { plans: plans.to_owned(), ..change }),
            kind => kind,
        }
    }

    /// Of a change of the fault plans: those in force from then on, as JSON.
    #[must_use]
    pub fn plans(&self) -> Option<&str> {
        if let Self::FaultPlan(change) = self { Some(&change.plans) } else { None }
    }

    /// Whether a worker ended otherwise than by an order.
    #[must_use]
    pub fn is_death(&self) -> bool {
        matches!(self, Self::WorkerEnded(end) if !end.is_ordered())
    }
}

/// A change of the fault plans. Its words are `epoch 3: none, as their ttl is over`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlanChange {
    /// The epoch from which they are in force; `None` where a change was refused.
    pub epoch: Option<u64>,
    /// What they are, or whose, or why they are refused.
    pub words: String,
    /// Those in force from here on, and how old each is, as JSON.
    pub plans: String,
}

impl fmt::Display for PlanChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, words, plans: _ } = self;
        epoch.map_or(Ok(()), |epoch| write!(f, "epoch {epoch}: "))?;
        f.write_str(words)
    }
}

impl From<&str> for PlanChange {
    fn from(text: &str) -> Self {
        let parts = text.strip_prefix("epoch ").and_then(|rest| rest.split_once(": "));
        let (epoch, words) = match parts.map(|(epoch, words)| (epoch.parse().ok(), words)) {
            Some((Some(epoch), words)) => (Some(epoch), words),
            _ => (None, text),
        };
        Self { epoch, words: words.to_owned(), plans: String::new() }
    }
}

/// A worker or the observer, when something happened to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Whose {
    /// A worker's slot.
    pub slot: Option<usize>,
    /// How many have held its place, itself included.
    pub generation: Option<u64>,
    /// Its process.
    pub pid: Option<u32>,
}

/// Something that has happened, and when.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// When (monotonic).
    pub at_ns: u64,
    /// When, since the Unix epoch.
    pub realtime_ns: u64,
    /// Whom it concerns; nobody is the whole target.
    pub whose: Whose,
    /// What it is.
    pub kind: EventKind,
}

impl Event {
    /// It happens to the whole target, at this time by both clocks (monotonic, and since the Unix epoch).
    #[must_use]
    pub fn at((at_ns, realtime_ns): (u64, u64), kind: EventKind) -> Self {
        Self { at_ns, realtime_ns, whose: Whose::default(), kind }
    }

    /// The same, now.
    #[must_use]
    pub fn now(kind: EventKind) -> Self {
        Self::at((clock::monotonic_ns(), clock::realtime_ns()), kind)
    }

    /// The same, to one of its workers or the observer.
    #[must_use]
    pub fn of(self, whose: Whose) -> Self {
        Self { whose, ..self }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::process::Exit;

    #[test]
    fn what_is_written_is_read_back() {
        let reason = || "epoch 1: any words, with \"quotes\"".to_owned();
        let change = |epoch, words: &str| {
            EventKind::FaultPlan(PlanChange { epoch, words: words.to_owned(), plans: "[{}]".to_owned() })
        };
        let end = WorkerEnd { exit: Exit::Signal(9), killer: Some(Killer::Somebody), lost: 2.into() };
        let mut all = vec![change(Some(3), "a (status 0.1) on *: so"), change(None, "refused: no room")];
        all.extend([
            EventKind::Mark(reason()),
            EventKind::Gap(reason()),
            EventKind::WorkerEnded(end),
            EventKind::Start,
            EventKind::Ready,
        ]);
        all.extend(EventKind::KINDS.iter().map(|(name, _)| EventKind::of(name, "")));
        all.push(EventKind::Other { name: "eclipse".to_owned(), text: reason() });
        for kind in all {
            assert_eq!(EventKind::read(kind.name(), &kind.text(), kind.plans().unwrap_or_default()), kind);
        }
    }

    #[test]
    fn of_a_change_of_plans_the_epoch_is_told_from_its_words() {
        let read = |text: &str| {
            let PlanChange { epoch, words, .. } = text.into();
            (epoch, words)
        };
        assert_eq!(
            read("epoch 12: none, as their ttl is over"),
            (Some(12), "none, as their ttl is over".to_owned())
        );
        for text in ["those of the profile are refused: no", "epoch x: none", "epoch 1", ""] {
            assert_eq!(read(text), (None, text.to_owned()));
        }
    }
}
