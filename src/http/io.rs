//! `GET /io`

use std::time::Duration;

use super::answer::Answer;
use super::error::Refusal;
use super::parameters::{FromQuery, Params, Query, duration, milliseconds};
use super::record::Exchange;
use super::target::Limits;
use crate::work::Work;
use crate::work::io::{Io, Mode};

/// How long a `/io` waits that does not say.
pub const DEFAULT_DELAY: Duration = Duration::from_millis(200);

/// Waits: `ms=` or `delay=`, and `mode=`.
pub async fn io(Params(wait): Params<Io>, exchange: Exchange) -> Answer {
    Answer { done: Work::Io(wait).run().await, exchange }
}

impl FromQuery for Io {
    const NAMES: &'static [&'static str] = &["ms", "delay", "mode"];

    fn from_query(query: &Query, limits: &Limits) -> Result<Self, Refusal> {
        const FLAG: &str = "--max-delay";
        let milliseconds = milliseconds(limits.delay, FLAG);
        query.not_both("ms", "delay")?;
        let named = query.ranged("ms", &milliseconds)?;
        let named = named.or(query.ranged("delay", &duration(limits.delay, FLAG))?);
        let modes = [Mode::Async, Mode::Blocking, Mode::Pool].map(|mode| (mode.name(), mode));
        let mode = query.one_of("mode", &modes)?.unwrap_or(Mode::Async);
        // The default is held to the limit too: a shorter wait would not be the documented one.
        let delay = named.map_or_else(|| milliseconds.check("ms", DEFAULT_DELAY), Ok)?;
        Ok(Self { delay, mode })
    }
}
