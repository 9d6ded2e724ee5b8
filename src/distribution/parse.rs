//! From a text to a distribution, or to the sentence that says why not.

use std::sync::Arc;
use std::time::Duration;

use super::empirical::{self, Recorded};
use super::shape::{Mixture, Shape};
use super::{Distribution, LEAST_INSIDE};
use crate::limit::Limit;
use crate::mistake::Mistake;
use crate::units::{Spelled, parse_duration};

/// What a delay may be, which is not the same in a query as in a profile.
#[derive(Clone, Copy)]
pub struct Rules<'a> {
    /// The longest delay.
    pub limit: Limit<Duration>,
    /// Reads the file that `empirical("…")` names; `None` where files can't be named.
    pub read: Option<ReadFile<'a>>,
}

/// The text of the file with this name, or why there is none.
pub type ReadFile<'a> = &'a dyn Fn(&str) -> Result<String, String>;

/// Each distribution, and how it is written.
const FORMS: [(&str, &str); 8] = [
    ("fixed", "fixed(20ms)"),
    ("uniform", "uniform(10ms,30ms)"),
    ("normal", "normal(20ms,5ms)"),
    ("exponential", "exponential(20ms)"),
    ("lognormal", "lognormal(p50=20ms,p99=200ms)"),
    ("pareto", "pareto(10ms,1.5)"),
    ("mixture", "mixture(9:20ms,1:exponential(200ms))"),
    ("empirical", "empirical(\"file.csv\")"),
];

pub(super) fn distribution(text: &str, rules: &Rules<'_>) -> Result<Distribution, Mistake> {
    read(text, rules, (Duration::ZERO, rules.limit.most))
}

fn read(text: &str, rules: &Rules<'_>, outer: (Duration, Duration)) -> Result<Distribution, Mistake> {
    let Some((name, rest)) = text.split_once('(') else {
        let duration = duration(text, rules)?;
        return inside(text, Distribution::bounded(Shape::Fixed(duration), (None, None), outer));
    };
    let call = Call::read(text, name.trim(), rest, rules)?;
    let bounds = (call.least.unwrap_or_default().max(outer.0), call.most.unwrap_or(outer.1).min(outer.1));
    let shape = call.shape(bounds)?;
    inside(text, Distribution::bounded(shape, (call.least, call.most), outer))
}

/// Refuses a distribution of which hardly anything lies within its bounds: what is drawn would be something else.
fn inside(text: &str, distribution: Distribution) -> Result<Distribution, Mistake> {
    let super::Inside { least_ns, most_ns, below: _, mass } = distribution.inside;
    if mass >= LEAST_INSIDE {
        return Ok(distribution);
    }
    let bounds = [least_ns, most_ns].map(|ns| Spelled(super::duration(ns)).to_string()).join(" to ");
    let percent = LEAST_INSIDE * 100.0;
    let reason = format!("has too little within {bounds}: {:.1$} %", mass * 100.0, 3);
    Err(Mistake::part(text, reason, format!("at least {percent} % of it within {bounds}")))
}

/// A duration as it stands in a delay: with its unit, and within the limit.
fn duration(text: &str, rules: &Rules<'_>) -> Result<Duration, Mistake> {
    let allowed = format!("0 to {}", Spelled(rules.limit.most));
    let duration = match parse_duration(text) {
        Ok(duration) => duration,
        Err(_) if text.starts_with(|letter: char| letter.is_ascii_alphabetic()) => {
            let reason = "is not a duration such as 500us, 200ms or 1.5s, nor a distribution";
            return Err(like_a_name(text, Mistake::part(text, reason, allowed)));
        }
        Err(_) if text.is_empty() => {
            return Err(Mistake::part(text, "is not a duration such as 500us, 200ms or 1.5s", allowed));
        }
        Err(reason) => {
            let reason = format!("is not a duration such as 500us, 200ms or 1.5s: it {reason}");
            return Err(Mistake::part(text, reason, allowed));
        }
    };
    if duration > rules.limit.most {
        return Err(Mistake::part(text, format!("is over the limit that {} sets", rules.limit.flag()), allowed));
    }
    Ok(duration)
}

