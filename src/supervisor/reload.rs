//! Changing the workers of a running target: replacing them one by one, one more, one less, and lending the
//! sockets of those that are missing.

use std::time::Duration;

use super::member::Member;
use super::policy::{Cause, Reached};
use super::slot::SlotKeeper;
use super::{Arrangement, Renewed, Stage, Supervisor};
use crate::control::{Drain, Order};
use crate::event::EventKind;
use crate::scoreboard::{SeatState, SlotState};
use crate::sys::clock;
use crate::units::nanoseconds;

/// Beyond the shutdown timeout, before a worker that was replaced is killed: it closes its connections itself.
const REPLACED_GRACE: Duration = Duration::from_secs(2);

impl Supervisor {
    /// HUP: what they are to do is read again, and every slot gets a successor, one after the other. What is wrong
    /// with it is said, and then all stays as it is, the workers too.
    pub(super) fn reload(&mut self) {
        if self.stage != Stage::Serving {
            tracing::warn!("HUP is only obeyed while all is up");
            return;
        }
        self.plan.manager.reloading();
        match (self.plan.reread)() {
            Ok(None) => {}
            Ok(Some(Renewed { worker, faults, detail })) => {
                tracing::info!(detail, "the profile has changed");
                self.plan.worker = worker;
                self.note(EventKind::Profile(detail));
                if let Some(faults) = faults {
                    self.change_faults(faults);
                }
            }
            Err(reasons) => return self.refuse_reload(&reasons),
        }
        for slot in self.slots.iter_mut().filter(|slot| !slot.retired) {
            slot.wants_successor = true;
        }
    }

    /// Tells the service manager when nobody is to be replaced any more; a reload that was refused is over at once.
    pub(super) fn finish_reload(&mut self) {
        let is_done = |slot: &SlotKeeper| !slot.wants_successor && !slot.is_starting();
        if self.stage == Stage::Serving && self.plan.manager.waits_for_reload() && self.slots.iter().all(is_done) {
            self.plan.manager.ready();
        }
    }

    fn refuse_reload(&mut self, reasons: &[String]) {
        for reason in reasons {
            tracing::error!(reason, "HUP refused: the profile stays as it was");
        }
        let first = reasons.first().map_or("", String::as_str);
        let more = match reasons.len() {
            0 | 1 => String::new(),
            count => format!(" (and {} more, in the log)", count - 1),
        };
        self.note(EventKind::Refused(format!("HUP: {first}{more}")));
    }

    /// Starts the next successor, if none is starting and there is a seat for it.
    pub(super) fn replace_next(&mut self) {
        if self.stage != Stage::Serving || self.slots.iter().any(SlotKeeper::is_starting) {
            return;
        }
        let waiting = |slot: &SlotKeeper| slot.wants_successor && slot.live().is_some();
        let next = self
            .slots
            .iter()
            .enumerate()
            .find_map(|(number, slot)| slot.free_seat().filter(|_| waiting(slot)).map(|seat| (number, seat)));
        if let Some((number, seat)) = next {
            self.start_worker(number, seat, Cause::Reload);
        }
    }

    /// The worker on the other seat has a successor that serves. In a slot that was taken out meanwhile, nobody stays.
    pub(super) fn drain_predecessor(&mut self, number: usize, successor: usize) {
        let retired = self.slots[number].retired;
        for seat in (0..self.slots[number].members.len()).filter(|seat| retired || *seat != successor) {
            self.drain_member(number, seat);
        }
    }

    /// Tells a worker to end without a hurry.
    fn drain_member(&mut self, number: usize, seat: usize) {
        let patience = self.plan.config.shutdown_timeout.saturating_add(REPLACED_GRACE);
        let Some(member) = &mut self.slots[number].members[seat] else { return };
        if member.reached == Reached::Live {
            member.reached = Reached::Draining;
            member.deadline_ns = Some(clock::monotonic_ns().saturating_add(nanoseconds(patience)));
            self.plan.board.slots()[number].roster(seat).set_state(SeatState::Draining);
            member.send(&Order::Drain(Drain::Replace), &[]);
        }
    }

