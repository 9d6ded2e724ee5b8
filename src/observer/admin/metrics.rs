//! `GET /metrics`: the last tick in Prometheus's text format.
//!
//! Every counter is of the whole run and of all workers, whichever generation, so none falls when a worker dies or is
//! replaced. The age of the tick is among the metrics: a scrape reads no worker's memory.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use prometheus::proto::{Bucket, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType};
use prometheus::{Encoder, TEXT_FORMAT, TextEncoder};

use super::Target;
use crate::histogram::Distribution;
use crate::http::Refusal;
use crate::observer::live::{About, Tick};
use crate::sample::{SlotSample, TargetSample};
use crate::scoreboard::Rejection;
use crate::snapshot::RouteReading;
use crate::sys::clock;

/// From 100 µs, since a small answer takes less than a millisecond, to 60 s.
const BOUNDS_NS: [u64; 18] = [
    100_000,
    250_000,
    500_000,
    1_000_000,
    2_500_000,
    5_000_000,
    10_000_000,
    25_000_000,
    50_000_000,
    100_000_000,
    250_000_000,
    500_000_000,
    1_000_000_000,
    2_500_000_000,
    5_000_000_000,
    10_000_000_000,
    30_000_000_000,
    60_000_000_000,
];

/// The last tick as text.
pub async fn metrics(State(target): State<Target>) -> Result<impl IntoResponse, Refusal> {
    let nothing = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nothing has been read yet; ask again");
    let tick = target.live.last().ok_or_else(nothing)?;
    let text = text(&tick, target.live.about(), clock::monotonic_ns());
    Ok(([(header::CONTENT_TYPE, format!("{TEXT_FORMAT}; charset=utf-8"))], text))
}

/// Only the age is not the same until the next tick.
fn text(tick: &Tick, about: &About, now_ns: u64) -> Vec<u8> {
    let age_ns = now_ns.saturating_sub(tick.sample.moment.monotonic_ns);
    let age = "Age of the tick that all of this was read in.";
    let age = encoded(vec![one_gauge("quintain_snapshot_age_seconds", age, seconds(age_ns))]);
    let rest = tick.metrics.get_or_init(|| {
        let mut families = of_run(about);
        families.extend(of_routes(&tick.routes));
        families.extend(of_target(&tick.sample.target));
        families.extend(of_workers(&tick.sample.slots));
        families.extend(of_databases(&tick.sample.slots));
        families.push(of_faults(tick));
        encoded(families)
    });
    [age.as_slice(), rest].concat()
}

fn encoded(mut families: Vec<MetricFamily>) -> Vec<u8> {
    // The encoder refuses one without any metric.
    families.retain(|family| !family.get_metric().is_empty());
    let mut text = Vec::new();
    // Into memory, of families that have names and metrics: it can't fail.
    let _ = TextEncoder::new().encode(&families, &mut text);
    text
}

fn of_run(about: &About) -> Vec<MetricFamily> {
    let About { version, mode, profile, instance, started_realtime_ns, .. } = about;
    let build = [("version", version.as_str()), ("mode", mode), ("profile", profile)];
    let instance = instance.iter().map(|instance| labelled_gauge(&[("name", instance)], 1.0));
    vec![
        gauges("quintain_build_info", "What runs; always 1.", [labelled_gauge(&build, 1.0)]),
        gauges("quintain_instance_info", "What this target is called among others; always 1.", instance),
        one_gauge(
            "process_start_time_seconds",
            "When the run began, since the Unix epoch.",
            seconds(*started_realtime_ns),
        ),
    ]
}

