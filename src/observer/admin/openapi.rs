//! `GET /openapi.json` of the admin listener: its routes, as a program reads them.

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use utoipa::openapi::schema::{AdditionalProperties, ArrayItems, Schema};
use utoipa::openapi::{ObjectBuilder, RefOr};

use super::{Route, Target, table};
use crate::http::openapi::operation::{Described, Document, JSON, TEXT, string};
use crate::http::openapi::text;

/// What any request may be refused with: who asks from a wrong place.
const ALWAYS: &[u16] = &[400, 405, 421];

/// What [`crate::phase::ALLOWED`] says, but for `start`, which no pattern of this kind can leave out.
pub const PHASE: &str = "^[A-Za-z0-9._-](?:[A-Za-z0-9 ._-]{0,62}[A-Za-z0-9._-])?$";

/// What a write may be refused with besides.
const WRITES: &[u16] = &[401, 403, 504];

/// Every route of this listener.
pub async fn document(State(target): State<Target>) -> impl IntoResponse {
    let by_token = target.by_token;
    let mut document = Document::default();
    for Route { method, path, handler: _, describe } in table() {
        document.add(method, path, || describe(by_token));
    }
    let says = "What the target knows of itself, and the orders that one may give it. Writes come from this machine, from \
                a page of this listener, or show the token.";
    let document = document.finish("quintain: admin", env!("CARGO_PKG_VERSION"), says, by_token);
    ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], text(&document))
}

/// A route with figures of the target.
pub fn figures(summary: &str) -> Described {
    Described::new(summary).tag("figures").refuses(ALWAYS)
}

/// A route by which one orders something.
pub fn order(summary: &str, by_token: bool) -> Described {
    Described::new(summary).tag("orders").guarded(by_token).refuses(ALWAYS).refuses(WRITES)
}

/// A route that says what there is.
fn about(summary: &str) -> Described {
    Described::new(summary).tag("about").refuses(ALWAYS)
}

/// `GET /`
pub fn page(_: bool) -> Described {
    about("The live page").answers("200", "HTML", "text/html; charset=utf-8", string())
}

/// `GET /health`
pub fn health(_: bool) -> Described {
    figures("The observer answers").answers("200", "It does", TEXT, string())
}

/// `GET /openapi.json`
pub fn this(_: bool) -> Described {
    about("This document").answers("200", "OpenAPI 3.1", JSON, ObjectBuilder::new())
}

/// `GET /docs`
pub fn docs(_: bool) -> Described {
    about("A page to try every route from a browser").answers("200", "HTML", "text/html; charset=utf-8", string())
}

/// `GET /docs/{file}`
pub fn docs_file(_: bool) -> Described {
    crate::http::describe_docs_file(about("What that page consists of"))
}

/// Lets a shape have more fields than it names: an answer's plans have their counts besides, where an order may have nothing
/// else.
pub fn open(schema: &mut RefOr<Schema>) {
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
