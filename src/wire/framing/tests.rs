use super::*;
use proptest::prelude::*;

/// What is handed on of a stream that comes in pieces of these lengths, and where it stands then.
fn followed(stream: &[u8], pieces: &[usize]) -> (Vec<u8>, Framing) {
    let mut framing = Framing::default();
    let mut handed = Vec::new();
    let mut rest = stream;
    for &length in pieces.iter().chain([&usize::MAX]) {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        let mut piece = piece.to_vec();
        let kept = framing.follow(&mut piece);
        handed.extend(&piece[..kept]);
        rest = after;
    }
    (handed, framing)
}

fn whole(stream: &str) -> (String, Framing) {
    let (handed, framing) = followed(stream.as_bytes(), &[]);
    (String::from_utf8(handed).unwrap(), framing)
}

/// Streams of whole messages that every recipient frames alike.
const CLEAR: [&str; 9] = [
    "GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "\r\n\nGET / HTTP/1.1\nHost: a\n\n",
    "POST / HTTP/1.1\r\nContent-Length: 5\r\n\r\nhelloGET / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\ncontent-length:0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5;a=b\r\nhello\r\n0\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    "POST / HTTP/1.1\r\ntRANSFER-eNCODING:chunked\r\n\r\na \r\n0\r\n\r\n01234\r\n0\r\nX: y\r\nZ:\r\n\r\n",
    "GET / HTTP/1.1\r\nContent-Lengths: 5\r\nContent: 5\r\nTransfer: a\r\nc:\r\nX-Content-Length: 5\r\n\r\n",
    // What looks like a header is data.
    "POST / HTTP/1.1\r\nContent-Length: 42\r\n\r\n\r\nContent-Length: 5\r\nTransfer-Encoding: \r\n",
    "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n17\r\n\r\nContent-Length: 5\r\n\r\n\r\n0\r\n\r\n",
];

#[test]
fn what_is_clear_is_handed_on_unchanged() {
    for stream in CLEAR {
        let (handed, framing) = whole(stream);
        assert_eq!(handed, stream);
        assert_eq!(framing.place, Place::Between, "{stream:?}");
    }
}

#[test]
fn two_lines_that_frame_a_body_lose_a_colon() {
    let lines = ["Content-Length: 5", "Transfer-Encoding: chunked"];
    for first in lines {
        for second in lines {
            let (handed, _) = whole(&format!("POST / HTTP/1.1\r\n{first}\r\nHost: a\r\n{second}\r\n\r\n"));
            let colon = second.find(':').unwrap();
            let poisoned = format!("{}\0{}", &second[..colon], &second[colon + 1..]);
            assert_eq!(handed, format!("POST / HTTP/1.1\r\n{first}\r\nHost: a\r\n{poisoned}\r\n\r\n"));
        }
    }
}

#[test]
fn a_bad_chunk_ends_the_stream_before_it() {
    let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    for (good, bad) in [
        ("", "x\r\nGET /hidden"),
        ("", "-1\r\n"),
        ("", ";a\r\n"),
        ("", "\r\n"),
        ("0", "x5\r\n"),
        ("0000000000000000", "0\r\n"),
        ("5\r\nhello", "6\r\n"),
        ("5\r\nhello", "\n0\r\n\r\n"),
        ("5\r\nhello\r", "\r\n0\r\n"),
        ("0\r\nX: y", "\n\nGET /hidden"),
        ("0\r\n", "\nGET /hidden"),
        ("0\r\n\r", "GET /hidden"),
    ] {
        let (handed, framing) = whole(&format!("{head}{good}{bad}"));
        assert_eq!((handed, framing.place), (format!("{head}{good}"), Place::Broken), "{good:?} {bad:?}");
    }
}

#[test]
fn a_target_without_end_gets_one() {
    let target = "a".repeat(TARGET * 3);
    let sent = format!("GET {target} HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\n\r\n");
    let (handed, framing) = whole(&sent);
    assert_eq!(handed, format!("GET {} HTTP/1.1\r\n\r\n", &target[..TARGET]));
    assert_eq!(framing.place, Place::Cut);
    assert!(framing.is_over());
    assert_eq!((handed.into_bytes(), framing), followed(sent.as_bytes(), &vec![1; 40_000]));
    let fits = format!("GET {} HTTP/1.1\r\n\r\n", &target[..TARGET - 1]);
    assert_eq!(whole(&fits).0, fits);
}

#[test]
fn head_and_body_are_told_apart() {
    for (stream, head, body) in [
        ("", false, false),
        ("\r\n", false, false),
        ("G", true, false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r", true, false),
        ("GET / HTTP/1.1\r\nHost: a\r\n\r\n", false, false),
        ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\n", false, true),
        ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\na", false, true),
        ("POST / HTTP/1.1\r\nContent-Length: 2\r\n\r\nab", false, false),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", false, true),
        ("POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", false, false),
    ] {
        let (_, framing) = whole(stream);
        assert_eq!((framing.is_in_head(), framing.is_in_body()), (head, body), "{stream:?}");
    }
}

proptest! {
    /// A hostile client chooses where its segments end.
    #[test]
    fn pieces_change_nothing(
        parts in prop::collection::vec(prop::sample::select(&[
            "GET / HTTP/1.1", "POST / HTTP/1.1", "\r\n", "\r\n\r\n", "\n", "\r", "Content-Length: 5", "Content-Length:",
            "Transfer-Encoding: chunked", "transfer-encoding:chunked", "hello", "5", "0", "a;b", ":", "Host: a", " ",
        ][..]), 0..20),
        pieces in prop::collection::vec(0usize..9, 0..60),
    ) {
        let stream = parts.concat();
        prop_assert_eq!(followed(stream.as_bytes(), &[]), followed(stream.as_bytes(), &pieces));
    }
}
