//! A fault that breaks a connection shows exactly as that break: the bytes that arrive, an end or a reset, and the record
//! of the request. What was answered before it arrives whole.

use std::io::ErrorKind;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::account::{check, settle};
use crate::support::client::Client;
use crate::support::load::{Load, Tally};
use crate::support::target::{MODES, Target, at_rest};

/// The kinds that leave a request without its answer.
const KINDS: [&str; 4] = ["empty", "reset", "malformed", "truncate"];

/// Of this many bytes of `/plaintext`.
const WHOLE: &str = "Hello, World!";

/// These kinds on one route.
fn order(target: &Target, route: &str, kinds: &Value) {
    target.order_faults(&json!([{ "name": "breaks", "route": route, "kinds": kinds }]));
}

/// How often each kind was carried out.
fn executed(target: &Target) -> Value {
    target.faults_in_force()[0]["executed"].clone()
}

fn always(kind: &str) -> Value {
    match kind {
        "truncate" => json!([{ "kind": kind, "rate": 1, "bytes": 5 }]),
        _ => json!([{ "kind": kind, "rate": 1 }]),
    }
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")
}

/// What is left to arrive, and whether a reset ends it.
fn rest(client: &mut Client) -> (String, bool) {
    match client.read_to_end() {
        Ok(bytes) => (String::from_utf8(bytes).unwrap(), false),
        // What came before it was kept by nobody.
        Err(error) if error.kind() == ErrorKind::ConnectionReset => (String::new(), true),
        Err(error) => panic!("{error}"),
    }
}

/// Reads the break, which is all that is left to arrive.
fn breaks(client: &mut Client, kind: &str) {
    let (text, reset) = rest(client);
    assert_eq!(reset, kind == "reset", "{kind}: {text}");
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    match kind {
        "empty" | "reset" => assert_eq!(text, "", "{kind}"),
        "truncate" => {
            assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("content-length: 13"), "{text}");
            assert_eq!(body, &WHOLE[..5]);
        }
        _ => {
            assert!(
                head.starts_with("HTTP/1.1 200 OK\r\n") && head.contains("transfer-encoding: chunked"),
                "{text}"
            );
            let size = body.split("\r\n").next().unwrap();
            // curl reads digits as far as there are any.
            let digit = size.chars().next().map(|first| first.is_ascii_hexdigit());
            assert_eq!(digit, Some(false), "no size of a chunk: {text}");
        }
    }
}

fn of_route(stats: &Value, path: &str) -> Value {
    let mut routes = stats["routes"].as_array().unwrap().iter();
    routes.find(|route| route["route"] == path).unwrap_or_else(|| panic!("no {path}: {stats}")).clone()
}

#[test]
fn each_kind_arrives_as_what_it_is_and_is_counted_once() {
    for mode in MODES {
        let target = Target::start(mode);
        let (mut sent, mut broken) = (0, 0);
        for kind in KINDS {
            order(&target, "/plaintext", &always(kind));
            // A new connection, one kept alive, and one on which requests wait in front and behind.
            let mut new = target.connect();
            new.send(get("/plaintext")).unwrap();
            breaks(&mut new, kind);
            let mut kept = target.connect();
            assert_eq!(kept.get("/json").unwrap().status, 200);
            kept.send(get("/plaintext")).unwrap();
            breaks(&mut kept, kind);
            let mut pipelined = target.connect();
            let requests = [get("/json"), get("/io?ms=5"), get("/plaintext"), get("/json")];
            pipelined.send(requests.concat()).unwrap();
            for _ in 0..2 {
                assert_eq!(pipelined.receive().unwrap().status, 200, "{mode:?} {kind}: answered before");
            }
            breaks(&mut pipelined, kind);
            // Who has seen the end and stays is waited for.
            drop((new, kept, pipelined));
            (sent, broken) = (sent + 6, broken + 3);
            let stats = at_rest(&target);
            let plaintext = of_route(&stats, "/plaintext");
            assert_eq!(plaintext["broken_by_fault"], broken, "{mode:?} {kind}: {plaintext}");
            assert_eq!((&plaintext["finished"], &plaintext["client_gone"]), (&broken.into(), &0.into()));
            assert_eq!(plaintext["status"].as_object().unwrap().len(), 0, "{mode:?} {kind}: {plaintext}");
            assert_eq!(stats["totals"]["errors"], broken, "{mode:?} {kind}");
            let executed = executed(&target);
            assert_eq!(
                executed.as_object().unwrap().values().map(|n| n.as_u64().unwrap()).sum::<u64>(),
                3,
                "{executed}"
            );
        }
        // The target has kept its word elsewhere.
        assert_eq!(target.get("/json").status, 200, "{mode:?}");
        let tally = Tally { sent: sent + 1, answered: sent + 1 - broken, failed: broken, ..Tally::default() };
        settle(target, &tally, false);
    }
}

/// A body that nobody reads turns an end into a reset in many a server.
#[test]
fn a_body_that_nobody_has_read_changes_nothing() {
    let target = Target::start(&["--mode", "single"]);
    let body = "x".repeat(200_000);
    let mut tally = Tally::default();
    for kind in KINDS {
        order(&target, "/plaintext", &always(kind));
        for (told, sent) in [(body.len(), body.len()), (body.len(), 1_000), (1_000_000, body.len())] {
            let mut client = target.connect();
            client
                .send(format!("GET /plaintext HTTP/1.1\r\nHost: target\r\nContent-Length: {told}\r\n\r\n"))
                .unwrap();
            match client.send(&body[..sent]) {
                // It may come before all is sent, and is told once.
                Err(error) if error.kind() == ErrorKind::ConnectionReset => assert_eq!(kind, "reset"),
                sent => {
                    sent.unwrap();
                    breaks(&mut client, kind);
                }
            }
            tally = Tally { sent: tally.sent + 1, failed: tally.failed + 1, ..tally };
        }
    }
    settle(target, &tally, false);
}

