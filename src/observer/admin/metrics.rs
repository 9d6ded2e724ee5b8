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
use super::openapi::figures;
use crate::columns::{Counted, POOLS, REQUESTS};
use crate::histogram::{Distribution, Durations};
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, string};
use crate::maybe_known::MaybeKnown;
use crate::observer::live::{About, Tick};
use crate::sample::{SlotSample, TargetSample};
use crate::scoreboard::{Rejection, RouteCounts};
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

/// What the route is.
pub fn describe(_: bool) -> Described {
    figures("The last tick, for Prometheus")
        .answers("200", "The text format", &content_type(), string())
        .refuses(&[503])
}

fn content_type() -> String {
    format!("{TEXT_FORMAT}; charset=utf-8")
}

/// The last tick as text.
pub async fn metrics(State(target): State<Target>) -> Result<impl IntoResponse, Refusal> {
    let nothing = || Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "nothing has been read yet; ask again");
    let tick = target.live.last().ok_or_else(nothing)?;
    let text = text(&tick, target.live.about(), clock::monotonic_ns());
    Ok(([(header::CONTENT_TYPE, content_type())], text))
}

/// Only the age is not the same until the next tick.
fn text(tick: &Tick, about: &About, now_ns: u64) -> Vec<u8> {
    let age_ns = now_ns.saturating_sub(tick.sample.moment.monotonic_ns);
    let age = "Age of the tick that all of this was read in.";
    let age = encoded(vec![one("quintain_snapshot_age_seconds", age, known(seconds(age_ns)))]);
    let rest = tick.metrics.get_or_init(|| {
        let mut families = of_run(about);
        families.extend(of_routes(&tick.routes));
        families.extend(of_target(&tick.sample.target));
        families.extend(of_workers(&tick.sample.slots));
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
    let build = labels([("version", version), ("mode", mode), ("profile", profile)]);
    let instance = instance.iter().map(|instance| (labels([("name", instance)]), 1.0));
    let started = known(seconds(*started_realtime_ns));
    vec![
        family("quintain_build_info", "What runs; always 1.", [(build, 1.0)]),
        family("quintain_instance_info", "What this target is called among others; always 1.", instance),
        one("process_start_time_seconds", "When the run began, since the Unix epoch.", started),
    ]
}

fn of_routes(routes: &[Arc<RouteReading>]) -> Vec<MetricFamily> {
    let of = |route: &RouteReading| labels([("method", &route.method), ("route", &route.path)]);
    let with =
        |route: &RouteReading, name: &'static str, value: &str| [of(route), labels([(name, value)])].concat();
    let by_status = routes.iter().flat_map(|route| {
        let statuses = route.statuses.iter();
        statuses.map(move |(status, count)| (with(route, "status", &status.to_string()), float(*count)))
    });
    let unanswered = routes.iter().flat_map(|route| {
        let RouteCounts { client_gone, broken, .. } = route.counts;
        let reasons = [("client_gone", client_gone), ("broken_by_fault", broken)];
        reasons.map(|(reason, count)| (with(route, "reason", reason), float(count)))
    });
    let of_each =
        |count: fn(&RouteCounts) -> u64| routes.iter().map(move |route| (of(route), float(count(&route.counts))));
    let times = |name: &str, help: &str, which: fn(&Durations<Distribution>) -> &Distribution| {
        // What was never recorded is no series of zeros.
        let recorded = routes.iter().filter(|route| !which(&route.durations).is_empty());
        let metrics = recorded.map(|route| histogram(&of(route), which(&route.durations)));
        family_of(name, &format!("{help}; its sum is within 0.4 %."), MetricType::HISTOGRAM, metrics)
    };
    vec![
        family("quintain_requests_total", "Requests answered, by status.", by_status),
        family("quintain_unanswered_requests_total", "Requests finished without an answer, and why.", unanswered),
        family(
            "quintain_shed_requests_total",
            "Requests answered 503 because --max-inflight was reached.",
            of_each(|counts| counts.shed),
        ),
        family(
            "quintain_rate_limited_requests_total",
            "Requests answered 429 because a rate limit was reached.",
            of_each(|counts| counts.rate_limited),
        ),
        times(
            "quintain_request_duration_seconds",
            "Latency: from arrival in the kernel to the flush of the response",
            |durations| &durations.latency,
        ),
        times(
            "quintain_service_duration_seconds",
            "Service: from the parsed head to the flush of the response, without the waits for the loop",
            |durations| &durations.service,
        ),
        times(
            "quintain_queue_duration_seconds",
            "Queue: from arrival in the kernel to the parsed head",
            |durations| &durations.queue,
        ),
        times(
            "quintain_loop_wait_duration_seconds",
            "Loop: from a timer, a pool thread or a piece of the body that was ready until the loop ran the request on",
            |durations| &durations.loop_wait,
        ),
        times(
            "quintain_db_acquire_duration_seconds",
            "How long a request has waited for connections to the database",
            |durations| &durations.acquire,
        ),
    ]
}

/// What is not known has no metric.
fn of_target(target: &TargetSample) -> Vec<MetricFamily> {
    let TargetSample { group, totals, strain, cpu_ns, .. } = target;
    let counts = &totals.counts;
    let by_reason = Rejection::ALL.iter().zip(counts.rejections.0);
    let rejections = by_reason.map(|(reason, count)| (labels([("reason", reason.name())]), float(count)));
    let named = counted().filter(|counted| !counted.of_target.is_empty());
    let counted = named.map(|Counted { of_target: name, meaning, amount, .. }| {
        one(name, &sentence(meaning), known(amount(totals).value()))
    });
    let others = [
        family("quintain_rejections_total", "Requests refused before the router, by reason.", rejections),
        one("quintain_received_bytes_total", "Bytes read from clients.", known(float(counts.bytes_in))),
        one("quintain_sent_bytes_total", "Bytes written to clients.", known(float(counts.bytes_out))),
        one(
            "process_cpu_seconds_total",
            "CPU of all processes of the target, ended ones too.",
            cpu_ns.map(seconds),
        ),
        one(
            "quintain_listen_drops_total",
            "Connection attempts that the accept queues have dropped.",
            strain.listen_drops.map(float),
        ),
        one(
            "quintain_accept_queue_connections",
            "Connections in the fullest accept queue.",
            strain.accept_queue.map(|queue| float(queue.depth)),
        ),
        one(
            "quintain_unread_connections",
            "Connections, taken or not, in which bytes wait that nobody has read.",
            strain.unread.map(float),
        ),
        one(
            "process_resident_memory_bytes",
            "Resident memory of all processes of the target; shared pages count in each.",
            group.rss_bytes.map(float),
        ),
        one("process_open_fds", "Open descriptors of all processes of the target.", group.fds.map(float)),
        one("process_threads", "Threads of all processes of the target.", group.threads.map(float)),
        one("quintain_processes", "Processes of the target.", group.procs.map(float)),
    ];
    counted.chain(others).collect()
}

fn of_workers(slots: &[SlotSample]) -> Vec<MetricFamily> {
    let of_each = |name: &str, help: &str, value: &dyn Fn(&SlotSample) -> MaybeKnown<f64>| {
        let of_slot = |slot: &SlotSample| Some((labels([("slot", &slot.slot.to_string())]), value(slot).get()?));
        family(name, help, slots.iter().filter_map(of_slot))
    };
    let named = counted().filter(|counted| !counted.of_slot.is_empty());
    let counted = named.map(|Counted { of_slot: name, meaning, amount, .. }| {
        of_each(name, &sentence(meaning), &|slot| known(amount(&slot.account.told).value()))
    });
    let others = [
        of_each("quintain_worker_cpu_seconds_total", "CPU of the workers of a slot, ended ones too.", &|slot| {
            slot.account.told.cpu_ns.map(seconds)
        }),
        of_each(
            "quintain_worker_resident_memory_bytes",
            "Resident memory of the workers of a slot; none where workers share a process.",
            &|slot| slot.group.rss_bytes.map(float),
        ),
        of_each("quintain_worker_generation", "How many workers have held the slot.", &|slot| {
            known(float(slot.generation))
        }),
        of_each("quintain_worker_live", "1 if a worker of the slot serves.", &|slot| {
            known(f64::from(u8::from(slot.is_live)))
        }),
    ];
    counted.chain(others).collect()
}

fn of_faults(tick: &Tick) -> MetricFamily {
    let executed = tick.faults.iter().flat_map(|shown| {
        let name = shown.counted.plan.name.as_deref().unwrap_or_default();
        let each = shown.counted.executed.iter();
        each.map(move |(kind, count)| (labels([("fault", name), ("kind", kind)]), float(*count)))
    });
    family("quintain_faults_executed_total", "Faults carried out by the plans in force.", executed)
}

fn counted() -> impl Iterator<Item = &'static Counted> {
    REQUESTS.iter().chain(POOLS)
}

/// A phrase as a sentence.
fn sentence(phrase: &str) -> String {
    let mut sentence = format!("{phrase}.");
    sentence[..1].make_ascii_uppercase();
    sentence
}

/// A family of one metric without labels.
fn one(name: &str, help: &str, value: MaybeKnown<f64>) -> MetricFamily {
    family(name, help, value.get().map(|value| (Vec::new(), value)))
}

/// A family of metrics, each with its labels: of counters if its name says so, and else of gauges.
fn family(name: &str, help: &str, values: impl IntoIterator<Item = (Vec<LabelPair>, f64)>) -> MetricFamily {
    let is_counter = name.ends_with("_total");
    let metric = |(labels, value): (Vec<LabelPair>, f64)| {
        let mut metric = Metric::from_label(labels);
        if is_counter {
            let mut counter = Counter::default();
            counter.set_value(value);
            metric.set_counter(counter);
        } else {
            let mut gauge = Gauge::default();
            gauge.set_value(value);
            metric.set_gauge(gauge);
        }
        metric
    };
    let kind = if is_counter { MetricType::COUNTER } else { MetricType::GAUGE };
    family_of(name, help, kind, values.into_iter().map(metric))
}

fn family_of(name: &str, help: &str, kind: MetricType, metrics: impl Iterator<Item = Metric>) -> MetricFamily {
    let mut family = MetricFamily::default();
    family.set_name(name.to_owned());
    family.set_help(help.to_owned());
    family.set_field_type(kind);
    family.set_metric(metrics.collect());
    family
}

fn histogram(labels: &[LabelPair], distribution: &Distribution) -> Metric {
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
    let mut metric = Metric::from_label(labels.to_vec());
    metric.set_histogram(histogram);
    metric
}

fn labels<const COUNT: usize>(labels: [(&str, &str); COUNT]) -> Vec<LabelPair> {
    let pair = |(name, value): (&str, &str)| {
        let mut pair = LabelPair::default();
        pair.set_name(name.to_owned());
        pair.set_value(value.to_owned());
        pair
    };
    labels.map(pair).into()
}

fn known(value: f64) -> MaybeKnown<f64> {
    MaybeKnown::known(value)
}

#[allow(clippy::cast_precision_loss)]
fn float(count: u64) -> f64 {
    count as f64
}

fn seconds(nanoseconds: u64) -> f64 {
    float(nanoseconds) / 1e9
}
