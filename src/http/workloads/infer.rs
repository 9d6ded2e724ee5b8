//! `POST /infer`

mod picture;

use axum::extract::State;
use axum::http::StatusCode;

use crate::config::Config;
use crate::http::answer::{Answer, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::{Documented, whole, words};
use crate::http::query::{FromQuery, Params, Query, duration};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::work::Done;
use crate::work::cpu::Place;
use crate::work::inference::{Ask, Batch, Classified, Failure, Trouble};
pub use picture::Sent;

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[],
    describe: |spot| {
        let most = spot.config.max_body.most;
        workload::<Ask>(
            "Says which country's flag is in a picture, or what the model of --model tells apart",
            spot.config,
        )
        .more(&format!(
            "PNG or JPEG, as the body or as the first file of a form (multipart/form-data), up to {most} ({}) and \
                 {} pixels ({}).",
            spot.config.max_body.flag(),
            spot.config.max_pixels.most,
            spot.config.max_pixels.flag()
        ))
        .reads_bytes()
        .response("200", measured("What is in it", JSON, schema(&Done::Inference(Box::default()))))
        .refuses(ALWAYS)
        .refuses(&[415])
    },
};

/// Says what is in a picture, as the query has it: [`Ask::NAMES`].
pub async fn infer(
    State(target): State<Target>,
    Params(ask): Params<Ask>,
    exchange: Exchange,
    sent: Sent,
) -> Result<Answer, Refusal> {
    Ok(Answer { done: run(&target, ask, sent, &exchange).await?, exchange })
}

/// Says what is in a picture, for a route or for a step of a profile.
///
/// # Errors
/// A refusal that says what is wrong with it.
pub async fn run(target: &Target, ask: Ask, sent: Sent, exchange: &Exchange) -> Result<Done, Refusal> {
    let begun_ns = exchange.service_ns();
    let (encoded, share) = sent.read(target).await?;
    let io_ns = exchange.service_ns().saturating_sub(begun_ns);
    let classified = target.inference.run(ask, (encoded, share), &target.memory).await;
    let classified = classified.map_err(|failure| refused(&failure, &target.config))?;
    if let Some(is_kept) = classified.kept {
        target.looked_in_cache(is_kept);
    }
    Ok(Done::Inference(Box::new(Classified { io_ns, ..classified })))
}

/// The answer to a picture that can't be classified.
fn refused(failure: &Failure, config: &Config) -> Refusal {
    let status = match failure {
        Failure::Picture(Trouble::Unknown) => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Failure::Picture(Trouble::TooManyPixels { .. } | Trouble::TooMuchBeside { .. }) => {
            StatusCode::PAYLOAD_TOO_LARGE
        }
        Failure::Picture(Trouble::Empty | Trouble::Broken { .. }) | Failure::Model(_) => StatusCode::BAD_REQUEST,
        Failure::Network(_) => StatusCode::INTERNAL_SERVER_ERROR,
        Failure::Memory(reason) => return super::mem::unavailable(reason, config),
    };
    Refusal::new(status, failure.to_string())
}

impl FromQuery for Ask {
    const NAMES: &'static [&'static str] = &Self::NAMES;

    fn from_query(query: &Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let [place, quantised, cached, batch, delay] = Self::NAMES;
        let most = query.between(batch, 1..=Batch::MOST)?.unwrap_or(Batch::DEFAULT.most);
        let delays = duration(config.max_delay);
        let delay = query.ranged(delay, &delays)?.unwrap_or(Batch::DEFAULT.delay.min(config.max_delay.most));
        Ok(Self {
            place: query.one_of(place, &Self::places())?.unwrap_or(Place::Loop),
            quantised: query.one_of(quantised, &Self::SWITCHED)?.unwrap_or_default(),
            cached: query.one_of(cached, &Self::SWITCHED)?.unwrap_or_default(),
            batch: Batch { most, delay },
        })
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let [place, quantised, cached, batch, delay] = Self::NAMES;
        let switched = || words(&Self::SWITCHED);
        let delays = duration(config.max_delay);
        vec![
            Documented::new(place, "the worker's loop, or a thread of its pool", words(&Self::places()))
                .or(Place::ALL[0].name()),
            Documented::new(quantised, "whether the model computes in whole numbers of 8 bits", switched())
                .or(Self::SWITCHED[0].0),
            Documented::new(cached, "whether an answer that was kept for the same picture will do", switched())
                .or(Self::SWITCHED[0].0),
            Documented::new(
                batch,
                "on how many pictures the model is run at once, at most",
                whole(1..=Batch::MOST),
            )
            .or("1"),
            delays.documented(
                delay,
                "how long a picture waits for others of its batch, at most; there are none where `batch` is 1",
                Some(Batch::DEFAULT.delay.min(config.max_delay.most)),
            ),
        ]
    }
}
