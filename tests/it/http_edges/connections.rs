//! RFC 9112, 9: several requests on a connection, and its end.

use super::{get, play, row};
use crate::support::client::Client;
use crate::support::target::Target;

#[test]
fn persistence() {
    let with = |name: &str, line: &str| row(name, get(&[line]));
    let old = |name: &str, line: &str| row(name, format!("GET /json HTTP/1.0\r\n{line}\r\n"));
    play(vec![
        with("9112 9.3: HTTP/1.1 goes on", "X: y").answered(&[200]),
        with("9112 9.3: keep-alive", "Connection: keep-alive").answered(&[200]),
        with("9112 9.6: close", "Connection: close").closed_after(&[200]),
        with("9110 7.6.1: options are case-insensitive", "Connection: CLOSE").closed_after(&[200]),
        with("9110 7.6.1: close in a list", "Connection: close, x").closed_after(&[200]),
        with("9110 7.6.1: close at the end of a list", "Connection: x ,\tclose").closed_after(&[200]),
        with("9110 7.6.1: what only looks like close", "Connection: closed").answered(&[200]),
        with("9110 7.6.1: close in a second line", "Connection: x\r\nConnection: close").closed_after(&[200]),
        with("9112 9.3: close outweighs keep-alive", "Connection: close\r\nConnection: keep-alive")
            .closed_after(&[200]),
        old("9112 9.3: HTTP/1.0 is closed", "").closed_after(&[200]),
        old("9112 9.3: HTTP/1.0 with keep-alive", "Connection: keep-alive\r\n").answered(&[200]),
        old("9112 9.3: HTTP/1.0 with close", "Connection: close\r\n").closed_after(&[200]),
    ]);
}

#[test]
fn pipelining() {
    let ok = get(&[]);
    let nowhere = ok.replace("/json", "/nowhere");
    let slow = ok.replace("/json", "/io?ms=5");
    let last = get(&["Connection: close"]);
    let bad = get(&["X : y"]);
    let hostless = "GET /json HTTP/1.1\r\n\r\n".to_owned();
    let twice = get(&["Content-Length: 4", "Transfer-Encoding: chunked"]);
    let many = get(&["X: y"; 100]);
    let post = format!("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{ok}", ok.len());
    play(vec![
        row("9112 9.3.2: answered in their order", format!("{ok}{nowhere}{slow}{post}{ok}"))
            .answered(&[200, 404, 200, 405, 200]),
        row("9112 9.3.2: many at once", ok.repeat(100)).answered(&[200; 100]),
        row("9112 2.2: empty lines between them", format!("{ok}\r\n{ok}\r\n\r\n{ok}")).answered(&[200; 3]),
        row("9112 9.6: nothing after close", format!("{ok}{last}{ok}")).closed_after(&[200, 200]),
        row("9112 2.2: nothing after a bad one", format!("{ok}{bad}{ok}")).refused_after(&[200], 400),
        row("9112 3.2: nothing after one without Host", format!("{nowhere}{hostless}{ok}"))
            .refused_after(&[404], 400),
        row("9112 6.1: nothing after two framings", format!("{slow}{twice}0\r\n\r\n{ok}"))
            .refused_after(&[200], 400)
            .saying("one Content-Length or one Transfer-Encoding"),
        row("6585 5: the answers before too many headers", format!("{ok}{slow}{post}{many}{ok}"))
            .refused_after(&[200, 200, 405], 431),
        row("9112 9.6: no refusal after close", format!("{last}{many}")).closed_after(&[200]),
    ]);
}

#[test]
fn what_is_ignored() {
    let with = |name: &str, line: &str| row(name, get(&[line]));
    let body = |name: &str, version: &str, line: &str| {
        let head = "Host: a\r\nConnection: keep-alive\r\nContent-Length: 5";
        row(name, format!("GET /json HTTP/{version}\r\n{head}\r\n{line}\r\n\r\nhello"))
    };
    play(vec![
        with("9110 10.1.1: 100-continue without a body", "Expect: 100-continue").answered(&[200]),
        body("9110 10.1.1: 100-continue", "1.1", "Expect: 100-continue").answered(&[200]),
        body("9110 10.1.1: 100-continue in HTTP/1.0 MUST be ignored", "1.0", "Expect: 100-continue")
            .answered(&[200]),
        body("9110 10.1.1: an unknown expectation MAY be 417", "1.1", "Expect: more").answered(&[200]),
        with("9110 7.8: Upgrade", "Connection: upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: AAAA")
            .answered(&[200]),
        with("9110 7.8: to HTTP/2", "Connection: upgrade, http2-settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA")
            .answered(&[200]),
        with("9110 14.2: Range", "Range: bytes=0-1").answered(&[200]),
        with("9110 10.1.4: TE", "TE: trailers, deflate;q=0.5").answered(&[200]),
        row("9110 9.3.2: HEAD has no body", "HEAD /json HTTP/1.1\r\nHost: a\r\n\r\n").answered(&[200]),
        row("9110 9.3.2: HEAD of what is not there", "HEAD /nowhere HTTP/1.1\r\nHost: a\r\n\r\n").answered(&[404]),
        row("9110 9.3.2: HEAD that is refused", "HEAD /json HTTP/1.1\r\nHost: a b\r\n\r\n").refused(400),
        row("9110 9.3.7: OPTIONS", "OPTIONS /json HTTP/1.1\r\nHost: a\r\n\r\n").answered(&[405]),
    ]);
}

