//! `/delay/{d}`, by any method: waits, as httpbin users expect.

use crate::config::Config;
use crate::http::answer::{Answer, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ANY_METHOD, measured, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::Documented;
use crate::http::query::{FromQuery, Params, Query, seconds};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::work::io::{Io, Mode, Waited};
use crate::work::{Done, Work};

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/delay/0.5", "waits; a plain number is seconds; any method")],
    describe: |spot| {
        workload::<Delay>("Waits, as httpbin users expect", spot.config)
            .response("200", measured("What was waited", JSON, schema(&Done::Io(Waited::default()))))
            .refuses(ANY_METHOD)
    },
};

/// Waits like `/io`; a plain number is seconds.
pub async fn delay(Params(Delay(wait)): Params<Delay>, exchange: Exchange) -> Answer {
    Answer { done: Work::Io(wait).run().await, exchange }
}

/// A wait that stands in the path.
pub struct Delay(Io);

impl FromQuery for Delay {
    const NAMES: &'static [&'static str] = &[];
    const IN_PATH: Option<&'static str> = Some("d");

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let delay = query.ranged("d", &seconds(config.max_delay))?.unwrap_or_default();
        Ok(Self(Io { delay, mode: Mode::Async }))
    }

    fn describe(config: &Config) -> Vec<Documented> {
        vec![seconds(config.max_delay).documented("d", "how long it waits", None).such_as("0.5")]
    }
}
