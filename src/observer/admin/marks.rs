//! `POST /marks`: a phase begins.

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;
use serde_json::{Value, json};

use super::Target;
use super::json::Json;
use super::order::read;
use crate::http::Refusal;
use crate::phase::{ALLOWED, MARKS, is_name};

const BODY: &str = r#"{"phase": "a name"}"#;

/// All that a body may hold.
#[derive(Deserialize)]
struct Wish {
    phase: String,
}

/// Puts the mark.
pub async fn post(State(target): State<Target>, body: Body) -> Result<(StatusCode, Json<Value>), Refusal> {
    let phase = wish(&read(body).await?)?;
    let Some((index, at_ns)) = target.mark(&phase) else {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("this run has {MARKS} marks already, the most there are"),
        ));
    };
    #[allow(clippy::cast_precision_loss)]
    let elapsed_s = at_ns.saturating_sub(target.started_ns) as f64 / 1e9;
    Ok((StatusCode::CREATED, Json(json!({ "phase": phase, "index": index, "elapsed_s": elapsed_s }))))
}

/// The phase that a body names, or what is wrong with it.
fn wish(body: &[u8]) -> Result<String, Refusal> {
    let text = String::from_utf8_lossy(body);
    let Ok(Value::Object(fields)) = serde_json::from_slice(body) else {
        return Err(Refusal::bad("the body", &text, BODY));
    };
    if let Some((name, value)) = fields.iter().find(|(name, _)| *name != "phase") {
        return Err(Refusal::bad(name, &value.to_string(), "no field but phase"));
    }
    match fields.get("phase") {
        None => Err(Refusal::bad("the body", &text, BODY)),
        Some(Value::String(name)) if is_name(name) => {
            // A field that comes twice.
            let wish = serde_json::from_slice(body).map_err(|_| Refusal::bad("the body", &text, BODY));
            wish.map(|Wish { phase }| phase)
        }
        Some(Value::String(name)) => Err(Refusal::bad("phase", name, ALLOWED)),
        Some(other) => Err(Refusal::bad("phase", &other.to_string(), ALLOWED)),
    }
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
