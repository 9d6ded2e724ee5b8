//! `GET /openapi.json` of the admin listener: its routes, as a program reads them.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use serde_json::json;
use utoipa::PartialSchema;
use utoipa::openapi::schema::{AdditionalProperties, ArrayBuilder, ArrayItems, Schema, SchemaType};
use utoipa::openapi::{ObjectBuilder, RefOr, Type};

use super::Target;
use super::faults::{InForce, Wish};
use super::ready::{self, Applied};
use crate::control::Counted;
use crate::http::openapi::operation::{Described, Document, JSON, TEXT, shape, string};
use crate::http::openapi::parameter::Documented;
use crate::http::openapi::text;
use crate::phase::ALLOWED;

/// What any request may be refused with: who asks from a wrong place.
const ALWAYS: &[u16] = &[400, 405, 421];

/// What Prometheus asks for.
const METRICS: &str = "text/plain; version=0.0.4; charset=utf-8";

/// [`ALLOWED`], but for `start`, which no pattern of this kind can leave out.
const PHASE: &str = "^[A-Za-z0-9._-](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9._-])?$";

/// What a write may be refused with besides.
const WRITES: &[u16] = &[401, 403, 504];

/// Every route of this listener.
pub async fn document(State(target): State<Target>) -> impl IntoResponse {
    let by_token = target.by_token;
    let mut document = Document::default();
    for (method, path) in ROUTES {
        document.add(method, path, || described(method, path, by_token));
    }
    let says = "What the target knows of itself, and the orders that one may give it. Writes come from this machine, from \
                a page of this listener, or show the token.";
    let document = document.finish("quintain: admin", env!("CARGO_PKG_VERSION"), says, by_token);
    ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], text(&document))
}

/// Every route: method and path.
pub const ROUTES: &[(&str, &str)] = &[
    ("GET", "/"),
    ("GET", "/stats"),
    ("GET", "/events"),
    ("GET", "/metrics"),
    ("GET", "/resources.csv"),
    ("POST", "/marks"),
    ("GET", "/health"),
    ("POST", "/ready"),
    ("GET", "/faults"),
    ("PUT", "/faults"),
    ("DELETE", "/faults"),
    ("GET", "/openapi.json"),
    ("GET", "/docs"),
    ("GET", "/docs/{file}"),
];

fn described(method: &str, path: &str, by_token: bool) -> Described {
    let figures = |summary: &str| Described::new(summary).tag("figures").refuses(ALWAYS);
    let order =
        |summary: &str| Described::new(summary).tag("orders").guarded(by_token).refuses(ALWAYS).refuses(WRITES);
    let about = |summary: &str| Described::new(summary).tag("about").refuses(ALWAYS);
    match (method, path) {
        ("GET", "/stats") => figures("Totals, statuses, routes with quantiles, workers, faults: the whole target, live")
            .takes(vec![stretch("since", "the start").or("start"), stretch("until", "now")], None)
            .answers("200", "Read as it was asked for", JSON, stats())
            .refuses(&[404]),
        ("GET", "/") => about("The live page").answers("200", "HTML", "text/html; charset=utf-8", string()),
        ("GET", "/events") => figures("What the live page draws, as server-sent events: hello, tick, event")
            .answers("200", "A stream without an end", "text/event-stream", string())
            .refuses(&[503]),
        ("GET", "/metrics") => figures("The last tick, for Prometheus")
            .answers("200", "The text format", METRICS, string())
            .refuses(&[503]),
        ("GET", "/resources.csv") => figures("The rows of the run so far, from its directory")
            .answers("200", "As they stand there", "text/csv; charset=utf-8", string())
            .refuses(&[404]),
        ("POST", "/marks") => order("A phase begins: a name for since= and until=, and the phase of every row from now on")
            .reads(JSON, phase(), true, Some(json!({"phase": "measure"})))
            .answers("201", "It has begun", JSON, mark())
            .refuses(&[408, 409, 413]),
        ("GET", "/health") => figures("The observer answers").answers("200", "It does", TEXT, string()),
        ("POST", "/ready") => order("Whether the target wants traffic, as /readyz says on every worker")
            .reads(JSON, shape::<ready::Wish>(), true, Some(json!({"ready": false})))
            .answers("200", "Every worker follows", JSON, shape::<Applied>())
            .refuses(&[408, 413, 507]),
        ("GET", "/faults") => figures("The fault plans in force, with their counts")
            .answers("200", "As they were understood", JSON, in_force()),
        ("PUT", "/faults") => order("Replaces all fault plans")
            .more(
                "The rates of a plan's kinds sum to at most 1, names are unique, routes are there. What a kind and a window \
                 take besides, the README says; a mistake is a 400 that names its place, and changes nothing.",
            )
            .reads(JSON, shape::<Wish>(), true, Some(example()))
            .answers("200", "Every worker follows", JSON, in_force())
            .refuses(&[408, 413]),
        ("DELETE", "/faults") => order("Removes all fault plans")
            .answers("200", "No worker follows them any more", JSON, in_force())
            .refuses(&[413]),
        ("GET", "/openapi.json") => about("This document").answers("200", "OpenAPI 3.1", JSON, ObjectBuilder::new()),
        ("GET", "/docs") => about("A page to try every route from a browser")
            .answers("200", "HTML", "text/html; charset=utf-8", string()),
        (_, _) => crate::http::openapi::docs_file(about("What that page consists of")),
    }
}

