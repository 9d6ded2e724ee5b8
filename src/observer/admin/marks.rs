//! `POST /marks`: a phase begins.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::schema::AdditionalProperties;
use utoipa::openapi::{ObjectBuilder, RefOr, Schema, Type};

use super::Target;
use super::json::Json;
use super::openapi::{PHASE, order};
use super::order::{parse, read, refusal};
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, JSON, shape};
use crate::phase::{ALLOWED, MARKS, is_name};

const BODY: &str = r#"{"phase": "a name"}"#;

/// All that a body may hold.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, expecting = "an object with phase")]
struct Wish {
    phase: String,
}

/// The mark that was put.
#[derive(Serialize, ToSchema)]
pub struct Begun {
    phase: String,
    index: usize,
    elapsed_s: f64,
}

/// What the route is.
pub fn describe(by_token: bool) -> Described {
    order("A phase begins: a name for since= and until=, and the phase of every row from now on", by_token)
        .reads(JSON, wish_schema(), true, Some(json!({"phase": "measure"})))
        .answers("201", "It has begun", JSON, shape::<Begun>())
        .refuses(&[408, 409, 413])
}

/// The shape of a [`Wish`], whose pattern no attribute takes from a constant.
fn wish_schema() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(PHASE)).description(Some(ALLOWED));
    let object = ObjectBuilder::new().schema_type(Type::Object).property("phase", name).required("phase");
    RefOr::T(Schema::Object(object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()))
}

/// Puts the mark.
pub async fn post(State(target): State<Target>, body: Body) -> Result<(StatusCode, Json<Begun>), Refusal> {
    let phase = wish(&read(body).await?)?;
    let Some((index, at_ns, is_written)) = target.mark(&phase) else {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("this run has {MARKS} marks already, the most there are"),
        ));
    };
    is_written.wait().await;
    #[allow(clippy::cast_precision_loss)]
    let elapsed_s = at_ns.saturating_sub(target.started_ns) as f64 / 1e9;
    Ok((StatusCode::CREATED, Json(Begun { phase, index, elapsed_s })))
}

/// The phase that a body names, or what is wrong with it.
fn wish(body: &[u8]) -> Result<String, Refusal> {
    let Wish { phase } = parse(body, BODY, &[("phase", ALLOWED)]).map_err(|mistake| refusal(&[mistake]))?;
    if is_name(&phase) { Ok(phase) } else { Err(Refusal::bad("phase", &phase, ALLOWED)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wish_is_exactly_one_name() {
        assert_eq!(wish(br#"{"phase": "warm-up 1.5_b"}"#).unwrap(), "warm-up 1.5_b");
        let long = format!(r#"{{"phase": "{}"}}"#, "x".repeat(65));
        for bad in [
            "",
            "{}",
            "[]",
            "\"warm-up\"",
            r#"{"phase": 1}"#,
            r#"{"phase": ""}"#,
            r#"{"phase": "start"}"#,
            r#"{"phase": "a\nb"}"#,
            r#"{"phase": "\u00e4"}"#,
            r#"{"phase": "a", "at": 1}"#,
            r#"{"phase": "a", "phase": "b"}"#,
            r#"{"phase": "   "}"#,
            &long,
        ] {
            assert!(wish(bad.as_bytes()).is_err_and(|refusal| refusal.status == StatusCode::BAD_REQUEST), "{bad}");
        }
    }
}
