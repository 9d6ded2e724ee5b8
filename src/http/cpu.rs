//! `GET /cpu`

use super::answer::Answer;
use super::error::Refusal;
use super::parameters::{FromQuery, Params, Query, milliseconds, whole};
use super::record::Exchange;
use super::target::Limits;
use crate::work::Work;
use crate::work::cpu::{Amount, Cpu, DEFAULT_ITERATIONS, Place, iterations_within};

/// Computes: `iterations=` or `ms=`, and `on=`.
pub async fn cpu(Params(computation): Params<Cpu>, exchange: Exchange) -> Answer {
    Answer { done: Work::Cpu(computation).run().await, exchange }
}

impl FromQuery for Cpu {
    const NAMES: &'static [&'static str] = &["iterations", "ms", "on"];

    fn from_query(query: &Query, limits: &Limits) -> Result<Self, Refusal> {
        const FLAG: &str = "--max-cpu";
        let iterations = whole(iterations_within(limits.cpu), FLAG);
        query.not_both("iterations", "ms")?;
        let count = query.ranged("iterations", &iterations)?;
        let time = query.ranged("ms", &milliseconds(limits.cpu, FLAG))?;
        let place = query.one_of("on", &[("loop", Place::Loop), ("pool", Place::Pool)])?.unwrap_or(Place::Loop);
        let amount = match (time, count) {
            (Some(time), _) => Amount::Time(time),
            (None, Some(count)) => Amount::Iterations(count),
            (None, None) => Amount::Iterations(iterations.check("iterations", DEFAULT_ITERATIONS)?),
        };
        Ok(Self { amount, place })
    }
}