    /// TTIN: a retired slot comes back, or there is a new one.
    pub(super) fn add_worker(&mut self) {
        if !self.may_change_workers("TTIN") {
            return;
        }
        if let Some(slot) = self.slots.iter_mut().find(|slot| slot.retired) {
            slot.retired = false;
            slot.due_ns = Some(0);
            slot.due_cause = Cause::Boot;
            return;
        }
        let most = self.plan.board.slots().len();
        if self.slots.len() == most {
            tracing::warn!("TTIN refused: there is room for {most} workers (--max-workers)");
            self.note(EventKind::Refused(format!("TTIN: --max-workers {most}")));
            return;
        }
        match (self.plan.make_listeners)() {
            Ok(listeners) => self.slots.push(SlotKeeper::new(listeners)),
            Err(error) => {
                tracing::error!(%error, "TTIN refused: no socket for another worker");
                self.note(EventKind::Refused(format!("TTIN: {error}")));
            }
        }
    }

    /// TTOU: the highest slot is taken out, never the last. Its socket stays, lent to another worker.
    pub(super) fn retire_worker(&mut self) {
        if !self.may_change_workers("TTOU") {
            return;
        }
        let filled = self.slots.iter().enumerate().filter(|(_, slot)| !slot.retired);
        let (Some((number, _)), false) = (filled.clone().next_back(), filled.count() == 1) else {
            tracing::warn!("TTOU refused: the last worker stays");
            self.note(EventKind::Refused("TTOU: the last worker stays".to_owned()));
            return;
        };
        let slot = &mut self.slots[number];
        slot.retired = true;
        slot.due_ns = None;
        slot.wants_successor = false;
        self.plan.board.slots()[number].set_state(SlotState::Retired);
        let is_live =
            |member: &Option<Member>| member.as_ref().is_some_and(|member| member.reached == Reached::Live);
        let seat = self.slots[number].members.iter().position(is_live).unwrap_or(0);
        self.note_worker((number, seat), EventKind::WorkerRetired);
        self.lend(number);
        for seat in 0..self.slots[number].members.len() {
            self.drain_member(number, seat);
        }
        self.lend_again_from(number);
    }

    fn may_change_workers(&mut self, signal: &str) -> bool {
        let may = self.plan.arrangement == Arrangement::Processes && self.stage == Stage::Serving;
        if !may {
            tracing::warn!("{signal} is only obeyed in mode cluster, while all is up");
        }
        may
    }

    /// Lends the sockets that nobody serves: when they needed it, nobody was there to be lent anything.
    pub(super) fn lend_unserved(&mut self) {
        for number in 0..self.slots.len() {
            let slot = &self.slots[number];
            if slot.lent_to.is_none() && slot.live().is_none() && !slot.is_starting() {
                self.lend(number);
            }
        }
    }

    /// Lends a slot's socket to the live worker that was lent the fewest, unless it is with one already.
    pub(super) fn lend(&mut self, number: usize) {
        let loans = |to: usize| self.slots.iter().filter(|slot| slot.lent_to == Some(to)).count();
        let able = |to: &usize| *to != number && !self.slots[*to].retired && self.slots[*to].live().is_some();
        if self.slots[number].lent_to.is_some_and(|to| able(&to)) {
            return;
        }
        let Some(to) = (0..self.slots.len()).filter(able).min_by_key(|to| loans(*to)) else {
            self.slots[number].lent_to = None;
            return;
        };
        self.lend_to(number, to);
    }

    fn lend_to(&mut self, number: usize, to: usize) {
        if let Some(worker) = self.slots[to].live() {
            worker.send(&Order::Lend { slot: number }, &self.slots[number].descriptors());
        }
        self.slots[number].lent_to = Some(to);
    }

    /// What was lent to a slot's worker goes to its successor, or, when it has none, to somebody else.
    pub(super) fn lend_again_from(&mut self, number: usize) {
        for borrowed in 0..self.slots.len() {
            if self.slots[borrowed].lent_to != Some(number) {
                continue;
            }
            if self.slots[number].live().is_some() && !self.slots[number].retired {
                self.lend_to(borrowed, number);
            } else {
                self.lend(borrowed);
            }
        }
    }
}
