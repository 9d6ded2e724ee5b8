//! Compressing a response, if its client accepts that.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, Version, header};
use bytes::Bytes;
use http::Extensions;
use http_body::{Frame, SizeHint};
use tokio::task::coop;
use tower::{ServiceExt, service_fn};
use tower_http::compression::{Compression, CompressionBody};

use crate::http::status::is_bodiless;

/// Compresses what is the whole of a body. `accepted` has the `Accept-Encoding` of its request.
pub async fn compress(response: Response<Body>, accepted: &HeaderMap) -> Response<Body> {
    let status = response.status();
    let mut question = Request::new(Body::empty());
    *question.headers_mut() = accepted.clone();
    let mut response = Some(response);
    let service = service_fn(|_| {
        let response = response.take().unwrap_or_default();
        async { Ok::<_, Infallible>(response) }
    });
    let has_body = |status: StatusCode, _: Version, _: &HeaderMap, _: &Extensions| !is_bodiless(status);
    let compression = Compression::new(service).gzip(true).compress_when(has_body);
    let compressed = compression.oneshot(question).await.unwrap_or_else(|never| match never {});
    let mut response = compressed.map(|body| Body::new(Yielding(body)));
    // It has an opinion about clients that accept nothing.
    *response.status_mut() = status;
    if response.headers().contains_key(header::CONTENT_ENCODING) {
        weaken(response.headers_mut());
    }
    response
}

/// A strong tag is for these bytes, and they are others now.
fn weaken(headers: &mut HeaderMap) {
    let strong = headers.get(header::ETAG).and_then(|tag| tag.to_str().ok()).filter(|tag| tag.starts_with('"'));
    if let Some(weak) = strong.and_then(|tag| HeaderValue::try_from(format!("W/{tag}")).ok()) {
        headers.insert(header::ETAG, weak);
    }
}

/// Compressing is slower than any client that is near: without a pause now and then the others would wait for the end
/// of the body.
struct Yielding(CompressionBody<Body>);

impl http_body::Body for Yielding {
    type Data = Bytes;
    type Error = <CompressionBody<Body> as http_body::Body>::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let turn = ready!(coop::poll_proceed(context));
        let frame = Pin::new(&mut self.0).poll_frame(context);
        if frame.is_ready() {
            turn.made_progress();
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.size_hint()
    }
}
