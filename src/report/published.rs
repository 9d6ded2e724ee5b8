//! What the profile of a run tells of the system that it stands for, beside what was measured; and where the published
//! figures contradict each other.

use super::cells::named;
use super::table::{NONE, Table, numbers, shown, words};
use crate::histogram::Distribution;
use crate::profile::{Published, published_in};
use crate::recording::{Cell, Figure, Phase, Recording};
use crate::snapshot::{Figures, RouteReading};
use crate::units::shown::{bytes, float, microseconds, number, percent, span};
use crate::verification::{Check, contradictions};

/// Answers from here on are errors to most load generators.
const ERROR: u16 = 400;

/// The table of figures, and that of contradictions; without rows where the profile has no published figures.
pub fn tables(run: &Recording) -> [Table; 2] {
    let content = run.about.at("/profile/content");
    let sets = content.map(published_in).unwrap_or_default();
    [beside(run, &sets), among(&sets)]
}

fn beside(run: &Recording, sets: &[Published]) -> Table {
    let of_set = |set| rows(set, phase_of(run, set, sets).map(|phase| Measured::of(run, phase)).as_ref());
    Table {
        name: "published",
        title: "Published beside measured",
        columns: vec![
            words("measurement"),
            words("figure"),
            numbers("published"),
            numbers("measured here"),
            numbers("measured / published"),
            words("phase"),
        ],
        rows: sets.iter().flat_map(of_set).collect(),
        note: Some(
            "Published figures are of another machine: they show the shape, and are not to be reached here. They are a load \
             generator's; those measured here are the target's own, from a request's arrival to its flushed answer, and bytes \
             have heads in them. Errors are answers with 400 and above, and requests without an answer. A measurement stands \
             beside the phase of its name; one without such a phase beside the phase with the most requests, if it is the only \
             one of the run's mode."
                .to_owned(),
        ),
        is_long: false,
    }
}

fn among(sets: &[Published]) -> Table {
    let row = |check: Check| {
        let title = check.title();
        let Check { theirs, ours, cause, .. } = check;
        vec![title, theirs, ours, cause]
    };
    Table {
        name: "contradictions",
        title: "Where the published figures contradict themselves",
        columns: vec![words("check"), words("published"), words("its other figures"), words("so")],
        rows: contradictions(sets).into_iter().map(row).collect(),
        note: None,
        is_long: false,
    }
}

/// The phase that a measurement stands beside: the last one of its name. Without one it is the phase with the most requests,
/// as long as no other measurement could be meant by it.
fn phase_of<'a>(run: &'a Recording, set: &Published, sets: &[Published]) -> Option<&'a Phase> {
    let mode = run.about.text("/config/mode");
    let is_of_mode = |set: &Published| set.mode.is_none_or(|of| Some(of.name()) == mode);
    if !is_of_mode(set) {
        return None;
    }
    // A phase's name has no comma in it.
    let name = set.name.replace(',', "");
    let by_name = run.phases.iter().rfind(|phase| !name.is_empty() && phase.name == name);
    let is_only = sets.iter().filter(|set| is_of_mode(set)).count() == 1;
    let requests = |phase: &&Phase| phase.figures.as_ref().map_or(0, |figures| figures.totals.counts.finished);
    by_name.or_else(|| run.phases.iter().max_by_key(requests).filter(|_| is_only))
}

/// What was measured in a phase.
struct Measured<'a> {
    phase: &'a str,
    /// `None` where it is not known what was counted.
    counted: Option<Counted<'a>>,
    seconds: f64,
    host_cpu: Cell,
    host_memory: Cell,
    connections: Cell,
}

/// What was counted in a phase.
struct Counted<'a> {
    figures: &'a Figures,
    latency: Distribution,
    requests: u64,
    errors: u64,
    bytes: u64,
}

