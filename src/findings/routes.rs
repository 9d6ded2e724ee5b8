//! Whether a route computes, waits or queues, and behind whose work it waited for the event loop.
//!
//! All of it is measured: what work spends is told by who does it, and when a request has waited for the loop, the worker
//! knows which requests were on the loop meanwhile. Where that is not known, it is said.

use super::queueing::busiest;
use super::split::{Kind, Service, Split};
use super::{Certainty, Finding, Rule, Weight, capital, evidence, held_up_by_a_plan, in_phase, or_unknown};
use crate::recording::{Phase, Recording};
use crate::snapshot::RouteReading;
use crate::units::shown::{count, float, microseconds};

/// Fewer requests have no mean worth a sentence.
const REQUESTS: u64 = 20;

/// Nor have shorter ones …
const WORTH_US: f64 = 500.0;

/// … nor what is a smaller part of them.
const HARDLY: f64 = 0.1;

/// From here on it was most.
const MOSTLY: f64 = 0.5;

/// So many routes of a phase are told of, those with the most time in them. The table has all.
const ROUTES: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    busiest(run).into_iter().flat_map(|(phase, _)| of_phase(run, phase)).collect()
}

fn of_phase(run: &Recording, phase: &Phase) -> Vec<Finding> {
    let Some(figures) = &phase.figures else { return Vec::new() };
    // A run of an earlier version has not recorded it.
    if figures.routes.iter().all(|route| route.counts.told == 0) {
        return Vec::new();
    }
    let worth = |(route, split): &(&RouteReading, Split)| {
        route.durations.latency.count() >= REQUESTS && split.latency_us >= WORTH_US
    };
    let split = |route| Some((route, Split::of(route)?));
    let mut routes: Vec<_> = figures.routes.iter().filter_map(split).filter(worth).collect();
    let all_us =
        |(route, split): &(&RouteReading, Split)| split.latency_us * float(route.durations.latency.count());
    routes.sort_by(|one, other| all_us(other).total_cmp(&all_us(one)));
    routes.truncate(ROUTES);
    routes.into_iter().map(|(route, split)| of_route(run, phase, route, &split)).collect()
}

fn of_route(run: &Recording, phase: &Phase, route: &RouteReading, split: &Split) -> Finding {
    let kind = split.kind();
    let (place, name, latency) = (in_phase(run, phase), named(route), microseconds(split.latency_us));
    let sentence = match kind {
        Kind::Unknown => {
            format!("{place}it is not known what {name} did in its {latency}: its handler does not say.")
        }
        Kind::Unmeasured => {
            format!("{place}what {name} mostly does is not measured: of {latency}, {}.", parts(split))
        }
        _ => format!("{place}{name} {}: of {latency}, {}.", kind.name(), parts(split)),
    };
    let waited = split.turn_us() >= WORTH_US.max(HARDLY * split.latency_us);
    let behind = if waited { Behind::of(phase, route, split) } else { Behind::Nothing };
    let parts = |part: fn(&Service) -> f64| or_unknown(split.service.as_ref().map(part), microseconds);
    Finding {
        rule: Rule::Routes,
        weight: if kind == Kind::Queues { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence) + &behind.sentence(route) + &held_up_by_a_plan(run, phase.from_s, phase.to_s),
        evidence: evidence([
            ("requests", count(route.durations.latency.count())),
            ("waiting to be read, mean", or_unknown(split.queue_us, microseconds)),
            ("waiting for the event loop after that, mean", or_unknown(split.loop_us, microseconds)),
            ("waiting for a thread of the pool, mean", parts(|service| service.pool_us)),
            ("I/O: sleeping, or waiting for the request's body, mean", parts(|service| service.io_us)),
            ("waiting for a database connection, mean", parts(|service| service.acquire_us)),
            ("the database, mean", parts(|service| service.db_us)),
            ("decoding and resizing pictures, and their model, mean", parts(|service| service.picture_us)),
            ("held up by faults and modifiers, mean", parts(|service| service.injected_us)),
            ("computing, mean", parts(|service| service.cpu_us)),
            ("the rest of the service, mean", parts(|service| service.rest_us)),
            ("waiting while requests held the event loop, mean", each_behind(phase, route)),
        ]),
        at: Some(phase.period()),
        certainty: if matches!(behind, Behind::Unknown) { Certainty::Likely } else { Certainty::Certain },
        unknown: "what is no work that the target measures: reading requests, writing answers and what each of them costs. It holds the event loop too",
    }
}

