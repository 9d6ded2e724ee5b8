//! Refusals: a status and one sentence, as the same small JSON everywhere.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::distribution::Mistake;
use crate::scoreboard::{Outcome, RATE_LIMITED_STATUS, SHED_STATUS};
use crate::work::NoThread;

/// Why a request is not served. `value` and `allowed` are left out where they mean nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Refusal {
    /// The status that it is answered with.
    #[serde(skip)]
    pub status: StatusCode,
    /// The limit that requests share and that this one is over, if it is refused for that: it is counted so.
    #[serde(skip)]
    pub over: Option<SharedLimit>,
    /// What is wrong, as a sentence.
    pub error: String,
    /// Which parameter is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// What it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<String>,
}

/// A limit that requests share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SharedLimit {
    /// `--max-inflight`
    InFlight,
    /// A rate limit of the profile.
    Rate {
        /// After how many seconds there is room for another request.
        retry_after_s: u32,
    },
}

impl Refusal {
    /// A refusal that concerns no parameter.
    #[must_use]
    pub fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, over: None, error: error.into(), parameter: None, value: None, allowed: None }
    }

    /// A request over a limit that requests share, with the status that it is counted under.
    #[must_use]
    pub fn over(limit: SharedLimit, error: impl Into<String>) -> Self {
        let status = match limit {
            SharedLimit::InFlight => SHED_STATUS,
            SharedLimit::Rate { .. } => RATE_LIMITED_STATUS,
        };
        let status = StatusCode::from_u16(status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
        Self { over: Some(limit), ..Self::new(status, error) }
    }

    /// A value that can't be taken: 400.
    #[must_use]
    pub fn bad(name: &str, value: &str, allowed: &str) -> Self {
        /// An answer need not repeat a whole body.
        const SHOWN: usize = 200;
        let shown: String = value.chars().take(SHOWN).collect();
        Self::parameter(name, &shown, format!("{name} can't be {shown:?}; allowed: {allowed}"), allowed)
    }

    /// A parameter with a mistake in a piece of it: 400.
    #[must_use]
    pub fn mistake(name: &str, text: &str, mistake: Mistake) -> Self {
        let place = if mistake.value == text { String::new() } else { format!("{text}: ") };
        Self::parameter(name, text, format!("{name}={place}{mistake}"), mistake.allowed)
    }

    /// A bad parameter: 400.
    #[must_use]
    pub fn parameter(name: &str, value: &str, error: impl Into<String>, allowed: impl Into<String>) -> Self {
        Self {
            parameter: Some(name.to_owned()),
            value: Some(value.to_owned()),
            allowed: Some(allowed.into()),
            ..Self::new(StatusCode::BAD_REQUEST, error)
        }
    }
}

impl Refusal {
    fn body(&self) -> String {
        // A struct of strings always becomes JSON.
        serde_json::to_string(self).unwrap_or_default() + "\n"
    }

    /// The whole response, for what is no request and whose connection is closed behind it; without the body for HEAD.
    #[must_use]
    pub fn as_last_answer(&self, with_body: bool) -> Vec<u8> {
        let (status, mut body) = (self.status, self.body());
        let length = body.len();
        if !with_body {
            body.clear();
        }
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}"
        )
        .into_bytes()
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = self.body();
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        match self.over {
            None => {}
            Some(SharedLimit::InFlight) => _ = response.extensions_mut().insert(Outcome::Shed),
            Some(SharedLimit::Rate { retry_after_s }) => {
                response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
                response.extensions_mut().insert(Outcome::RateLimited);
            }
        }
        response
    }
}

/// No route has the path.
#[must_use]
pub fn not_found(path: &str) -> Response {
    let sentence = format!("there is no {path} here; GET / says what there is");
    Refusal::new(StatusCode::NOT_FOUND, sentence).into_response()
}

/// The path is there, the method is not.
#[must_use]
pub fn method_not_allowed(path: &str, method: &Method, allowed: &str) -> Response {
    let sentence = format!("{path} does not take {method}; Allow says what it takes");
    let mut response = Refusal::new(StatusCode::METHOD_NOT_ALLOWED, sentence).into_response();
    // Names of methods always become a header.
    if let Ok(allowed) = HeaderValue::from_str(allowed) {
        response.headers_mut().insert(header::ALLOW, allowed);
    }
    response
}

/// The kernel refused the pool a thread.
#[must_use]
pub fn no_thread(refused: NoThread) -> Refusal {
    let sentence = format!("{refused}; mode=async and on=loop need none");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence)
}

/// A handler panicked.
#[must_use]
pub fn panicked() -> Refusal {
    Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "the handler panicked; the log has the place")
}
