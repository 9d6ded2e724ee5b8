//! The arguments of `quintain sample-images`.

use std::path::PathBuf;

use clap::{Arg, ArgMatches, value_parser};

use crate::commands::sample_images::{Asked, size};

const DIR: &str = "DIR";
const COUNT: &str = "count";
const SEED: &str = "seed";
const SIZE: &str = "size";

/// As clap knows them.
pub fn arguments() -> [Arg; 4] {
    let flag = |name: &'static str, default: &'static str| Arg::new(name).long(name).default_value(default);
    [
        Arg::new(DIR)
            .help("Where they go: a new or an empty directory")
            .required(true)
            .value_parser(value_parser!(PathBuf)),
        flag(COUNT, "100")
            .value_name("NUMBER")
            .value_parser(value_parser!(u32).range(1..=100_000))
            .help("How many"),
        flag(SEED, "1").value_name("NUMBER").value_parser(value_parser!(u64)).help("What they are drawn by"),
        flag(SIZE, "640x480").value_name("WxH").value_parser(size).help("Width and height in pixels"),
    ]
}

/// What is asked for.
pub fn asked(matches: &ArgMatches) -> Asked {
    Asked {
        directory: matches.get_one(DIR).cloned().unwrap_or_default(),
        count: matches.get_one(COUNT).copied().unwrap_or_default(),
        seed: matches.get_one(SEED).copied().unwrap_or_default(),
        size: matches.get_one(SIZE).copied().unwrap_or_default(),
    }
}
