//! A report names what really held a run up: runs of each kind in which the finding comes, and of its opposite in which it
//! does not.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use rustix::process::{Pid, Signal, setpriority_process};
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use serde_json::Value;

use crate::support::target::{Left, Target, metrics, rows, send};
use crate::support::wait_for;

/// Whether the kernel says how long threads wait for a processor.
fn has_schedstat() -> bool {
    let has = Path::new("/proc/thread-self/schedstat").exists();
    if !has {
        eprintln!("skipped: this kernel keeps no /proc/thread-self/schedstat");
    }
    has
}

/// So many requests in one write: the target has the next one as soon as it is done with one, whatever the client does.
fn pipeline(target: &Target, path: &str, requests: usize) {
    let mut client = target.connect();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").repeat(requests)).unwrap();
    for _ in 0..requests {
        assert_eq!(client.receive().unwrap().status, 200);
    }
}

/// On a machine that is busy elsewhere, its CPU may have been used up before.
fn loop_is_saturated(page: &str) -> bool {
    ["saturated first, at ", "followed at "]
        .iter()
        .any(|how| page.contains(&format!("The worker's event loop {how}")))
}

const SLOW_TICK: [&str; 4] = ["--mode", "cluster", "--sample-interval", "300ms"];

/// A target with one worker, and a tick that is long against the steps of the kernel's clocks.
fn one_worker() -> Target {
    Target::start(&[&SLOW_TICK[..], &["--workers", "1"]].concat())
}

#[test]
fn a_loop_that_never_sleeps_is_saturated() {
    if !has_schedstat() {
        return;
    }
    let target = one_worker();
    pipeline(&target, "/cpu?ms=10", 300);
    let page = target.end().report();
    assert!(loop_is_saturated(&page), "{page}");
}

/// A target that may run on one processor only, its process, and that processor.
fn one_worker_on_one_processor() -> (Target, Option<Pid>, CpuSet) {
    let allowed = sched_getaffinity(None).unwrap();
    let processor = (0..CpuSet::MAX_CPU).find(|&number| allowed.is_set(number)).unwrap();
    let mut one = CpuSet::new();
    one.set(processor);
    let target = one_worker();
    let worker = Pid::from_raw(target.worker(0).pid.cast_signed());
    sched_setaffinity(worker, &one).unwrap();
    (target, worker, one)
}

/// Two programs on one processor, of which the target is one.
#[test]
fn a_loop_that_waits_for_a_processor_is_saturated_and_more_cpu_would_have_helped() {
    if !has_schedstat() {
        return;
    }
    let (target, _, one) = one_worker_on_one_processor();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            sched_setaffinity(None, &one).unwrap();
            while !ended.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        pipeline(&target, "/cpu?ms=10", 150);
        ended.store(true, Relaxed);
    });
    let page = target.end().report();
    assert!(loop_is_saturated(&page), "{page}");
    assert!(
        page.contains("It waited for a processor for ") && page.contains("more CPU would have helped."),
        "{page}"
    );
    // The kernel may say nothing of the machine's processors.
    let is_named = ["Others took ", "Other guests ", "The control group's quota ", "Who took it is not known."];
    assert!(is_named.iter().any(|taker| page.contains(taker)), "{page}");
}

#[test]
fn a_loop_that_sleeps_is_not_saturated() {
    let target = one_worker();
    let mut client = target.connect();
    let resources = target.run_directory().join("resources.csv");
    wait_for("ten rows", || {
        assert_eq!(client.get("/io?ms=300").unwrap().status, 200);
        (rows(&resources).len() >= 10).then_some(())
    });
    let page = target.end().report();
    assert!(!loop_is_saturated(&page), "{page}");
}

/// Waits until a row tells of a beat that came so late.
fn came_late(target: &Target, at_least_us: f64) {
    let resources = target.run_directory().join("resources.csv");
    wait_for("a late beat that came", || {
        let has_come = |row: &HashMap<String, String>| {
            !row["loop_lag_ran_us"].is_empty()
                && row["loop_lag_max_us"].parse::<f64>().is_ok_and(|lag_us| lag_us >= at_least_us)
        };
        rows(&resources).iter().any(has_come).then_some(())
    });
}

