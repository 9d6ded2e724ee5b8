//! What each route of the target does, takes and answers.

use bytes::Bytes;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{ObjectBuilder, RefOr, ResponseBuilder, Type};

use super::operation::{BYTES, Described, Document, JSON, REFUSALS, TEXT, content, header, shape, string};
use super::parameter::{Describe, Documented, text};
use crate::http::anything::{Anything, Headers, SHOWN};
use crate::http::parameters::Nothing;
use crate::http::target::{About, Limits, Target};
use crate::http::techempower::Message;
use crate::http::{answer, delay, drip, io, modifiers, profile_route, routes, status};
use crate::profile::{self, Carrier, Profile, Step, is_bodiless, shape as shape_of};
use crate::scoreboard::RATE_LIMITED_STATUS;
use crate::units;
use crate::work::Done;
use crate::work::cpu::{Computed, Cpu};
use crate::work::database::{Queried, Query};
use crate::work::io::Waited;
use crate::work::memory::{Held, Hold};
use crate::work::payload::Payload;
use crate::work::upload::Uploaded;

/// What any request may be refused with.
const ALWAYS: &[u16] = &[400, 405, 408, 413, 414, 421, 431, 500, 501, 503];

/// The same, where every method is taken.
const ANY_METHOD: &[u16] = &[400, 408, 413, 414, 421, 431, 500, 501, 503];

const STATUS: &str = "probes";
const WORK: &str = "workloads";
const ABOUT: &str = "about";

/// The document of a target with this profile.
pub fn document(profile: &Profile, target: &Target) -> Bytes {
    let (limits, About { version, mode, .. }) = (&target.limits, &target.about);
    let mut document = Document::default();
    let mut spellings: Vec<String> = Vec::new();
    for (added, route) in all(profile) {
        // Two methods of one pattern may name its parts differently: the first one's names stand for both.
        let known = spellings.iter().find(|known| shape_of(known) == shape_of(&route.1)).cloned();
        let path = known.unwrap_or_else(|| route.1.clone());
        spellings.push(path.clone());
        let path = path.replace("{*", "{");
        document.add(&route.0, &path, || match added {
            Some(added) => of_profile(added, &path),
            None => built_in(&route.0, &route.1, limits)
                .unwrap_or_else(|| Described::new("Not described").refuses(ALWAYS)),
        });
    }
    let says = format!(
        "A load-test target, mode {mode}. HEAD is answered wherever GET is, and is not listed, nor is OPTIONS *, which is \
         answered as OPTIONS / is. A path without parameters is the same with a slash behind it. A path that is not here is \
         404, a method that a path does not take 405. Limits are those of this run (`x-limit` names the flag that sets \
         one): a value over one is refused, never cut down. A parameter that is unknown, or comes twice, is 400. Fault \
         plans on the admin listener can make any route but /health, /healthz and /readyz answer otherwise."
    );
    super::text(&document.finish("quintain", version, &says, false))
}

/// Method and path of each route, those of the profile first, each with what it is there.
fn all(profile: &Profile) -> Vec<(Option<&profile::Route>, (String, String))> {
    let all = routes(profile).into_iter().map(|route| {
        let of = |added: &&profile::Route| {
            added.path == route.path && added.methods.iter().any(|method| method.as_str() == route.method)
        };
        (profile.routes.iter().find(of), (route.method, route.path))
    });
    let mut all: Vec<_> = all.collect();
    // Who takes every method takes what is left.
    all.sort_by_key(|(added, (method, _))| (method == "ANY", added.is_none()));
    all
}

fn workload<T: Describe>(summary: &str, limits: &Limits) -> Described {
    let mut parameters = T::describe(limits);
    parameters.extend(modifiers::describe(&parameters, limits));
    let mut described = Described::new(summary).tag(WORK).takes(parameters, T::IN_PATH);
    // A status that was asked for: with a body of the route's own, or of size=.
    for class in ["2XX", "3XX", "4XX", "5XX"] {
        described = described.answers(class, "As status= has it", BYTES, string());
    }
    described
}

/// A workload's answer says who did it and what it took.
fn measured(says: &str, kind: &str, schema: impl Into<RefOr<Schema>>) -> ResponseBuilder {
    stamped(says).content(kind, content(schema))
}

