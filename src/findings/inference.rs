//! How much of what requests take is the model, and how much decoding and resizing the pictures for it.

use super::{Certainty, Finding, Rule, Weight, capital, evidence, in_phase, or_unknown};
use crate::recording::{Phase, Recording};
use crate::units::shown::{count, float, microseconds, number, percent};

/// Fewer pictures say too little.
const PICTURES: u64 = 20;

/// From here on, it is the model that the service consists of.
const MOSTLY: f64 = 0.5;

/// From here on, the model's thread has hardly time for more.
const FULL: f64 = 0.9;

pub fn find(run: &Recording) -> Vec<Finding> {
    run.phases.iter().filter_map(|phase| of_phase(run, phase)).collect()
}

fn of_phase(run: &Recording, phase: &Phase) -> Option<Finding> {
    let routes = phase.figures.as_ref()?.routes.iter().filter(|route| route.spent.infer_ns > 0);
    let (mut requests, mut decode_ns, mut resize_ns, mut infer_ns, mut service_ns) = (0, 0, 0, 0, 0.0);
    for route in routes {
        requests += route.counts.told;
        decode_ns += route.spent.decode_ns;
        resize_ns += route.spent.resize_ns;
        infer_ns += route.spent.infer_ns;
        // Of those whose handler has said what they have spent.
        service_ns += route.durations.service.mean_ns()? * float(route.counts.told);
    }
    if requests < PICTURES || service_ns <= 0.0 {
        return None;
    }
    let counts = &phase.figures.as_ref()?.totals.counts;
    // Each worker has one thread for its model.
    let all_us = phase.seconds() * 1e6 * float(run.workers.len().max(1) as u64);
    let busy = (float(counts.infer_run_us) / all_us).min(1.0);
    let per = |sum: u64, of: u64| (of > 0).then(|| float(sum) / float(of));
    let wait_us = per(counts.infer_wait_us, counts.infer_pictures);
    let in_a_run = per(counts.infer_pictures, counts.infer_runs);
    let share = |part_ns: u64| (float(part_ns) / service_ns).min(1.0);
    let mean = |sum_ns: u64| microseconds(float(sum_ns) / float(requests) / 1e3);
    let sentence = format!(
        "{}inference is {} of the service of requests with a picture, decoding {} and resizing {}; the {} busy {} of the time.",
        in_phase(run, phase),
        percent(share(infer_ns) * 100.0),
        percent(share(decode_ns) * 100.0),
        percent(share(resize_ns) * 100.0),
        if run.workers.len() > 1 { "models' threads were" } else { "model's thread was" },
        percent(busy * 100.0),
    );
    Some(Finding {
        rule: Rule::Inference,
        weight: if share(infer_ns) >= MOSTLY || busy >= FULL { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence),
        evidence: evidence([
            ("requests with a picture", count(requests)),
            ("the model, mean", mean(infer_ns)),
            ("decoding, mean", mean(decode_ns)),
            ("resizing, mean", mean(resize_ns)),
            ("waiting for the model, mean", or_unknown(wait_us, microseconds)),
            ("pictures in a run of the model, mean", or_unknown(in_a_run, number)),
            ("service, mean", microseconds(service_ns / float(requests) / 1e3)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: "what another model, or smaller pictures, would take",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, run_with};
    use crate::recording::Figure;

    fn found(requests: u64, infer_us: u64) -> Vec<Finding> {
        let mut counted = figures(requests, (1, 1_000));
        counted.routes[0].counts.told = requests;
        counted.routes[0].spent.infer_ns = requests * infer_us * 1_000;
        counted.routes[0].spent.decode_ns = requests * 100_000;
        let counts = &mut counted.totals.counts;
        (counts.infer_pictures, counts.infer_runs) = (requests, requests / 2);
        (counts.infer_run_us, counts.infer_wait_us) = (requests * infer_us / 2, requests * 3_000);
        find(&run_with(&[(Figure::Rps, &[10.0; 10])], counted))
    }

    #[test]
    fn the_model_s_share_of_the_service_and_of_its_thread_is_told() {
        let finding = &found(100, 800)[0];
        let expected = "Inference is 80 % of the service of requests with a picture, decoding 10.0 % and resizing 0 %; the model's \
                        thread was busy 0.4 % of the time.";
        assert_eq!((finding.sentence.as_str(), finding.weight), (expected, Weight::Limit));
        let shown =
            |name: &str| finding.evidence.iter().find(|(known, _)| known == name).map(|(_, shown)| shown.as_str());
        assert_eq!(shown("waiting for the model, mean"), Some("3 ms"));
        assert_eq!(shown("pictures in a run of the model, mean"), Some("2"));
        assert_eq!(found(100, 200)[0].weight, Weight::Note);
        // A small share of each request, and all of the thread's time.
        let full = &found(81_000, 200)[0];
        assert!(full.weight == Weight::Limit && full.sentence.ends_with("busy 90 % of the time."), "{full:?}");
        assert!(found(19, 800).is_empty() && found(100, 0).is_empty());
    }
}
