//! Modifiers, in the query of every workload: fortio's `delay=`, `status=`, `size=`, `header=`, `gzip=`, `close=`.
//!
//! ```text
//! parameters → index → delay waits → work → status → size → header → gzip → close
//! ```
//!
//! The route makes a [`Slot`] for a request whose query may hold modifiers. [`begin`] runs where the parameters are
//! read: once they are all in order it decides what the request gets, waits, and says so in the slot. [`modify`] does
//! the rest to the response. What is refused is left as it is.

mod gzip;

use std::time::Duration;

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode, header};

use super::decided::{Decided, Slot};
use super::values::{self, Query};
use super::{HEADER, MODIFIERS};
use crate::config::Config;
use crate::delay::Delay;
use crate::http::error::Refusal;
use crate::http::openapi::parameter::{Documented, PERCENT_PATTERN, text};
use crate::http::response::{BINARY, put, required_headers, sized};
use crate::http::stack::handler::Answering;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::mistake::Mistake;
use crate::partition::hash;
use crate::profile::{OURS, is_bodiless};
use crate::shares::{PERCENT, Shares};
use crate::units::{Rate, UnitError};
use crate::work::io::{Io, Mode};
use crate::work::payload::{DEFAULT_SEED, Payload};

/// Headers that keep a browser from running what `/echo` gives back, and the one that `gzip=` writes. A profile sets them
/// for its own routes.
const GUARDED: [&str; 3] = ["content-security-policy", "vary", "x-content-type-options"];

/// What draws by a route's index: each by a key of its own, so that it hits other requests than the others do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    /// `delay=`
    Delay = 1,
    /// `status=`
    Status = 2,
    /// `size=`
    Size = 3,
    /// `gzip=`
    Gzip = 4,
    /// `close=`
    Close = 5,
    /// The codes in the path of `/status`.
    Codes = 6,
}

impl Draw {
    /// The seed of its partition: by the run's and the route.
    #[must_use]
    pub fn seed(self, target: &Target, exchange: &Exchange) -> u64 {
        hash(hash(target.config.seed, self as u64), exchange.route() as u64)
    }
}

/// The modifiers of a workload, for the API's document, but for those that its route has a meaning of its own for.
#[must_use]
pub fn describe(own: &[Documented], config: &Config) -> Vec<Documented> {
    let percent = format!("(?::{PERCENT_PATTERN})?");
    let list = |item: &str| text(&format!("^(?:(?:{item}){percent}|.+,.+)$"));
    let switch = || text(&format!("^(?:true|false|{PERCENT_PATTERN})$"));
    let most = config.max_bytes.most;
    let size = most.pattern();
    let size = size.trim_start_matches('^').trim_end_matches('$');
    let share = "for all requests or a percentage of them, as in 503:20,404:10";
    let all = [
        Documented::delay("delay", "Waits before the work", config),
        Documented::new("status", format!("Replaces the status, {share}"), list("[2-5][0-9]{2}"))
            .such_as("503:20,429:10"),
        Documented {
            limit: Some(values::size(config).limit()),
            ..Documented::new("size", format!("Replaces the body by so many bytes, {share}"), list(size))
                .such_as("1KiB")
        },
        Documented::new(HEADER, "Sets a header: Name:value. May be repeated", text("^[A-Za-z0-9-]+:[ -~]*$"))
            .such_as("X-Test:yes"),
        Documented::new("gzip", "Compresses, where the client accepts it; or a percentage", switch())
            .such_as("true"),
        Documented::new("close", "Ends the connection after the answer; or a percentage", switch()).such_as("10"),
    ];
    all.into_iter().filter(|one| own.iter().all(|other| other.name != one.name)).collect()
}

/// Whether a query may hold a modifier. What is percent-encoded may be anything.
#[must_use]
pub fn may_be_in(query: &str) -> bool {
    let name = |pair: &str| pair.split_once('=').map_or(pair.len(), |(name, _)| name.len());
    query.split('&').map(|pair| &pair[..name(pair)]).any(|name| name.contains('%') || MODIFIERS.contains(&name))
}

