//! Files of /proc, kept open and read again with `pread(2)`, which costs half of opening them anew.
//!
//! What a tick reads is parsed here, a few fields of many; the rest by the `procfs` crate. What can't be read, for whatever reason, is `None`: a process may be gone, a
//! kernel may be built without a file, and neither is a reason to stop.

mod cgroup;
mod host;
mod pressure;
mod room;
mod waiting;

use std::collections::HashMap;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::path::Path;

use procfs::FromBufRead;
use procfs::process::SmapsRollup;
use rustix::fs::{CWD, Mode, OFlags, fstat, openat};

use super::clock::SECOND;
use room::Room;
use waiting::ThreadWaits;

pub use cgroup::{Cgroup, CgroupFiles};
pub use host::{HostCpu, HostFiles, HostMemory};
pub use pressure::{Pressure, PressureFiles};

/// What /proc says of one process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Its threads.
    pub threads: u64,
    /// CPU in user mode, in steps of 10 ms.
    pub user_ns: u64,
    /// CPU in the kernel, in steps of 10 ms.
    pub system_ns: u64,
    /// CPU in user mode of the children that it has reaped, and theirs.
    pub reaped_user_ns: u64,
    /// CPU in the kernel of the children that it has reaped, and theirs.
    pub reaped_system_ns: u64,
    /// Resident memory; pages that it shares count in every process that shares them.
    pub rss_bytes: u64,
    /// Open descriptors; `None` when they can't be counted, as those of a zombie.
    pub fds: Option<u64>,
}

/// Memory of processes, counted in ways that walk their page tables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PageFigures {
    /// A page shared by n processes counts 1/n.
    pub pss_bytes: u64,
    /// A shared page counts nothing: what would be free if the process ended.
    pub uss_bytes: u64,
}

/// The open files of the processes that were asked for.
#[derive(Default)]
pub struct ProcessFiles {
    open: HashMap<u32, OpenProcess>,
    /// What the threads of all of them have waited for a processor, those that have ended too.
    waited_ns: Option<u64>,
    room: Room,
}

struct OpenProcess {
    directory: OwnedFd,
    stat: OwnedFd,
    statm: OwnedFd,
    /// The directory of its descriptors, of which only the size is asked for.
    descriptors: OwnedFd,
    waits: ThreadWaits,
}

impl ProcessFiles {
    /// Reads a process; `None` when it is gone. A zombie has no threads' worth of memory, but still its CPU.
    pub fn read(&mut self, pid: u32) -> Option<ProcessFigures> {
        let Self { open, waited_ns, room } = self;
        if let Some(process) = open.get_mut(&pid) {
            if let Some(figures) = process.read(pid, waited_ns, room) {
                return Some(figures);
            }
            // The files are of a process that has ended. Another one may have its number by now.
            open.remove(&pid);
        }
        let mut process = OpenProcess::open(pid)?;
        let figures = process.read(pid, waited_ns, room)?;
        open.insert(pid, process);
        Some(figures)
    }

    /// How long the threads of all processes that were ever read had waited for a processor when they were read last.
    #[must_use]
    pub fn waited_ns(&self) -> Option<u64> {
        self.waited_ns
    }

    /// Memory of a process by its pages: `smaps_rollup`, which costs about 9 µs a MB.
    pub fn pages(&mut self, pid: u32) -> Option<PageFigures> {
        let file = File::open(format!("/proc/{pid}/smaps_rollup")).ok()?;
        let rollup = SmapsRollup::from_buf_read(self.room.fill(&file)?).ok()?;
        let figures = &rollup.memory_map_rollup.0.first()?.extension.map;
        let figure = |name: &str| figures.get(name).copied();
        let uss_bytes = figure("Private_Clean")? + figure("Private_Dirty")?;
        Some(PageFigures { pss_bytes: figure("Pss")?, uss_bytes })
    }

    /// Closes the files of every process that isn't listed.
    pub fn keep_only(&mut self, pids: &[u32]) {
        self.open.retain(|pid, _| pids.contains(pid));
    }
}

impl OpenProcess {
    fn open(pid: u32) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let stat = openat(&directory, "stat", flags, Mode::empty()).ok()?;
        let statm = openat(&directory, "statm", flags, Mode::empty()).ok()?;
        let descriptors = openat(&directory, "fd", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        Some(Self { directory, stat, statm, descriptors, waits: ThreadWaits::default() })
    }

