//! The table of phases by routes: what each route did in each phase, so that phases of different load don't blur.

use super::cells::named;
use super::table::{NONE, Table, numbers, shown, words};
use crate::findings::Split;
use crate::histogram::Distribution;
use crate::recording::{Phase, Recording};
use crate::snapshot::RouteReading;
use crate::units::shown::{count, float, microseconds, number};

/// More rows are for whoever looks something up.
const LONG: usize = 40;

pub fn table(run: &Recording) -> Table {
    let counted = run.phases.iter().filter_map(|phase| Some((phase, phase.figures.as_ref()?)));
    let rows: Vec<Vec<String>> =
        counted.flat_map(|(phase, figures)| figures.routes.iter().map(move |route| row(phase, route))).collect();
    Table {
        name: "phases-by-route",
        title: "Phases by route",
        columns: vec![
            words("phase"),
            words("route"),
            words("it mostly"),
            numbers("requests"),
            numbers("requests/s"),
            numbers("latency min"),
            numbers("latency mean"),
            numbers("latency p50"),
            numbers("latency p90"),
            numbers("latency p99"),
            numbers("latency max"),
            numbers("waiting for its turn, mean"),
            numbers("I/O, mean"),
            numbers("computing, mean"),
        ],
        is_long: rows.len() > LONG,
        rows,
        note: Some(
            "What a route mostly does is where the most of its mean latency goes: it computes, waits (I/O), waits for the database, or queues (waits for its turn). Not measured are reading, sending, and waiting for a processor."
                .to_owned(),
        ),
    }
}

fn row(phase: &Phase, route: &RouteReading) -> Vec<String> {
    let requests = float(route.finished());
    let seconds = phase.seconds();
    let split = Split::of(route);
    let service = split.and_then(|split| split.service);
    let of = |us: Option<f64>| shown(us, microseconds);
    let [min, p50, p90, p99] = [0.0, 0.5, 0.9, 0.99].map(|quantile| us_at(&route.durations.latency, quantile));
    let most = min.map(|_| float(route.durations.latency.max_ns) / 1e3);
    vec![
        phase.name.clone(),
        named(&route.method, &route.path),
        split.map_or(NONE, |split| split.kind().name()).to_owned(),
        count(route.finished()),
        shown((seconds > 0.0).then(|| requests / seconds), number),
        of(min),
        of(split.map(|split| split.latency_us)),
        of(p50),
        of(p90),
        of(p99),
        of(most),
        of(split.map(|split| split.turn_us())),
        of(service.map(|service| service.io_us)),
        of(service.map(|service| service.cpu_us)),
    ]
}

fn us_at(distribution: &Distribution, quantile: f64) -> Option<f64> {
    distribution.quantile_ns(quantile).map(|value_ns| float(value_ns) / 1e3)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::distribution;
    use crate::histogram::Durations;
    use crate::scoreboard::{RouteCounts, Spent};
    use crate::snapshot::Figures;

    /// Requests of one route, all of one latency.
    fn phase(name: &str, (from_s, to_s): (f64, f64), (requests, latency_us): (u64, u64)) -> Phase {
        let route = RouteReading {
            path: "/io".to_owned(),
            method: "GET".to_owned(),
            statuses: [(200, requests)].into(),
            counts: RouteCounts { told: requests, ..RouteCounts::default() },
            spent: Spent { io_ns: requests * 2_000_000, ..Spent::default() },
            durations: Durations {
                service: distribution(requests, 2_000),
                queue: distribution(requests, latency_us - 2_000),
                latency: distribution(requests, latency_us),
                ..Durations::default()
            },
            ..RouteReading::default()
        };
        let figures = Some(Figures { routes: vec![route], ..Figures::default() });
        Phase { name: name.to_owned(), from_s, to_s, begins_with: None, figures }
    }

    #[test]
    fn phases_do_not_blur() {
        let phases = vec![
            phase("10 users", (0.0, 10.0), (1_000, 2_500)),
            phase("100 users", (10.0, 20.0), (2_000, 50_000)),
            Phase::default(),
        ];
        let table = table(&Recording { phases, ..Recording::default() });
        let rows: Vec<String> = table.rows.iter().map(|row| row.join(" | ")).collect();
        let expected = [
            "10 users | GET /io | waits | 1,000 | 100 | 2.5 ms | 2.5 ms | 2.5 ms | 2.5 ms | 2.5 ms | 2.5 ms | 501 µs | 2 ms | 0 µs",
            "100 users | GET /io | queues | 2,000 | 200 | 49.9 ms | 49.9 ms | 49.9 ms | 49.9 ms | 49.9 ms | 50 ms | 48.1 ms | 2 ms | 0 µs",
        ];
        assert_eq!(rows, expected);
    }

    #[test]
    fn what_was_not_recorded_is_a_dash() {
        let mut phase = phase("a", (0.0, 0.0), (1_000, 2_500));
        let route = &mut phase.figures.as_mut().unwrap().routes[0];
        (route.durations.latency, route.counts.told) = (Distribution::default(), 0);
        let route = route.clone();
        let cells = row(&phase, &route);
        assert_eq!(cells[2..], ["–", "1,000", "–", "–", "–", "–", "–", "–", "–", "–", "–", "–"]);
    }
}
