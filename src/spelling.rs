//! Words: values that are one of a few of them, the nearest name to a misspelt one, for errors that help, and texts that
//! are percent-encoded.

use memchr::memchr_iter;
use strsim::{damerau_levenshtein, jaro_winkler};

/// Makes an enum whose values are a word each, the same one in flags, in files and in what is printed.
macro_rules! words {
    ($(#[$of:meta])* pub enum $name:ident { $($(#[$about:meta])* $value:ident = $word:literal,)* }) => {
        $(#[$of])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $name {
            $($(#[$about])* $value,)*
        }

        impl $name {
            /// Every word, in their order.
            pub const NAMES: [&str; [$($word),*].len()] = [$($word),*];

            /// All of them, in the same order.
            pub const ALL: [Self; Self::NAMES.len()] = [$(Self::$value),*];

            /// Its word.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$value => $word,)*
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                formatter.pad(self.name())
            }
        }
    };
}
pub(crate) use words;

/// What is allowed where a percent sign stands, as a phrase.
pub const HEXADECIMAL: &str = "% and two hexadecimal digits";

/// The first `%` that is not followed by two hexadecimal digits, with what follows it.
#[must_use]
pub fn broken_encoding(text: &str) -> Option<&str> {
    let bytes = text.as_bytes();
    let hexadecimal = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_hexdigit);
    let broken = memchr_iter(b'%', bytes).find(|&at| !(hexadecimal(at + 1) && hexadecimal(at + 2)))?;
    text.get(broken..(broken + 3).min(text.len())).or(Some("%"))
}

/// The candidate most like `name`, if any is like it at all; `-` and `_`, capitals and small letters count as equal.
#[must_use]
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    /// Jaro-Winkler's likeness, of at most 1. Below this, suggestions are noise …
    const ALIKE: f64 = 0.8;
    /// … unless only so many letters are wrong: short names are never alike by that measure.
    const SLIP: usize = 1;
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let name = fold(name);
    let like = |candidate: &&str| {
        let candidate = fold(candidate);
        let is_slip = candidate.len() > SLIP && damerau_levenshtein(&candidate, &name) <= SLIP;
        let likeness = jaro_winkler(&candidate, &name);
        is_slip || likeness >= ALIKE
    };
    let likeness = |candidate: &str| jaro_winkler(&fold(candidate), &name);
    candidates.into_iter().filter(like).max_by(|one, other| likeness(one).total_cmp(&likeness(other)))
}

/// The same as a question, where any is like it: `did you mean ms?`
#[must_use]
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|meant| format!("did you mean {meant}?"))
}

/// The same behind a sentence, and nothing where none is like it: `; did you mean ms?`
#[must_use]
pub fn hint<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> String {
    did_you_mean(name, candidates).map_or_else(String::new, |question| format!("; {question}"))
}

#[cfg(test)]
mod tests {
    use super::nearest;

    #[test]
    fn what_was_meant_is_found_and_what_was_not_is_not() {
        let names = ["ms", "mode", "delay", "max-workers", "max-delay"];
        for (name, meant) in [
            ("mz", Some("ms")),
            ("max_wokers", Some("max-workers")),
            ("Delay", Some("delay")),
            ("xyzzy", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, names), meant, "{name}");
        }
    }
}
