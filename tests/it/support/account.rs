//! The account: what the target says of its requests, held against what the clients know of them, and one thing it
//! says against the other.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};

use serde_json::Value;

use super::client::Client;
use super::load::Tally;
use super::target::{Left, Target, at_rest, stats_over};
use super::wait_for;

/// How a worker's counters are called in `/stats`, where each also is a total.
const COUNTERS: [&str; 5] = ["started", "finished", "lost", "in_flight", "connections"];

/// Counters that stand in both CSV files, the target's being the sum of the slots'.
const COLUMNS: [&str; 10] = [
    "requests_total",
    "errors_total",
    "lost_total",
    "rejected_total",
    "accepts_total",
    "refused_total",
    "client_gone_total",
    "broken_total",
    "shed_total",
    "rate_limited_total",
];

/// Requests in all.
#[derive(Clone, Copy, Debug)]
struct Requests {
    started: u64,
    finished: u64,
    lost: u64,
}

/// Waits for rest, checks what the target says, ends it, and checks what it leaves. `killed`: whether a worker was, so
/// that requests may have gone with it.
pub fn settle(target: Target, clients: &Tally, killed: bool) -> Left {
    check(&at_rest(&target), clients, killed);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    check_left(&left, clients, killed);
    left
}

/// Checks `/stats` of a target at rest.
pub fn check(stats: &Value, clients: &Tally, killed: bool) {
    let totals = &stats["totals"];
    let requests = Requests {
        started: count(totals, "started"),
        finished: count(totals, "finished"),
        lost: count(totals, "lost"),
    };
    balance(requests, clients, killed);
    assert_eq!((&totals["in_flight"], &totals["connections"]), (&0.into(), &0.into()), "{totals}");
    consistent(stats);
    // Who waited for every answer was disappointed by faults alone. What a killed worker has broken may be among the lost.
    let broken = broken(stats);
    assert!(
        broken <= clients.failed && (killed || broken == clients.failed),
        "{broken} broken: {clients:?} {stats}"
    );
    // A worker that is killed between an answer's bucket and the count of finished leaves one of them alone.
    let recorded = recorded(stats);
    let most = if killed { requests.finished + requests.lost } else { requests.finished };
    assert!((requests.finished..=most).contains(&recorded), "{recorded} recorded: {stats}");
    if !killed {
        for name in ["client_gone", "broken_by_fault", "shed", "rate_limited"] {
            let sum: u64 = routes(stats).map(|route| count(route, name)).sum();
            assert_eq!(sum, count(totals, name), "{name}: {stats}");
        }
        let statuses: u64 = stats["status"].as_object().unwrap().values().map(number).sum();
        assert_eq!(statuses, count(totals, "answered"), "{stats}");
    }
}

/// Checks what a target left: its files and its last line.
pub fn check_left(left: &Left, clients: &Tally, killed: bool) {
    let resources = left.csv("resources.csv");
    let end = resources.last().expect("a row");
    let (finished, lost) = (cell(end, "requests_total"), cell(end, "lost_total"));
    let requests = Requests { started: finished + lost, finished, lost };
    balance(requests, clients, killed);
    assert_eq!(end["inflight"], "0", "{end:?}");
    assert_eq!((left.done("requests"), left.done("lost")), (finished, lost), "{:?}", left.done);
    for (name, column) in [
        ("client_gone", "client_gone_total"),
        ("broken", "broken_total"),
        ("shed", "shed_total"),
        ("rate_limited", "rate_limited_total"),
    ] {
        assert_eq!(left.done(name), cell(end, column), "{:?}", left.done);
    }
    let parts = left.done("answered") + left.done("client_gone") + left.done("broken");
    assert_eq!(parts, finished, "{:?}", left.done);
    let record: Value = serde_json::from_slice(&std::fs::read(left.file("run.json")).unwrap()).unwrap();
    assert_eq!(record["totals"]["requests"], finished, "{record}");
    let deltas = deltas(&resources, "requests_total");
    assert_eq!(deltas.iter().sum::<u64>(), finished, "the first row is from before the first request: {deltas:?}");
    let workers = left.csv("workers.csv");
    let of_last: Vec<_> = workers.iter().filter(|row| row["elapsed_s"] == end["elapsed_s"]).collect();
    let mut slots: Vec<&str> = workers.iter().map(|row| row["slot"].as_str()).collect();
    slots.sort_unstable();
    slots.dedup();
    assert_eq!(of_last.len(), slots.len(), "a last row for each slot ever used: {of_last:?}");
    for column in COLUMNS {
        let sum: u64 = of_last.iter().map(|row| cell(row, column)).sum();
        assert_eq!(sum, cell(end, column), "{column}: {of_last:?}");
    }
    let cpu: f64 = of_last.iter().map(|row| figure(row, "cpu_seconds_total")).sum();
    // To a microsecond for each rounded cell.
    assert!(cpu <= figure(end, "cpu_seconds_total") + 0.001, "{cpu} s in {end:?}");
}

