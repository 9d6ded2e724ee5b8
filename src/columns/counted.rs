//! What workers count, once: its column in `resources.csv` and `workers.csv`, its metrics, what it means and how to get it.

use serde_json::Value;

use super::seconds;
use crate::snapshot::Totals;

/// A figure of workers, as it is shown.
pub struct Counted {
    /// Its column.
    pub column: &'static str,
    /// Its metric of the whole target; empty where it has none.
    pub of_target: &'static str,
    /// Its metric of each slot; empty where it has none.
    pub of_slot: &'static str,
    /// What it is, as a phrase.
    pub meaning: &'static str,
    /// How to get it.
    pub amount: fn(&Totals) -> Amount,
}

/// How much there is of it.
pub enum Amount {
    /// A number.
    Count(u64),
    /// A time in microseconds, shown in seconds.
    Time(u64),
}

use Amount::{Count, Time};

impl Amount {
    /// Of its cell.
    pub fn unit(&self) -> &'static str {
        match self {
            Count(_) => "count",
            Time(_) => "s",
        }
    }

    /// As a cell.
    pub fn cell(&self) -> String {
        match self {
            Count(count) => count.to_string(),
            Time(microseconds) => seconds(microseconds.saturating_mul(1_000)),
        }
    }

    /// As a number of JSON.
    pub fn json(&self) -> Value {
        match self {
            Count(count) => (*count).into(),
            Time(_) => self.value().into(),
        }
    }

    /// As the value of a metric.
    #[allow(clippy::cast_precision_loss)]
    pub fn value(&self) -> f64 {
        match self {
            Count(count) => *count as f64,
            Time(microseconds) => *microseconds as f64 / 1e6,
        }
    }
}

/// Requests and connections.
#[rustfmt::skip] // A table: names, then the meaning and how to get it.
pub const REQUESTS: &[Counted] = &[
    counted("requests_total", "", "quintain_worker_requests_total",
        "requests finished", |totals| Count(totals.counts.finished)),
    counted("errors_total", "quintain_errors_total", "",
        "of the finished, status ≥ 500 or broken by a fault", |totals| Count(totals.counts.errors)),
    counted("lost_total", "quintain_lost_requests_total", "quintain_worker_lost_requests_total",
        "requests in flight when their worker died", |totals| Count(totals.lost)),
    counted("rejected_total", "quintain_rejected_requests_total", "",
        "requests refused before the router (parser, Host)", |totals| Count(totals.counts.rejected)),
    counted("inflight", "quintain_requests_in_flight", "quintain_worker_requests_in_flight",
        "requests being served", |totals| Count(totals.gauges().in_flight)),
    counted("connections", "quintain_connections", "",
        "connections open", |totals| Count(totals.gauges().connections)),
    counted("accepts_total", "quintain_accepted_connections_total", "",
        "connections taken", |totals| Count(totals.counts.accepts)),
    counted("refused_total", "quintain_refused_connections_total", "",
        "connections turned away over --max-connections", |totals| Count(totals.counts.refused)),
    counted("client_gone_total", "", "",
        "of the finished, those whose client left before the answer was flushed", |totals| Count(totals.counts.client_gone)),
    counted("broken_total", "", "",
        "of the finished, those whose connection a fault broke instead of an answer", |totals| Count(totals.counts.broken)),
    counted("shed_total", "", "",
        "of the finished, those answered 503 because --max-inflight was reached", |totals| Count(totals.counts.shed)),
    counted("rate_limited_total", "", "",
        "of the finished, those answered 429 because a rate limit was reached", |totals| Count(totals.counts.rate_limited)),
    counted("cache_hits_total", "", "quintain_worker_cache_hits_total",
        "looks into a cache, of a route or of a model, that had kept an answer; a request may look into both", |totals| Count(totals.counts.cache_hits)),
    counted("cache_misses_total", "", "quintain_worker_cache_misses_total",
        "looks into a cache that had kept none", |totals| Count(totals.counts.cache_misses)),
    counted("conn_seconds_total", "quintain_connection_seconds_total", "",
        "how long connections were open, all together, as of each accept, close and beat: what it gains in a second is how many were open on average",
        |totals| Time(totals.counts.connection_us)),
];

