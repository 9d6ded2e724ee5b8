//! A load generator's account against the target's: what agrees, what does not, and who is wrong.
//!
//! Pure: [`verify`] takes both accounts and gives checks, each of which says what was compared, both values, whether they
//! agree, the likely cause and how sure that is. What can't be compared is said, too, and is no agreement.
//! [`of_published`] does it for figures of which nothing else is known.

mod arithmetic;
mod counts;
mod failures;
mod faults;
mod latency;
mod omission;
mod published;
mod servers;
mod shown;
mod strain;
mod target;

pub use published::{contradictions, of_published};
pub use shown::{Heading, json, markdown, text};
pub use target::{OfInstance, Part, Row, Target};

use crate::findings::Certainty;
use crate::generator::Account;
use crate::spelling::words;
use crate::units::shown::count as exact;

/// What was compared, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Check {
    /// What it is about.
    pub topic: Topic,
    /// Which one of several: a status, a fault plan, a set of published figures. Often empty.
    pub which: String,
    /// What the generator says, or the report.
    pub theirs: String,
    /// What the target says, or the report's other figures.
    pub ours: String,
    /// Whether they agree.
    pub verdict: Verdict,
    /// Why, and who is wrong.
    pub cause: String,
    /// How sure the cause is.
    pub certainty: Certainty,
}

words! {
    /// Whether two accounts agree.
    #[derive(PartialOrd, Ord)]
    pub enum Verdict {
        /// They do.
        Agrees = "agrees",
        /// They don't, or one of them can't be believed.
        Differs = "differs",
        /// One of them does not tell.
        Unknown = "unknown",
    }
}

/// Makes the topics, each with its name and what it compares, in the order in which they are shown.
macro_rules! topics {
    ($($topic:ident $name:literal $doc:literal,)*) => {
        /// What a check is about.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Topic {
            $(#[doc = $doc] $topic,)*
        }

        impl Topic {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$topic,)*];

            /// Its name.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$topic => $name,)*
                }
            }

            /// What it compares.
            #[must_use]
            pub fn compares(self) -> &'static str {
                match self {
                    $(Self::$topic => $doc,)*
                }
            }
        }
    };
}

topics! {
    Requests "requests" "answers that the generator counts, and those that the target gave; the rest must have been in flight at its end",
    Servers "servers" "of a balancer: answers of each server, and those of each instance of the target",
    Failures "failures" "requests without an answer, and what the target knows of them: whose fault each is",
    Status "status" "answers of each status",
    Bytes "bytes" "what was received, and what was sent",
    Faults "faults" "fault plans: what they come to, what was carried out, what the generator saw",
    Rate "rate × duration" "the generator's rate times its duration, and its count",
    LittlesLaw "Little's law" "rate times mean latency, and the connections or users there were",
    Order "percentiles" "whether they rise from the minimum to the maximum",
    Mean "mean" "whether the percentiles allow it",
    Unit "unit" "whether the generator's times are a thousand times those of the target, or a thousandth",
    Bound "client ≥ target" "the generator's latencies, and the target's from the kernel's arrival stamps on, which are a part of them",
    Omission "omission" "the waiting that a steady client would have had, and what the generator shows of it",
    Kept "rate kept" "the rate that the generator was told, and what it did",
    Cpu "generator's CPU" "how much CPU was used beside the target on its machine",
    Success "success" "published: requests that worked, by route, and requests less errors",
    Claim "claim" "published: what a report says in words, and its figures",
    Sets "sets" "published: one measurement of a report beside another",
}

/// Every check of a generator's account that has a meaning for it. `told_rate` is the rate at which it was told to send.
#[must_use]
pub fn verify(account: &Account, target: &Target, told_rate: Option<f64>) -> Vec<Check> {
    let target = target.as_asked(account);
    let mut checks = vec![counts::requests(account, target)];
    checks.extend(servers::servers(account, target));
    checks.extend(failures::failures(account, target));
    checks.extend(counts::statuses(account, target));
    checks.push(counts::bytes(account, target));
    checks.extend(faults::faults(account, target));
    // A balancer counts what passes through it, and keeps no rate.
    if !account.servers.is_empty() {
        return checks;
    }
    checks.push(arithmetic::rate(&arithmetic::Rates::of(account)));
    checks.push(strain::littles_law(account, target));
    checks.extend(arithmetic::percentiles(account.generator, &account.latency));
    checks.extend(latency::latencies(account, target));
    checks.push(omission::omission(account, target));
    checks.extend(strain::rate_kept(account, target, told_rate));
    checks.push(strain::cpu(account, target));
    checks
}

/// What all of them come to: a difference outweighs everything, and nothing that agrees is no agreement.
#[must_use]
pub fn verdict(checks: &[Check]) -> Verdict {
    let has = |verdict| checks.iter().any(|check| check.verdict == verdict);
    match (has(Verdict::Differs), has(Verdict::Agrees)) {
        (true, _) => Verdict::Differs,
        (false, true) => Verdict::Agrees,
        (false, false) => Verdict::Unknown,
    }
}

impl Check {
    fn new(topic: Topic, theirs: impl Into<String>, ours: impl Into<String>) -> Self {
        Self {
            topic,
            which: String::new(),
            theirs: theirs.into(),
            ours: ours.into(),
            verdict: Verdict::Unknown,
            cause: String::new(),
            certainty: Certainty::Certain,
        }
    }

    fn of(self, which: impl Into<String>) -> Self {
        Self { which: which.into(), ..self }
    }

    fn agrees(self, cause: impl Into<String>) -> Self {
        Self { verdict: Verdict::Agrees, cause: cause.into(), ..self }
    }

    fn differs(self, certainty: Certainty, cause: impl Into<String>) -> Self {
        Self { verdict: Verdict::Differs, cause: cause.into(), certainty, ..self }
    }

    fn unknown(self, cause: impl Into<String>) -> Self {
        Self { verdict: Verdict::Unknown, cause: cause.into(), ..self }
    }

    fn surely(self, certainty: Certainty) -> Self {
        Self { certainty, ..self }
    }

    /// Topic, and which one of several.
    #[must_use]
    pub fn title(&self) -> String {
        let Self { topic, which, .. } = self;
        if which.is_empty() { topic.name().to_owned() } else { format!("{}: {which}", topic.name()) }
    }
}

#[cfg(test)]
mod tests;
