//! What a handler may ask for beside its request: axum's "state", one for each request.

use std::borrow::Cow;
use std::convert::Infallible;
use std::ops::Range;

use axum::extract::{FromRef, FromRequestParts};
use axum::http::request::Parts;
use percent_encoding::percent_decode_str;

use super::modifiers::Slot;
use super::record::Exchange;
use super::target::Target;

/// Made by the routes, read by the extractors of a handler's arguments.
pub struct RequestState {
    /// The worker's.
    pub target: Target,
    /// The request's record.
    pub exchange: Exchange,
    /// Where in the request's path stands what the route's pattern leaves open.
    pub open_part: Option<Range<usize>>,
    /// For the modifiers, where the query may hold some.
    pub modifiers: Option<Slot>,
}

impl RequestState {
    /// What the pattern of the route leaves open, decoded; `None` when that is no UTF-8.
    #[must_use]
    pub fn open_part<'a>(&self, path: &'a str) -> Option<Cow<'a, str>> {
        let part = self.open_part.clone().and_then(|part| path.get(part)).unwrap_or_default();
        percent_decode_str(part).decode_utf8().ok()
    }
}

impl FromRef<RequestState> for Target {
    fn from_ref(state: &RequestState) -> Self {
        state.target.clone()
    }
}

/// To be asked for behind the parameters: it counts what their modifiers have waited.
impl FromRequestParts<RequestState> for Exchange {
    type Rejection = Infallible;

    async fn from_request_parts(_: &mut Parts, state: &RequestState) -> Result<Self, Infallible> {
        let mut exchange = state.exchange.clone();
        exchange.add_injected(state.modifiers.as_ref().map_or(0, Slot::waited_ns));
        Ok(exchange)
    }
}
