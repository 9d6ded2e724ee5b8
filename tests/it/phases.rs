//! `--phases`: marks that are put by themselves, each when it is due after ready, with or without an admin listener, and
//! whatever becomes of the observer.

use std::collections::HashMap;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::account::figure;
use crate::support::client::Response;
use crate::support::target::{Left, MODES, Target, is_stopped, rows, send};
use crate::support::wait_for;

/// How late a mark may be on a machine that does other things too. A row is a minute away.
const LATE_S: f64 = 0.5;

fn stats(target: &Target, query: &str) -> Response {
    let host = &target.ready["admin"];
    let mut client = target.admin();
    client.send(format!("GET /stats?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
    client.receive().unwrap()
}

/// The events of marks so far, and how long after ready each was put.
fn marks(events: &[HashMap<String, String>]) -> Vec<(String, f64)> {
    let of_kind = |kind: &'static str| events.iter().filter(move |event| event["kind"] == kind);
    let ready = figure(of_kind("ready").next().expect("a ready event"), "elapsed_s");
    of_kind("mark").map(|event| (event["detail"].clone(), figure(event, "elapsed_s") - ready)).collect()
}

fn names(events: &[HashMap<String, String>]) -> Vec<String> {
    marks(events).into_iter().map(|(name, _)| name).collect()
}

fn names_left(left: &Left) -> Vec<String> {
    names(&left.csv("events.csv"))
}

fn has_mark(target: &Target, name: &str) {
    let events = target.run_directory().join("events.csv");
    wait_for(&format!("the mark {name}"), || {
        rows(&events).iter().any(|event| event["kind"] == "mark" && event["detail"] == name).then_some(())
    });
}

/// No row is due while they are.
#[test]
fn each_begins_when_it_is_due_and_not_at_a_row() {
    for mode in MODES {
        // Tried again when the target or the test was late, as on a machine that is paused.
        wait_for("marks and requests in time", || {
            let plan = ["--phases", "warm up:300ms,measure:1.5s", "--sample-interval", "1m"];
            let target = Target::start(&[mode, &plan].concat());
            has_mark(&target, "measure");
            for _ in 0..3 {
                assert_eq!(target.get("/health").status, 200);
            }
            if names(&rows(&target.run_directory().join("events.csv"))).contains(&"end".to_owned()) {
                return None;
            }
            has_mark(&target, "end");
            assert_eq!(target.get("/health").status, 200);
            // A client has its answer before it is counted.
            wait_for("its record", || (target.total("finished") == 4).then_some(()));
            let told = |query: &str| -> Value { stats(&target, query).json()["totals"]["finished"].clone() };
            assert_eq!([told("since=measure&until=end"), told("since=warm%20up")], [3, 4], "{mode:?}");
            let left = target.end();
            let marks = marks(&left.csv("events.csv"));
            assert_eq!(marks.len(), 3, "{mode:?} {marks:?}");
            let due = [("warm up", 0.0), ("measure", 0.3), ("end", 1.8)];
            for ((name, at), (expected, due)) in marks.iter().zip(due) {
                assert_eq!(name, expected, "{mode:?}");
                // Each of the two times is cut off at a microsecond.
                assert!(*at > due - 3e-6, "{mode:?} {name}: {at} s after ready");
            }
            let is_late = marks.iter().zip(due).any(|((_, at), (_, due))| *at >= due + LATE_S);
            if is_late {
                eprintln!("{mode:?}: late: {marks:?}");
            }
            (!is_late).then_some(())
        });
    }
}

#[test]
fn rows_say_which_phase_it_is_without_an_admin_listener_too() {
    for mode in MODES {
        // Tried again when two rows were as far apart as a phase is long: it may have no row then.
        wait_for("a row of each phase", || {
            let plan = ["--phases", "warm-up:400ms,measure:400ms", "--admin", "off", "--sample-interval", "50ms"];
            let target = Target::start(&[mode, &plan].concat());
            let resources = target.run_directory().join("resources.csv");
            wait_for("a row after the end", || (rows(&resources).last()?["phase"] == "end").then_some(()));
            let left = target.end();
            assert_eq!(names_left(&left), ["warm-up", "measure", "end"], "{mode:?}");
            // And what had been counted at the end.
            assert_eq!(left.csv("marks.csv").len(), 4, "{mode:?}");
            let rows = left.csv("resources.csv");
            if rows[1..].iter().any(|row| figure(row, "interval_s") >= 0.4) {
                return None;
            }
            let mut phases: Vec<String> = rows.iter().map(|row| row["phase"].clone()).collect();
            phases.dedup();
            assert_eq!(phases, ["run", "warm-up", "measure", "end"], "{mode:?}");
            Some(())
        });
    }
}

/// Two are due while there is nobody to put them.
#[test]
fn a_respawned_observer_goes_on() {
    // Tried again when the target or the test was late, as on a machine that is paused.
    wait_for("an observer that died, and marks, in time", respawned);
}

/// `None` when something was late for another reason than an observer's death.
fn respawned() -> Option<()> {
    let plan = ["--phases", "a:500ms,b:300ms,c:300ms,d:2s"];
    let target = Target::start(&[&["--mode", "cluster", "--workers", "2"], &plan[..]].concat());
    let events = target.run_directory().join("events.csv");
    has_mark(&target, "a");
    let pid = target.observer();
    send(pid, Signal::STOP);
    wait_for("the stop", || is_stopped(pid).then_some(()));
    if names(&rows(&events)) != ["a"] {
        return None;
    }
    let stopped = std::time::Instant::now();
    wait_for("two more to be due", || (stopped.elapsed().as_secs_f64() > 1.2).then_some(()));
    send(pid, Signal::KILL);
    has_mark(&target, "d");
    has_mark(&target, "end");
    send(target.observer(), Signal::KILL);
    let respawns = || rows(&events).iter().filter(|event| event["kind"] == "observer-respawn").count();
    wait_for("the third observer", || (respawns() == 2).then_some(()));
    assert_eq!(stats(&target, "since=c&until=end").status, 200);
    let left = target.end();
    let marks = marks(&left.csv("events.csv"));
    let names: Vec<&str> = marks.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "d", "end"]);
    assert!(marks[1].1 > 0.5 + LATE_S, "late: {marks:?}");
    assert!(marks[4].1 > 3.1 - 3e-6, "never early: {marks:?}");
    assert_eq!(left.csv("resources.csv").last().unwrap()["phase"], "end");
    let (at_once, as_planned) = (marks[2].1 - marks[1].1 < LATE_S, marks[4].1 < 3.1 + LATE_S);
    if !at_once || !as_planned {
        eprintln!("late, but not at once, or not as planned then: {marks:?}");
    }
    (at_once && as_planned).then_some(())
}

