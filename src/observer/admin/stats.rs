//! `GET /stats`: every figure there is, read as it is asked for.

use std::collections::BTreeMap;

use axum::Json;
use axum::extract::{RawQuery, State};
use serde_json::{Map, Value, json};

use super::Target;
use crate::control::counted_faults;
use crate::histogram::Distribution;
use crate::http::Refusal;
use crate::snapshot::{RouteReading, SlotReading, Totals, routes};
use crate::sys::clock;

/// How far a quantile may be from the exact one: a histogram's bucket is at most so wide.
const QUANTILE_ERROR_PCT: f64 = 0.78;

/// Answers with totals, statuses, routes and workers. The totals are read first, so that the statuses
/// add up to at least what is said to be finished.
pub async fn stats(State(target): State<Target>, RawQuery(query): RawQuery) -> Result<Json<Value>, Refusal> {
    check(query.as_deref().unwrap_or_default())?;
    let snapshot = target.processes.snapshot(&target.board);
    let now_ns = clock::monotonic_ns();
    let routes = routes(&target.board);
    Ok(Json(json!({
        "age_ms": 0,
        "since": "start",
        "mode": target.mode,
        "quantile_error_pct": QUANTILE_ERROR_PCT,
        "totals": totals(&snapshot.totals()),
        "status": statuses(&all_statuses(&routes)),
        "routes": routes.iter().map(route).collect::<Vec<_>>(),
        "workers": snapshot.slots.iter().map(|slot| worker(slot, now_ns)).collect::<Vec<_>>(),
        "faults": counted_faults(&target.board, now_ns).1,
    })))
}

/// `since=start` is what everybody gets; anything else must not be taken for it.
fn check(query: &str) -> Result<(), Refusal> {
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        match (&*name, &*value) {
            ("since", "start") => {}
            ("since", other) => return Err(Refusal::bad("since", other, "start")),
            (unknown, value) => return Err(Refusal::bad(unknown, value, "no parameter but since=start")),
        }
    }
    Ok(())
}

fn totals(totals: &Totals) -> Value {
    let counts = &totals.counts;
    json!({
        "started": counts.started,
        "finished": counts.finished,
        "in_flight": totals.in_flight(),
        "lost": totals.lost,
        "rejected": counts.rejected,
        "refused": counts.refused,
        "errors": counts.errors,
        "bytes_in": counts.bytes_in,
        "bytes_out": counts.bytes_out,
        "connections": totals.connections(),
        "accepts": counts.accepts,
    })
}

fn route(route: &RouteReading) -> Value {
    let RouteReading { number: _, path, method, statuses: counted, client_gone, broken, service, latency, queue } =
        route;
    json!({
        "method": method,
        "route": path,
        "finished": route.finished(),
        "status": statuses(counted),
        "client_gone": client_gone,
        "broken_by_fault": broken,
        "svc_us": quantiles(service),
        "lat_us": quantiles(latency),
        "queue_us": quantiles(queue),
    })
}

/// A beat that is old says that the worker's loop is busy or stopped; a worker beats ten times a second.
fn worker(slot: &SlotReading, now_ns: u64) -> Value {
    let beat_ns = slot.workers.last().map(|worker| worker.beat_ns).filter(|beat_ns| *beat_ns > 0);
    json!({
        "slot": slot.slot,
        "generation": slot.generation,
        "pid": slot.pid,
        "state": slot.state_name(),
        "started": slot.counts.started,
        "finished": slot.counts.finished,
        "lost": slot.lost,
        "in_flight": slot.in_flight(),
        "connections": slot.connections(),
        "cpu_seconds": seconds(slot.cpu_ns),
        "beat_age_ms": beat_ns.map(|beat_ns| now_ns.saturating_sub(beat_ns) / clock::MILLISECOND),
    })
}

fn all_statuses(routes: &[RouteReading]) -> BTreeMap<u16, u64> {
    let mut sums = BTreeMap::new();
    for (status, count) in routes.iter().flat_map(|route| &route.statuses) {
        let sum: &mut u64 = sums.entry(*status).or_default();
        *sum = sum.wrapping_add(*count);
    }
    sums
}

fn statuses(counts: &BTreeMap<u16, u64>) -> Map<String, Value> {
    counts.iter().map(|(status, count)| (status.to_string(), Value::from(*count))).collect()
}

/// Empty when nothing was recorded.
fn quantiles(distribution: &Distribution) -> Map<String, Value> {
    let quantiles = [("p50", 0.50), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99)];
    let known = quantiles.map(|(name, quantile)| (name, distribution.quantile_ns(quantile)));
    let max = (distribution.count() > 0).then_some(distribution.max_ns);
    let all = known.into_iter().chain([("max", max)]);
    all.filter_map(|(name, value)| Some((name.to_owned(), microseconds(value?).into()))).collect()
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
