//! Workers that did more than others: on a port that workers share, the kernel gives out connections by a hash, and a
//! connection stays with its worker.

use super::{Certainty, Finding, Rule, Weight, or_unknown};
use crate::recording::{Figure, Recording, Worker};
use crate::units::shown::{amount, float, number};

/// The busiest worker's requests over the mean, at least.
const UNEVEN: f64 = 1.2;

/// Fewer requests a worker are chance.
const REQUESTS: f64 = 500.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    let last = |worker: &Worker, figure| worker.series.whole(figure).last();
    // A worker that came or went did less for that reason.
    let ticks = run.workers.iter().map(|worker| worker.series.rows()).max().unwrap_or(0);
    let whole = run.workers.iter().filter(|worker| worker.series.rows() == ticks && worker.state != "retired");
    let counted: Vec<(&Worker, f64)> =
        whole.filter_map(|worker| Some((worker, last(worker, Figure::Requests)?))).collect();
    let Some((busiest, most)) = counted.iter().max_by(|(_, one), (_, other)| one.total_cmp(other)) else {
        return Vec::new();
    };
    let mean = counted.iter().map(|(_, requests)| requests).sum::<f64>() / float(counted.len() as u64);
    if counted.len() < 2 || mean < REQUESTS || most / mean < UNEVEN {
        return Vec::new();
    }
    let others = counted.iter().filter(|(worker, _)| worker.slot != busiest.slot);
    let accepts = |worker| last(worker, Figure::Accepts);
    let most_of_others = others.filter_map(|(worker, _)| accepts(worker)).reduce(f64::max);
    let (certainty, why) = match most_of_others.zip(accepts(busiest)) {
        Some((others, own)) if own > others => (Certainty::Likely, ", and it had the most connections"),
        Some((others, own)) if own < others => (Certainty::Possible, ", although another one had more connections"),
        Some(_) => (Certainty::Possible, ", although another one had as many connections"),
        None => (Certainty::Possible, ""),
    };
    vec![Finding {
        rule: Rule::Imbalance,
        weight: Weight::Note,
        sentence: format!(
            "Worker {} did {} times the mean of the {} workers{why}.",
            busiest.slot,
            number(most / mean),
            counted.len()
        ),
        evidence: counted
            .iter()
            .take(8)
            .map(|(worker, requests)| {
                let accepts = or_unknown(last(worker, Figure::Accepts), number);
                (
                    format!("worker {}", worker.slot),
                    format!("{}, connections taken: {accepts}", amount(*requests, "request")),
                )
            })
            .collect(),
        at: None,
        certainty,
        unknown: "what each connection was used for. Few connections fall unevenly on workers by chance: try more of them",
    }]
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
