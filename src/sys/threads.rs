//! CPU of groups of threads within one process.
//!
//! A worker that is a process has a CPU clock of its own. A worker that is a thread has one for its loop and one
//! for each thread of its pool, and they come and go; so each thread says when it enters and leaves its group.

use std::sync::{Mutex, MutexGuard};

use super::{clock, lock, process};
use crate::maybe_known::MaybeKnown;

/// The threads of one worker.
#[derive(Default)]
pub struct ThreadGroup(Mutex<Members>);

#[derive(Default)]
struct Members {
    first: Option<u32>,
    live: Vec<u32>,
    ended_ns: u64,
}

impl ThreadGroup {
    /// The calling thread belongs to the group from here on.
    pub fn enter(&self) {
        let this = process::thread_id();
        let mut members = self.members();
        members.first.get_or_insert(this);
        members.live.push(this);
    }

    /// The thread that entered first: a worker's event loop.
    #[must_use]
    pub fn first(&self) -> Option<u32> {
        self.members().first
    }

    /// The calling thread ends; what it has used stays in the group's sum.
    pub fn leave(&self) {
        let this = process::thread_id();
        let mut members = self.members();
        if let Some(position) = members.live.iter().position(|&live| live == this) {
            members.live.swap_remove(position);
            members.ended_ns += clock::thread_cpu_ns();
        }
    }

    /// CPU of all threads that have ever been in the group.
    #[must_use]
    pub fn cpu_ns(&self) -> MaybeKnown {
        let members = self.members();
        let live: MaybeKnown = members.live.iter().map(|&thread| clock::thread_cpu_ns_of(thread)).sum();
        live + members.ended_ns.into()
    }

    /// Empties the group for the next worker and returns the CPU of the one before.
    pub fn take(&self) -> MaybeKnown {
        let used = self.cpu_ns();
        *self.members() = Members::default();
        used
    }

    fn members(&self) -> MutexGuard<'_, Members> {
        lock(&self.0)
    }
}
