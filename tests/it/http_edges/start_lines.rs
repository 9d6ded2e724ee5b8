//! RFC 9112, 2.2 and 3: the request line, its target, and Host.

use super::{Row, play, row};
use crate::support::target::Target;
use crate::support::wait_for;

/// A request with this request line and a Host.
fn line(name: &str, line: &str) -> Row {
    row(name, format!("{line}\r\nHost: target\r\n\r\n"))
}

#[test]
fn request_lines() {
    play(vec![
        line("9112 3: the usual", "GET /json HTTP/1.1").answered(&[200]),
        row("9112 2.2: an empty line before it SHOULD be ignored", "\r\nGET /json HTTP/1.1\r\nHost: a\r\n\r\n")
            .answered(&[200]),
        row("9112 2.2: LF MAY end a line", "\nGET /json HTTP/1.1\nHost: a\n\n").answered(&[200]),
        row("9112 2.2: a bare CR is no line's end", "GET /json HTTP/1.1\rHost: a\r\n\r\n").refused(400),
        row("9112 2.2: a bare CR before it", "\rGET /json HTTP/1.1\r\nHost: a\r\n\r\n").refused(400),
        line("9112 3: two spaces", "GET  /json HTTP/1.1").refused(400),
        line("9112 3: a tab", "GET\t/json HTTP/1.1").refused(400),
        line("9112 3: a space before it", " GET /json HTTP/1.1").refused(400),
        line("9112 3: a space after it", "GET /json HTTP/1.1 ").refused(400),
        line("9112 3: a space in the target", "GET /js on HTTP/1.1").refused(400),
        line("9112 3: no target", "GET HTTP/1.1").refused(400),
        line("9112 3: no method", "/json HTTP/1.1").refused(400),
        line("9110 9.1: a method is a token", "G(T /json HTTP/1.1").refused(400),
        line("9110 9.1: a NUL in the method", "G\0T /json HTTP/1.1").refused(400),
        line("9110 9.1: methods are case-sensitive", "get /json HTTP/1.1").answered(&[405]),
        line("9110 15.5.6: an unknown method, with Allow", "FROBNICATE /json HTTP/1.1").answered(&[405]),
        line("9110 9.3.8: TRACE", "TRACE /json HTTP/1.1").answered(&[405]),
        line("9112 2.3: the version is case-sensitive", "GET /json http/1.1").refused(400),
        line("9110 2.5: a higher minor version SHOULD be taken for 1.1; httparse won't", "GET /json HTTP/1.2")
            .refused(400),
        line("9110 2.5: another major version", "GET /json HTTP/2.0").refused(400),
        line("9112 2.3: two digits", "GET /json HTTP/1.10").refused(400),
        line("9112 2.3: a leading zero", "GET /json HTTP/01.1").refused(400),
        line("9112 2.3: HTTP/0.9 has no version", "GET /json").refused(400),
    ]);
}

#[test]
fn http_2_with_prior_knowledge_is_told_to_use_http_1_1() {
    let target = Target::start(&["--mode", "single"]);
    let preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let ways: [&[usize]; 3] = [&[preface.len()], &[1; 40], &[11, 1, 12, 100]];
    for (count, pieces) in (1..).zip(ways) {
        let mut client = target.connect();
        let mut rest = &preface[..];
        for length in pieces {
            let (piece, after) = rest.split_at(rest.len().min(*length));
            // It is closed before everything is sent byte by byte.
            let _ = client.send(piece);
            rest = after;
        }
        let frames = client.read_to_end().unwrap();
        let (settings, go_away) = frames.split_at(9);
        assert_eq!(settings, b"\0\0\0\x04\0\0\0\0\0", "9113 3.4: the server's preface is a SETTINGS frame");
        assert_eq!(usize::from(go_away[2]), go_away.len() - 9, "9113 4.1: the length of the payload");
        assert_eq!(go_away[3..9], *b"\x07\0\0\0\0\0", "9113 6.8: GOAWAY on stream 0");
        assert_eq!(go_away[9..17], *b"\0\0\0\0\0\0\0\x0d", "9113 7: HTTP_1_1_REQUIRED");
        assert!(String::from_utf8_lossy(&go_away[17..]).contains("HTTP/1.1"));
        wait_for("it to be counted", || (target.total("rejected") == count).then_some(()));
    }
    assert_eq!(target.total("started"), 0);
}

