//! Recorded values, drawn as often as they were recorded.

/// The values of a file and how often each came.
#[derive(Clone, Debug, PartialEq)]
pub struct Recorded {
    /// Rising.
    values_ns: Vec<f64>,
    /// The weight of each value and of all before it.
    up_to: Vec<f64>,
}

/// What a column's name may end in, and the nanoseconds of one.
const UNITS: [(&str, f64); 4] = [("_ns", 1.0), ("_us", 1e3), ("_ms", 1e6), ("_s", 1e9)];

/// What a file must look like, for errors.
pub const FORM: &str = "a CSV file with a header: one column whose name ends in _ns, _us, _ms or _s, and a column weight if the values are not alike";

impl Recorded {
    /// Reads a CSV file with a header. One column's name ends in its unit, `_ns`, `_us`, `_ms` or `_s`, and has the
    /// values; a column `weight` says how often each came. Other columns are left alone.
    ///
    /// # Errors
    /// What is wrong, with its line, as a clause that follows the file's name.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
        let header = reader.headers().map_err(|error| format!("is no CSV: {error}"))?.clone();
        let units: Vec<(usize, f64)> = header.iter().enumerate().filter_map(unit).collect();
        let &[(value_at, unit_ns)] = units.as_slice() else {
            return Err(format!("has {} columns of durations, and must have one", units.len()));
        };
        let weight_at = header.iter().position(|name| name == "weight");
        let mut values = Vec::new();
        for record in reader.records() {
            let record = record.map_err(|error| format!("is no CSV: {error}"))?;
            let line = record.position().map_or(0, csv::Position::line);
            let number = |at: usize| plain(&record[at]).map_err(|why| format!("has {why} on line {line}"));
            let weight = weight_at.map_or(Ok(1.0), number)?;
            let value_ns = libm::round(number(value_at)? * unit_ns);
            if weight > 0.0 {
                values.push((value_ns, weight));
            }
        }
        Self::new(values).ok_or_else(|| "has no value".to_owned())
    }

    fn new(mut values: Vec<(f64, f64)>) -> Option<Self> {
        values.sort_by(|(one, _), (other, _)| one.total_cmp(other));
        let mut sum = 0.0;
        let (values_ns, up_to): (Vec<f64>, Vec<f64>) = values
            .into_iter()
            .map(|(value, weight)| {
                sum += weight;
                (value, sum)
            })
            .unzip();
        (sum > 0.0 && sum.is_finite()).then_some(Self { values_ns, up_to })
    }

    /// The probability of less than the first, and from there to the second.
    pub(super) fn between(&self, least_ns: f64, most_ns: f64) -> (f64, f64) {
        let weight = |count: usize| count.checked_sub(1).map_or(0.0, |last| self.up_to[last]) / self.total();
        let below = weight(self.values_ns.partition_point(|&value| value < least_ns));
        let up_to = weight(self.values_ns.partition_point(|&value| value <= most_ns));
        (below, up_to - below)
    }

    pub(super) fn quantile(&self, p: f64) -> f64 {
        let weight = p * self.total();
        let at = self.up_to.partition_point(|&up_to| up_to <= weight);
        self.values_ns[at.min(self.values_ns.len() - 1)]
    }

    fn total(&self) -> f64 {
        self.up_to[self.up_to.len() - 1]
    }
}

fn unit((at, name): (usize, &str)) -> Option<(usize, f64)> {
    UNITS.iter().find(|(ending, _)| name.ends_with(ending)).map(|(_, ns)| (at, *ns))
}

/// Recorded values may have any number of digits, and exponents.
fn plain(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number >= 0.0 => Ok(number),
        Ok(_) | Err(_) => Err(format!("`{text}`, which is no number of at least 0,")),
    }
}