    fn read(&mut self, pid: u32, waited_ns: &mut Option<u64>, room: &mut Room) -> Option<ProcessFigures> {
        let Times { threads, user, system, reaped_user, reaped_system } = times_in(room.fill_text(&self.stat)?)?;
        let resident_pages = resident_in(room.fill_text(&self.statm)?)?;
        if let Some(more_ns) = self.waits.more_ns(&self.directory, threads, room) {
            *waited_ns = Some(waited_ns.unwrap_or(0) + more_ns);
        }
        Some(ProcessFigures {
            threads,
            user_ns: nanoseconds(user),
            system_ns: nanoseconds(system),
            reaped_user_ns: nanoseconds(reaped_user),
            reaped_system_ns: nanoseconds(reaped_system),
            rss_bytes: resident_pages * procfs::page_size(),
            fds: self.descriptors(pid),
        })
    }

    /// Since Linux 6.2 the size of `/proc/PID/fd` is the number of open descriptors; before, it is 0.
    fn descriptors(&self, pid: u32) -> Option<u64> {
        match fstat(&self.descriptors).ok()?.st_size {
            0 => Some(std::fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64),
            size => u64::try_from(size).ok(),
        }
    }
}

/// A setting of the kernel by its path under `/proc/sys`, as the kernel writes it.
#[must_use]
pub fn kernel_setting(path: &str) -> Option<String> {
    first_line(&Path::new("/proc/sys").join(path))
}

/// Where the kernel's clocks come from; reading time is slow with some (`hpet`, `acpi_pm`).
#[must_use]
pub fn clock_source() -> Option<String> {
    first_line(Path::new("/sys/devices/system/clocksource/clocksource0/current_clocksource"))
}

/// `cpu.max` of this process's control group (version 2), as the kernel writes it: quota and period in µs.
#[must_use]
pub fn cgroup_cpu_max() -> Option<String> {
    let membership = std::fs::read_to_string("/proc/self/cgroup").ok()?;
    let group = membership.lines().find_map(|line| line.strip_prefix("0::/"))?;
    first_line(&Path::new("/sys/fs/cgroup").join(group).join("cpu.max"))
}

fn first_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a tick needs of `proc_pid_stat(5)`; times are in ticks.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    threads: u64,
    user: u64,
    system: u64,
    reaped_user: u64,
    reaped_system: u64,
}

/// The second field is the program's name in parentheses, which may hold anything, parentheses too.
fn times_in(text: &str) -> Option<Times> {
    let (_, after) = text.rsplit_once(") ")?;
    // The third field, the state, is the first here.
    let mut fields = after.split_ascii_whitespace().skip(14 - 3);
    // The kernel says -1 of some fields; of these it says no less than 0.
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (user, system, reaped_user, reaped_system) = (next()?, next()?, next()?, next()?);
    let threads = fields.nth(20 - 18)?.parse().ok()?;
    Some(Times { threads, user, system, reaped_user, reaped_system })
}

/// The second field of `proc_pid_statm(5)`, in pages.
fn resident_in(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

fn nanoseconds(ticks: u64) -> u64 {
    ticks * (SECOND / procfs::ticks_per_second().max(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[test]
    fn this_process_is_read_as_it_is() {
        let mut files = ProcessFiles::default();
        let figures = files.read(std::process::id()).unwrap();
        assert!(figures.threads >= 1);
        assert!(figures.rss_bytes > 100_000, "{figures:?}");
        assert!(figures.fds.is_some_and(|fds| fds >= 6), "{figures:?}");
        let pages = files.pages(std::process::id()).unwrap();
        assert!(pages.pss_bytes > 100_000 && pages.pss_bytes < 1 << 40, "{pages:?}");
        assert!(pages.uss_bytes > 0 && pages.uss_bytes <= pages.pss_bytes, "{pages:?}");
    }

    #[test]
    fn a_process_that_is_gone_is_none_and_ends_nothing() {
        let mut child = Command::new("sleep").arg("60").stdin(Stdio::null()).spawn().unwrap();
        let mut files = ProcessFiles::default();
        assert!(files.read(child.id()).is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(files.read(child.id()), None);
        assert_eq!(files.pages(child.id()), None);
        assert!(files.open.is_empty());
        assert!(files.read(std::process::id()).is_some());
        files.keep_only(&[]);
        assert!(files.open.is_empty());
    }

    #[test]
    fn a_name_may_hold_anything() {
        let text =
            "7 (a) R (b) S 1 7 7 0 -1 4194560 31 0 2 0 11 12 13 14 20 0 5 0 99 8192 3 18446744073709551615 1";
        let expected = Times { threads: 5, user: 11, system: 12, reaped_user: 13, reaped_system: 14 };
        assert_eq!(times_in(text), Some(expected));
        assert_eq!((times_in("7 (a) S 1"), times_in("")), (None, None));
        assert_eq!((resident_in("8192 3 2 1 0 4 0"), resident_in("8192")), (Some(3), None));
    }

    #[test]
    fn a_setting_is_read_and_an_unknown_one_is_none() {
        assert!(kernel_setting("net/core/somaxconn").is_some());
        assert_eq!(kernel_setting("no/such/setting"), None);
    }
}
