//! `/status/{code[:weight],…}`, by any method: a status, as httpbin users expect.

use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::Response;
use bytes::Bytes;
use utoipa::openapi::{ObjectBuilder, Type};

use crate::config::Config;
use crate::http::answer::Spent;
use crate::http::error::Refusal;
use crate::http::openapi::describing::{any_status, stamped, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::{Documented, text};
use crate::http::query::modifiers::Draw;
use crate::http::query::{self, FromQuery, Params, Query, millionths};
use crate::http::response::required_headers;
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::partition::{Partition, Spacing};
use crate::profile::is_bodiless;
use crate::units::Rate;

/// Codes that one list may hold.
const MOST: usize = 16;

/// The largest weight, in millionths.
const HEAVIEST: u64 = 1_000_000_000 * MILLION;

const MILLION: u64 = 1_000_000;

/// The least of the statuses that can be asked for.
const LEAST: u16 = 200;

/// The bodies of all of them, up to 599.
static BODIES: [[u8; 15]; 400] = {
    let mut bodies = [*b"{\"status\":200}\n"; 400];
    let mut number = 0;
    while number < bodies.len() {
        let (hundreds, tens, ones) = (2 + number / 100, number / 10 % 10, number % 10);
        // Where 200 stands.
        bodies[number][10] = DIGITS[hundreds];
        bodies[number][11] = DIGITS[tens];
        bodies[number][12] = DIGITS[ones];
        number += 1;
    }
    bodies
};

const DIGITS: &[u8; 10] = b"0123456789";

/// What is allowed, as a phrase.
const ALLOWED: &str = "a status from 200 to 599, or up to 16 with weights, such as 200:0.9,503:0.1";

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/status/200", "a status, or several by weight: 200:0.9,503:0.1; any method")],
    describe: |spot| {
        let number = ObjectBuilder::new().schema_type(Type::Integer);
        let said = ObjectBuilder::new().property("status", number).required("status");
        let described = workload::<Codes>("A status, or several by weight", spot.config);
        let described = any_status(described, JSON, &said.into());
        ["204", "205", "304"]
            .into_iter()
            .fold(described, |described, code| described.response(code, stamped("No body")))
    },
};

/// One of the codes. Each gets its share of the route's requests, exactly, when all carry the same list.
pub async fn status(State(target): State<Target>, Params(codes): Params<Codes>, exchange: Exchange) -> Response {
    let code = codes.at(|| Draw::Codes.seed(&target, &exchange), || exchange.index());
    exchange.spent(Spent::default());
    answer(code)
}

