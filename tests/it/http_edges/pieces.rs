//! What a parser must not depend on: in which pieces it comes, how much comes at once, and how fast it is taken.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;
use std::time::Duration;

use super::{HIDDEN, final_response, get, play, row};
use crate::support::target::{Target, at_rest};

fn single(arguments: &[&str]) -> Target {
    Target::start(&[&["--mode", "single"], arguments].concat())
}

#[test]
fn a_head_in_one_byte_pieces() {
    let target = single(&[]);
    let mut client = target.connect();
    let head = get(&[&format!("X: {}", "a".repeat(30_000))]);
    for byte in head.as_bytes() {
        client.send([*byte]).unwrap();
    }
    assert_eq!(client.receive().unwrap().status, 200);
    assert_eq!(client.get("/plaintext").unwrap().text(), "Hello, World!");
}

#[test]
fn ten_thousand_requests_at_once() {
    const REQUESTS: usize = 10_000;
    let target = single(&[]);
    let mut socket = TcpStream::connect(target.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let mut sender = socket.try_clone().unwrap();
    let sending = thread::spawn(move || {
        let last = HIDDEN.replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n");
        sender.write_all((HIDDEN.repeat(REQUESTS - 1) + &last).as_bytes()).unwrap();
    });
    let mut answers = String::new();
    socket.read_to_string(&mut answers).unwrap();
    sending.join().unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200 OK\r\n").count(), REQUESTS);
    assert_eq!(answers.matches("\r\n\r\nHello, World!").count(), REQUESTS);
    let stats = at_rest(&target);
    assert_eq!(stats["status"]["200"], REQUESTS, "{stats}");
}

#[test]
fn requests_behind_a_body_that_nobody_reads() {
    let body = "x".repeat(60_000);
    let post = format!("POST /json HTTP/1.1\r\nHost: a\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    let chunks = format!("1\r\nx\r\n{:x}\r\n{body}\r\n0\r\nX: y\r\n\r\n", body.len());
    let chunked = get(&["Transfer-Encoding: chunked"]) + &chunks;
    let slow = chunked.replace("/json", "/io?ms=5");
    play(vec![
        row("9112 9.3.2: behind a body", post.clone() + HIDDEN).answered(&[405, 200]),
        row("9112 9.3.2: behind chunks", chunked.clone() + HIDDEN).answered(&[200, 200]),
        row("9112 9.3.2: behind chunks while it is served", slow + HIDDEN).answered(&[200, 200]),
        row("9112 9.3.2: between them", post + &chunked + HIDDEN + &chunked + HIDDEN)
            .answered(&[405, 200, 200, 200, 200]),
    ]);
}

#[test]
fn whoever_takes_a_byte_at_a_time_is_answered_in_order_and_holds_up_nobody() {
    let target = single(&[]);
    let mut socket = TcpStream::connect(target.address()).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
    let large = get(&[]).replace("/json", "/bytes/8MiB");
    let last = get(&["Connection: close"]);
    socket.write_all((large + HIDDEN + HIDDEN + &last).as_bytes()).unwrap();
    let mut answers = vec![0; 20];
    for at in 0..20 {
        socket.read_exact(&mut answers[at..=at]).unwrap();
        assert_eq!(target.get("/json").status, 200, "others are served");
    }
    socket.read_to_end(&mut answers).unwrap();
    let (first, rest) = answers.split_at(answers.windows(4).position(|end| end == b"\r\n\r\n").unwrap() + 4);
    assert!(first.starts_with(b"HTTP/1.1 200 OK\r\n"), "{}", String::from_utf8_lossy(first));
    let rest = String::from_utf8_lossy(&rest[8 * 1024 * 1024..]);
    assert_eq!(rest.matches("HTTP/1.1 200 OK\r\n").count(), 3, "{rest}");
    assert!(rest.ends_with("{\"message\":\"Hello, World!\"}"), "{rest}");
    at_rest(&target);
}

#[test]
fn a_body_that_comes_before_it_is_asked_for() {
    let target = single(&[]);
    let post = |path: &str| {
        format!("POST {path} HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
    };
    for path in ["/upload", "/json", "/io?ms=20"] {
        for (first, second) in [(post(path) + "hello", ""), (post(path), "hello"), (post(path) + "he", "llo")] {
            let mut client = target.connect();
            client.send(first).unwrap();
            client.send(second).unwrap();
            let response = final_response(&mut client, "POST").unwrap();
            if path == "/upload" {
                assert_eq!(response.json()["bytes"], 5, "{}", response.text());
            }
            assert_eq!(client.get("/plaintext").unwrap().text(), "Hello, World!", "{path}");
        }
    }
}

#[test]
fn chunks_in_any_pieces() {
    let target = single(&[]);
    let sent = "POST /upload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n\
        5;a=b\r\nhello\r\n00006\r\n world\r\n0\r\nX: y\r\n\r\n";
    let begin = sent.find("5;a").unwrap();
    let mut client = target.connect();
    for at in begin..sent.len() {
        client.send(&sent[..at]).unwrap();
        // A segment of its own: the one before has been read by the time somebody else is answered.
        target.get("/health");
        client.send(&sent[at..]).unwrap();
        assert_eq!(client.receive().unwrap().json()["bytes"], 11, "in two pieces at {at}");
    }
}

#[test]
fn head_to_a_stream_has_no_body() {
    let head = |path: &str| row(path, format!("HEAD {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    play(vec![
        head("/stream/100000").answered(&[200]),
        head("/bytes/100000").answered(&[200]),
        head("/drip?duration=0").answered(&[200]),
        head("/bytes/100?gzip=true").answered(&[200]),
        head("/status/204").answered(&[204]),
    ]);
}

#[test]
fn http_1_0_with_everything() {
    let old = |method: &str, path: &str, rest: &str| {
        format!("{method} {path} HTTP/1.0\r\nConnection: keep-alive\r\n{rest}")
    };
    let body = "Content-Length: 5\r\n\r\nhello";
    play(vec![
        row("one after the other", old("GET", "/json", "\r\n").repeat(3)).answered(&[200; 3]),
        row("with a body that is read", old("POST", "/upload", body)).answered(&[200]),
        row("with one that nobody reads", old("POST", "/json", body)).answered(&[405]),
        row(
            "with one that waits to be asked for",
            old("POST", "/upload", &format!("Expect: 100-continue\r\n{body}")),
        )
        .answered(&[200]),
        row("HEAD", old("HEAD", "/json", "\r\n")).answered(&[200]),
        row("a delay", old("GET", "/io?ms=5", "\r\n")).answered(&[200]),
        row("an absolute target", old("GET", "http://a/json", "\r\n")).answered(&[200]),
        row("chunks", old("POST", "/upload", "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n")).refused(400),
        row("no more of it", "GET /json HTTP/1.0\r\n\r\n").closed_after(&[200]),
    ]);
}

#[test]
fn each_limit_exactly_and_one_over() {
    let head = |bytes: usize| get(&[&format!("X: {}", "a".repeat(bytes - get(&["X: "]).len()))]);
    let lines = |count: usize| get(&vec!["X: a"; count - 1]);
    let fold = get(&["X: a\r\n b"]);
    play(vec![
        row("a head of 32767 bytes", head(32_767)).answered(&[200]),
        row("a head of 32768 bytes", head(32_768)).refused(431).saying("less than 32768 bytes"),
        row("the same behind a request", HIDDEN.to_owned() + &head(32_767)).answered(&[200, 200]),
        row("the same behind a request", HIDDEN.to_owned() + &head(32_768)).refused_after(&[200], 431),
        row("100 lines", lines(100)).answered(&[200]),
        row("101 lines", lines(101)).refused(431).saying("at most 100 header lines"),
        row("a folded line behind a request", HIDDEN.to_owned() + &fold).refused_after(&[200], 400),
        row("a NUL behind a request", HIDDEN.to_owned() + &get(&["X: \0"])).refused_after(&[200], 400),
        row("a bare CR behind a request", HIDDEN.to_owned() + &get(&["X: a\rb"])).refused_after(&[200], 400),
    ]);
}
