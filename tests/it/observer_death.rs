//! An observer that dies is replaced: the run's files and the admin listener go on, and no request notices.

use std::fs::File;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::account::{Watch, deltas, figure, joined, settle};
use crate::support::load::Load;
use crate::support::target::{Target, command, is_alive, is_stopped, rows, send};
use crate::support::{wait_at_most, wait_for};

const CLUSTER: [&str; 4] = ["--mode", "cluster", "--workers", "2"];

/// Three are made good at once.
const DEATHS: usize = 3;

#[test]
fn its_successor_goes_on_in_the_same_files() {
    let target = Target::start(&CLUSTER);
    let resources = target.run_directory().join("resources.csv");
    let load = Load::start(target.address(), "/io?ms=5", 3);
    let watch = Watch::start(&target, 6);
    for _ in 0..DEATHS {
        let before = rows(&resources).len();
        wait_for("rows of the observer", || (rows(&resources).len() > before + 1).then_some(()));
        let observer = target.observer();
        let had = rows(&resources).len();
        send(observer, Signal::KILL);
        let has_another = || (rows(&resources).len() > had + 1).then_some(());
        wait_at_most(Duration::from_secs(2), "a row of the next observer", has_another);
        assert_ne!(target.observer(), observer);
    }
    load.answers(20);
    let clients = load.stop();
    watch.stop();
    assert_eq!((clients.failed, clients.refused, clients.not_ok), (0, 0, 0));
    let left = settle(target, &clients, false);
    for (file, header) in [("resources.csv", "ts_utc,"), ("workers.csv", "ts_utc,"), ("events.csv", "ts_utc,")] {
        let text = std::fs::read_to_string(left.file(file)).unwrap();
        assert_eq!(text.lines().filter(|line| line.starts_with(header)).count(), 1, "{file}");
        assert!(text.starts_with(header) && text.ends_with('\n'), "{file}");
    }
    let respawns: Vec<_> =
        left.csv("events.csv").into_iter().filter(|row| row["kind"] == "observer-respawn").collect();
    let generations: Vec<&str> = respawns.iter().map(|row| row["generation"].as_str()).collect();
    assert_eq!(generations, ["2", "3", "4"]);
    let rows = left.csv("resources.csv");
    deltas(&rows, "requests_total");
    joined(&rows);
    for pair in rows.windows(2) {
        assert!(figure(&pair[1], "cpu_seconds_total") >= figure(&pair[0], "cpu_seconds_total"), "{pair:?}");
    }
}

/// What it had begun to write of a last row is cut off, and the next row begins where the one before that ended.
#[test]
fn a_torn_row_is_cut_off() {
    let target = Target::start(&CLUSTER);
    let resources = target.run_directory().join("resources.csv");
    wait_for("rows of the observer", || (rows(&resources).len() > 3).then_some(()));
    // Nobody replaces it meanwhile.
    target.signal(Signal::STOP);
    let observer = target.observer();
    send(observer, Signal::KILL);
    wait_for("its end", || (!is_alive(observer)).then_some(()));
    let file = File::options().write(true).open(&resources).unwrap();
    file.set_len(file.metadata().unwrap().len() - 40).unwrap();
    let had = rows(&resources).len();
    target.signal(Signal::CONT);
    wait_for("rows of the next observer", || (rows(&resources).len() > had + 2).then_some(()));
    assert_eq!(target.get("/health").status, 200);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    joined(&left.csv("resources.csv"));
}

/// What was answered is in the files, so that no observer takes it along.
#[test]
fn a_mark_that_was_answered_outlives_the_observer_that_is_killed_then() {
    let target = Target::start(&CLUSTER);
    let names: Vec<String> = (0..4).map(|number| format!("phase-{number}")).collect();
    for name in &names {
        let observer = target.observer();
        let answer = target.admin_post("/marks", &format!(r#"{{"phase": "{name}"}}"#));
        send(observer, Signal::KILL);
        assert_eq!(answer.status, 201, "{name}");
        wait_for("the next observer", || (target.observer() != observer).then_some(()));
    }
    let left = target.end();
    let rows = left.csv("marks.csv");
    let put: Vec<&str> = rows.iter().map(|row| &*row["phase"]).filter(|name| !name.is_empty()).collect();
    assert_eq!(put, names);
}

/// The last row and the totals of the run are written, even if the observer dies while the workers drain.
#[test]
fn one_that_dies_during_the_drain_is_replaced_too() {
    let target = Target::start(&CLUSTER);
    let mut client = target.begin_upload();
    target.signal(Signal::TERM);
    target.drains();
    let observer = target.observer();
    send(observer, Signal::KILL);
    wait_for("its end", || (!is_alive(observer)).then_some(()));
    assert_eq!(client.end_upload().unwrap().status, 200);
    let left = target.wait();
    assert_eq!((left.code, left.done("requests")), (Some(0), 1), "{}", left.errors);
    crate::support::account::check_left(&left, &crate::support::load::Tally::default().and_answered(1), false);
}

/// What happens while an observer is stuck lies unread with it when it dies; its successor writes all of it down, each event
/// once, and puts the fault plans in force that a HUP has brought.
#[test]
fn what_it_was_told_is_not_lost_with_it() {
    let directory = TempDir::new().unwrap();
    let profile = directory.path().join("p.toml");
    let plan = |status: u16| {
        format!("[[fault]]\nroute = '/io'\nkinds = [ {{ kind = 'status', code = {status}, rate = 1 }} ]\n")
    };
    std::fs::write(&profile, plan(500)).unwrap();
    let fixed = "--profile p.toml --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir run --sample-interval 100ms";
    let arguments: Vec<&str> = CLUSTER.into_iter().chain(fixed.split(' ')).collect();
    let target = Target::start_with(command(&arguments, directory.path()), directory);
    let events = target.run_directory().join("events.csv");
    wait_for("the first event of all", || rows(&events).iter().any(|row| row["kind"] == "ready").then_some(()));
    let first = target.observer();
    send(first, Signal::STOP);
    wait_for("it to stand still", || is_stopped(first).then_some(()));
    for generation in 1..=2 {
        std::fs::write(&profile, plan(500 + generation)).unwrap();
        target.signal(Signal::HUP);
        for slot in 0..2 {
            target.has_ended(slot, generation.into());
        }
    }
    assert_eq!(target.get("/io?ms=0").status, 500, "there is nobody to change the plans");
    send(first, Signal::KILL);
    wait_for("the plans of the last HUP", || (target.get("/io?ms=0").status == 502).then_some(()));
    let left = target.end();
    let rows = left.csv("events.csv");
    let count = |kind: &str| rows.iter().filter(|row| row["kind"] == kind).count();
    let expected = [("ready", 1), ("profile", 2), ("reload", 4), ("observer-respawn", 1), ("fault plan", 1)];
    for (kind, times) in expected {
        assert_eq!(count(kind), times, "{kind} in {rows:?}");
    }
    let ended = rows.iter().filter(|row| row["kind"] == "worker-ended");
    let mut ended: Vec<(&str, &str)> = ended.map(|row| (&*row["slot"], &*row["generation"])).collect();
    ended.sort_unstable();
    assert_eq!(ended, [("0", "1"), ("0", "2"), ("0", "3"), ("1", "1"), ("1", "2"), ("1", "3")]);
}
