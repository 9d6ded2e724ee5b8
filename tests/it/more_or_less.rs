//! TTIN adds a worker and TTOU takes one out, in cluster, without a client noticing.

use rustix::process::Signal;

use crate::support::account::{Watch, settle};
use crate::support::load::{Load, Tally};
use crate::support::target::{MODES, Target, at_rest, send};
use crate::support::wait_for;

const CLUSTER: [&str; 6] = ["--mode", "cluster", "--workers", "2", "--max-workers", "3"];

/// Connections enough for the kernel to give each listener some.
const MANY: usize = 32;

#[test]
fn workers_come_and_go_under_load() {
    let target = Target::start(&CLUSTER);
    let load = Load::start(target.address(), "/io?ms=5", 3);
    let watch = Watch::start(&target, 6);
    let answers = || load.answers(60);
    answers();
    target.signal(Signal::TTIN);
    wait_for("a third worker", || (states(&target) == ["live", "live", "live"]).then_some(()));
    answers();
    target.signal(Signal::TTIN);
    said(&target, "TTIN refused");
    assert_eq!(states(&target).len(), 3);
    for expected in [["live", "live", "retired"], ["live", "retired", "retired"]] {
        target.signal(Signal::TTOU);
        wait_for("a retired slot", || (states(&target) == expected).then_some(()));
        answers();
    }
    target.signal(Signal::TTOU);
    said(&target, "TTOU refused");
    answers();
    assert_eq!(states(&target), ["live", "retired", "retired"]);
    target.signal(Signal::HUP);
    wait_for("a successor of the last", || Some(target.worker(0)).filter(|worker| worker.generation == 2));
    answers();
    for expected in [["live", "live", "retired"], ["live", "live", "live"]] {
        target.signal(Signal::TTIN);
        wait_for("a slot that is back", || (states(&target) == expected).then_some(()));
        answers();
    }
    let generations: Vec<u64> = target.workers().iter().map(|worker| worker.generation).collect();
    assert_eq!(generations, [2, 2, 2]);
    let clients = load.stop();
    watch.stop();
    assert_eq!((clients.failed, clients.refused, clients.not_ok), (0, 0, 0));
    let left = settle(target, &clients, false);
    let events = left.csv("events.csv");
    let of_kind = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
    assert_eq!((of_kind("worker-added"), of_kind("worker-retired")), (3, 2), "{events:?}");
}

/// The socket of a slot that was taken out still gets its share of the connections.
#[test]
fn a_retired_slots_socket_is_served_whatever_happens() {
    let target = Target::start(&CLUSTER);
    let mut answered = 0;
    let mut all_served = |what: &str| {
        let mut clients: Vec<_> = (0..MANY).map(|_| target.connect()).collect();
        let responses = clients.iter_mut().map(|client| client.get("/health").map(|response| response.status));
        assert!(responses.into_iter().all(|status| status.ok() == Some(200)), "{what}");
        answered += MANY as u64;
    };
    target.signal(Signal::TTOU);
    target.shows(1, "retired");
    all_served("lent to the one that is left");
    // What it has answered and not counted would be lost with it.
    at_rest(&target);
    let lender = target.worker(0);
    send(lender.pid, Signal::KILL);
    wait_for("its successor", || Some(target.worker(0)).filter(|worker| worker.generation == 2));
    target.shows(0, "live");
    all_served("lent to the successor of one that died with nobody beside it");
    target.signal(Signal::TTIN);
    target.shows(1, "live");
    all_served("given back");
    for (what, signals) in [
        ("taken out while it was being replaced", [Signal::HUP, Signal::TTOU]),
        ("taken out while it was starting", [Signal::TTIN, Signal::TTOU]),
    ] {
        for signal in signals {
            target.signal(signal);
        }
        wait_for("rest", || (states(&target) == ["live", "retired"]).then_some(()));
        all_served(what);
    }
    let left = settle(target, &Tally::default().and_answered(answered), true);
    assert_eq!(left.done("requests"), answered);
}

#[test]
fn a_single_worker_and_threads_stay_as_they_are() {
    for mode in &MODES[..2] {
        let target = Target::start(mode);
        let before = target.workers();
        for (signal, name) in [(Signal::TTIN, "TTIN"), (Signal::TTOU, "TTOU")] {
            target.signal(signal);
            said(&target, &format!("{name} is only obeyed in mode cluster"));
        }
        assert_eq!(target.workers(), before, "{mode:?}");
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        settle(target, &Tally::default().and_answered(1), false);
    }
}

fn states(target: &Target) -> Vec<String> {
    target.workers().into_iter().map(|worker| worker.state).collect()
}

/// Waits until the log has this sentence.
fn said(target: &Target, sentence: &str) {
    let log = target.directory.path().join("stderr");
    wait_for(sentence, || std::fs::read_to_string(&log).unwrap().contains(sentence).then_some(()));
}
