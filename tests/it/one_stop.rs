//! One stop may come as several signals: INT and TERM at once, or TERM to a process and to its group.

use std::process::Command;

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
        let mut client = target.connect();
        client.send("GET /io?ms=500 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
        wait_for("a request in flight", || (target.total("in_flight") == 1).then_some(()));
        // Stopped, so that it finds all of them at once, however long it takes to send them.
        target.signal(Signal::STOP);
        for signal in [Signal::INT, Signal::TERM, Signal::QUIT] {
            target.signal(signal);
        }
        target.signal(Signal::CONT);
        assert_eq!(client.receive().unwrap().status, 200, "{mode:?}");
        let left = target.wait();
        assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(0), 1, 0), "{}", left.errors);
        check_left(&left, &Tally::default().and_answered(1), false);
    }
}

/// At rest the drain is over at once; the second signal then finds the observer with its last row.
#[test]
fn at_rest_too_the_last_row_is_written() {
    for mode in MODES {
        let target = Target::start(mode);
        assert_eq!(target.get("/health").status, 200);
        target.signal(Signal::TERM);
        target.signal(Signal::INT);
        let left = target.wait();
        assert_eq!(left.code, Some(0), "{mode:?}: {}", left.errors);
        check_left(&left, &Tally::default().and_answered(1), false);
    }
}

/// The command and the target are ended together, as systemd ends a control group.
#[test]
fn a_command_that_is_ended_first_is_part_of_the_stop() {
    let target = Target::start(&["--while", "echo $$ > pid; exec sleep 300"]);
    let path = target.directory.path().join("pid");
    let pid: u32 = wait_for("the command", || std::fs::read_to_string(&path).ok()?.trim().parse().ok());
    let mut client = target.connect();
    client.send("GET /io?ms=500 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    wait_for("a request in flight", || (target.total("in_flight") == 1).then_some(()));
    target.signal(Signal::STOP);
    send(pid, Signal::TERM);
    target.signal(Signal::TERM);
    target.signal(Signal::CONT);
    assert_eq!(client.receive().unwrap().status, 200);
    let left = target.wait();
    assert_eq!((left.code, left.done("lost")), (Some(128 + Signal::TERM.as_raw()), 0), "{}", left.errors);
}

/// `timeout` sends TERM to its child and to its own group, in which the child is.
#[test]
fn timeout_ends_it_in_order() {
    if !Command::new("timeout").args(["1", "true"]).status().is_ok_and(|status| status.success()) {
        println!("skipped: `timeout` is missing here");
        return;
    }
    // Its own code is 124 when it ended the program, unless that is asked for.
    let target = Target::start_in_shell("exec timeout --preserve-status 2", MODES[2]);
    assert_eq!(target.get("/health").status, 200);
    let left = target.wait();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    check_left(&left, &Tally::default().and_answered(1), false);
}