/// Every row is there: each interval begins where the row before ended. Each cell is cut off at a microsecond.
pub fn joined(rows: &[HashMap<String, String>]) {
    for pair in rows.windows(2) {
        let elapsed = figure(&pair[1], "elapsed_s") - figure(&pair[0], "elapsed_s");
        assert!(elapsed > 0.0 && (figure(&pair[1], "interval_s") - elapsed).abs() < 3e-6, "{pair:?}");
    }
}

/// The differences of a cumulative column from row to row, none of which is negative.
pub fn deltas(rows: &[HashMap<String, String>], column: &str) -> Vec<u64> {
    let values: Vec<u64> = rows.iter().map(|row| cell(row, column)).collect();
    let differences = values.windows(2).map(|pair| pair[1].checked_sub(pair[0]));
    differences.map(|difference| difference.unwrap_or_else(|| panic!("{column} falls: {values:?}"))).collect()
}

/// A cell that is a number with a fraction.
pub fn figure(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|error| panic!("{column}: {error}: {row:?}"))
}

fn cell(row: &HashMap<String, String>, column: &str) -> u64 {
    row[column].parse().unwrap_or_else(|error| panic!("{column}: {error}: {row:?}"))
}

fn balance(requests: Requests, clients: &Tally, killed: bool) {
    let Requests { started, finished, lost } = requests;
    let context = format!("{requests:?} {clients:?}");
    assert_eq!(started, finished + lost, "{context}");
    assert_eq!(clients.sent, clients.answered + clients.failed, "{context}");
    if killed {
        assert!(clients.answered <= started, "{context}");
        assert!(started <= clients.sent && clients.sent - started <= clients.failed, "{context}");
    } else {
        let ended = clients.answered + clients.failed;
        assert_eq!((clients.sent, ended, lost), (started, finished, 0), "{context}");
    }
}

