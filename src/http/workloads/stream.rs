//! `GET /stream/{n}`: the bytes of `/bytes/{n}`, in chunks.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::Frame;

use crate::config::Config;
use crate::http::answer::Spent;
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, workload};
use crate::http::openapi::operation::{BYTES, string};
use crate::http::openapi::parameter::{Documented, whole};
use crate::http::query::{FromQuery, Params, Query};
use crate::http::response::BINARY;
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::work::payload::{self, Payload};

/// The size of a chunk that nobody has asked for.
const CHUNK: u64 = 16 * 1024;

/// The largest: what a response holds until its client takes it.
const MOST: u64 = 64 * 1024;

const CHUNKS: RangeInclusive<u64> = 1..=MOST;

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[],
    describe: |spot| {
        workload::<Chunked>("The same bytes, chunked", spot.config)
            .response("200", measured("The bytes", BYTES, string()))
            .refuses(ALWAYS)
    },
};

/// So many bytes of a seed, of which the client isn't told beforehand how many: `chunk=` and `seed=`.
pub async fn stream(Params(Chunked(payload)): Params<Chunked>, exchange: Exchange) -> Response {
    let spent = Spent { cpu_ns: payload::prepare(payload.seed()), ..Spent::default() };
    exchange.spent(spent);
    ([(header::CONTENT_TYPE, BINARY)], Body::new(Chunked(payload))).into_response()
}

/// A body that does not say how long it is, in slices that become a chunk each.
pub struct Chunked(Payload);

impl http_body::Body for Chunked {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Poll::Ready(self.0.next(u64::MAX).map(|slice| Ok(Frame::data(slice))))
    }
}

impl FromQuery for Chunked {
    const NAMES: &'static [&'static str] = &["chunk", "seed"];
    const IN_PATH: Option<&'static str> = Payload::IN_PATH;

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let chunk = query.between("chunk", CHUNKS)?.unwrap_or(CHUNK);
        let payload = Payload::from_query(query, config)?;
        Ok(Self(payload.in_slices(usize::try_from(chunk).unwrap_or(usize::MAX))))
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let chunk = Documented::new("chunk", "how many bytes a chunk has", whole(CHUNKS)).or(CHUNK);
        Payload::describe(config).into_iter().chain([chunk]).collect()
    }
}
