//! Parts of responses that several routes, modifiers and faults have in common.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use crate::work::payload::Payload;

/// The type of bytes: nothing that a browser would open.
pub const BINARY: HeaderValue = HeaderValue::from_static("application/octet-stream");

/// The header that a status must not come without (RFC 9110, 15), or that a client follows.
pub fn required_headers(code: StatusCode) -> Option<(HeaderName, &'static str)> {
    match code.as_u16() {
        301 | 302 | 303 | 307 | 308 => Some((header::LOCATION, "/health")),
        401 => Some((header::WWW_AUTHENTICATE, "Basic realm=\"quintain\"")),
        405 => Some((header::ALLOW, "GET, HEAD")),
        407 => Some((header::PROXY_AUTHENTICATE, "Basic realm=\"quintain\"")),
        426 => Some((header::UPGRADE, "HTTP/1.1")),
        _ => None,
    }
}

/// Adds headers that somebody asks for: the first of a name takes the place of what is there, the others stand beside it.
pub fn put(headers: &mut HeaderMap, own: &[(HeaderName, HeaderValue)]) {
    for (name, _) in own {
        headers.remove(name);
    }
    for (name, value) in own {
        headers.append(name.clone(), value.clone());
    }
}

/// A body that says how long it is, without a copy.
pub fn sized(payload: Payload) -> Body {
    Body::new(Sized(payload))
}

/// A body that says how long it is.
struct Sized(Payload);

impl http_body::Body for Sized {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next(u64::MAX).map(|slice| Ok(Frame::data(slice))))
    }

    fn is_end_stream(&self) -> bool {
        self.0.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0.left())
    }
}
