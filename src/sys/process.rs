//! Processes and threads: fork, wait, kill, limits, names.

use std::fmt;
use std::io;
use std::mem::MaybeUninit;

use rustix::io::Errno;
use rustix::process::{
    Pid, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getpid, getppid, getrlimit, kill_process,
    kill_process_group, set_child_subreaper, set_parent_process_death_signal, setrlimit, test_kill_process_group,
    waitid,
};
use serde::{Deserialize, Serialize};

use super::procfs::own_children;

/// What `fork` returns.
pub enum Fork {
    /// In the parent: the child.
    Parent(Child),
    /// In the child: the parent's process id.
    Child {
        /// Whose child this is.
        parent: u32,
    },
}

/// A kernel's refusal of a process, a thread or memory, and which limits it may stand for.
#[must_use]
pub fn refusal(error: &io::Error) -> String {
    match error.raw_os_error().map(Errno::from_raw_os_error) {
        Some(Errno::AGAIN | Errno::NOMEM) => {
            format!("{error}; is a limit reached (ulimit -u or -v, pids.max or memory.max of the control group)?")
        }
        _ => error.to_string(),
    }
}

/// A child process. The kernel sends CHLD when it ends.
pub struct Child {
    /// Its process id, which the kernel gives to no other process before [`Child::reap`].
    pub pid: u32,
}

/// How a process or thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Exit {
    /// It returned or called exit, with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
    /// A thread of ours unwound.
    Panic,
    /// It is no child any more: somebody else has collected how it ended.
    Unknown,
}

/// As it is written; anything else is unknown.
impl From<&str> for Exit {
    fn from(text: &str) -> Self {
        let number = |before: &str| text.strip_prefix(before)?.parse().ok();
        match (number("exit status "), number("signal ")) {
            (Some(code), _) => Self::Status(code),
            (_, Some(signal)) => Self::Signal(signal),
            _ if text == Self::Panic.to_string() => Self::Panic,
            _ => Self::Unknown,
        }
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Panic => write!(f, "a panic"),
            Self::Unknown => write!(f, "an unknown exit status"),
        }
    }
}

/// Refuses to do something in a process with more than one thread.
///
/// # Errors
/// `Other` when there is a second thread, or nobody can say.
fn be_alone(what: &str) -> io::Result<()> {
    let threads = std::fs::read_dir("/proc/self/task")
        .map_err(|error| io::Error::other(format!("/proc/self/task can't be read to count threads: {error}")))?
        .count();
    if threads != 1 {
        return Err(io::Error::other(format!("a process with {threads} threads must not {what}")));
    }
    Ok(())
}

/// Sets a variable of the environment, for libraries that read it. The calling process must have one thread only.
///
/// # Errors
/// `Other` when there is a second thread, or nobody can say.
pub fn set_variable(name: &str, value: &str) -> io::Result<()> {
    be_alone("set a variable")?;
    // SAFETY: this process has one thread, just counted, so that nobody reads the environment meanwhile.
    unsafe { std::env::set_var(name, value) };
    Ok(())
}

/// Forks. The calling process must have one thread only: anything else could leave the child with locks
/// held by threads that it does not have.
///
/// # Errors
/// `Other` when there is a second thread, or nobody can say; else what `fork(2)` says.
pub fn fork() -> io::Result<Fork> {
    be_alone("fork")?;
    let parent = std::process::id();
    // SAFETY: this process has one thread, just counted, so that the child's memory is consistent.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child { parent }),
        pid => Ok(Fork::Parent(Child { pid: pid.unsigned_abs() })),
    }
}

impl Child {
    /// How it ended, if it has; the process stays a zombie, so its clocks can still be read.
    #[must_use]
    pub fn ended(&self) -> Option<Exit> {
        self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
    }

    /// Collects the zombie. Its id may be used again from here on.
    pub fn reap(&self) {
        let _ = self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }

    fn wait(&self, options: WaitIdOptions) -> Option<Exit> {
        match waitid(WaitId::Pid(raw(self.pid).ok()?), options) {
            Ok(status) => {
                let status = status?;
                status.terminating_signal().map(Exit::Signal).or_else(|| status.exit_status().map(Exit::Status))
            }
            Err(Errno::CHILD) => Some(Exit::Unknown),
            Err(_) => None,
        }
    }

    /// Sends SIGKILL. A process that has already ended is left as it is.
    pub fn kill(&self) {
        let _ = raw(self.pid).map(|pid| kill_process(pid, Signal::KILL));
    }

    /// Sends SIGTERM to the process group that the child leads.
    pub fn terminate_group(&self) {
        let _ = raw(self.pid).map(|pid| kill_process_group(pid, Signal::TERM));
    }

