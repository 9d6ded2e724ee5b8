//! The knee: where more load stops to bring throughput and brings latency instead (Jain, *The Art of Computer Systems
//! Performance Analysis*, 3.3: "the knee of the curve").
//!
//! A level of load is a stretch in which the number of open connections stays about the same. That is what a closed load
//! generator varies; one that opens connections at a rate of its own has no such levels, and then nothing is found.
//!
//! Levels compare only while the same work is asked for. What was asked for is not recorded, but other work shows in other
//! routes or in another service time; what a longer service brings is not called a knee.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Figure, Recording, Route, Stretch};
use crate::units::shown::{amount, microseconds, number, percent};

/// Connections that differ by less are one level.
const SAME_LEVEL: f64 = 0.1;

/// A row that begins so soon after another one is the next.
const NEXT_S: f64 = 0.01;

/// Rows of a level, at least.
const ROWS: u64 = 3;

/// Behind the knee there are so many more connections, at least …
const MORE_LOAD: f64 = 1.5;

/// … whose latency is so much longer, at least …
const MORE_LATENCY: f64 = 1.3;

/// … for so much more throughput, at most.
const FLAT: f64 = 1.1;

/// Of the longer latency, no more may be longer service.
const SERVICE: f64 = 0.5;

/// Nor may the service be so many times as long: waiting multiplies it, so that a small part of the latency can be other work.
const LONGER_SERVICE: f64 = 1.5;

/// The routes' shares of the requests may differ by so much, in all.
const OTHER_ROUTES: f64 = 0.2;

/// What was done with so many connections open.
#[derive(Clone, Debug, Default, PartialEq)]
struct Level {
    connections: f64,
    rps: f64,
    latency_us: f64,
    service_us: f64,
    seconds: f64,
    rows: u64,
    /// When that was.
    spans: Vec<(f64, f64)>,
}

impl Level {
    /// Both, each with the weight of its time.
    fn and(&self, other: &Self) -> Self {
        let seconds = self.seconds + other.seconds;
        let mean = |of: fn(&Self) -> f64| (of(self) * self.seconds + of(other) * other.seconds) / seconds;
        let mut spans = self.spans.clone();
        for &(from_s, to_s) in &other.spans {
            match spans.last_mut().filter(|last| from_s - last.1 < NEXT_S) {
                Some(last) => last.1 = to_s,
                None => spans.push((from_s, to_s)),
            }
        }
        Self {
            connections: mean(|level| level.connections),
            rps: mean(|level| level.rps),
            latency_us: mean(|level| level.latency_us),
            service_us: mean(|level| level.service_us),
            seconds,
            rows: self.rows + other.rows,
            spans,
        }
    }

    /// From its first row to its last.
    fn at(&self) -> Option<(f64, f64)> {
        Some((self.spans.first()?.0, self.spans.last()?.1))
    }

    fn is_like(&self, other: &Self) -> bool {
        (self.connections - other.connections).abs() <= SAME_LEVEL * self.connections.max(other.connections)
    }
}

pub fn find(run: &Recording) -> Vec<Finding> {
    let levels = levels(run);
    let Some((knee, last)) = knee(&levels) else { return Vec::new() };
    if other_routes(run, knee, last) > OTHER_ROUTES {
        return Vec::new();
    }
    let is_first = levels.first() == Some(knee);
    let gain = (last.rps / knee.rps - 1.0) * 100.0;
    let place = if is_first { "at or below" } else { "at about" };
    vec![Finding {
        rule: Rule::Knee,
        weight: Weight::Limit,
        sentence: format!(
            "The knee is {place} {}. With {}, the target did {} {} requests/s, and the median latency went from {} to {}.",
            amount(knee.connections, "connection"),
            number(last.connections),
            percent(gain.abs()),
            if gain < 0.0 { "fewer" } else { "more" },
            microseconds(knee.latency_us),
            microseconds(last.latency_us),
        ),
        evidence: levels
            .iter()
            .map(|level| {
                let at = amount(level.connections, "connection");
                (at, format!("{} requests/s, median {}", number(level.rps), microseconds(level.latency_us)))
            })
            .take(12)
            .chain(evidence([("levels of load", levels.len().to_string())]))
            .collect(),
        at: last.at(),
        certainty: if levels.len() > 2 { Certainty::Likely } else { Certainty::Possible },
        unknown: "where between two levels it lies, whether open connections were used, and whether each level was asked for the same",
    }]
}

