//! The values of settings as they were given, still as text, with where each comes from; and names that no setting has.

use std::collections::BTreeMap;

use crate::mistake::{Mistake, Source};
use crate::spelling::nearest;

/// A limit that a profile sets.
#[derive(Clone, Debug)]
pub struct Limit {
    /// The setting's name.
    pub(super) name: &'static str,
    pub(super) given: Given,
}

/// A value and where it came from.
#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) source: Source,
    pub(super) text: String,
    /// The second value and those behind it, of a setting that takes several.
    pub(super) more: Vec<String>,
}

impl Given {
    pub(super) fn one(source: Source, text: String) -> Self {
        Self { source, text, more: Vec::new() }
    }

    /// The values of a setting that takes several; `None` when none was given.
    pub(super) fn several(source: Source, texts: impl IntoIterator<Item = String>) -> Option<Self> {
        let mut texts = texts.into_iter();
        Some(Self { source, text: texts.next()?, more: texts.collect() })
    }
}

/// The winning value of each setting that was given at all, by its name.
pub(super) type Winners = BTreeMap<&'static str, Given>;

/// Where the names of settings stand.
const HELP: &str = "--help lists them";

/// The mistake of a name that is none, with the one that was meant, or where they are found.
pub(super) fn unknown(source: Source, what: &str, meant: Option<&str>, else_where: &str) -> Mistake {
    let wrong = format!("there is no such {what}");
    match meant {
        Some(meant) => Mistake { meant: Some(meant.into()), ..Mistake::at(source, None, wrong) },
        None => Mistake::at(source, None, format!("{wrong}; {else_where}")),
    }
}

/// The same for a name that is no setting, with the nearest of `names`, if any is near.
pub(super) fn unknown_setting(source: Source, name: &str, names: &[String]) -> Mistake {
    unknown(source, "setting", nearest(name, names.iter().map(String::as_str)), HELP)
}
