//! A kernel that refuses memory: to start it is an error with a sentence, later it costs the one who asked.

use std::fs;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::support::client::Client;
use crate::support::target::{Target, is_alive, outcome, rows};
use crate::support::wait_for;

/// No more than this beyond what it has.
fn at_most_for(pid: u32, spare: u64) {
    let pages = fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = pages.split(' ').next().unwrap().parse().unwrap();
    let current = Some(pages * rustix::param::page_size() as u64 + spare);
    let process = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    prlimit(Some(process), Resource::As, Rlimit { current, maximum: None }).unwrap();
}

/// A head that is nearly as long as one may be, and its target has to hold.
fn heavy(address: &str) -> Option<Client> {
    let mut client = Client::connect(address).ok()?;
    client.send(format!("GET /health HTTP/1.1\r\nHost: localhost\r\nX: {}", "x".repeat(30_000))).ok()?;
    Some(client)
}

#[test]
fn at_the_start_it_is_a_sentence() {
    let program = env!("CARGO_BIN_EXE_quintain");
    let line = format!("ulimit -v 200000; exec {program} --mode cluster --listen 127.0.0.1:0 --admin off --no-csv");
    let (code, output, errors) = outcome(Command::new("sh").args(["-c", &line]));
    assert_eq!((code, output.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.contains("no memory for --max-workers 64"), "{errors}");
    assert!(!errors.contains("panicked"), "{errors}");
}

/// One worker maps room for one, whatever `--max-workers` says.
#[test]
fn where_the_number_of_workers_is_fixed_there_is_room_for_them_alone() {
    let program = env!("CARGO_BIN_EXE_quintain");
    for mode in ["single", "threads --workers 2"] {
        let fixed = "--listen 127.0.0.1:0 --admin off --no-csv --max-workers 256 --while true";
        let line = format!("ulimit -v 1000000; exec {program} --mode {mode} {fixed}");
        let (code, output, errors) = outcome(Command::new("sh").args(["-c", &line]));
        assert_eq!((code, output.lines().count()), (Some(0), 2), "{mode}: {errors}");
    }
}

#[test]
fn a_worker_that_gets_none_is_replaced_and_the_others_serve_on() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let (first, second, observer) = (target.worker(0), target.worker(1), target.observer());
    at_most_for(first.pid, 0);
    let mut heads = Vec::new();
    wait_for("a successor", || {
        heads.extend(heavy(target.address()));
        let worker = target.worker(0);
        (worker.generation == 2 && worker.state == "live").then_some(())
    });
    drop(heads);
    for _ in 0..20 {
        assert_eq!(target.get("/health").status, 200);
    }
    assert!(is_alive(observer));
    assert_eq!(target.worker(1).pid, second.pid, "only the one who asked");
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    let events = left.csv("events.csv");
    let ended = events.iter().find(|event| event["kind"] == "worker-ended").unwrap();
    assert!(ended["slot"] == "0" && ended["detail"].starts_with("signal 6"), "{ended:?}");
    for column in ["requests_total", "lost_total"] {
        let told: Vec<u64> = left.csv("resources.csv").iter().map(|row| row[column].parse().unwrap()).collect();
        assert!(told.is_sorted(), "{column}: {told:?}");
    }
}

#[test]
fn an_observer_that_gets_none_is_replaced_and_nobody_else_notices() {
    let target = Target::start(&["--mode", "cluster", "--workers", "1"]);
    let worker = target.worker(0);
    at_most_for(target.observer(), 0);
    let events = target.run_directory().join("events.csv");
    let mut heads = Vec::new();
    let mut client = target.connect();
    wait_for("another observer", || {
        heads.extend(heavy(&target.ready["admin"]));
        assert_eq!(client.get("/health").unwrap().status, 200);
        rows(&events).iter().any(|event| event["kind"] == "observer-respawn").then_some(())
    });
    drop(heads);
    let after = target.worker(0);
    assert_eq!((after.pid, after.generation, after.lost), (worker.pid, 1, 0));
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_pool_that_gets_no_thread_fails_its_request_alone() {
    let target = Target::start(&["--mode", "cluster", "--workers", "1"]);
    let worker = target.worker(0);
    // Less than the stack of a thread, and enough to say so.
    at_most_for(worker.pid, 1 << 20);
    for work in ["/io?ms=1&mode=pool", "/cpu?iterations=1&on=pool"] {
        let refused = target.get(work);
        assert_eq!(refused.status, 503, "{work}");
        let error = refused.json()["error"].as_str().unwrap_or_default().to_owned();
        assert!(error.contains("a thread for its pool") && error.contains("mode=async"), "{work}: {error}");
    }
    assert_eq!(target.get("/io?ms=1").status, 200);
    assert_eq!(target.worker(0).pid, worker.pid);
    assert_eq!(target.total("errors"), 2);
    assert_eq!(target.end().code, Some(0));
}