/// Holds in every reading, also of a busy target: the workers add up to the totals, and nothing that ended had not
/// begun.
fn consistent(stats: &Value) {
    let workers = stats["workers"].as_array().unwrap();
    for counter in COUNTERS {
        let sum: u64 = workers.iter().map(|worker| count(worker, counter)).sum();
        assert_eq!(sum, count(&stats["totals"], counter), "{counter}: {stats}");
    }
    for of in workers.iter().chain([&stats["totals"]]) {
        let ended = count(of, "finished") + count(of, "lost");
        assert_eq!(count(of, "started"), ended + count(of, "in_flight"), "in flight is never negative: {stats}");
    }
    let totals = &stats["totals"];
    let parts = ["answered", "client_gone", "broken_by_fault"].map(|part| count(totals, part));
    assert_eq!(parts.iter().sum::<u64>(), count(totals, "finished"), "{stats}");
    assert!(count(totals, "shed") <= count(totals, "answered"), "{stats}");
    let reasons: u64 = stats["rejections"].as_object().unwrap().values().map(number).sum();
    assert_eq!(reasons, count(totals, "rejected"), "{stats}");
    let statuses: u64 = stats["status"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    let of_routes: u64 =
        routes(stats).flat_map(|route| route["status"].as_object().unwrap().values()).map(number).sum();
    assert_eq!(statuses, of_routes, "{stats}");
    assert!(recorded(stats) >= count(&stats["totals"], "finished"), "{stats}");
    // Read first, what counts as an error can't be more.
    assert!(count(&stats["totals"], "errors") <= broken(stats) + server_errors(stats), "{stats}");
}

/// Requests that faults have broken off.
fn broken(stats: &Value) -> u64 {
    routes(stats).map(|route| count(route, "broken_by_fault")).sum()
}

/// Answers with a status from 500 on.
fn server_errors(stats: &Value) -> u64 {
    let statuses = stats["status"].as_object().unwrap().iter();
    statuses.filter(|(status, _)| status.as_str() >= "500").map(|(_, count)| number(count)).sum()
}

/// Answers, departed clients and broken connections, by the routes' buckets.
fn recorded(stats: &Value) -> u64 {
    routes(stats).map(|route| count(route, "finished")).sum()
}

fn routes(stats: &Value) -> impl Iterator<Item = &Value> {
    stats["routes"].as_array().unwrap().iter()
}

fn count(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} in {of}"))
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

/// Reads `/stats` again and again while something else goes on, and holds each reading against the one before.
pub struct Watch {
    stop: Arc<AtomicBool>,
    readings: Arc<AtomicU64>,
    reader: JoinHandle<()>,
}

impl Watch {
    /// Of a target that so many clients use, each with at most one request at a time.
    pub fn start(target: &Target, clients: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, admin) = (Arc::clone(&stop), target.ready["admin"].clone());
        let readings = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&readings);
        let reader = thread::spawn(move || {
            let (mut before, mut open) = (BTreeMap::new(), None);
            while !stopped.load(Relaxed) {
                // While there is no observer, nobody answers.
                let Some(mut client) = open.take().or_else(|| Client::connect(&admin).ok()) else { continue };
                let Ok(stats) = stats_over(&mut client, &admin) else { continue };
                open = Some(client);
                consistent(&stats);
                plausible(&stats, clients);
                before = grown(&before, &stats);
                counted.fetch_add(1, Relaxed);
            }
        });
        Self { stop, readings, reader }
    }

    /// Waits for so many readings.
    pub fn reads(&self, wanted: u64) {
        // A reader that has ended has found something wrong; `stop` says what.
        wait_for("readings", || (self.readings.load(Relaxed) >= wanted || self.reader.is_finished()).then_some(()));
    }

    /// At least some readings, none of them wrong.
    pub fn stop(self) {
        self.stop.store(true, Relaxed);
        self.reader.join().unwrap();
        let readings = self.readings.load(Relaxed);
        assert!(readings > 10, "{readings} readings are too few to say anything");
    }
}

/// No slot has more in flight than all clients have open. A worker that was interrupted between its write and the record
/// of it still has one that its client does not know of; a slot has two workers at most.
fn plausible(stats: &Value, clients: u64) {
    for worker in stats["workers"].as_array().unwrap() {
        assert!(count(worker, "in_flight") <= clients + 2, "{clients} clients: {worker}");
    }
}

/// Every counter, none below what it was.
fn grown(before: &BTreeMap<String, f64>, stats: &Value) -> BTreeMap<String, f64> {
    const FALLING: [&str; 5] = ["in_flight", "connections", "pool", "db", "arrivals"];
    let mut counters = BTreeMap::new();
    let mut keep = |name: String, value: &Value| counters.insert(name, value.as_f64().unwrap());
    let totals = stats["totals"].as_object().unwrap();
    for (name, value) in totals.iter().filter(|(name, _)| !FALLING.contains(&name.as_str())) {
        match value.as_object() {
            Some(parts) => parts.iter().for_each(|(part, value)| _ = keep(format!("total {name} {part}"), value)),
            None => _ = keep(format!("total {name}"), value),
        }
    }
    for (name, value) in stats["status"].as_object().unwrap() {
        keep(format!("status {name}"), value);
    }
    for route in routes(stats) {
        keep(format!("route {}", route["route"]), &route["finished"]);
    }
    for worker in stats["workers"].as_array().unwrap() {
        for name in ["generation", "started", "finished", "lost", "cpu_seconds"] {
            keep(format!("worker {} {name}", worker["slot"]), &worker[name]);
        }
    }
    for (name, was) in before {
        assert!(counters.get(name).is_some_and(|is| is >= was), "{name} was {was}: {stats}");
    }
    counters
}
