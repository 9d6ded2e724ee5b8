//! `/stats` has the promised shape and always adds up, and the admin listener serves those who may ask.

use serde_json::Value;

use crate::support::client::{Client, Response};
use crate::support::load::Load;
use crate::support::target::{MODES, Target, at_rest};

const TOTALS: [&str; 11] = [
    "started",
    "finished",
    "in_flight",
    "lost",
    "rejected",
    "refused",
    "errors",
    "bytes_in",
    "bytes_out",
    "connections",
    "accepts",
];

fn number(of: &Value, name: &str) -> u64 {
    of[name].as_u64().unwrap_or_else(|| panic!("{name} is a whole number from 0 in {of}"))
}

fn sum(items: &Value, name: &str) -> u64 {
    items.as_array().unwrap().iter().map(|item| number(item, name)).sum()
}

fn sum_of_statuses(of: &Value) -> u64 {
    of.as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum()
}

#[test]
fn the_shape() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut client = target.connect();
        for path in ["/health", "/io?ms=1", "/io?ms=-1", "/nowhere"] {
            client.get(path).unwrap();
        }
        drop(client);
        let stats = at_rest(&target);
        assert!(number(&stats, "age_ms") <= 1, "{stats}");
        assert_eq!((&stats["since"], &stats["mode"]), (&"start".into(), &mode[1].into()));
        assert_eq!((&stats["quantile_error_pct"], &stats["faults"]), (&0.78.into(), &Value::Array(Vec::new())));
        let totals = &stats["totals"];
        for name in TOTALS {
            number(totals, name);
        }
        assert_eq!((number(totals, "started"), number(totals, "accepts")), (4, 1));
        assert!(number(totals, "bytes_in") > 100 && number(totals, "bytes_out") > 100, "{stats}");
        assert_eq!(stats["status"], serde_json::json!({"200": 2, "400": 1, "404": 1}));
        let routes = stats["routes"].as_array().unwrap();
        let io = routes.iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!((&io["method"], &io["finished"], &io["client_gone"]), (&"GET".into(), &2.into(), &0.into()));
        assert_eq!(io["status"], serde_json::json!({"200": 1, "400": 1}));
        for times in ["svc_us", "lat_us", "queue_us"] {
            for quantile in ["p50", "p99", "max"] {
                assert!(io[times][quantile].is_number(), "{times} {quantile} in {io}");
            }
        }
        assert!(io["svc_us"]["max"].as_f64().unwrap() >= 1_000.0, "a wait of 1 ms: {io}");
        assert!(io["lat_us"]["max"].as_f64() >= io["svc_us"]["max"].as_f64(), "{io}");
        let workers = stats["workers"].as_array().unwrap();
        assert_eq!(workers.len(), if mode[1] == "single" { 1 } else { 2 });
        for (slot, worker) in workers.iter().enumerate() {
            assert_eq!((number(worker, "slot"), number(worker, "generation")), (slot as u64, 1));
            assert_eq!(worker["state"], "live");
            assert!(number(worker, "pid") > 1 && worker["cpu_seconds"].as_f64().unwrap() > 0.0, "{worker}");
        }
        for name in ["started", "finished", "lost", "in_flight", "connections"] {
            assert_eq!(sum(&stats["workers"], name), number(totals, name), "{name} in {stats}");
        }
    }
}

#[test]
fn a_thousand_readings_under_load_add_up() {
    const GROWING: [&str; 9] =
        ["started", "finished", "lost", "rejected", "refused", "errors", "bytes_in", "bytes_out", "accepts"];
    const CLIENTS: usize = 4;
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::start(target.address(), "/io?ms=0", CLIENTS);
        load.answers(10);
        let mut admin = target.admin();
        let request = format!("GET /stats HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"]);
        let mut before: Option<Value> = None;
        for _ in 0..1_000 {
            admin.send(&request).unwrap();
            let stats = admin.receive().unwrap().json();
            let totals = &stats["totals"];
            let (started, finished) = (number(totals, "started"), number(totals, "finished"));
            assert_eq!(
                number(totals, "in_flight"),
                started - finished - number(totals, "lost"),
                "{mode:?}: {stats}"
            );
            // Each of two workers may be interrupted after it has written an answer and before it has recorded it: its client may
            // already have the next request in flight with the other worker.
            let most = 2 * CLIENTS + stats["workers"].as_array().unwrap().len();
            assert!(number(totals, "in_flight") <= most as u64, "{mode:?}: more than clients: {stats}");
            // The totals are read first.
            assert!(sum_of_statuses(&stats["status"]) >= finished, "{mode:?}: {stats}");
            for name in ["started", "finished", "in_flight"] {
                assert_eq!(sum(&stats["workers"], name), number(totals, name), "{mode:?} {name}: {stats}");
            }
            if let Some(before) = before {
                for name in GROWING {
                    let (was, is) = (number(&before["totals"], name), number(totals, name));
                    assert!(was <= is, "{mode:?}: {name} fell from {was} to {is}");
                }
                let cpu = |stats: &Value, slot: usize| stats["workers"][slot]["cpu_seconds"].as_f64().unwrap();
                for slot in 0..stats["workers"].as_array().unwrap().len() {
                    assert!(cpu(&before, slot) <= cpu(&stats, slot), "{mode:?}: CPU of slot {slot} fell");
                }
            }
            before = Some(stats);
        }
        let tally = load.stop();
        drop(admin);
        let stats = at_rest(&target);
        let totals = &stats["totals"];
        let io = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!((tally.failed, tally.refused), (0, 0), "{mode:?}");
        assert_eq!(
            (tally.sent, tally.answered),
            (number(totals, "started"), number(totals, "finished")),
            "{mode:?}"
        );
        assert_eq!((tally.sent, tally.sent), (number(io, "finished"), sum_of_statuses(&io["status"])), "{mode:?}");
    }
}

