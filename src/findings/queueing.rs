//! Waiting against service, in each phase that matters: from the summed histograms where there are any.

use super::{Certainty, Finding, Rule, Weight, evidence, held_up_by_a_plan};
use crate::histogram::Distribution;
use crate::recording::{Phase, Recording};
use crate::snapshot::Recorded;
use crate::units::shown::{count, float, microseconds, percent};

/// Fewer requests have no quantiles worth a sentence.
const REQUESTS: u64 = 100;

/// Waiting that is shorter is not worth one either.
const WORTH_US: f64 = 500.0;

/// From here on, most of the latency is waiting.
const MOSTLY: f64 = 0.5;

/// Below this, hardly any.
const HARDLY: f64 = 0.1;

/// So many phases are told of, those with the most requests.
const PHASES: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    busiest(run).into_iter().filter_map(|(phase, recorded)| of_phase(run, phase, &recorded)).collect()
}

/// The phases with the most requests, of those whose requests were counted by themselves.
pub fn busiest(run: &Recording) -> Vec<(&Phase, Recorded)> {
    let counted = run.phases.iter().filter_map(|phase| Some((phase, phase.figures.as_ref()?.recorded())));
    let mut phases: Vec<_> = counted.filter(|(_, recorded)| recorded.service.count() >= REQUESTS).collect();
    phases.sort_by_key(|(_, recorded)| std::cmp::Reverse(recorded.service.count()));
    phases.truncate(PHASES);
    phases
}

fn of_phase(run: &Recording, phase: &Phase, recorded: &Recorded) -> Option<Finding> {
    let Recorded { service, latency, queue } = recorded;
    let mean_us = |distribution: &Distribution| distribution.mean_ns().map(|mean_ns| mean_ns / 1e3);
    let (waited, took) = (mean_us(queue)?, mean_us(latency)?);
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
        let sentence = format!(
            "{place}most of the latency was waiting: {} of it passed in the queue, before the target had read the request.",
            percent(share * 100.0)
        );
        (Weight::Limit, sentence)
    } else if share < HARDLY {
        let sentence =
            format!("{place}the latency was service: {} of it was waiting in the queue.", percent(share * 100.0));
        (Weight::Sound, sentence)
    } else {
        (Weight::Note, format!("{place}{} of the latency was waiting in the queue.", percent(share * 100.0)))
    };
    Some(Finding {
        rule: Rule::Queueing,
        weight,
        sentence: capital(&sentence) + &held_up_by_a_plan(run, phase.from_s, phase.to_s),
        evidence: evidence([
            ("requests", count(latency.count())),
            ("mean waiting, mean latency", format!("{}, {}", microseconds(waited), microseconds(took))),
            ("queue", p99(queue)),
            ("service", p99(service)),
            ("latency", p99(latency)),
        ]),
        at: Some((phase.from_s, phase.to_s)),
        certainty: Certainty::Certain,
        unknown: "what a client waited before its request arrived here: for a connection, for its own turn, for the network. The queue is a lower bound where the kernel merged segments",
    })
}

/// `in measure, `, where there is more than one phase.
pub fn in_phase(run: &Recording, phase: &Phase) -> String {
    if run.phases.len() > 1 { format!("in {}, ", phase.name) } else { String::new() }
}

/// As a sentence begins.
pub fn capital(sentence: &str) -> String {
    let mut letters = sentence.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, plan, run_with};
    use crate::recording::{Faulty, Figure};

    fn found(queue_us: u64, service_us: u64, requests: u64) -> Vec<Finding> {
        find(&run_with(&[(Figure::Rps, &[1.0; 10])], figures(requests, (queue_us, service_us))))
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
