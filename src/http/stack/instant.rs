//! Answers that ask nothing of their request, and so can be written without making one.

use std::borrow::Cow;

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};

use crate::http::error::Refusal;
use crate::http::target::Target;

/// A 200 of a route that asks nothing.
pub struct Instant {
    /// Its headers, without those that every answer has.
    pub headers: &'static [(HeaderName, HeaderValue)],
    /// Its body.
    pub body: Cow<'static, [u8]>,
}

/// What makes it.
pub type MakeInstant = fn(&Target) -> Result<Instant, Refusal>;

impl IntoResponse for Instant {
    fn into_response(self) -> Response {
        let Self { headers, body } = self;
        let body = match body {
            Cow::Borrowed(bytes) => Body::from(bytes),
            Cow::Owned(bytes) => Body::from(bytes),
        };
        let mut response = Response::new(body);
        response.headers_mut().extend(headers.iter().cloned());
        response
    }
}