fn answer(code: StatusCode) -> Response {
    let mut response = Response::default();
    *response.status_mut() = code;
    if !is_bodiless(code) {
        let body = BODIES.get(usize::from(code.as_u16().wrapping_sub(LEAST))).map_or(&[][..], |body| &body[..]);
        *response.body_mut() = Bytes::from_static(body).into();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    if let Some((name, value)) = required_headers(code) {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// What a request may be answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Codes {
    /// Always this.
    One(StatusCode),
    /// One of several, with their weights in millionths.
    Weighted(Vec<(StatusCode, u64)>),
}

impl Codes {
    fn of(codes: Vec<(StatusCode, u64)>) -> Self {
        if let [(code, _)] = codes[..] { Self::One(code) } else { Self::Weighted(codes) }
    }

    /// The code that an index gets; one alone needs none.
    fn at(&self, seed: impl FnOnce() -> u64, draw: impl FnOnce() -> u64) -> StatusCode {
        let codes = match self {
            Self::One(code) => return *code,
            Self::Weighted(codes) => codes,
        };
        let kind = partition(codes, seed()).and_then(|partition| partition.kind_at(draw()));
        // What rounding leaves over is the last one's that has a weight.
        let last = codes.iter().rposition(|&(_, weight)| weight > 0).unwrap_or(0);
        codes[kind.unwrap_or(last)].0
    }
}

fn partition(codes: &[(StatusCode, u64)], seed: u64) -> Option<Partition> {
    /// Parts in a rate of 1.
    const WHOLE: u128 = 1_000_000_000;
    let sum: u128 = codes.iter().map(|&(_, weight)| u128::from(weight)).sum();
    let share = |weight: u64| u64::try_from(u128::from(weight) * WHOLE / sum).ok().and_then(Rate::from_parts);
    let rates: Option<Vec<Rate>> = codes.iter().map(|&(_, weight)| share(weight)).collect();
    Partition::new(Spacing::Shuffled, seed, &rates?).ok()
}

impl FromQuery for Codes {
    const NAMES: &'static [&'static str] = &[];
    const IN_PATH: Option<&'static str> = Some("codes");

    fn from_query(query: &Query<'_>, _: &Config) -> Result<Self, Refusal> {
        let text = query.get("codes").unwrap_or("");
        // Most ask for one, which needs no list.
        if let Some(code) = query::status(text) {
            return Ok(Self::One(code));
        }
        let refuse = |why: String| Refusal::parameter("codes", text, format!("codes={text}: {why}"), ALLOWED);
        let codes: Vec<_> = text.split(',').map(item).collect::<Result<_, _>>().map_err(refuse)?;
        if codes.len() > MOST {
            return Err(refuse(format!("these are {} codes", codes.len())));
        }
        if codes.iter().all(|&(_, weight)| weight == 0) {
            return Err(refuse("one weight must be above 0".to_owned()));
        }
        Ok(Self::of(codes))
    }

    fn describe(_: &Config) -> Vec<Documented> {
        // A weight of 0 is taken too, beside one that is above; no pattern of a bearable length says so.
        const ITEM: &str = "[2-5][0-9]{2}(?::[1-9][0-9]{0,8}(?:\\.[0-9]{1,6})?)?";
        let pattern = format!("^{ITEM}(?:,{ITEM}){{0,{}}}$", MOST - 1);
        let does = format!("{ALLOWED}; each gets its share of the route's requests, exactly");
        vec![Documented::new("codes", does, text(&pattern)).such_as("200:0.9,503:0.1")]
    }
}

/// `code` or `code:weight`.
fn item(text: &str) -> Result<(StatusCode, u64), String> {
    let (code, weight) = text.split_once(':').map_or((text, None), |(code, weight)| (code, Some(weight)));
    let known = query::status(code).ok_or_else(|| format!("{code:?} is not a status from 200 to 599"))?;
    let Some(weight) = weight else { return Ok((known, MILLION)) };
    let weight = millionths(weight)
        .filter(|&weight| weight <= HEAVIEST)
        .ok_or_else(|| format!("the weight {weight:?} is not a number from 0 to 10⁹ with up to six decimals"))?;
    Ok((known, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(codes: &Codes, requests: u64) -> Vec<usize> {
        let drawn: Vec<StatusCode> = (0..requests).map(|index| codes.at(|| 7, || index)).collect();
        let known = match codes {
            Codes::One(code) => vec![(*code, 1)],
            Codes::Weighted(codes) => codes.clone(),
        };
        known.iter().map(|&(code, _)| drawn.iter().filter(|&&one| one == code).count()).collect()
    }

    fn codes(text: &str) -> Codes {
        Codes::of(text.split(',').map(|text| item(text).unwrap()).collect())
    }

    #[test]
    fn each_body_says_its_own_status() {
        for (code, body) in (LEAST..).zip(&BODIES) {
            assert_eq!(body, format!("{{\"status\":{code}}}\n").as_bytes());
        }
        assert_eq!(usize::from(LEAST) + BODIES.len(), 600);
    }

    #[test]
    fn each_code_gets_its_share_of_every_ten_thousand() {
        for (text, shares) in [
            ("200", &[10_000][..]),
            ("200:7", &[10_000]),
            ("200,503", &[5_000, 5_000]),
            ("200:0.9,503:0.1", &[9_000, 1_000]),
            ("200:90,503:9,404:1", &[9_000, 900, 100]),
            ("200:1,404:1,503:1", &[3_333, 3_333, 3_334]),
            ("200:0,503:3", &[0, 10_000]),
            ("503:3,200:0", &[10_000, 0]),
            ("200:1,404:1,503:1,500:0", &[3_333, 3_333, 3_334, 0]),
            // Of what can't be shared out evenly, nobody's share is off by more than one for each other code.
            ("200:999999999,503:1", &[9_999, 1]),
        ] {
            assert_eq!(counts(&codes(text), 10_000), shares, "{text}");
        }
    }
}
