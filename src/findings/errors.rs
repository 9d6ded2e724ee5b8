//! Requests that failed, by the target's own count.

use super::{Certainty, Finding, Rule, Weight, capital, evidence};
use crate::recording::{Figure, Recording};
use crate::scoreboard::{Rejection, SHED_STATUS};
use crate::units::shown::{self, amount, clock, count, float, number};

pub fn find(run: &Recording) -> Vec<Finding> {
    [failed(run), rejected(run)].into_iter().flatten().collect()
}

fn failed(run: &Recording) -> Option<Finding> {
    let (errors, requests) = (run.target.whole(Figure::Errors).most()?, run.target.whole(Figure::Requests).most()?);
    // What was shed has a finding of its own; where it was not counted, it is among the errors.
    let errors = errors - run.target.whole(Figure::Shed).most().unwrap_or(0.0);
    if errors <= 0.0 || requests == 0.0 {
        return None;
    }
    let (weight, why) = whether_planned(run, errors);
    let at = run.target.gained(Figure::Errors).map(|(_, first, last)| (first.from_s, last.to_s));
    Some(Finding {
        rule: Rule::Errors,
        weight,
        sentence: format!(
            "{} of {} requests failed ({} %), {why}.",
            number(errors),
            number(requests),
            number(errors / requests * 100.0)
        ),
        evidence: by_kind(run, errors, requests).into_iter().chain(plans_in_force(run, at)).collect(),
        at,
        certainty: Certainty::Certain,
        unknown: "what the clients made of it, and failures on their own side. A connection that never reached the target is in no figure but the kernel's drops",
    })
}

/// Whether fault plans were in force when requests failed, and what that makes of it.
fn whether_planned(run: &Recording, errors: f64) -> (Weight, String) {
    // Every run has events, the first of which is its start: without any it is not known which plans there were.
    if run.events.is_empty() && run.faulty.is_empty() {
        return (Weight::Doubt, "and whether fault plans were in force is not known".to_owned());
    }
    if run.faulty.is_empty() {
        return (Weight::Doubt, "while no fault plan was in force".to_owned());
    }
    let (mut planned, mut unplanned) = (0.0, 0.0);
    let shed = run.target.gains(Figure::Shed);
    for ((stretch, gain), shed) in run.target.stretches().iter().zip(run.target.gains(Figure::Errors)).zip(shed) {
        // A row that a plan's time reaches into may have its errors from it.
        let was_planned = run.faulty.iter().any(|faulty| faulty.reaches_into(stretch.from_s, stretch.to_s));
        let gain = (gain.unwrap_or(0.0) - shed.unwrap_or(0.0)).max(0.0);
        *(if was_planned { &mut planned } else { &mut unplanned }) += gain;
    }
    // What failed before the first row that is there.
    let unknown = errors - planned - unplanned;
    let some_unplanned =
        (unplanned > 0.0).then(|| format!("{} of them while no fault plan was in force", number(unplanned)));
    let some_unknown = (unknown > 0.5).then(|| {
        let of = if unknown < errors { format!("of {} ", number(unknown)) } else { String::new() };
        let sentence = format!("{of}it is not known whether a fault plan was in force then");
        // Beside the others it is a sentence of its own.
        if unplanned > 0.0 { capital(&sentence) } else { format!("and {sentence}") }
    });
    let parts: Vec<String> = some_unplanned.into_iter().chain(some_unknown).collect();
    if parts.is_empty() {
        (Weight::Note, "all while fault plans were in force".to_owned())
    } else if unplanned >= errors {
        (Weight::Doubt, "while no fault plan was in force".to_owned())
    } else {
        (Weight::Doubt, parts.join(". "))
    }
}

