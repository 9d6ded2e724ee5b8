//! RFC 9112, 6 and RFC 9110, 8.6: what frames a body.

use super::{get, play, row};

#[test]
fn content_length() {
    let length = |name: &str, value: &str| row(name, get(&[&format!("Content-Length: {value}")]) + "hello");
    let bad = |name: &str, value: &str| length(name, value).refused(400);
    play(vec![
        length("9112 6.2: the body is left out of what comes next", "5").answered(&[200]),
        length("9110 8.6: leading zeros", "0005").answered(&[200]),
        length("9112 5.1: space around it", " \t5 ").answered(&[200]),
        row("9112 6.2: none", get(&["Content-Length: 0"])).answered(&[200]),
        bad("9112 6.3: no number MUST be 400", "abc"),
        bad("9112 6.3: negative", "-5"),
        bad("9112 6.3: a plus sign", "+5"),
        bad("9112 6.3: hexadecimal", "0x5"),
        bad("9112 6.3: a fraction", "5.0"),
        bad("9112 6.3: empty", ""),
        bad("9112 6.3: two numbers", "5 5"),
        bad("9110 8.6: a list of the same MAY be rejected", "5, 5"),
        bad("9110 8.6: a list of different ones MUST be rejected", "5, 6"),
        bad("9112 6.3: another script's digit", "５"),
        bad("9112 6.3: over 64 bits", "99999999999999999999"),
        bad("9112 6.3: over 64 bits by wrapping around to 5", "18446744073709551621"),
        length("9112 6.3: the most in 64 bits is over the limit", "18446744073709551615").refused(431),
        length("9110 15.5.14: over --max-body", "64001").closed_after(&[413]),
        length("9110 15.5.14: far over it", "9223372036854775807").closed_after(&[413]),
        row("9112 6.3: two lines, the same", get(&["Content-Length: 5", "Content-Length: 5"]) + "hello")
            .refused(400),
        row("9112 6.3: two lines, different", get(&["Content-Length: 5", "Content-Length: 0"]) + "hello")
            .refused(400),
        row("9112 6.3: two lines, in other letters", get(&["content-length: 0", "CONTENT-LENGTH: 5"]) + "hello")
            .refused(400),
        row("9112 5.1: a space before the colon", get(&["Content-Length : 5"]) + "hello").refused(400),
    ]);
}

#[test]
fn transfer_encoding() {
    let chunks = "5\r\nhello\r\n0\r\n\r\n";
    let lines = |name: &str, lines: &[&str]| row(name, get(lines) + chunks);
    let coding = |name: &str, value: &str| lines(name, &[&format!("Transfer-Encoding: {value}")]);
    let coded = "Transfer-Encoding: chunked";
    play(vec![
        coding("9112 6.1: chunked MUST be understood", "chunked").answered(&[200]),
        coding("9112 7: codings are case-insensitive", "Chunked").answered(&[200]),
        coding("9112 5.1: space around it", " \tchunked\t ").answered(&[200]),
        lines("9112 6.1: beside Content-Length", &[coded, "Content-Length: 5"]).refused(400),
        lines("9112 6.1: after Content-Length", &["Content-Length: 5", coded]).refused(400),
        lines("9112 6.1: with a Content-Length that fits", &["Content-Length: 15", "X: y", coded]).refused(400),
        lines("9112 6.1: with a Content-Length of 0", &["Content-Length: 0", coded]).refused(400),
        lines("9112 6.1: with one that is no number", &[coded, "Content-Length: x"]).refused(400),
        lines("9112 6.1: in other letters", &["cONTENT-lENGTH:5", "tRANSFER-eNCODING:chunked"]).refused(400),
        lines("9112 6.1: twice", &[coded, coded]).refused(400),
        coding("9112 7.1: chunked twice", "chunked, chunked").refused(400),
        lines("9112 6.3: identity, then chunked", &["Transfer-Encoding: identity", coded]).refused(400),
        coding("9112 6.3: chunked not last MUST be 400", "chunked, gzip").refused(400),
        coding("9112 6.3: no chunked MUST be 400", "gzip").refused(400),
        coding("9112 6.3: identity is none any more", "identity").refused(400),
        coding("9112 6.1: a coding that is not understood SHOULD be 501", "gzip, chunked").refused(501),
        coding("9112 6.3: empty", "").refused(400),
        coding("9110 5.6.1: an empty element", ",chunked").refused(501),
        coding("9112 7: an unknown coding", "xchunked").refused(400),
        coding("9112 7.1: a parameter", "chunked;q=1").refused(400),
        coding("9112 7: quoted", "\"chunked\"").refused(400),
        coding("9110 5.5: a vertical tab", "\x0bchunked").refused(400),
        coding("9110 5.5: a NUL", "chunked\0").refused(400),
        coding("9110 5.5: a no-break space", "\u{a0}chunked").refused(400),
        lines("9112 5.1: a space before the colon", &["Transfer-Encoding : chunked"]).refused(400),
        lines("9112 5.2: folded", &["Transfer-Encoding:\r\n chunked"]).refused(400),
        lines("9112 5.2: folded behind another", &["X: y\r\n Transfer-Encoding: chunked"]).refused(400),
        row(
            "9112 6.1: in HTTP/1.0",
            format!("GET /json HTTP/1.0\r\n{coded}\r\nConnection: keep-alive\r\n\r\n{chunks}"),
        )
        .refused(400),
        row("9112 2.2: lines ended by LF", "GET /json HTTP/1.1\nHost: a\nTransfer-Encoding: chunked\n\n0\r\n\r\n")
            .answered(&[200]),
        row(
            "9112 6.1: behind a request that has a body",
            get(&["Content-Length: 5"]) + "hello" + &get(&[coded]) + chunks,
        )
        .answered(&[200, 200]),
        row("9112 6.1: in a body it is data", get(&["Content-Length: 30"]) + "\r\nTransfer-Encoding: chunked\r\n")
            .answered(&[200]),
    ]);
}
