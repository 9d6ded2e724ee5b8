//! Modifiers in a workload's query do what they say, each to its exact share of the requests, in one order.

use std::collections::BTreeMap;
use std::io::Read;
use std::thread;

use flate2::read::GzDecoder;

use crate::support::account::settle;
use crate::support::client::{Client, Response};
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest};

/// What a request got of each modifier: status, body, delay, gzip, close.
type Got = (u16, usize, bool, bool, bool);

const ALL: &str = "/bytes/10?delay=1ms:10&status=503:20,404:10&size=1024:10,64:5&gzip=15&close=20&header=X-A:b";

fn ask(client: &mut Client, method: &str, path: &str, headers: &str) -> Response {
    client.send(format!("{method} {path} HTTP/1.1\r\nHost: target\r\n{headers}\r\n")).unwrap();
    client.receive_whole().unwrap()
}

fn zipped(client: &mut Client, path: &str) -> Response {
    ask(client, "GET", path, "Accept-Encoding: gzip\r\n")
}

fn unzipped(response: &Response) -> Vec<u8> {
    if response.header("content-encoding") != Some("gzip") {
        return response.body.clone();
    }
    let mut body = Vec::new();
    GzDecoder::new(&response.body[..]).read_to_end(&mut body).unwrap();
    body
}

/// What the requests of one client got, over as many connections as it takes.
fn load(address: &str, path: &str, requests: u64) -> Vec<Got> {
    let mut open: Option<Client> = None;
    let mut one = |_| {
        let mut client = open.take().unwrap_or_else(|| Client::connect(address).unwrap());
        let response = zipped(&mut client, path);
        let injected = response.timing("inject");
        assert!(!(f64::EPSILON..1.0).contains(&injected), "{response:?}");
        assert_eq!(response.header("x-a"), Some("b"));
        if response.closes() {
            assert_eq!(client.read_to_end().unwrap(), b"", "a connection that closes has nothing more to say");
        } else {
            open = Some(client);
        }
        let is_zipped = response.header("content-encoding").is_some();
        (response.status, unzipped(&response).len(), injected >= 1.0, is_zipped, response.closes())
    };
    (0..requests).map(&mut one).collect()
}

/// How often each came, by a whole block of indices.
fn outcome(target: &Target) -> BTreeMap<Got, u64> {
    const CLIENTS: u64 = 8;
    let mut counts = BTreeMap::new();
    thread::scope(|scope| {
        let clients: Vec<_> =
            (0..CLIENTS).map(|_| scope.spawn(|| load(target.address(), ALL, 10_000 / CLIENTS))).collect();
        for got in clients.into_iter().flat_map(|client| client.join().unwrap()) {
            *counts.entry(got).or_insert(0) += 1;
        }
    });
    counts
}

#[test]
fn each_has_its_exact_share_and_hits_other_requests_than_the_others() {
    let mut seen = Vec::new();
    for mode in MODES {
        let target = Target::start(mode);
        let counts = outcome(&target);
        let count = |wanted: &dyn Fn(&Got) -> bool| -> u64 {
            counts.iter().filter(|(got, _)| wanted(got)).map(|(_, count)| count).sum()
        };
        assert_eq!([200, 404, 503].map(|status| count(&|got| got.0 == status)), [7_000, 1_000, 2_000], "{mode:?}");
        assert_eq!([10, 64, 1_024].map(|size| count(&|got| got.1 == size)), [8_500, 500, 1_000], "{mode:?}");
        assert_eq!(count(&|got| got.2), 1_000, "{mode:?}: delayed");
        assert_eq!(count(&|got| got.3), 1_500, "{mode:?}: compressed");
        assert_eq!(count(&|got| got.4), 2_000, "{mode:?}: closed");
        // Were they independent by chance, these would be 400 and 300, with standard deviations of 16 and 15.
        let both = [count(&|got| got.0 == 503 && got.4), count(&|got| got.3 && got.4)];
        assert!((300..500).contains(&both[0]) && (200..400).contains(&both[1]), "{mode:?}: {both:?}");
        seen.push(counts);
        settle(target, &Tally { sent: 10_000, answered: 10_000, ..Tally::default() }, false);
    }
    assert_eq!(seen[0], seen[1], "the seed decides, not the mode");
    assert_eq!(seen[0], seen[2], "the seed decides, not the mode");
}