/// The pools of threads, and behind them the connections to the database and the models.
#[rustfmt::skip]
pub const POOLS: &[Counted] = &[
    counted("pool_busy", "", "quintain_worker_pool_busy_threads",
        "threads of the pools that work", |totals| Count(totals.gauges().pool_busy)),
    counted("pool_queued", "", "quintain_worker_pool_queued_jobs",
        "pieces of work that wait for a thread of a pool", |totals| Count(totals.gauges().pool_queued)),
    counted("pool_jobs_total", "", "quintain_worker_pool_jobs_total",
        "pieces of work that a thread of a pool has begun", |totals| Count(totals.counts.pool_begun)),
    counted("pool_wait_seconds_total", "", "quintain_worker_pool_wait_seconds_total",
        "how long those had waited for a thread", |totals| Time(totals.counts.pool_wait_us)),
    counted("pool_held_seconds_total", "", "quintain_worker_pool_held_seconds_total",
        "how long those that were ended had held a thread", |totals| Time(totals.counts.pool_held_us)),
    counted("db_in_use", "", "quintain_worker_db_connections_in_use",
        "connections to the database that requests hold", |totals| Count(totals.gauges().db_in_use)),
    counted("db_waiting", "", "quintain_worker_db_requests_waiting",
        "requests that wait for a connection to the database", |totals| Count(totals.gauges().db_waiting)),
    counted("db_acquired_total", "", "quintain_worker_db_acquired_total",
        "how often a request took a connection to the database", |totals| Count(totals.counts.db_acquired)),
    counted("db_timeouts_total", "", "quintain_worker_db_timeouts_total",
        "requests answered 503 because no connection to the database became free in time",
        |totals| Count(totals.counts.db_timeouts)),
    counted("db_failures_total", "", "quintain_worker_db_failures_total",
        "requests answered 503 because the database failed them", |totals| Count(totals.counts.db_failures)),
    counted("db_acquire_seconds_total", "", "quintain_worker_db_acquire_seconds_total",
        "how long those that took a connection had waited for it", |totals| Time(totals.counts.db_acquire_us)),
    counted("db_held_seconds_total", "", "quintain_worker_db_held_seconds_total",
        "how long connections that were given back had been held", |totals| Time(totals.counts.db_held_us)),
    counted("db_answer_seconds_total", "", "quintain_worker_db_answer_seconds_total",
        "how long the database took to answer", |totals| Time(totals.counts.db_answer_us)),
    counted("db_scans_total", "", "quintain_worker_db_scans_total",
        "queries that looked for their rows without an index", |totals| Count(totals.counts.db_scans)),
    counted("db_busy_seconds_total", "", "quintain_worker_db_busy_seconds_total",
        "how long queries waited for the database's one writer or, on a server, for rows that another transaction held", |totals| Time(totals.counts.db_busy_us)),
    counted("db_measured_total", "", "quintain_worker_db_measured_total",
        "queries of which it could be read how much CPU the database used", |totals| Count(totals.counts.db_measured)),
    counted("db_cpu_seconds_total", "", "quintain_worker_db_cpu_seconds_total",
        "CPU that the database used for those; that of an embedded one is a part of the worker's",
        |totals| Time(totals.counts.db_cpu_us)),
    counted("infer_decoded_total", "", "quintain_worker_infer_decoded_total",
        "pictures decoded, and resized for the model", |totals| Count(totals.counts.infer_decoded)),
    counted("infer_decode_seconds_total", "", "quintain_worker_infer_decode_seconds_total",
        "how long decoding them took", |totals| Time(totals.counts.infer_decode_us)),
    counted("infer_resize_seconds_total", "", "quintain_worker_infer_resize_seconds_total",
        "how long resizing them took", |totals| Time(totals.counts.infer_resize_us)),
    counted("infer_pictures_total", "", "quintain_worker_infer_pictures_total",
        "pictures that the model was run on", |totals| Count(totals.counts.infer_pictures)),
    counted("infer_wait_seconds_total", "", "quintain_worker_infer_wait_seconds_total",
        "how long those had waited for the model", |totals| Time(totals.counts.infer_wait_us)),
    counted("infer_runs_total", "", "quintain_worker_infer_runs_total",
        "runs of the model", |totals| Count(totals.counts.infer_runs)),
    counted("infer_run_seconds_total", "", "quintain_worker_infer_run_seconds_total",
        "how long those took", |totals| Time(totals.counts.infer_run_us)),
    counted("infer_cpu_seconds_total", "", "quintain_worker_infer_cpu_seconds_total",
        "CPU of decoding, resizing and the model; a part of the worker's", |totals| Time(totals.counts.infer_cpu_us)),
];

const fn counted(
    column: &'static str,
    of_target: &'static str,
    of_slot: &'static str,
    meaning: &'static str,
    amount: fn(&Totals) -> Amount,
) -> Counted {
    Counted { column, of_target, of_slot, meaning, amount }
}
