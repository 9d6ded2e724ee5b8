//! The command of `--while`: run by `sh -c`, in a process group of its own.

use std::io;
use std::os::unix::process::CommandExt;

use super::manager::VARIABLES;
use crate::sys::inherited::Inherited;
use crate::sys::process::{Child, Exit};

/// A running command.
pub struct Command(Child);

impl Command {
    /// Starts it. Its stdout and stderr are ours; it has no stdin. Signals and the limit on descriptors are for it as they
    /// were for us, and it does not outlive us.
    pub fn start(line: &str, inherited: &Inherited) -> io::Result<Self> {
        let mut shell = std::process::Command::new("sh");
        shell.args(["-c", line]).stdin(std::process::Stdio::null()).process_group(0);
        for variable in VARIABLES {
            shell.env_remove(variable);
        }
        inherited.put_back_in(&mut shell);
        Ok(Self(Child { pid: shell.spawn()?.id() }))
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.0.pid
    }

    /// Its exit code, once it has ended; 128 + n when signal n ended it. Collects the zombie.
    pub fn ended(&self) -> Option<u8> {
        let exit = self.0.ended()?;
        self.0.reap();
        let code = match exit {
            Exit::Status(code) => code,
            Exit::Signal(number) => 128 + number,
            Exit::Panic | Exit::Unknown => 1,
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
