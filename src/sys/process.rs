//! Processes and threads: fork, wait, kill, limits, names.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::process::{
    Pid, PidfdFlags, Resource, Rlimit, Signal, WaitId, WaitIdOptions, getppid, getrlimit, kill_process,
    kill_process_group, pidfd_open, set_parent_process_death_signal, setrlimit, test_kill_process, waitid,
};

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

/// A child process, with a descriptor that becomes readable when it ends.
pub struct Child {
    /// Its process id, not used again before [`Child::reap`].
    pub pid: u32,
    /// Readable once the process has ended.
    pub pidfd: OwnedFd,
}

/// How a process or thread ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It returned or called exit, with this status.
    Status(i32),
    /// A signal ended it.
    Signal(i32),
    /// A thread of ours unwound.
    Panic,
}

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Status(code) => write!(f, "exit status {code}"),
            Self::Signal(number) => write!(f, "signal {number}"),
            Self::Panic => write!(f, "a panic"),
        }
    }
}

/// Forks. The calling process must have one thread only: anything else could leave the child with locks
/// held by threads that it does not have.
///
/// # Errors
/// `Other` when there is a second thread; else what `fork(2)` or `pidfd_open(2)` says.
pub fn fork() -> io::Result<Fork> {
    let threads = std::fs::read_dir("/proc/self/task")?.count();
    if threads != 1 {
        return Err(io::Error::other(format!("a process with {threads} threads must not fork")));
    }
    let parent = std::process::id();
    // SAFETY: this process has one thread, just counted, so that the child's memory is consistent.
    let pid = unsafe { libc::fork() };
    match pid {
        -1 => Err(io::Error::last_os_error()),
        0 => Ok(Fork::Child { parent }),
        pid => Ok(Fork::Parent(Child::open(u32::try_from(pid).map_err(io::Error::other)?)?)),
    }
}

impl Child {
    /// A child of this process, not reaped yet.
    ///
    /// # Errors
    /// What `pidfd_open(2)` says.
    pub fn open(pid: u32) -> io::Result<Self> {
        Ok(Self { pid, pidfd: pidfd_open(raw(pid)?, PidfdFlags::NONBLOCK)? })
    }

    /// How it ended, if it has; the process stays a zombie, so its clocks can still be read.
    #[must_use]
    pub fn ended(&self) -> Option<Exit> {
        self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT)
    }

    /// Collects the zombie. Its id may be used again from here on.
    pub fn reap(self) {
        let _ = self.wait(WaitIdOptions::EXITED | WaitIdOptions::NOHANG);
    }

    fn wait(&self, options: WaitIdOptions) -> Option<Exit> {
        let status = waitid(WaitId::PidFd(self.pidfd.as_fd()), options).ok()??;
        status.terminating_signal().map(Exit::Signal).or_else(|| status.exit_status().map(Exit::Status))
    }

    /// Sends SIGKILL. A process that has already ended is left as it is.
    pub fn kill(&self) {
        let _ = raw(self.pid).map(|pid| kill_process(pid, Signal::KILL));
    }

    /// Sends SIGTERM to the process group that the child leads.
    pub fn terminate_group(&self) {
        let _ = raw(self.pid).map(|pid| kill_process_group(pid, Signal::TERM));
    }

    /// Sends SIGKILL to the process group that the child leads.
    pub fn kill_group(&self) {
        let _ = raw(self.pid).map(|pid| kill_process_group(pid, Signal::KILL));
    }
}

fn raw(pid: u32) -> io::Result<Pid> {
    i32::try_from(pid).ok().and_then(Pid::from_raw).ok_or_else(|| io::ErrorKind::InvalidInput.into())
}

/// Whether there is such a process, a zombie included, readable in `/proc` or not.
#[must_use]
pub fn exists(pid: u32) -> bool {
    raw(pid).is_ok_and(|pid| test_kill_process(pid) != Err(rustix::io::Errno::SRCH))
}

/// Makes the kernel kill this process when its parent dies, and says whether the parent is still there.
///
/// # Errors
/// What `prctl(2)` says.
pub fn die_with_parent(parent: u32) -> io::Result<bool> {
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let now = getppid().map_or(0, |pid| pid.as_raw_nonzero().get().unsigned_abs());
    Ok(now == parent)
}

/// Raises the limit on open descriptors to its hard limit and returns it (`None` is unlimited).
///
/// # Errors
/// What `setrlimit(2)` says.
pub fn raise_descriptor_limit() -> io::Result<Option<u64>> {
    let Rlimit { current, maximum } = getrlimit(Resource::Nofile);
    if current != maximum {
        setrlimit(Resource::Nofile, Rlimit { current: maximum, maximum })?;
    }
    Ok(maximum)
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
