//! A parameter of a route, as the API's document has it. What it may be comes from the constants that it is parsed by.

use std::borrow::Cow;
use std::fmt::Display;
use std::ops::RangeInclusive;
use std::time::Duration;

use serde_json::{Value, json};
use utoipa::openapi::extensions::ExtensionsBuilder;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::{ObjectBuilder, Required, Type};

use crate::config::Config;
use crate::limit::Limit;
use crate::units::{Bytes, Spelled, duration_pattern, plain_up_to};

/// Decimals of a plain number.
const PLACES: u32 = 6;

/// A percentage, as a regular expression.
pub const PERCENT_PATTERN: &str = "(?:100|[0-9]{1,2}(?:\\.[0-9]{1,7})?)";

/// One parameter.
pub struct Documented {
    /// As it is given.
    pub name: Cow<'static, str>,
    /// A sentence without its end.
    pub does: String,
    /// What it may be.
    pub schema: ObjectBuilder,
    /// What it is when it is left out, as text.
    pub default: Option<String>,
    /// The largest value, spelled, and what sets it.
    pub limit: Option<Limit<String>>,
    /// Whether it can't be left out.
    pub is_needed: bool,
    /// A value to try it with.
    pub example: Option<&'static str>,
}

impl Documented {
    /// One that no flag limits.
    #[must_use]
    pub fn new(name: impl Into<Cow<'static, str>>, does: impl Into<String>, schema: ObjectBuilder) -> Self {
        Self {
            name: name.into(),
            does: does.into(),
            schema,
            default: None,
            limit: None,
            is_needed: false,
            example: None,
        }
    }

    /// What it is when it is left out.
    #[must_use]
    pub fn or(mut self, default: impl Display) -> Self {
        self.default = Some(default.to_string());
        self
    }

    /// A value to try it with: one that it takes within the usual limits.
    #[must_use]
    pub fn such_as(self, example: &'static str) -> Self {
        Self { example: Some(example), ..self }
    }

    /// In a path it always stands; elsewhere it may be left out.
    #[must_use]
    pub fn build(self, place: ParameterIn) -> Parameter {
        let Self { name, does, schema, default, limit, is_needed, example } = self;
        let mut schema = schema.build();
        let is_integer = schema.schema_type == SchemaType::Type(Type::Integer);
        let number = |text: &String| text.parse::<u64>().ok().filter(|_| is_integer).map(Value::from);
        schema.default = default.map(|text| number(&text).unwrap_or_else(|| text.into()));
        schema.examples = example.into_iter().map(Value::from).collect();
        if let Some(limit) = limit {
            schema.extensions = Some(
                ExtensionsBuilder::new().add("x-limit", json!({"most": limit.most, "flag": limit.flag()})).build(),
            );
        }
        let is_needed = is_needed || place == ParameterIn::Path;
        ParameterBuilder::new()
            .name(name)
            .parameter_in(place)
            .required(if is_needed { Required::True } else { Required::False })
            .description(Some(does))
            .schema(Some(Schema::Object(schema)))
            .build()
    }
}

/// A text that fits a pattern.
#[must_use]
pub fn text(pattern: &str) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).pattern(Some(pattern))
}

/// Plain milliseconds.
#[must_use]
pub fn milliseconds(most: Duration) -> ObjectBuilder {
    let most = u64::try_from(most.as_nanos()).unwrap_or(u64::MAX);
    text(&plain_up_to(most, PLACES))
}

/// With a unit.
#[must_use]
pub fn duration(most: Duration) -> ObjectBuilder {
    text(&duration_pattern(most, None))
}

/// With a unit, or seconds.
#[must_use]
pub fn seconds(most: Duration) -> ObjectBuilder {
    text(&duration_pattern(most, Some(1_000_000_000)))
}

/// With or without a unit.
#[must_use]
pub fn bytes(most: u64) -> ObjectBuilder {
    text(&Bytes(most).pattern())
}

/// A whole number in a range.
#[must_use]
pub fn whole(range: RangeInclusive<u64>) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::Integer).minimum(Some(*range.start())).maximum(Some(*range.end()))
}

/// One of a few words.
#[must_use]
pub fn words<T>(words: &[(&str, T)]) -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String).enum_values(Some(words.iter().map(|(word, _)| *word)))
}

impl Documented {
    /// In the grammar of delays. Whether a distribution can be drawn from, and whether percentages add up to more than
    /// 100, no pattern says: what is refused then is a 400 like any other.
    #[must_use]
    pub fn delay(name: &'static str, does: &str, config: &Config) -> Self {
        let duration = duration_pattern(config.max_delay.most, None);
        let duration = duration.trim_start_matches('^').trim_end_matches('$');
        let schema =
            text(&format!("^(?:{duration}(?::{PERCENT_PATTERN})?|.+,.+|[a-z]+\\(.+\\)(?::{PERCENT_PATTERN})?)$"));
        let limit = config.max_delay.map(|most| Spelled(most).to_string());
        let does = format!(
            "{does}: item[,item…], item = (duration | distribution(…))[:percent], such as 20ms, 10ms:20,1s:0.5 or \
             lognormal(p50=20ms,p99=200ms):5; 0 to {}; {} is the limit",
            limit.most,
            limit.flag()
        );
        Self { limit: Some(limit), ..Self::new(name, does, schema).such_as("lognormal(p50=20ms,p99=200ms)") }
    }
}
