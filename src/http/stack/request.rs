//! A request as the routes see it.

use std::borrow::Cow;
use std::ops::Range;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use bytes::Bytes;
use memchr::memchr;
use percent_encoding::percent_decode_str;

use super::gate::{self, Rejected};
use super::record::Exchange;
use crate::http::error::Refusal;
use crate::http::query::Slot;
use crate::http::target::Target;
use crate::scoreboard::Rejection;
use crate::wire::{Head, each_line};

/// Made from a head by the connection's loop, completed by the routes, read by a handler's [`Argument`](super::handler::Argument)s.
pub struct Request {
    /// Its method.
    pub method: Method,
    /// Its target.
    pub uri: Uri,
    /// Its header lines.
    pub headers: Headers,
    /// What is sent behind its head.
    pub body: Body,
    /// What the handlers know of the worker.
    pub target: Target,
    /// Its record.
    pub exchange: Exchange,
    /// Where in its path stands what the route's pattern leaves open.
    pub open_part: Option<Range<usize>>,
    /// For the modifiers, where the query may hold some.
    pub modifiers: Option<Slot>,
}

impl Request {
    /// What a head asks, whose bytes these are. Its record begins; its body is empty so far.
    ///
    /// # Errors
    /// A method or target that is none. Then no record has begun.
    pub fn of(
        head: &Head<'_, '_>,
        bytes: &[u8],
        target: &Target,
        begin: impl FnOnce() -> Exchange,
    ) -> Result<Box<Self>, Rejected> {
        let (Ok(method), Ok(uri)) = (Method::from_bytes(head.method.as_bytes()), Uri::try_from(head.target)) else {
            let sentence = "a target is a path or an http URL, and a method a token";
            return Err((Rejection::BadSyntax, Refusal::new(StatusCode::BAD_REQUEST, sentence)));
        };
        gate::target(&method, &uri)?;
        Ok(Box::new(Self {
            method,
            uri,
            headers: Headers { head: Bytes::copy_from_slice(bytes), read: None },
            body: Body::empty(),
            target: target.clone(),
            exchange: begin(),
            open_part: None,
            modifiers: None,
        }))
    }
}

/// What the pattern of a route leaves open in a path, decoded; `None` when that is no UTF-8.
#[must_use]
pub fn open_part<'a>(path: &'a str, place: Option<&Range<usize>>) -> Option<Cow<'a, str>> {
    let part = place.and_then(|place| path.get(place.clone())).unwrap_or_default();
    // Most have nothing to decode.
    if memchr(b'%', part.as_bytes()).is_none() {
        return Some(part.into());
    }
    percent_decode_str(part).decode_utf8().ok()
}

/// The header lines of a request. Most handlers never ask for one, so they are read again when the first is asked for.
pub struct Headers {
    /// All of the head.
    head: Bytes,
    read: Option<HeaderMap>,
}

impl Headers {
    /// By their names.
    pub fn get(&mut self) -> &mut HeaderMap {
        let Self { head, read } = self;
        read.get_or_insert_with(|| {
            let mut headers = HeaderMap::new();
            each_line(head, |name, value| {
                // What the head's parser takes for a name or a value is one.
                if let (Ok(name), Ok(value)) =
                    (HeaderName::from_bytes(name.as_bytes()), HeaderValue::from_maybe_shared(head.slice_ref(value)))
                {
                    headers.append(name, value);
                }
            });
            headers
        })
    }
}
