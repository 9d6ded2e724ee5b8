//! Event loops that came late to their turn: while something computes on a loop, every request of that worker waits.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Cell, Figure, Recording};
use crate::units::shown::{clock, microseconds, percent};

/// A loop's beat is measured in steps of a millisecond; this is far from that, and a person notices it.
const LATE_US: f64 = 50_000.0;

/// When threads of the target wait for a processor so much, the loops may be late for want of one. In per cent of one thread.
const STARVED_PCT: f64 = 50.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    let waits = run.target.of(Figure::RunQueueWait).map(|(_, wait)| wait);
    let cells = run.target.of(Figure::LoopLagUs).zip(waits);
    let late: Vec<_> = cells.filter(|((_, lag), _)| lag.most().is_some_and(|most| most >= LATE_US)).collect();
    let (Some(((first, _), _)), Some(((last, _), _))) = (late.first(), late.last()) else { return Vec::new() };
    let worst = late.iter().fold(Cell::default(), |sum, ((_, lag), _)| sum.and(*lag)).most().unwrap_or_default();
    let waited = late.iter().fold(Cell::default(), |sum, (_, wait)| sum.and(*wait)).mean();
    let (why, certainty) = match waited {
        Some(waited) if waited >= STARVED_PCT => {
            ("its threads waited for a processor meanwhile, which may be why", Certainty::Possible)
        }
        Some(_) => (
            "its threads hardly waited for a processor: something computed or blocked on the loop",
            Certainty::Likely,
        ),
        None => ("whether its threads waited for a processor is not known", Certainty::Possible),
    };
    let rows = match run.target.rows_in_a_stretch() {
        1 => "rows".to_owned(),
        many => format!("stretches of {many} rows"),
    };
    let queue = run.target.whole(Figure::QueueP99).most();
    vec![Finding {
        rule: Rule::LoopLag,
        weight: Weight::Limit,
        sentence: format!(
            "An event loop came up to {} late, first at {}; {why}.",
            microseconds(worst),
            clock(first.to_s)
        ),
        evidence: evidence([
            ("in which a loop was 50 ms late or more", format!("{} {rows}", late.len())),
            ("threads waiting for a processor meanwhile", or_unknown(waited, percent)),
            ("longest p99 of the queue in a row", or_unknown(queue, microseconds)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty,
        unknown: "which request was on the loop: `/cpu` without on=pool and `/io?mode=blocking` are, on purpose",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;

    #[test]
    fn it_points_at_work_on_the_loop_unless_threads_waited() {
        let with = |wait: f64| {
            find(&run(&[(Figure::LoopLagUs, &[1e3, 312e3, 60e3]), (Figure::RunQueueWait, &[wait; 3])])).remove(0)
        };
        let worked = with(3.0);
        assert!(
            worked.sentence.starts_with("An event loop came up to 312 ms late, first at 0:02; its threads hardly"),
            "{worked:?}"
        );
        assert_eq!((worked.certainty, worked.evidence[0].1.as_str()), (Certainty::Likely, "2 rows"));
        assert_eq!(with(80.0).certainty, Certainty::Possible);
        assert_eq!(with(f64::NAN).certainty, Certainty::Possible);
        assert!(find(&run(&[(Figure::LoopLagUs, &[1e3, 20e3])])).is_empty());
    }
}