fn by_kind(run: &Recording, errors: f64, requests: f64) -> Vec<(String, String)> {
    let mut found = evidence([("errors", number(errors)), ("requests finished", number(requests))]);
    if let Some(whole) = &run.whole {
        let shed: u64 = whole.routes.iter().map(|route| route.counts.shed).sum();
        for (status, count) in whole.statuses().range(500..) {
            let count = if *status == SHED_STATUS { count.saturating_sub(shed) } else { *count };
            if count > 0 {
                found.push((format!("status {status}"), count.to_string()));
            }
        }
        let broken: u64 = whole.routes.iter().map(|route| route.counts.broken).sum();
        if broken > 0 {
            found.push(("connections broken by a fault".to_owned(), count(broken)));
        }
    }
    found
}

/// The fault plans that were in force in a stretch, or in all of the run.
fn plans_in_force(run: &Recording, at: Option<(f64, f64)>) -> Option<(String, String)> {
    /// Of more plans than these, only their number is told.
    const NAMED: usize = 3;
    let then = run.faulty.iter().filter(|faulty| at.is_none_or(|(from_s, to_s)| faulty.reaches_into(from_s, to_s)));
    let mut plans: Vec<String> =
        then.map(|faulty| format!("{} from {}", faulty.plans, clock(faulty.from_s))).collect();
    if plans.len() > NAMED {
        let more = plans.split_off(NAMED).len();
        plans.push(format!("and {more} more"));
    }
    (!plans.is_empty()).then(|| ("fault plans in force".to_owned(), plans.join("; ")))
}

fn rejected(run: &Recording) -> Option<Finding> {
    let rejected = run.target.whole(Figure::Rejected).most().filter(|rejected| *rejected > 0.0)?;
    Some(Finding {
        rule: Rule::Errors,
        weight: Weight::Note,
        sentence: format!("The target rejected {} that had no route yet.", amount(rejected, "request")),
        evidence: evidence([("rejected", number(rejected))]).into_iter().chain(by_reason(run, rejected)).collect(),
        at: None,
        certainty: Certainty::Certain,
        unknown: "which client sent it; the log has the first of each reason",
    })
}