#[test]
fn the_seed_chooses_the_requests_of_a_modifier_and_of_statuses_in_a_path() {
    for path in ["/cpu?iterations=0&status=503:50", "/status/200,503", "/delay/0?status=503:50"] {
        let statuses = |seed: &str| {
            let target = Target::start(&["--mode", "single", "--seed", seed]);
            let mut client = target.connect();
            (0..64).map(|_| client.get(path).unwrap().status).collect::<Vec<_>>()
        };
        let one = statuses("7");
        assert_eq!(one, statuses("7"), "{path}");
        assert_ne!(one, statuses("8"), "{path}");
    }
}

#[test]
fn every_workload_takes_them_and_each_does_its_own() {
    let target = Target::start(&["--mode", "single"]);
    let mut sent = 0;
    for (method, path) in [
        ("GET", "/io?ms=1"),
        ("GET", "/cpu?iterations=1000"),
        ("GET", "/mem?bytes=1&ms=0"),
        ("GET", "/bytes/100?seed=1"),
        ("GET", "/stream/100?seed=1"),
        ("GET", "/drip?duration=0"),
        ("POST", "/upload?"),
        ("GET", "/echo?"),
        ("GET", "/status/200?"),
        ("POST", "/delay/0?"),
    ] {
        let mut client = target.connect();
        let all = format!("{path}&status=418&size=7&header=X-A:b&header=X-A:c&close=true");
        let response = ask(&mut client, method, &all, "Content-Length: 0\r\n");
        assert_eq!((response.status, response.body.len()), (418, 7), "{path}: {response:?}");
        assert_eq!(response.header("content-length"), Some("7"), "{path}");
        assert_eq!(response.header("content-type"), Some("application/octet-stream"), "{path}");
        let named = |name: &str| response.headers.iter().filter(|(known, _)| known == name).count();
        assert_eq!((named("x-a"), named("content-length"), named("content-type")), (2, 1, 1), "{path}");
        assert!(response.closes(), "{path}");
        response.worker();
        assert_eq!(client.read_to_end().unwrap(), b"", "{path}");
        sent += 1;
    }
    // These have no query, or read none.
    let mut client = target.connect();
    for path in ["/health", "/healthz", "/readyz", "/plaintext", "/json", "/"] {
        let response = client.get(&format!("{path}?status=503&size=7&close=true&delay=x&header=x")).unwrap();
        assert_eq!((response.status, response.closes()), (200, false), "{path}");
        assert_ne!(response.body.len(), 7, "{path}");
        sent += 1;
    }
    drop(client);
    settle(target, &Tally { sent, answered: sent, ..Tally::default() }, false);
}

#[test]
fn a_delay_is_the_work_where_the_route_waits_and_injected_elsewhere() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (path, name, other) in [
        ("/io?delay=20ms", "io", "inject"),
        ("/drip?duration=0&delay=0.02", "io", "inject"),
        ("/drip?duration=0&delay=fixed(20ms):100", "io", "inject"),
        ("/cpu?iterations=0&delay=20ms", "inject", "io"),
        ("/bytes/1?delay=normal(25ms,1ms,min=20ms)", "inject", "io"),
        ("/status/503?%64elay=20ms", "inject", "io"),
    ] {
        let response = client.get(path).unwrap();
        let [named, others, total] = [name, other, "total"].map(|name| response.timing(name));
        assert!(named >= 20.0 && others < named && total >= named, "{path}: {:?}", response.headers);
    }
    let response = client.get("/delay/20ms?delay=30ms").unwrap();
    assert!(response.timing("io") >= 20.0 && response.timing("inject") >= 30.0, "{:?}", response.headers);
    // Whom a delay leaves out waits not at all.
    assert!(client.get("/cpu?iterations=0&delay=60s:0").unwrap().timing("inject") < f64::EPSILON);
}

