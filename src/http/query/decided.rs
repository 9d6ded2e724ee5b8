//! What the modifiers of a request have decided for its response.

use std::sync::{Arc, OnceLock};

use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// Where the modifiers say what becomes of the response, once the parameters are read.
#[derive(Clone, Default)]
pub struct Slot(pub(super) Arc<OnceLock<Decided>>);

impl Slot {
    /// How long the request was made to wait before its work.
    #[must_use]
    pub fn waited_ns(&self) -> u64 {
        self.0.get().map_or(0, |decided| decided.waited_ns)
    }
}

/// What a request gets.
pub struct Decided {
    /// How long the request was made to wait before its work.
    pub waited_ns: u64,
    /// What replaces its status.
    pub status: Option<StatusCode>,
    /// What replaces its body.
    pub size: Option<u64>,
    /// Headers to add.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What the request says it accepts.
    pub gzip: Option<HeaderMap>,
    /// Whether the connection ends behind it.
    pub close: bool,
}
