//! A control group of a test's own, below that of the test, in the version that has the controller here.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use super::wait_for;

/// Removed at the end of the test, once whoever was in it has ended.
pub struct ControlGroup(PathBuf);

impl ControlGroup {
    /// With so many hundredths of a processor; or why that can't be had here.
    pub fn with_cpu(hundredths: u32) -> Result<Self, String> {
        let quota = hundredths * 1_000;
        Self::make("cpu", ("cpu.cfs_quota_us", &quota.to_string()), ("cpu.max", &format!("{quota} 100000")))
    }

    /// With so much memory; or why that can't be had here.
    pub fn with_memory(bytes: u32) -> Result<Self, String> {
        let bytes = bytes.to_string();
        Self::make("memory", ("memory.limit_in_bytes", &bytes), ("memory.max", &bytes))
    }

    /// What a shell does to be in it.
    pub fn enter(&self) -> String {
        format!("echo $$ >{}/cgroup.procs", self.0.display())
    }

    /// A limit is a file's name and content, in version 1 and in version 2.
    fn make(controller: &str, one: (&str, &str), two: (&str, &str)) -> Result<Self, String> {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let read = |path: &str| fs::read_to_string(path).map_err(|error| format!("{path}: {error}"));
        let (membership, mounts) = (read("/proc/self/cgroup")?, read("/proc/self/mounts")?);
        let has_it = |list: &str| list.split(',').any(|name| name == controller);
        let group_of = |is_it: &dyn Fn(&str) -> bool| {
            let mut lines = membership.lines().map(|line| line.splitn(3, ':').collect::<Vec<_>>());
            lines.find(|parts| is_it(parts[1])).map(|parts| parts[2].trim_start_matches('/').to_owned())
        };
        let mount_of = |is_it: &dyn Fn(&str, &str) -> bool| {
            let mut lines = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
            lines.find(|fields| is_it(fields[2], fields[3])).map(|fields| Path::new(fields[1]).to_owned())
        };
        let (place, group, (file, limit)) = match group_of(&has_it) {
            Some(group) => (mount_of(&|kind, options| kind == "cgroup" && has_it(options)), Some(group), one),
            None => (mount_of(&|kind, _| kind == "cgroup2"), group_of(&str::is_empty), two),
        };
        let (Some(place), Some(group)) = (place, group) else {
            return Err(format!("no hierarchy with the controller {controller} is mounted"));
        };
        let name = format!("quintain-test-{}-{}", std::process::id(), MADE.fetch_add(1, Relaxed));
        let path = place.join(group).join(name);
        let refused = |error: std::io::Error| format!("{}: {error}", path.display());
        fs::create_dir(&path).map_err(refused)?;
        let made = Self(path.clone());
        fs::write(made.0.join(file), limit).map_err(refused)?;
        Ok(made)
    }
}

impl Drop for ControlGroup {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let _ = fs::remove_dir(&self.0);
        } else {
            // Whoever was in it may still be being taken apart.
            wait_for("an empty control group", || fs::remove_dir(&self.0).ok());
        }
    }
}