/// The parts of a latency that are not hardly any of it, the largest first: `41 ms are …, 20 ms …`.
fn parts(split: &Split) -> String {
    let service = split.service.map(
        |Service { cpu_us, io_us, acquire_us, db_us, picture_us, injected_us, rest_us, pool_us: _ }| {
            [
                (cpu_us, "its own computing"),
                (io_us, "its own I/O"),
                (acquire_us, "waiting for a database connection"),
                (db_us, "the database"),
                (picture_us, "the picture and its model"),
                (injected_us, "faults or modifiers"),
                (rest_us, "not measured"),
            ]
        },
    );
    let turn = (split.turn_us(), "waiting for its turn");
    let mut all: Vec<(f64, &str)> = [turn].into_iter().chain(service.into_iter().flatten()).collect();
    all.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    all.retain(|(part_us, _)| *part_us >= HARDLY * split.latency_us);
    let told: Vec<String> =
        all.iter().map(|(part_us, what)| format!("{} {what}", microseconds(*part_us))).collect();
    told.join(", ")
}

/// Behind whom a route has waited for the event loop.
enum Behind<'a> {
    /// Hardly at all, or for a thread of the pool.
    Nothing,
    /// Mostly behind one, for so long on average.
    One(f64, Option<&'a RouteReading>),
    /// Behind several.
    Several(f64),
    /// No measured work was on the loop for most of the time.
    Unknown,
    /// Mostly for a thread of the pool.
    Pool(f64),
}

impl<'a> Behind<'a> {
    fn of(phase: &'a Phase, route: &RouteReading, split: &Split) -> Self {
        let waited_us = split.loop_turn_us();
        let pool_us = split.service.map_or(0.0, |service| service.pool_us);
        if pool_us > waited_us {
            return Self::Pool(pool_us);
        }
        let mean_us = |sum_ns: u64| float(sum_ns) / float(route.durations.latency.count()) / 1e3;
        let most = route.behind.iter().max_by_key(|(_, sum_ns)| **sum_ns);
        let all_us = mean_us(route.behind.values().sum());
        match most {
            Some((number, sum_ns)) if mean_us(*sum_ns) >= MOSTLY * waited_us => {
                Self::One(mean_us(*sum_ns), numbered(phase, *number))
            }
            _ if all_us >= MOSTLY * waited_us => Self::Several(all_us),
            _ => Self::Unknown,
        }
    }

    fn sentence(&self, route: &RouteReading) -> String {
        match self {
            Self::Nothing => String::new(),
            Self::One(us, None) => {
                format!(" It waited {} behind a route that finished nothing meanwhile.", microseconds(*us))
            }
            Self::One(us, Some(other)) => {
                let whom = if other.number == route.number { "others of its own".to_owned() } else { named(other) };
                let each_us = |sum_ns: u64| float(sum_ns) / float(other.finished()) / 1e3;
                let (held_us, computed_us) = (each_us(other.counts.held_ns), each_us(other.spent.cpu_ns));
                let computed = if computed_us >= HARDLY * held_us {
                    format!(" and computed for {}", microseconds(computed_us))
                } else {
                    String::new()
                };
                format!(
                    " It waited {} behind {whom}, which held the event loop for {} a request{computed}.",
                    microseconds(*us),
                    microseconds(held_us)
                )
            }
            Self::Several(us) => format!(" It waited {} behind requests of several routes.", microseconds(*us)),
            Self::Unknown => {
                " What it waited for is not known: mostly no measured work was on the event loop.".to_owned()
            }
            Self::Pool(us) => format!(" It waited {} for a thread of the pool.", microseconds(*us)),
        }
    }
}

