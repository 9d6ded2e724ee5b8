//! stderr as a terminal that others write to as well.

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::time::Duration;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::termios::{tcgetpgrp, tcgetwinsize};

use super::process;

/// To the start of the line, and away with what stands there.
pub const ERASE: &str = "\r\x1b[K";

/// Whether stderr is one.
#[must_use]
pub fn is_terminal() -> bool {
    io::stderr().is_terminal()
}

/// Its width in characters, if it says.
#[must_use]
pub fn width() -> Option<usize> {
    let size = tcgetwinsize(io::stderr().as_fd()).ok()?;
    Some(usize::from(size.ws_col)).filter(|width| *width > 0)
}

/// Writes a few bytes, in one piece as seen by other writers, if it takes any at the moment. One that is stopped, gone, or
/// belongs to another job is left alone.
///
/// It may wait all the same: where the terminal has room for some of the bytes, `write(2)` waits until it has room for all,
/// and to write without waiting is a property that would be everybody's who shares it.
pub fn write_if_ready(bytes: &[u8]) {
    let stderr = io::stderr();
    let descriptor = stderr.as_fd();
    // One that is not ours to control says nothing of jobs.
    let is_ours = tcgetpgrp(descriptor)
        .map_or(true, |job| job.as_raw_nonzero().get().unsigned_abs() == process::group_leader());
    if is_ours && takes_bytes(Duration::ZERO) {
        // What it did not take is drawn anew soon enough. Not through `Stderr`, whose lock a waiting write would hold.
        let _ = rustix::io::write(descriptor, bytes);
    }
}

/// Whether stderr, whatever it is, takes a few bytes or refuses them, at the moment or so soon.
#[must_use]
pub fn takes_bytes(patience: Duration) -> bool {
    let stderr = io::stderr();
    let mut polled = [PollFd::new(&stderr, PollFlags::OUT)];
    poll(&mut polled, Timespec::try_from(patience).ok().as_ref()) == Ok(1)
}
