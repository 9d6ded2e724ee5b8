//! RFC 9112, 5 and RFC 9110, 5: header lines.

use super::{get, play, row};

#[test]
fn header_lines() {
    let with = |name: &str, line: &str| row(name, get(&[line]));
    let value = |name: &str, value: &[u8]| {
        row(name, [b"GET /json HTTP/1.1\r\nHost: target\r\nX: ", value, b"\r\n\r\n"].concat())
    };
    play(vec![
        with("9112 5.1: a space before the colon MUST be 400", "X : a").refused(400),
        with("9112 5.1: a tab before the colon", "X\t: a").refused(400),
        with("9112 5.1: space around the value", "X: \t a \t ").answered(&[200]),
        with("9112 5.1: no space", "X:a").answered(&[200]),
        with("9110 5.5: an empty value", "X:").answered(&[200]),
        with("9112 5.2: a folded line MUST be 400", "X: a\r\n b").refused(400),
        with("9112 5.2: folded with a tab", "X: a\r\n\tb").refused(400),
        with("9112 5.2: an empty line of space", "X: a\r\n ").refused(400),
        row("9112 2.2: space before the first header", "GET /json HTTP/1.1\r\n Host: target\r\n\r\n").refused(400),
        with("9110 5.1: an empty name", ": a").refused(400),
        with("9112 5: no colon", "X").refused(400),
        with("9110 5.1: a name is a token", "X(Y): a").refused(400),
        with("9110 5.1: a name of another encoding", "Ü: a").refused(400),
        with("9110 5.1: a NUL in the name", "X\0: a").refused(400),
        value("9110 5.5: a NUL MUST be rejected", b"a\0b").refused(400),
        value("9110 5.5: a bare CR MUST be rejected", b"a\rb").refused(400),
        value("9110 5.5: a CR before the line's end", b"a\r").refused(400),
        value("9110 5.5: a bare LF ends the line, and the next one is none", b"a\nb").refused(400),
        value("9112 2.2: a bare LF MAY end a line", b"a\nY: b").answered(&[200]),
        value("9112 2.2: LF, then CRLF, are the head's end, and an empty line follows", b"a\n").answered(&[200]),
        value("9110 5.5: a vertical tab", b"a\x0bb").refused(400),
        value("9110 5.5: an escape", b"\x1b[31m").refused(400),
        value("9110 5.5: a DEL", b"a\x7fb").refused(400),
        value("9110 5.5: other bytes are opaque", b"\x80\xff\xc3\xa4").answered(&[200]),
    ]);
}

#[test]
fn how_many_and_how_large() {
    let many = |count: usize| {
        let lines: Vec<String> = (0..count - 1).map(|number| format!("X-{number}: a")).collect();
        let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
        row(format!("6585 5: {count} header lines"), get(&lines))
    };
    let large = |bytes: usize| {
        let rest = bytes - get(&["X: "]).len();
        row(format!("6585 5: a head of {bytes} bytes"), get(&[&format!("X: {}", "a".repeat(rest))]))
    };
    let name = "a".repeat(200_000);
    play(vec![
        many(100).answered(&[200]),
        many(101).refused(431).saying("at most 100 header lines"),
        many(5_000).refused(431).saying("at most 100 header lines"),
        large(30_000).answered(&[200]),
        large(33_000).refused(431).saying("less than 32768 bytes"),
        large(300_000).refused(431).saying("less than 32768 bytes"),
        row("6585 5: a name without end", format!("GET /json HTTP/1.1\r\n{name}"))
            .refused(431)
            .saying("less than 32768 bytes"),
        row("6585 5: empty lines without end", "\r\n".repeat(20_000)).refused(431).saying("less than 32768 bytes"),
    ]);
}
