//! Cells that several tables have in common.

use super::table::{Column, numbers, shown};
use crate::histogram::{Distribution, Quantiles};
use crate::units::shown::{float, microseconds};

/// A route as a row begins with it.
pub fn named(method: &str, path: &str) -> String {
    if method.is_empty() { path.to_owned() } else { format!("{method} {path}") }
}

/// How long requests took, as a phase and a route have it: what [`durations`] fills.
pub const DURATIONS: [Column; 6] = [
    numbers("service p50"),
    numbers("service p99"),
    numbers("latency p50"),
    numbers("latency p95"),
    numbers("latency p99"),
    numbers("latency max"),
];

/// The cells of [`DURATIONS`].
pub fn durations(service: &Distribution, latency: &Distribution) -> [String; 6] {
    let (service, latency) = (service.quantiles(), latency.quantiles());
    [
        of_quantiles(service, |quantiles| quantiles.p50_ns),
        of_quantiles(service, |quantiles| quantiles.p99_ns),
        of_quantiles(latency, |quantiles| quantiles.p50_ns),
        of_quantiles(latency, |quantiles| quantiles.p95_ns),
        of_quantiles(latency, |quantiles| quantiles.p99_ns),
        of_quantiles(latency, |quantiles| quantiles.max_ns),
    ]
}

/// A quantile, as a cell.
pub fn of_quantiles(quantiles: Option<Quantiles>, which: fn(&Quantiles) -> u64) -> String {
    shown(quantiles.as_ref().map(|quantiles| float(which(quantiles)) / 1e3), microseconds)
}
