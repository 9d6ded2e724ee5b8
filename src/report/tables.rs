//! The tables: by phase, route, worker and time, fault plans, events. An unknown is a dash.

use std::collections::BTreeMap;

use super::cells::{DURATIONS, durations, named, of_quantiles};
use super::table::{NONE, Table, numbers, shown, words};
use super::{bottlenecks, by_route, instances, peaks, phases, published};
use crate::recording::{Cell, Figure, Outcome, Recording};
use crate::snapshot::RouteReading;
use crate::units::shown::{bytes, clock, count, float, microseconds, number, percent};

/// Rows of the table over time.
const MOMENTS: usize = 30;

/// Events that are listed.
const EVENTS: usize = 200;

/// All of them that have something to say.
pub fn of(run: &Recording) -> Vec<Table> {
    let [beside, contradictions] = published::tables(run);
    let tables = [
        instances::table(run),
        beside,
        contradictions,
        phases::table(run),
        bottlenecks::table(run),
        by_route::table(run),
        peaks::table(run),
        routes(run),
        workers(run),
        faults(run),
        over_time(run),
        events(run),
    ];
    tables.into_iter().filter(|table| !table.rows.is_empty()).collect()
}

fn routes(run: &Recording) -> Table {
    let rows = match &run.whole {
        Some(whole) => {
            let all: u64 = whole.routes.iter().map(RouteReading::finished).sum();
            whole.routes.iter().map(|route| counted_route(route, all)).collect()
        }
        None => rows_of_routes(run),
    };
    Table {
        name: "routes",
        title: "Routes",
        columns: [words("route"), numbers("requests"), numbers("share"), numbers("errors"), words("statuses")]
            .into_iter()
            .chain(DURATIONS)
            .chain([numbers("queue p99"), numbers("loop p99")])
            .collect(),
        rows,
        note: run.whole.is_none().then(|| {
            "It was not recorded what had been counted at the end: quantiles of the whole run are not known."
                .to_owned()
        }),
        is_long: false,
    }
}

fn counted_route(route: &RouteReading, all: u64) -> Vec<String> {
    let mut statuses: Vec<String> =
        route.statuses.iter().map(|(status, number)| format!("{status}: {}", count(*number))).collect();
    let apart = [
        ("client gone", route.counts.client_gone),
        ("broken by a fault", route.counts.broken),
        ("of the 503, over --max-inflight", route.counts.shed),
        ("of the 429, over a rate limit", route.counts.rate_limited),
    ];
    for (what, number) in apart {
        if number > 0 {
            statuses.push(format!("{what}: {}", count(number)));
        }
    }
    let mut row = vec![
        named(&route.method, &route.path),
        count(route.finished()),
        percent(float(route.finished()) / float(all.max(1)) * 100.0),
        count(route.errors()),
        statuses.join(", "),
    ];
    row.extend(durations(&route.durations.service, &route.durations.latency));
    row.push(of_quantiles(route.durations.queue.quantiles(), |quantiles| quantiles.p99_ns));
    row.push(of_quantiles(route.durations.loop_wait.quantiles(), |quantiles| quantiles.p99_ns));
    row
}

/// What the rows of `routes.csv` tell of the whole run: counts, and no quantiles.
fn rows_of_routes(run: &Recording) -> Vec<Vec<String>> {
    let last = |series: &crate::recording::Series, figure| series.whole(figure).last();
    let all: f64 = run.routes.iter().filter_map(|route| last(&route.series, Figure::Requests)).sum();
    let rows = run.routes.iter().map(|route| {
        let requests = last(&route.series, Figure::Requests);
        let mut row = vec![
            named(&route.method, &route.path),
            shown(requests, number),
            shown(requests.filter(|_| all > 0.0).map(|requests| requests / all * 100.0), percent),
            shown(last(&route.series, Figure::Errors), number),
        ];
        row.resize(13, NONE.to_owned());
        row
    });
    rows.collect()
}

