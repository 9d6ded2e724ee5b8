//! A slot as the supervisor holds it: its listening sockets, its workers, and where the sockets are lent to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::member::Member;
use super::policy::{Cause, History, Reached};
use crate::scoreboard::SEATS;

/// A slot's listening sockets, one an address. What all workers share, such as a unix socket, is the same in each slot.
pub type SlotListeners = Vec<Arc<OwnedFd>>;

/// One slot.
pub struct SlotKeeper {
    /// Kept for the whole run: what waits in their accept queues waits for the next worker.
    pub listeners: SlotListeners,
    /// By seat.
    pub members: [Option<Member>; SEATS],
    /// Of deaths in a row.
    pub history: History,
    /// When the next worker is to be started, if one is (monotonic).
    pub due_ns: Option<u64>,
    /// Why it is to be started.
    pub due_cause: Cause,
    /// Whether a HUP has asked for a successor that is not there yet.
    pub wants_successor: bool,
    /// Whether TTOU has taken it out.
    pub retired: bool,
    /// Whose worker accepts for it meanwhile.
    pub lent_to: Option<usize>,
    /// Workers it has had.
    pub generations: u64,
}

impl SlotKeeper {
    /// A slot that needs a worker.
    pub fn new(listeners: SlotListeners) -> Self {
        Self {
            listeners,
            members: [None, None],
            history: History::default(),
            due_ns: Some(0),
            due_cause: Cause::Boot,
            wants_successor: false,
            retired: false,
            lent_to: None,
            generations: 0,
        }
    }

    /// Its sockets, to be sent.
    pub fn descriptors(&self) -> Vec<BorrowedFd<'_>> {
        self.listeners.iter().map(AsFd::as_fd).collect()
    }

    /// A seat that nobody holds.
    pub fn free_seat(&self) -> Option<usize> {
        self.members.iter().position(Option::is_none)
    }

    /// The workers there are.
    pub fn workers(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().flatten()
    }

    /// The worker that takes connections.
    pub fn live(&self) -> Option<&Member> {
        self.workers().find(|member| member.reached == Reached::Live)
    }

    /// Whether a worker is on its way.
    pub fn is_starting(&self) -> bool {
        self.workers().any(|member| member.reached == Reached::Starting)
    }
}
