//! What this process was started with and changes for itself: it is put back for a program that it starts.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, Signal, getrlimit, set_parent_process_death_signal, setrlimit};

use super::{process, signals};

/// The signal mask, the ignored signals, the limit on open descriptors, the shell and the terminal that this process was
/// started with.
pub struct Inherited {
    mask: libc::sigset_t,
    ignored: Vec<i32>,
    descriptors: Rlimit,
    shells: [u32; 2],
    has_terminal: bool,
}

impl Inherited {
    /// Reads all of it. To be called before any of it is changed. PIPE is left out: Rust's runtime ignores it before
    /// `main`, and std gives a program that it starts the default.
    #[must_use]
    pub fn read() -> Self {
        let ignored =
            (1..=libc::SIGRTMAX()).filter(|number| *number != libc::SIGPIPE && signals::is_ignored(*number));
        Self {
            mask: signals::mask(),
            ignored: ignored.collect(),
            descriptors: getrlimit(Resource::Nofile),
            shells: [process::parent(), process::session_leader()],
            has_terminal: open_terminal().is_ok(),
        }
    }

    /// Whether a process may be the shell that this one is a job of: its parent, or its session's leader.
    #[must_use]
    pub fn is_shell(&self, pid: u32) -> bool {
        // 0 is a process of another pid namespace.
        pid != 0 && self.shells.contains(&pid)
    }

    /// Whether this process was started on a terminal that is gone by now.
    #[must_use]
    pub fn has_lost_terminal(&self) -> bool {
        // The kernel's words for a process without a terminal, and for one that is being closed.
        self.has_terminal && matches!(open_terminal(), Err(Errno::NXIO | Errno::IO))
    }

    /// Whether this process was started with the signal ignored, as `nohup` does with HUP.
    #[must_use]
    pub fn ignores(&self, number: i32) -> bool {
        self.ignored.contains(&number)
    }

    /// Lets a command start as this process was started, and get TERM when the thread that starts it dies.
    pub fn put_back_in(&self, command: &mut Command) {
        let Self { mask, ignored, descriptors, .. } = self;
        let (mask, ignored, descriptors) = (*mask, ignored.clone(), *descriptors);
        let put_back = move || -> io::Result<()> {
            set_parent_process_death_signal(Some(Signal::TERM))?;
            setrlimit(Resource::Nofile, descriptors)?;
            for &number in &ignored {
                signals::ignore(number);
            }
            signals::set_mask(&mask)
        };
        // SAFETY: between fork and exec, `put_back` makes system calls only: it takes no lock and allocates nothing.
        unsafe { command.pre_exec(put_back) };
    }
}

/// Opens the controlling terminal, to see whether there is one.
fn open_terminal() -> Result<(), Errno> {
    let flags = OFlags::RDONLY | OFlags::NOCTTY | OFlags::NONBLOCK | OFlags::CLOEXEC;
    open("/dev/tty", flags, Mode::empty()).map(drop)
}
