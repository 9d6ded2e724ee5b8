//! `GET /plaintext` and `/json`, as the `TechEmpower` benchmarks define them.

use axum::http::{HeaderName, HeaderValue, header};
use serde::Serialize;
use utoipa::ToSchema;

use super::error::Refusal;
use super::instant::Instant;
use super::target::Target;

static PLAIN: [(HeaderName, HeaderValue); 2] = of_type("text/plain");
static JSON: [(HeaderName, HeaderValue); 2] = of_type("application/json");

const fn of_type(kind: &'static str) -> [(HeaderName, HeaderValue); 2] {
    [(header::SERVER, HeaderValue::from_static("quintain")), (header::CONTENT_TYPE, HeaderValue::from_static(kind))]
}

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
