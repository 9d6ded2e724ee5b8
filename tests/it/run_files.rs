//! What a run writes down: complete, consistent with itself, and with what the clients sent.

use std::collections::HashMap;

use serde_json::Value;

use crate::support::load::Load;
use crate::support::target::{Left, MODES, Target, at_rest, rows};
use crate::support::wait_for;

const RESOURCES: &str = "ts_utc,epoch_ms,elapsed_s,interval_s,late_ms,phase,mode,procs,threads,fds,cpu_pct,\
    cpu_user_pct,cpu_sys_pct,cpu_host_pct,cpu_seconds_total,rss_bytes,rss_peak_bytes,pss_bytes,host_cpu_pct,\
    host_mem_used_pct,requests_total,rps,errors_total,lost_total,rejected_total,inflight,connections,accepts_total,\
    refused_total,client_gone_total,broken_total,shed_total";

/// Columns that never fall.
const CUMULATIVE: [&str; 11] = [
    "requests_total",
    "errors_total",
    "lost_total",
    "rejected_total",
    "accepts_total",
    "refused_total",
    "client_gone_total",
    "broken_total",
    "shed_total",
    "cpu_seconds_total",
    "elapsed_s",
];

/// Columns that are unknown in the first row: there is none before it.
const RATES: [&str; 7] =
    ["interval_s", "cpu_pct", "cpu_user_pct", "cpu_sys_pct", "cpu_host_pct", "host_cpu_pct", "rps"];

/// Columns of a slot that add up to the target's.
const SUMS: [&str; 11] = [
    "requests_total",
    "errors_total",
    "lost_total",
    "rejected_total",
    "inflight",
    "connections",
    "accepts_total",
    "refused_total",
    "client_gone_total",
    "broken_total",
    "shed_total",
];

type Rows = Vec<HashMap<String, String>>;

fn number(row: &HashMap<String, String>, name: &str) -> f64 {
    row[name].parse().unwrap_or_else(|_| panic!("{name} is a number in {row:?}"))
}

fn count(row: &HashMap<String, String>, name: &str) -> u64 {
    row[name].parse().unwrap_or_else(|_| panic!("{name} is a count in {row:?}"))
}

fn record(left: &Left) -> Value {
    serde_json::from_slice(&std::fs::read(left.directory.path().join("run/run.json")).unwrap()).unwrap()
}

/// A run under load, until ten rows show it; how many requests were sent, and what it left.
fn loaded(arguments: &[&str]) -> (u64, Left) {
    let target = Target::start(arguments);
    let load = Load::start(target.address(), "/io?ms=1", 3);
    load.answers(20);
    let resources = target.run_directory().join("resources.csv");
    let begun = rows(&resources).len();
    wait_for("ten rows of load", || (rows(&resources).len() >= begun + 10).then_some(()));
    let tally = load.stop();
    assert_eq!((tally.failed, tally.refused, tally.not_ok), (0, 0, 0), "{arguments:?}");
    at_rest(&target);
    (tally.sent, target.end())
}

fn check_rows(resources: &Rows, sent: u64) {
    let first = &resources[0];
    assert!(RATES.iter().all(|name| first[*name].is_empty()), "{first:?}");
    assert_eq!(first["requests_total"], "0", "the first row is a baseline: {first:?}");
    let mut answered = 0;
    for pair in resources.windows(2) {
        let (before, row) = (&pair[0], &pair[1]);
        for name in CUMULATIVE {
            assert!(number(row, name) >= number(before, name), "{name} falls: {before:?} {row:?}");
        }
        // A true interval: from row to row, whatever it should have been. Both are rounded to a microsecond.
        let (interval, passed) =
            (number(row, "interval_s"), number(row, "elapsed_s") - number(before, "elapsed_s"));
        assert!(interval > 0.0 && (interval - passed).abs() < 3e-6, "{interval} s of {passed} s: {row:?}");
        answered += count(row, "requests_total") - count(before, "requests_total");
        let done = number(row, "requests_total") - number(before, "requests_total");
        // Both are rounded, to a thousandth and to a microsecond.
        assert!((number(row, "rps") * interval - done).abs() <= 0.01 + done * 1e-4, "{row:?}");
        let cpu = number(row, "cpu_seconds_total") - number(before, "cpu_seconds_total");
        assert!((number(row, "cpu_pct") / 100.0 * interval - cpu).abs() <= 1e-4 * interval + 3e-6, "{row:?}");
        assert!(number(row, "late_ms") >= 0.0, "{row:?}");
        assert!(number(row, "rss_peak_bytes") >= number(before, "rss_peak_bytes"), "{row:?}");
    }
    assert_eq!((answered, count(resources.last().unwrap(), "inflight")), (sent, 0));
}

