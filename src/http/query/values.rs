//! Queries, strictly: each name known, each given once, each value in its range.

use std::borrow::Cow;
use std::ops::RangeInclusive;
use std::time::Duration;

use axum::http::StatusCode;
use utoipa::openapi::ObjectBuilder;

use super::{HEADER, MODIFIERS};
use crate::config::Config;
use crate::delay::Delay;
use crate::distribution::Rules;
use crate::http::error::Refusal;
use crate::http::openapi::parameter::{self as openapi, Documented};
use crate::limit::Limit;
use crate::mistake::Mistake;
use crate::spelling::{HEXADECIMAL, broken_encoding, hint};
use crate::units;

/// The values that a parameter takes: from 0 up to a limit that has a flag.
pub struct Range<T> {
    limit: Limit<T>,
    /// How a value is written, as a phrase.
    form: &'static str,
    read: fn(&str) -> Option<T>,
    spell: fn(T) -> String,
    /// What it is in the API's document.
    schema: fn(T) -> ObjectBuilder,
}

impl<T: PartialOrd + Copy> Range<T> {
    /// A value that may be taken.
    ///
    /// # Errors
    /// One over the limit; the refusal names the limit's flag.
    pub fn check(&self, name: &str, value: T) -> Result<T, Refusal> {
        let spelled = (self.spell)(value);
        self.within(&spelled, value).map_err(|mistake| Refusal::mistake(name, &spelled, mistake))
    }

    /// A value as a piece of a list.
    ///
    /// # Errors
    /// What can't be read, or is over the limit.
    pub fn read(&self, text: &str) -> Result<T, Mistake> {
        let unreadable = || Mistake::part(text, format!("is not {}", self.form), self.allowed());
        self.within(text, (self.read)(text).ok_or_else(unreadable)?)
    }

    fn within(&self, text: &str, value: T) -> Result<T, Mistake> {
        let over =
            || Mistake::part(text, format!("is over the limit that {} sets", self.limit.flag()), self.allowed());
        (value <= self.limit.most).then_some(value).ok_or_else(over)
    }

    /// The largest value, and the flag that sets it.
    #[must_use]
    pub fn limit(&self) -> Limit<String> {
        self.limit.map(self.spell)
    }

    fn allowed(&self) -> String {
        format!("0 to {}", (self.spell)(self.limit.most))
    }

    /// As the API's document has it, with the value that is taken when none is given.
    #[must_use]
    pub fn documented(&self, name: &'static str, does: &str, default: Option<T>) -> Documented {
        let Self { limit, form, read: _, spell, schema } = self;
        let does = format!("{does}: {form}, {}; {} is the limit", self.allowed(), limit.flag());
        // A default over the limit is refused like any other value.
        let is_needed = default.is_some_and(|default| default > limit.most);
        let default = default.filter(|_| !is_needed).map(spell);
        Documented {
            limit: Some(self.limit()),
            default,
            is_needed,
            ..Documented::new(name, does, schema(limit.most))
        }
    }
}

/// Milliseconds as a plain number.
#[must_use]
pub fn milliseconds(limit: Limit<Duration>) -> Range<Duration> {
    let form = "a number of milliseconds with up to six decimals";
    let spell = |value| as_milliseconds(value).to_string();
    Range { limit, form, read: read_milliseconds, spell, schema: openapi::milliseconds }
}

/// A duration with its unit.
#[must_use]
pub fn duration(limit: Limit<Duration>) -> Range<Duration> {
    let form = "a duration such as 500us, 200ms or 1.5s";
    Range {
        limit,
        form,
        read: |text| units::parse_duration(text).ok(),
        spell: |value| units::Spelled(value).to_string(),
        schema: openapi::duration,
    }
}

/// A duration with its unit, or a plain number of seconds, as httpbin has it.
#[must_use]
pub fn seconds(limit: Limit<Duration>) -> Range<Duration> {
    let form = "a number of seconds, or a duration such as 500us, 200ms or 1.5s";
    Range { form, read: read_seconds, schema: openapi::seconds, ..duration(limit) }
}