fn workers(run: &Recording) -> Table {
    let last = |series: &crate::recording::Series, figure| series.whole(figure).last();
    let all: f64 = run.workers.iter().filter_map(|worker| last(&worker.series, Figure::Requests)).sum();
    let rows = run.workers.iter().map(|worker| {
        let requests = last(&worker.series, Figure::Requests);
        let cpu = worker.series.whole(Figure::Cpu);
        vec![
            worker.slot.clone(),
            worker.generation.clone(),
            worker.state.clone(),
            shown(requests, number),
            shown(requests.filter(|_| all > 0.0).map(|requests| requests / all * 100.0), percent),
            shown(last(&worker.series, Figure::Errors), number),
            shown(last(&worker.series, Figure::Lost), number),
            shown(last(&worker.series, Figure::Accepts), number),
            shown(cpu.mean(), percent),
            shown(cpu.most(), percent),
            shown(last(&worker.series, Figure::CpuSeconds).map(|seconds| seconds * 1e6), microseconds),
            shown(worker.series.whole(Figure::Rss).most(), bytes),
        ]
    });
    Table {
        name: "workers",
        title: "Workers",
        columns: vec![
            words("slot"),
            numbers("generation"),
            words("state at the end"),
            numbers("requests"),
            numbers("share"),
            numbers("errors"),
            numbers("lost"),
            numbers("connections taken"),
            numbers("CPU, mean"),
            numbers("CPU, most"),
            numbers("CPU time"),
            numbers("memory, most"),
        ],
        rows: rows.collect(),
        note: None,
        is_long: false,
    }
}

/// What came of each plan; of a run that did not end in order, when which were in force.
fn faults(run: &Recording) -> Table {
    let counts = |counts: &BTreeMap<String, u64>| {
        let each: Vec<String> = counts.iter().map(|(kind, times)| format!("{kind}: {}", count(*times))).collect();
        each.join(", ")
    };
    let counted = run.outcomes.iter().map(|Outcome { from_s, to_s, plan, drawn, planned, executed }| {
        let planned = planned.as_ref().map_or_else(|| NONE.to_owned(), counts);
        vec![plan.clone(), clock(*from_s), clock(*to_s), count(*drawn), planned, counts(executed)]
    });
    let uncounted = run.faulty.iter().map(|faulty| {
        let unknown = || NONE.to_owned();
        vec![faulty.plans.clone(), clock(faulty.from_s), clock(faulty.to_s), unknown(), unknown(), unknown()]
    });
    Table {
        name: "faults",
        title: "Fault plans",
        columns: vec![
            words("plan"),
            numbers("from"),
            numbers("to"),
            numbers("requests drawn"),
            words("planned"),
            words("executed"),
        ],
        rows: if run.outcomes.is_empty() { uncounted.collect() } else { counted.collect() },
        note: None,
        is_long: false,
    }
}

/// The run in a few rows, for whoever sees no plots.
fn over_time(run: &Recording) -> Table {
    let count = run.target.stretches().len();
    let chunk = count.div_ceil(MOMENTS).max(1);
    let rows = (0..count).step_by(chunk).map(|first| {
        let range = first..(first + chunk).min(count);
        let of = |figure: Figure| {
            range.clone().fold(Cell::default(), |sum, number| sum.and(run.target.cell(number, figure)))
        };
        let stretches = &run.target.stretches()[range.clone()];
        let (from_s, to_s) = (stretches[0].from_s, stretches[stretches.len() - 1].to_s);
        // The one in the middle: a row seldom ends where a phase does.
        let middle_s = f64::midpoint(from_s, to_s);
        let phase = run.phases.iter().rfind(|phase| phase.from_s <= middle_s).or(run.phases.first());
        let phase = phase.map_or(NONE, |phase| &phase.name);
        vec![
            clock(from_s),
            clock(to_s),
            phase.to_owned(),
            shown(of(Figure::Rps).mean(), number),
            shown(of(Figure::LatencyP50).mean(), microseconds),
            shown(of(Figure::LatencyP99).most(), microseconds),
            shown(of(Figure::ServiceP99).most(), microseconds),
            shown(of(Figure::Cpu).mean(), percent),
            shown(of(Figure::HostCpu).mean(), percent),
            shown(of(Figure::Rss).most(), bytes),
            shown(of(Figure::InFlight).most(), number),
            shown(of(Figure::Connections).most(), number),
        ]
    });
    Table {
        name: "time",
        title: "Over time",
        columns: vec![
            numbers("from"),
            numbers("to"),
            words("phase"),
            numbers("requests/s"),
            numbers("latency p50, mean of rows"),
            numbers("latency p99, worst row"),
            numbers("service p99, worst row"),
            numbers("CPU"),
            numbers("CPU of the machine"),
            numbers("memory, most"),
            numbers("in flight, most"),
            numbers("connections, most"),
        ],
        rows: rows.collect(),
        note: None,
        is_long: true,
    }
}

fn events(run: &Recording) -> Table {
    let rows =
        run.events.iter().take(EVENTS).map(|event| {
            vec![clock(event.elapsed_s), event.kind.name().to_owned(), event.worker(), event.kind.text()]
        });
    let more = run.events.len().saturating_sub(EVENTS);
    Table {
        name: "events",
        title: "Events",
        columns: vec![numbers("at"), words("what"), words("worker"), words("detail")],
        rows: rows.collect(),
        note: (more > 0).then(|| format!("{more} more are in events.csv.")),
        is_long: true,
    }
}
