//! A plan as people write it, in `[[fault]]` of a profile or in `PUT /faults`, and as the orders page carries it.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::units::{Bytes, Rate};

/// One plan. Anything but `kinds` may be left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object: a plan")]
pub struct Written {
    /// What it is called; `fault 1`, `fault 2`, … by its place when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The pattern of a route; `*`, and left out, is every route that isn't exempt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// Left out: every method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// `shuffled` when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spacing: Option<String>,
    /// Drawn from the run's and the plan's name when left out. A text, where a format has no numbers so large.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "seed")]
    pub seed: Option<u64>,
    /// What happens, and how often.
    #[schema(inline, min_items = 1)]
    pub kinds: Vec<WrittenKind>,
    /// As long as the plan is there when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(inline)]
    pub window: Option<WrittenWindow>,
}

/// One kind of a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object: a kind with its rate")]
pub struct WrittenKind {
    /// Its name.
    pub kind: String,
    /// How many of all requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<f64>, minimum = 0, maximum = 1)]
    pub rate: Option<Rate>,
    /// Of `status`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i64>,
    /// Of `delay` and `drip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub delay: Option<String>,
    /// Of `truncate` and `leak`.
    #[serde(default, skip_serializing_if = "Option::is_none", with = "size")]
    #[schema(value_type = Option<u64>)]
    pub bytes: Option<Bytes>,
}

/// Either `from` and `to`, or `every` and `for`, or `after` and `count`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, expecting = "an object: a window")]
pub struct WrittenWindow {
    /// Since the plan's begin; 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Since the plan's begin; never when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// From one opening to the next.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub every: Option<String>,
    /// How long it is open.
    #[serde(default, rename = "for", skip_serializing_if = "Option::is_none")]
    pub open: Option<String>,
    /// Requests before it; 0 when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// Requests in it; all that follow when left out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u64>,
}

/// A number, or a text that holds one.
#[derive(Deserialize)]
#[serde(untagged, expecting = "a whole number from 0, or a text that holds one")]
enum Number {
    Number(u64),
    Text(String),
}

fn seed<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    match Number::deserialize(deserializer)? {
        Number::Number(number) => Ok(Some(number)),
        Number::Text(text) => text
            .parse()
            .map(Some)
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is no whole number from 0 to {}", u64::MAX))),
    }
}

mod size {
    use super::{Bytes, Number};
    use serde::Deserialize;

    #[allow(clippy::ref_option)] // the shape that serde asks for
    pub fn serialize<S: serde::Serializer>(bytes: &Option<Bytes>, serializer: S) -> Result<S::Ok, S::Error> {
        match bytes {
            Some(Bytes(bytes)) => serializer.serialize_u64(*bytes),
            None => serializer.serialize_none(),
        }
    }

    pub fn deserialize<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Bytes>, D::Error> {
        match Number::deserialize(deserializer)? {
            Number::Number(number) => Ok(Some(Bytes(number))),
            Number::Text(text) => {
                text.parse().map(Some).map_err(|error| serde::de::Error::custom(format!("{text:?} {error}")))
            }
        }
    }
}

/// Plans in force, as the orders page carries them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Faults {
    /// As understood, each with where it is counted and when it began.
    pub plans: Vec<Placed>,
    /// When all of them end (monotonic).
    pub expires_ns: Option<u64>,
    /// The place from which the next plans are counted.
    pub next_place: usize,
}

/// A plan in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placed {
    /// As understood: nothing left out that has a default.
    pub plan: Written,
    /// Where on the scoreboard its index and its counts are.
    pub place: usize,
    /// When it began (monotonic).
    pub begin_ns: u64,
}
