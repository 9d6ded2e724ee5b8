//! `GET /cpu`

use crate::config::Config;
use crate::http::answer::{Answer, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, unread, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::{Documented, words};
use crate::http::query::{FromQuery, Params, Query, milliseconds, whole};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::work::cpu::{Amount, Computed, Cpu, DEFAULT_ITERATIONS, Place, iterations_within};
use crate::work::{Done, Work};

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[
        ("/cpu?iterations=1000000", "exact work, with a checksum; on=loop|pool"),
        ("/cpu?ms=10", "computes until the thread has used this much CPU"),
    ],
    describe: |spot| {
        let more = "A chain of integer operations whose checksum is the same on every machine.";
        workload::<Cpu>("Computes: iterations or ms", spot.config)
            .more(&format!("{more} {}", unread(spot.method)))
            .response("200", measured("What was computed", JSON, schema(&Done::Cpu(Computed::default()))))
            .refuses(ALWAYS)
    },
};

/// Computes: `iterations=` or `ms=`, and `on=`.
pub async fn cpu(Params(computation): Params<Cpu>, exchange: Exchange) -> Answer {
    Answer { done: Work::Cpu(computation).run().await, exchange }
}

impl FromQuery for Cpu {
    const NAMES: &'static [&'static str] = &["iterations", "ms", "on"];

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let iterations = whole(config.max_cpu.map(iterations_within));
        query.not_both("iterations", "ms")?;
        let count = query.ranged("iterations", &iterations)?;
        let time = query.ranged("ms", &milliseconds(config.max_cpu))?;
        let place = query.one_of("on", &places())?.unwrap_or(Place::Loop);
        let amount = match (time, count) {
            (Some(time), _) => Amount::Time(time),
            (None, Some(count)) => Amount::Iterations(count),
            (None, None) => Amount::Iterations(iterations.check("iterations", DEFAULT_ITERATIONS)?),
        };
        Ok(Self { amount, place })
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let iterations = whole(config.max_cpu.map(iterations_within));
        let time = milliseconds(config.max_cpu);
        vec![
            iterations.documented("iterations", "how much it computes, exactly", Some(DEFAULT_ITERATIONS)),
            time.documented("ms", "instead of iterations: until the thread has used so much CPU time", None)
                .such_as("10"),
            Documented::new("on", "the worker's loop, or a thread of its pool", words(&places()))
                .or(Place::ALL[0].name()),
        ]
    }
}

fn places() -> [(&'static str, Place); 2] {
    Place::ALL.map(|place| (place.name(), place))
}
