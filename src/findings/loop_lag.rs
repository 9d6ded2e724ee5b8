//! Event loops that came late to their turn: while something computes on a loop, every request of that worker waits.
//!
//! A loop is late for want of a processor or because something was on it. The threads' waiting for a processor is known per
//! row, of all of them together, so it bounds what the loop can have waited: where that is less than half of the lateness,
//! something was on the loop.
//!
//! That is for runs, and beats, of which no more is known. Where it is known what the loop's thread did until its late beat,
//! [`super::late_beats`] says why it was late.

use super::late_beats::{self, LATE_US};
use super::{Certainty, Finding, Rule, Weight, capital, evidence, or_unknown, stretches};
use crate::recording::{Figure, Recording};
use crate::units::shown::{clock, count, float, microseconds, percent};

/// Of the lateness, so much must be waiting for a processor to explain it.
const EXPLAINED: f64 = 0.5;

/// A stretch in which a loop was late.
struct Late {
    from_s: f64,
    to_s: f64,
    lag_us: f64,
    /// Threads waiting for a processor, in the row in which it was most since the beat was due.
    wait_pct: Option<f64>,
    /// Of the lateness, what waiting for a processor can have been at most; it may be more than all.
    waited: Option<f64>,
}

pub fn find(run: &Recording) -> Vec<Finding> {
    let explained = late_beats::explained(run);
    let is_explained = |late: &Late| explained.iter().any(|beat| beat.reaches(late.to_s));
    let late: Vec<Late> = late(run).into_iter().filter(|late| !is_explained(late)).collect();
    late_beats::findings(&explained).into_iter().chain(unexplained(run, &late)).collect()
}

/// Of the beats of which it is not known what their loops did.
fn unexplained(run: &Recording, late: &[Late]) -> Option<Finding> {
    let (Some(first), Some(last)) = (late.first(), late.last()) else { return None };
    let worst_us = late.iter().map(|late| late.lag_us).fold(0.0, f64::max);
    let unexplained = late.iter().filter(|late| late.waited.is_some_and(|waited| waited < EXPLAINED)).count();
    let is_known = late.iter().any(|late| late.waited.is_some());
    let (why, certainty) = match (unexplained, is_known) {
        (0, false) => ("whether its threads waited for a processor is not known".to_owned(), Certainty::Possible),
        (0, true) => {
            ("its threads waited for a processor meanwhile, which may be why".to_owned(), Certainty::Possible)
        }
        (many, _) => {
            let of = if many == late.len() {
                String::new()
            } else {
                format!("in {} of {} ", count(many as u64), stretches(late.len(), &run.target))
            };
            (
                format!(
                    "{of}its threads waited for a processor for less than half of that. Something computed or blocked on the loop"
                ),
                Certainty::Likely,
            )
        }
    };
    let wait = late.iter().filter_map(|late| late.wait_pct).reduce(f64::max);
    let queue = run.target.whole(Figure::QueueP99).most();
    Some(Finding {
        rule: Rule::LoopLag,
        weight: Weight::Limit,
        sentence: format!(
            "An event loop came up to {} late, first at {}. {}.",
            microseconds(worst_us),
            clock(first.to_s),
            capital(&why)
        ),
        evidence: evidence([
            ("in which a loop was 50 ms late or more", stretches(late.len(), &run.target)),
            ("threads waiting for a processor then, most in a row", or_unknown(wait, percent)),
            ("longest p99 of the queue in a row", or_unknown(queue, microseconds)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty,
        unknown: "which request was on the loop: `/cpu` without on=pool and `/io?mode=blocking` are, on purpose. A machine or a hypervisor that stood still is in nobody's waiting",
    })
}

fn late(run: &Recording) -> Vec<Late> {
    let waits: Vec<(f64, Option<f64>)> =
        run.target.of(Figure::RunQueueWait).map(|(stretch, wait)| (stretch.to_s, wait.most())).collect();
    let each = run.target.of(Figure::LoopLagUs).enumerate().filter_map(|(number, (stretch, lag))| {
        let lag_us = lag.most().filter(|lag_us| *lag_us >= LATE_US)?;
        // The beat came within this stretch and was due as much earlier, which may be in one before it.
        let due_s = stretch.from_s - lag_us / 1e6;
        let since_due = waits[..=number].iter().rev().take_while(|(to_s, _)| *to_s > due_s);
        let wait_pct =
            since_due.filter_map(|(_, wait)| *wait).reduce(f64::max).filter(|_| waits[number].1.is_some());
        // Of a row; or of the lateness, where that reaches over several.
        let seconds = (stretch.seconds() / float(stretch.rows)).max(lag_us / 1e6);
        let waited = wait_pct.map(|wait_pct| wait_pct / 100.0 * seconds / (lag_us / 1e6));
        Some(Late { from_s: stretch.from_s, to_s: stretch.to_s, lag_us, wait_pct, waited })
    });
    each.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;

    fn with(lag_ms: f64, wait_pct: [f64; 4]) -> Finding {
        let lags = [1e3, 1e3, lag_ms * 1e3, 60e3];
        find(&run(&[(Figure::LoopLagUs, &lags), (Figure::RunQueueWait, &wait_pct)])).remove(0)
    }

    #[test]
    fn it_points_at_work_on_the_loop_unless_threads_waited() {
        let worked = with(312.0, [3.0; 4]);
        assert!(
            worked.sentence.starts_with("An event loop came up to 312 ms late, first at 0:02. In 1 of 2 rows its"),
            "{worked:?}"
        );
        assert_eq!((worked.certainty, worked.evidence[0].1.as_str()), (Certainty::Likely, "2 rows"));
        assert_eq!(with(312.0, [80.0; 4]).certainty, Certainty::Possible);
        assert_eq!(with(312.0, [f64::NAN; 4]).certainty, Certainty::Possible);
        assert!(find(&run(&[(Figure::LoopLagUs, &[1e3, 20e3])])).is_empty());
    }

    #[test]
    fn a_short_wait_explains_a_short_lateness() {
        // 160 ms late, and 31 % of a second waited: twice as long.
        assert_eq!(with(160.0, [31.0; 4]).certainty, Certainty::Possible);
        // It waited at the end of one row, and its beat came in the next.
        assert_eq!(with(160.0, [0.0, 31.0, 1.0, 10.0]).certainty, Certainty::Possible);
        assert_eq!(with(2_500.0, [0.0, 90.0, 0.0, 90.0]).certainty, Certainty::Possible, "two rows before");
        // It was late for longer than a row: what counts is its share of the time.
        assert_eq!(with(1_400.0, [33.0; 4]).certainty, Certainty::Likely);
    }
}
