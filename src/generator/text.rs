//! What the outputs in text have in common: lines that begin with a name, and numbers with their units.

use super::Unit;

/// What a text says, line by line.
pub(super) struct Lines<'a> {
    generator: &'static str,
    lines: Vec<&'a str>,
}

impl<'a> Lines<'a> {
    /// Splits an output into its lines. Each run has one line that begins with `once`, by which a second run is found.
    ///
    /// # Errors
    /// A clause, when it has several runs.
    pub fn of(generator: &'static str, content: &'a str, once: &str) -> Result<Self, String> {
        let lines: Vec<&str> = content.lines().map(str::trim).collect();
        let runs = lines.iter().filter(|line| line.starts_with(once)).count();
        if runs > 1 {
            return Err(format!("has {runs} runs of {generator}, one after the other; give one of them"));
        }
        Ok(Self { generator, lines })
    }

    /// All of them, without the space around each.
    pub fn all(&self) -> &[&'a str] {
        &self.lines
    }

    /// The rest of the line that begins with this name.
    pub fn after(&self, name: &str) -> Option<&'a str> {
        self.lines.iter().find_map(|line| line.strip_prefix(name)).map(str::trim)
    }

    /// The rest of a line that every whole output has.
    ///
    /// # Errors
    /// A clause, when there is no such line.
    pub fn needed(&self, name: &str) -> Result<&'a str, String> {
        self.after(name).ok_or_else(|| format!("is cut off: {}'s output has no `{name}`", self.generator))
    }

    /// The number behind a name, without its unit.
    ///
    /// # Errors
    /// A clause, when there is no such line, or no number in it.
    pub fn number<Number: std::str::FromStr>(&self, name: &str) -> Result<Number, String> {
        let rest = self.needed(name)?;
        let word = rest.split([' ', ',', '\t']).next().unwrap_or_default();
        let is_whole = !rest.contains(',') || rest.contains(", ");
        word.parse().ok().filter(|_| is_whole).ok_or_else(|| {
            format!("has `{rest}` after `{name}`, which is no number as {} writes it", self.generator)
        })
    }

    /// The number behind a name, where there is such a line.
    ///
    /// # Errors
    /// A clause, when there is no number in it.
    pub fn optional<Number: std::str::FromStr>(&self, name: &str) -> Result<Option<Number>, String> {
        self.after(name).map(|_| self.number(name)).transpose()
    }

    /// The table of ab, which loadtest has too: `  95%     14`, in milliseconds. Quantiles in microseconds of these
    /// percentages, as far as they are there; its last line, the longest request, must be.
    ///
    /// # Errors
    /// A clause, when the last line is not there, or there is no number in one.
    pub fn quantiles<const N: usize>(&self, percents: [u32; N]) -> Result<Vec<(f64, f64)>, String> {
        if !self.needed("100%")?.ends_with("(longest request)") {
            return Err(format!("is cut off: {}'s output has no `(longest request)`", self.generator));
        }
        let quantile = |percent: u32| {
            let ms: Option<f64> = self.optional(&format!("{percent}%"))?;
            Ok(ms.map(|ms| (f64::from(percent) / 100.0, Unit::Milliseconds.us(ms))))
        };
        percents.into_iter().filter_map(|percent| quantile(percent).transpose()).collect()
    }

    /// The lines behind the one with this text.
    pub fn behind(&self, heading: &str) -> impl Iterator<Item = &'a str> {
        self.lines.iter().skip_while(move |line| !line.starts_with(heading)).skip(1).copied()
    }
}

/// The unit that a number ends with, and what it is worth. The longer ones first.
pub(super) type Scale = [(&'static str, f64)];

/// In microseconds.
pub(super) const TIMES: &Scale =
    &[("us", 1.0), ("µs", 1.0), ("ns", 1e-3), ("ms", 1e3), ("s", 1e6), ("m", 6e7), ("h", 3.6e9)];

/// A number with its unit: its value, and what one of its unit is worth.
pub(super) fn scaled(text: &str, scale: &Scale) -> Option<(f64, f64)> {
    let (number, factor) = scale.iter().find_map(|(unit, factor)| Some((text.strip_suffix(unit)?, factor)))?;
    let value: f64 = number.parse().ok().filter(|value: &f64| value.is_finite())?;
    Some((value * factor, *factor))
}
