//! Refusals: a status and one sentence, as the same small JSON everywhere.

use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::mistake::{Mistake, Source};
use crate::scoreboard::{Outcome, RATE_LIMITED_STATUS, SHED_STATUS};
use crate::work::NoThread;

/// Why a request is not served.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The status that it is answered with.
    pub status: StatusCode,
    /// The limit that requests share and that this one is over, if it is refused for that: it is counted so.
    pub over: Option<SharedLimit>,
    /// What a client without a token is asked for, in `WWW-Authenticate`.
    pub challenge: Option<String>,
    /// What is wrong, as a sentence.
    pub error: String,
    /// The value that is wrong, if one is.
    pub about: Option<Box<Mistake>>,
}

/// A refusal as it is answered. What means nothing is left out.
#[derive(Serialize, ToSchema)]
#[schema(as = Refusal)]
pub struct Answered<'a> {
    /// What is wrong, as a sentence.
    error: &'a str,
    /// Which parameter is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    parameter: Option<String>,
    /// What it was.
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<&'a str>,
    /// What it may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    allowed: Option<&'a str>,
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
        Self { status, over: None, challenge: None, error: error.into(), about: None }
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
        let place = if mistake.value.as_deref() == Some(text) { String::new() } else { format!("{text}: ") };
        Self::parameter(name, text, format!("{name}={place}{mistake}"), mistake.allowed)
    }

    /// A bad parameter: 400.
    #[must_use]
    pub fn parameter(name: &str, value: &str, error: impl Into<String>, allowed: impl Into<String>) -> Self {
        let mistake = Mistake::field(name, Some(value.to_owned()), "", allowed);
        Self::new(StatusCode::BAD_REQUEST, error).about(Some(mistake))
    }

    /// A request for what is not here: 404, with what is.
    #[must_use]
    pub fn not_here(error: String, allowed: String) -> Self {
        let mistake = Mistake { value: None, ..Mistake::part("", "", allowed) };
        Self::new(StatusCode::NOT_FOUND, error).about(Some(mistake))
    }

    /// The same refusal, for the value that is wrong.
    #[must_use]
    pub fn about(self, mistake: Option<Mistake>) -> Self {
        Self { about: mistake.map(Box::new), ..self }
    }
}

impl Refusal {
    fn body(&self) -> String {
        let about = self.about.as_deref();
        let answered = Answered {
            error: &self.error,
            parameter: about.filter(|about| about.source != Source::Part).map(|about| about.source.to_string()),
            value: about.and_then(|about| about.value.as_deref()),
            allowed: about.map(|about| &*about.allowed).filter(|allowed| !allowed.is_empty()),
        };
        // A struct of strings always becomes JSON.
        serde_json::to_string(&answered).unwrap_or_default() + "\n"
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
        // Its names are of letters and digits, so that it always becomes a header.
        if let Some(challenge) = self.challenge.and_then(|challenge| HeaderValue::try_from(challenge).ok()) {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, challenge);
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
