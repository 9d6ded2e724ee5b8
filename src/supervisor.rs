//! The supervisor: it starts workers and observer, waits, and decides what to do about what happens.
//!
//! In cluster it is a process of one thread without a runtime, so that forking stays safe for its whole life; in
//! single and threads it is the main thread. It owns every listening socket, writes base, roster and route table
//! of the scoreboard, and serves nobody. Workers and observer are given to it as functions.
//!
//! ```text
//! wait → collect (signals, reports, exits, deadlines) → decide (policy) → act
//! ```

mod command;
mod ending;
mod events;
mod exits;
mod killer;
pub mod manager;
mod member;
pub mod policy;
mod reload;
mod reports;
mod signals;
mod slot;
mod start;

use std::collections::BTreeSet;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::config::Config;
use crate::control::MemberEnd;
use crate::fault::Written;
use crate::maybe_known::MaybeKnown;
use crate::scoreboard::{SEATS, Scoreboard, SeatWriter};
use crate::snapshot::Snapshot;
use crate::sys::clock;
use crate::sys::inherited::Inherited;
use crate::sys::procfs::MemoryKillCount;
use crate::sys::signals::Signals;
use crate::sys::threads::ThreadGroup;
pub use member::Arrangement;
pub use signals::{EarlyEnd, block_signals};
pub use slot::SlotListeners;

use command::Command;
use events::Outbox;
use killer::MemoryKills;
use manager::Manager;
use member::Member;
use slot::SlotKeeper;

/// A worker's duty: its seat, its end of the channel, the group its threads enter.
pub type WorkerDuty = Arc<dyn Fn(SeatWriter, MemberEnd, Arc<ThreadGroup>) -> Result<(), String> + Send + Sync>;

/// The observer's duty: its end of the channel.
pub type ObserverDuty = Arc<dyn Fn(MemberEnd) -> Result<(), String> + Send + Sync>;

/// Reads again what may have changed since the workers were started: `None` when nothing has.
///
/// # Errors
/// A sentence for each reason why all must stay as it is.
pub type Reread = Box<dyn FnMut() -> Result<Option<Renewed>, Vec<String>>>;

/// What a HUP has brought.
pub struct Renewed {
    /// What workers do from here on.
    pub worker: WorkerDuty,
    /// The fault plans, if they have changed.
    pub faults: Option<Vec<Written>>,
    /// What has changed, in a few words.
    pub detail: String,
}

/// Makes the listening sockets of a slot that is added.
pub type MakeListeners = Box<dyn Fn() -> io::Result<SlotListeners>>;

/// What a run needs.
pub struct Plan {
    /// Processes or threads.
    pub arrangement: Arrangement,
    /// Those of each worker.
    pub listeners: Vec<SlotListeners>,
    /// Makes those of another.
    pub make_listeners: MakeListeners,
    /// Where everything is written.
    pub board: Arc<Scoreboard>,
    /// Where workers that are threads are measured.
    pub clocks: Arc<Vec<[Arc<ThreadGroup>; SEATS]>>,
    /// What a worker does.
    pub worker: WorkerDuty,
    /// What HUP asks before it replaces the workers.
    pub reread: Reread,
    /// What the observer does.
    pub observer: ObserverDuty,
    /// The settings of the run.
    pub config: Config,
    /// Who has started the target, and wants to be told.
    pub manager: Manager,
    /// `--while`, ready to run.
    pub while_command: Option<String>,
    /// What the program was started with.
    pub inherited: Inherited,
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Summary {
    /// What the program exits with.
    pub exit_code: u8,
    /// Why it ended by itself, if it did.
    pub failure: Option<String>,
    /// Whether it ever was ready.
    pub was_ready: bool,
}

/// Runs the target until it ends, whatever the kernel refuses meanwhile. `ready` is called once, when all workers and the
/// observer serve.
pub fn run(plan: Plan, signals: Signals, ready: impl FnOnce()) -> Summary {
    let mut supervisor = Supervisor::new(plan, signals);
    let mut ready = Some(ready);
    loop {
        supervisor.start_due();
        supervisor.replace_next();
        if supervisor.became_ready()
            && let Some(ready) = ready.take()
        {
            supervisor.serving();
            ready();
            supervisor.start_command();
        }
        supervisor.finish_reload();
        // Before waiting: when nobody could be started, nothing will happen any more.
        supervisor.advance();
        if supervisor.stage == Stage::Ended {
            return supervisor.summary();
        }
        supervisor.wait();
        supervisor.take_signals();
        supervisor.take_reports();
        supervisor.take_exits();
        supervisor.take_deadlines();
    }
}

/// How far the run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Not everybody has said that it serves.
    Booting,
    /// Ready.
    Serving,
    /// Workers finish what they have, until this time.
    Draining(u64),
    /// Workers were ended at once; threads have until this time.
    Abandoning(u64),
    /// The observer writes its last row, until this time.
    Finishing(u64),
    /// Nothing is left.
    Ended,
}

