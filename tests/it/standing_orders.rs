//! What `POST /ready` says holds on every worker when it is answered, and for every worker to come.

use rustix::process::Signal;

use crate::support::client::Response;
use crate::support::target::{MODES, Target, is_stopped, send};
use crate::support::wait_for;

/// New connections enough for the kernel to ask each worker.
const MANY: usize = 24;

#[test]
fn every_worker_follows_when_the_order_is_answered() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut kept: Vec<_> = (0..MANY).map(|_| target.connect()).collect();
        for round in 1..=3 {
            for (ready, status) in [(false, 503), (true, 200)] {
                let applied = order(&target, ready);
                assert_eq!(applied.status, 200, "{mode:?} {}", applied.text());
                assert_eq!(applied.json()["ready"], ready, "{mode:?}");
                assert_eq!(applied.json()["epoch"], 2 * round - i32::from(!ready), "{mode:?}");
                everywhere(&target, status);
                for client in &mut kept {
                    assert_eq!(client.get("/readyz").unwrap().status, status, "{mode:?}");
                    assert_eq!(client.get("/health").unwrap().status, 200, "{mode:?}");
                }
            }
        }
        drop(kept);
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn successors_follow_from_their_first_request_on() {
    for mode in MODES {
        let target = Target::start(mode);
        assert_eq!(order(&target, false).status, 200);
        target.signal(Signal::HUP);
        target.reaches(2);
        everywhere(&target, 503);
        assert_eq!(order(&target, true).status, 200);
        everywhere(&target, 200);
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
    let target = Target::start(MODES[2]);
    assert_eq!(order(&target, false).status, 200);
    for worker in target.workers() {
        send(worker.pid, Signal::KILL);
    }
    target.reaches(2);
    everywhere(&target, 503);
    assert_eq!(order(&target, true).status, 200);
    everywhere(&target, 200);
    assert_eq!(target.end().code, Some(0));
}

/// The orders are the scoreboard's, not the observer's.
#[test]
fn they_outlive_the_observer() {
    let target = Target::start(MODES[2]);
    assert_eq!(order(&target, false).json()["epoch"], 1);
    let observer = target.observer();
    send(observer, Signal::KILL);
    wait_for("its end", || (!crate::support::target::is_alive(observer)).then_some(()));
    everywhere(&target, 503);
    let applied = order(&target, true);
    assert_eq!((applied.status, &applied.json()["epoch"]), (200, &2.into()));
    everywhere(&target, 200);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn whoever_does_not_follow_is_named() {
    let target = Target::start(MODES[2]);
    target.signal(Signal::HUP);
    target.reaches(2);
    let lame = target.worker(1).pid;
    send(lame, Signal::STOP);
    wait_for("the stop", || is_stopped(lame).then_some(()));
    let answer = order(&target, false);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 504, "{error}");
    assert!(error.contains("worker 1.2 ") && !error.contains("0.2"), "{error}");
    // The order is in force all the same.
    send(lame, Signal::CONT);
    wait_for("the other one to follow", || {
        let statuses = (0..MANY).map(|_| target.get("/readyz").status);
        statuses.into_iter().all(|status| status == 503).then_some(())
    });
    assert_eq!(order(&target, true).status, 200);
    everywhere(&target, 200);
    assert_eq!(target.end().code, Some(0));
}

fn order(target: &Target, ready: bool) -> Response {
    target.admin_post("/ready", &format!("{{\"ready\": {ready}}}"))
}

/// `/readyz` on many new connections.
fn everywhere(target: &Target, status: u16) {
    for _ in 0..MANY {
        assert_eq!(target.get("/readyz").status, status);
    }
}
