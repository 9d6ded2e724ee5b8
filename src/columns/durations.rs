//! The columns of how long requests took: in each, only those that were finished in the row's interval.

use super::{Column, column};
use crate::histogram::{Durations, Quantiles};
use crate::sample::{RouteSample, TargetSample};

/// What has requests that took some time.
pub trait Timed: 'static {
    /// The quantiles of a tick.
    fn durations(&self) -> &Durations<Option<Quantiles>>;
}

impl Timed for TargetSample {
    fn durations(&self) -> &Durations<Option<Quantiles>> {
        &self.durations
    }
}

impl Timed for RouteSample {
    fn durations(&self) -> &Durations<Option<Quantiles>> {
        &self.durations
    }
}

/// The last columns of `resources.csv` and `routes.csv`.
#[rustfmt::skip]
pub fn columns<Figures: Timed>() -> [Column<Figures>; 15] {
    [
        column("svc_p50_us", "µs", "histograms", "service: head parsed → flushed without loop, median of the requests finished in the interval; within 0.78 %; empty when there were none",
            |row| cell(row.figures.durations().service, |quantiles| quantiles.p50_ns)),
        column("svc_p95_us", "µs", "histograms", "the same, 95 % were not longer",
            |row| cell(row.figures.durations().service, |quantiles| quantiles.p95_ns)),
        column("svc_p99_us", "µs", "histograms", "the same, 99 % were not longer",
            |row| cell(row.figures.durations().service, |quantiles| quantiles.p99_ns)),
        column("svc_max_us", "µs", "histograms", "the longest; within 0.78 %",
            |row| cell(row.figures.durations().service, |quantiles| quantiles.max_ns)),
        column("lat_p50_us", "µs", "kernel's arrival stamps, histograms", "latency: arrival in the kernel → flushed, median",
            |row| cell(row.figures.durations().latency, |quantiles| quantiles.p50_ns)),
        column("lat_p90_us", "µs", "kernel's arrival stamps, histograms", "the same, 90 % were not longer",
            |row| cell(row.figures.durations().latency, |quantiles| quantiles.p90_ns)),
        column("lat_p95_us", "µs", "kernel's arrival stamps, histograms", "the same, 95 % were not longer",
            |row| cell(row.figures.durations().latency, |quantiles| quantiles.p95_ns)),
        column("lat_p99_us", "µs", "kernel's arrival stamps, histograms", "the same, 99 % were not longer",
            |row| cell(row.figures.durations().latency, |quantiles| quantiles.p99_ns)),
        column("lat_max_us", "µs", "kernel's arrival stamps, histograms", "the longest; within 0.78 %",
            |row| cell(row.figures.durations().latency, |quantiles| quantiles.max_ns)),
        column("queue_p50_us", "µs", "kernel's arrival stamps, histograms", "queue: arrival in the kernel → head parsed, median; empty on a unix socket",
            |row| cell(row.figures.durations().queue, |quantiles| quantiles.p50_ns)),
        column("queue_p99_us", "µs", "kernel's arrival stamps, histograms", "the same, 99 % were not longer",
            |row| cell(row.figures.durations().queue, |quantiles| quantiles.p99_ns)),
        column("loop_p50_us", "µs", "clock at each wake-up, histograms", "loop: a timer, a pool thread or a piece of the body was ready → the loop ran the request on, median",
            |row| cell(row.figures.durations().loop_wait, |quantiles| quantiles.p50_ns)),
        column("loop_p99_us", "µs", "clock at each wake-up, histograms", "the same, 99 % were not longer",
            |row| cell(row.figures.durations().loop_wait, |quantiles| quantiles.p99_ns)),
        column("db_acquire_p50_us", "µs", "clock, histograms", "a request's waits for connections to the database, median of the requests finished in the interval that the database answered; empty when there were none",
            |row| cell(row.figures.durations().acquire, |quantiles| quantiles.p50_ns)),
        column("db_acquire_p99_us", "µs", "clock, histograms", "the same, 99 % were not longer",
            |row| cell(row.figures.durations().acquire, |quantiles| quantiles.p99_ns)),
    ]
}

/// One of the quantiles, in microseconds to one decimal.
fn cell(quantiles: Option<Quantiles>, of: fn(&Quantiles) -> u64) -> String {
    let tenths = |quantiles| of(&quantiles).saturating_add(50) / 100;
    quantiles.map(tenths).map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)).unwrap_or_default()
}
