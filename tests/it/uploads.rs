//! What is sent is read to its last byte, checked, and not kept; or given back as it came.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::thread;

use crate::support::client::{Client, Response};
use crate::support::crc32;
use crate::support::target::{MODES, Target, at_rest};

/// Bytes without much of a pattern.
fn body(length: usize) -> Vec<u8> {
    (0..length as u64).map(|at| (at.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 56).to_le_bytes()[0]).collect()
}

fn post(client: &mut Client, path: &str, headers: &str, body: &[u8]) -> Response {
    client.send(format!("POST {path} HTTP/1.1\r\nHost: target\r\n{headers}\r\n")).unwrap();
    client.send(body).unwrap();
    client.receive().unwrap()
}

fn sized(body: &[u8]) -> String {
    format!("Content-Length: {}\r\n", body.len())
}

const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

fn chunked(body: &[u8]) -> Vec<u8> {
    let chunk = |part: &[u8]| [format!("{:x}\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let mut all: Vec<u8> = body.chunks(7_001).flat_map(chunk).collect();
    all.extend(b"0\r\nX-Trailer: ignored\r\n\r\n");
    all
}

/// Memory of the process, in bytes.
fn resident(target: &Target) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", target.pid())).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

#[test]
fn an_upload_is_counted_and_checked() {
    for arguments in MODES {
        let target = Target::start(arguments);
        let mut client = target.connect();
        for length in [0, 1, 9_999, 1_000_000] {
            let body = body(length);
            for (headers, sent) in [(sized(&body), body.clone()), (CHUNKED.to_owned(), chunked(&body))] {
                let response = post(&mut client, "/upload", &headers, &sent);
                assert_eq!(response.status, 200, "{}", response.text());
                let said = response.json();
                assert_eq!(
                    (&said["bytes"], &said["crc32"]),
                    (&length.into(), &format!("{:08x}", crc32(&body)).into())
                );
                let (first, last) = (said["first_byte_ms"].as_f64(), said["last_byte_ms"].as_f64());
                assert_eq!((first.is_some(), last.is_some()), (length > 0, length > 0), "{said}");
                assert!(first <= last && last.unwrap_or(0.0) <= response.timing("total"), "{said}");
                assert!(response.timing("io") <= response.timing("total"), "{:?}", response.headers);
            }
        }
    }
}

#[test]
fn an_upload_of_64_mib_is_not_kept() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let part = body(1 << 20);
    // Whatever a first one costs is there.
    assert_eq!(post(&mut client, "/upload", &sized(&part), &part).status, 200);
    let before = resident(&target);
    client.send(format!("POST /upload HTTP/1.1\r\nHost: target\r\nContent-Length: {}\r\n\r\n", 64 << 20)).unwrap();
    let mut most = before;
    for _ in 0..64 {
        client.send(&part).unwrap();
        most = most.max(resident(&target));
    }
    let response = client.receive().unwrap();
    assert_eq!(response.json()["bytes"], 64 << 20, "{}", response.text());
    most = most.max(resident(&target));
    assert!(most - before < 4 << 20, "{before} bytes grew to {most}");
}

/// Sends and receives at the same time, as one must whose body is larger than the sockets' buffers.
fn echoed(target: &Target, headers: &str, sent: &[u8]) -> Vec<u8> {
    let mut stream = TcpStream::connect(target.address()).unwrap();
    let mut writing = stream.try_clone().unwrap();
    let head = format!("PUT /echo HTTP/1.1\r\nHost: target\r\nConnection: close\r\n{headers}\r\n");
    let sent = sent.to_vec();
    let writer = thread::spawn(move || {
        writing.write_all(head.as_bytes()).unwrap();
        writing.write_all(&sent).unwrap();
    });
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    writer.join().unwrap();
    answer
}

#[test]
fn an_echo_is_equal() {
    let target = Target::start(&["--mode", "single"]);
    let body = body(8_000_000);
    let answer = echoed(&target, &(sized(&body) + "Content-Type: image/png\r\n"), &body);
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let head = String::from_utf8_lossy(&answer[..end]).into_owned();
    assert!(
        head.contains("\r\ncontent-length: 8000000\r\n") && head.contains("\r\ncontent-type: image/png\r\n"),
        "{head}"
    );
    assert!(answer[end..] == body, "{head}");
    // Chunks come as they come; together they are the body.
    let answer = echoed(&target, CHUNKED, &chunked(&body[..100_000]));
    let end = answer.windows(4).position(|four| four == b"\r\n\r\n").unwrap() + 4;
    let (mut rest, mut whole) = (&answer[end..], Vec::<u8>::new());
    while let Some(line) = rest.windows(2).position(|pair| pair == b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        whole.extend(&rest[line + 2..line + 2 + size]);
        rest = &rest[line + 2 + size + 2..];
    }
    assert!(whole == body[..100_000]);
}

#[test]
fn an_echo_takes_every_method_and_runs_in_no_browser() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for method in ["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "FROB"] {
        client
            .send(format!(
                "{method} /echo HTTP/1.1\r\nHost: target\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"
            ))
            .unwrap();
        let response = client.receive().unwrap();
        assert_eq!((response.status, &*response.body), (200, &b"hi"[..]), "{method}");
        assert_eq!(response.header("content-type"), Some("text/html"));
        assert!(response.header("content-security-policy").is_some_and(|policy| policy.contains("sandbox")));
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    }
    let empty = client.get("/echo").unwrap();
    assert_eq!((empty.status, empty.body.len()), (200, 0));
    client.send("HEAD /echo HTTP/1.1\r\nHost: target\r\nContent-Length: 2\r\n\r\nhi").unwrap();
    assert_eq!(client.receive_after("HEAD").unwrap().status, 200);
    assert_eq!(client.get("/health").unwrap().text(), "OK");
}

