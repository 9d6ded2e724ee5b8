//! Checks as text, JSON or Markdown.

use std::fmt::Write;

use serde_json::{Value, json as object};

use super::{Check, Verdict, verdict};
use crate::findings::Certainty;

/// What was compared with what.
#[derive(Clone, Debug)]
pub struct Heading {
    /// Whose figures, and where they come from.
    pub theirs: String,
    /// Against what.
    pub ours: String,
}

/// How many agree, differ and are not known.
fn counted(checks: &[Check]) -> String {
    let many = |wanted| checks.iter().filter(|check| check.verdict == wanted).count();
    let (agree, differ, unknown) = (many(Verdict::Agrees), many(Verdict::Differs), many(Verdict::Unknown));
    format!("{} checks: {agree} agree, {differ} differ, {unknown} can't be told", checks.len())
}

/// The cause, and how sure it is where that is not as sure as counting.
fn cause(check: &Check) -> String {
    let Check { cause, certainty, verdict, .. } = check;
    match (certainty, verdict) {
        (Certainty::Certain, Verdict::Agrees | Verdict::Unknown) => cause.clone(),
        _ => format!("{cause} ({})", certainty.name()),
    }
}

/// A line a check.
#[must_use]
pub fn text(heading: &Heading, checks: &[Check], has_colour: bool) -> String {
    let width = checks.iter().map(|check| check.title().chars().count()).max().unwrap_or(0);
    let mut text = format!("{}, against {}\n", heading.theirs, heading.ours);
    for check in checks {
        let (begin, end) = if has_colour { (colour(check.verdict), "\u{1b}[0m") } else { ("", "") };
        let values = [&check.theirs, &check.ours].into_iter().filter(|value| !value.is_empty());
        let cells: Vec<String> = values.cloned().chain([cause(check)]).filter(|cell| !cell.is_empty()).collect();
        let line =
            format!("{begin}{:7}{end}  {:width$}  {}", check.verdict.name(), check.title(), cells.join("  |  "));
        let _ = writeln!(text, "{}", line.trim_end());
    }
    let _ = writeln!(text, "{}", counted(checks));
    text
}

fn colour(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Agrees => "\u{1b}[32m",
        Verdict::Differs => "\u{1b}[31m",
        Verdict::Unknown => "\u{1b}[33m",
    }
}

/// One object.
#[must_use]
pub fn json(heading: &Heading, checks: &[Check]) -> String {
    let one = |check: &Check| -> Value {
        object!({
            "check": check.topic.name(),
            "which": check.which,
            "verdict": check.verdict.name(),
            "theirs": check.theirs,
            "ours": check.ours,
            "cause": check.cause,
            "certainty": check.certainty.name(),
        })
    };
    let all: Vec<Value> = checks.iter().map(one).collect();
    let Heading { theirs, ours } = heading;
    let whole = object!({ "theirs": theirs, "ours": ours, "verdict": verdict(checks).name(), "checks": all });
    format!("{whole:#}\n")
}

/// A table.
#[must_use]
pub fn markdown(heading: &Heading, checks: &[Check]) -> String {
    let cell = |text: &str| text.replace('|', "\\|");
    let mut text = format!("{}, against {}\n\n", heading.theirs, heading.ours);
    text.push_str("| | check | generator | target | cause |\n|---|---|---|---|---|\n");
    for check in checks {
        let cells = [check.verdict.name(), &check.title(), &check.theirs, &check.ours, &cause(check)].map(cell);
        let _ = writeln!(text, "| {} |", cells.join(" | "));
    }
    let _ = writeln!(text, "\n{}", counted(checks));
    text
}
