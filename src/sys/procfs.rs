//! Files of /proc, kept open and read again with `pread(2)`, which costs half of opening them anew.
//!
//! What a tick reads is parsed here, a few fields of many; the rest by the `procfs` crate. What can't be
//! read, for whatever reason, is unknown: a kernel may be built without a file, or refuse it, and that is no reason to stop.

mod cgroup;
mod host;
mod pressure;
mod room;
mod tcp;
mod tree;
mod waiting;

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::path::Path;

use procfs::FromBufRead;
use procfs::process::SmapsRollup;
use rustix::fs::{CWD, Mode, OFlags, fstat, open, openat};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use super::clock::SECOND;
use crate::maybe_known::MaybeKnown;
use room::Room;
use waiting::ThreadWaits;

pub use cgroup::{Cgroup, CgroupFiles, MemoryKillCount};
pub use host::{HostCpu, HostFiles, HostMemory};
pub use pressure::{Pressure, PressureFiles};
pub use tcp::TcpCounters;
pub use tree::{TreeCpu, TreeNow, own_children};
pub use waiting::{ThreadFile, ThreadTimes};

/// What /proc says of one process that is there; all of it is unknown where /proc does not show the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessFigures {
    /// Its threads.
    pub threads: MaybeKnown,
    /// CPU in user mode, in steps of 10 ms.
    pub user_ns: MaybeKnown,
    /// CPU in the kernel, in steps of 10 ms.
    pub system_ns: MaybeKnown,
    /// CPU in user mode of the children that it has reaped, and theirs.
    pub reaped_user_ns: MaybeKnown,
    /// CPU in the kernel of the children that it has reaped, and theirs.
    pub reaped_system_ns: MaybeKnown,
    /// Resident memory; pages that it shares count in every process that shares them.
    pub rss_bytes: MaybeKnown,
    /// Open descriptors.
    pub fds: MaybeKnown,
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
    /// By process id; `None` is a process that is there and can't be read.
    open: HashMap<u32, Option<OpenProcess>>,
    /// What the threads of processes that have ended had waited for a processor when they were read last.
    ended_waited_ns: u64,
    room: Room,
}

struct OpenProcess {
    directory: OwnedFd,
    stat: OwnedFd,
    statm: OwnedFd,
    /// The directory of its descriptors, of which only the size is asked for.
    descriptors: OwnedFd,
    waits: ThreadWaits,
    /// What its threads have waited for a processor, ended ones too.
    waited_ns: MaybeKnown,
}

impl ProcessFiles {
    /// Reads a process; `None` when it is gone. A zombie has no threads' worth of memory, but still its CPU.
    pub fn read(&mut self, pid: u32) -> Option<ProcessFigures> {
        if let Some(Some(process)) = self.open.get_mut(&pid)
            && let Some(figures) = process.read(pid, &mut self.room)
        {
            return Some(figures);
        }
        // Files that were open are of a process that has ended. Another one may have its number by now.
        self.forget(pid);
        if let Some(mut process) = OpenProcess::open(pid)
            && let Some(figures) = process.read(pid, &mut self.room)
        {
            self.open.insert(pid, Some(process));
            return Some(figures);
        }
        // It is gone, or it is one that /proc does not show: another user's under `hidepid`, or there is no /proc.
        exists(pid).then(|| {
            self.open.insert(pid, None);
            ProcessFigures::default()
        })
    }

    /// How long the threads of all processes have waited for a processor, as far as those that have ended were read.
    /// Unknown when that of a process which was read last time is.
    #[must_use]
    pub fn waited_ns(&self) -> MaybeKnown {
        let waited_ns = |process: &Option<OpenProcess>| process.as_ref().map(|process| process.waited_ns);
        let living: MaybeKnown = self.open.values().map(|process| waited_ns(process).unwrap_or_default()).sum();
        living + self.ended_waited_ns.into()
    }

    /// Memory of a process by its pages: `smaps_rollup`, which costs about 9 µs a MB. A process that has just ended, or
    /// whose memory is gone already, has none; unknown when the kernel does not show it, as that of a program with file
    /// capabilities.
    pub fn pages(&mut self, pid: u32) -> MaybeKnown<PageFigures> {
        const NOTHING: MaybeKnown<PageFigures> = MaybeKnown::known(PageFigures { pss_bytes: 0, uss_bytes: 0 });
        let path = format!("/proc/{pid}/smaps_rollup");
        let read =
            open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()).and_then(|file| self.room.fill(&file));
        match read {
            Ok(text) => pages_in(text).into(),
            Err(Errno::SRCH) => NOTHING,
            Err(_) if !exists(pid) => NOTHING,
            Err(_) => MaybeKnown::UNKNOWN,
        }
    }

    /// Closes the files of every process that isn't listed.
    pub fn keep_only(&mut self, pids: &[u32]) {
        let ended: Vec<u32> = self.open.keys().copied().filter(|pid| !pids.contains(pid)).collect();
        for pid in ended {
            self.forget(pid);
        }
    }

    fn forget(&mut self, pid: u32) {
        let known = self.open.remove(&pid).flatten().and_then(|process| process.waited_ns.get());
        // What is not known is missing before and after: from one reading to the next it adds nothing wrong.
        if let Some(waited_ns) = known {
            self.ended_waited_ns += waited_ns;
        }
    }
}