#[test]
fn a_stopped_worker_is_not_something_that_computed() {
    if !has_schedstat() {
        return;
    }
    let target = one_worker();
    wait_for("a beat", || target.stats()["workers"][0]["beat_age_ms"].as_u64());
    let worker = target.worker(0);
    send(worker.pid, Signal::STOP);
    wait_for("a beat that is overdue", || {
        (target.stats()["workers"][0]["beat_age_ms"].as_u64().unwrap() > 2_000).then_some(())
    });
    send(worker.pid, Signal::CONT);
    came_late(&target, 1_500_000.0);
    let page = target.end().report();
    assert!(page.contains("A worker stood still for up to "), "{page}");
    assert!(
        !page.contains("something computed on it") && !page.contains("computed or blocked on the loop"),
        "{page}"
    );
}

#[test]
fn what_computes_or_blocks_on_the_loop_is_no_stopped_worker() {
    if !has_schedstat() {
        return;
    }
    // What is blocked for longer than any machine lets a thread wait.
    let target = one_worker();
    assert_eq!(target.get("/io?mode=blocking&ms=3000").status, 200);
    came_late(&target, 1_500_000.0);
    let page = target.end().report();
    assert!(page.contains("a request with mode=blocking held it"), "{page}");
    assert!(!page.contains("A worker stood still"), "{page}");
    let target = one_worker();
    assert_eq!(target.get("/cpu?ms=1000").status, 200);
    came_late(&target, 500_000.0);
    let page = target.end().report();
    // On a machine that is busy elsewhere it may have waited for longer than it computed.
    assert!(page.contains("something computed on it") || page.contains("A worker was starved of CPU"), "{page}");
    assert!(!page.contains("A worker stood still"), "{page}");
}

/// A worker of the lowest priority that shares a processor with a program that never sleeps.
#[test]
fn a_starved_worker_wants_cpu_and_has_none() {
    if !has_schedstat() {
        return;
    }
    let (target, worker, one) = one_worker_on_one_processor();
    setpriority_process(worker, 19).unwrap();
    let ended = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            sched_setaffinity(None, &one).unwrap();
            while !ended.load(Relaxed) {
                std::hint::spin_loop();
            }
        });
        pipeline(&target, "/cpu?ms=10", 4);
        came_late(&target, 100_000.0);
        ended.store(true, Relaxed);
    });
    let page = target.end().report();
    assert!(page.contains("A worker was starved of CPU"), "{page}");
    assert!(!page.contains("A worker stood still") && !page.contains("something computed on it"), "{page}");
}

/// What a counter of the kernel gained in a run, by `run.json`. It is of the whole network namespace: other tests count too.
fn kernel_counted(left: &Left, counter: &str) -> u64 {
    let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
    let [before, after] = ["tcp_before", "tcp_after"].map(|when| record[when][counter].as_u64());
    after.unwrap() - before.unwrap_or_else(|| panic!("{record}"))
}

/// How long connections were open so far, by `/metrics`.
fn connection_seconds(target: &Target) -> f64 {
    let name = "quintain_connection_seconds_total ";
    metrics(target, name).trim().strip_prefix(name).expect("no such metric").parse().unwrap()
}

const CONNECTION_EACH: &str = "a client opened one for each request. This is how clients run out of ports.";

#[test]
fn a_connection_for_each_request_is_named() {
    let target = one_worker();
    for _ in 0..1_000 {
        assert_eq!(target.get("/health").status, 200);
    }
    wait_for("a tick that has counted the connections", || (connection_seconds(&target) > 0.0).then_some(()));
    let left = target.end();
    let page = left.report();
    assert!(page.contains(CONNECTION_EACH), "{page}");
    if Path::new("/proc/self/net/snmp").exists() {
        assert!(kernel_counted(&left, "passive_opens") >= 1_000);
        let of_all = "connections of all programs in this network namespace during the run, by the kernel: opened ";
        assert!(page.contains(of_all) && !page.contains("taken by listeners unknown"), "{page}");
    }
    let last = &left.csv("resources.csv").pop().unwrap();
    assert!(last["conn_seconds_total"].parse::<f64>().unwrap() > 0.0, "{last:?}");
}

#[test]
fn connections_that_are_used_again_are_not_named() {
    let target = one_worker();
    pipeline(&target, "/health", 1_000);
    let page = target.end().report();
    assert!(!page.contains(CONNECTION_EACH), "{page}");
}