#[test]
fn gzip_is_for_clients_that_accept_it_and_decodes_to_the_same_bytes() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for path in
        ["/bytes/100000?", "/stream/100000?", "/bytes/0?", "/cpu?iterations=0&size=5000", "/drip?duration=0"]
    {
        let plain = ask(&mut client, "GET", path, "Accept-Encoding: gzip\r\n");
        let refused = ask(&mut client, "GET", &format!("{path}&gzip=true"), "");
        let response = zipped(&mut client, &format!("{path}&gzip=true"));
        assert_eq!(plain.header("content-encoding"), None, "{path}");
        assert_eq!((refused.header("content-encoding"), &refused.body), (None, &plain.body), "{path}");
        assert_eq!(response.header("content-encoding"), Some("gzip"), "{path}: {:?}", response.headers);
        assert_eq!(unzipped(&response), plain.body, "{path}");
        assert_eq!((response.header("content-length"), response.header("accept-ranges")), (None, None), "{path}");
        for answer in [&refused, &response] {
            assert_eq!(answer.header("vary"), Some("accept-encoding"), "{path}");
        }
    }
    let [strong, weak] =
        ["", "Accept-Encoding: gzip\r\n"].map(|accept| ask(&mut client, "GET", "/bytes/5?gzip=true", accept));
    assert_eq!((strong.header("etag"), weak.header("etag")), (Some("\"5-0\""), Some("W/\"5-0\"")));
    for (path, headers) in [
        ("/bytes/100?gzip=true", "Accept-Encoding: gzip;q=0\r\n"),
        ("/bytes/100?gzip=true", "Accept-Encoding: br\r\n"),
        ("/bytes/100?gzip=true", "Accept-Encoding: identity;q=0\r\n"),
        ("/bytes/100?gzip=false", "Accept-Encoding: gzip\r\n"),
        ("/bytes/100?gzip=0", "Accept-Encoding: gzip\r\n"),
        // Of a part nobody could tell which.
        ("/bytes/100?gzip=true", "Accept-Encoding: gzip\r\nRange: bytes=0-\r\n"),
    ] {
        let response = ask(&mut client, "GET", path, headers);
        let is_part = headers.contains("Range");
        assert_eq!(response.status, if is_part { 206 } else { 200 }, "{path} {headers}");
        assert_eq!((response.header("content-encoding"), response.body.len()), (None, 100), "{path} {headers}");
    }
    // HEAD says what GET would.
    client.send("HEAD /bytes/5?gzip=true HTTP/1.1\r\nHost: target\r\nAccept-Encoding: gzip\r\n\r\n").unwrap();
    let head = client.receive_after("HEAD").unwrap();
    assert_eq!((head.header("content-encoding"), head.header("content-length")), (Some("gzip"), None));
    assert_eq!(head.header("etag"), Some("W/\"5-0\""));
    let head = client.request("HEAD", "/cpu?iterations=0&size=5000").unwrap();
    assert_eq!(head.header("content-length"), Some("5000"));
    assert_eq!(client.get("/health").unwrap().text(), "OK");
}

#[test]
fn others_are_served_while_a_large_body_is_compressed() {
    /// Of 1 GiB, which is not much shorter when it is compressed.
    const MOST: usize = 256 << 20;
    let target = Target::start(&["--mode", "single"]);
    let [mut large, mut other] = [(); 2].map(|()| target.connect());
    large.send("GET /bytes/1GiB?gzip=true HTTP/1.1\r\nHost: target\r\nAccept-Encoding: gzip\r\n\r\n").unwrap();
    large.receive().unwrap();
    other.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    let waiting = thread::spawn(move || other.receive().unwrap().text());
    // It takes whatever comes, so that no full socket makes the worker pause.
    while !waiting.is_finished() && large.unread().len() < MOST {
        large.read_more().unwrap();
    }
    assert!(waiting.is_finished(), "others wait for the end of the body");
    assert_eq!(waiting.join().unwrap(), "OK");
    drop(large);
    at_rest(&target);
}

