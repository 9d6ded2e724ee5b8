//! What workers and observer say, and what follows from a worker that serves.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use super::policy::{Cause, Reached};
use super::{Stage, Supervisor};
use crate::control::{Order, Report};
use crate::event::EventKind;
use crate::scoreboard::{SEATS, SeatState};

impl Supervisor {
    pub(super) fn take_reports(&mut self) {
        for number in 0..self.slots.len() {
            for seat in 0..SEATS {
                let Some(member) = &mut self.slots[number].members[seat] else { continue };
                for report in member.reports() {
                    self.on_report(number, seat, report);
                }
            }
        }
        let Some(observer) = &mut self.observer else { return };
        for report in observer.reports() {
            match report {
                Report::Ready => observer.reached = Reached::Live,
                Report::Failed { reason } => observer.failure = Some(reason),
                Report::Drained => {}
            }
        }
        self.show_listeners();
        self.tell_observer();
    }

    /// Gives the observer the listeners of slots that were added: it shows their accept queues.
    fn show_listeners(&mut self) {
        let Some(observer) = self.observer.as_ref().filter(|observer| observer.reached == Reached::Live) else {
            return;
        };
        while let Some(slot) = self.slots.get(self.observed) {
            // It has those that all slots share.
            let is_own = |(own, first): &(&Arc<OwnedFd>, &Arc<OwnedFd>)| !Arc::ptr_eq(own, first);
            let own = slot.listeners.iter().zip(&self.slots[0].listeners).filter(is_own);
            let own: Vec<BorrowedFd<'_>> = own.map(|(own, _)| own.as_fd()).collect();
            if !own.is_empty() && !observer.send(&Order::Listeners { slot: self.observed }, &own) {
                break;
            }
            self.observed += 1;
        }
    }

    pub(super) fn on_report(&mut self, number: usize, seat: usize, report: Report) {
        let Some(member) = &mut self.slots[number].members[seat] else { return };
        match report {
            Report::Ready if member.reached == Reached::Starting => {
                member.reached = Reached::Live;
                let cause = member.cause;
                self.plan.board.slots()[number].roster(seat).set_state(SeatState::Live);
                self.on_live(number, seat, cause);
            }
            Report::Failed { reason } => member.failure = Some(reason),
            Report::Ready | Report::Drained => {}
        }
    }

    /// A worker serves: sockets that were lent for want of it come back, and what it replaces is drained.
    pub(super) fn on_live(&mut self, number: usize, seat: usize, cause: Cause) {
        let kind = match cause {
            Cause::Boot if self.stage == Stage::Booting => EventKind::Start,
            Cause::Boot => EventKind::WorkerAdded,
            Cause::Respawn => EventKind::Respawn,
            Cause::Reload => EventKind::Reload,
        };
        self.note_worker((number, seat), kind);
        // Taken out while it was starting, it leaves the socket where it is.
        if !self.slots[number].retired
            && let Some(lender) = self.slots[number].lent_to.take()
            && let Some(worker) = self.slots[lender].live()
        {
            worker.send(&Order::Reclaim { slot: number }, &[]);
        }
        self.drain_predecessor(number, seat);
        self.lend_again_from(number);
        self.lend_unserved();
    }
}
