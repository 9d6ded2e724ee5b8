//! The command of `--while`: run by `sh -c`, in a process group of its own.

use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::process::CommandExt;

use crate::sys::process::{Child, Exit};
use crate::sys::signals;

/// A running command.
pub struct Command(Child);

impl Command {
    /// Starts it. Its stdout and stderr are ours; it has no stdin. It is born with no signal blocked (ours
    /// are, and a process inherits that), and does not outlive us.
    pub fn start(line: &str) -> io::Result<Self> {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line]).stdin(std::process::Stdio::null()).process_group(0);
        signals::prepare(&mut shell);
        let child = shell.spawn()?;
        Child::open(child.id()).map(Self)
    }

    /// Readable once it has ended.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.pidfd.as_fd()
    }

    /// Its exit code, once it has ended; 128 + n when signal n ended it.
    pub fn ended(&self) -> Option<u8> {
        let code = match self.0.ended()? {
            Exit::Status(code) => code,
            Exit::Signal(number) => 128 + number,
            Exit::Panic => 1,
        };
        Some(u8::try_from(code).unwrap_or(1))
    }

    /// Sends TERM to it and to what it has started.
    pub fn terminate(&self) {
        self.0.terminate_group();
    }

    /// Does not wait for it any longer.
    pub fn kill(self) {
        self.0.kill_group();
    }
}
