//! The arguments of `quintain compare`.

use std::env;
use std::path::PathBuf;

use clap::{Arg, ArgAction, ArgMatches};

use crate::commands::compare::{Asked, FLAGS, Flag};

/// As clap knows them: it checks their names, and the command their values.
pub fn arguments() -> impl Iterator<Item = Arg> {
    FLAGS.iter().map(|flag| {
        let argument = Arg::new(flag.name).long(flag.name).help(flag.help).action(ArgAction::Append);
        if flag.placeholder.is_empty() {
            argument.num_args(0).default_missing_value("true")
        } else {
            argument.value_name(flag.placeholder)
        }
    })
}

/// What is asked for.
pub fn asked(matches: &ArgMatches) -> Asked {
    let given = |flag: &Flag| {
        let values = matches.get_many::<String>(flag.name).into_iter().flatten();
        values.map(|value| (flag.name.to_owned(), value.clone())).collect::<Vec<_>>()
    };
    Asked {
        flags: FLAGS.iter().flat_map(given).collect(),
        search_path: env::var("PATH").unwrap_or_default(),
        program: env::current_exe().unwrap_or_else(|_| PathBuf::from("quintain")),
    }
}
