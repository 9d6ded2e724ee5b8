//! What every write on the admin listener does: read a body, make out what it asks for, and wait for the workers to follow.

use std::time::Duration;

use axum::body::Body;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde::de::DeserializeOwned;
use tokio::time::{sleep, timeout};

use crate::http::Refusal;
use crate::mistake::Mistake;
use crate::scoreboard::{Scoreboard, SeatState};
use crate::snapshot::Snapshot;

/// The largest body of an order.
const BODY: usize = 64 * 1024;

/// So much more is read and thrown away, so that a client that still sends gets its answer and not a reset.
const DISCARDED: usize = 1024 * 1024;

/// For a whole body.
const BODY_WITHIN: Duration = Duration::from_secs(15);

/// For the workers to follow an order.
const APPLIED_WITHIN: Duration = Duration::from_secs(2);

/// How often it is looked whether they have.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Answers when every worker that serves, or is to, follows the orders of this epoch.
///
/// # Errors
/// 504 with the names of those that don't in time.
pub async fn until_applied(board: &Scoreboard, epoch: u64) -> Result<(), Refusal> {
    let applied = async {
        while !behind(board, epoch).is_empty() {
            sleep(LOOK_EVERY).await;
        }
    };
    if timeout(APPLIED_WITHIN, applied).await.is_ok() {
        return Ok(());
    }
    match behind(board, epoch).as_slice() {
        [] => Ok(()),
        [worker] => Err(late(&format!("worker {worker} has"), epoch)),
        workers => Err(late(&format!("workers {} have", workers.join(", ")), epoch)),
    }
}

fn late(who: &str, epoch: u64) -> Refusal {
    let within = APPLIED_WITHIN.as_secs();
    let sentence = format!("the order is in force as epoch {epoch}, and {who} not applied it within {within} s");
    Refusal::new(StatusCode::GATEWAY_TIMEOUT, sentence)
}

/// The workers, as slot and generation, that serve, or are to, and don't follow these orders yet.
fn behind(board: &Scoreboard, epoch: u64) -> Vec<String> {
    let snapshot = Snapshot::without_cpu(board);
    let behind = snapshot.workers().filter(|worker| worker.applied_epoch < epoch && follows_orders(worker.state));
    behind.map(|worker| format!("{}.{}", worker.slot, worker.generation)).collect()
}

fn follows_orders(state: SeatState) -> bool {
    match state {
        SeatState::Starting | SeatState::Live => true,
        SeatState::Free | SeatState::Draining | SeatState::Abandoned => false,
    }
}

/// The whole body, unless it is too long or too slow.
///
/// # Errors
/// 400, 408 or 413.
pub async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
    let read = timeout(BODY_WITHIN, collect(body)).await;
    read.map_err(|_| Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body took longer than 15 s"))?
}

async fn collect(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(frame) = body.frame().await {
        let frame =
            frame.map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the body broke off: {error}")))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length <= BODY {
            bytes.extend_from_slice(&data);
        }
        if length > BODY + DISCARDED {
            break;
        }
    }
    if length > BODY {
        return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, "a body has at most 65536 bytes here"));
    }
    Ok(bytes)
}

/// What a body asks for, which is one JSON value.
///
/// # Errors
/// The first mistake in it, with its place and what is allowed there: what `fields` says of a field of that name, at any depth,
/// or else `whole`.
pub fn parse<T: DeserializeOwned>(body: &[u8], whole: &str, fields: &[(&str, &str)]) -> Result<T, Mistake> {
    let allowed = |place: &str| {
        let name = place.rsplit('.').next();
        fields.iter().find(|(field, _)| name == Some(*field)).map_or(whole, |(_, allowed)| *allowed)
    };
    // serde takes the values of a list for the fields of an object.
    if body.trim_ascii_start().starts_with(b"[") {
        return Err(Mistake::field("the body", None, "is a list, and must be an object", whole));
    }
    let mut json = serde_json::Deserializer::from_slice(body);
    let asked = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        mistake(if path == "." { "the body" } else { &path }, error.inner(), allowed(&path))
    })?;
    json.end().map_err(|error| mistake("the body", &error, whole))?;
    Ok(asked)
}

fn mistake(place: &str, error: &serde_json::Error, allowed: &str) -> Mistake {
    let text = error.to_string();
    // The place says it better, unless it is no JSON at all.
    let wrong = if error.is_data() { text.split(" at line ").next().unwrap_or(&text) } else { &text };
    Mistake::field(place, None, wrong, allowed)
}

/// The answer to a body with mistakes, in the order of the body.
pub fn refusal(mistakes: &[Mistake]) -> Refusal {
    let sentences: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    Refusal::new(StatusCode::BAD_REQUEST, sentences.join(" | ")).about(mistakes.first().cloned())
}