    /// Whether anything of the process group that the child leads is there, zombies included.
    #[must_use]
    pub fn has_group(&self) -> bool {
        raw(self.pid).is_ok_and(|pid| test_kill_process_group(pid) != Err(Errno::SRCH))
    }

    /// Sends SIGKILL to the process group that the child leads.
    pub fn kill_group(&self) {
        let _ = raw(self.pid).map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

/// Makes this process the parent of whatever its descendants leave behind, so that [`end_strays`] finds it. Where the
/// kernel refuses, that is found by the process group alone.
pub fn adopt_orphans() {
    let _ = set_child_subreaper(Some(getpid()));
}

/// Kills every child of this process but the ones that are `kept`, and what they leave behind, until there is none.
pub fn end_strays(kept: &[u32]) {
    loop {
        let strays: Vec<u32> = own_children().into_iter().filter(|pid| !kept.contains(pid)).collect();
        if strays.is_empty() {
            return;
        }
        for pid in strays {
            Child { pid }.kill();
            let _ = raw(pid).map(|pid| waitid(WaitId::Pid(pid), WaitIdOptions::EXITED));
        }
    }
}

/// Collects dead children that are not `own`: orphans, when this is process 1 or a subreaper, and what the program that
/// was executed as this one had started. Stops at the first of its own, which [`Child::reap`] collects.
pub fn reap_others(is_own: impl Fn(u32) -> bool) {
    while let Some(pid) = dead_child().filter(|pid| !is_own(*pid)) {
        Child { pid }.reap();
    }
}

/// A child that has ended and is not collected yet.
fn dead_child() -> Option<u32> {
    let mut info = MaybeUninit::<libc::siginfo_t>::zeroed();
    let options = libc::WEXITED | libc::WNOHANG | libc::WNOWAIT;
    // SAFETY: the kernel writes a siginfo to `info`, or nothing.
    let waited = unsafe { libc::waitid(libc::P_ALL, 0, info.as_mut_ptr(), options) };
    if waited != 0 {
        return None;
    }
    // SAFETY: zeros are a valid siginfo, whose process id is 0 when no child has ended.
    let pid = unsafe { info.assume_init().si_pid() };
    u32::try_from(pid).ok().filter(|pid| *pid > 0)
}

fn raw(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Makes the kernel kill this process when its parent dies, and says whether the parent is still there.
///
/// # Errors
/// What `prctl(2)` says.
pub fn die_with_parent(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    Ok(self::parent() == parent)
}

/// This process's parent; 0 when that is in another pid namespace.
#[must_use]
pub fn parent() -> u32 {
    getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs())
}

/// The leader of this process's session; 0 when that is in another pid namespace, which rustix takes for impossible.
#[must_use]
pub fn session_leader() -> u32 {
    // SAFETY: no memory is involved; 0 is this process.
    unsafe { libc::getsid(0) }.unsigned_abs()
}

/// The leader of this process's group; 0 when that is in another pid namespace, which rustix takes for impossible.
#[must_use]
pub fn group_leader() -> u32 {
    // SAFETY: no memory is involved.
    unsafe { libc::getpgrp() }.unsigned_abs()
}

/// Raises the limit on open descriptors to its hard limit, where the kernel lets it, and returns the limit that holds
/// (`None` is unlimited).
pub fn raise_descriptor_limit() -> Option<u64> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    match setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum }) {
        Ok(()) => maximum,
        Err(error) => {
            tracing::warn!(%error, "setrlimit: the limit on open descriptors stays as it was");
            current
        }
    }
}

/// The calling thread's id.
#[must_use]
pub fn thread_id() -> u32 {
    rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs()
}

/// Names the calling thread, as `ps -T` and `/proc` show it; 15 bytes at most are kept.
pub fn name_thread(name: &str) {
    let short: Vec<u8> = name.bytes().filter(|&byte| byte != 0).take(15).collect();
    if let Ok(name) = std::ffi::CString::new(short) {
        let _ = rustix::thread::set_name(&name);
    }
}

/// The processors that this process may run on, by their numbers.
#[must_use]
pub fn allowed_processors() -> Vec<usize> {
    let Ok(set) = rustix::thread::sched_getaffinity(None) else { return Vec::new() };
    (0..rustix::thread::CpuSet::MAX_CPU).filter(|number| set.is_set(*number)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    #[test]
    fn a_child_that_somebody_else_has_collected_has_ended() {
        let mut command = Command::new("true").spawn().unwrap();
        let child = Child { pid: command.id() };
        command.wait().unwrap();
        assert_eq!(child.ended(), Some(Exit::Unknown));
    }
}