/// A number of bytes, with or without a unit.
#[must_use]
pub fn bytes(limit: Limit<units::Bytes>) -> Range<u64> {
    let form = "a whole number of bytes, such as 684, 64KiB or 1.5MB";
    let read = |text: &str| text.parse::<units::Bytes>().ok().map(|units::Bytes(bytes)| bytes);
    let limit = limit.map(|units::Bytes(most)| most);
    Range { limit, form, read, spell: |value| units::Bytes(value).to_string(), schema: openapi::bytes }
}

/// A size of a body.
#[must_use]
pub fn size(config: &Config) -> Range<u64> {
    bytes(config.max_bytes)
}

/// A whole number.
#[must_use]
pub fn whole(limit: Limit<u64>) -> Range<u64> {
    let spell = |value: u64| value.to_string();
    Range { limit, form: "a whole number", read: read_whole, spell, schema: |most| openapi::whole(0..=most) }
}

/// The pairs of a query, and the parameter that stands in its path.
#[derive(Debug)]
pub struct Query<'a> {
    pairs: Vec<(Cow<'a, str>, Cow<'a, str>)>,
    pub(super) in_path: Option<(&'static str, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Splits and decodes, and refuses names that are not known or come twice.
    pub fn parse(text: &'a str, known: &[&str]) -> Result<Self, Refusal> {
        if let Some(place) = broken_encoding(text) {
            let sentence = format!("the query's percent-encoding is broken at {place:?}");
            return Err(Refusal::parameter(place, place, sentence, HEXADECIMAL));
        }
        let mut pairs: Vec<(Cow<'a, str>, Cow<'a, str>)> = Vec::new();
        for (name, value) in form_urlencoded::parse(text.as_bytes()) {
            let is_modifier = MODIFIERS.contains(&name.as_ref());
            if !known.contains(&name.as_ref()) && !is_modifier {
                return Err(unknown(&name, &value, known));
            }
            if name != HEADER && pairs.iter().any(|(earlier, _)| *earlier == name) {
                let sentence = format!("{name} is given more than once");
                return Err(Refusal::parameter(&name, &value, sentence, "once"));
            }
            pairs.push((name, value));
        }
        Ok(Self { pairs, in_path: None })
    }

    /// A parameter's value, if it was given.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        match &self.in_path {
            Some((given, value)) if *given == name => Some(&**value),
            _ => self.pairs.iter().find(|(given, _)| given == name).map(|(_, value)| &**value),
        }
    }

    /// All values of a parameter.
    pub fn all<'b>(&'b self, name: &'b str) -> impl Iterator<Item = &'b str> {
        self.pairs.iter().filter(move |(given, _)| given == name).map(|(_, value)| &**value)
    }

    /// A value in a range.
    ///
    /// # Errors
    /// What can't be read, or is over the limit.
    pub fn ranged<T: PartialOrd + Copy>(&self, name: &str, range: &Range<T>) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        range.read(text).map(Some).map_err(|mistake| Refusal::mistake(name, text, mistake))
    }

    /// A delay, in the one grammar for them; its seed is to be given.
    ///
    /// # Errors
    /// What can't be read, or is over the limit.
    pub fn delay(&self, name: &str, config: &Config) -> Result<Option<Delay>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let rules = Rules { limit: config.max_delay, read: None };
        Delay::parse(text, &rules, 0).map(Some).map_err(|mistake| Refusal::mistake(name, text, mistake))
    }

    /// A whole number between bounds that no flag changes.
    ///
    /// # Errors
    /// Anything else.
    pub fn between(&self, name: &str, bounds: RangeInclusive<u64>) -> Result<Option<u64>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let number = read_whole(text).filter(|number| bounds.contains(number));
        let allowed = format!("{} to {}", bounds.start(), bounds.end());
        let refuse = || {
            let sentence = format!("{name}={text} is not a whole number from {allowed}");
            Refusal::parameter(name, text, sentence, &allowed)
        };
        number.map(Some).ok_or_else(refuse)
    }

    /// One of a few words.
    ///
    /// # Errors
    /// Any other word.
    pub fn one_of<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Result<Option<T>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let meant = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        let allowed = || words.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
        let refuse = || Refusal::parameter(name, text, format!("{name}={text} means nothing"), allowed());
        meant.map(Some).ok_or_else(refuse)
    }

    /// Two parameters that say the same thing in different ways.
    ///
    /// # Errors
    /// When both are given.
    pub fn not_both(&self, one: &str, other: &str) -> Result<(), Refusal> {
        match (self.get(one), self.get(other)) {
            (Some(_), Some(value)) => {
                let sentence = format!("{one} and {other} can't be given together");
                Err(Refusal::parameter(other, value, sentence, format!("{one} or {other}")))
            }
            _ => Ok(()),
        }
    }
}

