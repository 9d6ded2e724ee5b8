//! `POST /ready`: whether the target wants traffic, as `/readyz` says on every worker.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use http_body_util::BodyExt;
use serde::{Deserialize, Serialize};
use tokio::time::{sleep, timeout};

use super::Target;
use crate::control;
use crate::http::Refusal;
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

const ALLOWED: &str = r#"{"ready": true} or {"ready": false}"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wish {
    ready: bool,
}

/// The order as it is in force.
#[derive(Serialize)]
pub struct Applied {
    ready: bool,
    epoch: u64,
}

/// Publishes the order, and answers when every worker follows it.
pub async fn ready(State(target): State<Target>, body: Body) -> Result<Json<Applied>, Refusal> {
    let Wish { ready } = wish(&read(body).await?)?;
    let (_, mut standing) = control::standing(&target.board);
    standing.ready = ready;
    let epoch = control::publish(&target.board, &standing)
        .map_err(|error| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
    until_applied(&target.board, epoch).await?;
    Ok(Json(Applied { ready, epoch }))
}

async fn until_applied(board: &Scoreboard, epoch: u64) -> Result<(), Refusal> {
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
    let snapshot = Snapshot::read(board, |_| 0);
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
async fn read(body: Body) -> Result<Vec<u8>, Refusal> {
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

/// What a body asks for, or what is wrong with it.
fn wish(body: &[u8]) -> Result<Wish, Refusal> {
    let text = String::from_utf8_lossy(body);
    let Ok(serde_json::Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err(Refusal::bad("the body", &text, ALLOWED));
    };
    if let Some((name, value)) = fields.iter().find(|(name, _)| *name != "ready") {
        return Err(Refusal::bad(name, &value.to_string(), "no field but ready"));
    }
    match fields.get("ready") {
        None => Err(Refusal::bad("the body", &text, ALLOWED)),
        Some(serde_json::Value::Bool(_)) => {
            // A field that comes twice.
            serde_json::from_slice(body).map_err(|_| Refusal::bad("the body", &text, ALLOWED))
        }
        Some(other) => Err(Refusal::bad("ready", &other.to_string(), "true or false")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_exactly_one_boolean() {
        assert!(wish(br#"{"ready": true}"#).is_ok_and(|wish| wish.ready));
        assert!(wish(br#" {"ready":false} "#).is_ok_and(|wish| !wish.ready));
        for bad in
            ["", "{}", "[false]", "true", "{\"ready\": 1}", "{\"ready\": \"no\"}", "{\"ready\": null}", "\u{fffd}"]
        {
            assert!(wish(bad.as_bytes()).is_err_and(|refusal| refusal.status == StatusCode::BAD_REQUEST), "{bad}");
        }
        for bad in [r#"{"ready": true, "redy": 1}"#, r#"{"ready": true, "ready": false}"#, r#"{"ready": true} {}"#]
        {
            assert!(wish(bad.as_bytes()).is_err(), "{bad}");
        }
    }
}
