//! `POST /upload`

use axum::body::Body;
use http_body_util::BodyExt;

use super::answer::Answer;
use super::parameters::{Nothing, Params};
use super::record::Exchange;
use crate::work::Done;
use crate::work::upload::{Reading, Uploaded};

/// Reads the body: its length, its checksum, and when its first and last byte came after the head did.
pub async fn upload(_: Params<Nothing>, exchange: Exchange, body: Body) -> Answer {
    Answer { done: Done::Upload(read(body, exchange.arrival_ns()).await), exchange }
}

async fn read(mut body: Body, begun_ns: u64) -> Uploaded {
    let mut reading = Reading::since(begun_ns);
    // One that breaks is refused, and this given up: see `unread`.
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(piece) = frame.data_ref() {
            reading.take(piece);
        }
    }
    reading.end()
}
