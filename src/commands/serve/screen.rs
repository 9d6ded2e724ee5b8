//! What people see: lines on stdout and stderr, and whether a terminal has a status line that they must not run into.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use super::held;
use crate::config::Config;
use crate::observer::Status;
use crate::sys::terminal::{self, ERASE};

/// How long the end of the program waits for a reader of its last lines.
const PATIENCE: Duration = Duration::from_secs(5);

/// What the environment says of terminals.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dress {
    /// Whether they take more than text, by `TERM`.
    pub takes_controls: bool,
    /// Whether colour is welcome, by `NO_COLOR`.
    pub colour: bool,
}

/// The same in every process of a run: decided once, before the first fork.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Screen {
    /// What stderr shows of the run beside lines.
    pub status: Status,
}

impl Screen {
    /// A status line is for somebody who watches a terminal that nobody else writes to: a command's output would.
    pub fn of(config: &Config, dress: Dress) -> Self {
        let is_wanted = !config.quiet && config.while_command.is_none();
        let Dress { takes_controls, colour } = dress;
        let status = match is_wanted && takes_controls && terminal::is_terminal() {
            false => Status::Off,
            true if colour => Status::Coloured,
            true => Status::Plain,
        };
        Self { status }
    }

    /// Whether stderr shows more of the run than lines.
    pub fn has_status(self) -> bool {
        self.status != Status::Off
    }

    /// One line on stdout, flushed. A reader that has gone away is no reason to end.
    pub fn say(self, line: &str) {
        let mut output = io::stdout().lock();
        let erase = if self.has_status() && output.is_terminal() { ERASE } else { "" };
        let _ = output.write_all(format!("{erase}{line}\n").as_bytes()).and_then(|()| output.flush());
    }

    /// Says where to look next, to a person: only on a terminal.
    pub fn hint(self, line: &str) {
        if io::stdout().is_terminal() {
            self.say(line);
        }
    }

    /// The last word on stderr, which may be a file on a full disk: no reason to end otherwise than said.
    pub fn complain(self, sentence: &str) {
        let _ = self.log().write_all(format!("error: {sentence}\n").as_bytes());
        Self::settle();
    }

    /// Nothing more is said: what stderr did not take yet has a last chance.
    pub fn settle() {
        held::write_out(PATIENCE);
    }

    /// Nothing is drawn any more: what stands there goes, also when whoever drew it was killed.
    pub fn end_status(self) {
        if self.has_status() {
            let _ = io::stderr().write_all(ERASE.as_bytes());
        }
    }

    /// Where whole lines are written to stderr.
    pub fn log(self) -> LogWriter {
        LogWriter { erase: if self.has_status() { ERASE } else { "" } }
    }
}

/// stderr, for one line, which waits where stderr does not take it. The status line is erased in the same write, between which and the line no other process can come.
pub struct LogWriter {
    erase: &'static str,
}

impl Write for LogWriter {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        held::write([self.erase.as_bytes(), line].concat());
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