/// Without a run directory an observer's marks die with it, as those of `POST /marks` do; none is put twice.
#[test]
fn without_files_none_is_put_twice() {
    let plan = ["--phases", "a:200ms,b:2s", "--no-csv"];
    let target = Target::start(&[&["--mode", "cluster", "--workers", "1"], &plan[..]].concat());
    wait_for("the second phase", || (stats(&target, "since=b").status == 200).then_some(()));
    let first = target.observer();
    send(first, Signal::KILL);
    wait_for("another observer", || (target.observer() != first).then_some(()));
    wait_for("the end", || (stats(&target, "since=end").status == 200).then_some(()));
    assert_eq!([stats(&target, "since=a").status, stats(&target, "since=b").status], [404, 404]);
}

#[test]
fn what_is_due_after_the_drain_began_is_not_put() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--phases", "a:2s,b:1h"]].concat());
        let ready = std::time::Instant::now();
        let mut client = target.begin_upload();
        target.signal(Signal::TERM);
        wait_for("the second to be due", || (ready.elapsed().as_secs_f64() > 2.1).then_some(()));
        assert_eq!(client.end_upload().unwrap().status, 200);
        let left = target.wait();
        let last = left.csv("resources.csv").last().map(|row| figure(row, "elapsed_s")).unwrap();
        assert!(last > 2.0, "{mode:?}: the second was due meanwhile: {last}");
        assert_eq!((left.code, names_left(&left)), (Some(0), vec!["a".to_owned()]), "{mode:?}");
    }
}

/// They end no run; with a duration as long as all of them, there is still an end.
#[test]
fn a_run_as_long_as_its_phases_has_all_of_them() {
    for mode in MODES {
        let plan = ["--phases", "a:100ms,b:200ms", "--duration", "300ms"];
        let left = Target::start(&[mode, &plan].concat()).wait();
        assert_eq!(
            (left.code, names_left(&left)),
            (Some(0), ["a", "b", "end"].map(str::to_owned).to_vec()),
            "{mode:?}"
        );
    }
}

#[test]
fn a_run_without_room_for_one_says_so() {
    // 255 phases, the most there may be, of which all but the last are over at once. That leaves room for one mark.
    let plan = (1..255).map(|number| format!("a{number}:1ms")).collect::<Vec<_>>().join(",") + ",b:3s";
    let target = Target::start(&["--mode", "single", "--phases", &plan]);
    has_mark(&target, "b");
    assert_eq!(target.admin_post("/marks", r#"{"phase": "more"}"#).status, 201);
    wait_for("the complaint", || target.errors().contains("phase end gets no mark").then_some(()));
    let left = target.end();
    // And what had been counted at the end.
    assert_eq!((left.code, left.csv("marks.csv").len()), (Some(0), 257), "{}", left.errors);
}
