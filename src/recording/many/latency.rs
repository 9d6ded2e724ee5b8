//! Quantiles of all instances together, tick by tick. Quantiles can't be added; the histograms in each `latency.hlog` can.
//!
//! The files are read side by side, as the rows in `ticks.rs` are: the histograms of a long run would not fit into memory.

use std::io::{BufRead, BufReader, Read};
use std::mem::{replace, take};
use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::super::damage::Damage;
use super::super::figure::Figure;
use super::ticks::{Source, whole};
use crate::histogram::{Distribution, Quantiles};
use crate::run_files::{DURATIONS, LATENCY, open_whole_lines};
use crate::units::shown::float;

/// So many ticks of an instance are read ahead of those that are merged.
const AHEAD: usize = 32;

/// A histogram's line is never as long; more is read piece by piece, and is none.
const LONGEST_LINE: u64 = 1 << 20;

/// Whoever waits is told this often how far it is.
const TOLD_EVERY: u64 = 1 << 20;

/// The log has whole milliseconds, rounded down.
const ROUNDED_DOWN_S: f64 = 0.001;

/// Histograms in the order of [`DURATIONS`].
type Recorded = [Distribution; DURATIONS.len()];

/// A quantile, in nanoseconds.
type Quantile = fn(&Quantiles) -> u64;

/// The figures that are quantiles: whose, by the place in [`DURATIONS`], and which.
const QUANTILES: [(Figure, usize, Quantile); 10] = [
    (Figure::ServiceP50, 0, |of| of.p50_ns),
    (Figure::ServiceP95, 0, |of| of.p95_ns),
    (Figure::ServiceP99, 0, |of| of.p99_ns),
    (Figure::LatencyP50, 1, |of| of.p50_ns),
    (Figure::LatencyP95, 1, |of| of.p95_ns),
    (Figure::LatencyP99, 1, |of| of.p99_ns),
    (Figure::QueueP50, 2, |of| of.p50_ns),
    (Figure::QueueP99, 2, |of| of.p99_ns),
    (Figure::LoopWaitP50, 3, |of| of.p50_ns),
    (Figure::LoopWaitP99, 3, |of| of.p99_ns),
];

/// What an instance recorded up to a tick.
struct Moment {
    /// The first tick that it covers.
    from: u64,
    tick: u64,
    /// `None` where a line of it can't be read.
    recorded: Option<Recorded>,
}

/// The histograms of all instances on their way to a tick.
pub struct Latencies {
    lanes: Vec<Lane>,
    /// Summed since the last tick that was told.
    sums: Recorded,
    is_known: bool,
}

/// An instance's file, tick by tick.
struct Lane {
    moments: Receiver<Moment>,
    next: Option<Moment>,
}

impl Latencies {
    /// Puts the quantiles of a tick in the places of its figures. Ticks come in their order. A late histogram covers several
    /// ticks and can't be divided: the quantiles of its ticks are told together, at the last of them.
    pub fn fill(&mut self, tick: u64, figures: &[Figure], numbers: &mut [f64]) {
        let mut is_covered = false;
        for lane in &mut self.lanes {
            while let Some(moment) = lane.next.take_if(|next| next.tick <= tick) {
                match moment.recorded {
                    Some(recorded) => self.sums.iter_mut().zip(&recorded).for_each(|(sum, one)| sum.merge(one)),
                    None => self.is_known = false,
                }
                lane.next = lane.moments.recv().ok();
            }
            is_covered |= lane.next.as_ref().is_some_and(|next| next.from <= tick);
        }
        if is_covered {
            return;
        }
        let recorded = take(&mut self.sums);
        if !replace(&mut self.is_known, true) {
            return;
        }
        let quantiles = recorded.each_ref().map(Distribution::quantiles);
        for (figure, number) in figures.iter().zip(numbers) {
            let Some((_, of, quantile)) = QUANTILES.iter().find(|(known, ..)| known == figure) else { continue };
            if let Some(quantiles) = &quantiles[*of] {
                *number = float(quantile(quantiles)) / 1e3;
            }
        }
    }
}

/// Reads the histograms of all instances while `merge` asks for them; then says what was wrong with the files.
///
/// # Errors
/// Why there is no thread to read one.
pub fn beside<Merged>(
    sources: &[Source<'_>],
    tick_s: f64,
    told: &(dyn Fn(u64) + Sync),
    merge: impl FnOnce(&mut Latencies) -> Merged,
) -> Result<(Merged, Vec<String>), String> {
    thread::scope(|scope| {
        let (mut lanes, mut readers) = (Vec::new(), Vec::new());
        for source in sources {
            let (sender, receiver) = sync_channel(AHEAD);
            let reader = thread::Builder::new()
                .spawn_scoped(scope, move || Reader::new(source, tick_s, &sender).read(source.directory, told))
                .map_err(|error| format!("there is no thread to read {}: {error}", source.directory.display()))?;
            readers.push((source.name, reader));
            let next = receiver.recv().ok();
            lanes.push(Lane { moments: receiver, next });
        }
        let mut latencies = Latencies { lanes, sums: Recorded::default(), is_known: true };
        let merged = merge(&mut latencies);
        // Whoever still waits to send need not.
        drop(latencies);
        let mut wrong = Vec::new();
        for (name, reader) in readers {
            let sentences = reader.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            wrong.extend(sentences.into_iter().map(|sentence| {
                format!("{name}: {sentence}; quantiles of all instances over time are not told where it lacks any")
            }));
        }
        Ok((merged, wrong))
    })
}

/// From the lines of a file to its moments.
struct Reader<'a> {
    /// The tick at which the instance began.
    begin: u64,
    tick_s: f64,
    sender: &'a SyncSender<Moment>,
    /// The moment whose lines are being read.
    moment: Option<Moment>,
    /// The last tick of which there was a line.
    last: Option<u64>,
    /// Lines that can't be read since then.
    unreadable: u64,
}

