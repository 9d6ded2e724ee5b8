//! `latency.hlog`: `HdrHistogram`'s interval log, which its own tools read and plot.
//!
//! Our buckets are those of its histograms with two significant digits, so that nothing is lost on the way. Values are in
//! nanoseconds; a line a tick and tag, none when nothing was finished. Times are seconds since the run began.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::csv::{Appended, CsvFile};
use crate::histogram::{Distribution, LONGEST_NS};
use crate::run_files::DURATIONS;
use crate::sample::Sample;
use crate::sys::clock;

/// Of `HdrHistogram`'s histograms: the layout of ours.
const SIGNIFICANT_DIGITS: u8 = 2;

/// The largest value of an interval stands beside its histogram in milliseconds, as the Java implementation has it.
const NANOSECONDS_IN_ITS_MAX: f64 = 1e6;

const LEGEND: &str = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The file, open for appending.
pub struct LatencyLog {
    file: CsvFile,
    serializer: V2DeflateSerializer,
}

impl LatencyLog {
    /// Opens or makes it. `started_ns` is when the run began (monotonic).
    pub fn open_or_keep(path: &Path, started_ns: u64) -> (Self, io::Result<()>) {
        let (file, opened) = CsvFile::with_preamble(path, preamble(started_ns));
        (Self { file, serializer: V2DeflateSerializer::new() }, opened)
    }

    /// Appends what was recorded in a tick.
    pub fn append(&mut self, sample: &Sample) -> Appended {
        let lines = self.lines(sample);
        let rows = lines.lines().filter(|line| !line.starts_with('#')).map(|line| line.split(','));
        self.file.append(rows)
    }

    /// How many lines are not in the file, at the moment or for good.
    pub fn rows_outside(&self) -> u64 {
        self.file.rows_outside()
    }

    fn lines(&mut self, sample: &Sample) -> String {
        let elapsed_ns = sample.moment.elapsed_ns;
        let interval_ns = sample.moment.interval_ns.unwrap_or(elapsed_ns);
        let (start, length) = (elapsed_ns.saturating_sub(interval_ns), interval_ns);
        let mut lines = Vec::new();
        let mut builder = IntervalLogWriterBuilder::new();
        builder.with_max_value_divisor(NANOSECONDS_IN_ITS_MAX);
        // Into memory, and of histograms that were made here: nothing of it can fail.
        if let Ok(mut log) = builder.begin_log_with(&mut lines, &mut self.serializer) {
            for (tag, recorded) in DURATIONS.into_iter().zip(sample.recorded.all()) {
                if let Some(histogram) = theirs(recorded) {
                    let (start, length) = (Duration::from_nanos(start), Duration::from_nanos(length));
                    let _ = log.write_histogram(&histogram, start, length, Tag::new(tag));
                }
            }
        }
        String::from_utf8(lines).unwrap_or_default()
    }
}

/// What stands above the intervals.
fn preamble(started_ns: u64) -> Vec<u8> {
    let passed_ns = clock::monotonic_ns().saturating_sub(started_ns);
    let began = SystemTime::UNIX_EPOCH + Duration::from_nanos(clock::realtime_ns().saturating_sub(passed_ns));
    let mut text = Vec::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.add_comment("[Histogram log format version 1.3]").with_start_time(began).with_base_time(began);
    // Into memory: it can't fail.
    let _ = builder
        .with_max_value_divisor(NANOSECONDS_IN_ITS_MAX)
        .begin_log_with(&mut text, &mut V2DeflateSerializer::new());
    text.extend_from_slice(LEGEND.as_bytes());
    text
}

/// The same as one of its histograms; `None` when nothing was recorded.
fn theirs(recorded: &Distribution) -> Option<Histogram<u64>> {
    let mut histogram = Histogram::new_with_bounds(1, LONGEST_NS - 1, SIGNIFICANT_DIGITS).ok()?;
    for (value, count) in recorded.values() {
        histogram.saturating_record_n(value, count);
    }
    (!histogram.is_empty()).then_some(histogram)
}
