//! The control group that this process is in: its CPU quota, how long it was throttled, its memory and its limit.
//!
//! Version 1 has a hierarchy for each controller, version 2 one for all, and a machine may have both. A limit may stand
//! on the process's own group or on one above it, so the tightest is taken, and with it the figures of that group. What
//! no mount shows is unknown: a group outside of the mount's part of the hierarchy, or below a mount on top of it.

mod kills;
mod mounts;

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use super::room::Room;
use crate::maybe_known::MaybeKnown;
pub use kills::MemoryKillCount;
use mounts::Mounts;

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

/// A quota of CPU time in each period.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Quota {
    quota_us: u32,
    period_us: u32,
}

impl Quota {
    fn cores(self) -> f64 {
        f64::from(self.quota_us) / f64::from(self.period_us)
    }
}

/// The open files of the control group.
#[derive(Default)]
pub struct CgroupFiles {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
    /// `None` is without a quota.
    quota: MaybeKnown<Option<Quota>>,
    /// `None` is without a limit.
    memory_limit_bytes: MaybeKnown<Option<u64>>,
    throttling: Option<File>,
    usage: Option<File>,
    room: Room,
}

/// Where this process's groups are.
struct Places {
    cpu: Option<Hierarchy>,
    memory: Option<Hierarchy>,
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
    /// Opens the files of this process's group.
    #[must_use]
    pub fn open() -> Self {
        Self::open_at(Places::own())
    }

    fn open_at(Places { cpu, memory }: &Places) -> Self {
        let mut files = Self { cpu: cpu.clone(), memory: memory.clone(), ..Self::default() };
        files.read_limits();
        files
    }

    /// Reads the limits again, which somebody may have changed: seldom, so this isn't for every tick.
    pub fn read_limits(&mut self) {
        let cpu = self.cpu.as_ref().and_then(|Hierarchy { version, groups }| {
            tightest(groups, |group| version.quota(group), |one, other| one.cores().total_cmp(&other.cores()))
        });
        self.quota = cpu.map(|(_, quota)| quota).into();
        self.throttling = cpu.and_then(|(group, _)| File::open(group.join("cpu.stat")).ok());
        let memory = self.memory.as_ref().and_then(|Hierarchy { version, groups }| {
            let (group, limit) = tightest(groups, |group| version.memory_limit(group), Ord::cmp)?;
            Some((group.join(version.memory_usage_file()), limit))
        });
        self.memory_limit_bytes = memory.as_ref().map(|(_, limit)| *limit).into();
        self.usage = memory.and_then(|(usage, _)| File::open(usage).ok());
    }

    /// Reads what changes all the time.
    pub fn read(&mut self) -> Cgroup {
        let Self { cpu, memory: _, quota, memory_limit_bytes, throttling, usage, room } = self;
        let version = cpu.as_ref().map(|cpu| cpu.version);
        let throttled = throttling.as_ref().zip(version);
        let throttled_ns = throttled.and_then(|(file, version)| version.throttled_in(room.fill_text(file)?));
        let memory_bytes: Option<u64> = usage.as_ref().and_then(|file| room.fill_text(file)?.trim().parse().ok());
        Cgroup {
            quota_cores: quota.and_then(|quota| quota.map(Quota::cores).into()),
            throttled_ns: throttled_ns.into(),
            memory_bytes: memory_bytes.into(),
            memory_limit_bytes: memory_limit_bytes.and_then(MaybeKnown::from),
        }
    }

    /// The tightest CPU quota, in processors' worth of time; `None` without one.
    #[must_use]
    pub fn quota_cores(&self) -> MaybeKnown<Option<f64>> {
        self.quota.map(|quota| quota.map(Quota::cores))
    }

    /// The tightest limit of memory; `None` without one.
    #[must_use]
    pub fn memory_limit_bytes(&self) -> MaybeKnown<Option<u64>> {
        self.memory_limit_bytes
    }

    /// The tightest CPU quota as `cpu.max` of version 2 has it, quota and period in µs; `max` without one.
    #[must_use]
    pub fn cpu_max(&self) -> MaybeKnown<String> {
        self.quota.map(|quota| match quota {
            Some(Quota { quota_us, period_us }) => format!("{quota_us} {period_us}"),
            None => "max".to_owned(),
        })
    }
}