impl<'a> Reader<'a> {
    fn new(source: &Source<'_>, tick_s: f64, sender: &'a SyncSender<Moment>) -> Self {
        let begin = whole(source.from_s / tick_s);
        Self { begin, tick_s, sender, moment: None, last: None, unreadable: 0 }
    }

    /// Reads to the end.
    fn read(mut self, directory: &Path, told: &dyn Fn(u64)) -> Vec<String> {
        let (file, is_torn) = match open_whole_lines(&directory.join(LATENCY)) {
            Ok(opened) => opened,
            Err(error) => {
                let _ = self.sender.send(Moment { from: 0, tick: u64::MAX, recorded: None });
                return vec![if error.kind() == std::io::ErrorKind::NotFound {
                    format!("{LATENCY} is missing")
                } else {
                    format!("{LATENCY} can't be read: {error}")
                }];
            }
        };
        let (mut file, mut deserializer) = (BufReader::new(file), Deserializer::new());
        let (mut line, mut number, mut bytes) = (Vec::new(), 0, 0);
        let mut damage = Damage::of_file(is_torn);
        let mut wrong = Vec::new();
        loop {
            line.clear();
            match Read::by_ref(&mut file).take(LONGEST_LINE).read_until(b'\n', &mut line) {
                Ok(0) => break,
                Ok(more) => bytes += more as u64,
                Err(error) => {
                    wrong.push(format!("{LATENCY} can't be read to its end: {error}"));
                    let _ = self.sender.send(self.unknown(u64::MAX));
                    break;
                }
            }
            number += 1;
            if bytes >= TOLD_EVERY {
                told(take(&mut bytes));
            }
            let is_kept = match Interval::read(&line, &mut deserializer) {
                Line::Interval(interval) => self.take(interval).is_some(),
                Line::Other => true,
                Line::Unreadable => false,
            };
            if is_kept {
                damage.rows += 1;
            } else {
                damage.unreadable(number);
                self.unreadable();
            }
        }
        told(bytes);
        if is_torn {
            self.unreadable();
        }
        self.end();
        wrong.extend(damage.sentences(LATENCY, true));
        wrong
    }

    /// Adds a line to its moment; `None` where its time is before that of the one before.
    fn take(&mut self, Interval { from_s, to_s, of, recorded }: Interval) -> Option<()> {
        let tick = self.begin + whole(to_s / self.tick_s);
        if self.last.is_some_and(|last| tick < last) {
            return None;
        }
        if self.moment.as_ref().is_none_or(|moment| moment.tick != tick) {
            let is_whole = replace(&mut self.unreadable, 0) == 0;
            let after = self.last.map_or(0, |last| last + 1);
            let from = if is_whole { after.max(self.begin + whole(from_s / self.tick_s) + 1) } else { after };
            let moment = Moment { from: from.min(tick), tick, recorded: is_whole.then(Recorded::default) };
            if let Some(complete) = self.moment.replace(moment) {
                let _ = self.sender.send(complete);
            }
            self.last = Some(tick);
        }
        if let Some(sums) = self.moment.as_mut().and_then(|moment| moment.recorded.as_mut()) {
            sums[of].merge(&recorded);
        }
        Some(())
    }

    /// A line that can't be read is of the moment before it, or of the next.
    fn unreadable(&mut self) {
        self.unreadable += 1;
        if let Some(moment) = &mut self.moment {
            moment.recorded = None;
        }
    }

    fn unknown(&self, tick: u64) -> Moment {
        Moment { from: self.last.map_or(0, |last| last + 1), tick, recorded: None }
    }

    /// Lines that can't be read at the end are of as many ticks, at most.
    fn end(mut self) {
        if let Some(complete) = self.moment.take() {
            let _ = self.sender.send(complete);
        }
        if self.unreadable > 0 {
            let _ = self.sender.send(self.unknown(self.last.unwrap_or(self.begin) + self.unreadable));
        }
    }
}

/// A line of the log.
enum Line {
    Interval(Interval),
    /// A comment, the legend, or what a newer version writes beside what is known.
    Other,
    Unreadable,
}

struct Interval {
    /// In seconds since the instance began.
    from_s: f64,
    to_s: f64,
    /// The place of its tag in [`DURATIONS`].
    of: usize,
    recorded: Distribution,
}

impl Interval {
    fn read(line: &[u8], deserializer: &mut Deserializer) -> Line {
        if matches!(line.first(), Some(b'#' | b'"' | b'\n')) {
            return Line::Other;
        }
        let Some(Ok(LogEntry::Interval(interval))) = IntervalLogIterator::new(line).next() else {
            return Line::Unreadable;
        };
        let tag = interval.tag();
        let Some(of) = DURATIONS.iter().position(|known| tag.is_some_and(|tag| tag.as_str() == *known)) else {
            return Line::Other;
        };
        let bytes = STANDARD.decode(interval.encoded_histogram()).ok();
        let histogram = bytes.and_then(|bytes| deserializer.deserialize::<u64, _>(&mut &*bytes).ok());
        let Some(histogram) = histogram else { return Line::Unreadable };
        let mut recorded = Distribution::default();
        for bucket in histogram.iter_recorded() {
            recorded.record(bucket.value_iterated_to(), bucket.count_at_value());
        }
        let from_s = interval.start_timestamp().as_secs_f64() + ROUNDED_DOWN_S;
        Line::Interval(Self { from_s, to_s: from_s + interval.duration().as_secs_f64(), of, recorded })
    }
}

#[cfg(test)]
mod tests;