/// `name(values, named=values)`
struct Call<'a> {
    text: &'a str,
    name: &'static str,
    rules: &'a Rules<'a>,
    values: Vec<&'a str>,
    named: Vec<(&'a str, &'a str)>,
    least: Option<Duration>,
    most: Option<Duration>,
}

impl<'a> Call<'a> {
    fn read(text: &'a str, name: &str, rest: &'a str, rules: &'a Rules<'a>) -> Result<Self, Mistake> {
        let Some(&(name, form)) = FORMS.iter().find(|(known, _)| *known == name) else {
            let wrong = Mistake::part(text, "names no distribution", FORMS.map(|(name, _)| name).join(", "));
            return Err(like_a_name(name, wrong));
        };
        let inner = rest
            .strip_suffix(')')
            .ok_or_else(|| Mistake::part(text, "does not end with its closing parenthesis", form))?;
        let mut call = Self { text, name, rules, values: Vec::new(), named: Vec::new(), least: None, most: None };
        for argument in split(inner, ',')? {
            let argument = argument.trim();
            match argument.split_once('=').filter(|(name, _)| !name.contains(['(', '"', ':'])) {
                Some((name, value)) => call.name_value(name.trim(), value.trim())?,
                None => call.values.push(argument),
            }
        }
        if let (Some(least), Some(most)) = (call.least, call.most)
            && least > most
        {
            return Err(call.wrong("has a min above its max", "min up to max"));
        }
        Ok(call)
    }

    fn name_value(&mut self, name: &'a str, value: &'a str) -> Result<(), Mistake> {
        let is_known = self.name == "lognormal" && matches!(name, "p50" | "p99");
        let is_again = match name {
            "min" => self.least.replace(duration(value, self.rules)?).is_some(),
            "max" => self.most.replace(duration(value, self.rules)?).is_some(),
            _ if is_known => {
                let is_again = self.named.iter().any(|(given, _)| *given == name);
                self.named.push((name, value));
                is_again
            }
            _ => {
                let own = if self.name == "lognormal" { "p50, p99, min and max" } else { "min and max" };
                return Err(self.wrong(&format!("has the unknown name {name}"), own));
            }
        };
        if is_again { Err(self.wrong(&format!("gives {name} more than once"), "once")) } else { Ok(()) }
    }

    fn shape(&self, bounds: (Duration, Duration)) -> Result<Shape, Mistake> {
        match (self.name, self.values.as_slice(), self.named.as_slice()) {
            ("fixed", [value], []) => Ok(Shape::Fixed(self.duration(value)?)),
            ("uniform", [from, to], []) => {
                let (from, to) = (self.duration(from)?, self.duration(to)?);
                let shape = Shape::Uniform { from, to };
                self.only_if(from < to, shape, "must rise: its first value lies below its second")
            }
            ("normal", [mean, sd], []) => {
                let (mean, sd) = (self.duration(mean)?, self.duration(sd)?);
                self.only_if(!sd.is_zero(), Shape::Normal { mean, sd }, "needs a standard deviation above 0")
            }
            ("exponential", [mean], []) => {
                let mean = self.duration(mean)?;
                self.only_if(!mean.is_zero(), Shape::Exponential { mean }, "needs a mean above 0")
            }
            ("lognormal", [], [one, other]) => {
                let ((_, p50), (_, p99)) = if one.0 == "p50" { (one, other) } else { (other, one) };
                let (p50, p99) = (self.duration(p50)?, self.duration(p99)?);
                let rises = !p50.is_zero() && p50 < p99;
                self.only_if(rises, Shape::Lognormal { p50, p99 }, "needs 0 < p50 < p99")
            }
            ("pareto", [least, alpha], []) => {
                let least = self.duration(least)?;
                let alpha = self.number(alpha, "alpha")?;
                self.only_if(!least.is_zero(), Shape::Pareto { least, alpha }, "needs a smallest value above 0")
            }
            ("mixture", parts, []) if !parts.is_empty() && parts != [""] => {
                let parts = parts.iter().map(|part| self.part(part, bounds)).collect::<Result<_, _>>()?;
                Ok(Shape::Mixture(Mixture::new(parts)))
            }
            ("empirical", [file], []) => self.empirical(file),
            _ => Err(self.wrong("does not have the values that it needs", self.form())),
        }
    }

