//! A real observer on a thread, over a scoreboard whose worker is the test.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::JoinHandle;
use std::time::Instant;

use serde_json::{Value, json};

mod broken_seat;

use super::*;
use crate::config::{Addresses, Config};
use crate::control::{News, Order};
use crate::control::{Received, SupervisorEnd, channel, standing};
use crate::event::{Event, EventKind, Whose};
use crate::scoreboard::{Finished, Outcome, SeatState, SeatWriter, Times};
use crate::sys::listener::{self, Claim};
use crate::sys::unix_listener;

struct Running {
    control: SupervisorEnd,
    thread: JoinHandle<Result<(), String>>,
    admin: SocketAddr,
}

fn board() -> (Arc<Scoreboard>, SeatWriter) {
    let board = Scoreboard::map(2).unwrap();
    board.head().routes.append("", "(none)");
    board.head().routes.append("GET", "/io");
    let slot = &board.slots()[0];
    slot.occupy(0, 1, 1);
    slot.roster(0).set_pid(std::process::id());
    slot.roster(0).set_state(SeatState::Live);
    let writer = SeatWriter::new(Arc::clone(&board), 0, 0);
    (board, writer)
}

fn one_request(writer: &SeatWriter, status: u16) {
    writer.started();
    let outcome = Outcome::Answered(status);
    let times = Some(Times { queue_ns: Some(1_000), loop_ns: 0, service_ns: 200_000_000, latency_ns: 200_001_000 });
    writer.finished(&Finished { route: 1, outcome, times });
}

fn observe(
    board: &Arc<Scoreboard>,
    processes: Processes,
    directory: Option<&Path>,
    token: Option<&str>,
) -> Running {
    let (above, control) = channel().unwrap();
    let listener = listener::tcp("127.0.0.1:0".parse().unwrap(), 16, Claim::First).unwrap();
    let admin = listener::address_of(&listener).unwrap();
    let observation = Observation {
        admin: Some(Admin {
            listeners: vec![AdminListener::Tcp { listener, loopback: true }],
            token: token.map(str::to_owned),
        }),
        processes,
        files: directory
            .map(|directory| RunFiles { directory: directory.to_owned(), record: json!({ "version": "0" }) }),
        ..observation(Arc::clone(board), control)
    };
    let thread = std::thread::spawn(move || run(observation));
    until("the observer is ready", || matches!(above.receive(), Ok(Received::Message(Report::Ready, _))));
    Running { control: above, thread, admin }
}

/// Of one process, with nothing to write and nobody to ask.
fn observation(board: Arc<Scoreboard>, control: MemberEnd) -> Observation {
    Observation {
        board,
        control,
        admin: None,
        config: Config::of(&[("sample-interval", "50ms")]),
        has_database: false,
        addresses: Addresses::default(),
        processes: one_process(),
        rules: crate::fault::Rules::none(),
        listeners: Vec::new(),
        drops_before: 0.into(),
        files: None,
        started_ns: clock::monotonic_ns(),
        status: Status::Off,
    }
}

fn one_process() -> Processes {
    Processes::OneProcess { clocks: Arc::new(vec![Default::default(), Default::default()]) }
}

impl Running {
    fn finish(self) {
        self.control.send(&Order::Finish, &[]).unwrap();
        self.thread.join().unwrap().unwrap();
    }

    fn ask(&self, request: &str) -> (u16, String, String) {
        let mut stream = TcpStream::connect(self.admin).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head[9..12].parse().unwrap(), head.to_lowercase(), body.to_owned())
    }

    fn get(&self, path: &str) -> (u16, String, String) {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    fn post_ready(&self, body: &str, header: &str) -> (u16, Value) {
        let length = body.len();
        let (status, _, body) = self.ask(&format!(
            "POST /ready HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\
             {header}Content-Length: {length}\r\n\r\n{body}"
        ));
        (status, serde_json::from_str(&body).unwrap())
    }
}

fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "not within 10 s: {what}");
        std::thread::yield_now();
    }
}

