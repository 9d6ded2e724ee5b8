//! `GET /cpu`

use super::answer::Answer;
use super::error::Refusal;
use super::openapi::parameter::{Describe, Documented, words};
use super::parameters::{FromQuery, Params, Query, milliseconds, whole};
use super::record::Exchange;
use super::target::Limits;
use crate::work::Work;
use crate::work::cpu::{Amount, Cpu, DEFAULT_ITERATIONS, Place, iterations_within};

const FLAG: &str = "--max-cpu";

/// Computes: `iterations=` or `ms=`, and `on=`.
pub async fn cpu(Params(computation): Params<Cpu>, exchange: Exchange) -> Answer {
    Answer { done: Work::Cpu(computation).run().await, exchange }
}

impl FromQuery for Cpu {
    const NAMES: &'static [&'static str] = &["iterations", "ms", "on"];

    fn from_query(query: &Query<'_>, limits: &Limits) -> Result<Self, Refusal> {
        let iterations = whole(iterations_within(limits.cpu), FLAG);
        query.not_both("iterations", "ms")?;
        let count = query.ranged("iterations", &iterations)?;
        let time = query.ranged("ms", &milliseconds(limits.cpu, FLAG))?;
        let place = query.one_of("on", &places())?.unwrap_or(Place::Loop);
        let amount = match (time, count) {
            (Some(time), _) => Amount::Time(time),
            (None, Some(count)) => Amount::Iterations(count),
            (None, None) => Amount::Iterations(iterations.check("iterations", DEFAULT_ITERATIONS)?),
        };
        Ok(Self { amount, place })
    }
}

fn places() -> [(&'static str, Place); 2] {
    Place::ALL.map(|place| (place.name(), place))
}

impl Describe for Cpu {
    fn describe(limits: &Limits) -> Vec<Documented> {
        let iterations = whole(iterations_within(limits.cpu), FLAG);
        let time = milliseconds(limits.cpu, FLAG);
        vec![
            iterations.documented("iterations", "how much it computes, exactly", Some(DEFAULT_ITERATIONS)),
            time.documented("ms", "instead of iterations: until the thread has used so much CPU time", None)
                .such_as("10"),
            Documented::new("on", "the worker's loop, or a thread of its pool", words(&places()))
                .or(Place::ALL[0].name()),
        ]
    }
}
