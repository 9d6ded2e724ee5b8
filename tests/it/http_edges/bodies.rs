//! RFC 9112, 7.1: chunks. The route does not read its body, so that a bad one is answered, and nothing after it.

use super::{get, play, row};

#[test]
fn chunks() {
    let chunks = |name: &str, chunks: &str| row(name, get(&["Transfer-Encoding: chunked"]) + chunks);
    let good = |name: &str, body: &str| chunks(name, body).answered(&[200]);
    let bad = |name: &str, body: &str| chunks(name, body).closed_after(&[200]);
    let extension = |length: usize| format!("5;{}\r\nhello\r\n0\r\n\r\n", "a".repeat(length));
    let trailer = |length: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(length));
    play(vec![
        good("9112 7.1: none", "0\r\n\r\n"),
        good("9112 7.1: two", "5\r\nhello\r\n6\r\n world\r\n0\r\n\r\n"),
        good(
            "9112 7.1: leading zeros, and letters of both cases",
            "00a\r\n0123456789\r\nA\r\n0123456789\r\n000\r\n\r\n",
        ),
        good("9112 7.1.1: extensions MUST be ignored", "5;a;b=c;d=\"e\"\r\nhello\r\n0;f\r\n\r\n"),
        good("9112 7.1.1: space before one", "5 ;a\r\nhello\r\n0\r\n\r\n"),
        good("9112 7.1.1: a long one", &extension(1_000)),
        bad("9112 7.1.1: one that is too long", &extension(20_000)),
        bad("9112 7.1.1: a LF in one", "5;a\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1.1: a CR in one", "5;a\rb\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: no digit", "x\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: an empty size", "\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: negative", "-5\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: a plus sign", "+5\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: 0x", "0x5\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: a space before it", " 5\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: over 64 bits MUST be noticed", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: zeros without end", "00000000000000005\r\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: LF after the size", "5\nhello\r\n0\r\n\r\n"),
        bad("9112 7.1: more data than the size says", "5\r\nhello!\r\n0\r\n\r\n"),
        bad("9112 7.1: LF after the data", "5\r\nhello\n0\r\n\r\n"),
        bad("9112 7.1: nothing after the data", "5\r\nhello0\r\n\r\n"),
        bad("9112 7.1: over --max-body", &format!("80000\r\n{}\r\n0\r\n\r\n", "a".repeat(0x80000))),
        good("9112 7.1.2: trailers", "0\r\nX: y\r\nZ: a\r\n\r\n"),
        good("9112 7.1.2: trailers that would frame", "0\r\nContent-Length: 9\r\nTransfer-Encoding: x\r\n\r\n"),
        good("9112 7.1.2: long trailers", &trailer(10_000)),
        bad("9112 7.1.2: trailers that are too long", &trailer(40_000)),
        bad("9112 7.1.2: a LF in the trailers", "0\r\nX: y\n\r\n\r\n"),
        bad("9112 7.1.2: a LF behind which others see a request", "0\r\nX: y\n\n"),
        bad("9112 7.1.2: LF for the last line", "0\r\n\n"),
        bad("9112 7.1.2: a trailer that is none", "0\r\nX y\r\n\r\n"),
        bad("9112 7.1.2: a bare CR", "0\r\nX: a\rb\r\n\r\n"),
    ]);
}
