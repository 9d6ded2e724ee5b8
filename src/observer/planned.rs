//! The marks that `--phases` asks for, put when they are due.
//!
//! When the target was ready and when it began to drain stand on the scoreboard, and so does how many of the marks were
//! put: an observer that takes over goes on from there.

use std::sync::atomic::Ordering::Relaxed;

use tokio::sync::mpsc::UnboundedReceiver;

use super::Observer;
use super::admin::Told;
use crate::observer::files::marks::Marks;
use crate::phase::{MARKS, Phases};
use crate::scoreboard::Head;
use crate::sys::clock;

/// The marks of a plan, and how many of them were put.
pub struct Planned {
    /// Names, and when each is due after ready.
    marks: Vec<(String, u64)>,
    put: usize,
}

impl Planned {
    /// Goes on where an observer before this one has ended, whose marks these are as far as they were written down.
    pub fn begin(phases: &Phases, head: &Head, written: &Marks) -> Self {
        let put = usize::try_from(head.observer.phases.load(Relaxed)).unwrap_or(usize::MAX);
        let mut planned = Self { marks: phases.marks(), put };
        // It may have died between writing a mark and counting it.
        let is_there =
            |(name, due_ns)| written.list().iter().any(|(known, at_ns)| *known == name && *at_ns >= due_ns);
        if planned.next(head).is_some_and(is_there) {
            planned.count(head);
        }
        planned
    }

    /// The next mark and when it is due (monotonic). Before it is written down that the target is ready there is none, and
    /// what would be due after the run began to drain is none any more.
    pub fn next(&self, head: &Head) -> Option<(String, u64)> {
        let (name, after_ns) = self.marks.get(self.put)?;
        let ready_ns = head.ready_ns().filter(|_| head.observer.ready_told.load(Relaxed) == 1);
        let due_ns = ready_ns?.saturating_add(*after_ns);
        head.drain_ns().is_none_or(|drain_ns| due_ns <= drain_ns).then(|| (name.clone(), due_ns))
    }

    fn count(&mut self, head: &Head) {
        self.put += 1;
        head.observer.phases.store(self.put as u64, Relaxed);
    }
}

impl Observer {
    /// Puts the planned marks that are due, and writes them down at once: what is counted as put is in the file.
    pub(super) fn put_planned(&mut self, happened: &mut UnboundedReceiver<Told>) {
        while let Some((phase, due_ns)) = self.planned.next(self.board.head())
            && due_ns <= clock::monotonic_ns()
        {
            if self.target.mark(&phase).is_none() {
                tracing::warn!(
                    "phase {phase} gets no mark: this run has {MARKS} marks already, the most there are"
                );
            }
            self.write_down_all(happened);
            self.planned.count(self.board.head());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scoreboard::Scoreboard;
    use crate::snapshot::Figures;

    #[test]
    fn they_are_due_from_ready_on_and_not_beyond_the_drain() {
        let board = Scoreboard::map(1).unwrap();
        let head = board.head();
        let mut planned = Planned::begin(&"a:100ns,b:50ns".parse().unwrap(), head, &Marks::default());
        assert_eq!(planned.next(head), None);
        head.set_ready(1_000);
        assert_eq!(planned.next(head), None, "a mark would stand before the event that it is counted from");
        head.observer.ready_told.store(1, Relaxed);
        assert_eq!(planned.next(head), Some(("a".to_owned(), 1_000)));
        planned.count(head);
        assert_eq!(planned.next(head), Some(("b".to_owned(), 1_100)));
        planned.count(head);
        head.set_drain(1_150);
        assert_eq!(planned.next(head), Some(("end".to_owned(), 1_150)), "as --duration 150ns would have it");
        head.set_drain(1_149);
        assert_eq!(planned.next(head), None);
        head.set_drain(2_000);
        planned.count(head);
        assert_eq!(planned.next(head), None);
    }

    #[test]
    fn a_successor_puts_what_is_neither_counted_nor_written() {
        let board = Scoreboard::map(1).unwrap();
        let head = board.head();
        let phases: Phases = "a:100ns,a:50ns".parse().unwrap();
        let next = |written: &Marks| Planned::begin(&phases, head, written).next(head);
        head.set_ready(1_000);
        head.observer.ready_told.store(1, Relaxed);
        let marks = Marks::default();
        marks.put("a", (900, 0), &Figures::default());
        assert_eq!(next(&marks), Some(("a".to_owned(), 1_000)), "one of the same name before it was due");
        marks.put("a", (1_003, 0), &Figures::default());
        assert_eq!(next(&marks), Some(("a".to_owned(), 1_100)), "written, and its observer died");
        assert_eq!(next(&marks), Some(("a".to_owned(), 1_100)), "for every successor");
        assert_eq!(next(&Marks::default()), Some(("a".to_owned(), 1_100)), "counted, wherever it is");
    }
}
