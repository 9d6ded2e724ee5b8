//! A report names what really held a run up: runs of each kind in which the finding comes, and of its opposite in which it
//! does not.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;

use rustix::process::Pid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};

use crate::support::target::{Left, Target, command, outcome, rows};
use crate::support::wait_for;

/// The report of a run, in Markdown.
fn report(left: &Left) -> String {
    let run = left.directory.path().join("run");
    let arguments = ["report", &run.to_string_lossy(), "--format", "md", "--output", "-"];
    let (code, page, said) = outcome(&mut command(&arguments, left.directory.path()));
    assert_eq!(code, Some(0), "{said}");
    page
}

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
    let page = report(&target.end());
    assert!(loop_is_saturated(&page), "{page}");
}

/// Two programs on one processor, of which the target is one.
#[test]
fn a_loop_that_waits_for_a_processor_is_saturated_and_more_cpu_would_have_helped() {
    if !has_schedstat() {
        return;
    }
    let allowed = sched_getaffinity(None).unwrap();
    let processor = (0..CpuSet::MAX_CPU).find(|&number| allowed.is_set(number)).unwrap();
    let mut one = CpuSet::new();
    one.set(processor);
    let target = one_worker();
    let worker = Pid::from_raw(target.worker(0).pid.cast_signed());
    sched_setaffinity(worker, &one).unwrap();
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
    let page = report(&target.end());
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
    let page = report(&target.end());
    assert!(!loop_is_saturated(&page), "{page}");
}
