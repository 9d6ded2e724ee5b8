//! The one grammar for delays, in a query, a profile and a fault: `item[,item…]`, `item = (duration |
//! distribution(…))[:percent]`. Pure.
//!
//! `20ms` is always; `10ms:20,1s:0.5` is 10 ms for 20 % of the requests, 1 s for 0.5 %, and nothing for the rest. Which
//! request gets which item is exact ([`Shares`]); how long a distribution's delay is, is drawn by the
//! same index.

use std::fmt;
use std::time::Duration;

use crate::distribution::{Distribution, Rules};
use crate::mistake::Mistake;
use crate::shares::Shares;

/// Which requests are delayed, and how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delay {
    shares: Shares<Distribution>,
    seed: u64,
}

impl Delay {
    /// Reads a delay. The seed is for this use alone: two delays with the same seed hit the same requests.
    ///
    /// # Errors
    /// What is wrong with it: no such item, no percentage, or more than 100 % in sum.
    pub fn parse(text: &str, rules: &Rules<'_>, seed: u64) -> Result<Self, Mistake> {
        let shares = Shares::parse(text, seed, |distribution| Distribution::parse(distribution, rules))?;
        Ok(Self { shares, seed })
    }

    /// The same, drawn from another seed.
    #[must_use]
    pub fn keyed(self, seed: u64) -> Self {
        let Self { shares, seed: _ } = self;
        Self { shares: shares.keyed(seed), seed }
    }

    /// The delay of the request with this index, if it has one.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<Duration> {
        self.shares.at(index).map(|distribution| distribution.draw(self.seed, index))
    }

    /// The delay, where it is the same for each request: no index need be drawn then.
    #[must_use]
    pub fn always(&self) -> Option<Duration> {
        self.shares.always().and_then(Distribution::always)
    }

    /// Whether each request has a delay.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.shares.is_for_all()
    }
}

impl fmt::Display for Delay {
    /// As it was understood; [`Delay::parse`] reads it back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.shares.fmt(formatter)
    }
}

impl serde::Serialize for Delay {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limit::Limit;

    const RULES: Rules<'static> =
        Rules { limit: Limit { most: Duration::from_mins(1), setting: "max-delay" }, read: None };

    fn read(text: &str) -> Delay {
        Delay::parse(text, &RULES, 7).unwrap_or_else(|mistake| panic!("{text}: {mistake}"))
    }

    #[test]
    fn each_item_has_its_share_exactly_and_the_rest_none() {
        let delay = read("10ms:20,1s:0.5");
        let mut counts = std::collections::BTreeMap::new();
        for index in 0..10_000 {
            *counts.entry(delay.at(index)).or_insert(0) += 1;
        }
        let (short, long) = (Duration::from_millis(10), Duration::from_secs(1));
        assert_eq!(counts.into_iter().collect::<Vec<_>>(), [(None, 7_950), (Some(short), 2_000), (Some(long), 50)]);
        assert!(!delay.is_for_all() && delay.always().is_none());
    }

    #[test]
    fn an_item_alone_is_for_all() {
        let fixed = read("20ms");
        assert_eq!((fixed.always(), fixed.at(9)), (Some(Duration::from_millis(20)), fixed.always()));
        let drawn = read("normal(20ms,5ms)");
        assert!(drawn.is_for_all() && drawn.always().is_none());
        assert_ne!(drawn.at(0), drawn.at(1));
        assert_eq!(drawn.at(5), Some(Distribution::parse("normal(20ms,5ms)", &RULES).unwrap().draw(7, 5)));
        assert_eq!(read("20ms:0").at(3), None);
    }

    #[test]
    fn another_seed_is_another_choice_and_other_values() {
        let (one, other) = (read("exponential(20ms):50"), read("exponential(20ms):50").keyed(8));
        assert!((0..100).any(|index| one.at(index).is_some() != other.at(index).is_some()));
        assert_eq!(other.clone().keyed(7), one);
        assert_eq!(other, Delay::parse("exponential(20ms):50", &RULES, 8).unwrap());
    }

    #[test]
    fn it_prints_as_it_was_understood() {
        for (text, printed) in [
            ("0.02s:100", "20ms"),
            ("10ms:20, 1000ms:0.50", "10ms:20,1s:0.5"),
            (
                "normal( 20ms,5ms ):99.9999999,mixture(1:1ms,2:2ms):0.0000001",
                "normal(20ms,5ms):99.9999999,mixture(1:1ms,2:2ms):0.0000001",
            ),
        ] {
            assert_eq!(read(text).to_string(), printed);
            assert_eq!(read(printed), read(text));
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (text, value, says) in [
            ("", "", "is not a duration"),
            (" 1s", " 1s", "is not a duration"),
            ("10ms,", "", "is not a duration"),
            (",", "", "is not a duration"),
            ("10ms:20,61s:1", "61s", "over the limit"),
            ("10ms:", "", "percentage"),
            ("10ms:x", "x", "percentage"),
            ("10ms:-1", "-1", "percentage"),
            ("10ms:NaN", "NaN", "percentage"),
            ("10ms:1e1", "1e1", "percentage"),
            ("10ms:101", "101", "too large"),
            ("10ms:0.00000001", "0.00000001", "too fine"),
            ("10ms:1:2", "10ms:1:2", "more than one percentage"),
            ("10ms:60,20ms:40.5", "10ms:60,20ms:40.5", "100.5 % in sum"),
            ("10ms,20ms:1", "10ms,20ms:1", "101 % in sum (one without a percentage takes 100)"),
            ("normal(1ms,1ms:5", "normal(1ms,1ms:5", "without its other one"),
        ] {
            let mistake = Delay::parse(text, &RULES, 0).expect_err(text);
            assert_eq!(mistake.value.as_deref(), Some(value), "{text}: {mistake}");
            assert!(mistake.to_string().contains(says), "{text}: {mistake}");
        }
    }
}
