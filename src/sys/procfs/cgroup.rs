//! The control group that this process is in: its CPU quota, how long it was throttled, its memory and its limit.
//!
//! Version 1 has a hierarchy for each controller, version 2 one for all, and a machine may have both. A limit may stand
//! on the process's own group or on one above it, so the tightest is taken, and with it the figures of that group.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::room::Room;
use crate::maybe_known::MaybeKnown;

/// What a version-1 kernel says for "no limit" is a little less than this, and no machine has as much memory.
const NO_LIMIT: u64 = 1 << 62;

/// What the control group says.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Cgroup {
    /// How many processors' worth of time it may use, if that is limited.
    pub quota_cores: MaybeKnown<f64>,
    /// How long it was kept from running by its quota, since it was made.
    pub throttled_ns: MaybeKnown,
    /// Memory charged to it, its page cache included.
    pub memory_bytes: MaybeKnown,
    /// How much that may be, if it is limited.
    pub memory_limit_bytes: MaybeKnown,
}

/// The open files of the control group.
#[derive(Default)]
pub struct CgroupFiles {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
    quota_cores: Option<f64>,
    memory_limit_bytes: Option<u64>,
    throttling: Option<File>,
    usage: Option<File>,
    room: Room,
}

/// Where a controller's groups are.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    version: Version,
    /// The process's own group, then those above it.
    groups: Vec<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Version {
    One,
    Two,
}

impl CgroupFiles {
    /// Finds the process's group and opens its files.
    #[must_use]
    pub fn open() -> Self {
        let membership = fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
        let find = |controller| Hierarchy::find(&membership, &mounts, controller);
        let mut files = Self { cpu: find("cpu"), memory: find("memory"), ..Self::default() };
        files.read_limits();
        files
    }

    /// Reads the limits again, which somebody may have changed: seldom, so this isn't for every tick.
    pub fn read_limits(&mut self) {
        if let Some(Hierarchy { version, groups }) = &self.cpu {
            let (group, quota) = tightest(groups, |group| version.quota_cores(group), f64::total_cmp);
            self.quota_cores = quota;
            self.throttling = File::open(group.join("cpu.stat")).ok();
        }
        if let Some(Hierarchy { version, groups }) = &self.memory {
            let (group, limit) = tightest(groups, |group| version.memory_limit(group), Ord::cmp);
            self.memory_limit_bytes = limit;
            self.usage = File::open(group.join(version.memory_usage_file())).ok();
        }
    }

    /// Reads what changes all the time.
    pub fn read(&mut self) -> Cgroup {
        let Self { cpu, memory: _, quota_cores, memory_limit_bytes, throttling, usage, room } = self;
        let version = cpu.as_ref().map(|cpu| cpu.version);
        let throttled = throttling.as_ref().zip(version);
        let throttled_ns = throttled.and_then(|(file, version)| version.throttled_in(room.fill_text(file)?));
        let memory_bytes: Option<u64> = usage.as_ref().and_then(|file| room.fill_text(file)?.trim().parse().ok());
        Cgroup {
            quota_cores: (*quota_cores).into(),
            throttled_ns: throttled_ns.into(),
            memory_bytes: memory_bytes.into(),
            memory_limit_bytes: (*memory_limit_bytes).into(),
        }
    }
}

/// The group with the smallest limit, and that; the process's own group when none has one.
fn tightest<T>(
    groups: &[PathBuf],
    limit: impl Fn(&Path) -> Option<T>,
    compare: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> (&Path, Option<T>) {
    let limited = groups.iter().filter_map(|group| Some((group.as_path(), limit(group)?)));
    match limited.min_by(|(_, one), (_, other)| compare(one, other)) {
        Some((group, limit)) => (group, Some(limit)),
        None => (groups.first().map_or(Path::new("/"), PathBuf::as_path), None),
    }
}

impl Hierarchy {
    /// From `/proc/self/cgroup` and `/proc/self/mountinfo`: `cgroups(7)`, `proc_pid_mountinfo(5)`.
    fn find(membership: &str, mounts: &str, controller: &str) -> Option<Self> {
        Self::find_version(membership, mounts, controller, Version::One)
            .or_else(|| Self::find_version(membership, mounts, controller, Version::Two))
    }

    fn find_version(membership: &str, mounts: &str, controller: &str, version: Version) -> Option<Self> {
        let has = |list: &str| list.split(',').any(|name| name == controller);
        let path = membership.lines().find_map(|line| {
            let mut parts = line.splitn(3, ':');
            let (number, controllers, path) = (parts.next()?, parts.next()?, parts.next()?);
            let is_it = match version {
                Version::One => has(controllers),
                Version::Two => number == "0" && controllers.is_empty(),
            };
            is_it.then_some(path)
        })?;
        let (root, place) = mounts.lines().find_map(|line| {
            let (mount, kind) = line.split_once(" - ")?;
            let (kind, options) = kind.split_once(' ')?;
            let is_it = match version {
                Version::One => kind == "cgroup" && options.rsplit(' ').next().is_some_and(has),
                Version::Two => kind == "cgroup2",
            };
            let mut fields = mount.split(' ').skip(3);
            let (root, place) = (fields.next()?, fields.next()?);
            is_it.then_some((root, place))
        })?;
        // In a container the mount shows a part of the hierarchy only, and the path may lie outside of it.
        let within = Path::new(path).strip_prefix(root).unwrap_or(Path::new(""));
        let above = within.ancestors().map(|group| Path::new(place).join(group));
        Some(Self { version, groups: above.collect() })
    }
}

impl Version {
    fn quota_cores(self, group: &Path) -> Option<f64> {
        match self {
            Self::One => {
                let quota = fs::read_to_string(group.join("cpu.cfs_quota_us")).ok()?;
                quota_of(quota.trim(), fs::read_to_string(group.join("cpu.cfs_period_us")).ok()?.trim())
            }
            Self::Two => {
                let both = fs::read_to_string(group.join("cpu.max")).ok()?;
                let (quota, period) = both.trim().split_once(' ')?;
                quota_of(quota, period)
            }
        }
    }

    fn memory_limit(self, group: &Path) -> Option<u64> {
        let file = match self {
            Self::One => "memory.limit_in_bytes",
            Self::Two => "memory.max",
        };
        limit_in(&fs::read_to_string(group.join(file)).ok()?)
    }

    fn memory_usage_file(self) -> &'static str {
        match self {
            Self::One => "memory.usage_in_bytes",
            Self::Two => "memory.current",
        }
    }

    fn throttled_in(self, text: &str) -> Option<u64> {
        let (name, factor) = match self {
            Self::One => ("throttled_time ", 1),
            Self::Two => ("throttled_usec ", 1_000),
        };
        let number = text.lines().find_map(|line| line.strip_prefix(name))?;
        number.trim().parse::<u64>().ok()?.checked_mul(factor)
    }
}

/// Without a quota, version 1 says -1 and version 2 `max`: neither is a number from 0.
fn quota_of(quota: &str, period: &str) -> Option<f64> {
    let (quota, period) = (quota.parse::<u32>().ok()?, period.parse::<u32>().ok()?);
    (period > 0).then(|| f64::from(quota) / f64::from(period))
}

fn limit_in(text: &str) -> Option<u64> {
    text.trim().parse().ok().filter(|&limit| limit < NO_LIMIT)
}

#[cfg(test)]
mod tests;