fn of_routes(routes: &[Arc<RouteReading>]) -> Vec<MetricFamily> {
    let names = |route: &RouteReading| (route.method.clone(), route.path.clone());
    let by_status = routes.iter().flat_map(|route| {
        let (method, path) = names(route);
        route.statuses.iter().map(move |(status, count)| {
            labelled_counter(
                &[("method", &method), ("route", &path), ("status", &status.to_string())],
                float(*count),
            )
        })
    });
    let unanswered = routes.iter().flat_map(|route| {
        let (method, path) = names(route);
        [("client_gone", route.counts.client_gone), ("broken_by_fault", route.counts.broken)].map(
            move |(reason, count)| {
                labelled_counter(&[("method", &method), ("route", &path), ("reason", reason)], float(count))
            },
        )
    });
    let of_each = |count: fn(&RouteReading) -> u64| {
        routes.iter().map(move |route| {
            let (method, path) = names(route);
            labelled_counter(&[("method", &method), ("route", &path)], float(count(route)))
        })
    };
    let times = |name: &str, help: &str, of: fn(&RouteReading) -> &Distribution| {
        // What was never recorded is no series of zeros.
        let recorded = routes.iter().filter(|route| !of(route).is_empty());
        let metrics = recorded.map(|route| {
            let labels = [("method", route.method.as_str()), ("route", route.path.as_str())];
            labelled_histogram(&labels, of(route))
        });
        family(name, help, MetricType::HISTOGRAM, metrics)
    };
    vec![
        counters("quintain_requests_total", "Requests answered, by status.", by_status),
        counters("quintain_unanswered_requests_total", "Requests finished without an answer, and why.", unanswered),
        counters(
            "quintain_shed_requests_total",
            "Requests answered 503 because --max-inflight was reached.",
            of_each(|route| route.counts.shed),
        ),
        counters(
            "quintain_rate_limited_requests_total",
            "Requests answered 429 because a rate limit was reached.",
            of_each(|route| route.counts.rate_limited),
        ),
        times(
            "quintain_request_duration_seconds",
            "Latency: from arrival in the kernel to the flush of the response; its sum is within 0.4 %.",
            |route| &route.durations.latency,
        ),
        times(
            "quintain_service_duration_seconds",
            "Service: from the parsed head to the flush of the response, without the waits for the loop; its sum is within 0.4 %.",
            |route| &route.durations.service,
        ),
        times(
            "quintain_queue_duration_seconds",
            "Queue: from arrival in the kernel to the parsed head; its sum is within 0.4 %.",
            |route| &route.durations.queue,
        ),
        times(
            "quintain_loop_wait_duration_seconds",
            "Loop: from a timer, a pool thread or a piece of the body that was ready until the loop ran the request on; its sum is within 0.4 %.",
            |route| &route.durations.loop_wait,
        ),
    ]
}

fn of_target(target: &TargetSample) -> Vec<MetricFamily> {
    let TargetSample { group, totals, strain, .. } = target;
    let (counts, now) = (&totals.counts, totals.gauges());
    let mut families = vec![
        one_counter(
            "quintain_errors_total",
            "Requests with a status of 500 or more, or broken by a fault.",
            counts.errors,
        ),
        one_counter("quintain_lost_requests_total", "Requests in flight when their worker died.", totals.lost),
        one_counter("quintain_rejected_requests_total", "Requests refused before the router.", counts.rejected),
        counters(
            "quintain_rejections_total",
            "The same, by reason.",
            Rejection::ALL
                .iter()
                .zip(counts.rejections.0)
                .map(|(reason, count)| labelled_counter(&[("reason", reason.name())], float(count))),
        ),
        one_counter("quintain_accepted_connections_total", "Connections taken.", counts.accepts),
        one_counter(
            "quintain_refused_connections_total",
            "Connections turned away over --max-connections.",
            counts.refused,
        ),
        one_counter("quintain_received_bytes_total", "Bytes read from clients.", counts.bytes_in),
        one_counter("quintain_sent_bytes_total", "Bytes written to clients.", counts.bytes_out),
        one_gauge("quintain_requests_in_flight", "Requests being served.", float(now.in_flight)),
        one_gauge("quintain_connections", "Connections open.", float(now.connections)),
        counters(
            "quintain_connection_seconds_total",
            "How long connections were open, all together: its rate is how many were open on average.",
            [labelled_counter(&[], float(counts.connection_us) / 1e6)],
        ),
        counters(
            "process_cpu_seconds_total",
            "CPU of all processes of the target, ended ones too.",
            target.cpu_ns.get().map(|cpu_ns| labelled_counter(&[], seconds(cpu_ns))),
        ),
    ];
    let drops = strain.listen_drops.get().map(|drops| {
        one_counter(
            "quintain_listen_drops_total",
            "Connection attempts that the accept queues have dropped.",
            drops,
        )
    });
    families.extend(drops);
    let known = [
        (
            "quintain_accept_queue_connections",
            "Connections in the fullest accept queue.",
            strain.accept_queue.map(|queue| queue.depth),
        ),
        (
            "quintain_unread_connections",
            "Connections, taken or not, in which bytes wait that nobody has read.",
            strain.unread,
        ),
        (
            "process_resident_memory_bytes",
            "Resident memory of all processes of the target; shared pages count in each.",
            group.rss_bytes,
        ),
        ("process_open_fds", "Open descriptors of all processes of the target.", group.fds),
        ("process_threads", "Threads of all processes of the target.", group.threads),
        ("quintain_processes", "Processes of the target.", group.procs),
    ];
    families.extend(
        known.into_iter().filter_map(|(name, help, value)| Some(one_gauge(name, help, float(value.get()?)))),
    );
    families
}

