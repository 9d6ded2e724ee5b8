//! `--fail-if 'requests_per_s < -5%'`: a change that must not happen.

use crate::comparison::{Pair, ROWS, Row, Scale, change, row_named};
use crate::spelling::did_you_mean;

/// A bound of a row's change.
#[derive(Clone, Debug)]
pub struct Bound {
    /// As it was written.
    pub text: String,
    /// What it is a bound of.
    pub row: &'static Row,
    side: Side,
    /// On the row's scale.
    at: f64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Below,
    Above,
}

/// What is known of a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// The whole interval lies beyond it.
    Broken,
    /// The whole interval lies within it.
    Held,
    /// The interval reaches across it, or there is none yet.
    Unknown,
    /// An objection bears on its row: the figures don't bear an answer.
    Refused,
}

impl State {
    /// Whether further rounds have nothing to say.
    pub fn is_decided(self) -> bool {
        matches!(self, Self::Broken | Self::Held)
    }
}

impl Bound {
    /// Understands `ROW < CHANGE` or `ROW > CHANGE`.
    ///
    /// # Errors
    /// A sentence that says what is allowed.
    pub fn read(text: &str) -> Result<Self, String> {
        let allowed = "allowed: ROW < CHANGE or ROW > CHANGE, as in 'requests_per_s < -5%'";
        let wrong = |what: &str| format!("--fail-if '{text}': {what}; {allowed}");
        let (name, side, value) = if let Some((name, value)) = text.split_once('<') {
            (name.trim(), Side::Below, value.trim())
        } else if let Some((name, value)) = text.split_once('>') {
            (name.trim(), Side::Above, value.trim())
        } else {
            return Err(wrong("there is neither < nor >"));
        };
        let row = row_named(name).ok_or_else(|| wrong(&no_such_row(name)))?;
        let number = |text: &str| text.trim().parse::<f64>().ok().filter(|number| number.is_finite());
        let at = match row.scale {
            Scale::Ratio => {
                let percent = value.strip_suffix('%').and_then(number).filter(|percent| *percent > -100.0);
                percent.map(|percent| (percent / 100.0).ln_1p())
            }
            Scale::Difference => number(value.strip_suffix('%').unwrap_or(value)),
        };
        let at = at.ok_or_else(|| match row.scale {
            Scale::Ratio => wrong(&format!("the change of {name} is a percentage above -100%")),
            Scale::Difference => wrong(&format!("the change of {name} is a number")),
        })?;
        Ok(Self { text: text.to_owned(), row, side, at })
    }

    /// What these pairs say of it.
    pub fn state(&self, pairs: &[Pair], confidence: f64) -> State {
        let Some(interval) = change(self.row, pairs, confidence).and_then(|change| change.interval) else {
            return State::Unknown;
        };
        let (beyond, within) = match self.side {
            Side::Below => (interval.high < self.at, interval.low >= self.at),
            Side::Above => (interval.low > self.at, interval.high <= self.at),
        };
        match (beyond, within) {
            (true, _) => State::Broken,
            (_, true) => State::Held,
            _ => State::Unknown,
        }
    }
}

/// That there is no row of this name, with the nearest.
pub fn no_such_row(name: &str) -> String {
    let names: Vec<&str> = ROWS.iter().map(|row| row.name).collect();
    let hint = did_you_mean(name, names.iter().copied()).map_or_else(String::new, |question| question + " ");
    format!("there is no row {name:?}; {hint}there are {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::{Arm, Figures};

    fn pairs(ratio: f64) -> Vec<Pair> {
        let figures = |rate| Figures { requests_per_s: Some(rate), errors_pct: Some(0.5), ..Figures::default() };
        (0..8).map(|_| Pair { first: Arm::A, a: figures(100.0), b: figures(100.0 * ratio) }).collect()
    }

    #[test]
    fn a_bound_is_broken_only_beyond_the_interval() {
        let state = |text: &str, ratio| Bound::read(text).unwrap().state(&pairs(ratio), 0.99);
        assert_eq!(state("requests_per_s < -5%", 0.90), State::Broken);
        assert_eq!(state("requests_per_s < -5%", 0.99), State::Held);
        assert_eq!(state("requests_per_s > 5%", 1.10), State::Broken);
        assert_eq!(state("errors_pct > 0.1", 1.0), State::Held);
        assert_eq!(Bound::read("requests_per_s < -5%").unwrap().state(&pairs(0.9)[..5], 0.99), State::Unknown);
    }

    #[test]
    fn a_wrong_bound_gets_a_sentence() {
        for (text, expected) in [
            ("requests_per_s", "neither < nor >"),
            ("request_per_s < -5%", "did you mean requests_per_s?"),
            ("requests_per_s < -5", "is a percentage"),
            ("requests_per_s < -500%", "above -100%"),
            ("errors_pct > much", "is a number"),
        ] {
            let sentence = Bound::read(text).unwrap_err();
            assert!(sentence.contains(expected), "{sentence}");
        }
    }
}
