//! What the target's routes have in common when they describe themselves.

use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{RefOr, ResponseBuilder};

use super::operation::{BYTES, Described, JSON, REFUSALS, content, header, shape, string};
use crate::config::Config;
use crate::http::query::FromQuery;
use crate::http::query::modifiers;

/// What any request may be refused with.
pub const ALWAYS: &[u16] = &[400, 405, 408, 413, 414, 421, 431, 500, 501, 503];

/// [`ALWAYS`] without 405, for a route that takes every method.
pub const ANY_METHOD: &[u16] = &[400, 408, 413, 414, 421, 431, 500, 501, 503];

/// Routes that say how the target is.
pub const STATUS: &str = "probes";
/// Routes that do work.
pub const WORK: &str = "workloads";
/// Routes that say what there is.
pub const ABOUT: &str = "about";

/// A route with nothing but what it does, and what any request may be refused with.
pub fn plain(summary: &str, tag: &str) -> Described {
    Described::new(summary).tag(tag).refuses(ALWAYS)
}

/// A route that does work, with the parameters that it reads and the modifiers that each takes.
pub fn workload<T: FromQuery>(summary: &str, config: &Config) -> Described {
    let mut parameters = T::describe(config);
    parameters.extend(modifiers::describe(&parameters, config));
    let mut described = Described::new(summary).tag(WORK).takes(parameters, T::IN_PATH);
    // A status that was asked for: with a body of the route's own, or of size=.
    for class in ["2XX", "3XX", "4XX", "5XX"] {
        described = described.answers(class, "As status= has it", BYTES, string());
    }
    described
}

/// A workload's answer with a body; its headers say who did it and what it took.
pub fn measured(says: &str, kind: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    stamped(says).content(kind, content(schema))
}

/// A workload's answer without a body; its headers say who did it and what it took.
pub fn stamped(says: &str) -> ResponseBuilder {
    let timing = "Measured milliseconds: queue (but for unix sockets), loop, inject, pool, acquire and db (of a database), decode, resize and infer (of a picture), cpu, io, total";
    ResponseBuilder::new().description(says).header("Server-Timing", header(timing, "total;dur=[0-9.]+$")).header(
        "X-Quintain-Worker",
        header("Instance, slot and generation of the worker", "^([0-9A-Za-z._-]+/)?[0-9]+\\.[0-9]+$"),
    )
}

/// What becomes of the body of a request whose parameters are all in the query.
pub fn unread(method: &str) -> &'static str {
    if method == "GET" { "" } else { "Parameters are read from the query; a body is read to its end and ignored." }
}

/// An answer of whatever status was asked for. A refusal of the request itself may have the same status.
pub fn any_status(described: Described, kind: &str, schema: &RefOr<Schema>) -> Described {
    let refused = shape::<crate::http::AnsweredRefusal>();
    let answer = |says: &str| {
        let response = ResponseBuilder::new().description(says);
        if kind == JSON {
            let either = OneOfBuilder::new().item(schema.clone()).item(refused.clone());
            response.content(JSON, content(either))
        } else {
            response.content(kind, content(schema.clone())).content(JSON, content(refused.clone()))
        }
    };
    let ranges = ["2XX", "3XX", "4XX", "5XX"].into_iter();
    let described =
        ranges.fold(described, |described, range| described.response(range, answer("As it was asked for")));
    let refusals = REFUSALS.iter().filter(|(code, _)| ALWAYS.contains(code));
    refusals.fold(described, |described, (code, says)| {
        described.response(&code.to_string(), answer(&format!("As it was asked for; or: {says}")))
    })
}
