//! Reads one instant of the whole target: the scoreboard, and what the kernel knows of its processes.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use super::strain::StrainReader;
use crate::sample::{Group, Host, Instant, Reading, StrainReading, Tree};
use crate::scoreboard::{SEATS, Scoreboard};
use crate::snapshot::{RoutesReader, SlotReading, Snapshot, WorkerReading};
use crate::sys::clock;
use crate::sys::procfs::{HostFiles, HostMemory, PageFigures, ProcessFigures, ProcessFiles};
use crate::sys::threads::ThreadGroup;

/// Which processes there are, and so where a worker's CPU is read.
#[derive(Clone)]
pub enum Processes {
    /// The supervisor, the observer, and a process for each worker.
    Cluster {
        /// The supervisor's process id.
        supervisor: u32,
    },
    /// This one, for everything; a worker is a group of its threads.
    OneProcess {
        /// By slot and seat.
        clocks: Arc<Vec<[Arc<ThreadGroup>; SEATS]>>,
    },
}

impl Processes {
    /// CPU that a seated worker has used so far.
    #[must_use]
    pub fn worker_cpu_ns(&self, worker: &WorkerReading) -> u64 {
        match self {
            // To the kernel, process 0 is whoever asks.
            Self::Cluster { .. } if worker.pid == 0 => 0,
            Self::Cluster { .. } => clock::process_cpu_ns(worker.pid).unwrap_or(0),
            Self::OneProcess { clocks } => clocks.get(worker.slot).map_or(0, |seats| seats[worker.seat].cpu_ns()),
        }
    }

    /// Reads the scoreboard.
    #[must_use]
    pub fn snapshot(&self, board: &Scoreboard) -> Snapshot {
        Snapshot::read(board, |worker| self.worker_cpu_ns(worker))
    }
}

/// Reads everything that a tick needs, from files that it keeps open.
pub struct Reader {
    board: Arc<Scoreboard>,
    processes: Processes,
    files: ProcessFiles,
    host: HostFiles,
    strain: StrainReader,
    routes: RoutesReader,
}

/// Whether a reading includes what is dear to read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// Everything cheap.
    Usual,
    /// PSS and USS too, which walk the page tables, and limits that seldom change.
    Thorough,
}

impl Reader {
    /// Reads `board`, the processes behind it and their listeners.
    #[must_use]
    pub fn new(
        board: Arc<Scoreboard>,
        processes: Processes,
        listeners: Vec<Arc<OwnedFd>>,
        routes: RoutesReader,
    ) -> Self {
        let strain = StrainReader::new(listeners);
        let (files, host) = (ProcessFiles::default(), HostFiles::open());
        Self { board, processes, files, host, strain, routes }
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
        Reading { instant, snapshot, tree, slots, host: self.host(), strain, routes }
    }

    fn cluster(&mut self, snapshot: &Snapshot, supervisor: u32, depth: Depth) -> (Tree, Vec<Group>) {
        let observer = std::process::id();
        let head = self.board.head();
        let cpu_ns = snapshot.totals().cpu_ns
            + head.observer_cpu_ns()
            + [supervisor, observer].into_iter().filter_map(clock::process_cpu_ns).sum::<u64>();
        let cpu_ns = cpu_ns.saturating_sub(head.cpu_before_ns());
        // The supervisor first: a worker that is reaped from here on is missing in this tick, not counted twice.
        let above = self.files.read(supervisor);
        let own = self.files.read(observer);
        let mut everything = Sum::default();
        everything.add(own);
        everything.add(above);
        let reaped = above.unwrap_or_default();
        let slots = snapshot.slots.iter().map(|slot| self.slot(slot, &mut everything)).collect();
        let workers = snapshot.workers().map(|worker| worker.pid).filter(|&pid| pid != 0);
        let pids: Vec<u32> = [supervisor, observer].into_iter().chain(workers).collect();
        self.files.keep_only(&pids);
        let (pss_bytes, uss_bytes) = self.pages(&pids, depth);
        let tree = Tree {
            group: everything.group(),
            cpu_ns,
            user_ns: Some(everything.user_ns + reaped.reaped_user_ns).filter(|_| above.is_some()),
            system_ns: Some(everything.system_ns + reaped.reaped_system_ns).filter(|_| above.is_some()),
            pss_bytes,
            uss_bytes,
        };
        (tree, slots)
    }

