//! Phases: what they may be called, and a plan of them: `warmup:10s,measure:60s`. Pure.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use crate::units::{Spelled, nanoseconds, parse_duration};

/// Most marks of a run.
pub const MARKS: usize = 256;

/// Longest name of a phase.
pub const PHASE_NAME: usize = 64;

/// What `since=` calls the start of the run.
pub const START: &str = "start";

/// The phase that begins when a plan is over.
pub const END: &str = "end";

/// What a phase may be called.
pub const ALLOWED: &str = "1 to 64 of letters, digits, space, '.', '_' and '-', not spaces alone, and not start";

/// Most phases of a plan: the end takes a mark too.
pub const PHASES: usize = MARKS - 1;

/// Whether a phase may be called so.
#[must_use]
pub fn is_name(name: &str) -> bool {
    let is_allowed = |letter: char| letter.is_ascii_alphanumeric() || " ._-".contains(letter);
    (1..=PHASE_NAME).contains(&name.len())
        && name.chars().all(is_allowed)
        && !name.trim().is_empty()
        && name != START
}

/// Phases that follow each other from the moment the target is ready, each with how long it lasts. Printed as they are
/// read, but for spaces around a name.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Phases(Vec<(String, Duration)>);

impl Phases {
    /// When each of them begins, in nanoseconds after ready, and then [`END`]; nothing where no phase is planned.
    #[must_use]
    pub fn marks(&self) -> Vec<(String, u64)> {
        let Self(phases) = self;
        if phases.is_empty() {
            return Vec::new();
        }
        let mut begins_ns = 0_u64;
        let mut marks = Vec::with_capacity(phases.len() + 1);
        for (name, lasts) in phases {
            marks.push((name.clone(), begins_ns));
            begins_ns = begins_ns.saturating_add(nanoseconds(*lasts));
        }
        marks.push((END.to_owned(), begins_ns));
        marks
    }
}

impl FromStr for Phases {
    type Err = String;

    /// All that is wrong, as one clause.
    fn from_str(text: &str) -> Result<Self, String> {
        let (mut phases, mut wrong) = (Vec::new(), Vec::new());
        for item in text.split(',').map(str::trim) {
            match phase(item) {
                Ok(phase) => phases.push(phase),
                Err(reason) => wrong.push(reason),
            }
        }
        let count = phases.len() + wrong.len();
        if count > PHASES {
            wrong.push(format!("{count} phases are too many: a run has {MARKS} marks, one of them for the end"));
        }
        if wrong.is_empty() { Ok(Self(phases)) } else { Err(wrong.join("; ")) }
    }
}

fn phase(item: &str) -> Result<(String, Duration), String> {
    let Some((name, lasts)) = item.split_once(':') else {
        return Err(format!("{item:?} must be a name, a colon and a duration, such as warmup:10s"));
    };
    let (name, lasts) = (name.trim(), lasts.trim());
    if !is_name(name) {
        return Err(format!("the name {name:?} must be {ALLOWED}"));
    }
    match parse_duration(lasts) {
        Ok(Duration::ZERO) => Err(format!("{item:?} must last longer than 0")),
        Ok(lasts) => Ok((name.to_owned(), lasts)),
        Err(reason) => Err(format!("the duration {lasts:?} of {name:?} {reason}")),
    }
}

impl fmt::Display for Phases {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let phases = self.0.iter().map(|(name, lasts)| format!("{name}:{}", Spelled(*lasts)));
        formatter.write_str(&phases.collect::<Vec<_>>().join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn wrong(text: &str) -> String {
        text.parse::<Phases>().unwrap_err()
    }

    #[test]
    fn each_begins_when_the_one_before_is_over() {
        let phases: Phases = "warm up:10s, measure: 1.5m,b.1:500ms".parse().unwrap();
        let second = 1_000_000_000;
        let begins =
            [("warm up", 0), ("measure", 10), ("b.1", 100)].map(|(name, at)| (name.to_owned(), at * second));
        let mut expected = begins.to_vec();
        expected.push((END.to_owned(), 100 * second + second / 2));
        assert_eq!(phases.marks(), expected);
        assert_eq!(phases.to_string(), "warm up:10s,measure:90s,b.1:500ms");
        assert_eq!(Phases::default().marks(), []);
        let for_ever: Phases = "a:300000000m,b:300000000m".parse().unwrap();
        assert_eq!(for_ever.marks()[2].1, u64::MAX);
    }

    #[test]
    fn all_that_is_wrong_is_said() {
        assert_eq!(wrong("warmup"), "\"warmup\" must be a name, a colon and a duration, such as warmup:10s");
        assert_eq!(wrong("a:0"), "\"a:0\" must last longer than 0");
        assert_eq!(wrong("a:5"), "the duration \"5\" of \"a\" needs a unit: 5s for seconds, 5ms for milliseconds");
        let several = wrong("start:1s,a:-1s,:1s,ok:1s,,a:1s:2s");
        let parts: Vec<&str> = several.split("; ").collect();
        assert_eq!(parts.len(), 5, "{several}");
        assert_eq!(parts[0], format!("the name \"start\" must be {ALLOWED}"));
        assert!(parts[1].contains("negative") && parts[4].contains("unknown unit"), "{several}");
    }

    #[test]
    fn no_more_than_there_are_marks_for() {
        let so_many = |count: usize| vec!["a:1s"; count].join(",");
        assert_eq!(so_many(PHASES).parse::<Phases>().unwrap().marks().len(), MARKS);
        assert!(wrong(&so_many(PHASES + 1)).starts_with("256 phases are too many"));
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(
            phases in prop::collection::vec(("[a-zA-Z0-9._-]([a-zA-Z0-9 ._-]{0,8}[a-zA-Z0-9._-])?", 1_u64..), 1..6),
        ) {
            prop_assume!(phases.iter().all(|(name, _)| is_name(name)));
            let phases = phases.into_iter().map(|(name, lasts)| (name, Duration::from_nanos(lasts)));
            let phases = Phases(phases.collect());
            prop_assert_eq!(phases.to_string().parse(), Ok(phases));
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,20}") {
            let _ = text.parse::<Phases>();
        }
    }
}