/// The levels of load, the lowest first.
fn levels(run: &Recording) -> Vec<Level> {
    let rows = (0..run.target.stretches().len()).filter_map(|number| {
        let stretch = run.target.stretches()[number];
        let mean = |figure| run.target.cell(number, figure).mean();
        let level = Level {
            connections: mean(Figure::Connections)?,
            rps: mean(Figure::Rps)?,
            latency_us: mean(Figure::LatencyP50)?,
            service_us: mean(Figure::ServiceP50)?,
            seconds: stretch.seconds(),
            rows: stretch.rows,
            spans: vec![(stretch.from_s, stretch.to_s)],
        };
        (level.connections >= 1.0 && level.rps > 0.0 && level.seconds > 0.0).then_some(level)
    });
    let mut together: Vec<Level> = Vec::new();
    for row in rows {
        match together.last_mut() {
            Some(level) if level.is_like(&row) && follows(level, &row) => *level = level.and(&row),
            _ => together.push(row),
        }
    }
    together.retain(|level| level.rows >= ROWS);
    together.sort_by(|one, other| one.connections.total_cmp(&other.connections));
    let mut levels: Vec<Level> = Vec::new();
    for level in together {
        match levels.last_mut() {
            Some(last) if last.is_like(&level) => *last = last.and(&level),
            _ => levels.push(level),
        }
    }
    levels
}

/// Whether there is no row between them.
fn follows(level: &Level, row: &Level) -> bool {
    level.at().zip(row.at()).is_some_and(|((_, to_s), (from_s, _))| from_s - to_s < NEXT_S)
}

/// The first level that does nearly the most, and the highest one, if there is a knee between them.
fn knee(levels: &[Level]) -> Option<(&Level, &Level)> {
    let most = levels.iter().map(|level| level.rps).reduce(f64::max)?;
    let knee = levels.iter().find(|level| level.rps * FLAT >= most)?;
    let last = levels.last()?;
    let longer_us = last.latency_us - knee.latency_us;
    let is_behind = last.connections >= MORE_LOAD * knee.connections
        && last.latency_us >= MORE_LATENCY * knee.latency_us
        && last.rps <= FLAT * knee.rps
        && last.service_us - knee.service_us <= SERVICE * longer_us
        && last.service_us <= LONGER_SERVICE * knee.service_us;
    is_behind.then_some((knee, last))
}