/// The rows of a CSV file, each as its header's names to cells. A row without its line's end is still being written: a
/// reader sees a write page by page.
fn rows(path: &Path) -> Vec<std::collections::HashMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap();
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    ::csv::Reader::from_reader(&text.as_bytes()[..whole]).deserialize().map(|row| row.unwrap()).collect()
}

/// To a worker.
fn event(kind: EventKind) -> Event {
    Event::now(kind).of(Whose { slot: Some(0), generation: None, pid: Some(7) })
}

#[test]
fn a_run_is_written_down_from_its_baseline_to_its_totals() {
    let directory = TestDirectory::new("observer-run");
    let (board, writer) = board();
    let running = observe(&board, one_process(), Some(&directory), None);
    let news = News::Happened(event(EventKind::StartFailed("a, b".to_owned())));
    running.control.send(&Order::News { number: 1, news }, &[]).unwrap();
    writer.accepted(1);
    one_request(&writer, 200);
    one_request(&writer, 503);
    writer.started();
    until("four rows", || rows(&directory.join("resources.csv")).len() >= 4);
    running.finish();

    let resources = rows(&directory.join("resources.csv"));
    assert_eq!((&*resources[0]["interval_s"], &*resources[0]["rps"], &*resources[0]["cpu_pct"]), ("", "", ""));
    assert!(resources[0]["pss_bytes"].parse::<u64>().unwrap() > 0);
    let number = |row: usize, column: &str| resources[row][column].parse::<f64>().unwrap();
    let mut requests = 0.0;
    for row in 1..resources.len() {
        assert!(number(row, "interval_s") > 0.0 && number(row, "rss_bytes") > 0.0 && number(row, "threads") >= 1.0);
        assert!(number(row, "cpu_seconds_total") >= number(row - 1, "cpu_seconds_total"));
        let elapsed = number(row, "elapsed_s") - number(row - 1, "elapsed_s");
        assert!((elapsed - number(row, "interval_s")).abs() < 0.000_01);
        requests += number(row, "rps") * number(row, "interval_s");
    }
    let last = resources.last().unwrap();
    assert!((requests + number(0, "requests_total") - 2.0).abs() < 0.01, "{requests}");
    for (column, cell) in [("requests_total", "2"), ("errors_total", "1"), ("inflight", "1"), ("connections", "1")]
    {
        assert_eq!(last[column], cell, "{column}");
    }
    assert_eq!((&*last["mode"], &*last["phase"], &*last["procs"]), ("single", "run", "1"));
    assert!(!last["pss_bytes"].is_empty());

    let workers = rows(&directory.join("workers.csv"));
    assert_eq!(workers.len(), resources.len());
    let last = workers.last().unwrap();
    assert_eq!(
        (&*last["slot"], &*last["state"], &*last["requests_total"], &*last["rss_bytes"]),
        ("0", "live", "2", "")
    );

    let events = rows(&directory.join("events.csv"));
    assert_eq!(
        (&*events[0]["kind"], &*events[0]["generation"], &*events[0]["detail"]),
        ("start-failed", "", "a, b")
    );

    let record: Value = serde_json::from_slice(&std::fs::read(directory.join("run.json")).unwrap()).unwrap();
    assert_eq!((&record["version"], &record["totals"]["requests"]), (&json!("0"), &json!(2)));
    assert_eq!(record["totals"]["errors"], 1);
    assert!(record["totals"]["duration_s"].as_f64().unwrap() > 0.1);
}

