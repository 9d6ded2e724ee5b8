//! `GET`, `PUT` and `DELETE /faults`: the fault plans in force.

use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::StatusCode;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::ToSchema;
use utoipa::openapi::{RefOr, Schema};

use super::json::Json;
use super::openapi::{figures, open, order};
use super::order::{parse, read, refusal, until_applied};
use super::{IsWritten, Target};
use crate::control::{Counted, KnownFaults, known_faults, plans_in_force, put_faults, standing};
use crate::event::{Event, EventKind, PlanChange};
use crate::fault::{PLANS, Rules, Written, understand};
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, JSON, shape};
use crate::mistake::Mistake;
use crate::sys::clock;
use crate::units::{Rate, Spelled, nanoseconds, parse_duration};

const ALLOWED: &str = r#"{"faults": [ … ], "ttl": "30s"}, of which ttl may be left out"#;

/// How long a watch over plans that were replaced may go on: who replaces them all the time leaves no more behind.
const SUPERSEDED: Duration = Duration::from_secs(1);

/// All that is ordered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object with faults, and ttl if you like")]
pub struct Wish {
    #[schema(inline, max_items = 64)]
    faults: Vec<Written>,
    /// A duration such as `30s`; without it they stay.
    ttl: Option<String>,
}

/// The plans in force.
#[derive(Serialize, ToSchema)]
pub struct InForce {
    epoch: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
    #[schema(inline)]
    faults: Vec<Counted>,
    /// Those that are not in force any more, the last to end last: the newest, at most 255.
    #[schema(inline)]
    ended_faults: Vec<Counted>,
}

/// What `GET` is.
pub fn describe_get(_: bool) -> Described {
    figures("The fault plans in force, with their counts").answers("200", "As they were understood", JSON, answer())
}

/// What `PUT` is.
pub fn describe_put(by_token: bool) -> Described {
    let example = json!({"faults": [{"route": "/json", "kinds": [{"kind": "status", "code": 500, "rate": 0.003}]}], "ttl": "30s"});
    order("Replaces all fault plans", by_token)
        .more(
            "The rates of a plan's kinds sum to at most 1, names are unique, routes are there. What a kind and a window \
             take besides, the README says; a mistake is a 400 that names its place, and changes nothing.",
        )
        .reads(JSON, shape::<Wish>(), true, Some(example))
        .answers("200", "Every worker follows", JSON, answer())
        .refuses(&[408, 413])
}

/// What `DELETE` is.
pub fn describe_delete(by_token: bool) -> Described {
    order("Removes all fault plans", by_token)
        .answers("200", "No worker follows them any more", JSON, answer())
        .refuses(&[413])
}

/// The plans as they are answered with.
fn answer() -> RefOr<Schema> {
    let mut schema = shape::<InForce>();
    open(&mut schema);
    schema
}

/// The plans in force and those that were, with their counts.
pub async fn get(State(target): State<Target>) -> Json<InForce> {
    Json(in_force(&target))
}

/// Replaces all plans, and answers when every worker follows the new ones.
pub async fn put(State(target): State<Target>, body: Body) -> Result<Json<InForce>, Refusal> {
    let body = read(body).await?;
    let (plans, ttl) = understood(&body, &rules(&target)).map_err(|mistakes| refusal(&mistakes))?;
    replace(&target, plans, ttl).await
}

/// Removes all plans, and answers when no worker follows them any more.
pub async fn delete(State(target): State<Target>) -> Result<Json<InForce>, Refusal> {
    replace(&target, Vec::new(), None).await
}

async fn replace(target: &Target, plans: Vec<Written>, ttl: Option<Duration>) -> Result<Json<InForce>, Refusal> {
    let now_ns = clock::monotonic_ns();
    let expires_ns = ttl.map(|ttl| now_ns.saturating_add(nanoseconds(ttl)));
    let summary = summary(&plans, ttl);
    let epoch = put_faults(&target.board, plans, now_ns, expires_ns, false)
        .map_err(|error| Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, error.to_string()))?;
    let is_written = note(target, epoch, summary);
    watch_expiry(target);
    is_written.wait().await;
    until_applied(&target.board, epoch).await?;
    Ok(Json(in_force(target)))
}

