//! Carries out the fault that a request is hit by, in front of its handler.
//!
//! ```text
//! route → plans for it → open window → draw → kind → (wait | answer | response fault | crash | leak) → handler
//! ```
//!
//! Up to the kind it is decided by [`Faults`](crate::http::Faults); from there on it is done here.

use std::time::Duration;

use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::in_force::{Hit, OfPlan};
use super::response_fault::ResponseFault;
use crate::fault::Kind;
use crate::http::error::Refusal;
use crate::http::response::required_headers;
use crate::http::stack::handler::Answering;
use crate::http::stack::record::Exchange;
use crate::http::stack::request::Request;
use crate::profile::is_bodiless;
use crate::scoreboard::FaultMark;
use crate::sys::clock;
use crate::work::io::{Io, Mode};

/// What a worker that crashes on purpose exits with.
const CRASHED: i32 = 70;

/// Carries out a fault around a handler.
pub(in crate::http) async fn inject(
    hit: Hit,
    mut request: Box<Request>,
    handle: impl FnOnce(Box<Request>) -> Answering,
) -> Response {
    let Request { target, exchange, .. } = &mut *request;
    let Hit { kind, mark, index, closes_ns, plan } = hit;
    let begun_ns = exchange.service_ns();
    let carried_out = || target.board().head().faults.carried_out(mark);
    let response_fault = match kind {
        Kind::Delay(delay) => {
            wait(delay.at(index)).await;
            carried_out();
            None
        }
        Kind::Stall => {
            let left = closes_ns.unwrap_or(0).saturating_sub(clock::monotonic_ns());
            // The plan may be removed meanwhile, which ends the wait: the request was held up all the same.
            plan.unless_removed(wait(Duration::from_nanos(left))).await;
            carried_out();
            None
        }
        Kind::Leak(bytes) => {
            if target.faults().leak(&plan, bytes, target.config.max_leak.most.0) {
                carried_out();
            }
            None
        }
        Kind::Status(code) => return marked(answer(code, &plan), mark),
        Kind::Crash => crash(exchange, carried_out),
        Kind::Empty => return marked(ResponseFault::Empty.alone(), mark),
        Kind::Reset => return marked(ResponseFault::Reset.alone(), mark),
        Kind::Malformed => return marked(ResponseFault::Malformed.alone(), mark),
        Kind::Truncate(bytes) => Some(ResponseFault::Truncate { bytes }),
        Kind::Drip(delay) => Some(ResponseFault::Drip { delay: delay.at(index) }),
        // These hit listeners, and no request.
        Kind::Freeze | Kind::Refuse => None,
    };
    exchange.add_injected(exchange.service_ns().saturating_sub(begun_ns));
    let mut response = handle(request).await;
    if let Some(fault) = response_fault {
        response.extensions_mut().insert(fault);
        response = marked(response, mark);
    }
    response
}

/// The record of the request counts the fault once the response is flushed or broken as was ordered.
fn marked(mut response: Response, mark: FaultMark) -> Response {
    response.extensions_mut().insert(mark);
    response
}

fn answer(code: u16, plan: &OfPlan) -> Response {
    // It is a status: that was checked when the plan was read.
    let status = StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    if is_bodiless(status) {
        return status.into_response();
    }
    let name = plan.name().map_or_else(String::new, |name| format!(" by the fault plan {name:?}"));
    let mut response = Refusal::new(status, format!("this status is injected{name}")).into_response();
    if let Some((name, value)) = required_headers(status) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

async fn wait(delay: Duration) {
    Io { delay, mode: Mode::Async }.run().await;
}

/// The request is finished as broken by a fault, and the worker is gone: the kernel closes its sockets.
fn crash(exchange: &Exchange, carried_out: impl Fn()) -> ! {
    carried_out();
    exchange.finish_broken();
    tracing::warn!(worker = exchange.worker(), "crashes, as its fault plan says");
    std::process::exit(CRASHED)
}
