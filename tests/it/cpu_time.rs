//! `/cpu?ms=` uses the CPU time that was asked for: by its own answer, and by the kernel's account of the worker.

use serde_json::Value;

use crate::support::target::{MODES, Target};
use crate::support::wait_for;

/// How much more than asked counts as asked.
const TOLERANCE: f64 = 1.05;

/// The kernel's two clocks tick at rates that NTP may set apart by 500 parts in a million.
const CLOCKS_APART: f64 = 1.001;

fn figure(answer: &Value, name: &str) -> f64 {
    answer[name].as_f64().unwrap_or_else(|| panic!("{name} in {answer}"))
}

fn cpu_seconds(stats: &Value) -> f64 {
    stats["workers"].as_array().unwrap().iter().map(|worker| figure(worker, "cpu_seconds")).sum()
}

/// CPU of all threads of a process, by the scheduler, which brings the account of a thread up to date when it takes it
/// from its processor.
fn scheduled_seconds(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.map(|thread| {
        let path = thread.unwrap().path();
        let read = |file: &str| std::fs::read_to_string(path.join(file)).unwrap();
        wait_for("a thread to wait", || read("stat").rsplit_once(") S ").map(|_| ()));
        read("schedstat").split(' ').next().unwrap().parse::<f64>().unwrap()
    });
    nanoseconds.sum::<f64>() / 1e9
}

#[test]
fn the_answer_is_within_five_percent_of_what_was_asked() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for place in ["loop", "pool"] {
        for asked_ms in [20.0, 50.5, 120.0] {
            let response = client.get(&format!("/cpu?ms={asked_ms}&on={place}")).unwrap();
            let done = response.json();
            let (cpu_us, wall_us) = (figure(&done, "cpu_us"), figure(&done, "wall_us"));
            let asked_us = asked_ms * 1e3;
            assert!((asked_us..=asked_us * TOLERANCE).contains(&cpu_us), "{place} {asked_ms} ms: {done}");
            assert!(cpu_us <= wall_us * CLOCKS_APART, "{place} {asked_ms} ms: {done}");
            // To the microsecond that the header shows.
            assert!((response.timing("cpu") * 1e3 - cpu_us).abs() <= 0.6, "{done} {:?}", response.headers);
        }
    }
}

#[test]
fn the_worker_really_used_it() {
    const REQUESTS: u32 = 5;
    const EACH_MS: f64 = 40.0;
    let asked = f64::from(REQUESTS) * EACH_MS / 1e3;
    for mode in MODES {
        let target = Target::start(mode);
        for place in ["loop", "pool"] {
            let mut client = target.connect();
            let before = cpu_seconds(&target.stats());
            for _ in 0..REQUESTS {
                assert_eq!(client.get(&format!("/cpu?ms={EACH_MS}&on={place}")).unwrap().status, 200);
            }
            let used = cpu_seconds(&target.stats()) - before;
            assert!((asked..=asked * TOLERANCE).contains(&used), "{mode:?} {place}: {used} s of {asked} s");
        }
    }
}

#[test]
fn the_kernel_says_the_same() {
    const REQUESTS: u32 = 5;
    const EACH_MS: f64 = 40.0;
    let asked = f64::from(REQUESTS) * EACH_MS / 1e3;
    let target = Target::start(&["--mode", "cluster", "--workers", "1"]);
    let worker = target.worker(0).pid;
    for place in ["loop", "pool"] {
        let mut client = target.connect();
        let before = scheduled_seconds(worker);
        for _ in 0..REQUESTS {
            assert_eq!(client.get(&format!("/cpu?ms={EACH_MS}&on={place}")).unwrap().status, 200);
        }
        let used = scheduled_seconds(worker) - before;
        assert!((asked..=asked * TOLERANCE).contains(&used), "{place}: {used} s of {asked} s");
    }
}
