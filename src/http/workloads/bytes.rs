//! `GET /bytes/{n}`: a body of exactly this size, whole or in part.

use std::ops::RangeInclusive;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use utoipa::openapi::{ObjectBuilder, Type};

use super::conditions::{CONDITIONS, Conditions, Wanted};
use crate::config::Config;
use crate::http::answer::Spent;
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, stamped, workload};
use crate::http::openapi::operation::{BYTES, Described, content, header as header_of, string};
use crate::http::openapi::parameter::{self as documented, Documented};
use crate::http::query::{FromQuery, Params, Query, size};
use crate::http::response::{BINARY, sized};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::work::payload::{self, DEFAULT_SEED, Payload};

/// Which bytes: any.
pub const SEEDS: RangeInclusive<u64> = 0..=u64::MAX;

/// What it is, with the headers of RFC 9110, 13 and 14.
pub const DESCRIPTION: Description = Description {
    offers: &[("/bytes/1MiB", "bytes that can be checked; seed=, Range, ETag; in chunks from /stream/1MiB")],
    describe: |spot| {
        let answer = |says: &str| stamped(says).header("ETag", header_of("Length and seed", "^\"[0-9]+-[0-9]+\"$"));
        let bytes = workload::<Payload>("So many bytes that can be checked", spot.config);
        // Whatever they hold is taken: what is no range, or no tag of ours, asks for nothing or is another one's.
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let conditions =
            CONDITIONS.map(|(name, does, example)| Documented::new(name, does, text()).such_as(example));
        conditions
            .into_iter()
            .fold(bytes, Described::header)
            .response("200", answer("The bytes").content(BYTES, content(string())))
            .response("206", answer("The range of them").content(BYTES, content(string())))
            .response("304", answer("They are known"))
            .refuses(&[412, 416])
            .refuses(ALWAYS)
    },
};

/// So many bytes of a seed: `seed=`, and the conditions and ranges of RFC 9110.
pub async fn bytes(Params(payload): Params<Payload>, conditions: Conditions, exchange: Exchange) -> Response {
    let spent = Spent { cpu_ns: payload::prepare(payload.seed()), ..Spent::default() };
    let tag = tag(&payload);
    let wanted = conditions.judge(&tag, payload.left());
    let mut response = answer(payload, wanted);
    let headers = response.headers_mut();
    insert(headers, header::ETAG, tag);
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    exchange.spent(spent);
    response
}

fn answer(payload: Payload, wanted: Wanted) -> Response {
    let length = payload.left();
    match wanted {
        Wanted::Whole => whole(payload),
        Wanted::Part(part) => {
            let mut response = whole(payload.part(part.start, part.end));
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            let place = format!("bytes {}-{}/{length}", part.start, part.end - 1);
            insert(response.headers_mut(), header::CONTENT_RANGE, place);
            response
        }
        Wanted::Nothing => StatusCode::NOT_MODIFIED.into_response(),
        Wanted::Another => {
            Refusal::new(StatusCode::PRECONDITION_FAILED, "If-Match names none of what is here").into_response()
        }
        Wanted::NoPart => {
            let sentence = format!("the Range begins behind the end: there are {length} bytes");
            let mut response = Refusal::new(StatusCode::RANGE_NOT_SATISFIABLE, sentence).into_response();
            insert(response.headers_mut(), header::CONTENT_RANGE, format!("bytes */{length}"));
            response
        }
    }
}

/// Strong: the same length and seed are the same bytes, on every machine.
fn tag(payload: &Payload) -> String {
    format!("\"{}-{}\"", payload.left(), payload.seed())
}

fn insert(headers: &mut HeaderMap, name: header::HeaderName, value: String) {
    // Digits and quotes always become a header.
    if let Ok(value) = HeaderValue::try_from(value) {
        headers.insert(name, value);
    }
}

fn whole(payload: Payload) -> Response {
    ([(header::CONTENT_TYPE, BINARY)], sized(payload)).into_response()
}

impl FromQuery for Payload {
    const NAMES: &'static [&'static str] = &["seed"];
    const IN_PATH: Option<&'static str> = Some("n");

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let length = query.ranged("n", &size(config))?.unwrap_or(0);
        let seed = query.between("seed", SEEDS)?.unwrap_or(DEFAULT_SEED);
        Ok(Self::new(seed, length))
    }

    fn describe(config: &Config) -> Vec<Documented> {
        vec![size(config).documented("n", "how many bytes", None).such_as("64KiB"), seed()]
    }
}

/// Which bytes, wherever there are some.
pub fn seed() -> Documented {
    let does = "which bytes: those of one seed are the same everywhere";
    Documented::new("seed", does, documented::whole(SEEDS)).or(DEFAULT_SEED)
}
