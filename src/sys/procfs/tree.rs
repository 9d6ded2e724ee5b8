//! CPU of a process and of everything that it has started, thread by thread, as the scheduler counts it in
//! `/proc/PID/task/TID/schedstat`. For processes that are not ours: a load generator, another server.

use std::collections::BTreeMap;
use std::fs;

/// The threads of a process tree between the first look and the last one.
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
        let mut processes = vec![self.root];
        while let Some(process) = processes.pop() {
            let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { continue };
            for task in tasks.flatten() {
                let path = task.path();
                let children = fs::read_to_string(path.join("children")).unwrap_or_default();
                processes.extend(children.split_whitespace().filter_map(|child| child.parse::<u32>().ok()));
                let id = task.file_name().to_str().and_then(|name| name.parse().ok());
                let used = fs::read_to_string(path.join("schedstat")).ok();
                let used_ns = used.and_then(|text| text.split_whitespace().next()?.parse::<u64>().ok());
                if let (Some(id), Some(used_ns)) = (id, used_ns) {
                    self.threads.entry(id).or_insert((used_ns, used_ns)).1 = used_ns;
                }
            }
        }
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
