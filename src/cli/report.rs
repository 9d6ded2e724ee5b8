//! The arguments of `quintain report`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Arg, ArgMatches, value_parser};

use crate::commands::report::{Asked, Format};

const RUN_DIR: &str = "RUN_DIR";
const OUTPUT: &str = "output";
const FORMAT: &str = "format";

/// As clap knows them.
pub fn arguments() -> [Arg; 3] {
    [
        Arg::new(RUN_DIR)
            .help("The directory of a run, as its ready line named it")
            .required(true)
            .num_args(1..)
            .value_parser(value_parser!(PathBuf)),
        Arg::new(OUTPUT)
            .long(OUTPUT)
            .value_name("FILE")
            .value_parser(value_parser!(PathBuf))
            .help("Where the page goes: RUN_DIR/report.html or report.md unless given; - is stdout"),
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
        output: matches.get_one(OUTPUT).cloned(),
        format: matches.get_one::<String>(FORMAT).and_then(|name| Format::named(name)).unwrap_or_default(),
    }
}
