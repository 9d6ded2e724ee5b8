//! The values of settings as they were given, still as text, with where each comes from; and names that no setting has.

use std::collections::BTreeMap;

use super::{Mistake, Source};
use crate::spelling::did_you_mean;

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

/// The mistake of a name that is no setting, with the nearest of `names`, if any is near.
pub(super) fn unknown(source: Source, name: &str, names: &[String]) -> Mistake {
    let question = match names {
        [only] => Some(format!("did you mean {only}?")),
        names => did_you_mean(name, names.iter().map(String::as_str)),
    };
    let hint = question.unwrap_or_else(|| "--help lists them".to_owned());
    Mistake { source, value: None, allowed: format!("there is no such setting; {hint}") }
}