/// How far the routes' shares of two levels' requests are apart, from 0 to 1; nothing where they are not known.
fn other_routes(run: &Recording, one: &Level, other: &Level) -> f64 {
    let requests = |level: &Level, route: &Route| -> f64 {
        let gains = route.series.gains(Figure::Requests);
        let rows = route.series.stretches().iter().zip(gains);
        let within = |stretch: &Stretch| level.spans.iter().any(|span| stretch.is_within(*span));
        rows.filter(|(stretch, _)| within(stretch)).filter_map(|(_, gain)| gain).sum()
    };
    let of = |level: &Level| -> Vec<f64> { run.routes.iter().map(|route| requests(level, route)).collect() };
    let (one, other) = (of(one), of(other));
    let (all, all_others): (f64, f64) = (one.iter().sum(), other.iter().sum());
    if all == 0.0 || all_others == 0.0 {
        return 0.0;
    }
    one.iter().zip(&other).map(|(one, other)| (one / all - other / all_others).abs()).sum::<f64>() / 2.0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{route, run};

    /// Four rows of each step: connections, requests/s and median latency.
    type Step = (f64, f64, f64);

    fn ramp(steps: &[Step]) -> Recording {
        serving(steps, &vec![500.0; steps.len()])
    }

    /// The same, with a service time of each step.
    fn serving(steps: &[Step], service_us: &[f64]) -> Recording {
        let column = |of: fn(&Step) -> f64| -> Vec<f64> { steps.iter().flat_map(|step| [of(step); 4]).collect() };
        let service: Vec<f64> = service_us.iter().flat_map(|service| [*service; 4]).collect();
        run(&[
            (Figure::Connections, &column(|step| step.0)),
            (Figure::Rps, &column(|step| step.1)),
            (Figure::LatencyP50, &column(|step| step.2)),
            (Figure::ServiceP50, &service),
        ])
    }

    #[test]
    fn other_work_is_no_knee() {
        let steps = [(8.0, 400.0, 20e3), (16.0, 790.0, 20e3), (64.0, 400.0, 160e3)];
        assert_eq!(find(&ramp(&steps)).len(), 1);
        let longer = serving(&steps, &[20e3, 20e3, 159e3]);
        assert!(find(&longer).is_empty(), "it is served for longer, and does not wait");
        let waits_for_longer_work = serving(&[(10.0, 990.0, 10e3), (20.0, 99.0, 200e3)], &[1e3, 10e3]);
        assert!(find(&waits_for_longer_work).is_empty(), "ten times the work");
        let mut others = ramp(&steps);
        let until = |row: f64| -> Vec<f64> { (0..12).map(|number| f64::from(number).min(row)).collect() };
        let from = |row: f64| -> Vec<f64> { (0..12).map(|number| (f64::from(number) - row).max(0.0)).collect() };
        others.routes = vec![
            route("/io", &[(Figure::Requests, &until(7.0))]),
            route("/cpu", &[(Figure::Requests, &from(7.0))]),
        ];
        assert!(find(&others).is_empty(), "another route");
        others.routes.truncate(1);
        assert_eq!(find(&others).len(), 1, "what is not known is no reason");
    }

    #[test]
    fn it_is_where_throughput_goes_flat_and_latency_grows() {
        let found =
            find(&ramp(&[(8.0, 400.0, 20e3), (16.0, 790.0, 20e3), (32.0, 810.0, 40e3), (64.0, 805.0, 80e3)]));
        assert_eq!(
            found[0].sentence,
            "The knee is at about 16 connections. With 64, the target did 1.9 % more requests/s, and the median latency went from 20 ms to 80 ms."
        );
        assert_eq!((found[0].certainty, found[0].at), (Certainty::Likely, Some((11.0, 15.0))));
        let from_the_first = find(&ramp(&[(16.0, 800.0, 20e3), (64.0, 790.0, 80e3)]));
        assert!(from_the_first[0].sentence.starts_with("The knee is at or below 16"), "{from_the_first:?}");
        assert_eq!(from_the_first[0].certainty, Certainty::Possible);
    }

    #[test]
    fn there_is_none_while_throughput_grows_or_latency_does_not() {
        assert!(find(&ramp(&[(8.0, 400.0, 20e3), (16.0, 790.0, 20e3), (32.0, 1500.0, 21e3)])).is_empty());
        assert!(find(&ramp(&[(8.0, 400.0, 20e3), (64.0, 400.0, 20e3)])).is_empty(), "the clients ask no more");
        assert!(find(&ramp(&[(64.0, 800.0, 80e3)])).is_empty());
        assert!(find(&run(&[(Figure::Connections, &[8.0; 9]), (Figure::Rps, &[1.0; 9])])).is_empty());
    }

    #[test]
    fn the_way_from_one_level_to_the_next_is_none() {
        let connections = [8.0, 8.0, 8.0, 8.0, 20.0, 40.0, 64.0, 64.0, 64.0, 8.0, 8.0, 8.0];
        let levels = levels(&run(&[
            (Figure::Connections, &connections),
            (Figure::Rps, &[100.0; 12]),
            (Figure::LatencyP50, &[1e3; 12]),
            (Figure::ServiceP50, &[1e3; 12]),
        ]));
        let shown: Vec<_> = levels.iter().map(|level| (level.connections, level.rows)).collect();
        assert_eq!(shown, [(8.0, 6), (64.0, 3)]);
    }
}