fn stretch(name: &'static str, otherwise: &str) -> Documented {
    let does = format!("The last mark of this name; {otherwise}, if it is left out");
    Documented::new(name, does, ObjectBuilder::new().schema_type(Type::String).pattern(Some(PHASE)))
}

fn phase() -> RefOr<Schema> {
    let name = ObjectBuilder::new().schema_type(Type::String).pattern(Some(PHASE)).description(Some(ALLOWED));
    let object = ObjectBuilder::new().schema_type(Type::Object).property("phase", name).required("phase");
    RefOr::T(Schema::Object(object.additional_properties(Some(AdditionalProperties::FreeForm(false))).build()))
}

fn mark() -> ObjectBuilder {
    let number = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    ObjectBuilder::new()
        .schema_type(Type::Object)
        .property("phase", string())
        .property("index", number(Type::Integer))
        .property("elapsed_s", number(Type::Number))
}

fn example() -> serde_json::Value {
    json!({"faults": [{"route": "/json", "kinds": [{"kind": "status", "code": 500, "rate": 0.003}]}], "ttl": "30s"})
}

/// The answer is put together where the figures are read; `tests/it/openapi.rs` holds that these are its fields.
fn stats() -> ObjectBuilder {
    let object = || ObjectBuilder::new().schema_type(Type::Object);
    let list = || ArrayBuilder::new().items(object());
    let number = |kind: Type| ObjectBuilder::new().schema_type(SchemaType::Type(kind));
    let all = [
        "age_ms",
        "since",
        "instance",
        "mode",
        "phase",
        "quantile_error_pct",
        "totals",
        "status",
        "rejections",
        "routes",
        "workers",
        "faults",
        "ended_faults",
        "marks",
        "sse_dropped",
        "unread_connections",
    ];
    let counts = || object().additional_properties(Some(Schema::Object(number(Type::Integer).build())));
    let stats = object()
        .property("age_ms", number(Type::Integer))
        .property("since", string())
        .property("instance", Option::<String>::schema())
        .property("mode", string())
        .property("phase", string())
        .property("quantile_error_pct", number(Type::Number))
        .property("totals", counts())
        .property("status", counts())
        .property("rejections", counts())
        .property("routes", list())
        .property("workers", list())
        .property("faults", ArrayBuilder::new().items(counted()))
        .property("ended_faults", ArrayBuilder::new().items(counted()))
        .property("marks", list())
        .property("sse_dropped", number(Type::Integer))
        .property("unread_connections", Option::<u64>::schema());
    all.into_iter().fold(stats, ObjectBuilder::required)
}

fn counted() -> RefOr<Schema> {
    let mut schema = Counted::schema();
    open(&mut schema);
    schema
}

/// The plans as they are answered with: they have their counts besides, where an order may have nothing else.
fn in_force() -> RefOr<Schema> {
    let mut schema = InForce::schema();
    open(&mut schema);
    schema
}

fn open(schema: &mut RefOr<Schema>) {
    match schema {
        RefOr::T(Schema::Object(object)) => {
            // Maps have a shape for their values, and keep it.
            if matches!(object.additional_properties.as_deref(), Some(AdditionalProperties::FreeForm(_))) {
                object.additional_properties = None;
            }
            object.properties.values_mut().for_each(open);
        }
        RefOr::T(Schema::Array(list)) => {
            if let ArrayItems::RefOrSchema(item) = &mut list.items {
                open(item);
            }
        }
        RefOr::T(Schema::AllOf(all)) => all.items.iter_mut().for_each(open),
        RefOr::T(Schema::OneOf(all)) => all.items.iter_mut().for_each(open),
        _ => {}
    }
}
