//! `POST /ready`: whether the target wants traffic, as `/readyz` says on every worker.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::Target;
use super::json::Json;
use super::order::{read, until_applied};
use crate::control;
use crate::http::Refusal;

const ALLOWED: &str = r#"{"ready": true} or {"ready": false}"#;

/// What is ordered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Wish {
    ready: bool,
}

/// The order as it is in force.
#[derive(Serialize, ToSchema)]
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
