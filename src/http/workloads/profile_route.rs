//! A profile's routes: their steps in order, and their answer.

mod kept;
mod signed;

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use utoipa::PartialSchema;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{ArrayBuilder, ObjectBuilder, OneOfBuilder, RefOr};

use super::db;
use super::infer::{self, Sent};
use super::mem::unavailable;
use crate::http::answer;
use crate::http::error::{Refusal, SharedLimit};
use crate::http::openapi::describing::{ALWAYS, measured, stamped};
use crate::http::openapi::operation::{BYTES, Described, JSON, string};
use crate::http::openapi::parameter::{Documented, text};
use crate::http::response::{BINARY, put, sized};
use crate::http::route::{Route, Spot, UNMATCHED};
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::profile::{self, Checked, Issued, Profile, Scope, Step, is_bodiless, open_parts};
use crate::rate_limit::RateLimit;
use crate::scoreboard::RATE_LIMITED_STATUS;
use crate::sys::clock;
use crate::work::cpu::Computed;
use crate::work::database::Queried;
use crate::work::io::{Io, Waited};
use crate::work::memory::Held;
use crate::work::payload::{self, DEFAULT_SEED, Payload};
use crate::work::{Done, Work};
use kept::Kept;
use signed::{Known, Shown};

/// A profile's routes, one for each method of each.
pub fn routes(profile: &Profile) -> Vec<Route> {
    let of = |route: &profile::Route| {
        let route = Arc::new(Served { route: route.clone(), kept: Kept::default() });
        let methods =
            route.route.methods.iter().map(|method| {
                let plan = Arc::clone(&route);
                let described = Arc::clone(&route);
                let describe = move |spot: &Spot<'_>| describe(&described.route, spot.path);
                // Most routes need nothing of what a request shows.
                if route.route.reads_picture()
                    || route.route.steps.iter().any(|step| matches!(step, Step::Check(_)))
                {
                    let handler = move |State(target): State<Target>,
                                        shown: Shown,
                                        exchange: Exchange,
                                        sent: Sent| async move {
                        serve(&plan, &target, &exchange, &shown, Some(sent)).await
                    };
                    return Route::on(method, &route.route.path, handler).described_by(describe);
                }
                let handler = move |State(target): State<Target>, exchange: Exchange| async move {
                    serve(&plan, &target, &exchange, &Shown::default(), None).await
                };
                Route::on(method, &route.route.path, handler).described_by(describe)
            });
        methods.collect::<Vec<_>>()
    };
    profile.routes.iter().flat_map(of).collect()
}

/// A route, and the answers that this worker keeps of it.
struct Served {
    route: profile::Route,
    kept: Kept,
}

/// Says whether an answer comes from what was kept, as caches say it: HIT or MISS.
const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// Its part of the API's document.
fn describe(route: &profile::Route, path: &str) -> Described {
    let profile::Response { status, size, .. } = &route.response;
    let code = status.as_str();
    let mut described = Described::new(route.to_string()).tag("profile");
    for part in open_parts(path) {
        let anything = Documented::new(part.to_owned(), "any text", text("^[^/]+$")).such_as("1");
        described = described.takes(vec![anything], Some(part));
    }
    let answer = match size {
        _ if is_bodiless(*status) => stamped("As the profile says"),
        Some(_) => measured("As the profile says", BYTES, string()),
        None => measured("What was done", JSON, schema(route)),
    };
    let refused = route.steps.iter().filter_map(|step| match step {
        Step::RateLimit { .. } => Some(RATE_LIMITED_STATUS),
        Step::Check(signed) if signed.carrier == Checked::Path => Some(404),
        Step::Check(_) => Some(401),
        Step::Infer(_) => Some(415),
        _ => None,
    });
    let described = if route.reads_picture() { described.reads_bytes() } else { described };
    described.refuses(ALWAYS).refuses(&refused.collect::<Vec<_>>()).response(code, answer)
}

/// Does the steps and answers. Where a step refuses the request, what was done before it counts too.
async fn serve(
    served: &Served,
    target: &Target,
    exchange: &Exchange,
    shown: &Shown,
    sent: Option<Sent>,
) -> Result<Response, Refusal> {
    let mut done = Vec::with_capacity(served.route.steps.len());
    let answered = steps(served, target, exchange, shown, sent, &mut done).await;
    if answered.is_err() && !done.is_empty() {
        exchange.spent_in_vain(&answer::spent_on(&done));
    }
    answered
}

/// Does the steps, one after the other, up to the answer.
async fn steps(
    Served { route, kept }: &Served,
    target: &Target,
    exchange: &Exchange,
    shown: &Shown,
    mut sent: Option<Sent>,
    done: &mut Vec<Done>,
) -> Result<Response, Refusal> {
    let mut known = Known::new(shown, target.config.seed);
    let mut missed: Option<(u64, Duration)> = None;
    for step in &route.steps {
        match step {
            Step::Issue(signed) => known.issue(signed, exchange.index()),
            Step::Check(signed) => known.check(signed)?,
            Step::Cache { keys, time } => {
                let key = exchange.index() % keys;
                let body = kept.get(key, clock::monotonic_ns());
                target.looked_in_cache(body.is_some());
                if let Some(body) = body {
                    let mut response = respond(&route.response, done, body, &known, exchange);
                    response.headers_mut().insert(X_CACHE, HeaderValue::from_static("HIT"));
                    return Ok(response);
                }
                missed = Some((key, *time));
            }
            Step::Infer(ask) => {
                // A route has one such step.
                if let Some(sent) = sent.take() {
                    done.push(infer::run(target, *ask, sent, exchange).await?);
                }
            }
            step => {
                // An answer that is kept is made by its key, so that each answer of the key has the same work.
                let index = || missed.map_or_else(|| exchange.index(), |(key, _)| key);
                done.extend(run(step, target, exchange, index).await?);
            }
        }
    }
    let body = if route.response.tells_what_was_done() { account(done, &known).into() } else { Bytes::new() };
    if let Some((key, time)) = missed {
        kept.put(key, clock::monotonic_ns(), time, body.clone());
    }
    let mut response = respond(&route.response, done, body, &known, exchange);
    if missed.is_some() {
        response.headers_mut().insert(X_CACHE, HeaderValue::from_static("MISS"));
    }
    Ok(response)
}

