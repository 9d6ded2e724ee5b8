//! Waiting against service, in each phase that matters: from the summed histograms where there are any.
//!
//! A request waits before it is read (queue), and again for the event loop whenever its timer, pool thread or body is ready.

use super::{Certainty, Finding, Rule, Weight, capital, evidence, held_up_by_a_plan, in_phase};
use crate::histogram::{Distribution, Durations};
use crate::recording::{Phase, Recording};
use crate::units::shown::{count, float, microseconds, percent};

/// Fewer requests have no quantiles worth a sentence.
const REQUESTS: u64 = 100;

/// Waiting that is shorter is not worth one either.
const WORTH_US: f64 = 500.0;

/// From here on, most of the latency is waiting.
const MOSTLY: f64 = 0.5;

/// Below this, hardly any.
const HARDLY: f64 = 0.1;

const UNREAD: &str = "before the target had read the request";
const READY: &str = "The request's timer, pool thread or body was ready";
const WHERE: &str = "in the queue or for the event loop";

/// So many phases are told of, those with the most requests.
const PHASES: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    busiest(run).into_iter().filter_map(|(phase, recorded)| of_phase(run, phase, &recorded)).collect()
}

/// The phases with the most requests, of those whose requests were counted by themselves.
pub fn busiest(run: &Recording) -> Vec<(&Phase, Durations<Distribution>)> {
    let counted = run.phases.iter().filter_map(|phase| Some((phase, phase.figures.as_ref()?.recorded())));
    let mut phases: Vec<_> = counted.filter(|(_, recorded)| recorded.service.count() >= REQUESTS).collect();
    phases.sort_by_key(|(_, recorded)| std::cmp::Reverse(recorded.service.count()));
    phases.truncate(PHASES);
    phases
}

fn of_phase(run: &Recording, phase: &Phase, recorded: &Durations<Distribution>) -> Option<Finding> {
    let Durations { service, latency, queue, loop_wait, acquire: _ } = recorded;
    let mean_us = |distribution: &Distribution| distribution.mean_ns().map(|mean_ns| mean_ns / 1e3);
    let (queued, took) = (mean_us(queue)?, mean_us(latency)?);
    // A run of an earlier version has not counted it: it is in the service there.
    let looped = mean_us(loop_wait);
    let waited = queued + looped.unwrap_or(0.0);
    let share = waited / took;
    let p99 = |distribution: &Distribution| {
        distribution.quantiles().map_or_else(
            || "unknown".to_owned(),
            |quantiles| {
                let us = |nanoseconds: u64| microseconds(float(nanoseconds) / 1e3);
                format!("median {}, p99 {}", us(quantiles.p50_ns), us(quantiles.p99_ns))
            },
        )
    };
    let place = in_phase(run, phase);
    let (weight, sentence) = if share >= MOSTLY && waited >= WORTH_US {
        let of_it = |us: f64| percent(us / took * 100.0);
        let whereabouts = match looped.filter(|looped| *looped >= HARDLY * waited) {
            None => format!("{} of it passed in the queue, {UNREAD}", of_it(waited)),
            Some(_) if queued < HARDLY * waited => {
                format!("{} of it for the event loop. {READY} by then", of_it(waited))
            }
            Some(looped) => format!(
                "{} of it passed in the queue, {UNREAD}. Another {} was waiting for the event loop. {READY} by then",
                of_it(queued),
                of_it(looped)
            ),
        };
        (Weight::Limit, format!("{place}most of the latency was waiting: {whereabouts}."))
    } else if share < HARDLY {
        let sentence =
            format!("{place}the latency was service: {} of it was waiting, {WHERE}.", percent(share * 100.0));
        (Weight::Sound, sentence)
    } else {
        (Weight::Note, format!("{place}{} of the latency was waiting, {WHERE}.", percent(share * 100.0)))
    };
    Some(Finding {
        rule: Rule::Queueing,
        weight,
        sentence: capital(&sentence) + &held_up_by_a_plan(run, phase.from_s, phase.to_s),
        evidence: evidence([
            ("requests", count(latency.count())),
            ("mean waiting, mean latency", format!("{}, {}", microseconds(waited), microseconds(took))),
            ("queue", p99(queue)),
            ("waiting for the loop", p99(loop_wait)),
            ("service", p99(service)),
            ("latency", p99(latency)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: "what a client waited before its request arrived here: for a connection, for its own turn, for the network. The queue is a lower bound where the kernel merged segments",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, figures_behind_the_loop, plan, run_with};
    use crate::recording::{Faulty, Figure};

    fn found(queue_us: u64, service_us: u64, requests: u64) -> Vec<Finding> {
        find(&run_with(&[(Figure::Rps, &[1.0; 10])], figures(requests, (queue_us, service_us))))
    }

    fn found_behind_the_loop((queue_us, loop_us): (u64, u64), service_us: u64) -> Finding {
        let figures = figures_behind_the_loop(1_000, (queue_us, loop_us, service_us));
        find(&run_with(&[(Figure::Rps, &[1.0; 10])], figures)).remove(0)
    }

    #[test]
    fn waiting_for_the_loop_is_waiting() {
        let both = found_behind_the_loop((30_000, 40_000), 30_000);
        assert!(
            both.sentence.contains("30 % of it passed in the queue, before") && both.weight == Weight::Limit,
            "{both:?}"
        );
        assert!(both.sentence.contains("Another 40 % was waiting for the event loop. The"), "{both:?}");
        let woken_late = &found_behind_the_loop((100, 69_900), 30_000).sentence;
        assert!(
            woken_late.starts_with("Most of the latency was waiting: 70 % of it for the event loop. The"),
            "{woken_late}"
        );
        assert!(!found(900_000, 100_000, 1_000)[0].sentence.contains("event loop"));
        assert_eq!(found_behind_the_loop((100, 5_000), 100_000).weight, Weight::Sound);
    }

    #[test]
    fn it_says_where_the_time_went() {
        let waiting = found(900_000, 100_000, 1_000);
        assert!(waiting[0].sentence.starts_with("Most of the latency was waiting: 90 % of it"), "{waiting:?}");
        assert_eq!(waiting[0].weight, Weight::Limit);
        assert_eq!(found(100, 20_000, 1_000)[0].weight, Weight::Sound);
        assert_eq!(found(5_000, 20_000, 1_000)[0].weight, Weight::Note);
        assert_eq!(found(60, 40, 1_000)[0].weight, Weight::Note, "60 µs limit nobody");
    }

    #[test]
    fn a_plan_that_let_them_wait_is_named() {
        let mut run = run_with(&[(Figure::Rps, &[1.0; 10])], figures(1_000, (900_000, 100_000)));
        run.faulty = vec![Faulty { holds_up: true, ..plan("cold (freeze) on *", (2.0, 4.0)) }];
        assert!(find(&run)[0].sentence.ends_with("wait was in force: cold (freeze) on *."), "{:?}", find(&run));
        run.faulty[0].holds_up = false;
        assert!(find(&run)[0].sentence.ends_with("read the request."));
    }

    #[test]
    fn few_requests_and_unknown_ones_say_nothing() {
        assert!(found(900_000, 100_000, 99).is_empty());
        assert!(find(&crate::findings::sketch::run(&[(Figure::Rps, &[1.0; 10])])).is_empty());
    }
}