/// A metric of each slot of which the value is known.
fn of_each(
    slots: &[SlotSample],
    value: fn(&SlotSample) -> Option<f64>,
    metric: fn(&[(&str, &str)], f64) -> Metric,
) -> Vec<Metric> {
    let metrics = slots.iter().filter_map(|slot| Some(metric(&[("slot", &slot.slot.to_string())], value(slot)?)));
    metrics.collect()
}

fn of_workers(slots: &[SlotSample]) -> Vec<MetricFamily> {
    let of_each = |value, metric| of_each(slots, value, metric);
    vec![
        counters(
            "quintain_worker_requests_total",
            "Requests finished by the workers of a slot.",
            of_each(|slot| Some(float(slot.account.told.counts.finished)), labelled_counter),
        ),
        counters(
            "quintain_worker_lost_requests_total",
            "Requests in flight when a worker of the slot died.",
            of_each(|slot| Some(float(slot.account.told.lost)), labelled_counter),
        ),
        counters(
            "quintain_worker_cpu_seconds_total",
            "CPU of the workers of a slot, ended ones too.",
            of_each(|slot| slot.account.told.cpu_ns.map(seconds).get(), labelled_counter),
        ),
        gauges(
            "quintain_worker_resident_memory_bytes",
            "Resident memory of the workers of a slot; none where workers share a process.",
            of_each(|slot| slot.group.rss_bytes.map(float).get(), labelled_gauge),
        ),
        gauges(
            "quintain_worker_requests_in_flight",
            "Requests being served by the workers of a slot.",
            of_each(|slot| Some(float(slot.account.told.gauges().in_flight)), labelled_gauge),
        ),
        gauges(
            "quintain_worker_pool_busy_threads",
            "Threads of the slot's pool that work.",
            of_each(|slot| Some(float(slot.account.told.gauges().pool_busy)), labelled_gauge),
        ),
        gauges(
            "quintain_worker_pool_queued_jobs",
            "Pieces of work that wait for a thread of the slot's pool.",
            of_each(|slot| Some(float(slot.account.told.gauges().pool_queued)), labelled_gauge),
        ),
        counters(
            "quintain_worker_pool_jobs_total",
            "Pieces of work that a thread of the slot's pool has begun.",
            of_each(|slot| Some(float(slot.account.told.counts.pool_begun)), labelled_counter),
        ),
        counters(
            "quintain_worker_pool_wait_seconds_total",
            "How long those had waited for a thread.",
            of_each(|slot| Some(float(slot.account.told.counts.pool_wait_us) / 1e6), labelled_counter),
        ),
        counters(
            "quintain_worker_pool_held_seconds_total",
            "How long those that were ended had held a thread.",
            of_each(|slot| Some(float(slot.account.told.counts.pool_held_us) / 1e6), labelled_counter),
        ),
        gauges(
            "quintain_worker_generation",
            "How many workers have held the slot.",
            of_each(|slot| Some(float(slot.generation)), labelled_gauge),
        ),
        gauges(
            "quintain_worker_live",
            "1 if a worker of the slot serves.",
            of_each(|slot| Some(f64::from(u8::from(slot.is_live))), labelled_gauge),
        ),
    ]
}

