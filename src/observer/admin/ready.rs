//! `POST /ready`: whether the target wants traffic, as `/readyz` says on every worker.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;

use super::Target;
use super::json::Json;
use super::openapi::order;
use super::order::{parse, read, refusal, until_applied};
use crate::control;
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, JSON, shape};

const ALLOWED: &str = r#"{"ready": true} or {"ready": false}"#;

const VALUES: &[(&str, &str)] = &[("ready", "true or false")];

/// What is ordered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with ready")]
pub struct Wish {
    ready: bool,
}

/// The order as it is in force.
#[derive(Serialize, ToSchema)]
pub struct Applied {
    ready: bool,
    epoch: u64,
}

/// What the route is.
pub fn describe(by_token: bool) -> Described {
    order("Whether the target wants traffic, as /readyz says on every worker", by_token)
        .reads(JSON, shape::<Wish>(), true, Some(json!({"ready": false})))
        .answers("200", "Every worker follows", JSON, shape::<Applied>())
        .refuses(&[408, 413, 507])
}

/// Publishes the order, and answers when every worker follows it.
pub async fn ready(State(target): State<Target>, body: Body) -> Result<Json<Applied>, Refusal> {
    let Wish { ready } = parse(&read(body).await?, ALLOWED, VALUES).map_err(|mistake| refusal(&[mistake]))?;
    let (_, mut standing) = control::standing(&target.board);
    standing.ready = ready;
    let epoch = control::publish(&target.board, &standing)
        .map_err(|error| Refusal::new(StatusCode::INSUFFICIENT_STORAGE, error.to_string()))?;
    until_applied(&target.board, epoch).await?;
    Ok(Json(Applied { ready, epoch }))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wish(body: &str) -> Result<bool, String> {
        let read: Result<Wish, _> = parse(body.as_bytes(), ALLOWED, VALUES);
        read.map(|Wish { ready }| ready).map_err(|mistake| mistake.to_string())
    }

    #[test]
    fn a_wish_is_exactly_one_boolean() {
        assert_eq!(wish(r#"{"ready": true}"#), Ok(true));
        assert_eq!(wish(r#" {"ready":false} "#), Ok(false));
        for (bad, place) in [
            ("", "the body: EOF"),
            ("{}", "the body: missing field `ready`"),
            ("true", "the body: invalid type: boolean `true`, expected an object with ready"),
            ("[true]", "the body: is a list"),
            ("\u{fffd}", "the body: expected value"),
            (r#"{"ready": 1}"#, "ready: invalid type: integer `1`, expected a boolean; allowed: true or false"),
            (
                r#"{"ready": "no"}"#,
                "ready: invalid type: string \"no\", expected a boolean; allowed: true or false",
            ),
            (r#"{"ready": null}"#, "ready: invalid type: null, expected a boolean; allowed: true or false"),
            (r#"{"ready": true, "redy": 1}"#, "redy: unknown field `redy`, expected `ready`"),
            (r#"{"ready": true, "ready": false}"#, "the body: duplicate field `ready`"),
            (r#"{"ready": true} {}"#, "the body: trailing characters"),
        ] {
            let sentence = wish(bad).unwrap_err();
            assert!(sentence.starts_with(place), "{bad}: {sentence}");
        }
    }
}
