//! The status line: the newest row in a few words, on a terminal, always on the same line.
//!
//! Drawn by a thread of its own, so that a terminal which doesn't take it holds up no tick: what can't be drawn is left
//! out. Whoever else writes to the terminal erases the line first, and the next second brings it back.

mod line;

use std::convert::Infallible;
use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::thread;
use std::time::Duration;

use crate::sample::{Moment, Sample};
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
    /// The row that was drawn last, or the first of this observer.
    last: Option<Last>,
}

#[derive(Clone, Copy)]
struct Last {
    due_ns: u64,
    taken_ns: u64,
    errors: u64,
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
        Some(Self { drawn, ended, last: None })
    }

    /// Draws a row, if the one drawn last was due a second before it.
    pub fn tick(&mut self, is_ready: bool, phase: Option<String>, sample: &Sample) {
        let Moment { monotonic_ns, late_ns, .. } = sample.moment;
        let errors = sample.target.requests.errors;
        // Whole multiples of the interval apart, however late the rows themselves are.
        let this = Last { due_ns: monotonic_ns.saturating_sub(late_ns), taken_ns: monotonic_ns, errors };
        let Some(last) = self.last else {
            self.last = Some(this);
            return;
        };
        // The ready line comes first.
        if !is_ready || this.due_ns.saturating_sub(last.due_ns) < clock::SECOND {
            return;
        }
        self.last = Some(this);
        // Since the line before: an error in a row that is not drawn shows too.
        let errors = (errors.saturating_sub(last.errors), monotonic_ns.saturating_sub(last.taken_ns));
        let _ = self.drawn.try_send(Shown::of(&sample.target, errors, phase));
    }

    /// Erases it.
    pub fn end(self) {
        let Self { drawn, ended, last: _ } = self;
        drop(drawn);
        // It says nothing, but that it is closed.
        let _ = ended.recv_timeout(LAST_GRACE);
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
