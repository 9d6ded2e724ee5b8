//! The arguments of `quintain verify`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, value_parser};

use super::environment::dress;
use crate::commands::verify::{Asked, Format, What};
use crate::verification::Part;

const FILES: &str = "files";
const RUN_DIR: &str = "RUN_DIR";
const FORMAT: &str = "format";
const GENERATOR_OUTPUT: &str = "OUTPUT";
const PHASE: &str = "phase";
const SINCE: &str = "since";
const UNTIL: &str = "until";
const RATE: &str = "rate";
const PUBLISHED: &str = "published";

/// As clap knows them.
pub fn arguments() -> [Arg; 7] {
    let value = |name: &'static str, placeholder| Arg::new(name).long(name).value_name(placeholder);
    [
        Arg::new(FILES)
            .value_names([RUN_DIR, GENERATOR_OUTPUT])
            .help("The directory of the run, or those of several instances under one test; last what the load generator wrote: oha's JSON, wrk's text, Locust's CSV or JSON")
            .required_unless_present(PUBLISHED)
            .num_args(2..)
            .value_parser(value_parser!(PathBuf)),
        value(PHASE, "NAME").help("Compare a phase of the run, not all of it").conflicts_with_all([SINCE, UNTIL]),
        value(SINCE, "MARK").help("Compare from this mark on"),
        value(UNTIL, "MARK").help("Compare until this mark"),
        value(RATE, "PER_S")
            .allow_negative_numbers(true)
            .value_parser(positive)
            .help("The rate that the generator was told to keep, where its output does not say it"),
        value(PUBLISHED, "NAME|FILE")
            .conflicts_with_all([FILES, PHASE, SINCE, UNTIL, RATE])
            .help("Compare the published figures of a built-in system, or those in a TOML file, with each other"),
        value(FORMAT, "FORMAT")
            .value_parser(PossibleValuesParser::new(Format::NAMES))
            .default_value(Format::NAMES[0])
            .help("What the checks are written as"),
    ]
}

/// What is asked for.
pub fn asked(matches: &ArgMatches) -> Asked {
    let text = |name| matches.get_one::<String>(name).cloned();
    let mut runs: Vec<PathBuf> = matches.get_many(FILES).into_iter().flatten().cloned().collect();
    let part = match (text(PHASE), text(SINCE), text(UNTIL)) {
        (Some(phase), ..) => Part::Phase(phase),
        (None, None, None) => Part::Whole,
        (None, since, until) => Part::Between(since, until),
    };
    let run =
        || What::Run { output: runs.pop().unwrap_or_default(), runs, part, rate: matches.get_one(RATE).copied() };
    Asked {
        what: text(PUBLISHED).map_or_else(run, What::Published),
        format: text(FORMAT).and_then(|name| Format::named(&name)).unwrap_or_default(),
        has_colour: dress().colour,
    }
}

/// A number above 0.
fn positive(text: &str) -> Result<f64, String> {
    let number = text.parse().ok().filter(|number: &f64| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "must be a number above 0".to_owned())
}
