//! A worker's connections: who finds none free waits for one, no longer than it may, and is told so; and all accounts of it agree.

use std::time::Instant;

use rustix::process::Signal;

use super::{asked, at_least, check_timing, request, start, wait_for_pool};
use crate::support::client::Response;
use crate::support::target::{at_rest, metrics, rows, send};
use crate::support::wait_for;

const ONE_WORKER: [&[&str]; 3] =
    [&["--mode", "single"], &["--mode", "threads", "--workers", "1"], &["--mode", "cluster", "--workers", "1"]];

#[test]
fn a_request_waits_for_a_connection_until_it_is_free() {
    for mode in ONE_WORKER {
        let target = start(&[mode, &["--db-pool", "1", "--db-acquire-timeout", "1m"]].concat());
        let (mut first, mut second) = (target.connect(), target.connect());
        first.send(request("/db?think=50s")).unwrap();
        wait_for_pool(&target, (1, 0));
        let sent = Instant::now();
        second.send(request("/db?think=50ms")).unwrap();
        wait_for_pool(&target, (1, 1));
        let seen = Instant::now();
        assert_eq!(target.get("/io?ms=300").status, 200);
        let least = at_least(seen);
        // It leaves, and its connection is free.
        drop(first);
        let answer = second.receive().unwrap();
        let most = sent.elapsed().as_secs_f64() * 1e3;
        asked(&answer);
        check_timing(&answer);
        let acquire = answer.timing("acquire");
        assert!(least >= 290.0 && acquire >= least && acquire <= most, "{least} {most} {:?}", answer.headers);
        assert!(answer.timing("io") >= 50.0, "{:?}", answer.headers);
        drop(second);
        at_rest(&target);
    }
}

#[test]
fn a_request_waits_for_a_connection_no_longer_than_it_may() {
    for mode in ONE_WORKER {
        let target = start(&[mode, &["--db-pool", "1", "--db-acquire-timeout", "200ms"]].concat());
        let mut first = target.connect();
        first.send(request("/db?think=50s")).unwrap();
        wait_for_pool(&target, (1, 0));
        let refusal = target.get("/db");
        assert_eq!(refusal.status, 503);
        let said = refusal.text();
        assert!(said.contains("1 database connections (--db-pool)") && said.contains("200ms"), "{said}");
        drop(first);
        at_rest(&target);
    }
}

#[test]
fn what_a_client_gives_up_leaves_its_connection_to_the_next() {
    let target = start(&["--mode", "single", "--db-pool", "1"]);
    for on in ["loop", "pool"] {
        let mut client = target.connect();
        client.send(request(&format!("/db?think=50s&on={on}"))).unwrap();
        wait_for("it to be begun", || (target.total("in_flight") == 1).then_some(()));
        drop(client);
        wait_for("it to be given up", || (target.total("in_flight") == 0).then_some(()));
        asked(&target.get("/db"));
    }
}

/// Who holds a connection and who waits for one stands everywhere alike, and adds up at rest.
#[test]
fn the_pools_figures_stand_everywhere() {
    std::thread::scope(|scope| {
        for mode in ONE_WORKER {
            scope.spawn(move || check_figures(mode));
        }
    });
}