/// Each reason and how often, the most frequent first; those that were not counted by reason are unknown.
fn by_reason(run: &Recording, rejected: f64) -> Vec<(String, String)> {
    let rejections = run.whole.as_ref().map(|whole| whole.totals.counts.rejections).unwrap_or_default();
    let mut reasons: Vec<(Rejection, u64)> = rejections.counted().collect();
    reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    let mut found: Vec<(String, String)> =
        reasons.into_iter().map(|(reason, count)| (reason.sentence().to_owned(), shown::count(count))).collect();
    let unknown = rejected - float(rejections.sum());
    if unknown > 0.5 {
        found.push(("for reasons that were not recorded".to_owned(), number(unknown)));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::EventKind;
    use crate::findings::sketch::{plan, run, target};
    use crate::recording::{Event, Recording, Series, When};
    use crate::snapshot::Figures;

    #[test]
    fn what_was_shed_is_no_error_here() {
        let errors: &[(Figure, &[f64])] = &[(Figure::Errors, &[0.0, 9.0]), (Figure::Requests, &[0.0, 90.0])];
        let shed = |count: f64| run(&[errors[0], errors[1], (Figure::Shed, &[0.0, count])]);
        assert!(find(&shed(9.0)).is_empty());
        assert!(find(&shed(7.0))[0].sentence.starts_with("2 of 90 requests failed"), "{:?}", find(&shed(7.0)));
        assert!(find(&run(errors))[0].sentence.starts_with("9 of 90"), "an old run did not count it apart");
    }

    #[test]
    fn rejections_have_reasons_or_say_that_they_are_not_known() {
        let mut run = run(&[(Figure::Rejected, &[0.0, 5.0])]);
        assert_eq!(find(&run)[0].evidence[1], ("for reasons that were not recorded".to_owned(), "5".to_owned()));
        let mut figures = Figures::default();
        figures.totals.counts.rejections.0[Rejection::NoHost as usize] = 1;
        figures.totals.counts.rejections.0[Rejection::Tls as usize] = 4;
        run.whole = Some(figures);
        let shown: Vec<_> = find(&run)[0].evidence.iter().map(|(what, count)| format!("{what}: {count}")).collect();
        assert_eq!(shown, ["rejected: 5", "a TLS handshake: 4", "an HTTP/1.1 request without a Host header: 1"]);
    }

    /// A run whose events are known.
    fn started(columns: &[(Figure, &[f64])]) -> Recording {
        let start = Event::of_all(0.0, EventKind::Start);
        Recording { events: vec![start], ..run(columns) }
    }

    #[test]
    fn errors_weigh_less_when_they_were_ordered() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::Errors, &[0.0, 3.0, 3.0]), (Figure::Requests, &[0.0, 600.0, 1000.0])];
        let mut run = started(columns);
        let found = find(&run);
        assert_eq!(found[0].sentence, "3 of 1,000 requests failed (0.3 %), while no fault plan was in force.");
        assert_eq!((found[0].weight, found[0].at), (Weight::Doubt, Some((0.0, 1.0))));
        run.events.clear();
        assert!(find(&run)[0].sentence.ends_with("and whether fault plans were in force is not known."));
        run.faulty = vec![plan("some on *", (0.0, 9.0))];
        assert_eq!(find(&run)[0].weight, Weight::Note);
        run.target = target(&[(Figure::Errors, &[0.0; 12]), (Figure::Requests, &[9.0; 12])]);
        assert!(find(&run).is_empty());
        // Of all plans those are named that were in force then.
        let errors: Vec<f64> = (0..10).map(|row| if row < 8 { 0.0 } else { 3.0 }).collect();
        let columns: &[(Figure, &[f64])] = &[(Figure::Errors, &errors), (Figure::Requests, &[9.0; 10])];
        let mut named = |late: usize| {
            let early = ["one", "two", "three"].map(|name| plan(name, (0.0, 2.0)));
            run.faulty = early.into_iter().chain(vec![plan("culprit", (7.5, 9.0)); late]).collect();
            run.target = target(columns);
            find(&run)[0].evidence.last().unwrap().1.clone()
        };
        assert_eq!(named(1), "culprit from 0:07.5");
        assert!(named(5).ends_with("; and 2 more"), "{}", named(5));
        run.faulty = vec![plan("some on *", (0.0, 9.0))];
        let late: Vec<f64> = (0..14).map(|row| f64::from(row > 4) + 2.0 * f64::from(row > 11)).collect();
        run.target = target(&[(Figure::Errors, &late), (Figure::Requests, &[9.0; 14])]);
        assert_eq!(
            (find(&run)[0].sentence.as_str(), find(&run)[0].weight),
            ("3 of 9 requests failed (33.3 %), 2 of them while no fault plan was in force.", Weight::Doubt)
        );
        assert!(find(&started(&[(Figure::Errors, &[0.0]), (Figure::Requests, &[9.0])])).is_empty());
        assert!(find(&started(&[(Figure::Requests, &[9.0])])).is_empty());
    }

    #[test]
    fn what_failed_before_the_first_row_that_is_left_was_not_ordered() {
        let mut rows = Series::new(Figure::ALL, 9);
        let numbers = |errors: f64| -> Vec<f64> {
            let of = |figure: &Figure| match figure {
                Figure::Errors => errors,
                Figure::Requests => 351.0,
                _ => f64::NAN,
            };
            Figure::ALL.iter().map(of).collect()
        };
        rows.push(When { elapsed_s: 5.0, interval_s: 1.0, phase: 0 }, &numbers(200.0));
        rows.push(When { elapsed_s: 6.0, interval_s: 1.0, phase: 0 }, &numbers(201.0));
        let mut run = Recording { target: rows, ..started(&[]) };
        let sentence = |run: &Recording| find(run).remove(0).sentence.clone();
        assert!(sentence(&run).ends_with("no fault plan was in force."), "{}", sentence(&run));
        run.faulty = vec![plan("some on *", (5.5, 9.0))];
        assert!(
            sentence(&run).ends_with("and of 200 it is not known whether a fault plan was in force then."),
            "{}",
            sentence(&run)
        );
    }
}
