//! Writes the head of a response, with what frames its body.

use std::cell::RefCell;
use std::time::{Duration, SystemTime};

use bytes::BufMut;
use http::response::Parts;
use http::{HeaderName, HeaderValue, StatusCode, header};

use crate::sys::clock;

/// What of a request concerns the form of its response.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// HTTP/1.1, and not HTTP/1.0.
    pub is_http_11: bool,
    /// Its method is HEAD.
    pub is_head: bool,
    /// Whether the connection may go on.
    pub keep_alive: bool,
}

/// What frames the body of a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Framed {
    /// There is none, whatever it is.
    Nothing,
    /// It has so many bytes.
    Length(u64),
    /// It comes in chunks.
    Chunked,
    /// It ends with the connection.
    UntilClose,
}

/// Writes a head; `length` is the body's, where it is known, and `push_more` writes further lines. Returns how the body is
/// framed, and whether the connection goes on after it.
pub fn push_head<Out: BufMut>(
    out: &mut Out,
    parts: &Parts,
    length: Option<u64>,
    to: Answered,
    push_more: impl FnOnce(&mut Out),
) -> (Framed, bool) {
    let Answered { is_http_11, is_head, keep_alive } = to;
    let headers = &parts.headers;
    let said = || headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    let has_body = !is_head && !is_bodiless(parts.status);
    let framed = match length.or_else(said) {
        _ if !has_body => Framed::Nothing,
        Some(length) => Framed::Length(length),
        None if is_http_11 => Framed::Chunked,
        None => Framed::UntilClose,
    };
    let mut keep_alive = keep_alive && framed != Framed::UntilClose;
    push_status(out, is_http_11, parts.status);
    let mut has_date = false;
    for (name, value) in headers {
        match *name {
            header::CONNECTION => keep_alive &= !closes(value),
            header::TRANSFER_ENCODING | header::CONTENT_LENGTH => {}
            _ => {
                has_date |= name == header::DATE;
                push_line(out, name, value);
            }
        }
    }
    match framed {
        Framed::Length(length) => push_length(out, length),
        Framed::Chunked => out.put_slice(b"transfer-encoding: chunked\r\n"),
        // To HEAD the length of what GET has, where that is known: a body that was left out has none.
        Framed::Nothing if is_head && !is_bodiless(parts.status) => {
            if let Some(length) = said().or(length.filter(|length| *length > 0)) {
                push_length(out, length);
            }
        }
        Framed::Nothing | Framed::UntilClose => {}
    }
    push_connection(out, is_http_11, keep_alive);
    if !has_date {
        push_date(out);
    }
    push_more(out);
    out.put_slice(b"\r\n");
    (framed, keep_alive)
}

/// Writes a whole 200 to a GET.
pub fn push_instant(out: &mut impl BufMut, headers: &[(HeaderName, HeaderValue)], body: &[u8], to: Answered) {
    push_status(out, to.is_http_11, StatusCode::OK);
    for (name, value) in headers {
        push_line(out, name, value);
    }
    push_length(out, body.len() as u64);
    push_connection(out, to.is_http_11, to.keep_alive);
    push_date(out);
    out.put_slice(b"\r\n");
    out.put_slice(body);
}

fn is_bodiless(status: StatusCode) -> bool {
    status.is_informational() || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&status)
}

fn closes(connection: &HeaderValue) -> bool {
    let is_close = |option: &[u8]| option.trim_ascii().eq_ignore_ascii_case(b"close");
    connection.as_bytes().split(|&byte| byte == b',').any(is_close)
}

fn push_status(out: &mut impl BufMut, is_http_11: bool, status: StatusCode) {
    if is_http_11 && status == StatusCode::OK {
        return out.put_slice(b"HTTP/1.1 200 OK\r\n");
    }
    let version = if is_http_11 { "HTTP/1.1 " } else { "HTTP/1.0 " };
    // There must be a reason, as many parsers expect one.
    let reason = status.canonical_reason().unwrap_or("<none>");
    for part in [version, status.as_str(), " ", reason, "\r\n"] {
        out.put_slice(part.as_bytes());
    }
}

fn push_line(out: &mut impl BufMut, name: &HeaderName, value: &HeaderValue) {
    for part in [name.as_str().as_bytes(), b": ", value.as_bytes(), b"\r\n"] {
        out.put_slice(part);
    }
}

fn push_length(out: &mut impl BufMut, length: u64) {
    const DIGITS: usize = 20;
    let mut digits = [b'0'; DIGITS];
    let (mut left, mut at) = (length, DIGITS);
    while left > 0 || at == DIGITS {
        at -= 1;
        digits[at] += u8::try_from(left % 10).unwrap_or(0);
        left /= 10;
    }
    for part in [b"content-length: ", &digits[at..], b"\r\n"] {
        out.put_slice(part);
    }
}

