//! `GET /plaintext` and `/json`, as the `TechEmpower` benchmarks define them.

use axum::Json;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use serde::Serialize;
use utoipa::ToSchema;

const SERVER: (HeaderName, HeaderValue) = (header::SERVER, HeaderValue::from_static("quintain"));

/// 13 bytes of text.
pub async fn plaintext() -> impl IntoResponse {
    let plain = (header::CONTENT_TYPE, HeaderValue::from_static("text/plain"));
    ([SERVER, plain], "Hello, World!")
}

/// A greeting.
#[derive(Serialize, ToSchema)]
pub struct Message {
    message: &'static str,
}

/// The same as an object, serialised anew for each request.
pub async fn json() -> impl IntoResponse {
    ([SERVER], Json(Message { message: "Hello, World!" }))
}