#[test]
fn the_last_answer_says_so() {
    let target = Target::start(&["--mode", "single", "--max-body", "1kB"]);
    let answer = |sent: String| {
        let mut client = target.connect();
        client.send(sent).unwrap();
        client.receive().unwrap()
    };
    for last in [
        get(&["Connection: close"]),
        "GET /json HTTP/1.1\r\nHost: a b\r\n\r\n".to_owned(),
        get(&["Content-Length: 1001"]),
        old("GET", "/cpu?iterations=1&close=true"),
        old("GET", "/stream/1"),
        "GET /json HTTP/1.0\r\nHost: a b\r\nConnection: keep-alive\r\n\r\n".to_owned(),
        "GET /json HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1001\r\n\r\n".to_owned(),
    ] {
        let response = answer(last.clone());
        assert!(response.closes(), "{last:?}: {:?}", response.headers);
    }
    let old = answer("GET /json HTTP/1.0\r\nConnection: keep-alive\r\n\r\n".to_owned());
    assert_eq!(old.header("connection"), Some("keep-alive"), "9112 9.3: HTTP/1.0 is told that it goes on");
}

/// A request of HTTP/1.0 that would like to go on.
fn old(method: &str, path: &str) -> String {
    format!("{method} {path} HTTP/1.0\r\nConnection: keep-alive\r\nAccept-Encoding: gzip\r\n\r\n")
}

#[test]
fn http_1_0_is_told_that_a_body_of_unknown_length_ends_with_the_connection() {
    let target = Target::start(&["--mode", "single"]);
    let cases =
        [("/stream/10", 10), ("/stream/0", 0), ("/drip?numbytes=3&duration=0", 3), ("/bytes/100?gzip=true", 1)];
    for (path, least) in cases {
        let mut client = target.connect();
        // What comes behind is never answered.
        client.send(old("GET", path) + &old("GET", "/plaintext")).unwrap();
        let response = client.receive().unwrap();
        assert_eq!(response.status, 200, "{path}");
        if response.header("content-length").is_some() {
            assert_eq!((path, response.header("connection")), ("/drip?numbytes=3&duration=0", Some("keep-alive")));
            assert_eq!(client.receive().unwrap().text(), "Hello, World!");
            continue;
        }
        assert!(response.closes(), "{path}: {:?}", response.headers);
        assert_eq!(response.header("transfer-encoding"), None, "{path}: HTTP/1.0 knows no chunks");
        let body = client.read_to_end().unwrap();
        assert!(body.len() >= least && !String::from_utf8_lossy(&body).contains("Hello"), "{path}: {body:?}");
    }
    // Without a body, nothing has to tell where it ends.
    let mut client = target.connect();
    for path in ["/stream/10", "/bytes/100?gzip=true", "/stream/10?status=204"] {
        client.send(old("HEAD", path)).unwrap();
        let response = client.receive_after("HEAD").unwrap();
        assert_eq!(response.header("connection"), Some("keep-alive"), "{path}: {:?}", response.headers);
    }
    // Whoever knows chunks goes on.
    client.send("GET /stream/10 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    assert!(!client.receive_whole().unwrap().closes());
    assert_eq!(client.get("/plaintext").unwrap().text(), "Hello, World!");
}

#[test]
fn http_1_0_is_told_the_same_of_the_events() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = Client::connect(&target.ready["admin"]).unwrap();
    client.send("GET /events HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n").unwrap();
    let response = client.receive().unwrap();
    assert!(response.status == 200 && response.closes(), "{:?}", response.headers);
    let mut client = Client::connect(&target.ready["admin"]).unwrap();
    client.send("GET /stats HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: keep-alive\r\n\r\n").unwrap();
    assert_eq!(client.receive().unwrap().header("connection"), Some("keep-alive"));
}
