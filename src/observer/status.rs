//! The status line: the newest figures in a few words, on a terminal, always on the same line.
//!
//! Drawn by a thread of its own, so that a terminal which doesn't take it holds up no tick: what can't be drawn is left
//! out. Whoever else writes to the terminal erases the line first, and the next second brings it back.

mod line;

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use crate::histogram::Distribution;
use crate::maybe_known::MaybeKnown;
use crate::sample::{Moment, Sample, TargetSample};
use crate::scoreboard::Counts;
use crate::sys::{clock, terminal};
use line::Shown;

/// Where a terminal doesn't say how wide it is.
const USUAL_WIDTH: usize = 80;

/// How long the end of a run waits for the line to be erased.
const LAST_GRACE: Duration = Duration::from_millis(200);

/// What a terminal shows of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Nothing.
    Off,
    /// A status line.
    Plain,
    /// One that has red in it.
    Coloured,
}

/// The line, as the observer holds it.
pub struct StatusLine {
    drawn: SyncSender<Shown>,
    /// Closed when the thread has ended.
    ended: Receiver<Infallible>,
    /// What the next line counts from; nothing before the first row.
    since: Option<Since>,
}

/// The row that was drawn last, or the first of this observer; and what was added since.
struct Since {
    due_ns: u64,
    taken_ns: u64,
    finished: u64,
    errors: u64,
    cpu_ns: MaybeKnown,
    latency: Distribution,
}

impl Since {
    fn row(sample: &Sample) -> Self {
        let Moment { monotonic_ns, late_ns, .. } = sample.moment;
        let TargetSample { totals, cpu_ns, .. } = sample.target;
        let Counts { finished, errors, .. } = totals.counts;
        // Whole multiples of the interval apart, however late the rows themselves are.
        let due_ns = monotonic_ns.saturating_sub(late_ns);
        Self { due_ns, taken_ns: monotonic_ns, finished, errors, cpu_ns, latency: Distribution::default() }
    }
}

impl StatusLine {
    /// Starts its thread, if there is to be a line; without a thread there is none.
    pub fn start(status: Status) -> Option<Self> {
        let colour = match status {
            Status::Off => return None,
            Status::Plain => false,
            Status::Coloured => true,
        };
        // One is enough: when the thread waits for the terminal, what comes meanwhile is old by the time it goes on.
        let (drawn, to_draw) = sync_channel(1);
        let (ends, ended) = channel();
        let drawing = thread::Builder::new().name("status".to_owned());
        drawing.spawn(move || draw_all(&to_draw, colour, ends)).ok()?;
        Some(Self { drawn, ended, since: None })
    }

    /// Draws what there was since the line before, if that one's row was due a second ago: with rows a second apart, each
    /// row, and with more of them no row is left out.
    pub fn tick(&mut self, is_ready: bool, phase: Option<String>, sample: &Sample) {
        let row = Since::row(sample);
        let Some(since) = &mut self.since else {
            self.since = Some(row);
            return;
        };
        since.latency.merge(&sample.recorded.latency);
        // The ready line comes first.
        if !is_ready || row.due_ns.saturating_sub(since.due_ns) < clock::SECOND {
            return;
        }
        let shown = shown(since, &row, phase, sample);
        self.since = Some(row);
        let _ = self.drawn.try_send(shown);
    }

    /// Erases it.
    pub fn end(self) {
        let Self { drawn, ended, since: _ } = self;
        drop(drawn);
        // It says nothing, but that it is closed.
        let _ = ended.recv_timeout(LAST_GRACE);
    }
}

#[allow(clippy::cast_precision_loss)]
fn shown(since: &Since, row: &Since, phase: Option<String>, sample: &Sample) -> Shown {
    let nanoseconds = row.taken_ns.saturating_sub(since.taken_ns) as f64;
    let a_second = |more: u64| more as f64 * clock::SECOND as f64 / nanoseconds;
    let cores = |used_ns: u64| MaybeKnown::ratio(used_ns as f64, nanoseconds);
    let errors = row.errors.saturating_sub(since.errors);
    Shown {
        rate: a_second(row.finished.saturating_sub(since.finished)),
        errors_rate: (errors > 0).then(|| a_second(errors)),
        p99_ns: since.latency.quantiles().map(|latency| latency.p99_ns),
        in_flight: sample.target.totals.gauges().in_flight,
        cores: row.cpu_ns.since(since.cpu_ns).and_then(cores).get(),
        rss_bytes: sample.target.group.rss_bytes.get(),
        phase,
    }
}

fn draw_all(to_draw: &Receiver<Shown>, colour: bool, _ends: Sender<Infallible>) {
    while let Ok(shown) = to_draw.recv() {
        // Less than all of it: a terminal goes on to the next line after the last character, at once or with the next.
        let room = terminal::width().unwrap_or(USUAL_WIDTH).saturating_sub(1);
        terminal::write_if_ready(format!("{}{}", terminal::ERASE, shown.line(room, colour)).as_bytes());
    }
    terminal::write_if_ready(terminal::ERASE.as_bytes());
}
