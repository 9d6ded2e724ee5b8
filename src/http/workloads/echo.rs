//! `/echo`, by any method: the request's body, given back as it comes.

use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use http_body_util::BodyExt;

use crate::http::answer::Spent;
use crate::http::openapi::describing::{ANY_METHOD, measured, workload};
use crate::http::openapi::operation::string;
use crate::http::query::{Nothing, Params};
use crate::http::response::BINARY;
use crate::http::route::Description;
use crate::http::stack::record::Exchange;

/// What comes from a request must not run as a page of ours, whatever type it says it has.
pub const HARMLESS: [(HeaderName, HeaderValue); 2] = [
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
];

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/echo", "gives a body back; any method; POST or PUT /upload counts and checks one")],
    describe: |spot| {
        workload::<Nothing>("Gives a body back, with its type", spot.config)
            .reads_up_to(spot.config.max_body.most.0)
            .response("200", measured("The body", "*/*", string()))
            .refuses(ANY_METHOD)
    },
};

/// The body with its type, and its length if the request says it.
pub async fn echo(_: Params<Nothing>, exchange: Exchange, headers: HeaderMap, mut body: Body) -> Response {
    let begun_ns = exchange.service_ns();
    // A client that waits to be told to go on gets no answer instead.
    let first = body.frame().await.and_then(Result::ok);
    let spent = Spent { io_ns: exchange.service_ns().saturating_sub(begun_ns), ..Spent::default() };
    let mut response = Response::new(Body::new(Echo { first, rest: body }));
    let kind = headers.get(header::CONTENT_TYPE).cloned();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, kind.unwrap_or(BINARY));
    headers.extend(HARMLESS);
    exchange.spent(spent);
    response
}

/// A body of which the first piece has been read.
struct Echo {
    first: Option<Frame<Bytes>>,
    rest: Body,
}

impl http_body::Body for Echo {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        match self.first.take() {
            Some(first) => Poll::Ready(Some(Ok(first))),
            None => Pin::new(&mut self.rest).poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.first.is_none() && self.rest.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let first = self.first.as_ref().and_then(Frame::data_ref).map_or(0, |data| data.len() as u64);
        self.rest.size_hint().exact().map_or_else(SizeHint::default, |rest| SizeHint::with_exact(first + rest))
    }
}
