//! How many processes of this one's control group the kernel has killed for memory: `memory.events` of version 2,
//! `memory.oom_control` of version 1 (from Linux 4.13 on).

use std::fs;
use std::path::PathBuf;

use super::{Hierarchy, Places, Version};
use crate::maybe_known::MaybeKnown;

/// The kernel's count. It grows before the process that is killed gets the signal, so that whoever learns of the death finds
/// it in the count.
#[derive(Debug, Default)]
pub struct MemoryKillCount(Option<PathBuf>);

impl MemoryKillCount {
    /// Finds the file, in the process's own group or, where version 2 has the controller switched off there, in the first
    /// above it that has it on. Whosever limit was reached, the kernel counts in the group of the process that it kills.
    #[must_use]
    pub fn find() -> Self {
        Self::find_at(Places::own())
    }

    fn find_at(places: &Places) -> Self {
        Self(places.memory.as_ref().and_then(|Hierarchy { version, groups }| {
            let name = match version {
                Version::One => "memory.oom_control",
                Version::Two => "memory.events",
            };
            groups.iter().map(|group| group.join(name)).find(|file| file.exists())
        }))
    }

    /// What it is now.
    #[must_use]
    pub fn read(&self) -> MaybeKnown {
        let text = self.0.as_ref().and_then(|file| fs::read_to_string(file).ok());
        let count =
            |text: String| text.lines().find_map(|line| line.strip_prefix("oom_kill "))?.trim().parse().ok();
        text.and_then(count).into()
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{HYBRID_MEMBERSHIP, HYBRID_MOUNTS, SYSTEMD_MEMBERSHIP, SYSTEMD_MOUNTS, system};
    use super::*;

    fn count(membership: &str, mounts: &str, file: &str, text: &str) -> MaybeKnown {
        let (root, _) = system(membership, mounts, &[(file, text)]);
        MemoryKillCount::find_at(&Places::below(root.path())).read()
    }

    #[test]
    fn both_versions_count_in_files_of_their_own() {
        let one = "sys/fs/cgroup/memory/api/57c9/memory.oom_control";
        let text = "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n";
        assert_eq!(count(HYBRID_MEMBERSHIP, HYBRID_MOUNTS, one, text), 3.into());
        let before_linux_4_13 = "oom_kill_disable 0\nunder_oom 0\n";
        assert_eq!(count(HYBRID_MEMBERSHIP, HYBRID_MOUNTS, one, before_linux_4_13), MaybeKnown::UNKNOWN);
        let text = "low 0\nhigh 0\nmax 12\noom 2\noom_kill 1\noom_group_kill 0\n";
        let own = "sys/fs/cgroup/user.slice/user-1000.slice/run-1.scope/memory.events";
        assert_eq!(count(SYSTEMD_MEMBERSHIP, SYSTEMD_MOUNTS, own, text), 1.into());
        let above = "sys/fs/cgroup/user.slice/memory.events";
        assert_eq!(count(SYSTEMD_MEMBERSHIP, SYSTEMD_MOUNTS, above, text), 1.into());
    }

    #[test]
    fn without_a_file_the_count_is_unknown() {
        assert_eq!(
            count(SYSTEMD_MEMBERSHIP, "", "sys/fs/cgroup/memory.events", "oom_kill 1\n"),
            MaybeKnown::UNKNOWN
        );
        assert_eq!(MemoryKillCount::default().read(), MaybeKnown::UNKNOWN);
    }
}
