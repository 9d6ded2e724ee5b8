//! `GET /stats`: every figure there is, read as it is asked for.

use std::collections::BTreeMap;

use axum::extract::{RawQuery, State};
use axum::http::StatusCode;
use serde::Serialize;
use serde_json::{Map, Value, json};
use utoipa::ToSchema;
use utoipa::openapi::{ObjectBuilder, Type};

use super::Target;
use super::json::Json;
use super::openapi::{PHASE, figures, open};
use crate::columns::{Amount, POOLS};
use crate::control::{Counted, faults_between};
use crate::histogram::{Distribution, Durations, Quantiles};
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, JSON, shape};
use crate::http::openapi::parameter::Documented;
use crate::maybe_known::MaybeKnown;
use crate::observer::files::marks::Found;
use crate::phase::{START, is_name};
use crate::scoreboard::{Arrivals, Rejections, RouteCounts, Spent};
use crate::snapshot::{Figures, Gauges, RouteReading, SlotFigures, Totals};
use crate::sys::clock;

/// How far a quantile may be from the exact one: a histogram's bucket is at most so wide.
const QUANTILE_ERROR_PCT: f64 = 0.78;

/// Where a stretch of the run begins or ends.
#[derive(Default)]
struct Stretch {
    since: Option<String>,
    until: Option<String>,
}

/// What the route is.
pub fn describe(_: bool) -> Described {
    let stretch = |name: &'static str, otherwise: &str| {
        let does = format!("The last mark of this name; {otherwise}, if it is left out");
        Documented::new(name, does, ObjectBuilder::new().schema_type(Type::String).pattern(Some(PHASE)))
    };
    let mut stats = shape::<Stats>();
    open(&mut stats);
    figures("Totals, statuses, routes with quantiles, workers, faults: the whole target, live")
        .takes(vec![stretch("since", "the start").or("start"), stretch("until", "now")], None)
        .answers("200", "Read as it was asked for", JSON, stats)
        .refuses(&[404])
}

/// The answer.
#[derive(Serialize, ToSchema)]
pub struct Stats {
    age_ms: u64,
    since: String,
    /// Where a stretch of the run was asked for that has an end.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<String>,
    #[schema(required)]
    instance: Option<String>,
    mode: &'static str,
    phase: String,
    quantile_error_pct: f64,
    #[schema(value_type = Object)]
    totals: Value,
    #[schema(value_type = BTreeMap<String, u64>)]
    status: Map<String, Value>,
    #[schema(value_type = Option<u64>, required)]
    unread_connections: MaybeKnown,
    #[schema(value_type = BTreeMap<String, u64>)]
    rejections: Rejections,
    #[schema(value_type = Vec<Object>)]
    routes: Vec<Value>,
    #[schema(value_type = Vec<Object>)]
    workers: Vec<Value>,
    #[schema(inline)]
    faults: Vec<Counted>,
    #[schema(inline)]
    ended_faults: Vec<Counted>,
    #[schema(value_type = Vec<Object>)]
    marks: Vec<Value>,
    sse_dropped: u64,
}

/// Answers with totals, statuses, routes and workers: since the run began, since a mark, or between two.
pub async fn stats(State(target): State<Target>, RawQuery(query): RawQuery) -> Result<Json<Stats>, Refusal> {
    let stretch = asked(query.as_deref().unwrap_or_default())?;
    let (since, until) = (
        at_mark(&target, "since", stretch.since.as_deref())?,
        at_mark(&target, "until", stretch.until.as_deref())?,
    );
    if let (Some(first), Some(last)) = (&since, &until)
        && first.index > last.index
    {
        let (name, before) = (stretch.until.unwrap_or_default(), stretch.since.unwrap_or_default());
        return Err(Refusal::bad("until", &name, &format!("a mark after the last {before}")));
    }
    let mut figures = until.as_ref().map_or_else(|| target.figures(), |until| Figures::clone(&until.figures));
    if let Some(since) = &since {
        figures = figures.since(&since.figures);
    }
    // All of it is as of the end of the stretch.
    let now_ns = clock::monotonic_ns();
    let (at_ns, phase) =
        until.map_or_else(|| (now_ns, target.marks.phase()), |until| (until.at_ns, until.phase_before));
    let before = since.as_ref().map(|since| (since.at_ns, since.figures.faults.as_slice()));
    let faults = faults_between(&target.board, before, (at_ns, &figures.faults));
    let Figures { routes, slots, .. } = &figures;
    Ok(Json(Stats {
        age_ms: (now_ns - at_ns) / clock::MILLISECOND,
        since: stretch.since.unwrap_or_else(|| START.to_owned()),
        until: stretch.until,
        instance: target.live.about().instance.clone(),
        mode: target.mode,
        phase,
        quantile_error_pct: QUANTILE_ERROR_PCT,
        totals: totals(&figures),
        status: statuses(&figures.statuses()),
        unread_connections: target.live.last().map_or(MaybeKnown::UNKNOWN, |tick| tick.sample.target.strain.unread),
        rejections: figures.totals.counts.rejections,
        routes: routes.iter().map(|one| route(one, routes)).collect(),
        workers: slots.iter().map(|slot| worker(slot, at_ns)).collect(),
        faults: faults.in_force,
        ended_faults: faults.ended,
        marks: marks(&target),
        sse_dropped: target.live.dropped(),
    }))
}

