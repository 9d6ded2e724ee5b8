//! What is refused in front of the router.

use axum::http::request::Parts;
use axum::http::uri::Scheme;
use axum::http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, header};
use http_body::Body;

use super::error::Refusal;
use super::target::Limits;
use crate::fault::EXEMPT;
use crate::scoreboard::{Rejection, SHED_STATUS};
use crate::wire::{HEAD, HEADER_LINES, Refused, TARGET, go_away};

/// Why a request is none, and what it is answered.
pub type Rejected = (Rejection, Refusal);

/// Holds what the RFCs want of a request and hyper lets through.
///
/// # Errors
/// 4xx or 501; the connection is to be closed and the request counted as rejected.
pub fn request(request: &Request<impl Body>) -> Result<(), Rejected> {
    target(request.method(), request.uri())?;
    host(request.version(), request.headers())?;
    // Who has a coding has a body. Asked that way round, most requests need no look at their headers.
    if request.body().is_end_stream() { Ok(()) } else { coding(request.headers()) }
}

/// The answer to a head that was not read to its end, after which the connection is closed.
#[must_use]
pub fn unread_head(refused: Refused) -> Vec<u8> {
    let (status, sentence) = match refused {
        Refused::Http2 => return go_away("quintain does not speak HTTP/2; use HTTP/1.1"),
        Refused::LongTarget => (StatusCode::URI_TOO_LONG, format!("a target has less than {TARGET} bytes")),
        Refused::LongHead => {
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, format!("a request's head has less than {HEAD} bytes"))
        }
        Refused::ManyHeaderLines => {
            let sentence = format!("a request has at most {HEADER_LINES} header lines");
            (StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, sentence)
        }
        Refused::FramedTwice => {
            let sentence = "a request has one Content-Length or one Transfer-Encoding, not two of them";
            (StatusCode::BAD_REQUEST, sentence.to_owned())
        }
    };
    Refusal::new(status, sentence).as_last_answer(true)
}

/// The four forms of RFC 9112, 3.2.
///
/// # Errors
/// 400, 421 or 501; the connection is to be closed and the request counted as rejected.
pub fn target(method: &Method, uri: &Uri) -> Result<(), Rejected> {
    let whole = uri.path_and_query().map_or("", |target| target.as_str());
    let (status, sentence) = if method == Method::CONNECT {
        (StatusCode::NOT_IMPLEMENTED, "this is no proxy: there is no CONNECT".to_owned())
    } else if !whole.is_ascii() {
        (StatusCode::BAD_REQUEST, "a target is ASCII; other characters are percent-encoded".to_owned())
    } else if whole == "*" && method != Method::OPTIONS {
        (StatusCode::BAD_REQUEST, "the target * is for OPTIONS".to_owned())
    } else {
        match (uri.scheme(), uri.authority()) {
            (None, None) => return Ok(()),
            (Some(scheme), Some(_)) if *scheme == Scheme::HTTP => return Ok(()),
            // RFC 9110, 7.4: a resource of https is not served over a connection that is not secured.
            (Some(scheme), _) => (StatusCode::MISDIRECTED_REQUEST, format!("{scheme} is not served here")),
            (None, Some(_)) => (StatusCode::BAD_REQUEST, "a target begins with / or http://".to_owned()),
        }
    };
    Err((Rejection::BadTarget, Refusal::new(status, sentence)))
}

/// RFC 9112, 6.1: `chunked` once, and nothing else. hyper looks at the last coding only, so that it would hand over a
/// body that is still coded.
fn coding(headers: &HeaderMap) -> Result<(), Rejected> {
    let bad = |status, sentence| Err((Rejection::BadFraming, Refusal::new(status, sentence)));
    let mut known = 0;
    for value in headers.get_all(header::TRANSFER_ENCODING) {
        for name in value.as_bytes().split(|&byte| byte == b',') {
            if !name.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                let sentence = "no Transfer-Encoding but chunked is understood";
                return bad(StatusCode::NOT_IMPLEMENTED, sentence);
            }
            known += 1;
        }
    }
    if known <= 1 {
        return Ok(());
    }
    bad(StatusCode::BAD_REQUEST, "a body must not be chunked twice")
}

