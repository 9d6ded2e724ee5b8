//! Rates: how many of all requests, as a whole number of parts in 10⁹.

use std::fmt;
use std::str::FromStr;

use serde::de::{self, Visitor};

use super::UnitError;
use super::decimal::{self, Fault, Unit};

/// Parts in the whole.
const WHOLE: u64 = 1_000_000_000;

/// Of one, and of a hundred.
const OF_ONE: [Unit; 1] = [("", WHOLE)];
const OF_A_HUNDRED: [Unit; 1] = [("", WHOLE / 100)];

/// A share of all requests, from 0 to 1, in whole parts in 10⁹. Read and printed as a decimal such as `0.003`, exactly:
/// that is 3,000,000 parts. From JSON and TOML it is read as a number, or as a text that holds one.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Rate(u32);

impl Rate {
    /// What is read, as a phrase.
    pub const ALLOWED: &str = "0 to 1 with up to nine decimals";

    /// Never.
    pub const ZERO: Self = Self(0);

    /// Always.
    pub const ONE: Self = Self(1_000_000_000);

    /// So many parts in 10⁹; `None` when that is more than 1.
    #[must_use]
    pub fn from_parts(parts: u64) -> Option<Self> {
        u32::try_from(parts).ok().filter(|_| parts <= WHOLE).map(Self)
    }

    /// Parts in 10⁹.
    #[must_use]
    pub fn parts(self) -> u64 {
        u64::from(self.0)
    }

    /// Whether it is 0.
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.0 == 0
    }

    /// Reads a percentage such as `20` or `0.3`, exactly: at most 100, with up to seven decimals.
    ///
    /// # Errors
    /// A clause that follows the text.
    pub fn from_percent(text: &str) -> Result<Self, UnitError> {
        read(text, &OF_A_HUNDRED, "0 to 100 with up to seven decimals")
    }

    /// The rate of a number as JSON and TOML have it. What was written as a decimal is taken as that decimal, although
    /// no binary number is equal to it.
    ///
    /// # Errors
    /// A clause that follows the number.
    pub fn from_number(number: f64) -> Result<Self, UnitError> {
        // The shortest decimal that reads as this number, without an exponent.
        format!("{number}").parse()
    }
}

fn read(text: &str, unit: &[Unit], allowed: &'static str) -> Result<Rate, UnitError> {
    let refuse = |why: &str| UnitError { wrong: why.to_owned(), allowed };
    if text.starts_with('-') {
        return Err(refuse("is not a number from 0"));
    }
    match decimal::parse(text, unit) {
        Ok(parts) => Rate::from_parts(parts).ok_or_else(|| refuse("is too large")),
        Err(Fault::Large) => Err(refuse("is too large")),
        Err(Fault::Fine) => Err(refuse("is too fine")),
        Err(Fault::Number | Fault::Unit(_)) => Err(refuse("is not a plain decimal number")),
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        read(text, &OF_ONE, Self::ALLOWED)
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, rest) = (self.parts() / WHOLE, self.parts() % WHOLE);
        let decimals = format!("{rest:09}");
        match decimals.trim_end_matches('0') {
            "" => formatter.pad(&whole.to_string()),
            decimals => formatter.pad(&format!("{whole}.{decimals}")),
        }
    }
}

impl serde::Serialize for Rate {
    /// As a number.
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        // A quotient is rounded once, so that it is the number which the decimal reads as.
        serializer.serialize_f64(f64::from(self.0) / 1e9)
    }
}

impl<'de> serde::Deserialize<'de> for Rate {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Written;
        impl Visitor<'_> for Written {
            type Value = Rate;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a rate from 0 to 1")
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Rate, E> {
                Rate::from_number(number).map_err(|error| E::custom(format!("{number} {}", error.wrong)))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Rate, E> {
                self.visit_str(&number.to_string())
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Rate, E> {
                text.parse().map_err(|error: UnitError| E::custom(format!("{text} {}", error.wrong)))
            }
        }
        deserializer.deserialize_any(Written)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn reads_what_people_write() {
        let cases = [
            ("0", 0),
            ("1", WHOLE),
            ("1.0", WHOLE),
            ("0.003", 3_000_000),
            ("0.000000001", 1),
            ("0.3", 300_000_000),
        ];
        for (text, parts) in cases {
            assert_eq!(text.parse::<Rate>().unwrap().parts(), parts, "{text}");
            let number: f64 = text.parse().unwrap();
            assert_eq!(Rate::from_number(number).unwrap().parts(), parts, "{text} as a number");
        }
        assert_eq!(Rate::from_percent("20"), Ok(Rate(200_000_000)));
        assert_eq!(Rate::from_percent("0.3"), "0.003".parse());
        assert_eq!(Rate::from_percent("100"), Ok(Rate::ONE));
    }

    #[test]
    fn refuses_with_a_reason() {
        for text in
            ["", "x", "-0.1", "1.1", "NaN", "inf", "1e-3", ".5", "0.0000000001", "99999999999999999999", "5%"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        for number in [f64::NAN, f64::INFINITY, -0.1, 1.000_000_001, 1e-10, 1e300] {
            assert!(Rate::from_number(number).is_err(), "{number}");
        }
        for text in ["101", "100.0000001", "-1", "0.00000001"] {
            assert!(Rate::from_percent(text).is_err(), "{text}");
        }
        let too_large = "1.5".parse::<Rate>().unwrap_err().to_string();
        assert_eq!(too_large, "is too large; allowed: 0 to 1 with up to nine decimals");
    }

    proptest! {
        #[test]
        fn every_rate_survives_text_json_and_toml(parts in 0..=WHOLE) {
            let rate = Rate::from_parts(parts).unwrap();
            prop_assert_eq!(rate.to_string().parse(), Ok(rate));
            let json = serde_json::to_string(&rate).unwrap();
            prop_assert_eq!(serde_json::from_str::<Rate>(&json).unwrap(), rate);
            prop_assert_eq!(serde_json::from_str::<Rate>(&rate.to_string()).unwrap(), rate);
            let table: toml::Table = format!("rate = {rate}").parse().unwrap();
            prop_assert_eq!(table["rate"].clone().try_into::<Rate>().unwrap(), rate);
        }
    }
}
