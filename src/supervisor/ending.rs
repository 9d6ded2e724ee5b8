//! How a run ends: drained, or at once, and then the last row.

use std::time::Duration;

use super::policy::Reached;
use super::slot::SlotKeeper;
use super::{Stage, Supervisor};
use crate::control::{Drain, Order};
use crate::event::EventKind;
use crate::scoreboard::{SEATS, SeatState};
use crate::sys::clock;
use crate::units::nanoseconds;

/// After a second signal: how long threads, and the observer, get to end before the process ends without them.
const LAST_GRACE: Duration = Duration::from_millis(300);

/// How long the observer gets for its last row: a disk that others keep busy may hold up a write for seconds.
const LAST_ROW: Duration = Duration::from_secs(30);

/// Signals this soon after the drain began are part of the same stop: `timeout` sends TERM to a process and to its group,
/// process managers send INT and TERM, systemd ends the command of `--while` beside us.
const ONE_STOP: Duration = Duration::from_millis(100);

impl Supervisor {
    /// The first signal drains, a second one ends at once.
    pub(super) fn terminate(&mut self, why: &str) {
        let now = clock::monotonic_ns();
        if self.drained_ns.is_some_and(|drained| now.saturating_sub(drained) < nanoseconds(ONE_STOP)) {
            return;
        }
        match self.stage {
            Stage::Booting | Stage::Serving => self.drain(why),
            Stage::Draining(_) => self.abandon(why),
            Stage::Finishing(at) => {
                self.stage = Stage::Finishing(at.min(now + nanoseconds(LAST_GRACE)));
            }
            Stage::Abandoning(_) | Stage::Ended => {}
        }
    }

    /// Drains, unless the run ends already.
    pub(super) fn drain_once(&mut self, why: &str) {
        if matches!(self.stage, Stage::Booting | Stage::Serving) {
            self.drain(why);
        }
    }

    pub(super) fn drain(&mut self, why: &str) {
        let now = clock::monotonic_ns();
        self.drained_ns = Some(now);
        self.plan.manager.stopping();
        self.plan.board.head().set_drain(now);
        self.note(EventKind::Drain(why.to_owned()));
        let patience = self.plan.config.drain_delay.saturating_add(self.plan.config.shutdown_timeout);
        self.stage = Stage::Draining(now.saturating_add(nanoseconds(patience)));
        if let Some(command) = &self.command {
            command.terminate();
        }
        for (number, slot) in self.slots.iter_mut().enumerate() {
            slot.due_ns = None;
            slot.wants_successor = false;
            for (seat, member) in slot.members.iter_mut().enumerate() {
                let Some(member) = member else { continue };
                member.reached = Reached::Draining;
                member.deadline_ns = None;
                self.plan.board.slots()[number].roster(seat).set_state(SeatState::Draining);
                member.send(&Order::Drain(Drain::Terminate), &[]);
            }
        }
    }

    /// Ends the workers at once; what they have in flight is lost.
    pub(super) fn abandon(&mut self, why: &str) {
        self.note(EventKind::Abandon(why.to_owned()));
        tracing::warn!(why, "workers are ended at once; what is in flight is lost");
        self.exit_code = self.exit_code.max(1);
        self.stage = Stage::Abandoning(clock::monotonic_ns() + nanoseconds(LAST_GRACE));
        for (number, slot) in self.slots.iter().enumerate() {
            for seat in 0..SEATS {
                self.abandon_member(number, seat, slot);
            }
        }
    }

    pub(super) fn abandon_member(&self, number: usize, seat: usize, slot: &SlotKeeper) {
        if let Some(member) = &slot.members[seat] {
            // From here on it records nothing, so that what is lost stays lost.
            self.plan.board.slots()[number].roster(seat).set_state(SeatState::Abandoned);
            member.abandon();
        }
    }

    pub(super) fn give_up(&mut self, reason: String) {
        tracing::error!(reason, "the run ends");
        self.exit_code = 1;
        self.note(EventKind::Failure(reason.clone()));
        self.failure.get_or_insert(reason);
        self.drain_once("failure");
    }

    /// Threads that are busy can't be ended; the process will end with them. Their figures count as they stand.
    pub(super) fn leave_threads(&mut self) {
        for number in 0..self.slots.len() {
            for seat in 0..SEATS {
                if self.slots[number].members[seat].take().is_some() {
                    // Taken, so that who reads the seat, which stays abandoned, does not add it once more.
                    let cpu_ns = self.plan.clocks[number][seat].take();
                    let slot = &self.plan.board.slots()[number];
                    slot.fold(seat, cpu_ns);
                    slot.roster(seat).set_state(SeatState::Abandoned);
                }
            }
        }
    }

    pub(super) fn finish(&mut self) {
        if let Some(command) = self.command.take() {
            command.kill();
        }
        self.tell_observer();
        self.stage = match &self.observer {
            Some(observer) => {
                observer.send(&Order::Finish, &[]);
                Stage::Finishing(clock::monotonic_ns() + nanoseconds(LAST_ROW))
            }
            None => Stage::Ended,
        };
    }
}
