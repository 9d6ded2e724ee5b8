//! Signed values, which a client is given by one request and has to show in others.
//!
//! The target keeps none of them: a value is a number with a signature, which follows from the number and the run's seed. So
//! every worker can check what another one has issued, also one that is dead. They are there so that a load script has to
//! correlate. They guard nothing: whoever knows the seed can make one.

use std::convert::Infallible;

use axum::http::{HeaderMap, HeaderValue, StatusCode, header};

use crate::http::error::Refusal;
use crate::http::stack::handler::Argument;
use crate::http::stack::request::{Request, open_part};
use crate::partition::hash;
use crate::profile::{Checked, Issued, Signed};

/// Digits of the number, and of the signature.
const DIGITS: usize = 16;

/// What of a request may hold signed values.
#[derive(Default)]
pub struct Shown {
    cookies: Vec<HeaderValue>,
    /// What stands in the open part of its path.
    part: Option<String>,
}

impl Argument for Shown {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        let part = open_part(request.uri.path(), request.open_part.as_ref()).map(std::borrow::Cow::into_owned);
        let cookies = request.headers.get().get_all(header::COOKIE).iter().cloned().collect();
        Ok(Self { cookies, part })
    }
}

impl Shown {
    /// The value of a cookie: the first of that name.
    fn cookie(&self, name: &str) -> Option<&str> {
        let lines = self.cookies.iter().filter_map(|line| line.to_str().ok());
        let mut cookies = lines.flat_map(|line| line.split(';')).filter_map(|pair| pair.trim().split_once('='));
        cookies.find(|(known, _)| *known == name).map(|(_, value)| value)
    }
}

/// The signed values that a request has shown or was given so far.
pub struct Known<'a> {
    shown: &'a Shown,
    seed: u64,
    /// Name, value, and where the answer has it, if it is issued.
    values: Vec<(&'a str, String, Option<Issued>)>,
}

impl<'a> Known<'a> {
    /// For a request that shows this, in a run with this seed; no value is known yet.
    pub fn new(shown: &'a Shown, seed: u64) -> Self {
        Self { shown, seed, values: Vec::new() }
    }

    /// Gives the request a value with this number.
    pub fn issue(&mut self, signed: &'a Signed<Issued>, number: u64) {
        let value = self.value(signed, number);
        self.values.push((&signed.name, value, Some(signed.carrier)));
    }

    /// Takes the value that the request shows.
    ///
    /// # Errors
    /// 401 without a cookie that was issued, 404 for a part of the path that was not.
    pub fn check(&mut self, signed: &'a Signed<Checked>) -> Result<(), Refusal> {
        let Signed { name, of, carrier } = signed;
        let shown = match carrier {
            Checked::Cookie => self.shown.cookie(name),
            Checked::Path => self.shown.part.as_deref(),
        };
        let number = shown.and_then(|shown| u64::from_str_radix(shown.get(..DIGITS)?, 16).ok());
        let expected = number.map(|number| self.value(signed, number));
        if let Some(value) = expected.filter(|value| Some(value.as_str()) == shown) {
            self.values.push((name, value, None));
            return Ok(());
        }
        let whose = of.as_ref().map_or_else(String::new, |of| format!(" of this {of}"));
        Err(match carrier {
            Checked::Cookie => {
                let needs =
                    format!("this route needs the cookie {name}{whose}, as another route of this target sets it");
                let challenge = Some(format!("Cookie cookie-name=\"{name}\""));
                Refusal { challenge, ..Refusal::new(StatusCode::UNAUTHORIZED, needs) }
            }
            Checked::Path => Refusal::new(
                StatusCode::NOT_FOUND,
                format!(
                    "there is no such {name}{whose}; its path holds one that another route of this target has named"
                ),
            ),
        })
    }

    /// The value with this number. Its signature covers the value that it is of, too: a cart is good for one session only.
    fn value<Carrier>(&self, signed: &Signed<Carrier>, number: u64) -> String {
        let Signed { name, of, carrier: _ } = signed;
        // The profile was checked for it: what it is of comes before it.
        let of = of.iter().filter_map(|of| self.values.iter().find(|(known, ..)| known == of));
        let of = of.flat_map(|(_, value, _)| value.bytes());
        let key = name.bytes().chain(of).fold(self.seed, |key, byte| hash(key, byte.into()));
        format!("{number:0DIGITS$x}{:0DIGITS$x}", hash(key, number))
    }

    /// Sets the cookies that were issued.
    pub fn set_cookies(&self, headers: &mut HeaderMap) {
        let issued = self.issued(Issued::Cookie);
        for (name, value) in issued {
            let cookie = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax");
            // Letters and digits always become a header.
            if let Ok(cookie) = HeaderValue::from_str(&cookie) {
                headers.append(header::SET_COOKIE, cookie);
            }
        }
    }

    /// Names and values that were issued in this carrier.
    pub fn issued(&self, carrier: Issued) -> impl Iterator<Item = (&str, &str)> {
        let issued = self.values.iter().filter(move |(_, _, issued)| *issued == Some(carrier));
        issued.map(|(name, value, _)| (*name, value.as_str()))
    }
}
