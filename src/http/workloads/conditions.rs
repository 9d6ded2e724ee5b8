//! What a request wants of a body that may be asked for in part or not at all: RFC 9110, 13 and 14.

use std::convert::Infallible;
use std::ops::Range;

use axum::http::{HeaderMap, HeaderName, Method, header};

use crate::http::stack::handler::Argument;
use crate::http::stack::request::Request;

/// The headers of RFC 9110, 13 and 14: name, what it does, an example.
pub const CONDITIONS: [(&str, &str, &str); 4] = [
    (
        "Range",
        "one range, such as bytes=0-99: 206, or 416 where there is none; several get the whole",
        "bytes=0-99",
    ),
    ("If-None-Match", "tags, or *: 304 for who has it already", "\"65536-0\""),
    ("If-Match", "tags, or *: 412 for who wants another", "*"),
    ("If-Range", "the tag that the range is of", "\"65536-0\""),
];

/// The conditions that a request sets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Conditions {
    if_match: Option<String>,
    if_none_match: Option<String>,
    if_range: Option<String>,
    range: Option<String>,
}

/// What it gets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// All of it: 200.
    Whole,
    /// The bytes from one position to before another: 206.
    Part(Range<u64>),
    /// It has it already: 304.
    Nothing,
    /// It wants another one: 412.
    Another,
    /// A part that isn't there: 416.
    NoPart,
}

impl Argument for Conditions {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        let Request { method, headers, .. } = request;
        let headers = headers.get();
        Ok(Self {
            if_match: joined(headers, &header::IF_MATCH),
            if_none_match: joined(headers, &header::IF_NONE_MATCH),
            if_range: joined(headers, &header::IF_RANGE),
            // For other methods a range is not defined, and must be ignored.
            range: (*method == Method::GET).then(|| joined(headers, &header::RANGE)).flatten(),
        })
    }
}

/// The values of a header, as the list that they are together.
fn joined(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values: Vec<&str> = headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
    (!values.is_empty()).then(|| values.join(","))
}

impl Conditions {
    /// Decides for a body of this length with this strong tag, in the order of RFC 9110, 13.2.2.
    #[must_use]
    pub fn judge(&self, tag: &str, length: u64) -> Wanted {
        let Self { if_match, if_none_match, if_range, range } = self;
        if if_match.as_ref().is_some_and(|tags| !lists(tags, |known| known == tag)) {
            return Wanted::Another;
        }
        // Here a weak tag matches a strong one.
        let is_known = |known: &str| known.strip_prefix("W/").unwrap_or(known) == tag;
        if if_none_match.as_ref().is_some_and(|tags| lists(tags, is_known)) {
            return Wanted::Nothing;
        }
        // There is no date of modification, so that a date never matches.
        if if_range.as_ref().is_some_and(|validator| validator != tag) {
            return Wanted::Whole;
        }
        range.as_ref().map_or(Wanted::Whole, |range| part(range, length))
    }
}

/// Whether a list of tags holds one. Ours have no comma, so that a tag that has one is none of ours in any piece.
fn lists(tags: &str, is_it: impl Fn(&str) -> bool) -> bool {
    tags.trim() == "*" || tags.split(',').any(|tag| is_it(tag.trim()))
}

