//! TERM drains, a second one ends at once, and the time that a drain may take is limited.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::account::{Watch, check_left, settle};
use crate::support::client::Client;
use crate::support::load::{Load, Tally};
use crate::support::target::{Left, MODES, Target};
use crate::support::wait_for;

#[test]
fn everything_in_flight_is_answered() {
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::start(target.address(), "/io?ms=20", 4);
        let watch = Watch::start(&target, 9);
        load.answers(50);
        watch.reads(11);
        watch.stop();
        let mut long = target.begin_upload();
        target.signal(Signal::TERM);
        target.listens_no_more();
        let response = long.end_upload().unwrap();
        assert_eq!((response.status, response.closes()), (200, true), "{mode:?}");
        assert_eq!(long.read_to_end().unwrap(), b"", "{mode:?}");
        let left = target.wait();
        // Who came after the listeners were left alone was never taken.
        let clients = load.stop().and_answered(1);
        assert_eq!(left.code, Some(0), "{mode:?} {}", left.errors);
        assert_eq!(
            (left.done("requests"), left.done("errors"), left.done("lost")),
            (clients.answered, 0, 0),
            "{mode:?}"
        );
        assert_eq!(clients.not_ok, 0, "{mode:?}");
        check_left(&left, &clients, true);
    }
}

/// Whatever the workers are doing: a loop that is blocked can't be asked.
#[test]
fn a_second_signal_ends_at_once_and_counts_what_is_lost() {
    for mode in MODES {
        for work in ["/cpu?ms=20000", "/io?ms=20000&mode=blocking", "/io?ms=20000"] {
            let limits = ["--max-cpu", "60s", "--max-delay", "60s"];
            let target = Target::start(&[mode, &limits[..]].concat());
            let mut client = ask(&target, work);
            in_flight(&target, 1);
            let asked = Instant::now();
            target.terminate_twice();
            let left = target.wait();
            assert!(asked.elapsed() < Duration::from_secs(10), "{mode:?} {work}: {:?}", asked.elapsed());
            assert!(client.receive().is_err(), "{mode:?} {work}");
            abandoned(&left);
        }
    }
}

#[test]
fn a_drain_that_takes_too_long_is_a_failure() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--shutdown-timeout", "300ms"]].concat());
        let mut client = ask(&target, "/io?ms=60000");
        in_flight(&target, 1);
        let left = target.end();
        assert!(client.receive().is_err(), "{mode:?}");
        abandoned(&left);
    }
}

#[test]
fn idle_connections_have_two_seconds() {
    let targets = MODES.map(Target::start);
    let idle: Vec<Client> = targets.iter().map(connected).collect();
    let asked = Instant::now();
    for target in &targets {
        target.signal(Signal::TERM);
    }
    for (mut client, mode) in idle.into_iter().zip(MODES) {
        assert_eq!(client.read_to_end().unwrap(), b"", "{mode:?}");
        assert!(asked.elapsed() >= Duration::from_millis(1_900), "{mode:?}: {:?}", asked.elapsed());
        assert!(asked.elapsed() < Duration::from_secs(10), "{mode:?}: {:?}", asked.elapsed());
    }
    for target in targets {
        let left = target.wait();
        assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(0), 1, 0), "{}", left.errors);
    }
}

#[test]
fn an_idle_connection_may_ask_once_more() {
    let targets = MODES.map(Target::start);
    let idle: Vec<Client> = targets.iter().map(connected).collect();
    for (target, mut client) in targets.into_iter().zip(idle) {
        target.signal(Signal::TERM);
        target.drains();
        let response = client.get("/health").unwrap();
        assert_eq!(response.status, 200);
        // The worker may have heard of the drain after it answered.
        if !response.closes() {
            wait_for("the last answer", || client.get("/health").unwrap().closes().then_some(()));
        }
        assert_eq!(client.read_to_end().unwrap(), b"");
        assert_eq!(target.wait().code, Some(0));
    }
}

#[test]
fn a_drain_delay_takes_connections_and_says_that_it_is_not_ready() {
    let targets = MODES.map(|mode| Target::start(&[mode, &["--drain-delay", "3s"]].concat()));
    let asked = Instant::now();
    for target in &targets {
        assert_eq!(target.get("/readyz").status, 200);
        target.signal(Signal::TERM);
    }
    let mut answered = Vec::new();
    for target in &targets {
        let mut count = 1;
        wait_for("not ready", || {
            count += 1;
            (target.get("/readyz").status == 503).then_some(())
        });
        for _ in 0..8 {
            let response = target.get("/health");
            assert_eq!((response.status, response.closes()), (200, false));
        }
        answered.push(count + 8);
    }
    for (target, answered) in targets.into_iter().zip(answered) {
        let left = target.wait();
        assert!(asked.elapsed() >= Duration::from_secs(3), "{:?}", asked.elapsed());
        assert_eq!((left.code, left.done("requests")), (Some(0), answered), "{}", left.errors);
        check_left(&left, &Tally::default().and_answered(answered), false);
    }
}

#[test]
fn a_duration_ends_by_itself() {
    for mode in MODES {
        let begun = Instant::now();
        let target = Target::start(&[mode, &["--duration", "1s"]].concat());
        assert_eq!(target.get("/health").status, 200);
        let left = target.wait();
        assert!(begun.elapsed() >= Duration::from_secs(1), "{mode:?}");
        assert_eq!((left.code, left.done("requests")), (Some(0), 1), "{mode:?} {}", left.errors);
        check_left(&left, &Tally::default().and_answered(1), false);
    }
}

/// INT and QUIT are TERM for whoever sits at a terminal.
#[test]
fn the_terminals_signals_drain_too() {
    for signal in [Signal::INT, Signal::QUIT] {
        let target = Target::start(MODES[2]);
        let mut client = target.begin_upload();
        // As a terminal does it: to everybody.
        for pid in crate::support::target::children(target.pid()) {
            crate::support::target::send(pid, signal);
        }
        target.signal(signal);
        target.listens_no_more();
        assert_eq!(client.end_upload().unwrap().status, 200, "{signal:?}");
        assert_eq!(target.wait().code, Some(0), "{signal:?}");
    }
}

#[test]
fn at_rest_it_ends_at_once() {
    for mode in MODES {
        let target = Target::start(mode);
        assert_eq!(target.get("/health").status, 200);
        settle(target, &Tally::default().and_answered(1), false);
    }
}

/// A request on a connection of its own, on the way.
fn ask(target: &Target, path: &str) -> Client {
    let mut client = target.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
    client
}

/// A connection that has been used and is idle.
fn connected(target: &Target) -> Client {
    let mut client = target.connect();
    assert_eq!(client.get("/health").unwrap().status, 200);
    client
}

fn in_flight(target: &Target, count: u64) {
    wait_for("requests in flight", || (target.total("in_flight") == count).then_some(()));
}

/// The one request there was is lost, and that is not a success.
fn abandoned(left: &Left) {
    assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(1), 0, 1), "{}", left.errors);
    check_left(left, &Tally { sent: 1, failed: 1, ..Tally::default() }, true);
}
