//! `GET /mem`

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::config::Config;
use crate::http::answer::{Answer, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, unread, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::Documented;
use crate::http::query::{FromQuery, Params, Query, bytes, milliseconds};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::work::Done;
use crate::work::memory::{Held, Hold, Unavailable};

/// What is taken when it isn't said: enough to be seen.
const DEFAULT_BYTES: u64 = 10 << 20;

/// How long it is held when that isn't said.
const DEFAULT_TIME: Duration = Duration::from_millis(100);

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/mem?bytes=10MiB&ms=100", "takes memory, holds it, gives it back")],
    describe: |spot| {
        workload::<Hold>("Takes memory, touches it, holds it, gives it back", spot.config)
            .more(unread(spot.method))
            .response("200", measured("What was held", JSON, schema(&Done::Memory(Held::default()))))
            .refuses(ALWAYS)
    },
};

/// Takes memory, touches it, holds it, gives it back: `bytes=` and `ms=`.
pub async fn mem(
    Params(hold): Params<Hold>,
    State(target): State<Target>,
    exchange: Exchange,
) -> Result<Answer, Refusal> {
    let done = hold.run(&target.memory).await.map(Done::Memory);
    Ok(Answer { done: done.map_err(|reason| unavailable(&reason, &target.config))?, exchange })
}

/// The answer to a request for memory that there isn't: 503, or 413 where there never is as much.
pub fn unavailable(reason: &Unavailable, config: &Config) -> Refusal {
    let most = config.max_mem;
    let (status, limit) = match reason {
        Unavailable::TooMuch(_) => (StatusCode::PAYLOAD_TOO_LARGE, format!("; {most} allows no more")),
        Unavailable::Held(_) => (StatusCode::SERVICE_UNAVAILABLE, format!("; {most} is for all of them")),
        Unavailable::Kernel(_) => (StatusCode::SERVICE_UNAVAILABLE, String::new()),
    };
    Refusal::new(status, format!("{reason}{limit}"))
}

impl FromQuery for Hold {
    const NAMES: &'static [&'static str] = &["bytes", "ms"];

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let memory = bytes(config.max_mem);
        let time = milliseconds(config.max_delay);
        let named = (query.ranged("bytes", &memory)?, query.ranged("ms", &time)?);
        // The defaults are held to the limits too.
        let bytes = named.0.map_or_else(|| memory.check("bytes", DEFAULT_BYTES), Ok)?;
        let time = named.1.map_or_else(|| time.check("ms", DEFAULT_TIME), Ok)?;
        Ok(Self { bytes, time })
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let memory = bytes(config.max_mem);
        let time = milliseconds(config.max_delay);
        vec![
            memory.documented("bytes", "how much is taken and touched", Some(DEFAULT_BYTES)),
            time.documented("ms", "how long it is held", Some(DEFAULT_TIME)),
        ]
    }
}