/// What is asked for; anything else must not be taken for it.
fn asked(query: &str) -> Result<Stretch, Refusal> {
    let mut stretch = Stretch::default();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        let place = match &*name {
            "since" => &mut stretch.since,
            "until" => &mut stretch.until,
            unknown => return Err(Refusal::bad(unknown, &value, "no parameter but since and until")),
        };
        if place.replace(value.to_string()).is_some() {
            return Err(Refusal::bad(&name, &value, "once"));
        }
    }
    Ok(stretch)
}

/// The last mark with a name; nothing for the start of the run.
fn at_mark(target: &Target, parameter: &str, name: Option<&str>) -> Result<Option<Found>, Refusal> {
    match name {
        None => Ok(None),
        Some(START) if parameter == "since" => Ok(None),
        Some(name) if !is_name(name) => Err(Refusal::bad(parameter, name, "the name of a mark")),
        Some(name) => {
            let found = target.marks.find(name).map(Some);
            found.ok_or_else(|| Refusal {
                status: StatusCode::NOT_FOUND,
                error: format!("there is no mark {name:?}"),
                ..Refusal::bad(parameter, name, "start, or one of \"marks\" in GET /stats")
            })
        }
    }
}

fn marks(target: &Target) -> Vec<Value> {
    let marks = target.marks.list().into_iter();
    let elapsed = |at_ns: u64| seconds(at_ns.saturating_sub(target.started_ns));
    marks.map(|(phase, at_ns)| json!({ "phase": phase, "elapsed_s": elapsed(at_ns) })).collect()
}

fn totals(figures: &Figures) -> Value {
    let Figures { totals, now, listen_drops, routes: _, slots: _, faults: _ } = figures;
    let (counts, [pool, db, infer]) = (&totals.counts, parts(totals, now));
    json!({
        "started": counts.started,
        "finished": counts.finished,
        "answered": counts.answered(),
        "client_gone": counts.client_gone,
        "broken_by_fault": counts.broken,
        "shed": counts.shed,
        "rate_limited": counts.rate_limited,
        "in_flight": now.in_flight,
        "lost": totals.lost,
        "rejected": counts.rejected,
        "refused": counts.refused,
        "errors": counts.errors,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "connections": now.connections,
        "connection_seconds": seconds(counts.connection_us.saturating_mul(1_000)),
        "accepts": counts.accepts,
        "listen_drops": listen_drops,
        "cache": { "hits": counts.cache_hits, "misses": counts.cache_misses },
        "pool": pool,
        "db": db,
        "infer": infer,
        "arrivals": {
            "beat_pairs": counts.arrival_pairs,
            "dispersion": Arrivals::of(counts).map(|arrivals| arrivals.dispersion),
        },
    })
}

