//! Lines for stderr that it does not take at the moment: kept, so that nobody who has something to say waits for it.
//!
//! A terminal that is stopped (Ctrl-S) or a pipe that nobody reads would otherwise hold up whoever logs: a supervisor that
//! should respawn, a worker that should serve. What is kept is written before the next line, once there is room again.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use crate::sys::{lock, terminal};

/// So many lines are kept, the newest.
const KEPT: usize = 1_000;

static HELD: Mutex<Held> = Mutex::new(Held { owner: 0, lines: VecDeque::new(), left_out: 0 });

struct Held {
    /// The process whose lines these are: a child must not tell its parent's again.
    owner: u32,
    lines: VecDeque<Vec<u8>>,
    /// Lines for which there was no room.
    left_out: u64,
}

/// Writes a line as soon as stderr takes it, behind those that wait already.
pub fn write(line: Vec<u8>) {
    let mut held = held();
    held.push(line);
    held.write(|| terminal::takes_bytes(Duration::ZERO), &mut io::stderr());
}

/// Writes what waits, at the end of a process that is to wait for it no longer than this.
pub fn write_out(patience: Duration) {
    held().write(|| terminal::takes_bytes(patience), &mut io::stderr());
}

fn held() -> MutexGuard<'static, Held> {
    let mut held = lock(&HELD);
    let process = std::process::id();
    if held.owner != process {
        *held = Held { owner: process, lines: VecDeque::new(), left_out: 0 };
    }
    held
}

impl Held {
    fn push(&mut self, line: Vec<u8>) {
        if self.lines.len() == KEPT {
            self.lines.pop_front();
            self.left_out += 1;
        }
        self.lines.push_back(line);
    }

    /// Writes as much as is taken at the moment. What can't be written, to a file on a full disk, is left out.
    fn write(&mut self, is_ready: impl Fn() -> bool, output: &mut impl Write) {
        if self.left_out > 0 && is_ready() {
            let left_out = std::mem::take(&mut self.left_out);
            let _ = output.write_all(format!("{left_out} lines are left out: nobody took them\n").as_bytes());
        }
        while !self.lines.is_empty() && is_ready() {
            let line = self.lines.pop_front().unwrap_or_default();
            let _ = output.write_all(&line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_wait_in_their_order_and_the_oldest_are_left_out() {
        let mut held = Held { owner: 0, lines: VecDeque::new(), left_out: 0 };
        let mut output = Vec::new();
        for number in 0..KEPT + 2 {
            held.push(format!("{number}\n").into_bytes());
            held.write(|| false, &mut output);
        }
        assert!(output.is_empty());
        held.write(|| true, &mut output);
        let text = String::from_utf8(output).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[..2], ["2 lines are left out: nobody took them", "2"]);
        assert_eq!((lines.len(), *lines.last().unwrap()), (KEPT + 1, "1001"));
    }
}
