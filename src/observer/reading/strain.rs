//! Reads the signs of strain: control group, stalls, accept queues, loops that are late.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use super::processes::Depth;
use super::unread::UnreadReader;
use crate::maybe_known::MaybeKnown;
use crate::sample::StrainReading;
use crate::scoreboard::{BEAT_NS, Late, Scoreboard, SeatState};
use crate::snapshot::{Snapshot, WorkerReading};
use crate::sys::listener::{self, AcceptQueue};
use crate::sys::procfs::{CgroupFiles, PressureFiles};
use crate::sys::usage;

/// The open files, and the listeners. It never accepts from them.
pub struct StrainReader {
    cgroup: CgroupFiles,
    pressure: PressureFiles,
    listeners: Vec<Arc<OwnedFd>>,
    drops_before: MaybeKnown,
    unread: UnreadReader,
}

impl StrainReader {
    /// Opens the files. `drops_before` is what the listeners had dropped before the run.
    pub fn new(listeners: Vec<Arc<OwnedFd>>, drops_before: MaybeKnown) -> Self {
        let unread = UnreadReader::new(&listeners);
        Self { cgroup: CgroupFiles::open(), pressure: PressureFiles::open(), listeners, drops_before, unread }
    }

    /// Shows the accept queue of one listener more.
    pub fn watch(&mut self, listener: OwnedFd) {
        self.unread.watch(&listener);
        self.listeners.push(Arc::new(listener));
    }

    /// Reads everything but what the threads have waited, which is read with the processes. The observer's own process is
    /// the one that doesn't count itself on the scoreboard: in single and threads it is all there is.
    pub fn read(&mut self, board: &Scoreboard, snapshot: &Snapshot, now_ns: u64, depth: Depth) -> StrainReading {
        if depth == Depth::Thorough {
            self.cgroup.read_limits();
        }
        let window = board.head().observer.lag_window.close();
        let beats = snapshot.workers().filter_map(|worker| latest_beat(board, worker, window, now_ns));
        StrainReading {
            waited_ns: MaybeKnown::UNKNOWN,
            usage: usage::of_this_process(),
            cgroup: self.cgroup.read(),
            pressure: self.pressure.read(),
            accept_queue: self.accept_queue(),
            listen_drops: self.listen_drops(),
            unread: self.unread.read(now_ns),
            latest_beat: beats.max_by_key(|late| late.lag_ns).into(),
        }
    }

    /// The fullest queue of those that listen: a full one drops, whatever room the others have.
    fn accept_queue(&self) -> MaybeKnown<AcceptQueue> {
        let queues = self.listeners.iter().map(|listener| listener::accept_queue(listener.as_fd()).get());
        let queues: Option<Vec<Option<AcceptQueue>>> = queues.collect();
        let fullest = queues.and_then(|all| all.into_iter().flatten().max_by_key(|queue| queue.depth));
        fullest.into()
    }

    fn listen_drops(&self) -> MaybeKnown {
        if self.listeners.is_empty() {
            return MaybeKnown::UNKNOWN;
        }
        let drops: MaybeKnown = self.listeners.iter().map(|listener| listener::drops(listener.as_fd())).sum();
        drops.since(self.drops_before)
    }
}

/// A worker's latest beat, one that is still to come included: a loop that stands still is seen while it
/// does.
fn latest_beat(board: &Scoreboard, worker: &WorkerReading, window: u64, now_ns: u64) -> Option<Late> {
    if worker.beat_ns == 0 || !matches!(worker.state, SeatState::Live | SeatState::Draining) {
        return None;
    }
    let seat = board.slots()[worker.slot].seat(worker.seat);
    let overdue = now_ns.saturating_sub(worker.beat_ns).saturating_sub(BEAT_NS);
    let latest = seat.lag().in_window(window).unwrap_or_default();
    Some(if latest.lag_ns >= overdue { latest } else { Late { lag_ns: overdue, ..Late::default() } })
}