    /// A part of a mixture, within the mixture's bounds.
    fn part(&self, text: &str, bounds: (Duration, Duration)) -> Result<(f64, Distribution), Mistake> {
        let Some((weight, part)) = text.split_once(':').filter(|(weight, _)| !weight.contains('(')) else {
            return Err(Mistake::part(text, "has no weight", self.form()));
        };
        if part.trim_start().starts_with("mixture") {
            let reason = "stands in another mixture: give its parts there, with their weights";
            return Err(Mistake::part(part, reason, "any distribution but a mixture"));
        }
        Ok((self.number(weight.trim(), "weight")?, read(part.trim(), self.rules, bounds)?))
    }

    fn empirical(&self, file: &str) -> Result<Shape, Mistake> {
        let Some(file) =
            file.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).filter(|file| !file.is_empty())
        else {
            return Err(self.wrong("must name its file in quotation marks", self.form()));
        };
        let Some(read) = self.rules.read else {
            return Err(self.wrong("names a file, which only a profile may", "any other distribution"));
        };
        let wrong = |reason: String| Mistake::part(file, reason, empirical::FORM);
        let text = read(file).map_err(|error| wrong(format!("can't be read: {error}")))?;
        let recorded = Arc::new(Recorded::parse(&text).map_err(wrong)?);
        Ok(Shape::Empirical { file: file.to_owned(), recorded })
    }

    fn duration(&self, text: &str) -> Result<Duration, Mistake> {
        duration(text, self.rules)
    }

    fn number(&self, text: &str, what: &str) -> Result<f64, Mistake> {
        let reason = || format!("is no {what}: {} takes a plain number above 0", self.name);
        let number = decimal(text).filter(|number| *number > 0.0);
        number.ok_or_else(|| Mistake::part(text, reason(), "0.000001 to 1000000"))
    }

    fn only_if(&self, holds: bool, shape: Shape, reason: &str) -> Result<Shape, Mistake> {
        if holds { Ok(shape) } else { Err(self.wrong(reason, self.form())) }
    }

    fn wrong(&self, reason: &str, allowed: &str) -> Mistake {
        Mistake::part(self.text, reason, allowed)
    }

    fn form(&self) -> &'static str {
        FORMS.iter().find(|(name, _)| *name == self.name).map_or("", |(_, form)| form)
    }
}

fn like_a_name(text: &str, mistake: Mistake) -> Mistake {
    let mistake = mistake.meant(text, FORMS.map(|(name, _)| name));
    Mistake { meant: mistake.meant.map(|name| format!("{name}(…)").into()), ..mistake }
}

/// Digits, or digits, a point and digits; no sign, exponent or NaN; at most a million, in steps of a millionth.
fn decimal(text: &str) -> Option<f64> {
    const MOST: f64 = 1e6;
    const PLACES: usize = 6;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > PLACES {
        return None;
    }
    text.parse().ok().filter(|number| *number <= MOST)
}

/// Splits at `separator`, but not between parentheses or quotation marks.
///
/// # Errors
/// When these don't come in pairs.
pub(crate) fn split(text: &str, separator: char) -> Result<Vec<&str>, Mistake> {
    let (mut parts, mut begin) = (Vec::new(), 0);
    let (mut depth, mut is_quoted) = (0_u32, false);
    for (at, letter) in text.char_indices() {
        match letter {
            '"' => is_quoted = !is_quoted,
            _ if is_quoted => {}
            '(' => depth += 1,
            ')' => depth = depth.checked_sub(1).ok_or_else(|| unpaired(text))?,
            _ if letter == separator && depth == 0 => {
                parts.push(&text[begin..at]);
                begin = at + letter.len_utf8();
            }
            _ => {}
        }
    }
    if depth > 0 || is_quoted {
        return Err(unpaired(text));
    }
    parts.push(&text[begin..]);
    Ok(parts)
}

fn unpaired(text: &str) -> Mistake {
    let reason = "has a parenthesis or a quotation mark without its other one";
    Mistake::part(text, reason, "parentheses and quotation marks in pairs")
}