#[test]
fn a_successor_goes_on_in_the_same_files_with_a_true_interval() {
    let directory = TestDirectory::new("observer-respawn");
    let (board, writer) = board();
    let first = observe(&board, one_process(), Some(&directory), None);
    one_request(&writer, 200);
    until("two rows", || rows(&directory.join("resources.csv")).len() >= 2);
    // As if the supervisor had died: the observer ends, and writes no totals.
    drop(first.control);
    first.thread.join().unwrap().unwrap();
    let before = rows(&directory.join("resources.csv"));
    one_request(&writer, 200);
    // The supervisor would hand over the start of the run; the helper takes a later one, which is no matter here.
    let second = observe(&board, one_process(), Some(&directory), None);
    second.finish();

    let rows_after = rows(&directory.join("resources.csv"));
    assert!(rows_after.len() > before.len());
    let (last, next) = (&before[before.len() - 1], &rows_after[before.len()]);
    let milliseconds = |row: &std::collections::HashMap<String, String>| row["epoch_ms"].parse::<f64>().unwrap();
    let interval = next["interval_s"].parse::<f64>().unwrap();
    assert!((milliseconds(next) - milliseconds(last) - interval * 1000.0).abs() < 2.0);
    let gained: f64 =
        next["rps"].parse::<f64>().unwrap() * interval + last["requests_total"].parse::<f64>().unwrap();
    assert!((gained - 2.0).abs() < 0.01, "{gained}");
    let events = rows(&directory.join("events.csv"));
    assert_eq!((events.len(), &*events[0]["kind"], &*events[0]["generation"]), (1, "observer-respawn", "2"));
}

#[test]
fn a_directory_that_is_not_there_is_a_failed_start_with_its_reason() {
    let (board, _writer) = board();
    let (above, control) = channel().unwrap();
    let files = Some(RunFiles { directory: "/nowhere/at/all".into(), record: json!({}) });
    let reason = run(Observation { files, ..observation(board, control) }).unwrap_err();
    assert!(reason.contains("/nowhere/at/all/resources.csv"), "{reason}");
    let Ok(Received::Message(Report::Failed { reason: told }, _)) = above.receive() else { panic!("not told") };
    assert_eq!(told, reason);
}

#[test]
fn in_a_cluster_the_sums_are_over_all_its_processes() {
    let directory = TestDirectory::new("observer-cluster");
    let (board, _writer) = board();
    let mut worker = std::process::Command::new("sleep").arg("60").spawn().unwrap();
    board.slots()[0].roster(0).set_pid(worker.id());
    board.slots()[1].occupy(0, 1, 1);
    let parent = std::os::unix::process::parent_id();
    let running = observe(&board, Processes::Cluster { supervisor: parent }, Some(&directory), None);
    until("two rows", || rows(&directory.join("resources.csv")).len() >= 2);
    worker.kill().unwrap();
    worker.wait().unwrap();
    board.slots()[0].fold(0, 5_000_000_000.into());
    running.finish();
    let resources = rows(&directory.join("resources.csv"));
    let workers = rows(&directory.join("workers.csv"));
    assert_eq!((&*resources[0]["procs"], &*resources.last().unwrap()["procs"]), ("3", "2"));
    assert_eq!((&*workers[0]["procs"], &*workers[0]["threads"]), ("1", "1"));
    // A worker whose process isn't known yet is none.
    assert_eq!(
        (&*workers[1]["procs"], &*workers[1]["state"], &*workers[1]["cpu_seconds_total"]),
        ("0", "starting", "0.000000")
    );
    let ended = &workers[workers.len() - 2];
    assert_eq!((&*ended["procs"], &*ended["cpu_seconds_total"], &*ended["state"]), ("0", "5.000000", "ended"));
    assert!(resources.last().unwrap()["cpu_seconds_total"].parse::<f64>().unwrap() >= 5.0);
}

