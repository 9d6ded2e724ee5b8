//! Rows that are missing or were taken late, and a wall clock that stepped.

use super::{Certainty, Finding, Rule, Weight, evidence, stretches};
use crate::event::EventKind;
use crate::recording::{Event, Figure, Recording};
use crate::units::shown::{clock, count, microseconds, number, span};

/// A row is late from here on, at least …
const LATE_MS: f64 = 100.0;

/// … and of the interval.
const LATE_SHARE: f64 = 0.1;

pub fn find(run: &Recording) -> Vec<Finding> {
    [gaps(run), late(run), stepped(run)].into_iter().flatten().collect()
}

/// What `events.csv` says of rows.
fn gaps(run: &Recording) -> Option<Finding> {
    let told: Vec<_> = run
        .events
        .iter()
        .filter(|event| {
            matches!(event.kind, EventKind::Gap(_) | EventKind::Implausible | EventKind::ObserverRespawn)
        })
        .collect();
    let (first, last) = (told.first()?, told.last()?);
    let shown =
        |event: &&Event| (format!("{} at {}", event.kind.name(), clock(event.elapsed_s)), event.kind.text());
    Some(Finding {
        rule: Rule::Lateness,
        weight: Weight::Doubt,
        sentence: format!("The run's own files have gaps: events.csv tells of {}.", count(told.len() as u64)),
        evidence: told.iter().take(5).map(shown).collect(),
        at: Some((first.elapsed_s, last.elapsed_s)),
        certainty: Certainty::Certain,
        unknown: "what was in rows that were never written; counters that only grow go on",
    })
}

fn late(run: &Recording) -> Option<Finding> {
    let limit = LATE_MS.max(run.interval_s() * 1e3 * LATE_SHARE);
    let rows: Vec<_> =
        run.target.of(Figure::LateMs).filter(|(_, cell)| cell.most().is_some_and(|most| most >= limit)).collect();
    let (worst, cell) = rows
        .iter()
        .max_by(|(_, one), (_, other)| one.most().unwrap_or(0.0).total_cmp(&other.most().unwrap_or(0.0)))?;
    let all = run.target.stretches().len();
    let verb = match (run.target.rows_in_a_stretch(), rows.len()) {
        (1, 1) => "was",
        (1, _) => "were",
        (_, 1) => "holds rows that were",
        _ => "hold rows that were",
    };
    Some(Finding {
        rule: Rule::Lateness,
        weight: Weight::Note,
        sentence: format!(
            "{} of {} {verb} taken late, by up to {}, at {}. Rates stay right, since each row keeps its true interval.",
            count(rows.len() as u64),
            stretches(all, &run.target),
            microseconds(cell.most().unwrap_or_default() * 1e3),
            clock(worst.to_s)
        ),
        evidence: evidence([
            ("late from", format!("{} on", microseconds(limit * 1e3))),
            ("interval, mean", span(run.interval_s())),
        ]),
        at: Some((worst.from_s, worst.to_s)),
        certainty: Certainty::Certain,
        unknown: "why: the observer had no processor, was stopped by a signal, or the machine stood still. A short peak is spread over a long interval",
    })
}

fn stepped(run: &Recording) -> Option<Finding> {
    let (at_s, by_s) = *run.steps.iter().max_by(|(_, one), (_, other)| one.abs().total_cmp(&other.abs()))?;
    let direction = if by_s < 0.0 { "back" } else { "forward" };
    let shown: Vec<String> =
        run.steps.iter().take(5).map(|(at_s, by_s)| format!("{} s at {}", number(*by_s), clock(*at_s))).collect();
    Some(Finding {
        rule: Rule::Lateness,
        weight: Weight::Note,
        sentence: format!(
            "The wall clock stepped {direction} by {} at {}: times of day before and after don't compare. Everything here counts from the begin of the run, by a clock that does not step.",
            span(by_s.abs()),
            clock(at_s)
        ),
        evidence: vec![("steps".to_owned(), shown.join(", "))],
        at: Some((at_s, at_s)),
        certainty: Certainty::Certain,
        unknown: "which of the two times is right; queue is left out for what arrived around the step",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;
    use crate::recording::{Series, When};

    #[test]
    fn late_rows_are_counted_and_the_worst_is_named() {
        let found = find(&run(&[(Figure::LateMs, &[0.1, 2_100.0, 120.0, 40.0])]));
        assert!(found[0].sentence.starts_with("2 of 4 rows were taken late, by up to 2.1 s, at 0:01"), "{found:?}");
        assert!(found[0].unknown.starts_with("why:"), "a stopped observer had its processor");
        assert!(find(&run(&[(Figure::LateMs, &[0.1, 40.0])])).is_empty());
        assert!(find(&run(&[(Figure::Rps, &[0.1, 40.0])])).is_empty());
    }

    #[test]
    fn merged_rows_are_not_counted_as_rows() {
        let mut rows = Series::new(&[Figure::LateMs], 4);
        for row in 0..16 {
            let late_ms = if row % 8 == 5 { 500.0 } else { 0.1 };
            let interval_s = if row == 0 { 0.0 } else { 1.0 };
            rows.push(When { elapsed_s: f64::from(row), interval_s, phase: 0 }, &[late_ms]);
        }
        let found = find(&Recording { target: rows, ..run(&[]) });
        assert!(found[0].sentence.starts_with("2 of 4 stretches of up to 4 rows hold rows that were"), "{found:?}");
    }

    #[test]
    fn gaps_are_told_as_the_events_told_them() {
        let mut run = run(&[]);
        assert!(find(&run).is_empty());
        let rows = "workers.csv could not be written: rows missing: 3, written late: 0".to_owned();
        run.events = vec![Event::of_all(4.0, EventKind::Gap(rows))];
        assert_eq!(find(&run)[0].evidence[0].0, "gap at 0:04");
    }

    #[test]
    fn the_largest_step_is_told() {
        let mut run = run(&[]);
        run.steps = vec![(3.0, 1.0), (9.0, -3_600.0)];
        assert!(
            find(&run)[0].sentence.starts_with("The wall clock stepped back by 60 min 0 s at 0:09"),
            "{:?}",
            find(&run)
        );
    }
}
