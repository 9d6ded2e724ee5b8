//! What a comparison sees of a stretch from outside: the target's process tree, and what else the machine did.

use std::time::Instant;

use crate::comparison::Circumstances;
use crate::sys::procfs::{CgroupFiles, HostCpu, HostFiles, TreeNow, ticks_ns};
use crate::units::shown::float;

/// In shorter stretches the kernel's ticks of 10 ms say too little about other processes.
const LEAST_S: f64 = 0.5;

/// A stretch that is being watched.
pub struct Outside {
    target: u32,
    host: HostFiles,
    cgroup: CgroupFiles,
    begin: Counters,
    most_memory_bytes: Option<u64>,
}

/// What has been counted until now.
struct Counters {
    at: Instant,
    target: Option<TreeNow>,
    /// The comparison itself with everything that it has started.
    own: Option<TreeNow>,
    host: Option<HostCpu>,
    throttled_ns: Option<u64>,
}

/// What was seen.
pub struct Seen {
    /// CPU of the target's process tree.
    pub cpu_ns: Option<u64>,
    /// The most resident memory of the target's process tree at a look.
    pub memory_bytes: Option<f64>,
    /// That over the memory at the begin.
    pub memory_growth_bytes: Option<f64>,
    /// The machine's part of the circumstances.
    pub around: Circumstances,
}

impl Outside {
    /// The stretch begins, of the target that this process leads.
    pub fn begin(target: u32) -> Self {
        let (mut host, mut cgroup) = (HostFiles::open(), CgroupFiles::open());
        let begin = Counters::read(target, &mut host, &mut cgroup);
        let most_memory_bytes = begin.target.map(|tree| tree.rss_bytes);
        Self { target, host, cgroup, begin, most_memory_bytes }
    }

    /// Looks at the target's memory.
    pub fn look(&mut self) {
        let now = TreeNow::of(self.target).map(|tree| tree.rss_bytes);
        self.most_memory_bytes = self.most_memory_bytes.max(now);
    }

    /// The stretch ends.
    pub fn end(mut self) -> Seen {
        let end = Counters::read(self.target, &mut self.host, &mut self.cgroup);
        let begin = &self.begin;
        let most_memory_bytes = self.most_memory_bytes.max(end.target.map(|tree| tree.rss_bytes));
        let seconds = (end.at - begin.at).as_secs_f64();
        let more = |before: Option<u64>, after: Option<u64>| Some(after?.saturating_sub(before?));
        let cpu = |tree: Option<TreeNow>| tree.map(|tree| tree.cpu_ns);
        let ticks = |of: fn(&HostCpu) -> Option<u64>| {
            more(begin.host.as_ref().and_then(of), end.host.as_ref().and_then(of)).map(float)
        };
        let all = ticks(|host| Some(host.total_ticks)).filter(|all| *all > 0.0);
        let pct_of_machine = |part: Option<f64>| Some(100.0 * part? / all?);
        let own_ticks = more(cpu(begin.own), cpu(end.own)).map(|ns| float(ns) / float(ticks_ns(1)));
        let others = ticks(|host| Some(host.process_ticks)).zip(own_ticks);
        let others = others.map(|(processes, own)| (processes - own).max(0.0)).filter(|_| seconds >= LEAST_S);
        let throttled_ns = more(begin.throttled_ns, end.throttled_ns);
        Seen {
            cpu_ns: more(cpu(begin.target), cpu(end.target)),
            memory_bytes: most_memory_bytes.map(float),
            memory_growth_bytes: more(begin.target.map(|tree| tree.rss_bytes), most_memory_bytes).map(float),
            around: Circumstances {
                steal_pct: pct_of_machine(ticks(|host| host.steal_ticks.get())),
                others_pct: pct_of_machine(others),
                throttled_pct: throttled_ns.filter(|_| seconds > 0.0).map(|ns| float(ns) / 1e7 / seconds),
                ..Circumstances::default()
            },
        }
    }
}

impl Counters {
    fn read(target: u32, host: &mut HostFiles, cgroup: &mut CgroupFiles) -> Self {
        Self {
            target: TreeNow::of(target),
            own: TreeNow::of(std::process::id()),
            host: host.cpu().get(),
            throttled_ns: cgroup.read().throttled_ns.get(),
            at: Instant::now(),
        }
    }
}
