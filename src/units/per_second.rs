//! How often a second, in whole thousandths.

use std::fmt;
use std::str::FromStr;

use super::UnitError;
use super::decimal::{self, Fault, Unit};

/// Thousandths in one.
const THOUSANDTHS: [Unit; 1] = [("", 1_000)];

const ALLOWED: &str = "0.001 to 1000000 with up to three decimals";

/// How often a second: 0.001 to 1,000,000, in whole thousandths. Read and printed as a decimal such as `0.5`, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PerSecond(u32);

impl PerSecond {
    /// In thousandths: 1 to 10⁹.
    #[must_use]
    pub fn thousandths(self) -> u64 {
        u64::from(self.0)
    }
}

impl FromStr for PerSecond {
    type Err = UnitError;

    fn from_str(text: &str) -> Result<Self, UnitError> {
        let refuse = |why: &str| UnitError { wrong: why.to_owned(), allowed: ALLOWED };
        match decimal::parse(text, &THOUSANDTHS) {
            Ok(0) => Err(refuse("is too small")),
            Ok(thousandths @ 1..=1_000_000_000) => {
                u32::try_from(thousandths).map(Self).map_err(|_| refuse("is too large"))
            }
            Ok(_) | Err(Fault::Large) => Err(refuse("is too large")),
            Err(Fault::Fine) => Err(refuse("is too fine")),
            Err(Fault::Number | Fault::Unit(_)) => Err(refuse("is not a plain decimal number")),
        }
    }
}

impl fmt::Display for PerSecond {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = format!("{}.{:03}", self.0 / 1_000, self.0 % 1_000);
        formatter.pad(text.trim_end_matches('0').trim_end_matches('.'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_printed_reads_back_and_the_rest_is_refused_with_a_reason() {
        for (text, thousandths) in
            [("0.001", 1), ("0.5", 500), ("1", 1_000), ("120.25", 120_250), ("1000000", 1_000_000_000)]
        {
            let rate: PerSecond = text.parse().unwrap();
            assert_eq!((rate.thousandths(), rate.to_string()), (thousandths, text.to_owned()));
        }
        for (text, why) in [
            ("0", "is too small"),
            ("0.0001", "is too fine"),
            ("1000000.001", "is too large"),
            ("99999999999999999999", "is too large"),
            ("-1", "is not a plain"),
            ("1e3", "is not a plain"),
            ("10/s", "is not a plain"),
            ("", "is not a plain"),
        ] {
            let refused = text.parse::<PerSecond>().unwrap_err().to_string();
            assert!(refused.starts_with(why) && refused.ends_with(ALLOWED), "{text}: {refused}");
        }
    }
}