struct Supervisor {
    plan: Plan,
    signals: Signals,
    stage: Stage,
    slots: Vec<SlotKeeper>,
    observer: Option<Member>,
    observer_history: policy::History,
    observer_due_ns: Option<u64>,
    observers: u64,
    /// How many slots there were before anybody was started, whose listeners every observer has from the start.
    first_slots: usize,
    /// How many slots' listeners the present observer has.
    observed: usize,
    outbox: Outbox,
    memory_kill_count: MemoryKillCount,
    memory_kills: MemoryKills,
    /// When the count of memory kills is looked at again (monotonic): where workers are processes.
    look_due_ns: Option<u64>,
    command: Option<Command>,
    /// Whether the log has told that the kernel refuses to wait.
    poll_refused: bool,
    /// Ignored signals that the log has told of.
    ignored_signals: BTreeSet<i32>,
    /// When the drain began (monotonic), if it has.
    drained_ns: Option<u64>,
    ends_ns: Option<u64>,
    was_ready: bool,
    exit_code: u8,
    failure: Option<String>,
}

impl Supervisor {
    fn new(mut plan: Plan, signals: Signals) -> Self {
        let slots: Vec<SlotKeeper> = plan.listeners.drain(..).map(SlotKeeper::new).collect();
        let memory_kill_count = MemoryKillCount::find();
        let look_due_ns = (plan.arrangement == Arrangement::Processes).then_some(0);
        Self {
            first_slots: slots.len(),
            observed: slots.len(),
            plan,
            signals,
            stage: Stage::Booting,
            slots,
            observer: None,
            observer_history: policy::History::default(),
            observer_due_ns: Some(0),
            observers: 0,
            outbox: Outbox::default(),
            memory_kills: MemoryKills::since(memory_kill_count.read()),
            memory_kill_count,
            look_due_ns,
            command: None,
            poll_refused: false,
            ignored_signals: BTreeSet::new(),
            drained_ns: None,
            ends_ns: None,
            was_ready: false,
            exit_code: 0,
            failure: None,
        }
    }

    /// Waits for a signal, a report or a deadline. Where the kernel refuses `poll`, the supervisor looks for all of them a
    /// hundred times a second.
    fn wait(&mut self) {
        const PAUSE: Duration = Duration::from_millis(10);
        let Err(error) = self.poll() else { return };
        if !std::mem::replace(&mut self.poll_refused, true) {
            tracing::error!(%error, "poll is refused; signals, reports and exits are looked for every 10 ms");
        }
        std::thread::sleep(PAUSE);
    }

