//! One instant of the whole target: what a tick reads, before anything is made of it.

use std::sync::Arc;

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Late;
use crate::snapshot::{RouteReading, Snapshot};
use crate::sys::listener::AcceptQueue;
use crate::sys::procfs::{Cgroup, HostCpu, HostMemory, Pressure, ThreadTimes};
use crate::sys::usage::Usage;

/// When a reading was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Instant {
    /// Monotonic.
    pub monotonic_ns: u64,
    /// Since the Unix epoch.
    pub realtime_ns: u64,
    /// When it should have been taken (monotonic).
    pub due_ns: u64,
    /// When the run began (monotonic).
    pub started_ns: u64,
}

/// One instant of the whole target.
#[derive(Clone, Debug, Default)]
pub struct Reading {
    /// When.
    pub instant: Instant,
    /// What the scoreboard said.
    pub snapshot: Snapshot,
    /// Sums over all processes of the target.
    pub tree: Tree,
    /// Sums over the processes of a slot, in the order of the snapshot's slots; none where slots share a process.
    pub slots: Vec<Group>,
    /// What the event loops of each slot's workers have done since the observer began, in the order of the snapshot's slots;
    /// unknown where the kernel does not say.
    pub loops: Vec<MaybeKnown<ThreadTimes>>,
    /// The machine.
    pub host: Host,
    /// Signs of strain.
    pub strain: StrainReading,
    /// Each route on which something was answered; read after the snapshot.
    pub routes: Vec<Arc<RouteReading>>,
}

/// Sums over processes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// How many there are.
    pub procs: MaybeKnown,
    /// Their threads.
    pub threads: MaybeKnown,
    /// Their descriptors.
    pub fds: MaybeKnown,
    /// Their resident memory, shared pages counted in each.
    pub rss_bytes: MaybeKnown,
}

/// Sums over all processes of the target.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tree {
    /// Those of the living ones.
    pub group: Group,
    /// CPU, ended processes included.
    pub cpu_ns: MaybeKnown,
    /// Of it, in user mode, in steps of 10 ms.
    pub user_ns: MaybeKnown,
    /// Of it, in the kernel, in steps of 10 ms.
    pub system_ns: MaybeKnown,
    /// Memory with shared pages counted once, in the ticks in which it was read.
    pub pss_bytes: MaybeKnown,
    /// Memory without shared pages, in the same ticks.
    pub uss_bytes: MaybeKnown,
}

/// The machine.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Host {
    /// Its processors.
    pub cpu: MaybeKnown<HostCpu>,
    /// Its memory.
    pub memory: MaybeKnown<HostMemory>,
}

/// Signs of strain at one instant; what is a sum is so since its beginning.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct StrainReading {
    /// How long the target's threads have waited for a processor.
    pub waited_ns: MaybeKnown,
    /// What the kernel has counted of the processes that don't count themselves on the scoreboard.
    pub usage: MaybeKnown<Usage>,
    /// The target's control group.
    pub cgroup: Cgroup,
    /// Stalls on the machine.
    pub pressure: Pressure,
    /// The fullest accept queue of those that listen.
    pub accept_queue: MaybeKnown<AcceptQueue>,
    /// What all accept queues together have dropped.
    pub listen_drops: MaybeKnown,
    /// Connections in which bytes wait that nobody has read.
    pub unread: MaybeKnown,
    /// The latest beat of any worker since the tick before.
    pub latest_beat: MaybeKnown<Late>,
}
