//! `GET /headers` and `/anything`: what a client has sent, in httpbin's shape.

use std::collections::BTreeMap;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header};
use axum::response::Response;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http_body_util::BodyExt;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::echo::HARMLESS;
use crate::http::answer::Spent;
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, ANY_METHOD, WORK, measured};
use crate::http::openapi::operation::{Described, JSON, shape};
use crate::http::openapi::parameter::{Documented, text as pattern};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::units::Bytes;

/// The largest body that is shown: it is held in memory, and again as JSON.
pub const SHOWN: usize = 1 << 20;

/// The answer of `/headers`.
#[derive(Serialize, ToSchema)]
pub struct Headers {
    /// By name, as in `User-Agent`.
    headers: BTreeMap<String, String>,
}

/// The answer of `/anything`.
#[derive(Serialize, ToSchema)]
pub struct Anything {
    /// The query's pairs; several of one name are a list.
    #[schema(value_type = Object)]
    args: Map<String, Value>,
    /// The body, unless it is a form; as a data URL where it is no text.
    data: String,
    /// Always empty: a multipart body stands in `data` as it came.
    #[schema(value_type = Object)]
    files: Map<String, Value>,
    /// The pairs of a form's body.
    #[schema(value_type = Object)]
    form: Map<String, Value>,
    /// As in `/headers`.
    headers: BTreeMap<String, String>,
    /// The body, where it is JSON.
    json: Option<Value>,
    /// The request's method.
    method: String,
    /// The address that the connection comes from; none over a unix socket.
    origin: Option<String>,
    /// The target of the request, after the Host that was named.
    url: String,
}

/// `GET /headers`
pub const HEADERS: Description = Description {
    offers: &[],
    describe: |_| {
        let says = "By name; those of one name joined with a comma";
        Described::new("The headers that were sent, as httpbin has it")
            .tag(WORK)
            .response("200", measured(says, JSON, shape::<Headers>()))
            .refuses(ALWAYS)
    },
};

/// `/anything`
pub const ANYTHING: Description = Description {
    offers: &[("/anything", "shows what you sent, by any method; /headers shows the headers")],
    describe: |spot| {
        let is_there = spot.path.ends_with("{rest}");
        let rest = is_there.then(|| Documented::new("rest", "any text", pattern("^.+$")).such_as("some/path"));
        Described::new("All that was sent, as httpbin has it")
            .tag(WORK)
            .more(&format!("A body over {} is 413.", Bytes(SHOWN as u64)))
            .takes(rest.into_iter().collect(), Some("rest"))
            .reads_bytes()
            .response("200", measured("Method, target, headers and body", JSON, shape::<Anything>()))
            .refuses(ANY_METHOD)
    },
};

/// The headers alone.
pub async fn headers(headers: HeaderMap, exchange: Exchange) -> Response {
    shown(&Headers { headers: named(&headers) }, &exchange)
}

/// Everything.
///
/// # Errors
/// 413 for a body that is too large to be shown.
pub async fn anything(
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
    exchange: Exchange,
) -> Result<Response, Refusal> {
    let body = read(body).await?;
    let is_form = headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/x-www-form-urlencoded"));
    let host = headers.get(header::HOST).filter(|_| uri.scheme().is_none());
    let host = host.map_or_else(String::new, |host| format!("http://{}", latin_1(host)));
    let answer = Anything {
        args: pairs(uri.query().unwrap_or("").as_bytes()),
        form: pairs(if is_form { &body } else { b"" }),
        json: serde_json::from_slice(&body).ok(),
        data: if is_form { String::new() } else { text(body) },
        files: Map::new(),
        headers: named(&headers),
        method: method.to_string(),
        origin: exchange.peer().map(|peer| peer.ip().to_canonical().to_string()),
        url: format!("{host}{uri}"),
    };
    Ok(shown(&answer, &exchange))
}

async fn read(mut body: Body) -> Result<Vec<u8>, Refusal> {
    let mut read = Vec::new();
    // One that breaks is refused, and this given up: see `unread`.
    while let Some(Ok(frame)) = body.frame().await {
        read.extend_from_slice(frame.data_ref().map_or(&[][..], |data| data));
        if read.len() > SHOWN {
            let sentence =
                format!("a body over {SHOWN} bytes is not shown here; /upload and /echo take up to --max-body");
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, sentence));
        }
    }
    Ok(read)
}

fn shown(answer: &impl Serialize, exchange: &Exchange) -> Response {
    // Texts always become JSON.
    let body = serde_json::to_string_pretty(answer).unwrap_or_default() + "\n";
    let mut response = Response::new(Body::from(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    headers.extend(HARMLESS);
    exchange.spent(Spent::default());
    response
}

/// By name in the usual case, those of one name joined with a comma: what HTTP takes for the same.
fn named(headers: &HeaderMap) -> BTreeMap<String, String> {
    let of_name = |name: &header::HeaderName| {
        let values: Vec<String> = headers.get_all(name).iter().map(latin_1).collect();
        (title_case(name.as_str()), values.join(","))
    };
    headers.keys().map(of_name).collect()
}

fn title_case(name: &str) -> String {
    let word = |word: &str| {
        let (first, rest) = word.split_at(word.len().min(1));
        first.to_ascii_uppercase() + rest
    };
    name.split('-').map(word).collect::<Vec<_>>().join("-")
}

/// Each byte as the character of its number, as httpbin has it: no value is lost.
fn latin_1(value: &HeaderValue) -> String {
    value.as_bytes().iter().copied().map(char::from).collect()
}

fn pairs(encoded: &[u8]) -> Map<String, Value> {
    let mut pairs = Map::new();
    for (name, value) in form_urlencoded::parse(encoded) {
        let value = Value::from(value.into_owned());
        match pairs.get_mut(&*name) {
            None => _ = pairs.insert(name.into_owned(), value),
            Some(Value::Array(several)) => several.push(value),
            Some(first) => *first = Value::from(vec![first.take(), value]),
        }
    }
    pairs
}

fn text(body: Vec<u8>) -> String {
    let encoded = |bytes: &[u8]| format!("data:application/octet-stream;base64,{}", STANDARD.encode(bytes));
    String::from_utf8(body).unwrap_or_else(|error| encoded(error.as_bytes()))
}
