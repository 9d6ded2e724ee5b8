//! The live page asks nobody else for anything, its events come with every tick, and no figure of `/metrics` falls.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use rustix::net::sockopt;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::Response;
use crate::support::load::Load;
use crate::support::target::{MODES, Target, at_rest, send};
use crate::support::wait_for;

const CLUSTER: [&str; 4] = ["--mode", "cluster", "--workers", "2"];

fn ask(target: &Target, path: &str) -> Response {
    let mut client = target.admin();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
    client.receive().unwrap()
}

/// Asks for the events. By HTTP/1.0, whose answers have no chunks.
fn events(target: &Target) -> TcpStream {
    let mut stream = TcpStream::connect(&target.ready["admin"]).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    stream
        .write_all(format!("GET /events HTTP/1.0\r\nHost: {}\r\n\r\n", target.ready["admin"]).as_bytes())
        .unwrap();
    stream
}

/// Resident memory of a process.
fn resident(pid: u32) -> u64 {
    let figures = std::fs::read_to_string(format!("/proc/{pid}/statm")).unwrap();
    let pages: u64 = figures.split(' ').nth(1).unwrap().parse().unwrap();
    pages * rustix::param::page_size() as u64
}

/// A client that reads them.
struct Listener(BufReader<TcpStream>);

impl Listener {
    fn open(target: &Target) -> Self {
        let mut listener = Self(BufReader::new(events(target)));
        let head = listener.lines_to_an_empty_one();
        assert!(head[0].contains(" 200 "), "{head:?}");
        assert!(head.iter().any(|line| line.eq_ignore_ascii_case("content-type: text/event-stream")), "{head:?}");
        listener
    }

    fn lines_to_an_empty_one(&mut self) -> Vec<String> {
        let mut lines = Vec::new();
        loop {
            let mut line = String::new();
            assert!(self.0.read_line(&mut line).unwrap() > 0, "the events ended after {lines:?}");
            match line.trim_end() {
                "" => return lines,
                line => lines.push(line.to_owned()),
            }
        }
    }

    /// The data of the next message of a name.
    fn next(&mut self, name: &str) -> Value {
        loop {
            let message = self.lines_to_an_empty_one();
            let field = |name: &str| message.iter().find_map(|line| line.strip_prefix(name)).expect("each field");
            if field("event: ") == name {
                return serde_json::from_str(field("data: ")).unwrap();
            }
        }
    }
}

fn figure(row: &Value, name: &str) -> f64 {
    row[name].as_f64().unwrap_or_else(|| panic!("{name} in {row}"))
}