/// Holds what RFC 9112, 3.2 says of Host: HTTP/1.1 has exactly one, and it is valid; no request has two.
fn host(version: Version, headers: &HeaderMap) -> Result<(), Rejected> {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (reason, sentence) = match (hosts.next(), hosts.next()) {
        (_, Some(_)) => (Rejection::TwoHosts, "a request must not have two Host headers"),
        (None, None) if version >= Version::HTTP_11 => {
            (Rejection::NoHost, "an HTTP/1.1 request must have a Host header")
        }
        (Some(host), None) if !is_valid(host) => {
            (Rejection::BadHost, "the Host header is not a host with an optional port")
        }
        _ => return Ok(()),
    };
    Err((reason, Refusal::new(StatusCode::BAD_REQUEST, sentence)))
}

/// `uri-host [ ":" port ]`, which may be empty.
fn is_valid(host: &HeaderValue) -> bool {
    let bytes = host.as_bytes();
    let (name, rest) = match bytes {
        [b'[', inside @ ..] => {
            let Some(end) = inside.iter().position(|&byte| byte == b']') else { return false };
            let address = std::str::from_utf8(&inside[..end]).ok();
            if address.and_then(|text| text.parse::<std::net::Ipv6Addr>().ok()).is_none() {
                return false;
            }
            (&bytes[..0], &inside[end + 1..])
        }
        _ => bytes.split_at(bytes.iter().position(|&byte| byte == b':').unwrap_or(bytes.len())),
    };
    let port = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    port && is_name(name)
}

fn is_name(name: &[u8]) -> bool {
    let hexadecimal = |at: usize| name.get(at).is_some_and(u8::is_ascii_hexdigit);
    name.iter().enumerate().all(|(at, &byte)| match byte {
        b'%' => hexadecimal(at + 1) && hexadecimal(at + 2),
        _ => byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte),
    })
}

/// A limit that a request is over, and what it is answered.
pub enum OverLimit {
    /// `--max-inflight`, which requests share: it is shed.
    InFlight(Refusal),
    /// `--max-body`, by itself.
    Body(Refusal),
}

/// Holds `--max-inflight` and `--max-body`. `length` is the body's, if the head says so; `in_flight` counts this
/// request too.
///
/// # Errors
/// 503 over the first, 413 over the second, each naming its flag.
pub fn limits(parts: &Parts, length: Option<u64>, in_flight: u64, limits: &Limits) -> Result<(), OverLimit> {
    if in_flight > limits.in_flight && !is_exempt(&parts.method, parts.uri.path()) {
        let sentence = format!("this worker has --max-inflight {} requests in flight", limits.in_flight);
        return Err(OverLimit::InFlight(Refusal::new(shed_status(), sentence)));
    }
    match length {
        Some(length) if length > limits.body => {
            let sentence = format!("a body of {length} bytes is over --max-body {}", limits.body);
            Err(OverLimit::Body(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence)))
        }
        _ => Ok(()),
    }
}

fn shed_status() -> StatusCode {
    StatusCode::from_u16(SHED_STATUS).unwrap_or(StatusCode::SERVICE_UNAVAILABLE)
}

/// Whoever watches the target must get through when it is full.
fn is_exempt(method: &Method, path: &str) -> bool {
    (method == Method::GET || method == Method::HEAD) && EXEMPT.contains(&path.strip_suffix('/').unwrap_or(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_an_optional_port() {
        for good in
            ["localhost", "a.example:80", "127.0.0.1:8080", "[::1]:8080", "[::1]", "", "a:", "%c3%a9.example"]
        {
            assert!(is_valid(&HeaderValue::from_static(good)), "{good}");
        }
        for bad in
            ["a b", "a/b", "user@host", "a:b", "a:123456", "[::1", "[x]", "[::1]x", "a,b c", "a\"b", "a%zz", "a%4"]
        {
            assert!(!is_valid(&HeaderValue::from_static(bad)), "{bad}");
        }
    }

    #[test]
    fn http_1_1_has_one_host_and_http_1_0_at_most_one() {
        let mut headers = HeaderMap::new();
        assert!(host(Version::HTTP_11, &headers).is_err());
        assert!(host(Version::HTTP_10, &headers).is_ok());
        headers.append(header::HOST, HeaderValue::from_static("a"));
        assert!(host(Version::HTTP_11, &headers).is_ok());
        headers.append(header::HOST, HeaderValue::from_static("a"));
        assert!(host(Version::HTTP_11, &headers).is_err());
        assert!(host(Version::HTTP_10, &headers).is_err());
    }
}