fn check_workers(resources: &Rows, workers: &Rows, slots: usize) {
    let mut left = &workers[..];
    let mut before: HashMap<&str, &HashMap<String, String>> = HashMap::new();
    for whole in resources {
        let (parts, rest) =
            left.split_at(left.iter().take_while(|row| row["elapsed_s"] == whole["elapsed_s"]).count());
        left = rest;
        assert_eq!(parts.len(), slots, "a row a tick and slot: {whole:?} {parts:?}");
        for name in SUMS {
            let sum: u64 = parts.iter().map(|part| count(part, name)).sum();
            assert_eq!(sum, count(whole, name), "{name}: {whole:?} {parts:?}");
        }
        for (slot, part) in parts.iter().enumerate() {
            assert_eq!((&part["ts_utc"], &part["slot"]), (&whole["ts_utc"], &slot.to_string()), "{part:?}");
            assert_eq!(part["generation"], "1");
            if let Some(before) = before.insert(&part["slot"], part) {
                for name in CUMULATIVE {
                    assert!(number(part, name) >= number(before, name), "{name} of slot {slot} falls: {part:?}");
                }
            }
        }
        let cpu: f64 = parts.iter().map(|part| number(part, "cpu_seconds_total")).sum();
        assert!(cpu <= number(whole, "cpu_seconds_total") + 0.01, "{whole:?} {parts:?}");
    }
    assert_eq!(left.len(), 0, "a row a tick and slot");
}

#[test]
fn rows_that_add_up_in_every_mode() {
    for mode in MODES {
        let (sent, left) = loaded(mode);
        assert_eq!((left.code, left.done("requests")), (Some(0), sent), "{mode:?} {}", left.errors);
        let text = std::fs::read_to_string(left.directory.path().join("run/resources.csv")).unwrap();
        // Further columns come after these, in an order of their own (columns.rs).
        assert!(text.starts_with(RESOURCES), "{}", text.lines().next().unwrap());
        assert!(!text.contains('\r') && text.ends_with('\n'));
        let (resources, workers) = (left.csv("resources.csv"), left.csv("workers.csv"));
        check_rows(&resources, sent);
        check_workers(&resources, &workers, if mode[1] == "single" { 1 } else { 2 });
        for row in &resources {
            assert_eq!((&*row["mode"], &*row["phase"]), (mode[1], "run"), "{row:?}");
        }
        let last = resources.last().unwrap();
        assert!(!last["pss_bytes"].is_empty() && number(last, "rss_bytes") > 1e6, "{last:?}");
        let done_cpu: f64 = left.done["cpu_seconds"].parse().unwrap();
        let cpu = number(last, "cpu_seconds_total");
        assert!(
            cpu <= done_cpu + 0.001 && done_cpu - cpu < 0.3,
            "{mode:?}: {cpu} s in the row, {done_cpu} s in the end"
        );
    }
}

