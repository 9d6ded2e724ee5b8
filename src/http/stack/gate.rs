//! What is refused in front of the router, whatever its head is like.

use axum::http::uri::Scheme;
use axum::http::{Method, StatusCode, Uri};

use crate::config::Config;
use crate::fault::EXEMPT;
use crate::http::error::{Refusal, SharedLimit};
use crate::scoreboard::Rejection;

/// Why a request is none, and what it is answered.
pub type Rejected = (Rejection, Refusal);

/// The four forms of RFC 9112, 3.2.
///
/// # Errors
/// 400, 421 or 501; the connection is to be closed and the request counted as rejected.
pub fn target(method: &Method, uri: &Uri) -> Result<(), Rejected> {
    let whole = uri.path_and_query().map_or("", |target| target.as_str());
    let (status, sentence) = if method == Method::CONNECT {
        (StatusCode::NOT_IMPLEMENTED, "this is no proxy: there is no CONNECT".to_owned())
    } else if !whole.is_ascii() {
        (StatusCode::BAD_REQUEST, "a target is ASCII; other characters are percent-encoded".to_owned())
    } else if whole == "*" && method != Method::OPTIONS {
        (StatusCode::BAD_REQUEST, "the target * is for OPTIONS".to_owned())
    } else {
        match (uri.scheme(), uri.authority()) {
            (None, None) => return Ok(()),
            (Some(scheme), Some(_)) if *scheme == Scheme::HTTP => return Ok(()),
            // RFC 9110, 7.4: a resource of https is not served over a connection that is not secured.
            (Some(scheme), _) => (StatusCode::MISDIRECTED_REQUEST, format!("{scheme} is not served here")),
            (None, Some(_)) => (StatusCode::BAD_REQUEST, "a target begins with / or http://".to_owned()),
        }
    };
    Err((Rejection::BadTarget, Refusal::new(status, sentence)))
}

/// Holds `--max-inflight` and `--max-body`. `length` is the body's, if the head says so; `in_flight` counts this
/// request too.
///
/// # Errors
/// 503 over the first, 413 over the second, each naming its flag.
pub fn limits(
    method: &Method,
    uri: &Uri,
    length: Option<u64>,
    in_flight: u64,
    config: &Config,
) -> Result<(), Refusal> {
    if in_flight > config.max_inflight.most as u64 && !is_exempt(method, uri.path()) {
        let sentence = format!("this worker has {} requests in flight", config.max_inflight);
        return Err(Refusal::over(SharedLimit::InFlight, sentence));
    }
    match length {
        Some(length) if length > config.max_body.most.0 => {
            let sentence = format!("a body of {length} bytes is over {}", config.max_body);
            Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence))
        }
        _ => Ok(()),
    }
}

/// Whoever watches the target must get through when it is full.
fn is_exempt(method: &Method, path: &str) -> bool {
    (method == Method::GET || method == Method::HEAD) && EXEMPT.contains(&path.strip_suffix('/').unwrap_or(path))
}
