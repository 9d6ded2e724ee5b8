//! `GET /health`, `/healthz` and `/readyz`

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use super::error::Refusal;
use super::instant::Instant;
use super::target::Target;

static TEXT: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];

/// The process answers. The smallest answer there is.
#[allow(clippy::unnecessary_wraps)] // other routes may refuse
pub fn health(_: &Target) -> Result<Instant, Refusal> {
    Ok(Instant { headers: &TEXT, body: b"OK".into() })
}

/// It wants traffic.
///
/// # Errors
/// 503 while it drains, was told to say so, or its database does not answer.
pub fn readyz(target: &Target) -> Result<Instant, Refusal> {
    if target.is_ready() {
        return Ok(Instant { headers: &TEXT, body: b"ready".into() });
    }
    let reason = if target.database_is_up() {
        "not ready: draining, or told so by POST /ready"
    } else {
        "not ready: the database does not answer, or has not yet"
    };
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, reason))
}
