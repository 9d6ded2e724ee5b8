//! Workers, or instances of a service, that did more than others: on a port that workers share, the kernel gives out connections by a hash, and a
//! connection stays with its worker.

use super::{Certainty, Finding, Rule, Weight, capital, or_unknown};
use crate::recording::{Figure, Instance, Recording, Series, Worker};
use crate::units::shown::{amount, float, number};

/// The busiest worker's requests over the mean, at least.
const UNEVEN: f64 = 1.2;

/// Of the longest time, so much is all of it.
const ALL_THE_TIME: f64 = 0.9;

/// Fewer requests a worker are chance.
const REQUESTS: f64 = 500.0;

/// What is compared with its like: a worker, or an instance.
struct Part<'a> {
    name: &'a str,
    series: &'a Series,
    is_retired: bool,
}

pub fn find(run: &Recording) -> Vec<Finding> {
    let workers = |of_instance: &str| -> Vec<Part<'_>> {
        let own = run.workers.iter().filter(|worker| worker.slot.starts_with(of_instance));
        own.map(|Worker { slot, state, series, .. }| Part { name: slot, series, is_retired: state == "retired" })
            .collect()
    };
    if run.instances.is_empty() {
        return uneven("worker", &workers(""), WORKERS_UNKNOWN).into_iter().collect();
    }
    let instances: Vec<Part<'_>> = run
        .instances
        .iter()
        .map(|Instance { name, series, .. }| Part { name, series, is_retired: false })
        .collect();
    let of_each = run
        .instances
        .iter()
        .filter_map(|instance| uneven("worker", &workers(&format!("{}/", instance.name)), WORKERS_UNKNOWN));
    uneven("instance", &instances, INSTANCES_UNKNOWN).into_iter().chain(of_each).collect()
}

const WORKERS_UNKNOWN: &str =
    "what each connection was used for. Few connections fall unevenly on workers by chance: try more of them";

const INSTANCES_UNKNOWN: &str =
    "whether the balancer meant it: weights, and checks that an instance failed, are in its own account";

fn uneven(noun: &str, parts: &[Part<'_>], unknown: &'static str) -> Option<Finding> {
    let last = |part: &Part<'_>, figure| part.series.whole(figure).last();
    // One that came or went did less for that reason.
    let seconds = |part: &Part<'_>| {
        let stretches = part.series.stretches();
        stretches.first().zip(stretches.last()).map_or(0.0, |(first, last)| last.to_s - first.from_s)
    };
    let longest = parts.iter().map(seconds).fold(0.0, f64::max);
    let whole = parts.iter().filter(|part| seconds(part) >= ALL_THE_TIME * longest && !part.is_retired);
    let counted: Vec<(&Part<'_>, f64)> =
        whole.filter_map(|part| Some((part, last(part, Figure::Requests)?))).collect();
    let (busiest, most) = counted.iter().max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    let mean = counted.iter().map(|(_, requests)| requests).sum::<f64>() / float(counted.len() as u64);
    if counted.len() < 2 || mean < REQUESTS || most / mean < UNEVEN {
        return None;
    }
    let others = counted.iter().filter(|(part, _)| part.name != busiest.name);
    let accepts = |part: &Part<'_>| last(part, Figure::Accepts);
    let most_of_others = others.filter_map(|(part, _)| accepts(part)).reduce(f64::max);
    let (certainty, why) = match most_of_others.zip(accepts(busiest)) {
        Some((others, own)) if own > others => (Certainty::Likely, ", and it had the most connections"),
        Some((others, own)) if own < others => (Certainty::Possible, ", although another one had more connections"),
        Some(_) => (Certainty::Possible, ", although another one had as many connections"),
        None => (Certainty::Possible, ""),
    };
    Some(Finding {
        rule: Rule::Imbalance,
        weight: Weight::Note,
        sentence: capital(&format!(
            "{noun} {} did {} times the mean of the {} {noun}s{why}.",
            busiest.name,
            number(most / mean),
            counted.len()
        )),
        evidence: counted
            .iter()
            .take(8)
            .map(|(part, requests)| {
                let accepts = or_unknown(accepts(part), number);
                (
                    format!("{noun} {}", part.name),
                    format!("{}, connections taken: {accepts}", amount(*requests, "request")),
                )
            })
            .collect(),
        at: None,
        certainty,
        unknown,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{run, worker};

    fn two(requests: [f64; 2], accepts: [f64; 2]) -> Recording {
        let mut run = run(&[]);
        let slot = |slot: usize| {
            worker(slot, &[(Figure::Requests, &[0.0, requests[slot]]), (Figure::Accepts, &[0.0, accepts[slot]])])
        };
        run.workers = vec![slot(0), slot(1)];
        run
    }

    #[test]
    fn the_busiest_is_named_with_its_connections() {
        let found = find(&two([3_000.0, 1_000.0], [30.0, 10.0]));
        assert_eq!(
            found[0].sentence,
            "Worker 0 did 1.5 times the mean of the 2 workers, and it had the most connections."
        );
        assert_eq!(find(&two([3_000.0, 1_000.0], [10.0, 30.0]))[0].certainty, Certainty::Possible);
        let tie = find(&two([3_000.0, 1_000.0], [8.0, 8.0]));
        assert!(tie[0].sentence.ends_with("although another one had as many connections."), "{tie:?}");
        assert!(find(&two([1_100.0, 1_000.0], [1.0, 1.0])).is_empty());
        assert!(find(&two([300.0, 100.0], [1.0, 1.0])).is_empty(), "too few to tell");
        let mut late = two([3_000.0, 1_000.0], [30.0, 10.0]);
        late.workers[1] = worker(1, &[(Figure::Requests, &[1_000.0])]);
        assert!(find(&late).is_empty(), "it was not there all the time");
    }
}
