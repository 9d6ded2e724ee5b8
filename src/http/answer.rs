//! The answer to a workload: what was done, as JSON, with the measured times in `Server-Timing`.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use super::parameters::as_milliseconds;
use super::record::Exchange;
use crate::sys::clock;
use crate::work::Done;

/// Which worker answered: `slot.generation`.
pub const WORKER: HeaderName = HeaderName::from_static("x-quintain-worker");

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
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
#[allow(missing_docs)] // the names are the answer's
pub enum Shown {
    Cpu { iterations: u64, checksum: String, cpu_us: f64, wall_us: f64 },
    Io { asked_ms: f64, waited_ms: f64, mode: &'static str },
    Memory { bytes: u64, pages: u64, held_ms: f64, cpu_us: f64 },
    Upload { bytes: u64, crc32: String, first_byte_ms: Option<f64>, last_byte_ms: Option<f64> },
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
            Done::Memory(held) => Self::Memory {
                bytes: held.bytes,
                pages: held.pages,
                held_ms: in_units(held.held_ns, 1_000_000),
                cpu_us: in_units(held.cpu_ns, 1_000),
            },
            Done::Upload(uploaded) => Self::Upload {
                bytes: uploaded.bytes,
                crc32: format!("{:08x}", uploaded.crc32),
                first_byte_ms: uploaded.first_byte_ns.map(|ns| in_units(ns, 1_000_000)),
                last_byte_ms: uploaded.last_byte_ns.map(|ns| in_units(ns, 1_000_000)),
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
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let spent = Spent { cpu_ns: done.cpu_ns(), io_ns: done.io_ns() };
        spent.stamp(response.headers_mut(), &exchange);
        response
    }
}

/// What a request took until its response's head.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// CPU time.
    pub cpu_ns: u64,
    /// Time waited on purpose, or for the client's body.
    pub io_ns: u64,
}

impl Spent {
    /// Says so in the headers of a workload's response, and whose work it was.
    pub fn stamp(self, headers: &mut HeaderMap, exchange: &Exchange) {
        for (name, value) in [(SERVER_TIMING, self.timing(exchange)), (WORKER, exchange.worker())] {
            if let Ok(value) = HeaderValue::try_from(value) {
                headers.insert(name, value);
            }
        }
    }

    /// Measured times in milliseconds. `queue` is left out where the socket has no arrival stamps.
    fn timing(self, exchange: &Exchange) -> String {
        let milliseconds = |ns| in_units(ns, 1_000_000);
        let queue =
            exchange.queue_ns().map_or_else(String::new, |ns| format!("queue;dur={:.3}, ", milliseconds(ns)));
        format!(
            "{queue}inject;dur={:.3}, cpu;dur={:.3}, io;dur={:.3}, total;dur={:.3}",
            milliseconds(exchange.injected_ns()),
            milliseconds(self.cpu_ns),
            milliseconds(self.io_ns),
            milliseconds(clock::monotonic_ns().saturating_sub(exchange.arrival_ns())),
        )
    }
}

/// Adds headers that somebody asks for: the first of a name takes the place of what is there, the others stand beside it.
pub fn put(headers: &mut HeaderMap, own: &[(HeaderName, HeaderValue)]) {
    for (name, _) in own {
        headers.remove(name);
    }
    for (name, value) in own {
        headers.append(name.clone(), value.clone());
    }
}

#[allow(clippy::cast_precision_loss)] // 2⁵³ ns are 104 days
fn in_units(ns: u64, unit_ns: u32) -> f64 {
    ns as f64 / f64::from(unit_ns)
}