#[test]
fn targets() {
    let long = |length: usize| format!("/json?{}", "a".repeat(length - "/json?".len()));
    let of_length =
        |length: usize| line(&format!("9112 3: a target of {length}"), &format!("GET {} HTTP/1.1", long(length)));
    play(vec![
        line("9112 3.2.2: absolute-form MUST be accepted", "GET http://other:99/json HTTP/1.1").answered(&[200]),
        line("9112 3.2.2: absolute-form without a path", "GET http://other HTTP/1.1").answered(&[200]),
        line("9110 4.2.3: the scheme in capitals", "GET HTTP://other/json HTTP/1.1").answered(&[200]),
        row("9112 3.2: absolute-form without Host", "GET http://other/json HTTP/1.1\r\n\r\n").refused(400),
        line("9110 4.2.1: an empty host MUST be rejected", "GET http:///json HTTP/1.1").refused(400),
        line("9110 7.4: https over plain TCP MUST be rejected", "GET https://target/json HTTP/1.1").refused(421),
        line("9110 7.4: any other scheme", "GET ftp://target/json HTTP/1.1").refused(421),
        line("9112 3.2.4: asterisk-form", "OPTIONS * HTTP/1.1").answered(&[204]),
        line("9110 9.3.7: OPTIONS of the root", "OPTIONS / HTTP/1.1").answered(&[204]),
        line("a slash behind a path", "GET /json/ HTTP/1.1").answered(&[200]),
        line("9112 3.2.4: it is for OPTIONS", "GET * HTTP/1.1").refused(400),
        line("9112 3.2.3: authority-form is for CONNECT", "GET target:80 HTTP/1.1").refused(400),
        line("9110 9.3.6: CONNECT", "CONNECT target:80 HTTP/1.1").refused(501),
        line("9110 9.3.6: CONNECT of a path", "CONNECT /json HTTP/1.1").refused(501),
        line("9112 3.2.1: a path begins with a slash", "GET json HTTP/1.1").refused(400),
        line("9112 3.2: a fragment is no part of it, and is left out", "GET /json#top HTTP/1.1").answered(&[200]),
        line("3986 2.1: a percent sign that encodes nothing", "GET /%zz HTTP/1.1").answered(&[404]),
        line("3986 2: an angle bracket", "GET /js<on HTTP/1.1").refused(400),
        line("3986 2: UTF-8", "GET /jsön HTTP/1.1").refused(400),
        row("3986 2: no UTF-8", b"GET /js\x80n HTTP/1.1\r\nHost: target\r\n\r\n").refused(400),
        line("3986 2: a control character", "GET /js\x01on HTTP/1.1").refused(400),
        line("3986 2: a NUL", "GET /js\0on HTTP/1.1").refused(400),
        line("3986 2: a DEL", "GET /js\x7fon HTTP/1.1").refused(400),
        of_length(8_000).answered(&[200]),
        of_length(31 * 1024 - 1).answered(&[200]),
        of_length(31 * 1024).refused(414).saying("31744 bytes"),
        of_length(32 * 1024).refused(414).saying("31744 bytes"),
        of_length(40_000).refused(414).saying("31744 bytes"),
        of_length(200_000).refused(414).saying("31744 bytes"),
        row("9112 3: a target without end", format!("GET {}", long(40_000))).refused(414).saying("31744 bytes"),
    ]);
}

#[test]
fn hosts() {
    let host = |name: &str, hosts: &str| row(name, format!("GET /json HTTP/1.1\r\n{hosts}\r\n"));
    play(vec![
        host("9112 3.2: none MUST be 400", "").refused(400),
        host("9112 3.2: two MUST be 400", "Host: a\r\nHost: b\r\n").refused(400),
        host("9112 3.2: the same twice", "Host: a\r\nHOST: a\r\n").refused(400),
        host("9110 7.2: it may be empty", "Host:\r\n").answered(&[200]),
        host("9110 7.2: an address and a port", "Host: [::1]:8080\r\n").answered(&[200]),
        host("9112 3.2: invalid MUST be 400: a space", "Host: a b\r\n").refused(400),
        host("9112 3.2: a list", "Host: a, b\r\n").refused(400),
        host("9112 3.2: a path", "Host: a/b\r\n").refused(400),
        host("9110 4.2.4: userinfo", "Host: user@a\r\n").refused(400),
        host("9112 3.2: a port that is none", "Host: a:b\r\n").refused(400),
        host("3986 3.2.2: a percent sign that encodes nothing", "Host: a%zz\r\n").refused(400),
        host("9112 3.2: another encoding", "Host: ä\r\n").refused(400),
        row("9112 3.2: HTTP/1.0 needs none", "GET /json HTTP/1.0\r\n\r\n").closed_after(&[200]),
        row("9112 3.2: two in HTTP/1.0", "GET /json HTTP/1.0\r\nHost: a\r\nHost: a\r\n\r\n").refused(400),
        row("9112 3.2: an invalid one in HTTP/1.0", "GET /json HTTP/1.0\r\nHost: a b\r\n\r\n").refused(400),
        row(
            "9112 3.2: an invalid one beside an absolute target",
            "GET http://a/json HTTP/1.1\r\nHost: a b\r\n\r\n",
        )
        .refused(400),
    ]);
}