impl OpenProcess {
    fn open(pid: u32) -> Option<Self> {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let directory = openat(CWD, format!("/proc/{pid}"), flags | OFlags::DIRECTORY, Mode::empty()).ok()?;
        let stat = openat(&directory, "stat", flags, Mode::empty()).ok()?;
        let statm = openat(&directory, "statm", flags, Mode::empty()).ok()?;
        let descriptors = openat(&directory, "fd", OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).ok()?;
        let waited_ns = MaybeKnown::known(0);
        Some(Self { directory, stat, statm, descriptors, waits: ThreadWaits::default(), waited_ns })
    }

    /// `None` when the process is gone.
    fn read(&mut self, pid: u32, room: &mut Room) -> Option<ProcessFigures> {
        let times = times_in(room.fill_text(&self.stat)?)?;
        let Times { is_zombie, threads, user, system, reaped_user, reaped_system } = times;
        let resident_pages = room.fill_text(&self.statm).and_then(resident_in);
        self.waited_ns = self.waited_ns + self.waits.more_ns(&self.directory, threads, room).into();
        Some(ProcessFigures {
            threads: threads.into(),
            user_ns: ticks_ns(user).into(),
            system_ns: ticks_ns(system).into(),
            reaped_user_ns: ticks_ns(reaped_user).into(),
            reaped_system_ns: ticks_ns(reaped_system).into(),
            rss_bytes: resident_pages.map(|pages| pages * procfs::page_size()).into(),
            fds: if is_zombie { 0.into() } else { self.descriptors(pid).into() },
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

/// Whether there is such a process, a zombie included, readable in `/proc` or not.
fn exists(pid: u32) -> bool {
    let pid = i32::try_from(pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid) != Err(Errno::SRCH))
}

fn first_line(path: &Path) -> Option<String> {
    let text = std::fs::read_to_string(path).ok()?;
    text.lines().next().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "))
}

/// What a tick needs of `proc_pid_stat(5)`; times are in ticks.
#[derive(Debug, PartialEq, Eq)]
struct Times {
    /// It has ended and is not reaped: it has no descriptors any more.
    is_zombie: bool,
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
    let is_zombie = after.starts_with('Z');
    let mut fields = after.split_ascii_whitespace().skip(14 - 3);
    // The kernel says -1 of some fields; of these it says no less than 0.
    let mut next = || fields.next()?.parse::<u64>().ok();
    let (user, system, reaped_user, reaped_system) = (next()?, next()?, next()?, next()?);
    let threads = fields.nth(20 - 18)?.parse().ok()?;
    Some(Times { is_zombie, threads, user, system, reaped_user, reaped_system })
}

/// Of `proc_pid_smaps_rollup(5)`.
fn pages_in(text: &[u8]) -> Option<PageFigures> {
    let rollup = SmapsRollup::from_buf_read(text).ok()?;
    let figures = &rollup.memory_map_rollup.0.first()?.extension.map;
    let figure = |name: &str| figures.get(name).copied();
    let uss_bytes = figure("Private_Clean")? + figure("Private_Dirty")?;
    Some(PageFigures { pss_bytes: figure("Pss")?, uss_bytes })
}

/// The second field of `proc_pid_statm(5)`, in pages.
fn resident_in(text: &str) -> Option<u64> {
    text.split_ascii_whitespace().nth(1)?.parse().ok()
}

/// The kernel's ticks in nanoseconds.
#[must_use]
pub fn ticks_ns(ticks: u64) -> u64 {
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
        let at_least = |figure: MaybeKnown, least: u64| figure.get().is_some_and(|figure| figure >= least);
        assert!(at_least(figures.threads, 1) && at_least(figures.rss_bytes, 100_000), "{figures:?}");
        assert!(at_least(figures.fds, 6), "{figures:?}");
        let pages = files.pages(std::process::id()).get().unwrap();
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
        assert_eq!(files.pages(child.id()), PageFigures::default().into(), "what has ended has no memory");
        assert!(files.open.is_empty());
        assert!(files.read(std::process::id()).is_some());
        files.keep_only(&[]);
        assert!(files.open.is_empty());
    }

    #[test]
    fn a_name_may_hold_anything() {
        let text =
            "7 (a) R (b) S 1 7 7 0 -1 4194560 31 0 2 0 11 12 13 14 20 0 5 0 99 8192 3 18446744073709551615 1";
        let expected =
            Times { is_zombie: false, threads: 5, user: 11, system: 12, reaped_user: 13, reaped_system: 14 };
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
