//! A worker's pool is a resource: how many of its threads are busy, what waits for one and for how long is told by
//! `Server-Timing`, `/stats`, `/metrics`, the CSV files and the report.

use std::thread;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::target::{MODES, Target, at_rest, rows};
use crate::support::wait_for;

/// Of the pool.
const THREADS: u64 = 2;

/// That want one at the same time.
const CLIENTS: u64 = 6;

fn start(mode: &[&str]) -> Target {
    Target::start(&[mode, &["--pool-threads", "2"]].concat())
}

/// Of a target with one worker that has requests.
fn pool(target: &Target) -> Value {
    target.stats()["totals"]["pool"].clone()
}

fn seconds(pool: &Value, name: &str) -> f64 {
    pool[name].as_f64().unwrap_or_else(|| panic!("{name} in {pool}"))
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")
}

#[test]
fn who_waits_for_a_thread_is_told_so_everywhere() {
    for mode in [
        &["--mode", "single"][..],
        &["--mode", "threads", "--workers", "1"],
        &["--mode", "cluster", "--workers", "1"],
    ] {
        // Tried again when the first pair was done before the test had looked.
        let (target, mut clients) = wait_for("busy threads and a queue", || {
            let target = start(mode);
            let mut clients: Vec<_> = (0..CLIENTS).map(|_| target.connect()).collect();
            for client in &mut clients {
                client.send(request("/io?ms=200&mode=pool")).unwrap();
            }
            let is_seen = wait_for("them, or the third pair", || {
                let pool = pool(&target);
                let seen = (pool["busy"].as_u64()?, pool["queued"].as_u64()?);
                assert!(seen.0 <= THREADS && seen.1 <= CLIENTS, "{mode:?}: {pool}");
                let is_seen = seen == (THREADS, CLIENTS - THREADS);
                (is_seen || pool["jobs"] == CLIENTS).then_some(is_seen)
            });
            is_seen.then_some((target, clients))
        });
        // Where the machine is slow, the next pair may have begun by the time of a row; two wait longest.
        wait_for("a row of it", || {
            let rows = rows(&target.run_directory().join("resources.csv"));
            rows.iter().any(|row| row["pool_busy"] == "2" && row["pool_queued"] != "0").then_some(())
        });
        let mut waits: Vec<f64> = clients
            .iter_mut()
            .map(|client| {
                let answer = client.receive().unwrap();
                assert!((200.0..).contains(&answer.timing("io")), "{mode:?}: {:?}", answer.headers);
                answer.timing("pool")
            })
            .collect();
        waits.sort_by(f64::total_cmp);
        // Two after two: the second pair waits for the first, the third for both.
        assert!(waits[2] >= 150.0 && waits[4] >= 350.0, "{mode:?}: {waits:?}");
        drop(clients);
        let stats = at_rest(&target);
        for pool in [&stats["totals"]["pool"], &stats["workers"][0]["pool"]] {
            assert_eq!(
                (&pool["busy"], &pool["queued"], &pool["jobs"]),
                (&0.into(), &0.into(), &CLIENTS.into()),
                "{mode:?}: {pool}"
            );
            let waited: f64 = waits.iter().sum::<f64>() / 1e3;
            assert!(
                (seconds(pool, "wait_seconds") - waited).abs() < 0.001,
                "{mode:?}: {waited} s by the answers, {pool}"
            );
            assert!(seconds(pool, "held_seconds") >= 1.2, "{mode:?}: {pool}");
        }
        wait_for("the metrics of it", || {
            let mut admin = target.admin();
            admin.send(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
            let text = admin.receive().unwrap().text();
            text.contains("quintain_worker_pool_jobs_total{slot=\"0\"} 6\n").then_some(())
        });
        let left = target.end();
        for file in ["resources.csv", "workers.csv"] {
            let last = left.csv(file).pop().unwrap();
            assert_eq!(
                (&*last["pool_busy"], &*last["pool_queued"], &*last["pool_jobs_total"]),
                ("0", "0", "6"),
                "{mode:?} {file}"
            );
            let held: f64 = last["pool_held_seconds_total"].parse().unwrap();
            assert!(held >= 1.2, "{mode:?} {file}: {held}");
        }
    }
}

#[test]
fn what_a_client_gives_up_waits_no_more_and_was_never_begun() {
    for mode in [MODES[0], MODES[2]] {
        let target = start(mode);
        let mut holds: Vec<_> = (0..2 * THREADS).map(|_| target.connect()).collect();
        // Workers share the connections as the kernel likes: each pool is filled by what it gets.
        for client in &mut holds {
            client.send(request("/io?ms=2000&mode=pool")).unwrap();
        }
        wait_for("all of it to be asked for", || {
            let pool = pool(&target);
            (pool["busy"].as_u64()? + pool["queued"].as_u64()? == 2 * THREADS).then_some(())
        });
        let begun = pool(&target)["jobs"].as_u64().unwrap();
        drop(holds);
        let stats = at_rest(&target);
        wait_for("the threads to be free", || {
            let pool = pool(&target);
            (pool["busy"] == 0 && pool["queued"] == 0).then_some(())
        });
        let jobs = pool(&target)["jobs"].as_u64().unwrap();
        assert!(jobs >= begun && jobs <= 2 * THREADS, "{mode:?}: {jobs} begun: {stats}");
    }
}

#[test]
fn a_worker_that_dies_leaves_no_busy_threads_behind() {
    let target = start(&["--mode", "cluster", "--workers", "1"]);
    let mut client = target.connect();
    client.send(request("/io?ms=20000&mode=pool")).unwrap();
    wait_for("a busy thread", || (pool(&target)["busy"] == 1).then_some(()));
    crate::support::target::send(target.worker(0).pid, Signal::KILL);
    target.reaches(2);
    let pool = pool(&target);
    assert_eq!((&pool["busy"], &pool["queued"], &pool["jobs"]), (&0.into(), &0.into(), &1.into()), "{pool}");
}

/// Threads of worker 0's pools, also of one that was replaced.
fn pool_threads(target: &Target) -> usize {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", target.pid())).unwrap();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("comm")).ok());
    names.filter(|name| name == "w0-pool\n").count()
}

/// A worker that was replaced while a thread of its pool worked on: what that thread does then is nobody's.
#[test]
fn a_thread_that_outlives_its_worker_counts_on_no_seat_of_another() {
    const SLEEP_S: f64 = 5.0;
    let target = Target::start(&["--mode", "threads", "--workers", "1", "--pool-threads", "1"]);
    let mut client = target.connect();
    client.send(request("/io?ms=5000&mode=pool")).unwrap();
    wait_for("a busy thread", || (pool(&target)["busy"] == 1).then_some(()));
    // The client leaves, and its request with it; the thread sleeps on.
    drop(client);
    wait_for("the request to end", || (target.total("in_flight") == 0).then_some(()));
    target.signal(Signal::HUP);
    target.renewed(2);
    assert_eq!(pool(&target)["busy"], 0);
    assert_eq!(target.get("/io?ms=1&mode=pool").status, 200);
    // The new worker's own lives on for a while.
    wait_for("the old thread to end", || (pool_threads(&target) < 2).then_some(()));
    let pool = pool(&target);
    assert_eq!((&pool["busy"], &pool["jobs"]), (&0.into(), &2.into()));
    assert!(seconds(&pool, "held_seconds") < SLEEP_S, "{pool}");
}

#[test]
fn the_report_says_that_the_threads_were_too_few_and_is_silent_when_they_are_not() {
    for (threads, path, is_found) in [("2", "/io?ms=10&mode=pool", true), ("16", "/io?ms=10&mode=async", false)] {
        let target = Target::start(&["--mode", "single", "--pool-threads", threads]);
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let mut client = target.connect();
                    for _ in 0..40 {
                        assert_eq!(client.get(path).unwrap().status, 200);
                    }
                });
            }
        });
        let report = target.end().report();
        let said = report.contains("ork on the pool waited ") && report.contains("for a thread (--pool-threads 2)");
        assert_eq!(said, is_found, "{threads} threads: {report}");
    }
}

#[test]
fn a_step_of_a_profile_uses_the_pool() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("pool.toml");
    let steps =
        "{ io = { ms = 5, mode = 'pool' } }, { cpu = { iterations = 1000, on = 'pool' } }, { io = { ms = 1 } }";
    std::fs::write(&profile, format!("[[route]]\npath = '/both'\nsteps = [ {steps} ]\n")).unwrap();
    let target = Target::start(&["--mode", "single", "--profile", profile.to_str().unwrap()]);
    let answer = target.get("/both");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.json()["steps"][0]["mode"], "pool");
    assert_eq!(pool(&target)["jobs"], 2);
}
