//! A mixed run says of each route whether it computes, waits or queues, and behind whom: measured, in `/stats` and in the
//! report.

use serde_json::Value;

use crate::support::load::{Load, Style};
use crate::support::target::Target;
use crate::support::wait_for;

const ONE_WORKER: [&str; 4] = ["--mode", "cluster", "--workers", "1"];

/// So many clients of a route, each on a connection of its own.
fn clients(target: &Target, path: &str, number: usize) -> Load {
    Load::with(target.address(), path, &vec![Style::KeepAlive; number])
}

/// What `/stats` says of a route's work.
fn work(target: &Target, path: &str) -> Value {
    let stats = target.stats();
    let route = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == path);
    route.unwrap_or_else(|| panic!("{path} in {stats}"))["work"].clone()
}

fn seconds(work: &Value, what: &str) -> f64 {
    work[what].as_f64().unwrap_or_else(|| panic!("{what} in {work}"))
}

#[test]
fn who_made_whom_wait_is_named() {
    let target = Target::start(&ONE_WORKER);
    let (computes, sleeps) = (clients(&target, "/cpu?ms=10", 5), clients(&target, "/io?ms=10", 5));
    // On a machine that is busy elsewhere each takes its time.
    (0..6).for_each(|_| sleeps.answers(10));
    (0..6).for_each(|_| computes.answers(10));
    let (of_cpu, of_io) = (computes.stop(), sleeps.stop());
    assert_eq!((of_cpu.failed, of_io.failed), (0, 0));
    let all = of_cpu.answered + of_io.answered;
    wait_for("all of them counted", || (target.total("finished") == all).then_some(()));
    let (cpu, io) = (work(&target, "/cpu"), work(&target, "/io"));
    assert_eq!((&cpu["requests"], &io["requests"]), (&of_cpu.answered.into(), &of_io.answered.into()));
    #[allow(clippy::cast_precision_loss)]
    let at_least_s = |requests: u64| requests as f64 * 0.01;
    assert!(seconds(&cpu, "cpu_seconds") >= at_least_s(of_cpu.answered), "{cpu}");
    assert!(seconds(&cpu, "loop_held_seconds") >= at_least_s(of_cpu.answered), "{cpu}");
    assert!(seconds(&io, "io_seconds") >= at_least_s(of_io.answered), "{io}");
    assert_eq!((seconds(&io, "cpu_seconds"), seconds(&io, "loop_held_seconds")), (0.0, 0.0), "{io}");
    assert_eq!(io["waited_behind"].as_array().unwrap().len(), 1, "nobody else held the loop: {io}");
    assert_eq!(io["waited_behind"][0]["route"], "/cpu");
    let page = target.end().report();
    assert!(page.contains("GET /io queues: of "), "{page}");
    let behind = " behind GET /cpu, which held the event loop for ";
    let sentence = page.lines().find(|line| line.contains("GET /io queues: of ")).unwrap();
    assert!(sentence.contains(behind), "{sentence}");
    assert!(page.contains(" behind others of its own, which held the event loop for "), "{page}");
}

#[test]
fn alone_a_sleep_waits_for_nobody() {
    let target = Target::start(&ONE_WORKER);
    let sleeps = clients(&target, "/io?ms=100", 10);
    sleeps.answers(150);
    let of_io = sleeps.stop();
    wait_for("all of them counted", || (target.total("finished") == of_io.answered).then_some(()));
    let io = work(&target, "/io");
    assert_eq!((&io["waited_behind"], seconds(&io, "loop_held_seconds")), (&serde_json::json!([]), 0.0), "{io}");
    let page = target.end().report();
    assert!(page.contains("GET /io waits: of ") && !page.contains(" behind "), "{page}");
}
