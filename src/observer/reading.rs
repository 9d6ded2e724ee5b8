//! Reads one instant of the whole target: the scoreboard, and what the kernel knows of its processes.

mod loops;
pub mod processes;
mod strain;
mod unread;

use std::os::fd::OwnedFd;
use std::sync::Arc;

use crate::maybe_known::MaybeKnown;
use crate::sample::{Group, Host, Instant, Reading, StrainReading, Tree};
use crate::scoreboard::Scoreboard;
use crate::snapshot::{RoutesReader, SlotReading, Snapshot};
use crate::sys::clock;
use crate::sys::procfs::{HostFiles, PageFigures, ProcessFigures, ProcessFiles};
use loops::LoopReader;
use processes::{Depth, Processes};
use strain::StrainReader;

/// Reads everything that a tick needs, from files that it keeps open.
pub struct Reader {
    board: Arc<Scoreboard>,
    processes: Processes,
    files: ProcessFiles,
    loops: LoopReader,
    host: HostFiles,
    strain: StrainReader,
    routes: RoutesReader,
}

impl Reader {
    /// Reads `board`, the processes behind it and their listeners.
    #[must_use]
    pub fn new(
        board: Arc<Scoreboard>,
        processes: Processes,
        (listeners, drops_before): (Vec<Arc<OwnedFd>>, MaybeKnown),
        routes: RoutesReader,
    ) -> Self {
        let strain = StrainReader::new(listeners, drops_before);
        let (files, loops, host) = (ProcessFiles::default(), LoopReader::default(), HostFiles::open());
        Self { board, processes, files, loops, host, strain, routes }
    }

    /// Shows the accept queue of one listener more.
    pub fn watch(&mut self, listener: OwnedFd) {
        self.strain.watch(listener);
    }

    /// Reads an instant, which is when the reading begins.
    pub fn read(&mut self, due_ns: u64, started_ns: u64, depth: Depth) -> Reading {
        let (monotonic_ns, realtime_ns) = (clock::monotonic_ns(), clock::realtime_ns());
        let instant = Instant { monotonic_ns, realtime_ns, due_ns, started_ns };
        let snapshot = self.processes.snapshot(&self.board);
        let routes = self.routes.read(&self.board);
        let (tree, slots) = match self.processes {
            Processes::Cluster { supervisor } => self.cluster(&snapshot, supervisor, depth),
            Processes::OneProcess { .. } => (self.one_process(depth), Vec::new()),
        };
        let strain = StrainReading {
            waited_ns: self.files.waited_ns(),
            ..self.strain.read(&self.board, &snapshot, monotonic_ns, depth)
        };
        let loops = self.loops.read(&snapshot, &self.processes);
        Reading {
            instant,
            snapshot,
            tree,
            slots,
            loops,
            host: Host { cpu: self.host.cpu(), memory: self.host.memory() },
            strain,
            routes,
        }
    }

    fn cluster(&mut self, snapshot: &Snapshot, supervisor: u32, depth: Depth) -> (Tree, Vec<Group>) {
        let observer = std::process::id();
        let head = self.board.head();
        let cpu_ns = snapshot.totals().cpu_ns
            + head.observer_cpu_ns()
            + [supervisor, observer].into_iter().map(clock::process_cpu_ns).sum();
        let cpu_ns = cpu_ns.since(head.cpu_before_ns());
        // The supervisor first: a worker that is reaped from here on is missing in this tick, not counted twice.
        let above = self.files.read(supervisor);
        let mut everything: Vec<ProcessFigures> = above.into_iter().chain(self.files.read(observer)).collect();
        let reaped = above.unwrap_or_default();
        let slots = snapshot.slots.iter().map(|slot| self.slot(slot, &mut everything)).collect();
        let workers = snapshot.workers().map(|worker| worker.pid).filter(|&pid| pid != 0);
        let pids: Vec<u32> = [supervisor, observer].into_iter().chain(workers).collect();
        self.files.keep_only(&pids);
        let (pss_bytes, uss_bytes) = self.pages(&pids, depth);
        let tree = Tree {
            group: group(&everything),
            cpu_ns,
            user_ns: sum(&everything, |process| process.user_ns) + reaped.reaped_user_ns,
            system_ns: sum(&everything, |process| process.system_ns) + reaped.reaped_system_ns,
            pss_bytes,
            uss_bytes,
        };
        (tree, slots)
    }

    fn slot(&mut self, slot: &SlotReading, everything: &mut Vec<ProcessFigures>) -> Group {
        let workers = slot.workers.iter().filter(|worker| worker.pid != 0);
        let begun = everything.len();
        everything.extend(workers.filter_map(|worker| self.files.read(worker.pid)));
        group(&everything[begun..])
    }

    fn one_process(&mut self, depth: Depth) -> Tree {
        let this = std::process::id();
        let figures = self.files.read(this).unwrap_or_default();
        let (pss_bytes, uss_bytes) = self.pages(&[this], depth);
        Tree {
            group: group(&[figures]),
            cpu_ns: clock::process_cpu_ns(this).since(self.board.head().cpu_before_ns()),
            user_ns: figures.user_ns,
            system_ns: figures.system_ns,
            pss_bytes,
            uss_bytes,
        }
    }

    /// The sums of PSS and USS.
    fn pages(&mut self, pids: &[u32], depth: Depth) -> (MaybeKnown, MaybeKnown) {
        match depth {
            Depth::Usual => Default::default(),
            Depth::Thorough => {
                let read: Vec<MaybeKnown<PageFigures>> = pids.iter().map(|&pid| self.files.pages(pid)).collect();
                let sum = |figure: fn(PageFigures) -> u64| read.iter().map(|pages| pages.map(figure)).sum();
                (sum(|pages| pages.pss_bytes), sum(|pages| pages.uss_bytes))
            }
        }
    }
}

/// How many processes there are is known from whoever started them; the rest as far as all of them can be read.
fn group(processes: &[ProcessFigures]) -> Group {
    Group {
        procs: (processes.len() as u64).into(),
        threads: sum(processes, |process| process.threads),
        fds: sum(processes, |process| process.fds),
        rss_bytes: sum(processes, |process| process.rss_bytes),
    }
}

fn sum(processes: &[ProcessFigures], figure: fn(&ProcessFigures) -> MaybeKnown) -> MaybeKnown {
    processes.iter().map(figure).sum()
}
