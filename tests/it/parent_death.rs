//! When the supervisor dies, everything of the target dies with it.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::account::joined;
use crate::support::load::Load;
use crate::support::target::{Target, children, is_alive, is_stopped, rows, send};
use crate::support::{wait_at_most, wait_for};

#[test]
fn a_killed_supervisor_leaves_no_process_behind() {
    let mut target = Target::start(&["--mode", "cluster", "--workers", "3"]);
    let mut busy = target.connect();
    busy.send("GET /io?ms=20000&mode=blocking HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    wait_for("a blocked worker", || (target.stats()["totals"]["in_flight"] == 1).then_some(()));
    let stopped = target.workers().into_iter().find(|worker| worker.in_flight == 0).unwrap().pid;
    send(stopped, Signal::STOP);
    wait_for("the stop", || is_stopped(stopped).then_some(()));
    let family = children(target.pid());
    assert_eq!(family.len(), 4, "three workers and the observer: {family:?}");
    assert!(family.iter().all(|&pid| is_alive(pid)));
    target.kill();
    let have_ended = || family.iter().all(|&pid| !is_alive(pid)).then_some(());
    wait_at_most(Duration::from_secs(2), "the end of them all", have_ended);
    assert!(busy.receive().is_err());
    // Its files end in whole rows.
    let resources = target.run_directory().join("resources.csv");
    assert!(std::fs::read_to_string(&resources).unwrap().ends_with('\n'));
    joined(&rows(&resources));
}

#[test]
fn the_port_is_free_again_at_once() {
    let mut target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let address = target.address().to_owned();
    let load = Load::start(&address, "/io?ms=5", 2);
    load.answers(20);
    let family = children(target.pid());
    target.kill();
    load.stop();
    wait_for("the end of them all", || family.iter().all(|&pid| !is_alive(pid)).then_some(()));
    let next = Target::start(&["--mode", "cluster", "--workers", "2", "--listen", &address]);
    assert_eq!(next.get("/health").status, 200);
    assert_eq!(next.end().code, Some(0));
}