/// The group with the smallest limit, and that; the process's own group when none has one. `None` when the process's own
/// group isn't there, or a limit can't be read: it may be the smallest.
fn tightest<T>(
    groups: &[PathBuf],
    limit: impl Fn(&Path) -> io::Result<Option<T>>,
    compare: impl Fn(&T, &T) -> std::cmp::Ordering,
) -> Option<(&Path, Option<T>)> {
    let own = groups.first().filter(|own| own.is_dir())?;
    let limits: Option<Vec<_>> = groups.iter().map(|group| Some((group.as_path(), limit(group).ok()?))).collect();
    let limited = limits?.into_iter().filter_map(|(group, limit)| Some((group, limit?)));
    Some(match limited.min_by(|(_, one), (_, other)| compare(one, other)) {
        Some((group, limit)) => (group, Some(limit)),
        None => (own, None),
    })
}

impl Places {
    /// Those of this process. They are looked for once: who puts a process into a group does so before it starts.
    fn own() -> &'static Self {
        static OWN: OnceLock<Places> = OnceLock::new();
        OWN.get_or_init(|| Self::below(Path::new("/")))
    }

    /// The same in a system whose root directory is this.
    fn below(root: &Path) -> Self {
        let text = |path| fs::read_to_string(root.join(path)).unwrap_or_default();
        let (membership, mounts) = (text("proc/self/cgroup"), Mounts::parse(&text("proc/self/mountinfo")));
        let find = |controller| {
            let mut found = Hierarchy::find(&membership, &mounts, controller)?;
            for group in &mut found.groups {
                *group = root.join(group.strip_prefix("/").unwrap_or(group));
            }
            Some(found)
        };
        Self { cpu: find("cpu"), memory: find("memory") }
    }
}

impl Hierarchy {
    /// From `/proc/self/cgroup` and the mounts: `cgroups(7)`. A controller is in a hierarchy of version 1 or in that of
    /// version 2, never in both.
    fn find(membership: &str, mounts: &Mounts, controller: &str) -> Option<Self> {
        let groups: Vec<(&str, &str, &str)> = membership
            .lines()
            .filter_map(|line| {
                let mut parts = line.splitn(3, ':');
                Some((parts.next()?, parts.next()?, parts.next()?))
            })
            .collect();
        let has = |list: &str| list.split(',').any(|name| name == controller);
        let one = groups.iter().find(|(_, controllers, _)| has(controllers));
        let two = groups.iter().find(|(number, controllers, _)| *number == "0" && controllers.is_empty());
        let (version, (_, _, path)) = match (one, two) {
            (Some(one), _) => (Version::One, one),
            (None, Some(two)) => (Version::Two, two),
            (None, None) => return None,
        };
        let groups = mounts.upwards(Path::new(path), |kind, options| match version {
            Version::One => kind == "cgroup" && has(options),
            Version::Two => kind == "cgroup2",
        });
        Some(Self { version, groups: groups? })
    }
}

impl Version {
    fn quota(self, group: &Path) -> io::Result<Option<Quota>> {
        let (quota, period) = match self {
            Self::One => {
                let Some(quota) = text_of(&group.join("cpu.cfs_quota_us"))? else { return Ok(None) };
                (quota, fs::read_to_string(group.join("cpu.cfs_period_us"))?)
            }
            Self::Two => {
                let Some(both) = text_of(&group.join("cpu.max"))? else { return Ok(None) };
                let (quota, period) = both.split_once(' ').ok_or(io::ErrorKind::InvalidData)?;
                (quota.to_owned(), period.to_owned())
            }
        };
        quota_of(quota.trim(), period.trim())
    }

    fn memory_limit(self, group: &Path) -> io::Result<Option<u64>> {
        let file = match self {
            Self::One => "memory.limit_in_bytes",
            Self::Two => "memory.max",
        };
        text_of(&group.join(file))?.map_or(Ok(None), |text| limit_in(text.trim()))
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

/// `None` where a group has no such file: it is the root, or the controller is not switched on there. So it limits nothing.
fn text_of(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Without a quota, version 1 says -1 and version 2 `max`.
fn quota_of(quota: &str, period: &str) -> io::Result<Option<Quota>> {
    if ["-1", "max"].contains(&quota) {
        return Ok(None);
    }
    let number = |text: &str| text.parse::<u32>().map_err(io::Error::other);
    let (quota_us, period_us) = (number(quota)?, number(period)?);
    if period_us == 0 { Err(io::ErrorKind::InvalidData.into()) } else { Ok(Some(Quota { quota_us, period_us })) }
}

fn limit_in(text: &str) -> io::Result<Option<u64>> {
    if text == "max" {
        return Ok(None);
    }
    let limit = text.parse().map_err(io::Error::other)?;
    Ok(Some(limit).filter(|limit| *limit < NO_LIMIT))
}

#[cfg(test)]
mod tests;
