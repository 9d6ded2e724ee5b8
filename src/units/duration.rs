//! Durations: a number and one of `ns`, `us`, `ms`, `s`, `m`, `h`; or `0`.

use std::fmt;
use std::time::Duration;

use super::UnitError;
use super::decimal::{self, Fault, Unit};
use super::pattern::up_to;

/// From the largest to the smallest, as they are printed.
const UNITS: [Unit; 6] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("ns", 1),
];

/// What is read besides `UNITS`: both of Unicode's micro signs.
const ALIASES: [Unit; 2] = [("µs", 1_000), ("μs", 1_000)];

/// Reads a duration such as `50us`, `200ms`, `1.5s`, `2m` or `1h`, exactly.
///
/// # Errors
/// A text that is no such thing, is negative, has no unit (`0` needs none), is finer than a nanosecond, or longer
/// than 2⁶⁴ − 1 ns (584 years).
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if let Some(positive) = text.strip_prefix('-')
        && positive.starts_with(|letter: char| letter.is_ascii_digit())
    {
        return Err(UnitError::new("must not be negative"));
    }
    let units = [&UNITS[..], &ALIASES[..]].concat();
    decimal::parse(text, &units).map(Duration::from_nanos).map_err(|fault| UnitError::new(explain(text, &fault)))
}

/// A duration in whole nanoseconds; 2⁶⁴ − 1, 584 years, if it is longer.
#[must_use]
pub fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A regular expression for the durations that [`parse_duration`] reads, up to this one. `without` is what a plain number
/// counts, in nanoseconds, where it may stand without a unit.
#[must_use]
pub fn duration_pattern(most: Duration, without: Option<u64>) -> String {
    let itself = Spelled(most).to_string().replace('.', "\\.");
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    let plain = without.map(|factor| ("", factor));
    let units: Vec<Unit> = plain.into_iter().chain(UNITS).chain(ALIASES).collect();
    format!("^(?:0|{itself}|{})$", up_to(most, &units))
}

fn explain(text: &str, fault: &Fault) -> String {
    match fault {
        Fault::Number => "must be a number and a unit, such as 200ms or 1.5s".to_owned(),
        Fault::Unit(unit) if unit.is_empty() => {
            format!("needs a unit: {text}s for seconds, {text}ms for milliseconds")
        }
        Fault::Unit(unit) => format!("has the unknown unit `{unit}`: use ns, us, ms, s, m or h"),
        Fault::Large => "is longer than 584 years".to_owned(),
        Fault::Fine => "is finer than a nanosecond".to_owned(),
    }
}

/// Prints a duration in its shortest exact spelling, such as `1.5s`, which [`parse_duration`] reads back; those
/// beyond its 584 years are printed in seconds, rounded down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Spelled(pub Duration);

impl fmt::Display for Spelled {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_zero() {
            return formatter.pad("0");
        }
        match u64::try_from(self.0.as_nanos()) {
            Ok(nanoseconds) => formatter.pad(&decimal::spell(nanoseconds, &UNITS)),
            Err(_) => formatter.pad(&format!("{}s", self.0.as_secs())),
        }
    }
}

impl serde::Serialize for Spelled {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sentence(text: &str) -> String {
        parse_duration(text).unwrap_err().to_string()
    }

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("0", 0),
            ("0s", 0),
            ("7ns", 7),
            ("50us", 50_000),
            ("50µs", 50_000),
            ("50μs", 50_000),
            ("200ms", 200_000_000),
            ("1.5s", 1_500_000_000),
            ("1.500000000000000000000000s", 1_500_000_000),
            ("0.000000001s", 1),
            ("2m", 120_000_000_000),
            ("1h", 3_600_000_000_000),
            ("18446744073709551615ns", u64::MAX),
        ];
        for (text, nanoseconds) in cases {
            let expected = Duration::from_nanos(nanoseconds);
            assert_eq!(parse_duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        for text in ["", "s", "abc", ".5s", "1.s", "1.2.3s", "1 s", " 1s", "+1s", "NaN", "inf", "-"] {
            assert!(parse_duration(text).is_err(), "{text}");
        }
        assert_eq!(sentence("5"), "needs a unit: 5s for seconds, 5ms for milliseconds");
        assert_eq!(sentence("1.5"), "needs a unit: 1.5s for seconds, 1.5ms for milliseconds");
        assert_eq!(sentence("-1s"), "must not be negative");
        assert_eq!(sentence("5sec"), "has the unknown unit `sec`: use ns, us, ms, s, m or h");
        assert_eq!(sentence("1m30s"), "has the unknown unit `m30s`: use ns, us, ms, s, m or h");
        assert_eq!(sentence("0.5ns"), "is finer than a nanosecond");
        assert_eq!(sentence("99999999999h"), "is longer than 584 years");
        assert_eq!(sentence("99999999999999999999s"), "is longer than 584 years");
        assert_eq!(sentence("18446744073.709551616s"), "is longer than 584 years");
    }

    #[test]
    fn prints_the_shortest() {
        for text in ["0", "1ns", "1.5us", "500ms", "1.5s", "75s", "1m", "90s", "100s", "1h", "100h"] {
            let duration = parse_duration(text).unwrap();
            assert_eq!(Spelled(duration).to_string(), text);
        }
        assert_eq!(Spelled(Duration::from_mins(90)).to_string(), "90m");
        assert_eq!(Spelled(Duration::MAX).to_string(), "18446744073709551615s");
        assert_eq!(format!("{:>5}|", Spelled(Duration::from_secs(1))), "   1s|");
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(nanoseconds: u64, zeros in 0_u32..19) {
            // Random values are all odd and long; rounding them reaches the larger units.
            let rounded = nanoseconds / 10_u64.pow(zeros) * 10_u64.pow(zeros);
            for value in [nanoseconds, rounded, nanoseconds >> zeros] {
                let duration = Duration::from_nanos(value);
                prop_assert_eq!(parse_duration(&Spelled(duration).to_string()), Ok(duration));
            }
        }

        #[test]
        fn the_pattern_takes_no_more_than_the_parser(most in 0_u64..200_000_000_000, zeros in 0_u32..10) {
            let most = Duration::from_nanos(most / 10_u64.pow(zeros) * 10_u64.pow(zeros));
            let pattern = regex::Regex::new(&duration_pattern(most, None)).unwrap();
            prop_assert!(pattern.is_match(&Spelled(most).to_string()));
            for (unit, factor) in UNITS {
                for number in ["0", "1", "7.5", "59", "60", "61", "99.5", "100", "199.25", "200", "5000"] {
                    let text = format!("{number}{unit}");
                    let read = parse_duration(&text).ok().filter(|read| *read <= most);
                    prop_assert!(read.is_some() || !pattern.is_match(&text), "{text} of {most:?} {factor}");
                    // What is below the limit's whole number of units is all there.
                    let below = u64::try_from(most.as_nanos()).unwrap() / factor * factor;
                    if read.is_some_and(|read| read < Duration::from_nanos(below)) {
                        prop_assert!(pattern.is_match(&text), "{text} of {most:?}");
                    }
                }
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = parse_duration(&text);
        }

        #[test]
        fn numbers_agree_with_the_standard_library(milliseconds in 0_u64..1_000_000_000) {
            let text = format!("{}.{:03}s", milliseconds / 1000, milliseconds % 1000);
            prop_assert_eq!(parse_duration(&text), Ok(Duration::from_millis(milliseconds)));
        }
    }
}
