//! `POST /upload`

use axum::body::Body;
use http_body_util::BodyExt;

use crate::http::answer::{Answer, schema};
use crate::http::openapi::describing::{ALWAYS, measured, workload};
use crate::http::openapi::operation::JSON;
use crate::http::query::{Nothing, Params};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::work::Done;
use crate::work::upload::{Reading, Uploaded};

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[],
    describe: |spot| {
        workload::<Nothing>("Reads a body: its length, checksum, first and last byte", spot.config)
            .reads_up_to(spot.config.max_body.most.0)
            .response("200", measured("What was read", JSON, schema(&Done::Upload(Uploaded::default()))))
            .refuses(ALWAYS)
    },
};

/// Reads the body: its length, its checksum, and when its first and last byte came after the head did.
pub async fn upload(_: Params<Nothing>, exchange: Exchange, body: Body) -> Answer {
    Answer { done: Done::Upload(read(body, &exchange).await), exchange }
}

async fn read(mut body: Body, exchange: &Exchange) -> Uploaded {
    let begun_ns = exchange.service_ns();
    let mut reading = Reading::since(exchange.arrival_ns());
    // One that breaks is refused, and this given up: see `unread`.
    while let Some(Ok(frame)) = body.frame().await {
        if let Some(piece) = frame.data_ref() {
            reading.take(piece);
        }
    }
    reading.end(exchange.service_ns().saturating_sub(begun_ns))
}
