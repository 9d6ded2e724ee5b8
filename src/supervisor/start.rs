//! Starting: workers and observer when they are due, and the moment when all of them serve.

use std::io;
use std::os::fd::AsFd;
use std::sync::Arc;

use super::command::Command;
use super::member::{Duty, Member};
use super::policy::{Cause, Reached};
use super::{Stage, Supervisor};
use crate::control::Order;
use crate::scoreboard::{SeatWriter, SlotState};
use crate::sys::clock;
use crate::units::nanoseconds;

/// After the kernel refused a process or thread: how long until the next try.
const RETRY_NS: u64 = clock::SECOND;

impl Supervisor {
    pub(super) fn start_observer(&mut self, cause: Cause) -> io::Result<()> {
        self.observers += 1;
        self.observed = self.first_listeners;
        self.untold.again();
        let (observer, generation) = (Arc::clone(&self.plan.observer), self.observers);
        let duty: Duty = Box::new(move |end| observer(end));
        let now = clock::monotonic_ns();
        let arrangement = self.plan.arrangement;
        let member = Member::start(arrangement, (generation, cause, now), duty, || self.forget())?;
        self.observer = Some(member);
        self.observer_due_ns = None;
        Ok(())
    }

    /// Starts what is due: workers whose time has come, and the observer.
    pub(super) fn start_due(&mut self) -> io::Result<()> {
        let now = clock::monotonic_ns();
        // Also while the workers drain: somebody must write the last row.
        if self.observer_due_ns.is_some_and(|due| due <= now)
            && let Err(error) = self.start_observer(Cause::Respawn)
        {
            tracing::error!(%error, "no observer could be started; the next try is in a second");
            self.observer_due_ns = Some(now + RETRY_NS);
        }
        if !matches!(self.stage, Stage::Booting | Stage::Serving) {
            return Ok(());
        }
        for number in 0..self.slots.len() {
            if self.slots[number].due_ns.is_some_and(|due| due <= now)
                && let Some(seat) = self.slots[number].free_seat()
            {
                self.start_worker(number, seat, self.slots[number].due_cause)?;
            }
        }
        Ok(())
    }

    /// Starts a worker. Before the target was ready, a kernel that refuses ends the run; from then on the others serve
    /// on, and it is tried again.
    ///
    /// # Errors
    /// What the kernel says, before the target was ready.
    pub(super) fn start_worker(&mut self, number: usize, seat: usize, cause: Cause) -> io::Result<()> {
        match self.occupy_and_start(number, seat, cause) {
            Err(error) if self.was_ready => {
                self.could_not_start(number, seat, cause, &error);
                Ok(())
            }
            result => result,
        }
    }

    fn could_not_start(&mut self, number: usize, seat: usize, cause: Cause, error: &io::Error) {
        tracing::error!(slot = number, %error, "no worker could be started");
        self.note("start-failed", Some((number, seat)), error.to_string());
        let slot = &self.plan.board.slots()[number];
        slot.fold(seat, 0.into());
        if cause != Cause::Reload {
            self.slots[number].due_ns = Some(clock::monotonic_ns() + RETRY_NS);
            slot.set_state(SlotState::BackingOff);
            self.lend(number);
        }
    }

    fn occupy_and_start(&mut self, number: usize, seat: usize, cause: Cause) -> io::Result<()> {
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
        member.send(&Order::Listener { slot: number }, Some(slot.listener.as_fd()));
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
        self.ends_ns = self.plan.duration.map(|duration| now.saturating_add(nanoseconds(duration)));
        self.note("ready", None, "all workers serve".to_owned());
    }

    /// Runs the command of `--while`, if there is one.
    pub(super) fn start_command(&mut self) -> io::Result<()> {
        if let Some(line) = &self.plan.while_command {
            self.command = Some(Command::start(line, &self.plan.inherited)?);
        }
        Ok(())
    }
}
