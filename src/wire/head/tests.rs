use super::*;

/// Finds and reads the head at the start of some bytes, given in pieces of this length; how long it is.
fn read(bytes: &[u8], piece: usize) -> Result<Option<usize>, BadHead> {
    let mut progress = Progress::default();
    let mut come = 0;
    while come < bytes.len() {
        come = (come + piece).min(bytes.len());
        if let Some(end) = progress.find_end(&bytes[..come])? {
            let mut room = [const { MaybeUninit::uninit() }; HEADER_LINES];
            return parse(&bytes[..end], &mut room).map(|_| Some(end));
        }
        progress.check(&bytes[..come])?;
    }
    Ok(None)
}

/// The same, whatever the pieces.
fn both(bytes: &[u8]) -> Result<Option<usize>, BadHead> {
    let whole = read(bytes, bytes.len());
    let shown = String::from_utf8_lossy(bytes);
    assert_eq!(read(bytes, 1), whole, "{}", shown.escape_debug());
    let mut room = [const { MaybeUninit::uninit() }; HEADER_LINES];
    if let Some((_, end)) = parse_whole(bytes, &mut room) {
        assert_eq!(Ok(Some(end)), whole, "{}", shown.escape_debug());
    }
    whole
}

/// A head of so many bytes.
fn of_length(bytes: usize) -> Vec<u8> {
    let rest = bytes - "GET / HTTP/1.1\r\nHost: a\r\nX: \r\n\r\n".len();
    format!("GET / HTTP/1.1\r\nHost: a\r\nX: {}\r\n\r\n", "x".repeat(rest)).into_bytes()
}

#[test]
fn a_head_has_each_limit_exactly_and_not_one_more() {
    assert_eq!(both(&of_length(HEAD - 1)), Ok(Some(HEAD - 1)));
    assert_eq!(both(&of_length(HEAD)), Err(BadHead::LongHead));
    let empty_lines = [b"\r\n".repeat(100), of_length(HEAD - 201)].concat();
    assert_eq!(both(&empty_lines), Ok(Some(HEAD - 1)), "empty lines before it count");
    assert_eq!(both(&[&b"\n"[..], &empty_lines].concat()), Err(BadHead::LongHead));
    let lines = |count: usize| format!("GET / HTTP/1.1\r\n{}Host: a\r\n\r\n", "X: y\r\n".repeat(count - 1));
    assert_eq!(both(lines(100).as_bytes()), Ok(Some(lines(100).len())));
    assert_eq!(both(lines(101).as_bytes()), Err(BadHead::ManyHeaderLines));
    let target = |bytes: usize| format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(bytes - 1));
    assert!(matches!(both(target(TARGET - 1).as_bytes()), Ok(Some(_))));
    assert_eq!(both(target(TARGET).as_bytes()), Err(BadHead::LongTarget));
}

#[test]
fn lines_are_neither_folded_nor_have_they_a_nul_or_a_bare_cr() {
    let line = |line: &str| both(format!("GET / HTTP/1.1\r\nHost: a\r\n{line}\r\n\r\n").as_bytes()).err();
    assert_eq!(line("X: a"), None);
    assert_eq!(line("X: a\r\n b"), Some(BadHead::HeaderName), "obs-fold");
    assert_eq!(line("X: a\0b"), Some(BadHead::HeaderValue));
    assert_eq!(line("X\0: a"), Some(BadHead::HeaderName));
    assert_eq!(line("X: a\rb"), Some(BadHead::HeaderValue));
    assert_eq!(line("\rX: a"), Some(BadHead::LineEnd));
    assert_eq!(both(b"GET /\0 HTTP/1.1\r\nHost: a\r\n\r\n"), Err(BadHead::RequestLine));
    assert_eq!(both(b"GET / HTTP/1.1\rHost: a\r\n\r\n"), Err(BadHead::LineEnd));
}

#[test]
fn what_is_no_http_is_told_before_a_head_has_ended() {
    assert_eq!(both(b"\x16\x03\x01\x02"), Err(BadHead::RequestLine));
    assert_eq!(both(b"PRI * HTTP/2.0\r\n"), Err(BadHead::Http2));
    assert_eq!(read(b"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 100), Err(BadHead::Version));
    assert_eq!(both(b"GET / HTTP/1.1\r\nHost: a\r\n"), Ok(None));
}

#[test]
fn the_next_request_is_not_looked_at() {
    let one = b"\r\nGET / HTTP/1.1\nHost: a\n\n";
    assert_eq!(both(&[&one[..], b"\0\0\0"].concat()), Ok(Some(one.len())));
}

#[test]
fn a_host_is_a_name_or_an_address_with_an_optional_port() {
    for good in ["localhost", "a.example:80", "127.0.0.1:8080", "[::1]:8080", "[::1]", "", "a:", "%c3%a9.example"] {
        assert!(is_host(good.as_bytes()), "{good}");
    }
    for bad in
        ["a b", "a/b", "user@host", "a:b", "a:123456", "[::1", "[x]", "[::1]x", "a,b c", "a\"b", "a%zz", "a%4"]
    {
        assert!(!is_host(bad.as_bytes()), "{bad}");
    }
}