impl<'a> Measured<'a> {
    fn of(run: &Recording, phase: &'a Phase) -> Self {
        // The time under load: from the first row with load to the last, and not beyond the phase.
        let loaded = run.target.of(Figure::Rps).filter(|(_, rps)| rps.most().is_some_and(|rps| rps > 0.0));
        let loaded = loaded.filter(|(stretch, _)| stretch.to_s > phase.from_s && stretch.from_s < phase.to_s);
        let ends = loaded.fold(None, |ends: Option<(f64, f64)>, (stretch, _)| {
            Some((ends.map_or(stretch.from_s, |(from_s, _)| from_s), stretch.to_s))
        });
        let (from_s, to_s) = ends.unwrap_or(phase.period());
        let cell = |figure| run.target.within(figure, phase.period());
        Self {
            phase: &phase.name,
            counted: phase.figures.as_ref().map(Counted::of),
            seconds: to_s.min(phase.to_s) - from_s.max(phase.from_s),
            host_cpu: cell(Figure::HostCpu),
            host_memory: cell(Figure::HostMemory),
            connections: cell(Figure::Connections),
        }
    }

    /// A published figure by its name in a profile, as it was measured; `None` where it was not.
    fn figure(&self, name: &str) -> Option<f64> {
        let Self { phase: _, counted, seconds, host_cpu, host_memory, connections } = self;
        let counted = || counted.as_ref();
        let latency = || counted().map(|counted| &counted.latency);
        let ms = |ns: Option<f64>| ns.map(|ns| ns / 1e6);
        let a_second = |count: u64| (*seconds > 0.0).then(|| float(count) / seconds);
        match name {
            "requests" => counted().map(|counted| float(counted.requests)),
            "errors" => counted().map(|counted| float(counted.errors)),
            "error_pct" => {
                counted().and_then(|counted| ratio(counted.errors, counted.requests)).map(|share| share * 100.0)
            }
            "concurrency" | "users" => connections.most(),
            "duration_s" => Some(*seconds),
            "requests_per_s" => counted().and_then(|counted| a_second(counted.requests)),
            "bytes_per_s" => counted().and_then(|counted| a_second(counted.bytes)),
            "response_bytes" => counted().and_then(|counted| ratio(counted.bytes, counted.requests)),
            "mean_ms" => ms(latency()?.mean_ns()),
            "min_ms" => ms(latency()?.quantile_ns(0.0).map(float)),
            "max_ms" => ms(latency().filter(|latency| !latency.is_empty()).map(|latency| float(latency.max_ns))),
            "cpu_pct" => host_cpu.mean(),
            "memory_pct" => host_memory.mean(),
            _ => ms(latency()?.quantile_ns(Published::quantile(name)?).map(float)),
        }
    }
}

impl<'a> Counted<'a> {
    fn of(figures: &'a Figures) -> Self {
        let counts = &figures.totals.counts;
        let failed = |route: &RouteReading| {
            route.counts.broken + route.statuses.range(ERROR..).map(|(_, count)| count).sum::<u64>()
        };
        let failed: u64 = figures.routes.iter().map(failed).sum();
        Self {
            figures,
            latency: figures.recorded().latency,
            requests: counts.finished,
            errors: failed + counts.refused + counts.rejected + figures.totals.lost,
            bytes: counts.bytes_out,
        }
    }

    /// Answers below 400 on a route, which is named with its method.
    fn worked(&self, name: &str) -> u64 {
        let routes = self.figures.routes.iter().filter(|route| named(&route.method, &route.path) == name);
        routes.flat_map(|route| route.statuses.range(..ERROR)).map(|(_, count)| count).sum()
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| float(part) / float(whole))
}

/// How a figure is shown.
type Shown = fn(f64) -> String;

