//! Work before the first worker starts, done by a process of its own.

use std::io::{self, PipeReader, Read, Write};
use std::os::fd::AsFd;

use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use serde_json::Value;

use crate::supervisor::EarlyEnd;
use crate::sys::inherited::Inherited;
use crate::sys::process::{self, Child, Exit, Fork};
use crate::sys::signals::Signals;

/// How a child has ended.
#[derive(Debug)]
pub enum Ended {
    /// It did its work, and returned this.
    Well(Value),
    /// It failed, and returned why.
    Badly(Value),
    /// A signal ended the run; the child was killed.
    Interrupted(EarlyEnd),
}

/// How the preparation of something that a run needs has ended.
pub enum Prepared<T> {
    /// It is there.
    Ready(T),
    /// A signal ended the run meanwhile.
    Interrupted(EarlyEnd),
}

/// Has a forked child do `work`, and waits for its end.
///
/// # Errors
/// What the kernel says, or how the child died.
pub fn in_child(
    (signals, inherited): (&Signals, &Inherited),
    work: impl FnOnce() -> Result<Value, Value>,
) -> Result<Ended, String> {
    let refused = |tried: &str, error: &io::Error| format!("{tried}: {}", process::refusal(error));
    let (told, mut tell) = io::pipe().map_err(|error| refused("pipe", &error))?;
    match process::fork().map_err(|error| refused("fork", &error))? {
        Fork::Parent(child) => {
            drop(tell);
            wait_for(&child, told, signals, inherited)
        }
        Fork::Child { parent } => {
            drop(told);
            if !matches!(process::die_with_parent(parent), Ok(true)) {
                std::process::exit(1);
            }
            let done = work();
            let (Ok(said) | Err(said)) = &done;
            let is_said = tell.write_all(said.to_string().as_bytes()).is_ok();
            std::process::exit(if done.is_ok() && is_said { WELL } else { BADLY });
        }
    }
}

const WELL: i32 = 0;
const BADLY: i32 = 3;

/// Waits for the end of a child, which writes its result to `told`, or for a signal that ends the run.
fn wait_for(
    child: &Child,
    mut told: PipeReader,
    signals: &Signals,
    inherited: &Inherited,
) -> Result<Ended, String> {
    let mut said = Vec::new();
    loop {
        let mut polled = [
            PollFd::from_borrowed_fd(told.as_fd(), PollFlags::IN),
            PollFd::from_borrowed_fd(signals.as_fd(), PollFlags::IN),
        ];
        match poll(&mut polled, None) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(error) => return Err(format!("poll: {error}")),
        }
        let [has_told, has_signal] = polled.map(|polled| !polled.revents().is_empty());
        if has_signal && let Some(end) = EarlyEnd::among(signals, inherited) {
            child.kill();
            collect(child);
            return Ok(Ended::Interrupted(end));
        }
        if has_told {
            let mut piece = [0; 1024];
            match told.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => said.extend_from_slice(&piece[..length]),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    let said = serde_json::from_slice(&said).unwrap_or_default();
    match collect(child) {
        Exit::Status(WELL) => Ok(Ended::Well(said)),
        Exit::Status(BADLY) => Ok(Ended::Badly(said)),
        exit => Err(format!("its process ended by {exit}")),
    }
}

/// Waits for the exit of a child that has closed its pipe, which takes microseconds, and reaps it.
fn collect(child: &Child) -> Exit {
    loop {
        if let Some(exit) = child.ended() {
            child.reap();
            return exit;
        }
        std::thread::yield_now();
    }
}
