//! Which processes the target has, and how much of them a tick reads.

use std::sync::Arc;

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::{SEATS, Scoreboard};
use crate::snapshot::{Snapshot, WorkerReading};
use crate::sys::clock;
use crate::sys::threads::ThreadGroup;

/// Which processes there are, and so where a worker's CPU is read.
#[derive(Clone)]
pub enum Processes {
    /// The supervisor, the observer, and a process for each worker.
    Cluster {
        /// The supervisor's process id.
        supervisor: u32,
    },
    /// This one, for everything; a worker is a group of its threads.
    OneProcess {
        /// By slot and seat.
        clocks: Arc<Vec<[Arc<ThreadGroup>; SEATS]>>,
    },
}

impl Processes {
    /// CPU that a seated worker has used so far.
    #[must_use]
    pub fn worker_cpu_ns(&self, worker: &WorkerReading) -> MaybeKnown {
        match self {
            // Not forked yet. To the kernel, process 0 is whoever asks.
            Self::Cluster { .. } if worker.pid == 0 => 0.into(),
            Self::Cluster { .. } => clock::process_cpu_ns(worker.pid),
            Self::OneProcess { clocks } => {
                clocks.get(worker.slot).map(|seats| seats[worker.seat].cpu_ns()).unwrap_or_default()
            }
        }
    }

    /// The process and the thread in which a worker's event loop runs, once it does.
    #[must_use]
    pub fn loop_thread(&self, worker: &WorkerReading) -> Option<(u32, u32)> {
        match self {
            Self::Cluster { .. } => (worker.pid != 0).then_some((worker.pid, worker.pid)),
            Self::OneProcess { clocks } => {
                Some((std::process::id(), clocks.get(worker.slot)?[worker.seat].first()?))
            }
        }
    }

    /// Reads the scoreboard.
    #[must_use]
    pub fn snapshot(&self, board: &Scoreboard) -> Snapshot {
        Snapshot::read(board, |worker| self.worker_cpu_ns(worker))
    }
}

/// Whether a reading includes what is dear to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything cheap.
    Usual,
    /// PSS and USS too, which walk the page tables, and limits that seldom change.
    Thorough,
}