fn stamped(says: &str) -> ResponseBuilder {
    let timing = "Measured milliseconds: queue (but for unix sockets), loop, inject, pool, acquire and db (of a database), cpu, io, total";
    ResponseBuilder::new().description(says).header("Server-Timing", header(timing, "total;dur=[0-9.]+$")).header(
        "X-Quintain-Worker",
        header("Instance, slot and generation of the worker", "^([0-9A-Za-z._-]+/)?[0-9]+\\.[0-9]+$"),
    )
}

/// One of the routes that every target offers.
fn built_in(method: &str, path: &str, limits: &Limits) -> Option<Described> {
    let plain = |summary: &str, tag: &str| Described::new(summary).tag(tag);
    let body = ObjectBuilder::new().schema_type(Type::String).format(None).into();
    let sent = format!("up to {} (--max-body)", units::Bytes(limits.body));
    Some(match path {
        "/" if method == "OPTIONS" => plain("Whether a server answers, as balancers ask", ABOUT)
            .answers_empty("204", "It does, and `Allow` says what this path takes")
            .refuses(ALWAYS),
        "/" => plain("What is here: text, or a page for a browser", ABOUT)
            .response(
                "200",
                ResponseBuilder::new()
                    .description("Text, or HTML for who accepts it")
                    .content(TEXT, content(string()))
                    .content("text/html; charset=utf-8", content(string())),
            )
            .refuses(ALWAYS),
        "/openapi.json" => {
            plain("This document", ABOUT).answers("200", "OpenAPI 3.1", JSON, ObjectBuilder::new()).refuses(ALWAYS)
        }
        "/docs" => plain("A page to try every route from a browser", ABOUT)
            .answers("200", "HTML", "text/html; charset=utf-8", string())
            .refuses(ALWAYS),
        "/docs/{file}" => super::docs_file(plain("What that page consists of", ABOUT)).refuses(ALWAYS),
        "/health" | "/healthz" => plain("The process answers", STATUS)
            .more("The smallest answer there is. Exempt from fault plans and --max-inflight.")
            .answers("200", "It does", TEXT, string())
            .refuses(ALWAYS),
        "/readyz" => plain("Whether it wants traffic", STATUS)
            .more("Exempt from fault plans and --max-inflight.")
            .answers("200", "It does", TEXT, string())
            .refuses(ALWAYS),
        "/plaintext" => plain("Hello, World!, as TechEmpower has it", WORK)
            .answers("200", "13 bytes", "text/plain", string())
            .refuses(ALWAYS),
        "/json" => plain("The same as an object", WORK)
            .answers("200", "27 bytes", JSON, shape::<Message>())
            .refuses(ALWAYS),
        "/io" => workload::<io::Asked>("Waits without CPU; ms or delay", limits)
            .more(unread(method))
            .response("200", measured("What was waited", JSON, answer::schema(&Done::Io(Waited::default()))))
            .refuses(ALWAYS),
        "/cpu" => workload::<Cpu>("Computes: iterations or ms", limits)
            .more(&format!(
                "A chain of integer operations whose checksum is the same on every machine. {}",
                unread(method)
            ))
            .response("200", measured("What was computed", JSON, answer::schema(&Done::Cpu(Computed::default()))))
            .refuses(ALWAYS),
        "/mem" => workload::<Hold>("Takes memory, touches it, holds it, gives it back", limits)
            .more(unread(method))
            .response("200", measured("What was held", JSON, answer::schema(&Done::Memory(Held::default()))))
            .refuses(ALWAYS),
        "/db" => workload::<Query>("Asks the database", limits)
            .more(&format!("404 where the run has none (--db). {}", unread(method)))
            .response("200", measured("What came of it", JSON, answer::schema(&Done::Database(Queried::default()))))
            .refuses(ALWAYS)
            .refuses(&[404]),
        "/bytes/{n}" => {
            conditional(workload::<Payload>("So many bytes that can be checked", limits)).refuses(ALWAYS)
        }
        "/stream/{n}" => workload::<crate::http::stream::Chunked>("The same bytes, chunked", limits)
            .response("200", measured("The bytes", BYTES, string()))
            .refuses(ALWAYS),
        "/drip" => any_status(workload::<drip::Asked>("Bytes one by one", limits), BYTES, &string()),
        "/upload" => workload::<Nothing>("Reads a body: its length, checksum, first and last byte", limits)
            .more(&sent)
            .reads(BYTES, body, false, None)
            .response("200", measured("What was read", JSON, answer::schema(&Done::Upload(Uploaded::default()))))
            .refuses(ALWAYS),
        "/echo" => workload::<Nothing>("Gives a body back, with its type", limits)
            .more(&sent)
            .reads(BYTES, body, false, None)
            .response("200", measured("The body", "*/*", string()))
            .refuses(ANY_METHOD),
        "/headers" => plain("The headers that were sent, as httpbin has it", WORK)
            .response("200", measured("By name; those of one name joined with a comma", JSON, shape::<Headers>()))
            .refuses(ALWAYS),
        "/anything" | "/anything/{*rest}" => plain("All that was sent, as httpbin has it", WORK)
            .more(&format!("A body over {} is 413.", units::Bytes(SHOWN as u64)))
            .takes(rest(path), Some("rest"))
            .reads(BYTES, body, false, None)
            .response("200", measured("Method, target, headers and body", JSON, shape::<Anything>()))
            .refuses(ANY_METHOD),
        "/status/{codes}" => {
            let said = ObjectBuilder::new()
                .property("status", ObjectBuilder::new().schema_type(Type::Integer))
                .required("status");
            any_status(workload::<status::Codes>("A status, or several by weight", limits), JSON, &said.into())
                .response("204", stamped("No body"))
                .response("205", stamped("No body"))
                .response("304", stamped("No body"))
        }
        "/delay/{d}" => workload::<delay::Delay>("Waits, as httpbin users expect", limits)
            .response("200", measured("What was waited", JSON, answer::schema(&Done::Io(Waited::default()))))
            .refuses(ANY_METHOD),
        _ => return None,
    })
}