/// The part that a `Range` names. Whoever names several gets the whole, as RFC 9110, 14.2 allows, and so does whoever
/// names none that can be understood. By hand: the crates at hand refuse a suffix that is longer than the body.
fn part(range: &str, length: u64) -> Wanted {
    let Some((unit, positions)) = range.split_once('=') else { return Wanted::Whole };
    let Some((first, last)) = positions.trim().split_once('-') else { return Wanted::Whole };
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !unit.eq_ignore_ascii_case("bytes") || !digits(first) || !digits(last) {
        return Wanted::Whole;
    }
    // A position that no number holds is beyond every end.
    let position = |text: &str| text.parse().unwrap_or(u64::MAX);
    let wanted = match (first, last) {
        ("", "") => return Wanted::Whole,
        ("", suffix) => length.saturating_sub(position(suffix))..length,
        (first, "") => position(first)..length,
        (first, last) if position(first) > position(last) => return Wanted::Whole,
        (first, last) => position(first)..position(last).saturating_add(1).min(length),
    };
    if wanted.is_empty() { Wanted::NoPart } else { Wanted::Part(wanted) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_is_understood_as_rfc_9110_has_it() {
        for (range, wanted) in [
            ("bytes=0-0", Wanted::Part(0..1)),
            ("bytes=0-99", Wanted::Part(0..100)),
            ("bytes=0-1000", Wanted::Part(0..100)),
            ("bytes=007-008", Wanted::Part(7..9)),
            ("BYTES=5-", Wanted::Part(5..100)),
            ("bytes= 5-6 ", Wanted::Part(5..7)),
            ("bytes=99-99", Wanted::Part(99..100)),
            ("bytes=-1", Wanted::Part(99..100)),
            ("bytes=-100", Wanted::Part(0..100)),
            ("bytes=-101", Wanted::Part(0..100)),
            ("bytes=-99999999999999999999", Wanted::Part(0..100)),
            ("bytes=50-99999999999999999999", Wanted::Part(50..100)),
            ("bytes=100-", Wanted::NoPart),
            ("bytes=100-200", Wanted::NoPart),
            ("bytes=99999999999999999999-", Wanted::NoPart),
            ("bytes=-0", Wanted::NoPart),
            ("bytes=2-1", Wanted::Whole),
            ("bytes=-", Wanted::Whole),
            ("bytes=", Wanted::Whole),
            ("bytes", Wanted::Whole),
            ("bytes=a-b", Wanted::Whole),
            ("bytes=+1-2", Wanted::Whole),
            ("bytes=--1", Wanted::Whole),
            ("bytes=0-1,5-6", Wanted::Whole),
            ("lines=0-1", Wanted::Whole),
        ] {
            assert_eq!(part(range, 100), wanted, "{range}");
        }
        assert_eq!(part("bytes=0-", 0), Wanted::NoPart);
    }

    #[test]
    fn conditions_are_judged_in_their_order() {
        let judge = |if_match: &str, if_none_match: &str, if_range: &str, range: &str| {
            let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
            let [if_match, if_none_match, if_range, range] = [if_match, if_none_match, if_range, range].map(given);
            Conditions { if_match, if_none_match, if_range, range }.judge("\"a\"", 10)
        };
        assert_eq!(judge("", "", "", ""), Wanted::Whole);
        assert_eq!(judge("", "", "", "bytes=1-2"), Wanted::Part(1..3));
        assert_eq!(judge("", "\"a\"", "", "bytes=1-2"), Wanted::Nothing);
        assert_eq!(judge("", "W/\"a\"", "", ""), Wanted::Nothing);
        assert_eq!(judge("", "*", "", ""), Wanted::Nothing);
        assert_eq!(judge("", "\"b\" , \"a\"", "", ""), Wanted::Nothing);
        assert_eq!(judge("", "\"b\"", "", ""), Wanted::Whole);
        assert_eq!(judge("\"b\"", "\"a\"", "", ""), Wanted::Another);
        assert_eq!(judge("W/\"a\"", "", "", ""), Wanted::Another, "a weak tag is none to be sure of");
        assert_eq!(judge("*", "", "", ""), Wanted::Whole);
        assert_eq!(judge("\"a\"", "", "\"a\"", "bytes=1-2"), Wanted::Part(1..3));
        assert_eq!(judge("", "", "\"b\"", "bytes=1-2"), Wanted::Whole);
        assert_eq!(judge("", "", "W/\"a\"", "bytes=1-2"), Wanted::Whole);
        assert_eq!(judge("", "", "Sat, 21 Nov 2026 08:53:31 GMT", "bytes=1-2"), Wanted::Whole);
        assert_eq!(judge("", "", "\"b\"", "bytes=10-"), Wanted::Whole);
    }
}
