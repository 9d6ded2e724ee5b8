//! Exits: folded, reaped, judged by the policy.

use super::command::Command;
use super::member::{Arrangement, Member};
use super::policy::{Cause, Verdict, after_exit};
use super::{Stage, Supervisor};
use crate::event::{EventKind, Killer, WorkerEnd};
use crate::scoreboard::{SEATS, SeatState, SlotState};
use crate::sys::clock;
use crate::sys::process::{self, Exit};
use crate::sys::procfs::CgroupFiles;

/// SIGKILL.
const KILL: i32 = rustix::process::Signal::KILL.as_raw();

impl Supervisor {
    pub(super) fn take_exits(&mut self) {
        for number in 0..self.slots.len() {
            for seat in 0..SEATS {
                let exit = self.slots[number].members[seat].as_mut().and_then(Member::ended);
                if let Some(exit) = exit
                    && let Some(member) = self.slots[number].members[seat].take()
                {
                    self.on_worker_exit(number, seat, member, exit);
                }
            }
        }
        if let Some(exit) = self.observer.as_mut().and_then(Member::ended)
            && let Some(observer) = self.observer.take()
        {
            self.on_observer_exit(observer, exit);
        }
        if let Some(code) = self.command.as_ref().and_then(Command::ended) {
            self.command = None;
            self.exit_code = code.max(self.exit_code);
            if self.stage == Stage::Serving {
                self.drain(&format!("the command ended with {code}"));
            }
        }
        process::reap_others(|pid| self.is_own(pid));
    }

    /// Who has sent SIGKILL to a process that it ended; nobody, where it was something else.
    fn killer_of(&mut self, exit: Exit, is_abandoned: bool) -> Option<Killer> {
        match exit {
            Exit::Signal(KILL) if is_abandoned => Some(Killer::Supervisor),
            Exit::Signal(KILL) => {
                self.look_for_memory_kills(clock::monotonic_ns());
                Some(self.memory_kills.killer(|| CgroupFiles::open().memory_limit_bytes()))
            }
            Exit::Signal(_) | Exit::Status(_) | Exit::Panic | Exit::Unknown => None,
        }
    }

    /// Whether a child is a worker, the observer or the command.
    fn is_own(&self, pid: u32) -> bool {
        self.members().any(|member| member.pid() == pid)
            || self.command.as_ref().is_some_and(|own| own.pid() == pid)
    }

    /// Folds first, reaps then: as long as the process is a zombie, its clock is in one place or the other.
    pub(super) fn on_worker_exit(&mut self, number: usize, seat: usize, member: Member, exit: Exit) {
        let cpu_ns = match self.plan.arrangement {
            Arrangement::Processes => clock::process_cpu_ns(member.pid()),
            Arrangement::Threads => self.plan.clocks[number][seat].take(),
        };
        let slot = &self.plan.board.slots()[number];
        let is_abandoned = slot.roster(seat).state() == SeatState::Abandoned;
        let lost = slot.fold(seat, cpu_ns);
        let killer = self.killer_of(exit, is_abandoned);
        let (generation, pid) = (member.generation, member.pid());
        let ending = member.end(exit, killer);
        if lost > 0 {
            tracing::warn!(slot = number, generation, pid, exit = %ending, lost, "worker ended with requests in flight, which got no answer");
        } else {
            tracing::info!(slot = number, generation, pid, exit = %ending, lost, "worker ended");
        }
        self.note_worker((number, seat), EventKind::WorkerEnded(WorkerEnd { exit, killer, lost: lost.into() }));
        if !matches!(self.stage, Stage::Booting | Stage::Serving) {
            return;
        }
        let keeper = &mut self.slots[number];
        let (verdict, history) = after_exit(&ending, keeper.history, clock::monotonic_ns());
        keeper.history = history;
        match verdict {
            Verdict::RespawnAt(_) if keeper.retired => {}
            Verdict::RespawnAt(at) => {
                keeper.due_ns = Some(at);
                keeper.due_cause = Cause::Respawn;
                self.plan.board.slots()[number].set_state(SlotState::BackingOff);
                self.lend(number);
                self.lend_again_from(number);
            }
            Verdict::KeepPredecessor(reason) => {
                tracing::error!(slot = number, reason, "the successor failed; the worker before it stays");
                self.note_worker((number, seat), EventKind::ReloadFailed(reason));
            }
            Verdict::GiveUp(reason) => self.give_up(reason),
            Verdict::Expected => {}
        }
    }

    pub(super) fn on_observer_exit(&mut self, observer: Member, exit: Exit) {
        if self.plan.arrangement == Arrangement::Processes {
            let used = clock::process_cpu_ns(observer.pid());
            self.plan.board.head().add_observer_cpu(used);
        }
        let killer = self.killer_of(exit, false);
        let ending = observer.end(exit, killer);
        if matches!(self.stage, Stage::Finishing(_)) {
            self.stage = Stage::Ended;
            return;
        }
        tracing::warn!(exit = %ending, "the observer ended");
        let (verdict, history) = after_exit(&ending, self.observer_history, clock::monotonic_ns());
        self.observer_history = history;
        match verdict {
            Verdict::RespawnAt(at) => self.observer_due_ns = Some(at),
            Verdict::GiveUp(reason) | Verdict::KeepPredecessor(reason) => self.give_up(reason),
            Verdict::Expected => {}
        }
    }
}
