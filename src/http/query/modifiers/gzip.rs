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

use crate::profile::is_bodiless;

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

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;
    use crate::http::response::sized;
    use crate::work::payload::Payload;

    #[test]
    fn a_long_body_pauses_although_nothing_is_waited_for() {
        /// What tokio lets a task do at once.
        const BUDGET: usize = 128;
        let accepted = [(header::ACCEPT_ENCODING, HeaderValue::from_static("gzip"))].into_iter().collect();
        let frames = async {
            let mut body = compress(Response::new(sized(Payload::new(0, 16 << 20))), &accepted).await.into_body();
            let mut frames = 0;
            poll_fn(|context| {
                while let Poll::Ready(frame) = http_body::Body::poll_frame(Pin::new(&mut body), context) {
                    frame.expect("it pauses before its end").unwrap();
                    frames += 1;
                }
                Poll::Ready(frames)
            })
            .await
        };
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert!((1..=BUDGET).contains(&runtime.block_on(frames)));
    }
}