/// Each route that requests have waited behind, for how long on average.
fn each_behind(phase: &Phase, route: &RouteReading) -> String {
    let mut all: Vec<(&usize, &u64)> = route.behind.iter().collect();
    all.sort_by_key(|(_, sum_ns)| std::cmp::Reverse(**sum_ns));
    let each = all.into_iter().map(|(number, sum_ns)| {
        let whose = numbered(phase, *number).map_or_else(|| "another route".to_owned(), named);
        format!("{} of {whose}", microseconds(float(*sum_ns) / float(route.durations.latency.count()) / 1e3))
    });
    let each: Vec<String> = each.collect();
    if each.is_empty() { "none".to_owned() } else { each.join(", ") }
}

fn numbered(phase: &Phase, number: usize) -> Option<&RouteReading> {
    phase.figures.as_ref()?.routes.iter().find(|route| route.number == number)
}

fn named(route: &RouteReading) -> String {
    if route.method.is_empty() { route.path.clone() } else { format!("{} {}", route.method, route.path) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{distribution, run_with};
    use crate::histogram::Durations;
    use crate::recording::Figure;
    use crate::scoreboard::{RouteCounts, Spent};
    use crate::snapshot::Figures;

    const MS: u64 = 1_000_000;

    /// 100 requests each of which has waited, then spent this, in milliseconds.
    fn route(
        number: usize,
        path: &str,
        (queue, loop_wait): (u64, u64),
        (cpu, io, pool): (u64, u64, u64),
    ) -> RouteReading {
        let of_ms = |ms: u64| distribution(100, ms * 1_000);
        RouteReading {
            number,
            path: path.to_owned(),
            method: "GET".to_owned(),
            statuses: [(200, 100)].into(),
            counts: RouteCounts { told: 100, held_ns: 100 * cpu * MS, ..RouteCounts::default() },
            spent: Spent {
                cpu_ns: 100 * cpu * MS,
                io_ns: 100 * io * MS,
                pool_ns: 100 * pool * MS,
                ..Spent::default()
            },
            durations: Durations {
                queue: of_ms(queue),
                loop_wait: of_ms(loop_wait),
                service: of_ms(cpu + io + pool),
                latency: of_ms(queue + loop_wait + cpu + io + pool),
                ..Durations::default()
            },
            ..RouteReading::default()
        }
    }

    fn found(routes: &[RouteReading]) -> Vec<Finding> {
        let mut figures = Figures { routes: routes.to_vec(), ..Figures::default() };
        figures.totals.counts.finished = 100 * routes.len() as u64;
        find(&run_with(&[(Figure::Rps, &[1.0; 10])], figures))
    }

    fn cpu() -> RouteReading {
        route(2, "/cpu", (1, 0), (10, 0, 0))
    }

    #[test]
    fn it_says_who_made_whom_wait() {
        let mut io = route(1, "/io", (30, 11), (0, 20, 0));
        io.behind = [(2, 100 * 39 * MS), (1, 100 * MS)].into();
        let found = found(&[io, cpu()]);
        let sentences: Vec<&str> = found.iter().map(|finding| &*finding.sentence).collect();
        let expected = [
            "GET /io queues: of 60.9 ms, 40.9 ms waiting for its turn, 20 ms its own I/O. It waited 39 ms behind GET /cpu, which held the event loop for 10 ms a request and computed for 10 ms.",
            "GET /cpu computes: of 11 ms, 10 ms its own computing.",
        ];
        assert_eq!(sentences, expected);
        assert_eq!((found[0].weight, found[1].weight), (Weight::Limit, Weight::Note));
        assert_eq!(found[0].evidence[11].1, "39 ms of GET /cpu, 1 ms of GET /io");
    }

    #[test]
    fn what_is_mostly_not_measured_is_said() {
        let mut slow = route(1, "/cpu", (0, 0), (10, 0, 0));
        slow.durations.service = distribution(100, 40_000);
        slow.durations.latency = distribution(100, 40_000);
        let expected =
            "What GET /cpu mostly does is not measured: of 40 ms, 30 ms not measured, 10 ms its own computing.";
        assert_eq!(found(&[slow])[0].sentence, expected);
    }

    #[test]
    fn a_route_that_waits_for_nobody_is_behind_nobody() {
        let found = found(&[route(1, "/io", (0, 1), (0, 20, 0)), cpu()]);
        assert_eq!(found[0].sentence, "GET /io waits: of 21 ms, 20 ms its own I/O.");
    }

    #[test]
    fn what_is_not_known_is_said() {
        let unexplained = found(&[route(1, "/io", (30, 11), (0, 20, 0))]).remove(0);
        let expected = " What it waited for is not known: mostly no measured work was on the event loop.";
        assert!(unexplained.sentence.ends_with(expected), "{unexplained:?}");
        assert_eq!(unexplained.certainty, Certainty::Likely);
        let telling = |told, queue| {
            let mut route = route(1, "/io", (queue, 0), (0, 20, 0));
            route.counts.told = told;
            route
        };
        let silent = |queue| telling(50, queue);
        let sentence = "It is not known what GET /io did in its 21 ms: its handler does not say.";
        assert_eq!(found(&[silent(1)])[0].sentence, sentence);
        let queued = &found(&[silent(40)])[0].sentence;
        assert!(
            queued.starts_with("GET /io queues: of ") && queued.contains(" waiting for its turn. "),
            "{queued}"
        );
        assert!(found(&[telling(0, 40)]).is_empty(), "of an earlier version");
    }

    #[test]
    fn others_of_the_same_route_several_routes_the_pool_and_a_blocked_loop() {
        let behind = |behind: &[(usize, u64)], others: &[RouteReading]| {
            let mut io = route(1, "/io", (40, 0), (0, 10, 0));
            io.behind = behind.iter().map(|(number, ms)| (*number, 100 * ms * MS)).collect();
            io.counts.held_ns = 100 * 10 * MS;
            let routes: Vec<RouteReading> = [io].iter().chain(others).cloned().collect();
            found(&routes)[0].sentence.split_once(". ").unwrap().1.to_owned()
        };
        let own = "It waited 38 ms behind others of its own, which held the event loop for 10 ms a request.";
        assert_eq!(behind(&[(1, 38)], &[]), own);
        let several = [cpu(), RouteReading { number: 3, ..cpu() }];
        assert_eq!(behind(&[(2, 19), (3, 19)], &several), "It waited 38 ms behind requests of several routes.");
        assert_eq!(behind(&[(9, 38)], &[]), "It waited 38 ms behind a route that finished nothing meanwhile.");
        let pooled = &found(&[route(1, "/io", (1, 0), (0, 20, 80))])[0].sentence;
        let expected = "GET /io queues: of 101 ms, 81 ms waiting for its turn, 20 ms its own I/O. It waited 80 ms for a thread of the pool.";
        assert_eq!(pooled, expected);
    }

    #[test]
    fn few_or_short_requests_say_nothing() {
        let mut few = route(1, "/io", (0, 0), (0, 20, 0));
        few.durations.latency = distribution(19, 20_000);
        let mut short = route(2, "/io", (0, 0), (0, 0, 0));
        short.durations.latency = distribution(100, 499);
        let mut found = found(&[few, short, cpu()]);
        assert_eq!((found.len(), found.remove(0).sentence.contains("GET /cpu computes")), (1, true));
    }
}
