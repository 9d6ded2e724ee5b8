//! Connections that were not taken: dropped by the kernel, or turned away by the target.

use super::{Certainty, Finding, Rule, Weight, evidence, held_up_by_a_plan, or_unknown};
use crate::recording::{Cell, Figure, Recording};
use crate::units::shown::{amount, clock, number};

/// A queue that is so full has no room for a burst.
const NEARLY_FULL: f64 = 0.9;

pub fn find(run: &Recording) -> Vec<Finding> {
    [dropped(run), turned_away(run), nearly_full(run)].into_iter().flatten().collect()
}

fn dropped(run: &Recording) -> Option<Finding> {
    let (drops, first, last) = run.target.gained(Figure::ListenDrops)?;
    let (depth, limit) =
        (run.target.whole(Figure::AcceptQueue).most(), run.target.whole(Figure::AcceptQueueLimit).most());
    Some(Finding {
        rule: Rule::AcceptQueue,
        weight: Weight::Limit,
        sentence: format!(
            "The kernel dropped {} connection attempts, first at {}: the accept queue overflowed.{}",
            number(drops),
            clock(first.from_s),
            held_up_by_a_plan(run, first.from_s, last.to_s)
        ),
        evidence: evidence([
            ("drops of the listeners", number(drops)),
            ("deepest accept queue in a row", or_unknown(depth, number)),
            ("how many it holds", or_unknown(limit, number)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "how many clients that concerns: each tries again, and sees a slow connection or a time-out. A queue that fills and empties between two rows is seen in the drops alone",
    })
}

fn turned_away(run: &Recording) -> Option<Finding> {
    let (refused, first, last) = run.target.gained(Figure::Refused)?;
    Some(Finding {
        rule: Rule::AcceptQueue,
        weight: Weight::Limit,
        sentence: format!("--max-connections turned away {} with 503.", amount(refused, "connection")),
        evidence: evidence([
            ("refused", number(refused)),
            ("--max-connections, per worker", or_unknown(run.about.number("/config/max_connections"), number)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "whether the generator counts them as failures",
    })
}

fn nearly_full(run: &Recording) -> Option<Finding> {
    if run.target.gained(Figure::ListenDrops).is_some() {
        return None;
    }
    let limits = run.target.of(Figure::AcceptQueueLimit).map(|(_, limit)| limit);
    let share = |((stretch, depth), limit): ((_, Cell), Cell)| Some((stretch, depth.most()? / limit.most()?));
    let shares = run.target.of(Figure::AcceptQueue).zip(limits).filter_map(share);
    let (stretch, share) = shares.max_by(|(_, one), (_, other)| one.total_cmp(other))?;
    (share >= NEARLY_FULL).then(|| Finding {
        rule: Rule::AcceptQueue,
        weight: Weight::Note,
        sentence: format!(
            "The accept queue was {} % full at {}, without a drop: a larger burst would have overflowed it.",
            number(share * 100.0),
            clock(stretch.to_s)
        ),
        evidence: evidence([("depth of the fullest queue over its limit", format!("{} %", number(share * 100.0)))]),
        at: Some((stretch.from_s, stretch.to_s)),
        certainty: Certainty::Certain,
        unknown: "how full it was between two rows",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{plan, run};
    use crate::recording::Faulty;

    #[test]
    fn drops_are_what_was_gained() {
        let found =
            find(&run(&[(Figure::ListenDrops, &[3.0, 3.0, 10.0]), (Figure::AcceptQueue, &[0.0, 90.0, 100.0])]));
        assert_eq!(
            found[0].sentence,
            "The kernel dropped 7 connection attempts, first at 0:01: the accept queue overflowed."
        );
        assert_eq!(found[0].evidence[2].1, "unknown");
        assert!(find(&run(&[(Figure::ListenDrops, &[3.0, 3.0])])).is_empty(), "3 were there when it began");
    }

    #[test]
    fn a_plan_that_stopped_accepting_is_named() {
        let mut run = run(&[(Figure::ListenDrops, &[3.0, 3.0, 10.0, 10.0, 10.0])]);
        run.faulty = vec![Faulty { holds_up: true, ..plan("cold (freeze) on *", (0.5, 3.5)) }];
        assert!(find(&run)[0].sentence.ends_with("wait was in force: cold (freeze) on *."), "{:?}", find(&run));
        run.faulty[0].from_s = 3.0;
        assert!(find(&run)[0].sentence.ends_with("overflowed."), "it came later");
    }

    #[test]
    fn a_nearly_full_queue_is_a_note_and_an_unknown_limit_is_none() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::AcceptQueue, &[1.0, 95.0]), (Figure::AcceptQueueLimit, &[100.0, 100.0])];
        assert_eq!(find(&run(columns))[0].weight, Weight::Note);
        assert!(find(&run(&columns[..1])).is_empty());
        assert_eq!(find(&run(&[(Figure::Refused, &[0.0, 4.0])]))[0].evidence[0].1, "4");
    }
}