#[test]
fn nothing_comes_from_elsewhere_and_nothing_is_inline() {
    let target = Target::start(&["--mode", "single"]);
    let page = ask(&target, "/");
    let html = page.text();
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    for inline in ["<style", " style=", "<script>", " onclick=", " onload=", "javascript:"] {
        assert!(!html.contains(inline), "{inline}");
    }
    let named = |text: &str, attribute: &str| {
        let after = text.split(attribute).skip(1);
        after.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let mut files = named(&html, "src=\"");
    files.extend(named(&html, "href=\"").into_iter().filter(|path| path.starts_with("page/")));
    let modules = [
        "dom", "faults", "figures", "listen", "marking", "plans", "plot", "plots", "reach", "run", "shared",
        "state", "tables", "words",
    ];
    files.extend(modules.map(|name| format!("page/{name}.js")));
    files.extend(["page/gone.svg".to_owned(), String::new()]);
    assert!(files.len() > 6, "{files:?}");
    for path in files.iter().map(|path| format!("/{path}")) {
        let file = ask(&target, &path);
        assert_eq!(file.status, 200, "{path}");
        let policy = file.header("content-security-policy").unwrap_or_else(|| panic!("no policy for {path}"));
        assert!(policy.starts_with("default-src 'none';") && !policy.contains("unsafe"), "{policy}");
        assert_eq!(file.header("x-content-type-options"), Some("nosniff"), "{path}");
        let text = file.text();
        // The name of a namespace, and where the plots' library is from; neither is fetched.
        let text = text.replace("http://www.w3.org/2000/svg", "").replace("https://github.com/leeoniya/uPlot", "");
        assert!(!text.contains("://"), "{path} names an address");
    }
}

#[test]
fn every_tick_is_told_and_its_figures_move_under_load() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut listener = Listener::open(&target);
        let hello = listener.next("hello");
        assert_eq!((&hello["mode"], &hello["profile"]), (&mode[1].into(), &"default".into()), "{hello}");
        let columns = hello["columns"].as_array().unwrap();
        for row in hello["rows"].as_array().unwrap() {
            assert_eq!(row.as_array().unwrap().len(), columns.len());
        }
        let mut before = listener.next("tick");
        for column in columns {
            assert!(before.get(column.as_str().unwrap()).is_some(), "{column} in {before}");
        }
        let load = Load::start(target.address(), "/io?ms=1", 2);
        let mut moved = 0;
        while moved < 3 {
            let tick = listener.next("tick");
            // No tick is left out: the row's own interval leads to the row before.
            let since = figure(&tick, "elapsed_s") - figure(&before, "elapsed_s");
            assert!((since - figure(&tick, "interval_s")).abs() < 3e-6, "{mode:?}: {before} {tick}");
            let workers = tick["workers"].as_array().unwrap();
            let sum: u64 = workers.iter().map(|worker| worker["requests_total"].as_u64().unwrap()).sum();
            assert_eq!(Some(sum), tick["requests_total"].as_u64(), "{mode:?}: {tick}");
            moved += u32::from(figure(&tick, "requests_total") > figure(&before, "requests_total"));
            before = tick;
        }
        assert!(figure(&before, "requests_total") > 0.0);
        load.stop();
    }
}

#[test]
fn a_killed_worker_and_a_fault_plan_are_told() {
    let target = Target::start(&CLUSTER);
    let mut listener = Listener::open(&target);
    let plan = serde_json::json!([{"name": "later", "route": "/io", "kinds": [{"kind": "empty", "rate": 0.5}],
        "window": {"from": "1h", "to": "2h"}}]);
    target.order_faults(&plan);
    let is_plan =
        |event: &Value| event["kind"] == "fault plan" && event["detail"].as_str().unwrap().contains("later");
    wait_for("the order as an event", || Some(listener.next("event")).filter(is_plan));
    let tick = wait_for("the plan in a tick", || {
        Some(listener.next("tick")).filter(|tick| tick["faults"] != Value::Array(vec![]))
    });
    let shown = &tick["faults"][0];
    assert_eq!((&shown["plan"]["name"], &shown["open"]), (&"later".into(), &false.into()), "{shown}");
    assert!((3_500.0..=3_600.0).contains(&figure(shown, "changes_in_s")), "{shown}");
    send(target.worker(1).pid, Signal::KILL);
    let ended =
        wait_for("its end", || Some(listener.next("event")).filter(|event| event["kind"] == "worker-ended"));
    assert_eq!((&ended["slot"], &ended["generation"]), (&1.into(), &1.into()), "{ended}");
    let is_next = |tick: &Value| tick["workers"][1]["generation"] == 2 && tick["workers"][1]["state"] == "live";
    wait_for("its successor in a tick", || Some(listener.next("tick")).filter(is_next));
    // A page that is opened now is told what happened before.
    let hello = Listener::open(&target).next("hello");
    let kinds: Vec<&str> =
        hello["events"].as_array().unwrap().iter().map(|event| event["kind"].as_str().unwrap()).collect();
    assert!(kinds.contains(&"worker-ended") && kinds.contains(&"fault plan"), "{kinds:?}");
}

