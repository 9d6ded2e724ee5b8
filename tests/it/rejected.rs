//! What is no request is refused before the router: the connection is closed, and `rejected` counts it, not `started`.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use quintain::scoreboard::Rejection;
use serde_json::json;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest, metrics, rows};
use crate::support::wait_for;

fn single(arguments: &[&str]) -> Target {
    Target::start(&[&["--mode", "single"], arguments].concat())
}

/// Reads until the connection ends, in whichever way.
fn until_closed(client: &mut Client) -> bool {
    match client.read_to_end() {
        Ok(_) => true,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn what_breaks_the_rules_of_host() {
    let target = single(&[]);
    let bad = [
        "GET /health HTTP/1.1\r\n\r\n",
        "GET /nowhere HTTP/1.1\r\nAccept: */*\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
        "GET /health HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a b\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: user@a\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: a:port\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: [::1\r\n\r\n",
        "GET http://a/health HTTP/1.1\r\n\r\n",
    ];
    for (count, request) in (1_u64..).zip(bad) {
        let mut client = target.connect();
        client.send(request).unwrap();
        let refusal = client.receive().unwrap();
        assert_eq!((refusal.status, refusal.closes()), (400, true), "{request:?}: {:?}", refusal.headers);
        assert!(refusal.json()["error"].as_str().unwrap().contains("Host"), "{request:?}: {}", refusal.text());
        assert_eq!(client.read_to_end().unwrap(), b"", "{request:?}");
        assert_eq!((target.total("rejected"), target.total("started")), (count, 0), "{request:?}");
    }
    let good = [
        "GET /health HTTP/1.0\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost:\r\n\r\n",
        "GET /health HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n",
        "GET http://target/health HTTP/1.1\r\nHost: target\r\n\r\n",
    ];
    for request in good {
        let mut client = target.connect();
        client.send(request).unwrap();
        assert_eq!(client.receive().unwrap().status, 200, "{request:?}");
    }
    let stats = at_rest(&target);
    let totals = &stats["totals"];
    assert_eq!((&totals["rejected"], &totals["finished"]), (&bad.len().into(), &good.len().into()));
    assert_eq!(stats["rejections"], json!({ "no_host": 3, "two_hosts": 2, "bad_host": 4 }));
    assert_eq!(stats["status"].as_object().unwrap().len(), 1, "only what was started has a status: {stats}");
    let left = target.end();
    assert_eq!(left.done("rejected"), bad.len() as u64);
    assert_eq!(left.csv("resources.csv").last().unwrap()["rejected_total"], bad.len().to_string());
}

#[test]
fn what_the_parser_cannot_read() {
    let target = single(&[]);
    let long = "x".repeat(33 * 1024);
    let bad = [
        "FROM HERE\r\n\r\n".to_owned(),
        "\u{16}\u{3}\u{1}\u{2}\u{0}\u{1}hello\r\n\r\n".to_owned(),
        "GET /health HTTP/9.9\r\nHost: a\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nno colon here\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost : a\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n".to_owned(),
        "GET /health HTTP/1.1\r\nHost: a\r\nContent-Length: -1\r\n\r\n".to_owned(),
        format!("GET /health HTTP/1.1\r\nHost: a\r\nX-Long: {long}\r\n\r\n"),
        format!("GET /{long} HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET /health HTTP/1.1\r\nHost: a\r\n{}\r\n", "X-Many: 1\r\n".repeat(200)),
    ];
    for (count, request) in (1_u64..).zip(&bad) {
        let shown: String = request.chars().take(60).collect();
        let mut client = target.connect();
        // It may be closed before it has taken everything.
        let _ = client.send(request);
        assert!(until_closed(&mut client), "{shown:?}");
        wait_for(&format!("{shown:?} to be counted"), || (target.total("rejected") == count).then_some(()));
        assert_eq!(target.total("started"), 0, "{shown:?}");
    }
    // A good request in front of a bad one is served.
    let mut client = target.connect();
    client.send("GET /health HTTP/1.1\r\nHost: a\r\n\r\nFROM HERE\r\n\r\n").unwrap();
    assert_eq!(client.receive().unwrap().status, 200);
    assert!(until_closed(&mut client));
    // A head just below the limit is served.
    assert_eq!(target.get(&format!("/health?{}", "x".repeat(30 * 1024))).status, 200);
    let stats = at_rest(&target);
    let totals = &stats["totals"];
    assert_eq!((&totals["rejected"], &totals["started"], &totals["finished"]), (&11.into(), &2.into(), &2.into()));
    let reasons = json!({ "long_target": 1, "bad_framing": 2, "large_head": 2, "tls": 1, "bad_syntax": 5 });
    assert_eq!(stats["rejections"], reasons);
}

/// Sends a head, a byte a second, until the target has enough of it.
fn drip(mut client: Client, before: &str) -> Duration {
    client.give_up_after(Duration::from_secs(1)).unwrap();
    let begun = Instant::now();
    client.send(before).unwrap();
    loop {
        match client.read_more() {
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                // Whether it was taken shows in the next read.
                let _ = client.send("x");
            }
            Ok(()) => panic!("an answer to half a request"),
            Err(_) => return begun.elapsed(),
        }
        assert!(begun.elapsed() < Duration::from_secs(25), "a slow head is never cut");
    }
}

#[test]
fn a_slow_head_is_cut_ten_seconds_after_its_first_byte() {
    // Neither the idle timeout nor further bytes change that.
    let target = single(&["--keep-alive-timeout", "0"]);
    let mut second = target.connect();
    assert_eq!(second.get("/health").unwrap().status, 200);
    let slow = [("G", target.connect()), ("GET /health HTTP/1.1\r\nHost: a\r\n", target.connect()), ("GE", second)];
    thread::scope(|scope| {
        let slow = slow.map(|(before, client)| (before, scope.spawn(move || drip(client, before))));
        for (before, client) in slow {
            let passed = client.join().unwrap().as_secs_f64();
            assert!((10.0..15.0).contains(&passed), "{before:?} was cut after {passed} s");
        }
    });
    let totals = at_rest(&target)["totals"].clone();
    assert_eq!((&totals["rejected"], &totals["started"], &totals["finished"]), (&3.into(), &1.into(), &1.into()));
    assert_eq!(target.stats()["rejections"], json!({ "slow_head": 3 }));
}

/// Each other protocol and each mistake is told by its name, everywhere the same.
#[test]
fn reasons_are_counted_and_the_first_of_each_is_logged() {
    let head = "GET /health HTTP/1.1\r\nHost: a\r\n";
    let sent: [(&str, Vec<u8>); 11] = [
        ("http2", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec()),
        ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03".to_vec()),
        ("proxy", b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n".to_vec()),
        ("proxy", b"\r\n\r\n\0\r\nQUIT\n\x20\x00\x00".to_vec()),
        ("no_host", b"GET / HTTP/1.1\r\n\r\n".to_vec()),
        ("bad_target", b"CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n".to_vec()),
        ("long_target", format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(32_000)).into_bytes()),
        ("bad_framing", format!("{head}Transfer-Encoding: gzip\r\n\r\n").into_bytes()),
        ("bad_framing", format!("{head}Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n").into_bytes()),
        ("large_head", format!("{head}X: {}\r\n\r\n", "x".repeat(33_000)).into_bytes()),
        ("bad_syntax", b"hello\r\n\r\n".to_vec()),
    ];
    for mode in MODES {
        let target = Target::start(mode);
        let mut counted: BTreeMap<&str, u64> = BTreeMap::new();
        for (reason, bytes) in &sent {
            let mut client = target.connect();
            // It may be closed before it has taken everything.
            let _ = client.send(bytes);
            assert!(until_closed(&mut client), "{reason}");
            *counted.entry(reason).or_default() += 1;
            wait_for(&format!("{counted:?}"), || (target.stats()["rejections"] == json!(counted)).then_some(()));
        }
        let metrics = wait_for("the next tick", || {
            let metrics = metrics(&target, "quintain_rejections_total");
            metrics.contains(r#"{reason="bad_syntax"} 1"#).then_some(metrics)
        });
        for reason in Rejection::ALL {
            let line = format!("{{reason=\"{}\"}} {}", reason.name(), counted.get(reason.name()).unwrap_or(&0));
            assert!(metrics.contains(&line), "{line} in {metrics}");
        }
        let left = target.end();
        let report = left.report();
        for reason in Rejection::ALL.iter().filter(|reason| counted.contains_key(reason.name())) {
            let logged = left.errors.matches(reason.sentence()).count();
            assert_eq!(logged, 1, "{mode:?} {}: {}", reason.name(), left.errors);
            assert!(report.contains(reason.sentence()), "{mode:?} {}: {report}", reason.name());
        }
        assert_eq!(left.done("rejected"), sent.len() as u64, "{mode:?}");
    }
}

#[test]
fn idle_connections_are_closed_after_the_keep_alive_timeout_and_not_before() {
    const TIMEOUT: Duration = Duration::from_secs(1);
    let target = single(&["--keep-alive-timeout", "1s"]);
    let begun = Instant::now();
    let mut silent = target.connect();
    // These ask right after they have connected, before the timeout closes them as idle.
    let mut served = target.connect();
    assert_eq!(served.get("/health").unwrap().status, 200);
    let mut busy = target.connect();
    busy.send("GET /io?ms=1500 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    assert_eq!(silent.read_to_end().unwrap(), b"", "before its first byte a connection is idle too");
    assert!(begun.elapsed() >= TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(served.read_to_end().unwrap(), b"");
    assert!(begun.elapsed() >= TIMEOUT, "{:?}", begun.elapsed());
    assert_eq!(busy.receive().unwrap().status, 200, "to be served longer than the timeout is not to be idle");
    assert_eq!(busy.read_to_end().unwrap(), b"");
    assert!(begun.elapsed() >= Duration::from_millis(1500) + TIMEOUT, "{:?}", begun.elapsed());
    let totals = at_rest(&target)["totals"].clone();
    assert_eq!((&totals["rejected"], &totals["finished"]), (&0.into(), &2.into()), "to be idle is no offence");
}

#[test]
fn a_timeout_of_0_is_never() {
    let target = single(&["--keep-alive-timeout", "0"]);
    let (mut silent, mut served) = (target.connect(), target.connect());
    assert_eq!(served.get("/health").unwrap().status, 200);
    // Ten rows are a second, in which the worker looks at its connections ten times.
    let resources = target.run_directory().join("resources.csv");
    let begun = rows(&resources).len();
    wait_for("ten more rows", || (rows(&resources).len() >= begun + 10).then(|| target.get("/health")));
    assert_eq!(served.get("/health").unwrap().status, 200);
    assert_eq!(silent.get("/health").unwrap().status, 200);
}

#[test]
fn the_documentation_has_every_reason() {
    let page = include_str!("../../docs/measurement.md");
    for reason in Rejection::ALL {
        assert!(page.contains(&format!("`{}`", reason.name())), "{}", reason.name());
    }
}