/// Says whether the connection goes on, where the client's version of HTTP doesn't say so itself.
fn push_connection(out: &mut impl BufMut, is_http_11: bool, keep_alive: bool) {
    match (is_http_11, keep_alive) {
        (true, true) => {}
        (false, true) => out.put_slice(b"connection: keep-alive\r\n"),
        (_, false) => out.put_slice(b"connection: close\r\n"),
    }
}

/// A line with the date, in its fixed length.
const DATE_LINE: usize = "date: Sun, 06 Nov 1994 08:49:37 GMT\r\n".len();

thread_local! {
    /// The second since 1970 that was last written, and its line.
    static DATE: RefCell<(u64, [u8; DATE_LINE])> = const { RefCell::new((0, [b' '; DATE_LINE])) };
}

fn push_date(out: &mut impl BufMut) {
    let second = clock::realtime_second();
    DATE.with_borrow_mut(|(written, line)| {
        if *written != second {
            *written = second;
            let now = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
            let text = format!("date: {}\r\n", httpdate::fmt_http_date(now));
            // The format has one length.
            if text.len() == DATE_LINE {
                line.copy_from_slice(text.as_bytes());
            }
        }
        out.put_slice(line);
    });
}

#[cfg(test)]
mod tests {
    use http::Response;

    use super::*;

    const PLAIN: Answered = Answered { is_http_11: true, is_head: false, keep_alive: true };

    /// A head's lines without its date, how its body is framed, and whether the connection goes on.
    fn head(response: &Response<()>, length: Option<u64>, to: Answered) -> (String, Framed, bool) {
        let (parts, ()) = response.clone().into_parts();
        let mut out = Vec::new();
        let (framed, goes_on) = push_head(&mut out, &parts, length, to, |_| ());
        let text = String::from_utf8(out).unwrap();
        let lines: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
        (lines.join("|"), framed, goes_on)
    }

    #[test]
    fn a_body_is_framed_as_client_and_status_have_it() {
        let ok = Response::new(());
        let old = Answered { is_http_11: false, ..PLAIN };
        let asks_head = Answered { is_head: true, ..PLAIN };
        let whole = |text: &str| text.to_owned() + "||";
        for (response, length, to, expected) in [
            (&ok, Some(0), PLAIN, ("HTTP/1.1 200 OK|content-length: 0", Framed::Length(0), true)),
            (
                &ok,
                Some(u64::MAX),
                PLAIN,
                ("HTTP/1.1 200 OK|content-length: 18446744073709551615", Framed::Length(u64::MAX), true),
            ),
            (&ok, None, PLAIN, ("HTTP/1.1 200 OK|transfer-encoding: chunked", Framed::Chunked, true)),
            (&ok, None, old, ("HTTP/1.0 200 OK|connection: close", Framed::UntilClose, false)),
            (
                &ok,
                Some(10),
                old,
                ("HTTP/1.0 200 OK|content-length: 10|connection: keep-alive", Framed::Length(10), true),
            ),
            (&ok, Some(10), asks_head, ("HTTP/1.1 200 OK|content-length: 10", Framed::Nothing, true)),
            (&ok, Some(0), asks_head, ("HTTP/1.1 200 OK", Framed::Nothing, true)),
            (
                &ok,
                None,
                Answered { is_http_11: false, ..asks_head },
                ("HTTP/1.0 200 OK|connection: keep-alive", Framed::Nothing, true),
            ),
        ] {
            let (text, framed, goes_on) = expected;
            assert_eq!(head(response, length, to), (whole(text), framed, goes_on));
        }
        let mut none = Response::new(());
        *none.status_mut() = StatusCode::NO_CONTENT;
        assert_eq!(head(&none, Some(0), PLAIN), (whole("HTTP/1.1 204 No Content"), Framed::Nothing, true));
        assert_eq!(head(&none, None, old).1, Framed::Nothing);
    }

    #[test]
    fn an_instant_answer_is_what_the_long_way_writes() {
        let lines = [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain"))];
        let mut response = Response::new(());
        response.headers_mut().extend(lines.iter().cloned().map(|(name, value)| (Some(name), value)));
        for (is_http_11, keep_alive) in [(true, true), (true, false), (false, true), (false, false)] {
            let to = Answered { is_http_11, keep_alive, ..PLAIN };
            let mut instant = Vec::new();
            push_instant(&mut instant, &lines, b"ok", to);
            let text = String::from_utf8(instant).unwrap();
            let lines: Vec<&str> = text.split("\r\n").filter(|line| !line.starts_with("date: ")).collect();
            assert_eq!(lines.join("|"), head(&response, Some(2), to).0 + "ok", "{to:?}");
        }
    }

    #[test]
    fn the_connection_is_ours_to_tell() {
        let mut response = Response::new(());
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("x, Close"));
        response.headers_mut().insert(header::TRANSFER_ENCODING, HeaderValue::from_static("gzip"));
        let expected = "HTTP/1.1 200 OK|content-length: 1|connection: close||".to_owned();
        assert_eq!(head(&response, Some(1), PLAIN), (expected, Framed::Length(1), false));
    }
}
