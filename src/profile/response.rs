//! What a response may say of itself, whoever asks for it: a profile, a query or a fault plan.

use http::StatusCode;

/// Headers that the connection, the body or the measurement writes: no profile sets them and no `header=`.
pub const OURS: [&str; 13] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-range",
    "date",
    "keep-alive",
    "proxy-connection",
    "server-timing",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-quintain-worker",
];

/// Whether a response with this status comes without a body.
#[must_use]
pub fn is_bodiless(code: StatusCode) -> bool {
    matches!(code, StatusCode::NO_CONTENT | StatusCode::RESET_CONTENT | StatusCode::NOT_MODIFIED)
}
