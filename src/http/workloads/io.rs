//! `GET /io`

use std::time::Duration;

use axum::extract::State;

use crate::config::Config;
use crate::delay::Delay;
use crate::http::answer::{Answer, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, unread, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::{Documented, words};
use crate::http::query::modifiers::Draw;
use crate::http::query::{FromQuery, Params, Query, milliseconds};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::work::io::{Io, Mode, Waited};
use crate::work::{Done, Work};

/// How long a `/io` waits that does not say.
pub const DEFAULT_DELAY: Duration = Duration::from_millis(200);

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[
        ("/io?ms=200", "waits without CPU; delay=200ms, mode=async|blocking|pool"),
        (
            "/io?ms=5&status=503:20&close=10",
            "modifiers, in any workload's query: delay, status, size, header, gzip, close",
        ),
    ],
    describe: |spot| {
        workload::<Asked>("Waits without CPU; ms or delay", spot.config)
            .more(unread(spot.method))
            .response("200", measured("What was waited", JSON, schema(&Done::Io(Waited::default()))))
            .refuses(ALWAYS)
    },
};

/// Waits: `ms=` or `delay=`, and `mode=`.
pub async fn io(State(target): State<Target>, Params(asked): Params<Asked>, exchange: Exchange) -> Answer {
    let Asked { wait, mode } = asked;
    let delay = wait.of(&target, &exchange).unwrap_or(DEFAULT_DELAY);
    Answer { done: Work::Io(Io { delay, mode }).run().await, exchange }
}

/// What a query asks for.
pub struct Asked {
    wait: Wait,
    mode: Mode,
}

/// A `delay=` that is the work itself.
pub enum Wait {
    /// The same for each request.
    Always(Duration),
    /// By the request's index.
    Drawn(Delay),
}

impl Wait {
    /// How long a request waits; `None` where the delay leaves it out.
    pub fn of(self, target: &Target, exchange: &Exchange) -> Option<Duration> {
        match self {
            Self::Always(delay) => Some(delay),
            Self::Drawn(delay) => delay.keyed(Draw::Delay.seed(target, exchange)).at(exchange.index()),
        }
    }
}

impl From<Delay> for Wait {
    fn from(delay: Delay) -> Self {
        delay.always().map_or_else(|| Self::Drawn(delay), Self::Always)
    }
}

impl FromQuery for Asked {
    const NAMES: &'static [&'static str] = &["ms", "delay", "mode"];

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let milliseconds = milliseconds(config.max_delay);
        query.not_both("ms", "delay")?;
        let named = query.ranged("ms", &milliseconds)?;
        let delay = query.delay("delay", config)?;
        let mode = query.one_of("mode", &modes())?.unwrap_or(Mode::Async);
        let is_default = named.is_none() && delay.as_ref().is_none_or(|delay| !delay.is_for_all());
        if is_default {
            // It is held to the limit too: a shorter wait would not be the documented one.
            milliseconds.check("ms", DEFAULT_DELAY)?;
        }
        let wait = match delay {
            None => Wait::Always(named.unwrap_or(DEFAULT_DELAY)),
            Some(delay) => delay.into(),
        };
        Ok(Self { wait, mode })
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let milliseconds = milliseconds(config.max_delay);
        let mode = "what waits: the request alone, the worker, or a thread of its pool";
        vec![
            milliseconds.documented("ms", "how long it waits", Some(DEFAULT_DELAY)),
            Documented::delay("delay", "instead of ms; requests that it leaves out wait the default", config),
            Documented::new("mode", mode, words(&modes())).or(Mode::Async.name()),
        ]
    }
}

fn modes() -> [(&'static str, Mode); 3] {
    Mode::ALL.map(|mode| (mode.name(), mode))
}