#[test]
fn status_then_size_then_header() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    // A status without a body has none, whatever the size.
    for path in
        ["/cpu?iterations=0&status=204&size=5", "/status/200?status=304&size=5&gzip=true", "/status/205?size=5"]
    {
        let response = zipped(&mut client, path);
        assert_eq!((&response.body[..], response.header("content-type")), (&b""[..], None), "{path}");
        assert_eq!(response.header("content-encoding"), None, "{path}");
    }
    // A status comes with what it must have, a header takes the place of what is there, and is not read again.
    let response = client.get("/cpu?iterations=0&status=302").unwrap();
    assert_eq!(response.header("location"), Some("/health"));
    let response = client.get("/status/200?status=302&header=Location:/io&header=Content-Type:%20text/x").unwrap();
    assert_eq!((response.header("location"), response.header("content-type")), (Some("/io"), Some("text/x")));
    // The status of the work gives way, its body stays.
    let response = client.get("/cpu?iterations=1000&status=500").unwrap();
    assert_eq!((response.status, &response.json()["iterations"]), (500, &1_000.into()));
    let response = client.get("/status/200?status=503:100").unwrap();
    assert_eq!((response.status, &response.json()["status"]), (503, &200.into()));
    // A part, or a condition, would be of another body.
    for condition in ["Range: bytes=1-2", "If-None-Match: *", "If-Match: \"x\""] {
        let condition = format!("{condition}\r\n");
        let response = ask(&mut client, "GET", "/bytes/10?size=3", &condition);
        assert_eq!((response.status, response.body.len()), (200, 3), "{condition}");
        for gone in ["etag", "content-range", "accept-ranges"] {
            assert_eq!(response.header(gone), None, "{condition}");
        }
        assert_eq!(ask(&mut client, "GET", "/bytes/10?status=200", &condition).body.len(), 10, "{condition}");
    }
    // What is refused is left as it is.
    for path in ["/mem?bytes=1TiB&status=200&size=7&close=true", "/status/999?status=200&header=X-A:b"] {
        let response = client.get(path).unwrap();
        assert_eq!((response.status, response.closes(), response.header("x-a")), (400, false, None), "{path}");
        assert!(response.json()["error"].is_string(), "{path}");
    }
}

#[test]
fn a_fault_comes_before_them() {
    let target = Target::start(&["--mode", "single"]);
    let plan = |kind: serde_json::Value| serde_json::json!([{"route": "/bytes/{n}", "kinds": [kind]}]);
    target.order_faults(&plan(serde_json::json!({"kind": "status", "code": 500, "rate": 1})));
    assert_eq!(target.get("/bytes/10?status=404&size=3").status, 500);
    target.order_faults(&plan(serde_json::json!({"kind": "delay", "delay": "10ms", "rate": 1})));
    let response = target.get("/bytes/10?status=404&size=3&delay=15ms");
    assert_eq!((response.status, response.body.len()), (404, 3));
    assert!(response.timing("inject") >= 25.0, "{:?}", response.headers);
}

#[test]
fn a_body_that_nobody_wants_is_read_or_its_connection_ends() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let body = vec![b'x'; 300_000];
    for path in ["/echo?size=5", "/echo?status=204", "/upload?size=5&status=404"] {
        client
            .send(format!("POST {path} HTTP/1.1\r\nHost: target\r\nContent-Length: {}\r\n\r\n", body.len()))
            .unwrap();
        client.send(&body).unwrap();
        let response = client.receive().unwrap();
        assert!(response.body.len() <= 5, "{path}");
    }
    assert_eq!(client.get("/health").unwrap().text(), "OK");
}

/// A bad modifier: its query, the parameter and value that the refusal names, and what it says.
type Bad = (&'static str, &'static str, &'static str, &'static str);

const DURATION: &str = "is not a duration";
const STATUS: &str = "is not a status from 200 to 599";
const BYTES: &str = "is not a whole number of bytes";
const PERCENT: &str = "it stands for a percentage";
const SUM: &str = "in sum";
const SWITCH: &str = "is neither true nor false";
const OURS: &str = "can't be set";
const PRINTABLE: &str = "printable ASCII";
const HEXADECIMAL: &str = "percent-encoding is broken";

