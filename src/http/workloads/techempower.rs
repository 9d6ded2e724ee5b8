//! `GET /plaintext` and `/json`, as the `TechEmpower` benchmarks define them.

use axum::http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use crate::http::error::Refusal;
use crate::http::openapi::describing::{WORK, plain};
use crate::http::openapi::operation::{JSON as KIND, shape, string};
use crate::http::route::Description;
use crate::http::stack::instant::Instant;
use crate::http::target::Target;

static PLAIN: [(HeaderName, HeaderValue); 2] = of_type("text/plain");
static JSON: [(HeaderName, HeaderValue); 2] = of_type("application/json");

const fn of_type(kind: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [(header::SERVER, HeaderValue::from_static("quintain")), (header::CONTENT_TYPE, HeaderValue::from_static(kind))]
}

/// `GET /plaintext`
pub const PLAINTEXT: Description = Description {
    offers: &[("/plaintext", "Hello, World!")],
    describe: |_| {
        plain("Hello, World!, as TechEmpower has it", WORK).answers("200", "13 bytes", "text/plain", string())
    },
};

/// `GET /json`
pub const AS_JSON: Description = Description {
    offers: &[("/json", "the same as an object")],
    describe: |_| plain("The same as an object", WORK).answers("200", "27 bytes", KIND, shape::<Message>()),
};

/// 13 bytes of text.
#[allow(clippy::unnecessary_wraps)] // other routes may refuse
pub fn plaintext(_: &Target) -> Result<Instant, Refusal> {
    Ok(Instant { headers: &PLAIN, body: b"Hello, World!".into() })
}

/// A greeting.
#[derive(Serialize, ToSchema)]
pub struct Message {
    message: &'static str,
}

/// The same as an object, serialised anew for each request.
#[allow(clippy::unnecessary_wraps)] // other routes may refuse
pub fn json(_: &Target) -> Result<Instant, Refusal> {
    // A struct of strings always becomes JSON.
    let body = serde_json::to_vec(&Message { message: "Hello, World!" }).unwrap_or_default();
    Ok(Instant { headers: &JSON, body: body.into() })
}
