//! Values with percentages: `item[,item…]`, `item = value[:percent]`, split outside of parentheses. Pure.
//!
//! `503:20,404:10` is 503 for 20 % of the requests, 404 for 10 %, and nothing for the rest; a value without a
//! percentage takes 100. Which request gets which value is exact ([`Partition`], shuffled).

use std::fmt;

use crate::distribution::split;
use crate::mistake::Mistake;
use crate::partition::{Partition, Spacing, TooMuch};
use crate::units::Rate;

/// What a percentage may be.
pub const PERCENT: &str = "0 to 100 with up to seven decimals";

/// Which index gets which value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shares<T> {
    items: Vec<(T, Rate)>,
    /// Left out where all get the only one.
    partition: Option<Partition>,
}

impl<T> Shares<T> {
    /// Reads a list. The seed is for this use alone: two lists with the same seed hit the same requests.
    ///
    /// # Errors
    /// What is wrong with it: no such value, no percentage, or more than 100 % in sum.
    pub fn parse(text: &str, seed: u64, read: impl Fn(&str) -> Result<T, Mistake>) -> Result<Self, Mistake> {
        let items: Vec<(T, Rate)> = match split(text, ',')?.as_slice() {
            [one] => vec![item(one, &read)?],
            several => several.iter().map(|one| item(one.trim(), &read)).collect::<Result<_, _>>()?,
        };
        let partition = partition(&items, seed).map_err(|too_much| {
            let sum = Percent(too_much.parts);
            let reason = format!("gives its items {sum} % in sum (one without a percentage takes 100)");
            Mistake::part(text, reason, "at most 100 % in sum")
        })?;
        Ok(Self { items, partition })
    }

    /// One value for so many of the requests; its seed is to be given.
    ///
    /// # Panics
    /// Never: one rate is at most 1.
    #[must_use]
    pub fn of(value: T, rate: Rate) -> Self {
        let items = vec![(value, rate)];
        let partition = partition(&items, 0).expect("one rate is at most 1");
        Self { items, partition }
    }

    /// The same shares by another seed.
    ///
    /// # Panics
    /// Never: the rates were found to sum to at most 1 when they were read.
    #[must_use]
    pub fn keyed(self, seed: u64) -> Self {
        let Self { items, partition: _ } = self;
        let partition = partition(&items, seed).expect("the rates were summed when they were read");
        Self { items, partition }
    }

    /// The value of the request with this index, if it has one.
    #[must_use]
    pub fn at(&self, index: u64) -> Option<&T> {
        let place = match &self.partition {
            None => 0,
            Some(partition) => partition.kind_at(index)?,
        };
        self.items.get(place).map(|(value, _)| value)
    }

    /// The value, where each request gets the same one: no index need be drawn then.
    #[must_use]
    pub fn always(&self) -> Option<&T> {
        match (self.items.as_slice(), &self.partition) {
            ([(value, _)], None) => Some(value),
            _ => None,
        }
    }

    /// Whether each request gets a value.
    #[must_use]
    pub fn is_for_all(&self) -> bool {
        self.items.iter().map(|(_, rate)| rate.parts()).sum::<u64>() == Rate::ONE.parts()
    }
}

fn percent(text: &str) -> Result<Rate, Mistake> {
    Rate::from_percent(text)
        .map_err(|error| Mistake::part(text, format!("{}: it stands for a percentage", error.wrong), PERCENT))
}

/// `value` or `value:percent`.
fn item<T>(text: &str, read: impl Fn(&str) -> Result<T, Mistake>) -> Result<(T, Rate), Mistake> {
    let parts = split(text, ':')?;
    let (value, rate) = match parts.as_slice() {
        [value] => (*value, Rate::ONE),
        [value, share] => (value.trim(), percent(share.trim())?),
        _ => return Err(Mistake::part(text, "has more than one percentage", PERCENT)),
    };
    Ok((read(value)?, rate))
}

/// Which index gets which item, if not all get the only one.
fn partition<T>(items: &[(T, Rate)], seed: u64) -> Result<Option<Partition>, TooMuch> {
    let rates: Vec<Rate> = items.iter().map(|(_, rate)| *rate).collect();
    match rates.as_slice() {
        [Rate::ONE] => Ok(None),
        rates => Partition::new(Spacing::Shuffled, seed, rates).map(Some),
    }
}

impl<T: fmt::Display> fmt::Display for Shares<T> {
    /// As it was understood; [`Shares::parse`] reads it back.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, (value, rate)) in self.items.iter().enumerate() {
            let comma = if number == 0 { "" } else { "," };
            write!(formatter, "{comma}{value}")?;
            if *rate != Rate::ONE {
                write!(formatter, ":{}", Percent(rate.parts()))?;
            }
        }
        Ok(())
    }
}

/// Parts in 10⁹, as a percentage.
struct Percent(u64);

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        const ONE: u64 = 10_000_000;
        let (whole, decimals) = (self.0 / ONE, format!("{:07}", self.0 % ONE));
        match decimals.trim_end_matches('0') {
            "" => write!(formatter, "{whole}"),
            decimals => write!(formatter, "{whole}.{decimals}"),
        }
    }
}