fn in_force(target: &Target) -> InForce {
    let now_ns = clock::monotonic_ns();
    let KnownFaults { in_force, ended } = known_faults(&target.board, now_ns);
    let (epoch, orders) = standing(&target.board);
    let expires_ns = orders.faults.expires_ns.filter(|_| !in_force.is_empty());
    let expires_in_ms = expires_ns.map(|expires_ns| expires_ns.saturating_sub(now_ns) / clock::MILLISECOND);
    InForce { epoch, expires_in_ms, faults: in_force, ended_faults: ended }
}

/// Takes plans off the page when their time has come. The workers know it by themselves; this is for the epoch, and for
/// `events.csv`.
pub fn watch_expiry(target: &Target) {
    let Some(expires_ns) = standing(&target.board).1.faults.expires_ns else { return };
    let target = target.clone();
    tokio::spawn(async move {
        let are_these = || standing(&target.board).1.faults.expires_ns == Some(expires_ns);
        while clock::monotonic_ns() < expires_ns && are_these() {
            let left = Duration::from_nanos(expires_ns.saturating_sub(clock::monotonic_ns()));
            tokio::time::sleep(left.min(SUPERSEDED)).await;
        }
        if are_these()
            && let Ok(epoch) = put_faults(&target.board, Vec::new(), expires_ns, None, false)
        {
            drop(note(&target, epoch, "none, as their ttl is over".to_owned()));
        }
    });
}

fn note(target: &Target, epoch: u64, words: String) -> IsWritten {
    let at_ns = clock::monotonic_ns();
    let change = PlanChange { epoch: Some(epoch), words, plans: plans_in_force(&target.board, at_ns) };
    tracing::info!("fault plans, {change}");
    target.tell(Event::at((at_ns, clock::realtime_ns()), EventKind::FaultPlan(change)))
}

/// `errors now and then (status 0.003, reset 0.002) on * for 30s`
fn summary(plans: &[Written], ttl: Option<Duration>) -> String {
    let kinds = |plan: &Written| {
        let kinds = plan.kinds.iter().map(|kind| match kind.rate {
            Some(rate) => format!("{} {rate}", kind.kind),
            None => kind.kind.clone(),
        });
        kinds.collect::<Vec<_>>().join(", ")
    };
    let shown: Vec<String> = plans
        .iter()
        .map(|plan| {
            let (name, route) = (plan.name.as_deref().unwrap_or(""), plan.route.as_deref().unwrap_or(""));
            format!("{name} ({}) on {route}", kinds(plan))
        })
        .collect();
    let ttl = ttl.map_or_else(String::new, |ttl| format!("; for {}", Spelled(ttl)));
    if shown.is_empty() { "none".to_owned() } else { shown.join("; ") + &ttl }
}

fn rules(target: &Target) -> Rules {
    let table = &target.board.head().routes;
    Rules { routes: (0..table.len()).filter_map(|number| table.name(number)).collect(), ..(*target.rules).clone() }
}

/// What a body asks for, or every mistake in it.
fn understood(body: &[u8], rules: &Rules) -> Result<(Vec<Written>, Option<Duration>), Vec<Mistake>> {
    let Wish { faults, ttl } = parse(body, ALLOWED, &[("rate", Rate::ALLOWED)]).map_err(|mistake| vec![mistake])?;
    let mut mistakes = Vec::new();
    let mut plans: Vec<Written> = Vec::new();
    for (number, written) in faults.iter().enumerate() {
        let place = format!("faults[{number}]");
        match understand(written, &place, number + 1, rules) {
            Ok((_, plan)) if plans.iter().any(|known| known.name == plan.name) => {
                let (place, value) = (format!("{place}.name"), plan.name.map(|name| format!("{name:?}")));
                mistakes.push(Mistake::field(&place, value, "is another plan's name, too", "a name of its own"));
            }
            Ok((_, plan)) => plans.push(plan),
            Err(found) => mistakes.extend(found),
        }
    }
    if faults.len() > PLANS {
        let wrong = format!("has {} plans", faults.len());
        mistakes.push(Mistake::field("faults", None, wrong, format!("up to {PLANS}")));
    }
    let ttl = ttl.map(|text| lifetime(&text)).transpose().map_err(|mistake| mistakes.push(mistake)).unwrap_or(None);
    if mistakes.is_empty() { Ok((plans, ttl)) } else { Err(mistakes) }
}