/// The workers' connections to the database.
fn of_databases(slots: &[SlotSample]) -> Vec<MetricFamily> {
    let of_each = |value, metric| of_each(slots, value, metric);
    vec![
        gauges(
            "quintain_worker_db_connections_in_use",
            "Connections to the database that requests of the slot hold.",
            of_each(|slot| Some(float(slot.account.told.gauges().db_in_use)), labelled_gauge),
        ),
        gauges(
            "quintain_worker_db_requests_waiting",
            "Requests of the slot that wait for a connection to the database.",
            of_each(|slot| Some(float(slot.account.told.gauges().db_waiting)), labelled_gauge),
        ),
        counters(
            "quintain_worker_db_acquired_total",
            "How often a request of the slot took a connection to the database.",
            of_each(|slot| Some(float(slot.account.told.counts.db_acquired)), labelled_counter),
        ),
        counters(
            "quintain_worker_db_timeouts_total",
            "Requests of the slot for which no connection to the database became free in time.",
            of_each(|slot| Some(float(slot.account.told.counts.db_timeouts)), labelled_counter),
        ),
        counters(
            "quintain_worker_db_failures_total",
            "Requests of the slot that the database failed.",
            of_each(|slot| Some(float(slot.account.told.counts.db_failures)), labelled_counter),
        ),
        counters(
            "quintain_worker_db_acquire_seconds_total",
            "How long those that took a connection had waited for it.",
            of_each(|slot| Some(float(slot.account.told.counts.db_acquire_us) / 1e6), labelled_counter),
        ),
        counters(
            "quintain_worker_db_held_seconds_total",
            "How long connections that were given back had been held.",
            of_each(|slot| Some(float(slot.account.told.counts.db_held_us) / 1e6), labelled_counter),
        ),
        counters(
            "quintain_worker_db_answer_seconds_total",
            "How long the database took to answer queries of the slot.",
            of_each(|slot| Some(float(slot.account.told.counts.db_answer_us) / 1e6), labelled_counter),
        ),
        counters(
            "quintain_worker_db_scans_total",
            "Queries of the slot that looked for their rows without an index.",
            of_each(|slot| Some(float(slot.account.told.counts.db_scans)), labelled_counter),
        ),
        counters(
            "quintain_worker_db_busy_seconds_total",
            "How long queries of the slot waited for the database's one writer.",
            of_each(|slot| Some(float(slot.account.told.counts.db_busy_us) / 1e6), labelled_counter),
        ),
    ]
}

fn of_faults(tick: &Tick) -> MetricFamily {
    let executed = tick.faults.iter().flat_map(|shown| {
        let name = shown.counted.plan.name.as_deref().unwrap_or_default();
        let each = shown.counted.executed.iter();
        each.map(move |(kind, count)| labelled_counter(&[("fault", name), ("kind", kind)], float(*count)))
    });
    counters("quintain_faults_executed_total", "Faults carried out by the plans in force.", executed)
}

fn one_counter(name: &str, help: &str, value: u64) -> MetricFamily {
    counters(name, help, [labelled_counter(&[], float(value))])
}

fn one_gauge(name: &str, help: &str, value: f64) -> MetricFamily {
    gauges(name, help, [labelled_gauge(&[], value)])
}

fn counters(name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::COUNTER, metrics)
}

fn gauges(name: &str, help: &str, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    family(name, help, MetricType::GAUGE, metrics)
}

fn family(name: &str, help: &str, kind: MetricType, metrics: impl IntoIterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics.into_iter().collect());
    family
}

fn labelled_counter(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

fn labelled_gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

fn labelled_histogram(labels: &[(&str, &str)], distribution: &Distribution) -> Metric {
    let buckets = BOUNDS_NS.into_iter().zip(distribution.counts_up_to(&BOUNDS_NS)).map(|(bound_ns, count)| {
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(seconds(bound_ns));
        bucket.set_cumulative_count(count);
        bucket
    });
    let mut histogram = Histogram::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(distribution.count());
    histogram.set_sample_sum(distribution.sum_ns() / 1e9);
    let mut metric = labelled(labels);
    metric.set_histogram(histogram);
    metric
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pair = |&(name, value): &(&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    Metric::from_label(labels.iter().map(pair).collect())
}

#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}
