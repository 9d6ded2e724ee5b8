//! `GET /health`, `/healthz` and `/readyz`

use axum::extract::State;
use axum::http::StatusCode;

use super::error::Refusal;
use super::target::Target;

/// The process answers. The smallest answer there is.
pub async fn health() -> &'static str {
    "OK"
}

/// It wants traffic.
///
/// # Errors
/// 503 while it drains, or was told to say so.
pub async fn readyz(State(target): State<Target>) -> Result<&'static str, Refusal> {
    if target.is_ready() {
        return Ok("ready");
    }
    Err(Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "not ready: draining, or told so by POST /ready"))
}
