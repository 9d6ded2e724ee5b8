//! `GET /events`: a message of each tick and event, for as long as the client keeps up.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};

use super::Target;
use super::openapi::figures;
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, string};
use crate::observer::live::Cut;

/// What the route is.
pub fn describe(_: bool) -> Described {
    figures("What the live page draws, as server-sent events: hello, tick, event")
        .answers("200", "A stream without an end", "text/event-stream", string())
        .refuses(&[503])
}

/// First `hello`, with the rows and events so far; then `tick`, one a tick, and `event`, as they happen.
pub async fn events(State(target): State<Target>, Extension(cut): Extension<Cut>) -> Result<Response, Refusal> {
    let feed = Arc::clone(&target.live).listen(cut).ok_or_else(|| {
        Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "32 clients listen to the events already; close a page first")
    })?;
    let headers = [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-store"),
        // nginx, and others that follow it, would hold events back until a buffer is full.
        (HeaderName::from_static("x-accel-buffering"), "no"),
    ];
    Ok((headers, Body::new(feed)).into_response())
}
