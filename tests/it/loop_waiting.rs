//! What a request waits for its worker's loop, after its timer, its pool thread or its body was ready, is `loop` and not
//! service: in `Server-Timing`, in `/stats` and in the report. Latency is queue, loop and service together.

use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

const SINGLE: &[&str] = &["--mode", "single"];

const ONE_WORKER: [&[&str]; 3] =
    [SINGLE, &["--mode", "threads", "--workers", "1"], &["--mode", "cluster", "--workers", "1"]];

/// Holds the loop for 300 ms.
const BLOCK: &str = "GET /cpu?ms=300 HTTP/1.1\r\nHost: target\r\n\r\n";

/// What is ready 100 ms after it begins waits for the loop for up to 200 ms; less on a machine that is busy elsewhere.
const WAITS_MS: f64 = 80.0;

/// The parts of `Server-Timing`, none of which is a part of another.
const PARTS: [&str; 6] = ["queue", "loop", "inject", "pool", "cpu", "io"];

/// Figures of `Server-Timing` may be rounded to a microsecond, and those of `/stats` to a tenth of one.
const ROUNDED_MS: f64 = 0.001;

fn route<'a>(stats: &'a Value, path: &str) -> &'a Value {
    let routes = stats["routes"].as_array().unwrap();
    routes.iter().find(|route| route["route"] == path).unwrap_or_else(|| panic!("{path} in {stats}"))
}

fn longest_ms(route: &Value, of: &str) -> f64 {
    route[of]["max"].as_f64().unwrap_or_else(|| panic!("{of} in {route}")) / 1e3
}

fn is_sum_of_its_parts(timed: &Response) {
    if !timed.is_timed("total") {
        return;
    }
    let sum: f64 = PARTS.iter().map(|part| timed.timing(part)).sum();
    let total = timed.timing("total");
    assert!(sum <= total + ROUNDED_MS * 7.0, "{sum} of {total}: {:?}", timed.headers);
}

/// Of a route that has had one request: its largest values are those of the same request.
fn adds_up(route: &Value) {
    assert_eq!(route["finished"], 1, "{route}");
    let parts: f64 = ["queue_us", "loop_us", "svc_us"].iter().map(|part| longest_ms(route, part)).sum();
    let latency = longest_ms(route, "lat_us");
    assert!((latency - parts).abs() <= ROUNDED_MS, "{parts} of {latency}: {route}");
}

/// One request on a target of its own, behind which the loop is blocked before the request is ready to go on: the
/// answer, and what is told of its route. Again when this machine was too slow for that.
fn behind_the_loop(mode: &[&str], plan: Option<&Value>, request: &str, path: &str) -> (Response, Value) {
    wait_for("a request whose loop was blocked in time", || {
        let target = Target::start(mode);
        if let Some(plan) = plan {
            target.order_faults(plan);
        }
        let (mut waits, mut blocks) = (target.connect(), target.connect());
        waits.send(format!("GET {request} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
        wait_for("it to be begun", || (target.total("started") == 1).then_some(()));
        blocks.send(BLOCK).unwrap();
        let (waited, blocked) = (waits.receive().unwrap(), blocks.receive().unwrap());
        is_sum_of_its_parts(&waited);
        is_sum_of_its_parts(&blocked);
        drop((waits, blocks));
        let stats = at_rest(&target);
        let route = route(&stats, path);
        adds_up(route);
        (longest_ms(route, "loop_us") >= WAITS_MS).then(|| (waited, route.clone()))
    })
}

#[test]
fn a_sleep_that_ends_behind_a_computation() {
    for mode in ONE_WORKER {
        let (waited, route) = behind_the_loop(mode, None, "/io?ms=100", "/io");
        let looped = waited.timing("loop");
        assert!(looped >= WAITS_MS && waited.timing("io") >= 100.0, "{mode:?}: {:?}", waited.headers);
        assert!((longest_ms(&route, "loop_us") - looped).abs() <= ROUNDED_MS, "{mode:?}: {looped} and {route}");
        let waited_ms = waited.json()["waited_ms"].as_f64().unwrap();
        assert!(waited_ms >= 100.0 + looped - ROUNDED_MS, "{mode:?}: all of it was waited: {}", waited.text());
    }
}

#[test]
fn whatever_it_is_that_was_ready() {
    let fault = |kind: &str| json!([{"route": "/json", "kinds": [{"kind": kind, "delay": "100ms", "rate": 1}]}]);
    for (request, path, part) in [
        ("/io?ms=100&mode=pool", "/io", "io"),
        ("/delay/0.1", "/delay/{d}", "io"),
        ("/mem?bytes=1MiB&ms=100", "/mem", "io"),
        ("/bytes/10?delay=100ms", "/bytes/{n}", "inject"),
    ] {
        let mode = ["--mode", "single", "--max-mem", "2MiB"];
        let (waited, _) = behind_the_loop(&mode, None, request, path);
        let (looped, waited_for) = (waited.timing("loop"), waited.timing(part));
        assert!(looped >= WAITS_MS && waited_for >= 100.0, "{request}: {:?}", waited.headers);
    }
    // `/json` has no `Server-Timing`, and a dripping body ends after it: both are in `/stats`.
    behind_the_loop(SINGLE, Some(&fault("delay")), "/json", "/json");
    behind_the_loop(SINGLE, Some(&fault("drip")), "/json", "/json");
    behind_the_loop(SINGLE, None, "/drip?duration=0.1&numbytes=2", "/drip");
}

#[test]
fn a_body_that_arrives_while_the_loop_is_blocked() {
    let waited = wait_for("a body that came in time", || {
        let target = Target::start(SINGLE);
        let (mut uploads, mut blocks) = (target.connect(), target.connect());
        uploads.send("POST /upload HTTP/1.1\r\nHost: target\r\nContent-Length: 8\r\n\r\nhalf").unwrap();
        wait_for("it to be served", || (target.total("in_flight") == 1).then_some(()));
        blocks.send(BLOCK).unwrap();
        wait_for("the loop to be blocked", || (target.total("started") == 2).then_some(()));
        uploads.send("rest").unwrap();
        let (waited, _) = (uploads.receive().unwrap(), blocks.receive().unwrap());
        assert_eq!(waited.json()["bytes"], 8);
        is_sum_of_its_parts(&waited);
        drop((uploads, blocks));
        adds_up(route(&at_rest(&target), "/upload"));
        (waited.timing("loop") >= WAITS_MS).then_some(waited)
    });
    let last_byte = waited.json()["last_byte_ms"].as_f64().unwrap();
    assert!(last_byte >= waited.timing("loop"), "{}", waited.text());
}

#[test]
fn who_never_waits_for_anything_has_waited_for_nothing() {
    for mode in ONE_WORKER {
        let target = Target::start(mode);
        let mut client = target.connect();
        for path in ["/health", "/plaintext", "/cpu?ms=20", "/bytes/1000"] {
            assert_eq!(client.get(path).unwrap().status, 200);
        }
        drop(client);
        let stats = at_rest(&target);
        for path in ["/health", "/plaintext", "/cpu", "/bytes/{n}"] {
            let longest = &route(&stats, path)["loop_us"]["max"];
            assert_eq!(longest.as_f64(), Some(0.0), "{mode:?} {path}: {stats}");
        }
    }
}
