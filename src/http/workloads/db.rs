//! `GET /db`

use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;

use crate::config::Config;
use crate::http::answer::{Answer, Spent, schema};
use crate::http::error::Refusal;
use crate::http::openapi::describing::{ALWAYS, measured, unread, workload};
use crate::http::openapi::operation::JSON;
use crate::http::openapi::parameter::{Documented, words};
use crate::http::query::{FromQuery, Params, duration, whole};
use crate::http::route::Description;
use crate::http::stack::record::Exchange;
use crate::http::target::Target;
use crate::work::Done;
use crate::work::cpu::Place;
use crate::work::database::{Kind, Queried, Query, Trouble};

/// What it is.
pub const DESCRIPTION: Description = Description {
    offers: &[("/db?query=point", "asks a database, if there is one (--db); query=range or another")],
    describe: |spot| {
        workload::<Query>("Asks the database", spot.config)
            .more(&format!(
                "404 where the run has none (--db), 400 for pipeline=on without a server. {}",
                unread(spot.method)
            ))
            .response("200", measured("What came of it", JSON, schema(&Done::Database(Queried::default()))))
            .refuses(ALWAYS)
            .refuses(&[404])
    },
};

/// Asks the database: `query=`, `rows=`, `indexed=`, `think=` and `on=`.
pub async fn db(
    State(target): State<Target>,
    Params(query): Params<Query>,
    exchange: Exchange,
) -> Result<Answer, Refusal> {
    Ok(Answer { done: run(&target, query, &exchange, exchange.index()).await?, exchange })
}

/// Asks the database, for a route or for a step of a profile; the index decides which rows.
///
/// # Errors
/// 404 where there is none, 503 with what it says where it does not answer.
pub async fn run(target: &Target, query: Query, exchange: &Exchange, index: u64) -> Result<Done, Refusal> {
    let Some(database) = &target.database else {
        let sentence =
            "this run has no database: start quintain with --db for an embedded one, or with --database-url";
        return Err(Refusal::new(StatusCode::NOT_FOUND, sentence));
    };
    let begun_ns = exchange.service_ns();
    let queried = database.run(query, index).await;
    queried.map(Done::Database).map_err(|trouble| {
        if matches!(trouble, Trouble::Exhausted { .. }) {
            let acquire_ns = exchange.service_ns().saturating_sub(begun_ns);
            exchange.spent_in_vain(&Spent { acquire_ns, ..Spent::default() });
        }
        unanswered(&trouble)
    })
}

/// The answer to a query that the database did not answer.
fn unanswered(trouble: &Trouble) -> Refusal {
    let status = match trouble {
        Trouble::NoServer => StatusCode::BAD_REQUEST,
        _ => StatusCode::SERVICE_UNAVAILABLE,
    };
    Refusal::new(status, trouble.to_string())
}

impl FromQuery for Query {
    const NAMES: &'static [&'static str] = &Self::NAMES;

    fn from_query(query: &crate::http::query::Query<'_>, config: &Config) -> Result<Self, Refusal> {
        let [kind, rows, indexed, think, place, pipelined] = Self::NAMES;
        let most = whole(config.db_rows);
        let kind = query.one_of(kind, &Self::kinds())?.unwrap_or_default();
        // The default is held to the limit too.
        let rows = query.ranged(rows, &most)?.map_or_else(|| most.check(rows, kind.default_rows()), Ok)?;
        let asked = Self {
            kind,
            rows,
            indexed: query.one_of(indexed, &Self::INDEXED)?.unwrap_or(true),
            think: query.ranged(think, &duration(config.max_delay))?.unwrap_or(Duration::ZERO),
            place: query.one_of(place, &Self::places())?.unwrap_or(Place::Loop),
            pipelined: query.one_of(pipelined, &Self::PIPELINED)?.unwrap_or(false),
        };
        match asked.pipeline_allowed() {
            Some(allowed) => Err(Refusal::bad(pipelined, "on", allowed)),
            None => Ok(asked),
        }
    }

    fn describe(config: &Config) -> Vec<Documented> {
        let [kind, rows, indexed, think, place, pipelined] = Self::NAMES;
        let thinking = duration(config.max_delay);
        let about =
            "how many rows it looks at, adds or changes; 100 of range and aggregate, 1 of the others unless given";
        vec![
            Documented::new(kind, "what is asked", words(&Self::kinds())).or(Kind::default().name()),
            whole(config.db_rows).documented(rows, about, None).such_as("1"),
            Documented::new(indexed, "whether the rows are found by an index", words(&Self::INDEXED))
                .or(Self::INDEXED[0].0),
            thinking.documented(think, "for how long the connection is held besides", Some(Duration::ZERO)),
            Documented::new(place, "where an embedded database works", words(&Self::places()))
                .or(Place::ALL[0].name()),
            Documented::new(
                pipelined,
                "whether it shares one connection to a server with other queries, and is sent at once behind them",
                words(&Self::PIPELINED),
            )
            .or(Self::PIPELINED[0].0),
        ]
    }
}