fn ask(target: &Target, head: &str, body: &str) -> Response {
    let mut client: Client = target.admin();
    let length = body.len();
    client.send(format!("{head}\r\nContent-Length: {length}\r\n\r\n{body}")).unwrap();
    client.receive().unwrap()
}

#[test]
fn who_may_ask_what() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let here = &target.ready["admin"];
    let port = here.rsplit(':').next().unwrap();
    let ready = r#"{"ready": true}"#;
    let cases = [
        (200, "GET /stats", format!("Host: {here}"), ""),
        (200, "GET /stats?since=start", format!("Host: localhost:{port}"), ""),
        (200, "GET /health", format!("Host: [::1]:{port}"), ""),
        (200, "POST /ready", format!("Host: {here}"), ready),
        (200, "POST /ready", format!("Host: {here}\r\nOrigin: http://{here}"), ready),
        // A foreign page may read nothing that its browser would show it, and write nothing.
        (200, "GET /stats", format!("Host: {here}\r\nOrigin: http://evil.example"), ""),
        (403, "POST /ready", format!("Host: {here}\r\nOrigin: http://evil.example"), ready),
        (403, "POST /ready", format!("Host: {here}\r\nOrigin: null"), ready),
        (403, "POST /marks", format!("Host: {here}\r\nOrigin: http://evil.example"), r#"{"phase": "theirs"}"#),
        (403, "DELETE /faults", format!("Host: {here}\r\nOrigin: http://evil.example"), ""),
        (421, "GET /metrics", "Host: evil.example".to_owned(), ""),
        (421, "GET /events", "Host: evil.example".to_owned(), ""),
        (421, "GET /stats", "Host: evil.example".to_owned(), ""),
        (421, "GET /health", format!("Host: evil.example:{port}"), ""),
        (421, "POST /ready", format!("Host: localhost.evil.example:{port}"), ready),
        (400, "GET /stats", "Accept: */*".to_owned(), ""),
        (404, "GET /stats?since=yesterday", format!("Host: {here}"), ""),
        (400, "GET /stats?sinse=start", format!("Host: {here}"), ""),
        (400, "POST /ready", format!("Host: {here}"), "ready"),
        (400, "POST /ready", format!("Host: {here}"), "{}"),
        (400, "POST /ready", format!("Host: {here}"), r#"{"ready": 1}"#),
        (400, "POST /ready", format!("Host: {here}"), r#"{"ready": true, "steady": true}"#),
        (404, "GET /nowhere", format!("Host: {here}"), ""),
        (404, "GET /io", format!("Host: {here}"), ""),
        (405, "POST /stats", format!("Host: {here}"), ""),
        (405, "GET /ready", format!("Host: {here}"), ""),
    ];
    for (status, line, headers, body) in cases {
        let response = ask(&target, &format!("{line} HTTP/1.1\r\n{headers}"), body);
        assert_eq!(response.status, status, "{line} {headers}: {}", response.text());
        assert!(response.header("access-control-allow-origin").is_none(), "{line} {headers}");
        if status != 200 {
            assert_eq!(response.header("content-type"), Some("application/json"), "{line} {headers}");
            assert!(response.json()["error"].as_str().unwrap().contains(' '), "{line}: {}", response.text());
        }
        assert!(status != 405 || response.header("allow").is_some(), "{line}: {:?}", response.headers);
    }
    assert_eq!(target.total("started"), 0, "admin requests are not the target's");
    assert_eq!(target.get("/readyz").status, 200, "no refused order was followed");
}

#[test]
fn an_order_is_answered_when_every_worker_follows_it() {
    for mode in MODES {
        let target = Target::start(mode);
        for (ready, status) in [(false, 503), (true, 200), (false, 503)] {
            let applied = target.admin_post("/ready", &format!("{{\"ready\": {ready}}}"));
            assert_eq!((applied.status, &applied.json()["ready"]), (200, &ready.into()), "{mode:?}");
            for _ in 0..8 {
                assert_eq!(target.get("/readyz").status, status, "{mode:?} ready {ready}");
                assert_eq!(target.get("/health").status, 200, "{mode:?}: live all the same");
            }
        }
    }
}

#[test]
fn every_json_is_a_line() {
    let target = Target::start(&[]);
    let here = &target.ready["admin"];
    let admin =
        ["GET /stats", "GET /faults", "GET /openapi.json", "DELETE /faults", "GET /nowhere", "GET /stats?x=1"];
    let admin = admin.map(|line| (line, ask(&target, &format!("{line} HTTP/1.1\r\nHost: {here}"), "")));
    let posted = [("POST /ready", r#"{"ready": true}"#), ("POST /marks", r#"{"phase": "a line"}"#)];
    let posted = posted.map(|(line, body)| (line, ask(&target, &format!("{line} HTTP/1.1\r\nHost: {here}"), body)));
    let paths = ["/openapi.json", "/io?ms=0", "/cpu?iterations=1", "/mem?bytes=1", "/io?ms=x", "/nowhere"];
    let answers = paths.map(|path| (path, target.get(path)));
    for (line, response) in admin.into_iter().chain(posted).chain(answers) {
        assert_eq!(response.header("content-type"), Some("application/json"), "{line}");
        let text = response.text();
        assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{line}: {text:?}");
    }
    target.end();
}