    fn slot(&mut self, slot: &SlotReading, everything: &mut Sum) -> Group {
        let mut sum = Sum::default();
        for worker in slot.workers.iter().filter(|worker| worker.pid != 0) {
            let figures = self.files.read(worker.pid);
            sum.add(figures);
            everything.add(figures);
        }
        sum.group()
    }

    fn one_process(&mut self, depth: Depth) -> Tree {
        let this = std::process::id();
        let figures = self.files.read(this);
        let mut everything = Sum::default();
        everything.add(figures);
        let (pss_bytes, uss_bytes) = self.pages(&[this], depth);
        Tree {
            group: everything.group(),
            cpu_ns: clock::process_cpu_ns(this).unwrap_or(0).saturating_sub(self.board.head().cpu_before_ns()),
            user_ns: figures.map(|figures| figures.user_ns),
            system_ns: figures.map(|figures| figures.system_ns),
            pss_bytes,
            uss_bytes,
        }
    }

    /// PSS and USS, summed over those that can be read: one that has just ended has no memory any more.
    fn pages(&mut self, pids: &[u32], depth: Depth) -> (Option<u64>, Option<u64>) {
        match depth {
            Depth::Usual => (None, None),
            Depth::Thorough => {
                let read: Vec<PageFigures> = pids.iter().filter_map(|&pid| self.files.pages(pid)).collect();
                let sum =
                    |figure: fn(&PageFigures) -> u64| (!read.is_empty()).then(|| read.iter().map(figure).sum());
                (sum(|pages| pages.pss_bytes), sum(|pages| pages.uss_bytes))
            }
        }
    }

    fn host(&mut self) -> Host {
        let (cpu, memory) = (self.host.cpu(), self.host.memory());
        #[allow(clippy::cast_precision_loss)]
        let used = |memory: HostMemory| {
            memory.total_bytes.saturating_sub(memory.available_bytes) as f64 / memory.total_bytes as f64
        };
        Host {
            busy_ticks: cpu.map(|cpu| cpu.busy_ticks),
            steal_ticks: cpu.map(|cpu| cpu.steal_ticks),
            total_ticks: cpu.map(|cpu| cpu.total_ticks),
            cpus: cpu.map(|cpu| cpu.cpus),
            memory_used: memory.map(used),
            memory_available_bytes: memory.map(|memory| memory.available_bytes),
        }
    }
}

/// Figures of several processes, summed.
#[derive(Default)]
struct Sum {
    procs: u64,
    threads: u64,
    user_ns: u64,
    system_ns: u64,
    rss_bytes: u64,
    fds: Option<u64>,
}

impl Sum {
    /// Adds a process, if it is there.
    fn add(&mut self, figures: Option<ProcessFigures>) {
        let Some(figures) = figures else { return };
        let ProcessFigures { threads, user_ns, system_ns, reaped_user_ns: _, reaped_system_ns: _, rss_bytes, fds } =
            figures;
        self.procs += 1;
        self.threads += threads;
        self.user_ns += user_ns;
        self.system_ns += system_ns;
        self.rss_bytes += rss_bytes;
        // A zombie has none; where nobody's can be counted, their sum isn't known.
        self.fds = self.fds.zip(fds).map_or(self.fds.or(fds), |(sum, more)| Some(sum + more));
    }

    fn group(&self) -> Group {
        Group {
            procs: Some(self.procs),
            threads: Some(self.threads),
            fds: self.fds,
            rss_bytes: Some(self.rss_bytes),
        }
    }
}