#[rustfmt::skip] // A table.
const BAD: &[Bad] = &[
    // delay=
    ("delay", "delay", "", DURATION),
    ("delay=", "delay", "", DURATION),
    ("delay=1ms&delay=1ms", "delay", "1ms", "more than once"),
    ("delay=abc", "delay", "abc", DURATION),
    ("delay=-1ms", "delay", "-1ms", DURATION),
    ("delay=NaN", "delay", "NaN", DURATION),
    ("delay=inf", "delay", "inf", DURATION),
    ("delay=1", "delay", "1", DURATION),
    ("delay=1KiB", "delay", "1KiB", DURATION),
    ("delay=61s", "delay", "61s", "--max-delay"),
    ("delay=99999999999999999999s", "delay", "99999999999999999999s", DURATION),
    ("delay=%zz", "%zz", "%zz", HEXADECIMAL),
    ("delay=1ms:60,2ms:41", "delay", "1ms:60,2ms:41", SUM),
    ("delay=1ms:101", "delay", "1ms:101", PERCENT),
    // status=
    ("status", "status", "", STATUS),
    ("status=", "status", "", STATUS),
    ("status=200&status=200", "status", "200", "more than once"),
    ("status=abc", "status", "abc", STATUS),
    ("status=-503", "status", "-503", STATUS),
    ("status=%2B503", "status", "+503", STATUS),
    ("status=503.5", "status", "503.5", STATUS),
    ("status=NaN", "status", "NaN", STATUS),
    ("status=inf", "status", "inf", STATUS),
    ("status=100", "status", "100", STATUS),
    ("status=600", "status", "600", STATUS),
    ("status=99999999999999999999", "status", "99999999999999999999", STATUS),
    ("status=503ms", "status", "503ms", STATUS),
    ("status=503,", "status", "503,", STATUS),
    ("status=503:", "status", "503:", PERCENT),
    ("status=503:abc", "status", "503:abc", PERCENT),
    ("status=503:-1", "status", "503:-1", PERCENT),
    ("status=503:NaN", "status", "503:NaN", PERCENT),
    ("status=503:20%25", "status", "503:20%", PERCENT),
    ("status=503:101", "status", "503:101", "too large"),
    ("status=503:0.00000001", "status", "503:0.00000001", "too fine"),
    ("status=503:1:1", "status", "503:1:1", "more than one percentage"),
    ("status=503:60,404:41", "status", "503:60,404:41", "101 % in sum"),
    ("status=503,404:10", "status", "503,404:10", "110 % in sum (one without a percentage takes 100)"),
    ("status=%5", "%5", "%5", HEXADECIMAL),
    // size=
    ("size", "size", "", BYTES),
    ("size=", "size", "", BYTES),
    ("size=1&size=1", "size", "1", "more than once"),
    ("size=abc", "size", "abc", BYTES),
    ("size=-1", "size", "-1", BYTES),
    ("size=1.5", "size", "1.5", BYTES),
    ("size=NaN", "size", "NaN", BYTES),
    ("size=inf", "size", "inf", BYTES),
    ("size=18446744073709551616", "size", "18446744073709551616", BYTES),
    ("size=1s", "size", "1s", BYTES),
    ("size=2GiB", "size", "2GiB", "--max-bytes"),
    ("size=1:50,2GiB:1", "size", "1:50,2GiB:1", "--max-bytes"),
    ("size=1:50,2:51", "size", "1:50,2:51", SUM),
    ("size=1:NaN", "size", "1:NaN", PERCENT),
    ("size=%", "%", "%", HEXADECIMAL),
    // gzip=
    ("gzip", "gzip", "", SWITCH),
    ("gzip=", "gzip", "", SWITCH),
    ("gzip=true&gzip=true", "gzip", "true", "more than once"),
    ("gzip=yes", "gzip", "yes", SWITCH),
    ("gzip=TRUE", "gzip", "TRUE", SWITCH),
    ("gzip=-1", "gzip", "-1", SWITCH),
    ("gzip=NaN", "gzip", "NaN", SWITCH),
    ("gzip=inf", "gzip", "inf", SWITCH),
    ("gzip=20%25", "gzip", "20%", SWITCH),
    ("gzip=20ms", "gzip", "20ms", SWITCH),
    ("gzip=100.1", "gzip", "100.1", "too large"),
    ("gzip=true:20", "gzip", "true:20", SWITCH),
    ("gzip=%zz", "%zz", "%zz", HEXADECIMAL),
    // close=
    ("close", "close", "", SWITCH),
    ("close=", "close", "", SWITCH),
    ("close=true&close=20", "close", "20", "more than once"),
    ("close=abc", "close", "abc", SWITCH),
    ("close=-1", "close", "-1", SWITCH),
    ("close=NaN", "close", "NaN", SWITCH),
    ("close=inf", "close", "inf", SWITCH),
    ("close=1s", "close", "1s", SWITCH),
    ("close=101", "close", "101", "too large"),
    ("close=60,41", "close", "60,41", SWITCH),
    ("close=%zz", "%zz", "%zz", HEXADECIMAL),
    // header=
    ("header", "header", "", "has no colon"),
    ("header=", "header", "", "has no colon"),
    ("header=x", "header", "x", "has no colon"),
    ("header=X:1&header=", "header", "", "has no colon"),
    ("header=:x", "header", ":x", "names no header"),
    ("header=X%20Y:1", "header", "X Y:1", "names no header"),
    ("header=%C3%A9:1", "header", "é:1", "names no header"),
    ("header=X%0D%0AY:1", "header", "X\r\nY:1", "names no header"),
    ("header=X:1%0D%0AY:2", "header", "X:1\r\nY:2", PRINTABLE),
    ("header=X:1%0AY:2", "header", "X:1\nY:2", PRINTABLE),
    ("header=X:1%00", "header", "X:1\0", PRINTABLE),
    ("header=X:%7F", "header", "X:\u{7f}", PRINTABLE),
    ("header=X:%C3%A9", "header", "X:é", PRINTABLE),
    ("header=Content-Length:1", "header", "Content-Length:1", OURS),
    ("header=transfer-encoding:chunked", "header", "transfer-encoding:chunked", OURS),
    ("header=CONNECTION:close", "header", "CONNECTION:close", OURS),
    ("header=Keep-Alive:x", "header", "Keep-Alive:x", OURS),
    ("header=Proxy-Connection:x", "header", "Proxy-Connection:x", OURS),
    ("header=TE:x", "header", "TE:x", OURS),
    ("header=Trailer:x", "header", "Trailer:x", OURS),
    ("header=Upgrade:x", "header", "Upgrade:x", OURS),
    ("header=Content-Encoding:gzip", "header", "Content-Encoding:gzip", OURS),
    ("header=Server-Timing:x", "header", "Server-Timing:x", OURS),
    ("header=X-Quintain-Worker:9.9", "header", "X-Quintain-Worker:9.9", OURS),
    ("header=Content-Security-Policy:x", "header", "Content-Security-Policy:x", OURS),
    ("header=X:%zz", "%zz", "%zz", HEXADECIMAL),
    // Names.
    ("statuz=503", "statuz", "503", "did you mean status?"),
    ("Header=X:1", "Header", "X:1", "did you mean header?"),
    ("clsoe=true", "clsoe", "true", "delay, status, size, header, gzip, close"),
];

#[test]
fn every_bad_modifier_is_a_400_that_says_why() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let mut sent = 0;
    for (query, parameter, value, says) in BAD {
        for path in ["/cpu?iterations=0&", "/status/200?", "/echo?"] {
            let response = client.get(&format!("{path}{query}")).unwrap();
            assert_eq!(response.status, 400, "{path}{query}: {}", response.text());
            let said = response.json();
            assert_eq!(
                (&said["parameter"], &said["value"]),
                (&(*parameter).into(), &(*value).into()),
                "{path}{query}: {said}"
            );
            let text = |field: &str| said[field].as_str().unwrap_or_else(|| panic!("{query}: {field} in {said}"));
            let (error, allowed) = (text("error"), text("allowed"));
            assert!(!allowed.is_empty() && error.contains(' '), "{query}: {said}");
            assert!(!error.contains(['\r', '\n', '\0']), "{query}: {said}");
            assert!([error, allowed].iter().any(|said| said.contains(says)), "{query}: {said}");
            sent += 1;
        }
    }
    assert_eq!(client.get("/health").unwrap().text(), "OK");
    drop(client);
    settle(target, &Tally { sent: sent + 1, answered: sent + 1, ..Tally::default() }, false);
}
