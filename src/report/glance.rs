//! The whole run in a few figures, as the live page shows its last tick.

use super::table::shown;
use crate::histogram::{Distribution, Durations, Quantiles};
use crate::recording::{Cell, Figure, Recording};
use crate::units::shown::{amount, bytes, float, microseconds, number, percent, span};

/// A figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glance {
    /// What it is.
    pub name: &'static str,
    /// Its value, and the unit after a space.
    pub value: String,
    /// What belongs to it.
    pub also: String,
    /// What to make of it.
    pub mood: Mood,
}

/// What to make of a figure.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mood {
    /// Nothing.
    #[default]
    Plain,
    /// Most of it is waiting.
    Waiting,
    /// It should not be.
    Wrong,
}

/// Of a run.
pub fn of(run: &Recording) -> Vec<Glance> {
    if run.target.is_empty() && run.whole.is_none() {
        return Vec::new();
    }
    let recorded = run.whole.as_ref().map(crate::snapshot::Figures::recorded);
    vec![
        requests(run),
        errors(run),
        match &recorded {
            Some(recorded) => latency("latency p50", recorded, |quantiles| quantiles.p50_ns),
            None => latency_of_rows("latency p50, worst row", run, [Figure::LatencyP50, Figure::ServiceP50]),
        },
        match &recorded {
            Some(recorded) => latency("latency p99", recorded, |quantiles| quantiles.p99_ns),
            None => latency_of_rows("latency p99, worst row", run, [Figure::LatencyP99, Figure::ServiceP99]),
        },
        cpu(run),
        memory(run),
        in_flight(run),
        accept_queue(run),
    ]
}

fn requests(run: &Recording) -> Glance {
    let count = run.whole.as_ref().map(|whole| float(whole.totals.counts.finished));
    let count = count.or_else(|| run.target.whole(Figure::Requests).last());
    let seconds = run.lasted_s();
    let rate = count.filter(|_| seconds > 0.0).map(|count| count / seconds);
    let most = run.target.whole(Figure::Rps).most();
    Glance {
        name: "requests",
        value: shown(count, number),
        also: format!("{}/s in {}, most {}/s", shown(rate, number), span(seconds), shown(most, number)),
        mood: Mood::Plain,
    }
}

fn errors(run: &Recording) -> Glance {
    let of_rows = |figure| run.target.whole(figure).last();
    let totals = run.whole.as_ref().map(|whole| &whole.totals);
    let errors = totals.map(|totals| float(totals.counts.errors)).or_else(|| of_rows(Figure::Errors));
    let lost = totals.map(|totals| float(totals.lost)).or_else(|| of_rows(Figure::Lost));
    let requests = totals.map(|totals| float(totals.counts.finished)).or_else(|| of_rows(Figure::Requests));
    let share = errors.zip(requests.filter(|requests| *requests > 0.0));
    let share = share.map(|(errors, requests)| errors / requests * 100.0);
    let is_wrong = [errors, lost].into_iter().flatten().any(|count| count > 0.0);
    Glance {
        name: "errors",
        value: shown(errors, number),
        also: format!(
            "{} of all, {} lost",
            shown(share, |share| format!("{} %", number(share))),
            shown(lost, number)
        ),
        mood: if is_wrong { Mood::Wrong } else { Mood::Plain },
    }
}

fn latency(name: &'static str, recorded: &Durations<Distribution>, which: fn(&Quantiles) -> u64) -> Glance {
    let of = |quantiles: Option<Quantiles>| quantiles.as_ref().map(|quantiles| float(which(quantiles)) / 1e3);
    beside_service(name, of(recorded.latency.quantiles()), of(recorded.service.quantiles()))
}

/// Of a run of which it was not recorded what had been counted at its end.
fn latency_of_rows(name: &'static str, run: &Recording, [latency, service]: [Figure; 2]) -> Glance {
    beside_service(name, run.target.whole(latency).most(), run.target.whole(service).most())
}

fn beside_service(name: &'static str, latency: Option<f64>, service: Option<f64>) -> Glance {
    let waits = latency.zip(service).is_some_and(|(latency, service)| latency > 2.0 * service);
    Glance {
        name,
        value: shown(latency, microseconds),
        also: format!("service {}", shown(service, microseconds)),
        mood: if waits { Mood::Waiting } else { Mood::Plain },
    }
}

fn cpu(run: &Recording) -> Glance {
    let cores = |cell: Option<f64>| shown(cell.map(|share| share / 100.0), number);
    let cell = run.target.whole(Figure::Cpu);
    let of = run.about.number("/machine/cpus").map_or_else(String::new, |cpus| format!("of {}, ", number(cpus)));
    Glance {
        name: "CPU",
        value: cell.mean().map_or_else(|| "– cores".to_owned(), |share| amount(share / 100.0, "core")),
        also: format!(
            "{of}most {}, machine {} busy",
            cores(cell.most()),
            shown(run.target.whole(Figure::HostCpu).mean(), percent)
        ),
        mood: Mood::Plain,
    }
}

fn memory(run: &Recording) -> Glance {
    let cell = run.target.whole(Figure::Rss);
    Glance {
        name: "memory, most",
        value: shown(cell.most(), bytes),
        also: format!("{} at the end", shown(cell.last(), bytes)),
        mood: Mood::Plain,
    }
}

fn in_flight(run: &Recording) -> Glance {
    Glance {
        name: "in flight, most",
        value: shown(run.target.whole(Figure::InFlight).most(), number),
        also: format!(
            "of {}",
            shown(run.target.whole(Figure::Connections).most(), |most| amount(most, "connection"))
        ),
        mood: Mood::Plain,
    }
}

fn accept_queue(run: &Recording) -> Glance {
    let cell: Cell = run.target.whole(Figure::AcceptQueue);
    // A listener may have dropped some before the run, in a process that had it then.
    let drops = run.target.gains(Figure::ListenDrops).into_iter().flatten().reduce(|sum, gain| sum + gain);
    Glance {
        name: "accept queue, most",
        value: shown(cell.most(), number),
        also: format!("{} dropped", shown(drops, number)),
        mood: if drops.is_some_and(|drops| drops > 0.0) { Mood::Wrong } else { Mood::Plain },
    }
}
