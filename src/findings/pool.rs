//! Waiting for a thread of the pool: where the threads are fewer than the requests that need one, each waits for its turn.

use super::{Certainty, Finding, Rule, Weight, capital, evidence, in_phase, or_unknown};
use crate::recording::{Figure, Phase, Recording};
use crate::units::shown::{count, float, microseconds, number, percent};

/// Fewer pieces of work say too little.
const JOBS: u64 = 100;

/// A mean wait that is shorter is not worth a sentence.
const WORTH_US: f64 = 500.0;

/// From here on, most of the time on the pool is waiting.
const MOSTLY: f64 = 0.5;

/// Below this, hardly any.
const HARDLY: f64 = 0.1;

/// So many phases are told of, those that waited most.
const PHASES: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    let mut found: Vec<(f64, Finding)> = run.phases.iter().filter_map(|phase| of_phase(run, phase)).collect();
    found.sort_by(|(one, _), (other, _)| other.total_cmp(one));
    found.into_iter().take(PHASES).map(|(_, finding)| finding).collect()
}

/// The finding, and how long was waited in the phase altogether.
fn of_phase(run: &Recording, phase: &Phase) -> Option<(f64, Finding)> {
    let counts = &phase.figures.as_ref()?.totals.counts;
    let (begun, ended) = (counts.pool_begun, counts.pool_ended);
    if begun.min(ended) < JOBS {
        return None;
    }
    let (waited_us, all_held_us) = (float(counts.pool_wait_us), float(counts.pool_held_us));
    let (wait_us, on_thread_us) = (waited_us / float(begun), all_held_us / float(ended));
    let share = wait_us / (wait_us + on_thread_us);
    if wait_us < WORTH_US || share < HARDLY {
        return None;
    }
    let most = |figure| run.target.within(figure, phase.period()).most();
    let threads = run.about.number("/config/pool_threads");
    let of_so_many = threads.map_or_else(String::new, |threads| format!(" (--pool-threads {})", number(threads)));
    let sentence = format!(
        "{}work on the pool waited {} for a thread{of_so_many} and then held it for {}, on average. Of its time {} was waiting.",
        in_phase(run, phase),
        microseconds(wait_us),
        microseconds(on_thread_us),
        percent(share * 100.0),
    );
    let finding = Finding {
        rule: Rule::Pool,
        weight: if share >= MOSTLY { Weight::Limit } else { Weight::Note },
        sentence: capital(&sentence),
        evidence: evidence([
            ("pieces of work", count(begun)),
            ("waited for a thread, altogether", microseconds(waited_us)),
            ("held a thread, altogether", microseconds(all_held_us)),
            ("threads busy, most in a row", or_unknown(most(Figure::PoolBusy), number)),
            ("waiting for a thread, most in a row", or_unknown(most(Figure::PoolQueued), number)),
        ]),
        at: Some(phase.period()),
        certainty: Certainty::Certain,
        unknown: "whether more threads would have helped: work that sleeps does not mind company, work that computes shares the processors",
    };
    Some((waited_us, finding))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{figures, run_with};

    fn found(jobs: u64, wait_ms: u64, hold_ms: u64) -> Vec<Finding> {
        let mut counted = figures(jobs, (1, 1_000 * (wait_ms + hold_ms)));
        let counts = &mut counted.totals.counts;
        (counts.pool_begun, counts.pool_ended) = (jobs, jobs);
        (counts.pool_wait_us, counts.pool_held_us) = (jobs * wait_ms * 1_000, jobs * hold_ms * 1_000);
        find(&run_with(&[(Figure::PoolBusy, &[10.0; 10]), (Figure::PoolQueued, &[40.0; 10])], counted))
    }

    #[test]
    fn it_tells_the_waiting_from_the_work() {
        let waiting = &found(1_000, 80, 20)[0];
        let expected = "Work on the pool waited 80 ms for a thread and then held it for 20 ms, on average. Of its time 80 % was waiting.";
        assert_eq!((waiting.sentence.as_str(), waiting.weight), (expected, Weight::Limit), "{waiting:?}");
        assert_eq!(waiting.evidence[4].1, "40");
        assert_eq!(found(1_000, 5, 20)[0].weight, Weight::Note);
    }

    #[test]
    fn threads_enough_or_hardly_any_work_say_nothing() {
        assert!(found(1_000, 0, 20).is_empty() && found(1_000, 1, 20).is_empty());
        assert!(found(99, 80, 20).is_empty());
    }
}
