//! Starting: workers and observer when they are due, and the moment when all of them serve.

use std::io;
use std::sync::Arc;

use super::command::Command;
use super::member::{Duty, Member};
use super::policy::{Cause, Reached};
use super::{Stage, Supervisor};
use crate::control::Order;
use crate::event::EventKind;
use crate::scoreboard::{SeatWriter, SlotState};
use crate::sys::{clock, process};
use crate::units::nanoseconds;

/// After the kernel refused a process or thread: how long until the next try.
const RETRY_NS: u64 = clock::SECOND;

impl Supervisor {
    /// Starts what is due: workers whose time has come, and then the observer, whose first row knows all of them. Also
    /// while the workers drain: somebody must write the last row.
    pub(super) fn start_due(&mut self) {
        let now = clock::monotonic_ns();
        for number in 0..self.slots.len() {
            if self.slots[number].due_ns.is_some_and(|due| due <= now)
                && let Some(seat) = self.slots[number].free_seat()
            {
                self.start_worker(number, seat, self.slots[number].due_cause);
            }
        }
        if self.observer_due_ns.is_some_and(|due| due <= now) {
            self.start_observer(now);
        }
    }

    /// Starts an observer. Before the target was ready, a kernel that refuses ends the run; from then on it is tried again.
    fn start_observer(&mut self, now: u64) {
        self.observer_due_ns = None;
        self.observers += 1;
        self.observed = self.first_slots;
        self.outbox.again();
        let (observer, generation) = (Arc::clone(&self.plan.observer), self.observers);
        let cause = if generation == 1 { Cause::Boot } else { Cause::Respawn };
        let duty: Duty = Box::new(move |end| observer(end));
        let arrangement = self.plan.arrangement;
        match Member::start(arrangement, (generation, cause, now), duty, || self.forget()) {
            Ok(observer) => self.observer = Some(observer),
            Err(reason) if self.was_ready => {
                tracing::error!(reason, "no observer could be started; the next try is in a second");
                self.observer_due_ns = Some(now + RETRY_NS);
            }
            Err(reason) => self.give_up(format!("the observer can't be started: {reason}")),
        }
    }

    /// Starts a worker. Before the target was ready, a kernel that refuses ends the run; from then on the others serve
    /// on, and it is tried again.
    pub(super) fn start_worker(&mut self, number: usize, seat: usize, cause: Cause) {
        let Err(reason) = self.occupy_and_start(number, seat, cause) else { return };
        let slot = &self.plan.board.slots()[number];
        slot.fold(seat, 0.into());
        if !self.was_ready {
            return self.give_up(format!("worker {number} can't be started: {reason}"));
        }
        tracing::error!(slot = number, reason, "no worker could be started");
        if cause != Cause::Reload {
            self.slots[number].due_ns = Some(clock::monotonic_ns() + RETRY_NS);
            slot.set_state(SlotState::BackingOff);
            self.lend(number);
        }
        self.note_worker((number, seat), EventKind::StartFailed(reason));
    }

    fn occupy_and_start(&mut self, number: usize, seat: usize, cause: Cause) -> Result<(), String> {
        let now = clock::monotonic_ns();
        let slot = &mut self.slots[number];
        slot.generations += 1;
        slot.due_ns = None;
        slot.wants_successor = false;
        let generation = slot.generations;
        self.plan.board.slots()[number].occupy(seat, generation, now);
        let worker = Arc::clone(&self.plan.worker);
        let writer = SeatWriter::new(Arc::clone(&self.plan.board), number, seat);
        let group = Arc::clone(&self.plan.clocks[number][seat]);
        let duty: Duty = Box::new(move |end| worker(writer, end, group));
        let arrangement = self.plan.arrangement;
        let member = Member::start(arrangement, (generation, cause, now), duty, || self.forget())?;
        self.plan.board.slots()[number].roster(seat).set_pid(member.pid());
        let slot = &mut self.slots[number];
        member.send(&Order::Listeners { slot: number }, &slot.descriptors());
        slot.members[seat] = Some(member);
        Ok(())
    }

    /// In a forked child: what is the supervisor's is not the child's.
    pub(super) fn forget(&mut self) {
        self.slots.clear();
        self.observer = None;
        self.command = None;
    }

    pub(super) fn became_ready(&self) -> bool {
        let up = |member: Option<&Member>| member.is_some_and(|member| member.reached == Reached::Live);
        self.stage == Stage::Booting
            && up(self.observer.as_ref())
            && self.slots.iter().all(|slot| slot.live().is_some())
    }

    /// All serve: what counts from here on does so before anybody is told.
    pub(super) fn serving(&mut self) {
        self.stage = Stage::Serving;
        self.was_ready = true;
        let now = clock::monotonic_ns();
        self.plan.board.head().set_ready(now);
        self.ends_ns = self.plan.config.duration.map(|duration| now.saturating_add(nanoseconds(duration)));
        self.plan.manager.ready();
        self.note(EventKind::Ready);
    }

    /// Runs the command of `--while`, if there is one.
    pub(super) fn start_command(&mut self) {
        match self.plan.while_command.as_ref().map(|line| Command::start(line, &self.plan.inherited)) {
            None => {}
            Some(Ok(command)) => self.command = Some(command),
            Some(Err(error)) => {
                self.give_up(format!("--while: sh can't be started: {}", process::refusal(&error)));
                if error.kind() == io::ErrorKind::NotFound {
                    // As a shell says it.
                    self.exit_code = 127;
                }
            }
        }
    }
}
