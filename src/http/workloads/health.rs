//! `GET /health`, `/healthz` and `/readyz`

use axum::http::{HeaderName, HeaderValue, StatusCode, header};

use crate::http::error::Refusal;
use crate::http::openapi::describing::{STATUS, plain};
use crate::http::openapi::operation::{Described, TEXT as KIND, string};
use crate::http::route::Description;
use crate::http::stack::instant::Instant;
use crate::http::target::Target;

static TEXT: [(HeaderName, HeaderValue); 1] =
    [(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"))];

/// `GET /health`
pub const HEALTH: Description = Description {
    offers: &[("/health", "the process answers; /healthz is the same")],
    describe: |_| probe("The process answers", "The smallest answer there is. "),
};

/// `GET /readyz`
pub const READY: Description = Description {
    offers: &[("/readyz", "200 while it wants traffic, else 503")],
    describe: |_| probe("Whether it wants traffic", ""),
};

fn probe(summary: &str, more: &str) -> Described {
    plain(summary, STATUS).more(&format!("{more}Exempt from fault plans and --max-inflight.")).answers(
        "200",
        "It does",
        KIND,
        string(),
    )
}

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
