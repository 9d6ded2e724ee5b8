//! Every byte of a body is where its definition says, however it is asked for: whole, in part, in chunks, drop by drop.

use std::time::{Duration, Instant};

use crate::support::account::settle;
use crate::support::client::{Client, Response};
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest};
use crate::support::wait_for;

/// The bytes of a seed from one position to before another: the definition in `docs/workloads.md`, once more.
fn defined(seed: u64, first: u64, end: u64) -> Vec<u8> {
    let byte = |position: u64| {
        let place = position % 65_521;
        let mut word = seed.wrapping_add((place / 8 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        word = (word ^ (word >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        word ^= word >> 31;
        word.to_le_bytes()[usize::try_from(place % 8).unwrap()]
    };
    (first..end).map(byte).collect()
}

fn single() -> Target {
    Target::start(&["--mode", "single"])
}

fn ask(client: &mut Client, path: &str, headers: &[&str]) -> Response {
    let headers = headers.iter().map(|header| format!("{header}\r\n")).collect::<Vec<_>>().concat();
    client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n{headers}\r\n")).unwrap();
    client.receive().unwrap()
}

/// The chunks of a response that ends its connection.
fn chunks(client: &mut Client, path: &str) -> Vec<Vec<u8>> {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n")).unwrap();
    let head = client.receive().unwrap();
    assert_eq!((head.status, head.header("transfer-encoding")), (200, Some("chunked")), "{path}");
    let mut rest = &client.read_to_end().unwrap()[..];
    let mut chunks = Vec::new();
    loop {
        let line = rest.windows(2).position(|pair| pair == b"\r\n").expect("a chunk's size");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let (data, after) = rest[line + 2..].split_at(size);
        rest = after.strip_prefix(b"\r\n").expect("the end of a chunk");
        if size == 0 {
            assert_eq!(rest, b"", "nothing after the last chunk");
            return chunks;
        }
        chunks.push(data.to_vec());
    }
}

#[test]
fn a_body_is_as_long_as_asked_for_and_as_defined() {
    for arguments in MODES {
        let target = Target::start(arguments);
        let mut client = target.connect();
        for (path, seed, length) in [
            ("/bytes/0", 0, 0),
            ("/bytes/1", 0, 1),
            ("/bytes/1KiB", 0, 1_024),
            ("/bytes/65522?seed=0", 0, 65_522),
            ("/bytes/700001", 0, 700_001),
            ("/bytes/5?seed=18446744073709551615", u64::MAX, 5),
            ("/bytes/200001?seed=7", 7, 200_001),
        ] {
            let response = client.get(path).unwrap();
            assert_eq!((response.status, response.header("content-length")), (200, Some(&*length.to_string())));
            assert_eq!(response.header("content-type"), Some("application/octet-stream"), "{path}");
            assert!(response.body == defined(seed, 0, length), "{path}");
            response.worker();
            assert!(response.timing("total") > 0.0, "{path}");
            let head = client.request("HEAD", path).unwrap();
            assert_eq!((head.status, head.header("content-length")), (200, Some(&*length.to_string())));
            assert_eq!((head.header("etag"), head.body.len()), (response.header("etag"), 0), "{path}");
        }
    }
}

#[test]
fn any_part_is_that_part() {
    let target = single();
    let mut client = target.connect();
    for (seed, length) in [(0, 400_000), (9, 400_000)] {
        let path = format!("/bytes/{length}?seed={seed}");
        for (range, first, end) in [
            ("0-0", 0, 1),
            ("65520-65521", 65_520, 65_522),
            ("100003-399998", 100_003, 399_999),
            ("399999-", 399_999, 400_000),
            ("131042-500000", 131_042, 400_000),
            ("-77777", 322_223, 400_000),
            ("-500000", 0, 400_000),
        ] {
            let response = ask(&mut client, &path, &[&format!("Range: bytes={range}")]);
            let place = format!("bytes {first}-{}/{length}", end - 1);
            assert_eq!((response.status, response.header("content-range")), (206, Some(&*place)), "{range}");
            assert_eq!(response.header("content-length"), Some(&*(end - first).to_string()), "{range}");
            assert!(response.body == defined(seed, first, end), "{path} {range}");
        }
        let whole = ask(&mut client, &path, &["Range: bytes=0-1,5-6"]);
        assert_eq!((whole.status, whole.body.len() as u64), (200, length), "several parts are answered whole");
        let none = ask(&mut client, &path, &["Range: bytes=400000-"]);
        assert_eq!((none.status, none.header("content-range")), (416, Some("bytes */400000")));
        assert!(none.json()["error"].is_string());
    }
}

#[test]
fn conditions_are_kept() {
    let target = single();
    let mut client = target.connect();
    let tag = client.get("/bytes/1000?seed=5").unwrap().header("etag").unwrap().to_owned();
    assert!(tag.starts_with('"'), "strong: {tag}");
    for other in ["/bytes/1001?seed=5", "/bytes/1000?seed=6", "/bytes/1000"] {
        assert_ne!(client.get(other).unwrap().header("etag"), Some(&*tag), "{other}");
    }
    let range = "Range: bytes=1-3";
    let conditions = [
        (vec![format!("If-None-Match: {tag}")], 304, 0),
        (vec![format!("If-None-Match: \"x\", W/{tag}")], 304, 0),
        (vec!["If-None-Match: \"x\"".to_owned()], 200, 1_000),
        (vec![format!("If-None-Match: {tag}"), range.to_owned()], 304, 0),
        (vec![format!("If-Range: {tag}"), range.to_owned()], 206, 3),
        (vec!["If-Range: \"x\"".to_owned(), range.to_owned()], 200, 1_000),
        (vec![format!("If-Match: {tag}")], 200, 1_000),
    ];
    for (headers, status, length) in conditions {
        let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
        let response = ask(&mut client, "/bytes/1000?seed=5", &headers);
        assert_eq!((response.status, response.body.len()), (status, length), "{headers:?}");
        assert_eq!(response.header("etag"), Some(&*tag), "{headers:?}");
    }
    assert_eq!(ask(&mut client, "/bytes/1000?seed=5", &["If-Match: \"x\""]).status, 412);
    assert_eq!(client.get("/health").unwrap().text(), "OK", "a 304 has no body");
}

#[test]
fn a_stream_is_the_same_bytes_in_chunks_of_the_size_asked_for() {
    let target = single();
    for (path, seed, length, chunk) in [
        ("/stream/0", 0, 0, 1),
        ("/stream/100000", 0, 100_000, 16_384),
        ("/stream/200000?chunk=65536", 0, 200_000, 65_536),
        ("/stream/200000?chunk=65536&seed=3", 3, 200_000, 65_536),
        ("/stream/30?chunk=7", 0, 30, 7),
    ] {
        let chunks = chunks(&mut target.connect(), path);
        assert!(chunks.concat() == defined(seed, 0, length), "{path}");
        let sizes: Vec<usize> = chunks.iter().map(Vec::len).collect();
        let (last, others) = sizes.split_last().unwrap_or((&1, &[]));
        assert!(others.iter().all(|&size| size == chunk) && (1..=chunk).contains(last), "{path}: {sizes:?}");
    }
}

#[test]
fn a_drip_comes_drop_by_drop_and_never_early() {
    let target = single();
    let mut client = target.connect();
    let begun = Instant::now();
    client.send("GET /drip?duration=0.4&numbytes=5&delay=100ms&code=503 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    let head = client.receive_after("HEAD").unwrap();
    assert!(begun.elapsed() >= Duration::from_millis(100), "{:?}", begun.elapsed());
    assert_eq!((head.status, head.header("content-length")), (503, Some("5")));
    assert!(head.timing("io") >= 100.0, "{:?}", head.headers);
    let mut arrivals = Vec::new();
    while arrivals.len() < 5 {
        let (before, arrived) = (arrivals.len(), client.unread().len());
        if arrived == before {
            client.read_more().unwrap();
        }
        arrivals.resize(client.unread().len(), begun.elapsed());
    }
    for (number, arrival) in (0_u64..).zip(&arrivals) {
        assert!(*arrival >= Duration::from_millis(100 + 100 * number), "{arrivals:?}");
    }
    assert!(client.unread() == defined(0, 0, 5));
    let all = target.get("/drip?duration=0&numbytes=100000&seed=4");
    assert!(all.body == defined(4, 0, 100_000));
    assert_eq!(target.get("/drip?numbytes=0").body, b"");
}

#[test]
fn a_client_that_leaves_amid_a_body_leaves_the_account_balanced() {
    for arguments in MODES {
        let target = Target::start(arguments);
        let mut sent = 0;
        for path in ["/stream/1GiB", "/bytes/1GiB", "/stream/1GiB?seed=8", "/drip?duration=60&numbytes=100000"] {
            for with_reset in [false, true] {
                let mut client = target.connect();
                client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
                assert_eq!(client.receive_after("HEAD").unwrap().status, 200);
                client.read_more().unwrap();
                sent += 1;
                wait_for("the request", || (target.total("started") == sent).then_some(()));
                if with_reset {
                    client.reset();
                }
            }
        }
        let stats = at_rest(&target);
        let gone: u64 =
            stats["routes"].as_array().unwrap().iter().map(|route| route["client_gone"].as_u64().unwrap()).sum();
        assert_eq!(gone, sent, "{arguments:?}: {stats}");
        settle(target, &Tally { sent, answered: sent, ..Tally::default() }, false);
    }
}

#[test]
fn max_bytes_is_what_may_be_asked_for() {
    let target = Target::start(&["--mode", "single", "--max-bytes", "1kB", "--max-body", "10kB"]);
    let mut client = target.connect();
    for path in ["/bytes/1001", "/stream/1001", "/drip?numbytes=1001"] {
        let refusal = client.get(path).unwrap();
        assert_eq!(refusal.status, 400, "{path}");
        assert!(refusal.json()["error"].as_str().unwrap().contains("--max-bytes"), "{}", refusal.text());
    }
    assert_eq!(client.get("/bytes/1000").unwrap().body.len(), 1_000);
}