fn check_figures(mode: &[&str]) {
    let flags = ["--db-pool", "2", "--db-acquire-timeout", "3s", "--sample-interval", "100ms"];
    let target = start(&[mode, &flags].concat());
    let mut clients: Vec<_> = (0..6).map(|_| target.connect()).collect();
    let (holders, waiters) = clients.split_at_mut(2);
    for client in holders {
        client.send(request("/db?think=6s")).unwrap();
    }
    wait_for_pool(&target, (2, 0));
    for client in waiters {
        client.send(request("/db")).unwrap();
    }
    wait_for_pool(&target, (2, 4));
    wait_for("a row of it", || {
        let rows = rows(&target.run_directory().join("resources.csv"));
        rows.iter().any(|row| row["db_in_use"] == "2" && row["db_waiting"] == "4").then_some(())
    });
    let answers: Vec<Response> = clients.iter_mut().map(|client| client.receive().unwrap()).collect();
    let waits: f64 =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.timing("acquire")).sum();
    let refused = answers.iter().filter(|answer| answer.status == 503).count();
    // Four, unless the machine was stopped until connections were free as well.
    assert!((1..=4).contains(&refused), "{mode:?}: {refused}");
    drop(clients);
    let stats = at_rest(&target);
    for database in [&stats["totals"]["db"], &stats["workers"][0]["db"]] {
        assert_eq!((&database["in_use"], &database["waiting"]), (&0.into(), &0.into()), "{mode:?}: {database}");
        assert_eq!((&database["timeouts"], &database["acquired"]), (&refused.into(), &(6 - refused).into()));
        assert!((database["acquire_seconds"].as_f64().unwrap() - waits / 1e3).abs() < 0.001, "{database}");
        assert_eq!((&database["failures"], &database["answered"]), (&0.into(), &(6 - refused).into()));
    }
    let route = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/db").unwrap();
    // The waits of those that were refused are told as well, each of 3 s.
    let work = &route["work"];
    let in_vain_s = work["db_acquire_seconds"].as_f64().unwrap() - waits / 1e3;
    let least_s = 2.9 * f64::from(u32::try_from(refused).unwrap());
    assert!(work["requests"] == 6 && in_vain_s > least_s, "{mode:?}: {in_vain_s} {work}");
    wait_for("the metrics of it", || {
        let text = metrics(&target, "");
        let acquired =
            format!("quintain_db_acquire_duration_seconds_count{{method=\"GET\",route=\"/db\"}} {}\n", 6 - refused);
        let timeouts = format!("quintain_worker_db_timeouts_total{{slot=\"0\"}} {refused}\n");
        (text.contains(&timeouts) && text.contains(&acquired)).then_some(())
    });
    // Those that got a connection, each within its bucket's 0.78 %; the longest is exact.
    let mut waited: Vec<f64> =
        answers.iter().filter(|answer| answer.status == 200).map(|answer| answer.timing("acquire") * 1e3).collect();
    waited.sort_by(f64::total_cmp);
    let recorded = |quantile: &str| route["db_acquire_us"][quantile].as_f64().unwrap();
    let median = waited[(waited.len() - 1) / 2];
    assert!((recorded("p50") - median).abs() <= 0.008 * median + 1.0, "{mode:?}: {waited:?} {route}");
    let longest = waited[waited.len() - 1];
    assert!((recorded("max") - longest).abs() <= 1.0, "{mode:?}: {waited:?} {route}");
    let left = target.end();
    for file in ["resources.csv", "workers.csv"] {
        let last = left.csv(file).pop().unwrap();
        assert_eq!((&*last["db_in_use"], &*last["db_waiting"]), ("0", "0"), "{mode:?} {file}");
        assert_eq!(last["db_timeouts_total"], refused.to_string(), "{mode:?} {file}");
    }
    let told = left.csv("resources.csv").iter().filter(|row| !row["db_acquire_p99_us"].is_empty()).count();
    assert!((1..=6 - refused).contains(&told), "{mode:?}: rows in which something was acquired: {told}");
}

#[test]
fn a_worker_that_dies_leaves_no_connection_in_use() {
    let target = start(&["--mode", "cluster", "--workers", "1"]);
    let mut client = target.connect();
    client.send(request("/db?think=20s")).unwrap();
    wait_for("a connection in use", || (target.stats()["totals"]["db"]["in_use"] == 1).then_some(()));
    send(target.worker(0).pid, Signal::KILL);
    target.reaches(2);
    assert_eq!(target.stats()["totals"]["db"]["in_use"], 0);
    asked(&target.get("/db"));
}
