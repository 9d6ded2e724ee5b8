//! Bytes: a number alone, or with `B`, `kB`, `MB`, `GB`, `TB` (powers of 1000) or `KiB`, `MiB`, `GiB`, `TiB` (of 1024).

use std::fmt;
use std::str::FromStr;

use super::UnitError;
use super::decimal::{self, Fault, Unit};
use super::pattern::up_to;

/// From the largest to the smallest, as they are printed.
const UNITS: [Unit; 9] = [
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("", 1),
];

/// What is read besides `UNITS`.
const ALIASES: [Unit; 2] = [("B", 1), ("KB", 1_000)];

/// A number of bytes. Read and printed as `64KiB`, `1.5MB` or `684`, exactly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

impl Bytes {
    /// A regular expression for what is read as at most so many bytes.
    #[must_use]
    pub fn pattern(self) -> String {
        let units: Vec<Unit> = UNITS.into_iter().chain(ALIASES).collect();
        let itself = self.to_string().replace('.', "\\.");
        format!("^(?:{itself}|{})$", up_to(self.0, &units))
    }
}

impl FromStr for Bytes {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        if let Some(positive) = text.strip_prefix('-')
            && positive.starts_with(|letter: char| letter.is_ascii_digit())
        {
            return Err(UnitError::new("must not be negative"));
        }
        let units = [&UNITS[..], &ALIASES[..]].concat();
        decimal::parse(text, &units).map(Self).map_err(|fault| UnitError::new(explain(&fault)))
    }
}

fn explain(fault: &Fault) -> String {
    match fault {
        Fault::Number => "must be a number of bytes, such as 684, 64KiB or 1.5MB".to_owned(),
        Fault::Unit(unit) => {
            format!("has the unknown unit `{unit}`: use B, kB, MB, GB, TB, KiB, MiB, GiB or TiB")
        }
        Fault::Large => "is more than 2^64 - 1 bytes".to_owned(),
        Fault::Fine => "is not a whole number of bytes".to_owned(),
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.pad(&decimal::spell(self.0, &UNITS))
    }
}

impl serde::Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sentence(text: &str) -> String {
        text.parse::<Bytes>().unwrap_err().to_string()
    }

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("0", 0),
            ("684", 684),
            ("684B", 684),
            ("1kB", 1000),
            ("1KB", 1000),
            ("64KiB", 65_536),
            ("1MiB", 1_048_576),
            ("1.5GiB", 1_610_612_736),
            ("1.5MB", 1_500_000),
            ("18446744073709551615", u64::MAX),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_with_a_reason() {
        assert_eq!(sentence(""), "must be a number of bytes, such as 684, 64KiB or 1.5MB");
        assert_eq!(sentence("MiB"), "must be a number of bytes, such as 684, 64KiB or 1.5MB");
        assert_eq!(sentence("-1"), "must not be negative");
        assert_eq!(sentence("0.3KiB"), "is not a whole number of bytes");
        assert_eq!(sentence("18446744073709551616"), "is more than 2^64 - 1 bytes");
        assert_eq!(sentence("16777216TiB"), "is more than 2^64 - 1 bytes");
        assert!(sentence("64k").starts_with("has the unknown unit `k`"));
    }

    #[test]
    fn prints_the_shortest() {
        for text in ["0", "684", "1kB", "1KiB", "64KiB", "1.5GiB", "64MiB", "4GiB", "1536", "60kB"] {
            let bytes: Bytes = text.parse().unwrap();
            assert_eq!(bytes.to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(bytes: u64, zeros in 0_u32..60) {
            for value in [bytes, bytes >> zeros, bytes >> zeros << zeros] {
                prop_assert_eq!(Bytes(value).to_string().parse(), Ok(Bytes(value)));
            }
        }

        #[test]
        fn the_pattern_takes_no_more_than_the_parser(most in 0_u64..5_000_000, zeros in 0_u32..6) {
            let most = most / 10_u64.pow(zeros) * 10_u64.pow(zeros);
            let pattern = regex::Regex::new(&Bytes(most).pattern()).unwrap();
            prop_assert!(pattern.is_match(&Bytes(most).to_string()));
            prop_assert!(pattern.is_match(&most.to_string()) && !pattern.is_match(&(most + 1).to_string()));
            for (unit, _) in UNITS.into_iter().chain(ALIASES) {
                for number in ["0", "1", "1.5", "1.25", "2", "3.3", "5", "10", "4999.999", "5000000"] {
                    let text = format!("{number}{unit}");
                    let is_read = text.parse().is_ok_and(|Bytes(bytes)| bytes <= most);
                    prop_assert!(is_read || !pattern.is_match(&text), "{text} of {most}");
                }
            }
        }

        #[test]
        fn no_text_panics(text in "\\PC{0,12}") {
            let _ = text.parse::<Bytes>();
        }
    }
}
