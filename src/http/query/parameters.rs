//! What a route reads from the query and the path of its request.

use std::borrow::Cow;
use std::ops::Range;

use super::modifiers;
use super::values::Query;
use crate::config::Config;
use crate::http::error::Refusal;
use crate::http::openapi::parameter::Documented;
use crate::http::stack::handler::Argument;
use crate::http::stack::request::{Request, open_part};
use crate::spelling::{HEXADECIMAL, broken_encoding};

/// What a route's query asks for, within the limits.
pub struct Params<T>(pub T);

/// A query that holds nothing.
pub struct Nothing;

impl FromQuery for Nothing {
    const NAMES: &'static [&'static str] = &[];

    fn from_query(_: &Query<'_>, _: &Config) -> Result<Self, Refusal> {
        Ok(Self)
    }

    fn describe(_: &Config) -> Vec<Documented> {
        Vec::new()
    }
}

/// What a route reads from its query.
pub trait FromQuery: Sized + Send {
    /// Every parameter that the route knows.
    const NAMES: &'static [&'static str];

    /// The parameter that stands in the route's path, if one does. It is read like those of the query.
    const IN_PATH: Option<&'static str> = None;

    /// Reads the values.
    ///
    /// # Errors
    /// A refusal that names the parameter, its value and what is allowed.
    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal>;

    /// Each parameter of `NAMES` and that of the path, for the API's document; no other.
    fn describe(config: &Config) -> Vec<Documented>;
}

impl<T: FromQuery> Argument for Params<T> {
    type Refusal = Refusal;

    async fn take(request: &mut Request) -> Result<Self, Refusal> {
        let Request { uri, headers, target, exchange, open_part, modifiers, .. } = request;
        let mut query = Query::parse(uri.query().unwrap_or(""), T::NAMES)?;
        if let Some(name) = T::IN_PATH {
            query.in_path = Some((name, in_path(uri.path(), name, open_part.as_ref())?));
        }
        let asked = T::from_query(&query, &target.config)?;
        if let Some(slot) = modifiers {
            let headers = headers.get();
            // In a box, so that whoever asks for no modifier has no place for them.
            Box::pin(modifiers::begin(slot, &query, T::NAMES, headers, target, exchange)).await?;
        }
        Ok(Self(asked))
    }
}

/// A parameter of the path, decoded.
fn in_path<'a>(path: &'a str, name: &str, place: Option<&Range<usize>>) -> Result<Cow<'a, str>, Refusal> {
    if let Some(place) = broken_encoding(path) {
        let sentence = format!("the path's percent-encoding is broken at {place:?}");
        return Err(Refusal::parameter(name, place, sentence, HEXADECIMAL));
    }
    open_part(path, place)
        .ok_or_else(|| Refusal::parameter(name, path, format!("{name} in {path} is not UTF-8"), "text in UTF-8"))
}
