//! What stands in one row of a recording, or in several rows that were merged into one.

/// When a row was taken, and what of.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct When {
    /// Since the run began.
    pub elapsed_s: f64,
    /// Since the row before; nothing in the first.
    pub interval_s: f64,
    /// The number of its phase, which never falls.
    pub phase: usize,
}

/// One figure in a stretch.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cell {
    /// How long it was known.
    seconds: f64,
    /// Its integral over that time.
    sum: f64,
    least: f64,
    most: f64,
    last: f64,
    is_known: bool,
}

impl Cell {
    /// What stands in a row that covers so many seconds; anything but a number is unknown.
    #[must_use]
    pub fn of(value: f64, seconds: f64) -> Self {
        if !value.is_finite() {
            return Self::default();
        }
        Self { seconds, sum: value * seconds, least: value, most: value, last: value, is_known: true }
    }

    /// The figure in both stretches together; `other` is the later one.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        match (self.is_known, other.is_known) {
            (_, false) => self,
            (false, true) => other,
            (true, true) => Self {
                seconds: self.seconds + other.seconds,
                sum: self.sum + other.sum,
                least: self.least.min(other.least),
                most: self.most.max(other.most),
                last: other.last,
                is_known: true,
            },
        }
    }

    /// Its mean over the time in which it was known.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        self.is_known.then(|| if self.seconds > 0.0 { self.sum / self.seconds } else { self.last })
    }

    /// The smallest in any row.
    #[must_use]
    pub fn least(&self) -> Option<f64> {
        self.is_known.then_some(self.least)
    }

    /// The largest in any row.
    #[must_use]
    pub fn most(&self) -> Option<f64> {
        self.is_known.then_some(self.most)
    }

    /// What it was in the last row in which it was known.
    #[must_use]
    pub fn last(&self) -> Option<f64> {
        self.is_known.then_some(self.last)
    }
}
