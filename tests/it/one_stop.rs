//! One stop may come as several signals: INT and TERM at once, or TERM to a process and to its group.

use std::process::Command;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::account::check_left;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, send};
use crate::support::wait_for;

/// What is in flight is answered, and nothing is lost.
#[test]
fn int_and_term_at_once_drain() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut client = target.begin_upload();
        // Stopped, so that it finds all of them at once, however long it takes to send them.
        target.signal(Signal::STOP);
        for signal in [Signal::INT, Signal::TERM, Signal::QUIT] {
            target.signal(signal);
        }
        target.signal(Signal::CONT);
        target.listens_no_more();
        assert_eq!(client.end_upload().unwrap().status, 200, "{mode:?}");
        let left = target.wait();
        assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(0), 1, 0), "{}", left.errors);
        check_left(&left, &Tally::default().and_answered(1), false);
    }
}

/// At rest the drain is over at once, and the last row is written all the same.
#[test]
fn at_rest_too() {
    for mode in MODES {
        let target = Target::start(mode);
        assert_eq!(target.get("/health").status, 200);
        target.signal(Signal::STOP);
        target.signal(Signal::TERM);
        target.signal(Signal::INT);
        target.signal(Signal::CONT);
        let left = target.wait();
        assert_eq!(left.code, Some(0), "{mode:?}: {}", left.errors);
        check_left(&left, &Tally::default().and_answered(1), false);
    }
}

/// systemd ends a whole control group: the command may be ended first, and begin the drain.
#[test]
fn a_command_that_is_ended_first_is_part_of_the_stop() {
    for _ in 0..20 {
        let target = Target::start(&["--while", "echo $$ > pid; exec sleep 300"]);
        let path = target.directory.path().join("pid");
        let pid: u32 = wait_for("the command", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
        let mut client = target.begin_upload();
        let ended = Instant::now();
        send(pid, Signal::TERM);
        target.drains();
        target.signal(Signal::TERM);
        if ended.elapsed() > Duration::from_millis(100) {
            // The machine was busy: this may have been a second stop.
            continue;
        }
        assert_eq!(client.end_upload().unwrap().status, 200);
        let left = target.wait();
        assert_eq!((left.code, left.done("lost")), (Some(128 + Signal::TERM.as_raw()), 0), "{}", left.errors);
        return;
    }
    println!("skipped: this machine is too busy to send two signals within 100 ms");
}

/// When it is told to end, `timeout` tells its child, and its own group, in which the child is.
#[test]
fn timeout_ends_it_in_order() {
    if !Command::new("timeout").args(["1", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: `timeout` is missing here");
        return;
    }
    let target = Target::start_in_shell("exec timeout --preserve-status 600", MODES[2]);
    assert_eq!(target.get("/health").status, 200);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    check_left(&left, &Tally::default().and_answered(1), false);
}
