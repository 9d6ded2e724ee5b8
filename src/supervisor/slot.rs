//! A slot as the supervisor holds it: its listening socket, its workers, and where the socket is lent to.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::member::Member;
use super::policy::{Cause, History, Reached};
use crate::scoreboard::SEATS;

/// One slot.
pub struct SlotKeeper {
    /// Kept for the whole run: what waits in its accept queue waits for the next worker. Shared by all slots when it
    /// is a unix socket.
    pub listener: Arc<OwnedFd>,
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
    pub fn new(listener: Arc<OwnedFd>) -> Self {
        Self {
            listener,
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