/// The pools, the connections to the database, and what models have done: each as its columns have it, without the part's
/// name. What rises and falls is that of the end of the stretch, and not what it has gained.
fn parts(totals: &Totals, now: &Gauges) -> [Value; 3] {
    let Totals { counts, .. } = totals;
    let part = |prefix: &str, others: &[(&str, Value)]| {
        let columns = POOLS.iter().filter_map(|counted| Some((counted.column.strip_prefix(prefix)?, counted)));
        let mut part: Map<String, Value> = columns
            .map(|(column, counted)| {
                (column.trim_end_matches("_total").to_owned(), (counted.amount)(totals).json())
            })
            .collect();
        part.extend(others.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        Value::Object(part)
    };
    [
        part("pool_", &[("busy", now.pool_busy.into()), ("queued", now.pool_queued.into())]),
        part(
            "db_",
            &[
                ("in_use", now.db_in_use.into()),
                ("waiting", now.db_waiting.into()),
                ("answered", counts.db_answered.into()),
                ("scan_seconds", Amount::Time(counts.db_scan_us).json()),
            ],
        ),
        part("infer_", &[]),
    ]
}

/// Whom its requests have waited for is told by name, so it takes all routes.
fn route(route: &RouteReading, all: &[RouteReading]) -> Value {
    let RouteReading { number: _, path, method, statuses: counted, counts, spent, behind, durations } = route;
    let RouteCounts { client_gone, broken, shed, rate_limited, told, held_ns } = counts;
    let Spent { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, decode_ns, resize_ns, infer_ns, injected_ns } = spent;
    let Durations { service, latency, queue, loop_wait, acquire } = durations;
    let behind = behind.iter().filter_map(|(number, waited_ns)| {
        let RouteReading { method, path, .. } = all.iter().find(|route| route.number == *number)?;
        Some(json!({ "method": method, "route": path, "seconds": seconds(*waited_ns) }))
    });
    json!({
        "method": method,
        "route": path,
        "finished": route.finished(),
        "status": statuses(counted),
        "client_gone": client_gone,
        "broken_by_fault": broken,
        "shed": shed,
        "rate_limited": rate_limited,
        "svc_us": quantiles(service),
        "lat_us": quantiles(latency),
        "queue_us": quantiles(queue),
        "loop_us": quantiles(loop_wait),
        "db_acquire_us": quantiles(acquire),
        "work": {
            "requests": told,
            "cpu_seconds": seconds(*cpu_ns),
            "io_seconds": seconds(*io_ns),
            "pool_wait_seconds": seconds(*pool_ns),
            "db_acquire_seconds": seconds(*acquire_ns),
            "db_seconds": seconds(*db_ns),
            "decode_seconds": seconds(*decode_ns),
            "resize_seconds": seconds(*resize_ns),
            "infer_seconds": seconds(*infer_ns),
            "injected_seconds": seconds(*injected_ns),
            "loop_held_seconds": seconds(*held_ns),
            "waited_behind": behind.collect::<Vec<_>>(),
        },
    })
}

/// A beat that is old says that the worker's loop is busy or stopped; a worker beats ten times a second.
fn worker(slot: &SlotFigures, at_ns: u64) -> Value {
    let SlotFigures { totals, now, .. } = slot;
    let [pool, db, infer] = parts(totals, now);
    json!({
        "slot": slot.slot,
        "generation": slot.generation,
        "pid": slot.pid,
        "state": slot.state,
        "started": totals.counts.started,
        "finished": totals.counts.finished,
        "lost": totals.lost,
        "in_flight": now.in_flight,
        "pool": pool,
        "db": db,
        "infer": infer,
        "connections": now.connections,
        "cpu_seconds": totals.cpu_ns.map(seconds),
        "beat_age_ms": slot.beat_ns.map(|beat_ns| at_ns.saturating_sub(beat_ns) / clock::MILLISECOND),
    })
}

fn statuses(counts: &BTreeMap<u16, u64>) -> Map<String, Value> {
    counts.iter().map(|(status, count)| (status.to_string(), Value::from(*count))).collect()
}

/// Empty when nothing was recorded.
fn quantiles(distribution: &Distribution) -> Map<String, Value> {
    let Some(Quantiles { p50_ns, p90_ns, p95_ns, p99_ns, max_ns }) = distribution.quantiles() else {
        return Map::new();
    };
    let all = [("p50", p50_ns), ("p90", p90_ns), ("p95", p95_ns), ("p99", p99_ns), ("max", max_ns)];
    all.into_iter().map(|(name, value_ns)| (name.to_owned(), microseconds(value_ns).into())).collect()
}

/// To one decimal.
#[allow(clippy::cast_precision_loss)]
fn microseconds(nanoseconds: u64) -> f64 {
    (nanoseconds as f64 / 100.0).round() / 10.0
}

#[allow(clippy::cast_precision_loss)]
fn seconds(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1e9
}
