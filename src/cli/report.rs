//! The arguments of `quintain report`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgAction, ArgMatches, value_parser};

use crate::commands::report::{Asked, Format};

const RUN_DIR: &str = "RUN_DIR";
const OUTPUT: &str = "output";
const FORMAT: &str = "format";
const EACH: &str = "each";

/// As clap knows them.
pub fn arguments() -> [Arg; 4] {
    [
        Arg::new(RUN_DIR)
            .help("The directory of a run, as its ready line named it; several are instances under one test, and become one page")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(PathBuf)),
        Arg::new(OUTPUT)
            .long(OUTPUT)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Where the page goes: RUN_DIR/report.html or report.md unless given, of several runs beside their directories; - is stdout"),
        Arg::new(EACH).long(EACH).action(ArgAction::SetTrue).help("Make a page of each run"),
        Arg::new(FORMAT)
            .long(FORMAT)
            .value_name("FORMAT")
            .value_parser(PossibleValuesParser::new(Format::NAMES))
            .default_value(Format::NAMES[0])
            .help("What the page is written as"),
    ]
}

/// What is asked for.
pub fn asked(matches: &ArgMatches) -> Asked {
    Asked {
        directories: matches.get_many(RUN_DIR).into_iter().flatten().cloned().collect(),
        is_each: matches.get_flag(EACH),
        output: matches.get_one(OUTPUT).cloned(),
        format: matches.get_one::<String>(FORMAT).and_then(|name| Format::named(name)).unwrap_or_default(),
    }
}