#[test]
fn run_json_says_what_was_run_and_what_came_of_it() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2", "--seed", "42", "--max-delay", "2s"]);
    let mut client = target.connect();
    for path in ["/health", "/io?ms=1", "/nowhere"] {
        client.get(path).unwrap();
    }
    drop(client);
    at_rest(&target);
    let left = target.end();
    let record = record(&left);
    assert_eq!(record["version"], env!("CARGO_PKG_VERSION"));
    assert_eq!((&record["seed"], &record["config"]["mode"]), (&42.into(), &"cluster".into()), "{record}");
    assert_eq!((&record["config"]["workers"], &record["config"]["max_delay"]), (&2.into(), &"2s".into()));
    assert_eq!(record["config"]["max_connections"], 16384, "defaults are written down too");
    let command = record["command"].as_array().unwrap();
    assert!(command.iter().any(|word| word == "--seed") && command.iter().any(|word| word == "42"), "{record}");
    assert!(record["limits"]["open_files"].as_u64().unwrap() > 0, "{record}");
    assert!(record["machine"]["cpus"].as_u64().unwrap() > 0 && record["machine"]["kernel"].is_string(), "{record}");
    assert!(record["machine"]["settings"]["net.core.somaxconn"].is_string(), "{record}");
    assert!(record["commit"].is_string() && record["started"].is_string(), "{record}");
    let totals = &record["totals"];
    for name in ["requests", "errors", "lost", "rejected", "refused", "rss_peak_bytes"] {
        assert_eq!(totals[name].as_u64(), Some(left.done(name)), "{name} in {totals} {:?}", left.done);
    }
    assert_eq!((&totals["requests"], &totals["accepts"]), (&3.into(), &1.into()), "{totals}");
}

#[test]
fn events_csv_has_its_header_from_the_start() {
    let (_, left) = loaded(&["--mode", "single"]);
    let text = std::fs::read_to_string(left.directory.path().join("run/events.csv")).unwrap();
    assert_eq!(text.lines().next(), Some("ts_utc,epoch_ms,elapsed_s,kind,slot,generation,pid,detail,plans"));
}

#[test]
fn no_csv_writes_nothing() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--no-csv", "--run-dir", "run"]].concat());
        assert_eq!(target.ready["run"], "off", "{mode:?}");
        target.get("/health");
        let left = target.end();
        assert_eq!((left.done("requests"), &*left.done["csv"]), (1, "off"), "{mode:?}");
        assert!(left.done("rss_peak_bytes") > 0, "{mode:?}: it is measured all the same");
        let entries = std::fs::read_dir(left.directory.path()).unwrap();
        let names: Vec<_> = entries.map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(names, ["stderr"], "{mode:?}: only what the test itself has made");
    }
}

#[test]
fn a_row_every_50_ms() {
    let target = Target::start(&["--mode", "single", "--sample-interval", "50ms"]);
    let resources = target.run_directory().join("resources.csv");
    wait_for("twenty rows", || (rows(&resources).len() >= 20).then_some(()));
    let all = target.end().csv("resources.csv");
    // Deadlines are whole multiples of the interval, but for the first row and the last.
    for row in &all[1..all.len() - 1] {
        let due_ms = number(row, "elapsed_s") * 1e3 - number(row, "late_ms");
        let from_a_deadline = (due_ms / 50.0 - (due_ms / 50.0).round()).abs() * 50.0;
        assert!(from_a_deadline < 0.01, "due at {due_ms} ms: {row:?}");
    }
}

#[test]
fn the_default_directory_is_named_for_time_mode_and_instance() {
    let directory = tempfile::TempDir::new().unwrap();
    let arguments = [
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
        "--mode",
        "threads",
        "--workers",
        "1",
        "--instance",
        "b",
    ];
    let command = crate::support::target::command(&arguments, directory.path());
    let target = Target::start_with(command, directory);
    let name = target.ready["run"].clone();
    let time = name
        .strip_prefix("runs/")
        .and_then(|name| name.strip_suffix("Z-threads-b"))
        .unwrap_or_else(|| panic!("{name}"));
    assert_eq!(time.len(), "2026-01-02T03-04-05".len(), "{name}");
    let left = target.end();
    assert_eq!(left.done["csv"], format!("{name}/resources.csv"));
    for file in ["resources.csv", "workers.csv", "routes.csv", "latency.hlog", "events.csv", "run.json"] {
        assert!(left.directory.path().join(&name).join(file).is_file(), "{file}");
    }
}