async fn run(
    step: &Step,
    target: &Target,
    exchange: &Exchange,
    index: impl Fn() -> u64,
) -> Result<Option<Done>, Refusal> {
    match step {
        Step::Cpu(cpu) => Ok(Some(Work::Cpu(*cpu).run().await)),
        Step::Io { delay, mode } => {
            let delay = delay.always().or_else(|| delay.at(index()));
            // It stands in the answer all the same, whose length must not tell whom a percentage leaves out.
            let Some(delay) = delay else { return Ok(Some(Done::Io(Waited::default()))) };
            Ok(Some(Work::Io(Io { delay, mode: *mode }).run().await))
        }
        Step::Mem(hold) => {
            let done = hold.run(&target.memory).await.map(Done::Memory);
            done.map(Some).map_err(|reason| unavailable(&reason, &target.config))
        }
        Step::Db(query) => db::run(target, *query, exchange, index()).await.map(Some),
        Step::RateLimit { limit, scope } => take_token(*limit, *scope, target, exchange).map(|()| None),
        // Bytes are in the answer's size; `serve` does the others.
        Step::Bytes(_) | Step::Infer(_) | Step::Issue(_) | Step::Check(_) | Step::Cache { .. } => Ok(None),
    }
}

/// Refuses a request for which there is no token.
fn take_token(limit: RateLimit, scope: Scope, target: &Target, exchange: &Exchange) -> Result<(), Refusal> {
    let (number, whose) = match scope {
        Scope::Route => (exchange.route(), "this route takes"),
        Scope::Profile => (UNMATCHED.0, "all routes of this profile together take"),
    };
    target.board().bucket(number).take(limit, clock::monotonic_ns).map_err(|wait_ns| {
        let RateLimit { rate, burst } = limit;
        let sentence = format!("{whose} {rate} requests a second (rate_limit), and {burst} at once after a pause");
        // Whole seconds, as the header takes no others, and rounded up, so that there is a token then.
        let retry_after_s = u32::try_from(wait_ns.div_ceil(clock::SECOND)).unwrap_or(u32::MAX);
        Refusal::over(SharedLimit::Rate { retry_after_s }, sentence)
    })
}

/// The shape of an answer that says what was done.
pub fn schema(route: &profile::Route) -> RefOr<Schema> {
    let each = [
        Done::Cpu(Computed::default()),
        Done::Io(Waited::default()),
        Done::Memory(Held::default()),
        Done::Database(Queried::default()),
        Done::Inference(Box::default()),
    ];
    let either = each.iter().fold(OneOfBuilder::new(), |either, done| either.item(answer::schema(done)));
    let steps = ObjectBuilder::new()
        .property("steps", ArrayBuilder::new().items(RefOr::T(either.into())))
        .required("steps");
    let issued = route.steps.iter().filter_map(|step| match step {
        Step::Issue(signed) if signed.carrier == Issued::Body => Some(&signed.name),
        _ => None,
    });
    issued.fold(steps, |object, name| object.property(name, String::schema()).required(name)).into()
}

/// Answers, with this body unless the profile says the size of another.
fn respond(
    response: &profile::Response,
    done: &[Done],
    body: Bytes,
    known: &Known<'_>,
    exchange: &Exchange,
) -> Response {
    let profile::Response { status, size, headers: own } = response;
    let prepared = size.map_or(0, |_| payload::prepare(DEFAULT_SEED));
    let has_body = !is_bodiless(*status);
    let (body, kind) = match size {
        Some(size) => (sized(Payload::new(DEFAULT_SEED, *size)), BINARY),
        None if has_body => (Body::from(body), HeaderValue::from_static("application/json")),
        None => (Body::empty(), BINARY),
    };
    let mut response = (*status, body).into_response();
    let headers = response.headers_mut();
    if has_body {
        headers.insert(header::CONTENT_TYPE, kind);
    }
    put(headers, own);
    known.set_cookies(headers);
    let mut spent = answer::spent_on(done);
    spent.cpu_ns += prepared;
    exchange.spent(spent);
    response
}

/// What was done, one piece after the other, and the values that the body issues.
fn account(done: &[Done], known: &Known<'_>) -> Vec<u8> {
    let mut text = b"{\"steps\":[".to_vec();
    for (at, done) in done.iter().enumerate() {
        if at > 0 {
            text.push(b',');
        }
        answer::push_object(&mut text, done);
    }
    text.push(b']');
    for (name, value) in known.issued(Issued::Body) {
        text.extend(format!(",\"{name}\":\"{value}\"").bytes());
    }
    text.extend(b"}\n");
    text
}