/// What becomes of the body of a request whose parameters are all in the query.
fn unread(method: &str) -> &'static str {
    if method == "GET" { "" } else { "Parameters are read from the query; a body is read to its end and ignored." }
}

/// The part of a path that may be anything.
fn rest(path: &str) -> Vec<Documented> {
    let is_there = path.ends_with("{*rest}");
    is_there.then(|| Documented::new("rest", "any text", text("^.+$")).such_as("some/path")).into_iter().collect()
}

/// An answer of whatever status was asked for. A refusal of the request itself may have the same status.
fn any_status(described: Described, kind: &str, schema: &RefOr<Schema>) -> Described {
    let refused = shape::<crate::http::Refusal>();
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

/// The headers of RFC 9110, 13 and 14.
const CONDITIONS: [(&str, &str, &str); 4] = [
    (
        "Range",
        "one range, such as bytes=0-99: 206, or 416 where there is none; several get the whole",
        "bytes=0-99",
    ),
    ("If-None-Match", "tags, or *: 304 for who has it already", "\"65536-0\""),
    ("If-Match", "tags, or *: 412 for who wants another", "*"),
    ("If-Range", "the tag that the range is of", "\"65536-0\""),
];

fn conditional(described: Described) -> Described {
    let answer = |says: &str| stamped(says).header("ETag", header("Length and seed", "^\"[0-9]+-[0-9]+\"$"));
    // Whatever they hold is taken: what is no range, or no tag of ours, asks for nothing or is another one's.
    CONDITIONS
        .iter()
        .fold(described, |described, (name, does, example)| {
            described.header(
                Documented::new(*name, *does, ObjectBuilder::new().schema_type(Type::String)).such_as(example),
            )
        })
        .response("200", answer("The bytes").content(BYTES, content(string())))
        .response("206", answer("The range of them").content(BYTES, content(string())))
        .response("304", answer("They are known"))
        .refuses(&[412, 416])
}

/// A route of a profile.
fn of_profile(route: &profile::Route, path: &str) -> Described {
    let profile::Response { status, size, .. } = &route.response;
    let code = status.as_str();
    let mut described = Described::new(route.to_string()).tag("profile");
    let parts = path.split('{').skip(1).filter_map(|rest| rest.split('}').next());
    for part in parts {
        let anything = Documented::new(part.to_owned(), "any text", text("^[^/]+$")).such_as("1");
        described = described.takes(vec![anything], Some(part));
    }
    let answer = match size {
        _ if is_bodiless(*status) => stamped("As the profile says"),
        Some(_) => measured("As the profile says", BYTES, string()),
        None => measured("What was done", JSON, profile_route::schema(route)),
    };
    let refused = route.steps.iter().filter_map(|step| match step {
        Step::RateLimit { .. } => Some(RATE_LIMITED_STATUS),
        Step::Check(signed) if signed.carrier == Carrier::Path => Some(404),
        Step::Check(_) => Some(401),
        _ => None,
    });
    described.refuses(ALWAYS).refuses(&refused.collect::<Vec<_>>()).response(code, answer)
}
