//! The answer to a workload: what was done, as JSON, with the measured times in `Server-Timing`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;

use super::parameters::as_milliseconds;
use super::record::Exchange;
use crate::sys::clock;
use crate::work::Done;

/// Which worker answered: `slot.generation`.
const WORKER: HeaderName = HeaderName::from_static("x-quintain-worker");

/// <https://www.w3.org/TR/server-timing/>
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// A finished piece of work, and the request that asked for it.
pub struct Answer {
    /// What was done.
    pub done: Done,
    /// Who asked, and when.
    pub exchange: Exchange,
}

/// A finished piece of work, as the JSON that it is answered with.
#[derive(Serialize)]
#[serde(untagged)]
#[allow(missing_docs)] // the names are the answer's
pub enum Shown {
    Cpu { iterations: u64, checksum: String, cpu_us: f64, wall_us: f64 },
    Io { asked_ms: f64, waited_ms: f64, mode: &'static str },
}

impl From<Done> for Shown {
    fn from(done: Done) -> Self {
        match done {
            Done::Cpu(computed) => Self::Cpu {
                iterations: computed.iterations,
                checksum: format!("{:016x}", computed.checksum),
                cpu_us: in_units(computed.cpu_ns, 1_000),
                wall_us: in_units(computed.wall_ns, 1_000),
            },
            Done::Io(waited) => Self::Io {
                asked_ms: as_milliseconds(waited.asked),
                waited_ms: in_units(waited.waited_ns, 1_000_000),
                mode: waited.mode.name(),
            },
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let Self { done, exchange } = self;
        // Numbers and words always become JSON.
        let body = serde_json::to_string(&Shown::from(done)).unwrap_or_default() + "\n";
        let mut response = Response::new(Body::from(body));
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        sign(headers, (done.cpu_ns(), done.io_ns()), &exchange);
        response
    }
}

/// Says what was measured, and who did it.
pub fn sign(headers: &mut HeaderMap, (cpu_ns, io_ns): (u64, u64), exchange: &Exchange) {
    for (name, value) in [(SERVER_TIMING, timing(cpu_ns, io_ns, exchange)), (WORKER, exchange.worker())] {
        if let Ok(value) = HeaderValue::try_from(value) {
            headers.insert(name, value);
        }
    }
}

/// Measured times in milliseconds. `queue` is left out where the socket has no arrival stamps.
fn timing(cpu_ns: u64, io_ns: u64, exchange: &Exchange) -> String {
    let milliseconds = |ns| in_units(ns, 1_000_000);
    let queue = exchange.queue_ns().map_or_else(String::new, |ns| format!("queue;dur={:.3}, ", milliseconds(ns)));
    format!(
        "{queue}inject;dur=0.000, cpu;dur={:.3}, io;dur={:.3}, total;dur={:.3}",
        milliseconds(cpu_ns),
        milliseconds(io_ns),
        milliseconds(clock::monotonic_ns().saturating_sub(exchange.arrival_ns())),
    )
}

#[allow(clippy::cast_precision_loss)] // 2⁵³ ns are 104 days
fn in_units(ns: u64, unit_ns: u32) -> f64 {
    ns as f64 / f64::from(unit_ns)
}