/// Modifies the response in the making, as is decided meanwhile.
pub fn modify(slot: Slot, exchange: Exchange, answering: Answering) -> Answering {
    Box::pin(async move {
        let response = answering.await;
        match slot.0.get() {
            // What was refused has spent nothing.
            Some(decided) if exchange.has_spent() => decided.modify(response).await,
            _ => response,
        }
    })
}

/// Reads the modifiers of a route whose own parameters are these, decides, and waits. `own` are those that the route
/// has a meaning of its own for.
///
/// # Errors
/// A refusal that names the modifier, its value and what is allowed.
pub async fn begin(
    slot: &Slot,
    query: &Query<'_>,
    own: &[&str],
    headers: &mut HeaderMap,
    target: &Target,
    exchange: &Exchange,
) -> Result<(), Refusal> {
    let asked = Asked::read(query, own, &target.config)?;
    let (delay, mut decided) = asked.decide(target, exchange, headers);
    if decided.status.is_some() || decided.size.is_some() {
        // A part of another body, or a condition on it, would mean nothing.
        for name in [header::RANGE, header::IF_RANGE, header::IF_MATCH, header::IF_NONE_MATCH] {
            headers.remove(name);
        }
    }
    if let Some(delay) = delay {
        let begun_ns = exchange.service_ns();
        Io { delay, mode: Mode::Async }.run().await;
        decided.waited_ns = exchange.service_ns().saturating_sub(begun_ns);
    }
    // The slot is this request's, which is decided once.
    let _ = slot.0.set(decided);
    Ok(())
}

/// What a query asks for.
struct Asked {
    delay: Option<Delay>,
    status: Option<Shares<StatusCode>>,
    size: Option<Shares<u64>>,
    headers: Vec<(HeaderName, HeaderValue)>,
    gzip: Option<Shares<()>>,
    close: Option<Shares<()>>,
}

impl Asked {
    fn read(query: &Query<'_>, own: &[&str], config: &Config) -> Result<Self, Refusal> {
        let size = values::size(config);
        Ok(Self {
            delay: if own.contains(&"delay") { None } else { query.delay("delay", config)? },
            status: query.shares("status", status)?,
            size: query.shares("size", |text| size.read(text))?,
            headers: query.all(HEADER).map(read_header).collect::<Result<_, _>>()?,
            gzip: query.switch("gzip")?,
            close: query.switch("close")?,
        })
    }

    fn decide(self, target: &Target, exchange: &Exchange, headers: &HeaderMap) -> (Option<Duration>, Decided) {
        let Self { delay, status, size, headers: added, gzip, close } = self;
        let draw = Drawing { target, exchange };
        let delay = delay.and_then(|delay| match delay.always() {
            Some(delay) => Some(delay),
            None => delay.keyed(Draw::Delay.seed(target, exchange)).at(exchange.index()),
        });
        let gzip = draw.of(Draw::Gzip, gzip).map(|()| {
            let accepted = headers.get_all(header::ACCEPT_ENCODING).iter();
            accepted.map(|value| (header::ACCEPT_ENCODING, value.clone())).collect()
        });
        let decided = Decided {
            waited_ns: 0,
            status: draw.of(Draw::Status, status),
            size: draw.of(Draw::Size, size),
            headers: added,
            gzip,
            close: draw.of(Draw::Close, close).is_some(),
        };
        (delay, decided)
    }
}

/// A request that draws.
struct Drawing<'a> {
    target: &'a Target,
    exchange: &'a Exchange,
}

impl Drawing<'_> {
    /// The value that it gets. What is the same for all draws no index.
    fn of<T: Copy>(&self, draw: Draw, shares: Option<Shares<T>>) -> Option<T> {
        let Self { target, exchange } = self;
        let shares = shares?;
        match shares.always() {
            Some(value) => Some(*value),
            None => shares.keyed(draw.seed(target, exchange)).at(exchange.index()).copied(),
        }
    }
}