#[test]
fn stats_are_what_the_scoreboard_says() {
    let (board, writer) = board();
    let running = observe(&board, one_process(), None, None);
    writer.accepted(1);
    one_request(&writer, 200);
    one_request(&writer, 500);
    writer.started();
    let (status, head, body) = running.get("/stats");
    assert_eq!(status, 200, "{body}");
    assert!(head.contains("application/json"), "{head}");
    let told: Value = serde_json::from_str(&body).unwrap();
    let totals = json!({
        "started": 3, "finished": 2, "answered": 2, "client_gone": 0, "broken_by_fault": 0, "shed": 0, "rate_limited": 0, "in_flight": 1, "lost": 0, "rejected": 0, "refused": 0, "errors": 1,
        "bytes_in": 0, "bytes_out": 0, "connections": 1, "connection_seconds": 0.0, "accepts": 1, "listen_drops": null,
        "cache": { "hits": 0, "misses": 0 },
        "pool": { "busy": 0, "queued": 0, "jobs": 0, "wait_seconds": 0.0, "held_seconds": 0.0 },
        "db": {
            "in_use": 0, "waiting": 0, "acquired": 0, "timeouts": 0, "failures": 0, "acquire_seconds": 0.0, "held_seconds": 0.0,
            "answered": 0, "answer_seconds": 0.0, "scans": 0, "scan_seconds": 0.0, "busy_seconds": 0.0, "measured": 0, "cpu_seconds": 0.0,
        },
        "infer": {
            "decoded": 0, "decode_seconds": 0.0, "resize_seconds": 0.0, "pictures": 0, "wait_seconds": 0.0, "runs": 0,
            "run_seconds": 0.0, "cpu_seconds": 0.0,
        },
        "arrivals": { "beat_pairs": 0, "dispersion": null },
    });
    assert_eq!(told["totals"], totals);
    assert_eq!(told["status"], json!({ "200": 1, "500": 1 }));
    let routes = told["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 1);
    assert_eq!(
        (&routes[0]["method"], &routes[0]["route"], &routes[0]["finished"]),
        (&json!("GET"), &json!("/io"), &json!(2))
    );
    assert_eq!(routes[0]["svc_us"]["max"], 200_000.0);
    let median = routes[0]["lat_us"]["p50"].as_f64().unwrap();
    assert!((median / 200_001.0 - 1.0).abs() < 0.0078, "{median}");
    let worker = &told["workers"][0];
    assert_eq!((&worker["slot"], &worker["generation"], &worker["state"]), (&json!(0), &json!(1), &json!("live")));
    assert_eq!(
        (&told["mode"], &told["faults"], &told["quantile_error_pct"]),
        (&json!("single"), &json!([]), &json!(0.78))
    );

    assert_eq!(running.get("/stats?since=start").0, 200);
    assert_eq!(running.get("/stats?since=lunch").0, 404);
    assert_eq!(running.get("/stats?sinse=start").0, 400);
    let (status, _, body) = running.get("/health?what=ever");
    assert_eq!((status, &*body), (200, "ok\n"));
    let (status, _, body) = running.get("/nowhere");
    assert_eq!(status, 404);
    assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string());
    let (status, head, body) =
        running.ask("DELETE /stats HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert_eq!(status, 405);
    assert!(head.contains("allow: get,head"), "{head}");
    assert!(serde_json::from_str::<Value>(&body).unwrap()["error"].is_string());
    assert_eq!(running.ask("GET /stats HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n").0, 421);
    running.finish();
}

#[test]
fn ready_is_answered_when_every_worker_follows_it() {
    let (board, writer) = board();
    let running = observe(&board, one_process(), None, None);
    writer.applied(1);
    assert_eq!(running.post_ready(r#"{"ready": false}"#, ""), (200, json!({ "ready": false, "epoch": 1 })));
    assert!(!standing(&board).1.ready);

    let (status, late) = running.post_ready(r#"{"ready": true}"#, "");
    assert_eq!(status, 504);
    assert!(late["error"].as_str().unwrap().contains("worker 0.1 has not applied"), "{late}");
    assert!(standing(&board).1.ready);

    // Who drains has other orders.
    board.slots()[0].roster(0).set_state(SeatState::Draining);
    assert_eq!(running.post_ready(r#"{"ready": false}"#, "").0, 200);

    let (status, bad) = running.post_ready(r#"{"ready": "no"}"#, "");
    assert_eq!((status, &bad["parameter"], &bad["allowed"]), (400, &json!("ready"), &json!("true or false")));
    assert_eq!(running.post_ready(r#"{"redy": true}"#, "").1["parameter"], "redy");
    assert_eq!(running.post_ready("ready", "").0, 400);
    assert_eq!(running.post_ready(&" ".repeat(70_000), "").0, 413);
    assert_eq!(running.post_ready(r#"{"ready": true}"#, "Origin: http://evil.example\r\n").0, 403);
    assert_eq!(standing(&board).0, 3);
    running.finish();
}

#[test]
fn a_token_is_asked_for_on_loopback_too() {
    let (board, writer) = board();
    writer.applied(1);
    let running = observe(&board, one_process(), None, Some("s3cret"));
    assert_eq!(running.post_ready(r#"{"ready": false}"#, "").0, 401);
    assert_eq!(running.post_ready(r#"{"ready": false}"#, "Authorization: Bearer wrong\r\n").0, 403);
    assert_eq!(standing(&board).0, 0);
    assert_eq!(running.post_ready(r#"{"ready": false}"#, "Authorization: Bearer s3cret\r\n").0, 200);
    assert_eq!(running.get("/stats").0, 200);
    running.finish();
}

#[test]
fn a_unix_socket_needs_no_host() {
    let directory = TestDirectory::new("observer-unix");
    let path = directory.join("admin.sock");
    let (board, _writer) = board();
    let (above, control) = channel().unwrap();
    let (listener, _file) = unix_listener::unix(&path, 8).unwrap();
    let listener = AdminListener::Unix { listener };
    let admin = Some(Admin { listeners: vec![listener], token: None });
    let observation = Observation { admin, ..observation(board, control) };
    let thread = std::thread::spawn(move || run(observation));
    let mut stream = std::os::unix::net::UnixStream::connect(&path).unwrap();
    stream.write_all(b"GET /health HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 ") && answer.ends_with("\r\n\r\nok\n"), "{answer}");
    above.send(&Order::Finish, &[]).unwrap();
    thread.join().unwrap().unwrap();
}

fn ask_health(stream: &mut TcpStream) {
    stream.write_all(b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
}

/// Whether an answer comes; else nothing does, or the end.
fn is_answered(stream: &mut TcpStream, within: Duration) -> bool {
    stream.set_read_timeout(Some(within)).unwrap();
    loop {
        match stream.read(&mut [0; 1024]) {
            // A machine that was paused says so to whoever reads with a timeout.
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            read => return read.is_ok_and(|bytes| bytes > 0),
        }
    }
}

#[test]
fn connections_over_the_limit_wait_for_their_turn() {
    let (board, _writer) = board();
    let running = observe(&board, one_process(), None, None);
    let mut seated: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(running.admin).unwrap()).collect();
    let mut waiting = TcpStream::connect(running.admin).unwrap();
    ask_health(&mut waiting);
    assert!(!is_answered(&mut waiting, Duration::from_millis(200)), "those before it are to ask first");
    seated.pop();
    assert!(is_answered(&mut waiting, Duration::from_secs(5)));
    running.finish();
}

#[test]
fn who_has_been_answered_makes_room_for_who_waits() {
    let (board, _writer) = board();
    let running = observe(&board, one_process(), None, None);
    let mut seated: Vec<TcpStream> = (0..64).map(|_| TcpStream::connect(running.admin).unwrap()).collect();
    for stream in &mut seated {
        ask_health(stream);
        assert!(is_answered(stream, Duration::from_secs(5)));
    }
    let mut waiting = TcpStream::connect(running.admin).unwrap();
    ask_health(&mut waiting);
    assert!(is_answered(&mut waiting, Duration::from_secs(5)));
    assert!(seated.iter_mut().any(|stream| stream.read(&mut [0]).is_ok_and(|bytes| bytes == 0)), "somebody's end");
    running.finish();
}

#[test]
fn an_event_that_was_written_before_its_observer_died_is_not_written_again() {
    let directory = TestDirectory::new("observer-events");
    let files = || RunFiles { directory: directory.to_path_buf(), record: json!({}) };
    let (first, second) = (event(EventKind::Drain(String::new())), event(EventKind::Reload));
    let mut opened = files::OpenFiles::make(files(), "single", 0).unwrap();
    opened.event(&first);
    let again = || files::OpenFiles::open_again(files(), "single", 0, &files::marks::Marks::default());
    assert!(again().was_last(&first));
    assert!(!again().was_last(&second));
    let mut opened = again();
    opened.event(&second);
    assert!(opened.was_last(&first) && !opened.was_last(&first), "asked of the first news alone");
}