#[test]
fn a_client_that_waits_to_be_told_to_send_is_told() {
    let target = Target::start(&["--mode", "single"]);
    for path in ["/echo", "/upload"] {
        let mut client = target.connect();
        let expecting = "Expect: 100-continue\r\nContent-Length: 5\r\n";
        client.send(format!("POST {path} HTTP/1.1\r\nHost: target\r\n{expecting}\r\n")).unwrap();
        assert_eq!(client.receive().unwrap().status, 100, "{path}");
        client.send("hello").unwrap();
        assert_eq!(client.receive().unwrap().status, 200, "{path}");
    }
}

#[test]
fn a_broken_or_too_large_body_is_refused() {
    let target = Target::start(&["--mode", "single", "--max-body", "100kB"]);
    let large = body(100_001);
    for (headers, sent, status) in [
        (sized(&large), large.clone(), 413),
        (CHUNKED.to_owned(), chunked(&large), 413),
        (CHUNKED.to_owned(), b"5\r\nhello\r\nxyz\r\n".to_vec(), 400),
    ] {
        let mut client = target.connect();
        let refusal = post(&mut client, "/upload", &headers, &sent);
        assert_eq!((refusal.status, refusal.closes()), (status, true), "{headers}: {}", refusal.text());
        assert!(refusal.json()["error"].is_string());
        assert_eq!(client.read_to_end().unwrap(), b"", "an end, and no reset");
    }
    // A client that sends less than it said, and ends.
    let mut client = target.connect();
    client.send("POST /upload HTTP/1.1\r\nHost: target\r\nContent-Length: 10\r\n\r\nhello").unwrap();
    client.end_sending();
    assert_eq!(client.receive().unwrap().status, 400);
    // An echo has begun: nothing is left but to break it off.
    let mut client = target.connect();
    client.send("POST /echo HTTP/1.1\r\nHost: target\r\nContent-Length: 10\r\n\r\nhello").unwrap();
    assert_eq!(client.receive_after("HEAD").unwrap().status, 200);
    client.end_sending();
    let rest = client.read_to_end().unwrap_or_default();
    assert!(b"hello".starts_with(&rest), "{rest:?}");
    let stats = at_rest(&target);
    let of = |path: &str| {
        let routes = stats["routes"].as_array().unwrap();
        routes.iter().find(|route| route["route"] == path).unwrap_or_else(|| panic!("{path} in {stats}")).clone()
    };
    assert_eq!(of("/echo")["client_gone"], 1, "{stats}");
    assert_eq!((&stats["totals"]["started"], &stats["totals"]["finished"]), (&5.into(), &5.into()), "{stats}");
}