fn read_milliseconds(text: &str) -> Option<Duration> {
    millionths(text).map(Duration::from_nanos)
}

/// A plain number with up to six decimals, in millionths: no sign, no exponent, no NaN.
#[must_use]
pub fn millionths(text: &str) -> Option<u64> {
    const DECIMALS: usize = 6;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let missing = DECIMALS.checked_sub(fraction.len()).filter(|_| !fraction.is_empty())?;
    let fraction = read_whole(fraction)? * 10_u64.pow(u32::try_from(missing).ok()?);
    read_whole(whole)?.checked_mul(1_000_000)?.checked_add(fraction)
}

fn read_seconds(text: &str) -> Option<Duration> {
    let is_plain = text.ends_with(|last: char| last.is_ascii_digit());
    if is_plain { units::parse_duration(&format!("{text}s")) } else { units::parse_duration(text) }.ok()
}

/// Digits alone: the standard library would take a sign.
fn read_whole(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// A status that a response may have: 200 to 599.
#[must_use]
pub fn status(text: &str) -> Option<StatusCode> {
    let is_code = text.len() == 3 && text.bytes().all(|byte| byte.is_ascii_digit());
    let code = text.parse().ok().filter(|code| is_code && (200..=599_u16).contains(code));
    code.and_then(|code| StatusCode::from_u16(code).ok())
}

/// The way back, as a number to print: divided once, so that 0.7 ms doesn't become 0.7000000000000001.
#[must_use]
#[allow(clippy::cast_precision_loss)] // 2⁵³ ns are 104 days
fn as_milliseconds(duration: Duration) -> f64 {
    duration.as_nanos() as f64 / 1e6
}

fn unknown(name: &str, value: &str, known: &[&str]) -> Refusal {
    let modifiers = MODIFIERS.into_iter().filter(|modifier| !known.contains(modifier));
    let known: Vec<&str> = known.iter().copied().chain(modifiers).collect();
    let hint = hint(name, known.iter().copied());
    Refusal::parameter(name, value, format!("there is no parameter {name} here{hint}"), known.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn milliseconds_are_plain_decimals() {
        for (text, nanoseconds) in [("200", 200_000_000), ("0.5", 500_000), ("0.000001", 1)] {
            assert_eq!(read_milliseconds(text), Some(Duration::from_nanos(nanoseconds)));
        }
        for bad in ["", "-1", "+1", "NaN", "inf", "1e3", "1.", ".5", "0.0000001", "99999999999999999999"] {
            assert_eq!(read_milliseconds(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_query_is_refused_with_the_name_of_what_is_wrong() {
        let known = &["ms", "mode"];
        for (text, parameter, says) in [
            ("mz=1", "mz", "did you mean ms?"),
            ("ms=1&ms=2", "ms", "more than once"),
            ("ms=%zz", "%zz", "percent-encoding"),
            ("ms=%1", "%1", "percent-encoding"),
        ] {
            let refusal = Query::parse(text, known).unwrap_err();
            let about = refusal.about.unwrap();
            assert_eq!(about.source.to_string(), parameter, "{text}");
            assert!(refusal.error.contains(says), "{text}: {}", refusal.error);
        }
        assert_eq!(Query::parse("ms=1%30", known).unwrap().get("ms"), Some("10"));
    }
}