impl Query<'_> {
    /// Values with percentages.
    fn shares<T>(
        &self,
        name: &str,
        read: impl Fn(&str) -> Result<T, Mistake>,
    ) -> Result<Option<Shares<T>>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        Shares::parse(text, 0, read).map(Some).map_err(|mistake| Refusal::mistake(name, text, mistake))
    }

    /// `true`, `false`, or a percentage of the requests.
    fn switch(&self, name: &str) -> Result<Option<Shares<()>>, Refusal> {
        let Some(text) = self.get(name) else { return Ok(None) };
        let rate = match text {
            "true" => Ok(Rate::ONE),
            "false" => return Ok(None),
            share => Rate::from_percent(share),
        };
        let refuse = |UnitError { wrong, .. }| {
            let sentence = format!("{name}={text} is neither true nor false, and as a percentage it {wrong}");
            Refusal::parameter(name, text, sentence, format!("true, false or {PERCENT}"))
        };
        rate.map(|rate| Some(Shares::of((), rate))).map_err(refuse)
    }
}

fn status(text: &str) -> Result<StatusCode, Mistake> {
    let refuse = || Mistake::part(text, "is not a status from 200 to 599", "a status from 200 to 599");
    values::status(text).ok_or_else(refuse)
}

/// `Name:value`
fn read_header(text: &str) -> Result<(HeaderName, HeaderValue), Refusal> {
    const ALLOWED: &str = "Name:value, such as X-Tenant:42";
    let refuse = |why: String, allowed: String| {
        Err(Refusal::parameter(HEADER, text, format!("{HEADER}={} {why}", text.escape_debug()), allowed))
    };
    let Some((name, value)) = text.split_once(':') else {
        return refuse("has no colon between name and value".to_owned(), ALLOWED.to_owned());
    };
    let Ok(known) = HeaderName::from_bytes(name.as_bytes()) else {
        return refuse(format!("names no header: {name:?}"), ALLOWED.to_owned());
    };
    if OURS.iter().chain(&GUARDED).any(|ours| known == *ours) {
        let why = format!("can't be set: {known} is the target's own to write");
        return refuse(why, format!("any name but {}", [&OURS[..], &GUARDED].concat().join(", ")));
    }
    let value = value.trim_matches(' ');
    let is_plain = value.bytes().all(|byte| matches!(byte, b' '..=b'~'));
    match HeaderValue::from_str(value) {
        Ok(value) if is_plain => Ok((known, value)),
        _ => refuse("has a value that is not printable ASCII on one line".to_owned(), ALLOWED.to_owned()),
    }
}

impl Decided {
    async fn modify(&self, mut response: Response<Body>) -> Response<Body> {
        let Self { waited_ns: _, status, size, headers, gzip, close } = self;
        if let Some(status) = status {
            set_status(&mut response, *status);
        }
        if let Some(size) = size
            && !is_bodiless(response.status())
        {
            set_body(&mut response, sized(Payload::new(DEFAULT_SEED, *size)), BINARY);
        }
        put(response.headers_mut(), headers);
        if let Some(accepted) = gzip {
            response = gzip::compress(response, accepted).await;
        }
        if *close {
            response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        response
    }
}

fn set_status(response: &mut Response<Body>, status: StatusCode) {
    *response.status_mut() = status;
    let headers = response.headers_mut();
    if let Some((name, value)) = required_headers(status) {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if is_bodiless(status) {
        headers.remove(header::CONTENT_TYPE);
        describe_no_more(headers);
        *response.body_mut() = Body::empty();
    }
}

fn set_body(response: &mut Response<Body>, body: Body, kind: HeaderValue) {
    let headers = response.headers_mut();
    describe_no_more(headers);
    headers.insert(header::CONTENT_TYPE, kind);
    *response.body_mut() = body;
}

/// What the work said of its body is not true of another.
fn describe_no_more(headers: &mut HeaderMap) {
    for name in [header::CONTENT_LENGTH, header::CONTENT_RANGE, header::ACCEPT_RANGES, header::ETAG] {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_query_without_modifiers_is_known_at_a_glance() {
        for query in ["delay=1s", "ms=1&status=503", "gzip", "%64elay=1s", "x&header=a:b"] {
            assert!(may_be_in(query), "{query}");
        }
        for query in ["", "ms=1", "iterations=5&on=pool", "mode=delay", "delays=1s", "bytes=%31", "Delay=1s"] {
            assert!(!may_be_in(query), "{query}");
        }
    }
}