/// What a report calls a figure, and how it shows it: by the unit at the end of its name in a profile.
fn title(name: &str) -> (String, Shown) {
    let units: [(&str, Shown); 5] = [
        ("_per_s", |value| format!("{}/s", number(value))),
        ("_bytes", bytes),
        ("_ms", |ms| microseconds(ms * 1e3)),
        ("_pct", percent),
        ("_s", span),
    ];
    let found = units.into_iter().find_map(|(unit, how)| Some((name.strip_suffix(unit)?, how)));
    let (what, how) = found.unwrap_or((name, number));
    match what {
        "bytes" => ("bytes a second".to_owned(), |value| format!("{}/s", bytes(value))),
        "requests" if what != name => ("requests a second".to_owned(), how),
        "response" => ("bytes a response".to_owned(), how),
        "error" => ("errors, of all".to_owned(), how),
        "cpu" => ("CPU of the machine".to_owned(), how),
        "memory" => ("memory of the machine".to_owned(), how),
        "concurrency" | "users" => (format!("{what}; connections, most"), how),
        _ if Published::quantile(name).is_some() => (what.replace('_', "."), how),
        _ => (what.replace('_', " "), how),
    }
}

/// Every figure of a measurement, published and measured.
fn rows(set: &Published, measured: Option<&Measured<'_>>) -> Vec<Vec<String>> {
    let row = |title: String, how: Shown, published: f64, value: Option<f64>| {
        let ratio = value.filter(|_| published > 0.0).map(|value| value / published);
        vec![
            if set.name.is_empty() { NONE.to_owned() } else { set.name.clone() },
            title,
            how(published),
            shown(value, how),
            shown(ratio, |ratio| format!("{} ×", number(ratio))),
            measured.map_or(NONE, |measured| measured.phase).to_owned(),
        ]
    };
    let counted = || measured.and_then(|measured| measured.counted.as_ref());
    let figures = set.in_order().map(|(name, published)| {
        let (title, how) = title(name);
        row(title, how, published, measured.and_then(|measured| measured.figure(name)))
    });
    let statuses = set.status.iter().map(|(status, published)| {
        let value = counted().map(|counted| counted.figures.statuses().get(status).copied().unwrap_or(0));
        row(format!("status {status}"), number, float(*published), value.map(float))
    });
    let routes = set.succeeded.iter().map(|(route, published)| {
        let value = counted().map(|counted| float(counted.worked(route)));
        row(format!("worked: {route}"), number, float(*published), value)
    });
    // Only a client has messages.
    let messages = set
        .messages
        .iter()
        .map(|(message, published)| row(format!("failed: {message}"), number, float(*published), None));
    figures.chain(statuses).chain(routes).chain(messages).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{distribution, run_with};
    use crate::histogram::Durations;
    use crate::profile::PUBLISHED;

    /// Of each row: measurement, figure, published, measured.
    fn cells(run: &Recording) -> Vec<String> {
        let [table, _] = tables(run);
        table.rows.iter().map(|row| row[..4].join(" | ")).collect()
    }

    /// 2,000 requests in 20 s, 4 ms each, of which 10 were errors.
    fn measured(published: &serde_json::Value) -> Recording {
        let route = RouteReading {
            method: "GET".to_owned(),
            path: "/page".to_owned(),
            statuses: [(200, 1_990), (502, 10)].into(),
            durations: Durations { latency: distribution(2_000, 4_000), ..Durations::default() },
            ..RouteReading::default()
        };
        let mut figures = Figures { routes: vec![route], ..Figures::default() };
        figures.totals.counts.finished = 2_000;
        figures.totals.counts.bytes_out = 2_000_000;
        let columns: &[(Figure, &[f64])] = &[
            (Figure::Rps, &[100.0; 21]),
            (Figure::HostCpu, &[40.0; 21]),
            (Figure::HostMemory, &[20.0; 21]),
            (Figure::Connections, &[8.0; 21]),
        ];
        let mut run = run_with(columns, figures);
        let record = serde_json::json!({ "config": { "mode": "cluster" }, "profile": { "content": { "published": published } } });
        run.about = crate::recording::About::of(record);
        run
    }

    #[test]
    fn every_published_figure_has_one_beside_it_that_was_measured() {
        let published = serde_json::json!({
            "requests": 10_000, "errors": 50, "concurrency": 50, "duration_s": 15.2, "requests_per_s": 658.21,
            "bytes_per_s": 450_500, "response_bytes": 684, "mean_ms": 120, "min_ms": 45, "p95_ms": 250, "p99_9_ms": 450,
            "max_ms": 580, "error_pct": 0.5, "cpu_pct": 85, "memory_pct": 80,
            "status": { "200": 9_950, "502": 20 }, "succeeded": { "GET /page": 1 }, "messages": { "gone": 2 },
        });
        let expected = [
            "– | requests | 10,000 | 2,000",
            "– | errors | 50 | 10",
            "– | concurrency; connections, most | 50 | 8",
            "– | duration | 15.2 s | 20 s",
            "– | requests a second | 658/s | 100/s",
            "– | bytes a second | 440 KiB/s | 97.7 KiB/s",
            "– | bytes a response | 684 B | 0.977 KiB",
            "– | mean | 120 ms | 4.01 ms",
            "– | min | 45 ms | 4 ms",
            "– | p95 | 250 ms | 4 ms",
            "– | p99.9 | 450 ms | 4 ms",
            "– | max | 580 ms | 4 ms",
            "– | errors, of all | 0.5 % | 0.5 %",
            "– | CPU of the machine | 85 % | 40 %",
            "– | memory of the machine | 80 % | 20 %",
            "– | status 200 | 9,950 | 1,990",
            "– | status 502 | 20 | 10",
            "– | worked: GET /page | 1 | 1,990",
            "– | failed: gone | 2 | –",
        ];
        assert_eq!(cells(&measured(&published)), expected);
    }

    /// A figure that nobody measures would stand there with a dash for ever.
    #[test]
    fn every_figure_of_the_built_in_systems_is_measured() {
        for (name, text) in PUBLISHED {
            for set in crate::profile::published(name, text).unwrap() {
                let run = measured(&serde_json::json!({}));
                let measured = Measured::of(&run, &run.phases[0]);
                // What a generator is told, and a target can't see.
                for (figure, _) in set.in_order().filter(|(figure, _)| *figure != "spawn_rate") {
                    assert!(measured.figure(figure).is_some(), "{name}: {figure}");
                }
            }
        }
    }

    #[test]
    fn a_measurement_stands_beside_the_phase_of_its_name_in_its_mode() {
        let set = |name: &str, mode: &str| serde_json::json!({ "name": name, "mode": mode, "requests": 1 });
        let mut run = measured(&serde_json::json!([set("alone", "single"), set("together", "cluster")]));
        assert_eq!(cells(&run), ["alone | requests | 1 | –", "together | requests | 1 | 2,000"]);
        let users = |name: &str| serde_json::json!({ "name": name, "users": 1 });
        run.about = measured(&serde_json::json!([users("10 users"), users("50 users")])).about;
        assert_eq!(
            cells(&run),
            ["10 users | users; connections, most | 1 | –", "50 users | users; connections, most | 1 | –"],
            "which is meant is not known"
        );
        run.about = measured(&serde_json::json!([users("10 users"), users("5,000 users")])).about;
        run.phases[0].name = "5000 users".to_owned();
        assert_eq!(
            cells(&run),
            ["10 users | users; connections, most | 1 | –", "5,000 users | users; connections, most | 1 | 8"]
        );
    }

    #[test]
    fn a_phase_that_was_not_counted_and_a_profile_without_figures_say_nothing() {
        let mut run = measured(&serde_json::json!({ "requests": 5, "cpu_pct": 1 }));
        run.phases[0].figures = None;
        assert_eq!(cells(&run), ["– | requests | 5 | –", "– | CPU of the machine | 1.0 % | 40 %"]);
        assert!(cells(&measured(&serde_json::Value::Null)).is_empty());
    }

    #[test]
    fn contradictions_are_named() {
        let published = serde_json::json!({ "concurrency": 50, "requests_per_s": 658.21, "mean_ms": 120 });
        let [_, contradictions] = tables(&measured(&published));
        let [row] = &contradictions.rows[..] else { panic!("{contradictions:?}") };
        assert_eq!(row[..3], ["Little's law", "658 a second × mean 120 ms = 79 in flight", "concurrency: 50"]);
    }
}
