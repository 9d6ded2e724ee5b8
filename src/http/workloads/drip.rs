//! `GET /drip`: a body that comes slowly, as httpbin users expect.

use std::convert::Infallible;
use std::ops::RangeInclusive;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};
use utoipa::openapi::{ObjectBuilder, Type};

use super::bytes::{SEEDS, seed};
use super::io::Wait;
use crate::config::Config;
use crate::http::answer::Spent;
use crate::http::error::Refusal;
use crate::http::openapi::describing::{any_status, workload};
use crate::http::openapi::operation::{BYTES, string};
use crate::http::openapi::parameter::Documented;
use crate::http::query::{FromQuery, Params, Query, Range, seconds, size};
use crate::http::response::BINARY;
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::profile::is_bodiless;
use crate::sys::clock;
use crate::work::drip::Drip;
use crate::work::io::{Io, Mode};
use crate::work::payload::{self, DEFAULT_SEED, Payload};
use crate::work::sleep::sleep;

const CODES: RangeInclusive<u64> = 200..=599;

/// From the first byte to the last, when that isn't said.
const DEFAULT_DURATION: Duration = Duration::from_secs(2);

/// How many bytes, when that isn't said.
const DEFAULT_BYTES: u64 = 10;

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/drip?duration=1&numbytes=5", "bytes one by one; delay=, code=, seed=")],
    describe: |spot| any_status(workload::<Asked>("Bytes one by one", spot.config), BYTES, &string()),
};

/// Bytes one by one: `duration=`, `numbytes=`, `delay=` before the head, `code=`, `seed=`.
pub async fn drip(State(target): State<Target>, Params(asked): Params<Asked>, exchange: Exchange) -> Response {
    let Asked { delay, code, drip, seed } = asked;
    let delay = delay.of(&target, &exchange).unwrap_or_default();
    let waited = Io { delay, mode: Mode::Async }.run().await;
    let spent = Spent { cpu_ns: payload::prepare(seed), io_ns: waited.io_ns(), ..Spent::default() };
    let body = Dripping { payload: Payload::new(seed, drip.bytes), drip, begun_ns: None, alarm: None };
    exchange.spent(spent);
    (code, [(header::CONTENT_TYPE, BINARY)], Body::new(body)).into_response()
}

/// Bytes that are due closer together come together, at most so late: each piece costs a wake-up and a write.
const TOGETHER: Duration = Duration::from_millis(1);

/// What a request may say.
pub struct Asked {
    delay: Wait,
    code: StatusCode,
    drip: Drip,
    seed: u64,
}

/// A body that gives what is due.
struct Dripping {
    payload: Payload,
    drip: Drip,
    /// When the first byte was asked for (monotonic).
    begun_ns: Option<u64>,
    alarm: Option<Pin<Box<dyn Future<Output = u64> + Send>>>,
}

impl http_body::Body for Dripping {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let Self { payload, drip, begun_ns, alarm } = &mut *self;
        let sent = drip.bytes - payload.left();
        if sent == drip.bytes {
            return Poll::Ready(None);
        }
        loop {
            // To its end, even if the byte is due by now: the sleep counts how late the loop comes to it.
            if let Some(asleep) = alarm {
                ready!(asleep.as_mut().poll(context));
                *alarm = None;
            }
            let now = clock::monotonic_ns();
            let elapsed = Duration::from_nanos(now - *begun_ns.get_or_insert(now));
            let due = drip.due(elapsed).saturating_sub(sent);
            if due > 0 {
                return Poll::Ready(payload.next(due).map(|slice| Ok(Frame::data(slice))));
            }
            let left = drip.due_at(sent + 1).saturating_sub(elapsed);
            let left = if drip.is_dense(TOGETHER) { left.max(TOGETHER) } else { left };
            *alarm = Some(Box::pin(sleep(left)));
        }
    }

    fn is_end_stream(&self) -> bool {
        self.payload.left() == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.payload.left())
    }
}

impl FromQuery for Asked {
    const NAMES: &'static [&'static str] = &["duration", "numbytes", "delay", "code", "seed"];

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let time = seconds(config.max_delay);
        let size = size(config);
        let duration = query.ranged("duration", &time)?;
        let number = query.ranged("numbytes", &size)?;
        let delay = delay(query, &time, config)?;
        let seed = query.between("seed", SEEDS)?.unwrap_or(DEFAULT_SEED);
        // The defaults are held to the limits too.
        let duration = duration.map_or_else(|| time.check("duration", DEFAULT_DURATION), Ok)?;
        let number = number.map_or_else(|| size.check("numbytes", DEFAULT_BYTES), Ok)?;
        Ok(Self { delay, code: code(query)?, drip: Drip { bytes: number, duration }, seed })
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let time = seconds(config.max_delay);
        let size = size(config);
        let codes = ObjectBuilder::new().schema_type(Type::Integer);
        let drips = |code: &u16| StatusCode::from_u16(*code).is_ok_and(|code| !is_bodiless(code));
        let codes = codes.enum_values(Some(CODES.filter_map(|code| u16::try_from(code).ok()).filter(drips)));
        vec![
            time.documented("duration", "from the first byte to the last", Some(DEFAULT_DURATION)),
            size.documented("numbytes", "how many bytes", Some(DEFAULT_BYTES)),
            time.documented("delay", "before the head of the answer", Some(Duration::ZERO)),
            Documented::new("code", "the answer's status: one that has a body", codes).or(200),
            seed(),
        ]
    }
}

/// A plain number is seconds; all else is the one grammar for delays.
fn delay(query: &Query<'_>, time: &Range<Duration>, config: &Config) -> Result<Wait, Refusal> {
    const NAME: &str = "delay";
    if query.get(NAME).is_some_and(|text| text.contains([':', ',', '('])) {
        return Ok(query.delay(NAME, config)?.map_or(Wait::Always(Duration::ZERO), Wait::from));
    }
    Ok(Wait::Always(query.ranged(NAME, time)?.unwrap_or_default()))
}

fn code(query: &Query<'_>) -> Result<StatusCode, Refusal> {
    let code = query.between("code", CODES)?.and_then(|code| u16::try_from(code).ok()).unwrap_or(200);
    let refuse = |why: &str| {
        let allowed = "200 to 599 without 204, 205 and 304";
        Refusal::parameter("code", &code.to_string(), format!("code={code} {why}"), allowed)
    };
    match StatusCode::from_u16(code) {
        Ok(code) if is_bodiless(code) => Err(refuse("has no body that could drip")),
        known => known.map_err(|_| refuse("is no status")),
    }
}