fn lifetime(text: &str) -> Result<Duration, Mistake> {
    let wrong = match parse_duration(text) {
        Ok(ttl) if ttl.is_zero() => "is over at once".to_owned(),
        Ok(ttl) => return Ok(ttl),
        Err(error) => error.to_string(),
    };
    Err(Mistake::field("ttl", Some(format!("{text:?}")), wrong, "a duration above 0, such as 30s"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn says(body: &str) -> String {
        match understood(body.as_bytes(), &Rules::none()) {
            Ok((plans, _)) => panic!("{body} is {plans:?}"),
            Err(mistakes) => refusal(&mistakes).error,
        }
    }

    #[test]
    fn a_wish_is_understood() {
        let body = r#"{"faults": [{"kinds": [{"kind": "status", "code": 500, "rate": 0.003}]}, {"name": "b",
            "kinds": [{"kind": "leak", "bytes": "1KiB", "rate": "0.5"}]}], "ttl": "30s"}"#;
        let (plans, ttl) = understood(body.as_bytes(), &Rules::none()).unwrap();
        assert_eq!((plans.len(), ttl), (2, Some(Duration::from_secs(30))));
        assert_eq!((plans[0].name.as_deref(), plans[0].spacing.as_deref()), (Some("fault 1"), Some("shuffled")));
        assert_eq!(summary(&plans, ttl), "fault 1 (status 0.003) on *; b (leak 0.5) on *; for 30s");
        assert!(understood(br#"{"faults": []}"#, &Rules::none()).is_ok_and(|(plans, _)| plans.is_empty()));
    }

    #[test]
    fn each_mistake_has_its_place() {
        const RESET: &str = r#"{"kinds": [{"kind": "reset", "rate": 0.1}]}"#;
        for (body, sentence) in [
            ("", "the body: EOF while parsing a value at line 1 column 0; allowed: {\"faults\""),
            ("[]", "the body: is a list, and must be an object; allowed: {\"faults\""),
            (" [[], \"30s\"]", "the body: is a list"),
            ("7", "the body: invalid type: integer `7`, expected an object with faults"),
            (r#"{"faults": ["x"]}"#, "faults[0]: invalid type: string \"x\", expected an object: a plan"),
            ("{}", "the body: missing field `faults`; allowed: {\"faults\""),
            (r#"{"faults": {}}"#, "faults: invalid type: map, expected a sequence"),
            (r#"{"fualts": []}"#, "fualts: unknown field `fualts`, expected `faults` or `ttl`"),
            (r#"{"faults": [], "ttl": 30}"#, "ttl: invalid type: integer `30`, expected a string"),
            (r#"{"faults": [], "ttl": "30"}"#, "ttl: \"30\" needs a unit: 30s for seconds"),
            (r#"{"faults": [], "ttl": "0s"}"#, "ttl: \"0s\" is over at once; allowed: a duration above 0"),
            (r#"{"faults": []} x"#, "the body: trailing characters"),
            (
                r#"{"faults": [{"kinds": [{"kind": "reset", "rate": 0.1}, {"kind": "empty", "rate": 1.5}]}]}"#,
                "faults[0].kinds[1].rate: 1.5 is too large; allowed: 0 to 1 with up to nine decimals",
            ),
            (
                r#"{"faults": [{"kinds": [{"kind": "reset", "rat": 0.1}]}]}"#,
                "faults[0].kinds[0].rat: unknown field `rat`",
            ),
            (r#"{"faults": [{"kinds": 7}]}"#, "faults[0].kinds: invalid type: integer `7`, expected a sequence"),
            (
                &format!(r#"{{"faults": [{RESET}, {{"name": "fault 1", "kinds": []}}]}}"#),
                "faults[1].kinds: has 0 kinds",
            ),
            (
                &format!(r#"{{"faults": [{RESET}, {{"name": "fault 1",{}]}}"#, &RESET[1..]),
                "faults[1].name: \"fault 1\" is another plan's name, too; allowed: a name of its own",
            ),
            (&format!(r#"{{"faults": [{}]}}"#, [RESET; 65].join(",")), "faults: has 65 plans; allowed: up to 64"),
        ] {
            let said = says(body);
            assert!(said.starts_with(sentence), "{body}\nsays   {said}\nwanted {sentence}");
        }
    }
}
