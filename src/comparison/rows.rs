//! The figures that are compared: one row each, declared once.

use serde::{Deserialize, Serialize};

/// Makes [`Figures`] and [`ROWS`] from one list.
macro_rules! rows {
    ($($(#[doc = $doc:literal])* $field:ident: $title:literal, $unit:ident, $wanted:ident, $scale:ident, $limit:ident;)*) => {
        /// What one arm did in one round, between the two marks of its measured stretch. A figure that is not known is `None`.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct Figures {
            $($(#[doc = $doc])* #[serde(default)] pub $field: Option<f64>,)*
        }

        /// All rows, in the order of the table.
        pub const ROWS: &[Row] = &[
            $(Row {
                name: stringify!($field),
                title: $title,
                meaning: concat!($($doc),*),
                unit: Unit::$unit,
                wanted: Wanted::$wanted,
                scale: Scale::$scale,
                limit: Limit::$limit,
                of: |figures| figures.$field,
            },)*
        ];
    };
}

rows! {
    /// The most connections that were open at once, of at least two rows in the stretch.
    clients: "concurrent clients", Count, Neither, Ratio, Both;
    /// Requests that were finished, with errors.
    completed: "completed", Count, More, Ratio, Both;
    /// Requests that were not answered below status 400, and those that were lost or refused, in percent of all.
    errors_pct: "errors", Percent, Less, Difference, Target;
    /// From the first request to the end of the load, in seconds.
    total_time_s: "total time", Seconds, Less, Ratio, Both;
    /// Requests finished a second.
    requests_per_s: "requests/s", Count, More, Ratio, Both;
    /// Mean latency (arrival in the kernel to the last byte flushed), in microseconds.
    mean_us: "mean latency", Microseconds, Less, Ratio, Both;
    /// Median latency, in microseconds.
    p50_us: "p50", Microseconds, Less, Ratio, Both;
    /// Latency that 90 % of the requests do not exceed, in microseconds.
    p90_us: "p90", Microseconds, Less, Ratio, Both;
    /// Latency that 95 % of the requests do not exceed, in microseconds.
    p95_us: "p95", Microseconds, Less, Ratio, Both;
    /// Latency that 99 % of the requests do not exceed, in microseconds.
    p99_us: "p99", Microseconds, Less, Ratio, Both;
    /// The longest latency, in microseconds.
    max_us: "max", Microseconds, Less, Ratio, Both;
    /// CPU seconds of the workers for 1,000 requests.
    cpu_s_per_1000: "CPU s/1,000 requests", Seconds, Less, Ratio, Target;
    /// CPU seconds of all the processes that the target runs, for 1,000 requests, seen from outside.
    tree_cpu_s_per_1000: "CPU s/1,000 requests, all processes", Seconds, Less, Ratio, Target;
    /// The most resident memory in any row that touches the stretch, in bytes; pages that processes share count in each of them.
    memory_bytes: "memory, most", Bytes, Less, Ratio, Target;
    /// The most resident memory of all processes in the stretch over that at its begin, in bytes, seen from outside.
    memory_growth_bytes: "memory, growth", Bytes, Less, Ratio, Target;
    /// From the start of the first process to the first answer, in seconds.
    start_s: "start", Seconds, Less, Ratio, Target;
    /// Requests of the busiest worker over the mean of all workers; 1 is even.
    imbalance: "imbalance", Count, Less, Difference, Target;
}

/// A figure that is compared.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// As flags, JSON and CSV have it.
    pub name: &'static str,
    /// As tables have it.
    pub title: &'static str,
    /// What it is, a sentence.
    pub meaning: &'static str,
    /// What it is measured in.
    pub unit: Unit,
    /// Which direction is better.
    pub wanted: Wanted,
    /// How two of them are compared.
    pub scale: Scale,
    /// Who may limit it.
    pub limit: Limit,
    /// Reads it.
    pub of: fn(&Figures) -> Option<f64>,
}

impl Row {
    /// Whether it is a latency, which follows from the rate where the concurrency is fixed.
    #[must_use]
    pub fn is_latency(&self) -> bool {
        matches!(self.unit, Unit::Microseconds)
    }
}

/// What a row is measured in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Things, or things a second.
    Count,
    /// Microseconds.
    Microseconds,
    /// Percent.
    Percent,
    /// Seconds.
    Seconds,
    /// Bytes.
    Bytes,
}

/// Which direction of a change is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// Larger is better.
    More,
    /// Smaller is better.
    Less,
    /// It belongs to the load: it can be seen to change, and not judged.
    Neither,
}

/// How two figures are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scale {
    /// By the logarithm of B over A; unknown where one of them is zero.
    Ratio,
    /// By B minus A, since zero is an ordinary value.
    Difference,
}

/// Who may limit a figure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    /// The target, and the generator as well: it says how much was asked for and how soon, and a generator without CPU asks late.
    Both,
    /// The target alone: it says what a request costs or does.
    Target,
}

impl Scale {
    /// As JSON and CSV have it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ratio => "log ratio",
            Self::Difference => "difference",
        }
    }

    /// How far B is from A, on this scale; `None` where one is unknown or the scale has no place for it.
    #[must_use]
    pub fn distance(self, a: Option<f64>, b: Option<f64>) -> Option<f64> {
        let (a, b) = (a?, b?);
        let distance = match self {
            Self::Ratio => (b / a).ln(),
            Self::Difference => b - a,
        };
        distance.is_finite().then_some(distance)
    }
}

/// The row of this name.
#[must_use]
pub fn row_named(name: &str) -> Option<&'static Row> {
    ROWS.iter().find(|row| row.name == name)
}