#[test]
fn a_page_is_told_at_once_what_there_is_and_not_at_the_next_tick() {
    let target = Target::start(&[&CLUSTER[..], &["--sample-interval", "1m"]].concat());
    let plan = serde_json::json!([{"name": "first", "route": "/io", "kinds": [{"kind": "empty", "rate": 1.0}],
        "window": {"after": 1, "count": 2}}]);
    target.order_faults(&plan);
    let stands = |open: bool, over: bool| {
        let hello = Listener::open(&target).next("hello");
        let fault = &hello["faults"][0];
        assert_eq!((&fault["open"], &fault["over"]), (&open.into(), &over.into()), "{fault}");
        hello
    };
    let hello = stands(false, false);
    assert_eq!(hello["workers"].as_array().map(Vec::len), Some(2), "{hello}");
    assert_eq!((&hello["routes"], &hello["more_routes"]), (&Value::Array(vec![]), &0.into()), "{hello}");
    let mark = target.admin_post("/marks", r#"{"phase": "b"}"#);
    assert_eq!(mark.status, 201);
    let get = |path: &str| {
        let mut client = target.connect();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
        let _ = client.receive();
    };
    get("/io?ms=1");
    let told = &stands(true, false)["marks"][0];
    // To a microsecond.
    assert!((figure(told, "elapsed_s") - figure(&mark.json(), "elapsed_s")).abs() < 2e-6, "{told}");
    assert_eq!(told["phase"], "b");
    get("/io?ms=1");
    get("/io?ms=1");
    stands(false, true);
    target.order_faults(&serde_json::json!([{"name": "second", "kinds": [{"kind": "empty", "rate": 0.0}],
        "window": {"every": "10s", "for": "1s"}}]));
    let hello = Listener::open(&target).next("hello");
    let (now, past) = (&hello["faults"][0], &hello["ended_faults"][0]);
    assert_eq!(now["window_s"], serde_json::json!({"every": 10.0, "for": 1.0}));
    assert_eq!(past["plan"]["name"], "first");
    assert!((figure(past, "ended_s") - figure(now, "began_s")).abs() < 0.1, "{past} {now}");
}

#[test]
fn a_worker_that_says_nothing_and_the_busiest_routes_are_in_the_tick() {
    let target = Target::start(&[&CLUSTER[..], &["--sample-interval", "100ms"]].concat());
    let load = Load::start(target.address(), "/io?ms=1", 2);
    let mut listener = Listener::open(&target);
    let busiest = |tick: &Value| tick["routes"][0]["route"] == "/io" && figure(&tick["routes"][0], "rps") > 0.0;
    wait_for("a route", || Some(listener.next("tick")).filter(busiest));
    load.stop();
    let stopped = target.worker(1).pid;
    send(stopped, Signal::STOP);
    let age = |tick: &Value, slot: usize| figure(&tick["workers"][slot], "beat_age_ms");
    // After a pause of the machine, both are silent at first.
    let is_silent = |tick: &Value| age(tick, 1) > 1_000.0 && age(tick, 0) < age(tick, 1);
    wait_for("its silence", || Some(listener.next("tick")).filter(is_silent));
    send(stopped, Signal::CONT);
    wait_for("its beat", || Some(listener.next("tick")).filter(|tick| age(tick, 1) < 1_000.0));
}

#[test]
fn a_new_observer_tells_what_happened_before_it_and_the_last_one_that_the_run_ends() {
    let target = Target::start(&CLUSTER);
    assert_eq!(target.admin_post("/marks", r#"{"phase": "b"}"#).status, 201);
    send(target.worker(1).pid, Signal::KILL);
    target.shows(1, "live");
    let before = target.observer();
    let mut listener = Listener::open(&target);
    listener.next("tick");
    send(before, Signal::KILL);
    wait_for("another observer", || (target.observer() != before).then_some(()));
    let mut listener = Listener::open(&target);
    let hello = listener.next("hello");
    let events = hello["events"].as_array().unwrap();
    for kind in ["ready", "mark", "worker-ended", "observer-respawn"] {
        let told: Vec<&Value> = events.iter().filter(|event| event["kind"] == kind).collect();
        assert_eq!(told.len(), 1, "{kind} in {hello}");
        assert!(figure(told[0], "elapsed_s") > 0.0 && figure(told[0], "epoch_ms") > 0.0, "{told:?}");
    }
    assert_eq!(hello["marks"][0]["phase"], "b");
    let (columns, rows) = (hello["columns"].as_array().unwrap(), hello["rows"].as_array().unwrap());
    let at = columns.iter().position(|name| name == "elapsed_s").unwrap();
    assert!(figure(&hello["marks"][0], "elapsed_s") > rows[0][at].as_f64().unwrap(), "the rows go back before it");
    assert!(rows.iter().all(|row| row.as_array().unwrap().len() == columns.len()), "{hello}");
    target.signal(Signal::TERM);
    assert!(
        wait_for("the drain", || Some(listener.next("event")).filter(|event| event["kind"] == "drain"))["detail"]
            .as_str()
            .unwrap()
            .contains("TERM")
    );
    assert!(figure(&listener.next("end"), "elapsed_s") > 0.0);
    assert_eq!(target.wait().code, Some(0));
}

#[test]
fn a_client_that_never_reads_is_dropped_and_counted_and_no_other_is() {
    // Large messages, and many of them.
    let target = Target::start(&["--mode", "threads", "--workers", "24", "--sample-interval", "50ms"]);
    let mut listener = Listener::open(&target);
    let before = resident(target.pid());
    let mut idle = events(&target);
    sockopt::set_socket_recv_buffer_size(&idle, 4096).unwrap();
    // Reads for as long as there is something to read.
    let (tell, told) = mpsc::channel();
    let reading = thread::spawn(move || while tell.send(figure(&listener.next("tick"), "elapsed_s")).is_ok() {});
    // Where buffers fill slowly it takes them, and then 10 s.
    let begun = Instant::now();
    while target.stats()["sse_dropped"] == 0 {
        assert!(begun.elapsed() < Duration::from_mins(1), "it was not dropped");
        told.recv_timeout(Duration::from_secs(20)).expect("a tick");
    }
    // What it did not take was not kept for it: some 256 KiB, and what ticks leave behind.
    let grown = resident(target.pid()).saturating_sub(before);
    assert!(grown < 4 * 1024 * 1024, "{grown} bytes for a client that does not read");
    // Its connection has ended.
    let mut rest = Vec::new();
    let _ = idle.read_to_end(&mut rest);
    assert!(rest.len() < 4 * 1024 * 1024, "{}", rest.len());
    // The other one is told of what comes after it.
    let now = told.recv_timeout(Duration::from_secs(20)).expect("a tick");
    let now = told.try_iter().last().unwrap_or(now);
    wait_for("a later tick", || told.try_iter().last().filter(|elapsed_s| *elapsed_s > now));
    assert_eq!(target.stats()["sse_dropped"], 1);
    drop(told);
    reading.join().unwrap();
}

#[test]
fn there_are_so_many_listeners_and_the_next_is_told_so() {
    let target = Target::start(&["--mode", "single"]);
    let mut listeners: Vec<Listener> = (0..32).map(|_| Listener::open(&target)).collect();
    let refused = ask(&target, "/events");
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.json()["error"].as_str().unwrap().starts_with("32 clients"));
    for listener in &mut listeners {
        listener.next("tick");
    }
    drop(listeners);
    wait_for("room", || (ask_head(&target) == 200).then_some(()));
}

/// The status of an answer that does not end.
fn ask_head(target: &Target) -> u16 {
    let mut stream = BufReader::new(events(target));
    let mut line = String::new();
    stream.read_line(&mut line).unwrap();
    line.split(' ').nth(1).unwrap().parse().unwrap()
}

/// Every series of `/metrics` that only grows, and all others, with their values.
struct Scrape {
    growing: BTreeMap<String, f64>,
    other: BTreeMap<String, f64>,
}

impl Scrape {
    fn of(target: &Target) -> Self {
        let answer = ask(target, "/metrics");
        assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4; charset=utf-8"));
        let (mut growing, mut other) = (BTreeMap::new(), BTreeMap::new());
        let mut kind = String::new();
        for line in answer.text().lines() {
            if let Some(described) = line.strip_prefix("# TYPE ") {
                described.split(' ').next_back().unwrap().clone_into(&mut kind);
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                let place = if kind == "gauge" { &mut other } else { &mut growing };
                assert!(place.insert(series.to_owned(), value.parse().unwrap()).is_none(), "{series} twice");
            }
        }
        Self { growing, other }
    }

    /// The sum of all series of a name.
    fn sum(&self, name: &str) -> f64 {
        let of_name = |series: &str| series.split('{').next() == Some(name);
        self.growing.iter().filter(|(series, _)| of_name(series)).map(|(_, value)| value).sum()
    }

    fn generation(&self, slot: usize) -> f64 {
        self.other[&format!("quintain_worker_generation{{slot=\"{slot}\"}}")]
    }

    fn follows(&self, before: &Self) {
        for (series, was) in &before.growing {
            let is = self.growing.get(series).unwrap_or_else(|| panic!("{series} is gone"));
            assert!(is >= was, "{series} fell from {was} to {is}");
        }
    }
}

#[test]
fn metrics_only_grow_over_deaths_and_reloads_and_end_as_the_account() {
    let target = Target::start(&CLUSTER);
    let load = Load::start(target.address(), "/io?ms=1", 3);
    load.answers(20);
    let mut before = Scrape::of(&target);
    let mut until = |what: &str, is_so: &dyn Fn(&Scrape) -> bool| {
        wait_for(what, || {
            let scrape = Scrape::of(&target);
            scrape.follows(&before);
            let reached = is_so(&scrape);
            before = scrape;
            reached.then_some(())
        });
    };
    for death in 1..=2 {
        send(target.shows(1, "live").pid, Signal::KILL);
        until("a successor", &|scrape| scrape.generation(1) >= f64::from(death) + 1.0);
    }
    target.shows(1, "live");
    target.signal(Signal::HUP);
    until("new workers", &|scrape| scrape.generation(0) >= 2.0 && scrape.generation(1) >= 4.0);
    load.answers(20);
    load.stop();
    let stats = at_rest(&target);
    #[allow(clippy::cast_precision_loss)]
    let (finished, lost) =
        (stats["totals"]["finished"].as_u64().unwrap() as f64, stats["totals"]["lost"].as_u64().unwrap() as f64);
    let same = |one: f64, other: f64| (one - other).abs() < 0.5;
    until("the account in a tick", &|scrape| {
        let requests = scrape.sum("quintain_requests_total") + scrape.sum("quintain_unanswered_requests_total");
        same(requests, finished)
            && same(scrape.sum("quintain_worker_requests_total"), finished)
            && same(scrape.sum("quintain_lost_requests_total"), lost)
            && same(scrape.sum("quintain_request_duration_seconds_count"), finished)
            && same(scrape.sum("quintain_service_duration_seconds_count"), finished)
    });
    assert!(before.other["quintain_snapshot_age_seconds"] >= 0.0);
    let bucket = |bound: &str| {
        before.growing
            [&format!("quintain_request_duration_seconds_bucket{{method=\"GET\",route=\"/io\",le=\"{bound}\"}}")]
    };
    let all = before.growing["quintain_request_duration_seconds_count{method=\"GET\",route=\"/io\"}"];
    assert!(bucket("0.0001") < all && same(bucket("+Inf"), all), "a wait of 1 ms takes more than 0.1 ms");
    let mean = before.sum("quintain_request_duration_seconds_sum") / all;
    assert!(mean >= 0.001, "{mean}");
}

#[test]
fn the_rows_can_be_downloaded_while_the_run_goes_on() {
    let target = Target::start(&CLUSTER);
    let path = target.run_directory().join("resources.csv");
    let has_rows = |rows: &String| rows.lines().count() > 3;
    wait_for("a few rows", || std::fs::read_to_string(&path).ok().filter(has_rows));
    let answer = ask(&target, "/resources.csv");
    assert_eq!((answer.status, answer.header("content-type")), (200, Some("text/csv; charset=utf-8")));
    assert!(answer.body.len() > 1_000 && answer.body.ends_with(b"\n"), "whole rows");
    let file = std::fs::read(&path).unwrap();
    assert!(file.starts_with(&answer.body), "what the file had when it was asked for");
}