    fn poll(&self) -> io::Result<()> {
        let members = self.members().filter_map(Member::descriptor);
        let descriptors: Vec<BorrowedFd<'_>> = std::iter::once(self.signals.as_fd()).chain(members).collect();
        let mut polled: Vec<PollFd<'_>> =
            descriptors.iter().map(|descriptor| PollFd::from_borrowed_fd(*descriptor, PollFlags::IN)).collect();
        let timeout = self.next_deadline().map(|deadline| {
            let left = Duration::from_nanos(deadline.saturating_sub(clock::monotonic_ns()));
            Timespec::try_from(left).unwrap_or(Timespec { tv_sec: 3600, tv_nsec: 0 })
        });
        match poll(&mut polled, timeout.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    fn members(&self) -> impl Iterator<Item = &Member> {
        self.slots.iter().flat_map(SlotKeeper::workers).chain(&self.observer)
    }

    fn next_deadline(&self) -> Option<u64> {
        let of_stage = match self.stage {
            Stage::Draining(at) | Stage::Abandoning(at) | Stage::Finishing(at) => Some(at),
            Stage::Booting | Stage::Serving | Stage::Ended => self.ends_ns,
        };
        let starts = self.slots.iter().filter_map(|slot| slot.due_ns.filter(|_| slot.free_seat().is_some()));
        let drains = self.members().filter_map(|member| member.deadline_ns);
        // A thread that has hung up ends within moments, without a descriptor to say so.
        let ending = self.members().any(Member::is_ending).then(|| clock::monotonic_ns() + clock::MILLISECOND);
        let alive = self.plan.manager.due_ns();
        of_stage
            .into_iter()
            .chain(alive)
            .chain(starts)
            .chain(self.observer_due_ns)
            .chain(self.look_due_ns)
            .chain(drains)
            .chain(ending)
            .min()
    }

    fn take_deadlines(&mut self) {
        let now = clock::monotonic_ns();
        self.plan.manager.beat(now);
        if self.look_due_ns.is_some_and(|due| due <= now) {
            self.look_for_memory_kills(now);
        }
        if self.stage == Stage::Serving && self.ends_ns.is_some_and(|ends| ends <= now) {
            self.drain("--duration");
        }
        if matches!(self.stage, Stage::Draining(at) if at <= now) {
            self.abandon("the shutdown timeout");
        }
        for number in 0..self.slots.len() {
            for seat in 0..SEATS {
                let is_late = |member: &Member| member.deadline_ns.is_some_and(|deadline| deadline <= now);
                if self.slots[number].members[seat].as_ref().is_some_and(is_late) {
                    self.abandon_member(number, seat, &self.slots[number]);
                    if let Some(member) = &mut self.slots[number].members[seat] {
                        member.deadline_ns = None;
                    }
                }
            }
        }
    }

    /// Looks at the kernel's count of memory kills: when a process is found dead, and once a second, so that it is known when
    /// the count has grown.
    fn look_for_memory_kills(&mut self, now: u64) {
        self.memory_kills.look(self.memory_kill_count.read(), now);
        self.look_due_ns = self.look_due_ns.map(|_| now + clock::SECOND);
    }

    /// Goes on to the next stage, if this one is done.
    fn advance(&mut self) {
        let now = clock::monotonic_ns();
        let workers_left = self.slots.iter().any(|slot| slot.workers().next().is_some());
        match self.stage {
            Stage::Draining(_) if !workers_left && self.command.is_none() && self.observer_due_ns.is_none() => {
                self.finish();
            }
            Stage::Abandoning(_) if !workers_left => self.finish(),
            Stage::Abandoning(at) if at <= now => {
                self.leave_threads();
                self.finish();
            }
            Stage::Finishing(at) if at <= now => {
                tracing::error!("the observer did not end; the last row and the run's totals may be missing");
                self.exit_code = self.exit_code.max(1);
                if let Some(observer) = &self.observer {
                    observer.abandon();
                }
                self.stage = Stage::Ended;
            }
            Stage::Booting
            | Stage::Serving
            | Stage::Draining(_)
            | Stage::Abandoning(_)
            | Stage::Finishing(_)
            | Stage::Ended => {}
        }
    }

    fn summary(self) -> Summary {
        let Self { exit_code, failure, was_ready, .. } = self;
        Summary { exit_code, failure, was_ready }
    }
}

/// CPU of the whole target so far, ended workers and observers included.
#[must_use]
pub fn cpu_ns(board: &Scoreboard, arrangement: Arrangement) -> MaybeKnown {
    let own = clock::process_cpu_ns(std::process::id()).since(board.head().cpu_before_ns());
    match arrangement {
        Arrangement::Threads => own,
        Arrangement::Processes => {
            let workers = Snapshot::read(board, |worker| clock::process_cpu_ns(worker.pid)).totals().cpu_ns;
            own + workers + board.head().observer_cpu_ns()
        }
    }
}
