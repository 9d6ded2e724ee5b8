use super::*;
use proptest::prelude::*;

/// What is handed on of a stream that comes in pieces of these lengths, and where it stands then.
fn followed(stream: &[u8], pieces: &[usize]) -> (Vec<u8>, Framing) {
    let mut framing = Framing::default();
    let mut handed = Vec::new();
    let mut rest = stream;
    for &length in pieces.iter().chain([&usize::MAX]) {
        let (piece, after) = rest.split_at(length.min(rest.len()));
        let kept = framing.follow(piece);
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
fn two_lines_that_frame_a_body_end_the_stream_at_the_second() {
    let lines = ["Content-Length: 5", "Transfer-Encoding: chunked"];
    for first in lines {
        for second in lines {
            let head = format!("POST / HTTP/1.1\r\n{first}\r\nHost: a\r\n");
            let (handed, framing) = whole(&format!("{head}{second}\r\n\r\n"));
            let name = second.split(':').next().unwrap();
            assert_eq!((handed, framing.refused()), (format!("{head}{name}"), Some(Refused::FramedTwice)));
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
fn what_is_too_large_ends_the_stream() {
    let target = "a".repeat(TARGET * 3);
    let lines = "X: y\r\n".repeat(HEADER_LINES.into());
    let of_bytes = |bytes: usize| {
        let rest = bytes - "GET / HTTP/1.1\r\nX: \r\n\r\n".len();
        format!("GET / HTTP/1.1\r\nX: {}\r\n\r\n", "a".repeat(rest))
    };
    for (fits, ends, why) in [
        (format!("GET {} HTTP/1.1\r\n\r\n", &target[..TARGET - 1]), format!("GET {target}"), Refused::LongTarget),
        (
            format!("GET / HTTP/1.1\r\n{lines}\r\n"),
            format!("GET / HTTP/1.1\r\n{lines}Y: z\r\n\r\n"),
            Refused::ManyHeaderLines,
        ),
        (of_bytes(usize::from(HEAD) - 1), of_bytes(HEAD.into()), Refused::LongHead),
        ("\r\n".repeat(10), "\r\n".repeat(usize::from(HEAD) / 2), Refused::LongHead),
    ] {
        let twice = fits.repeat(2);
        let (handed, framing) = whole(&twice);
        assert!(handed == twice && framing.place == Place::Between, "{why:?}: {framing:?}");
        let sent = format!("{fits}{ends}{fits}");
        let (handed, framing) = whole(&sent);
        assert!(framing.is_over() && framing.refused() == Some(why), "{why:?}: {framing:?}");
        assert!(handed.len() < fits.len() + ends.len() && sent.starts_with(&handed), "{why:?}");
        assert_eq!((handed.into_bytes(), framing), followed(sent.as_bytes(), &vec![1; 100_000]), "{why:?}");
    }
}

#[test]
fn the_preface_of_http_2_ends_the_stream() {
    let (handed, framing) = whole("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    assert_eq!((handed.as_str(), framing.refused()), ("PRI * HTTP/", Some(Refused::Http2)));
    for other in ["PRI * HTTP/1.1\r\n\r\n", "PRI / HTTP/1.1\r\n\r\n", "PUT / HTTP/1.1\r\n\r\n"] {
        assert_eq!(whole(other).0, other);
    }
    let target = format!("*{}", "a".repeat(TARGET - 1));
    assert_eq!(whole(&format!("PRI {target} HTTP/1.1\r\n\r\n")).1.refused(), Some(Refused::LongTarget));
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
            "Transfer-Encoding: chunked", "transfer-encoding:chunked", "hello", "PRI * HTTP/2.0", "PRI * ", "5", "0", "a;b", ":", "Host: a", " ",
        ][..]), 0..20),
        pieces in prop::collection::vec(0usize..9, 0..60),
    ) {
        let stream = parts.concat();
        prop_assert_eq!(followed(stream.as_bytes(), &[]), followed(stream.as_bytes(), &pieces));
    }
}