#[test]
fn what_is_short_enough_is_not_truncated() {
    let target = Target::start(&["--mode", "single"]);
    order(&target, "*", &json!([{ "kind": "truncate", "rate": 1, "bytes": WHOLE.len() }]));
    let mut client = target.connect();
    for method in ["GET", "HEAD", "GET"] {
        assert_eq!(client.request(method, "/plaintext").unwrap().header("content-length"), Some("13"), "{method}");
    }
    // Of a longer one, as much as was ordered, to whoever gets a body.
    assert_eq!(client.request("HEAD", "/json").unwrap().status, 200);
    client.send(get("/json")).unwrap();
    let (text, reset) = rest(&mut client);
    assert!(text.ends_with("\r\n\r\n{\"message\":\"H") && !reset, "{text}");
    drop(client);
    settle(target, &Tally { sent: 5, answered: 4, failed: 1, ..Tally::default() }, false);
}

/// Bodies that are made while they are sent: of a length that is told, or in chunks.
#[test]
fn what_is_made_while_it_is_sent_is_cut_where_it_was_ordered() {
    let target = Target::start(&["--mode", "threads", "--workers", "2"]);
    let whole = target.get("/bytes/3000000").body;
    order(&target, "*", &json!([{ "kind": "truncate", "rate": 1, "bytes": 2_500_001 }]));
    for (path, head) in [("/bytes/3000000", "content-length: 3000000"), ("/stream/3000000", "chunked")] {
        let mut client = target.connect();
        client.send(get(path)).unwrap();
        let bytes = client.read_to_end().unwrap();
        let end = bytes.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4;
        assert!(String::from_utf8_lossy(&bytes[..end]).contains(head), "{path}");
        let (arrived, last) =
            if head == "chunked" { unchunked(&bytes[end..]) } else { (bytes[end..].to_vec(), false) };
        assert!(arrived == whole[..2_500_001] && !last, "{path}: {} bytes", arrived.len());
    }
    let tally = Tally { sent: 3, answered: 1, failed: 2, ..Tally::default() };
    settle(target, &tally, false);
}

/// The data of all chunks, each of them whole, and whether the last one was there.
fn unchunked(mut rest: &[u8]) -> (Vec<u8>, bool) {
    let mut data = Vec::new();
    while let Some(line) = rest.windows(2).position(|end| end == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return (data, true);
        }
        data.extend(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    (data, false)
}

#[test]
fn a_drip_takes_its_time_and_arrives_whole() {
    let target = Target::start(&["--mode", "single"]);
    order(&target, "/plaintext", &json!([{ "kind": "drip", "rate": 1, "delay": "150ms" }]));
    let mut client = target.connect();
    for method in ["GET", "GET", "HEAD"] {
        let asked = Instant::now();
        let answer = client.request(method, "/plaintext").unwrap();
        assert_eq!((answer.status, answer.header("content-length")), (200, Some("13")), "{method}");
        if method == "GET" {
            assert_eq!(answer.text(), WHOLE);
            assert!(asked.elapsed() >= Duration::from_millis(150), "{:?}", asked.elapsed());
        }
    }
    drop(client);
    let stats = at_rest(&target);
    check(&stats, &Tally { sent: 3, answered: 3, ..Tally::default() }, false);
    let plaintext = of_route(&stats, "/plaintext");
    assert_eq!((&plaintext["status"]["200"], &plaintext["broken_by_fault"]), (&3.into(), &0.into()), "{plaintext}");
    // A byte that is due and waits for the loop is no service, though the next one is due no later for it.
    let most = |name: &str| plaintext[name]["max"].as_f64().unwrap();
    assert!(most("svc_us") + most("loop_us") >= 150_000.0, "{plaintext}");
}

/// However many clients, workers and connections: what clients miss is what was ordered and what was counted.
#[test]
fn under_load_the_accounts_balance_to_the_request() {
    for mode in MODES {
        let target = Target::start(mode);
        let kinds = json!([
            { "kind": "reset", "rate": 0.02 }, { "kind": "empty", "rate": 0.02 },
            { "kind": "truncate", "rate": 0.02, "bytes": 3 }, { "kind": "status", "rate": 0.02, "code": 503 },
        ]);
        order(&target, "/json", &kinds);
        let load = Load::start(target.address(), "/json", 3);
        load.answers(2_000);
        let tally = load.stop();
        let stats = at_rest(&target);
        let json = of_route(&stats, "/json");
        let executed = executed(&target);
        let of = |name: &str| executed[name].as_u64().unwrap_or_else(|| panic!("{name}: {executed}"));
        assert_eq!(of("reset") + of("empty") + of("truncate 3"), tally.failed, "{mode:?} {executed} {tally:?}");
        assert_eq!(
            (of("status 503"), &json["broken_by_fault"]),
            (tally.not_ok, &tally.failed.into()),
            "{executed} {json}"
        );
        assert_eq!(stats["totals"]["errors"], tally.failed + tally.not_ok, "{mode:?}");
        assert!(tally.failed > 0 && tally.not_ok > 0, "{mode:?} {tally:?}");
        settle(target, &tally, false);
    }
}
