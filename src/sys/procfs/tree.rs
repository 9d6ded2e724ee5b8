//! CPU and memory of a process and of everything that it has started. For processes that are not ours: a load generator,
//! another server.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::path::{Path, PathBuf};

use super::{resident_in, ticks_ns, times_in};
use crate::sys::clock;

/// What a process tree has used until now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TreeNow {
    /// CPU of its processes, to the nanosecond, and of all children that they have waited for, to 10 ms.
    pub cpu_ns: u64,
    /// Resident memory; pages that processes share count in each of them.
    pub rss_bytes: u64,
}

impl TreeNow {
    /// Of the tree below this process; `None` where the process can't be read.
    #[must_use]
    pub fn of(root: u32) -> Option<Self> {
        let mut tree = Self { cpu_ns: 0, rss_bytes: 0 };
        let mut is_read = false;
        walk(root, |process, _| {
            let read = |file: &str| fs::read_to_string(format!("/proc/{process}/{file}"));
            let times = read("stat").ok().and_then(|text| times_in(&text));
            if let Some((times, cpu_ns)) = times.zip(clock::process_cpu_ns(process).get()) {
                tree.cpu_ns += cpu_ns + ticks_ns(times.reaped_user + times.reaped_system);
                is_read |= process == root;
            }
            let pages = read("statm").ok().and_then(|text| resident_in(&text)).unwrap_or_default();
            tree.rss_bytes += pages * procfs::page_size();
        });
        is_read.then_some(tree)
    }
}

/// Visits a process and each one below it, with the directories of its threads in `/proc`.
fn walk(root: u32, mut visit: impl FnMut(u32, &[PathBuf])) {
    let mut processes = vec![root];
    while let Some(process) = processes.pop() {
        let threads = threads(process);
        visit(process, &threads);
        processes.extend(threads.iter().flat_map(|thread| children(thread)));
    }
}

/// The directories of a process's threads; none where it has ended.
fn threads(process: impl Display) -> Vec<PathBuf> {
    let threads = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    threads.map(|thread| thread.path()).collect()
}

/// The processes that a thread has started, by its directory in `/proc`.
fn children(thread: &Path) -> Vec<u32> {
    let children = fs::read_to_string(thread.join("children")).unwrap_or_default();
    children.split_whitespace().filter_map(|child| child.parse().ok()).collect()
}

/// The children of this process.
#[must_use]
pub fn own_children() -> Vec<u32> {
    threads("self").iter().flat_map(|thread| children(thread)).collect()
}

/// The threads of a process tree between the first look and the last one, as the scheduler counts their CPU in
/// `/proc/PID/task/TID/schedstat`.
#[derive(Debug)]
pub struct TreeCpu {
    root: u32,
    /// Thread id → CPU at the first look that saw it, and at the last one.
    threads: BTreeMap<u32, (u64, u64)>,
}

impl TreeCpu {
    /// The tree below this process. It must be looked at while the process lives.
    #[must_use]
    pub fn of(root: u32) -> Self {
        Self { root, threads: BTreeMap::new() }
    }

    /// Looks at each thread of each process. What has begun and ended between two looks is not seen.
    pub fn look(&mut self) {
        walk(self.root, |_, threads| {
            for thread in threads {
                let id = thread.file_name().and_then(|name| name.to_str()?.parse().ok());
                let used = fs::read_to_string(thread.join("schedstat")).ok();
                let used_ns = used.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
                if let (Some(id), Some(used_ns)) = (id, used_ns) {
                    self.threads.entry(id).or_insert((used_ns, used_ns)).1 = used_ns;
                }
            }
        });
    }

    /// CPU of all threads together and of the busiest one, in nanoseconds, between the looks; `None` where no thread
    /// could be read.
    #[must_use]
    pub fn used_ns(&self) -> Option<(u64, u64)> {
        let used = || self.threads.values().map(|(first, last)| last.saturating_sub(*first));
        Some((used().sum(), used().max()?))
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    #[test]
    fn children_that_have_ended_count_in_their_tree() {
        let before = TreeNow::of(std::process::id()).unwrap();
        assert!(before.rss_bytes > 100_000, "{before:?}");
        let spin = "i=0; while [ $i -lt 200000 ]; do i=$((i + 1)); done";
        let mut shell = Command::new("sh").args(["-c", spin]).spawn().unwrap();
        assert!(own_children().contains(&shell.id()));
        shell.wait().unwrap();
        let used_ns = TreeNow::of(std::process::id()).unwrap().cpu_ns - before.cpu_ns;
        assert!(used_ns >= 20_000_000, "{used_ns}");
        assert_eq!(TreeNow::of(0), None);
    }

    #[test]
    fn a_busy_child_of_a_child_is_seen() {
        let mut shell = Command::new("sh")
            .args(["-c", "sh -c 'while :; do :; done' & read line; kill $!"])
            .stdin(Stdio::piped())
            .spawn()
            .unwrap();
        let mut tree = TreeCpu::of(shell.id());
        let deadline = std::time::Instant::now() + std::time::Duration::from_mins(1);
        while tree.used_ns().is_none_or(|(all_ns, _)| all_ns < 20_000_000) {
            assert!(std::time::Instant::now() < deadline, "{tree:?}");
            tree.look();
        }
        let (all_ns, busiest_ns) = tree.used_ns().unwrap();
        assert!(busiest_ns <= all_ns && busiest_ns > all_ns / 2, "{tree:?}");
        drop(shell.stdin.take());
        shell.wait().unwrap();
    }
}
