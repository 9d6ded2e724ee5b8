//! Requests that failed, by the target's own count.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Figure, Recording};
use crate::units::shown::{clock, number};

pub fn find(run: &Recording) -> Vec<Finding> {
    let totals = (run.target.whole(Figure::Errors).most(), run.target.whole(Figure::Requests).most());
    let (Some(errors), Some(requests)) = totals else { return Vec::new() };
    if errors == 0.0 || requests == 0.0 {
        return Vec::new();
    }
    let gains = run.target.gains(Figure::Errors);
    let failing = run.target.stretches().iter().zip(&gains).filter(|(_, gain)| gain.is_some_and(|gain| gain > 0.0));
    let at = failing.fold(None, |at: Option<(f64, f64)>, (stretch, _)| {
        Some((at.map_or(stretch.from_s, |(from_s, _)| from_s), stretch.to_s))
    });
    let mut found = evidence([("errors", number(errors)), ("requests finished", number(requests))]);
    if let Some(whole) = &run.whole {
        let failed = whole.statuses();
        for (status, count) in failed.range(500..) {
            found.push((format!("status {status}"), count.to_string()));
        }
        let broken: u64 = whole.routes.iter().map(|route| route.broken).sum();
        if broken > 0 {
            found.push(("connections broken by a fault".to_owned(), broken.to_string()));
        }
    }
    let plans = run.faulty.iter().map(|faulty| format!("{} from {}", faulty.plans, clock(faulty.from_s)));
    let plans: Vec<String> = plans.take(3).collect();
    let were_planned = !plans.is_empty();
    if were_planned {
        found.push(("fault plans in force".to_owned(), plans.join("; ")));
    }
    let share = errors / requests * 100.0;
    let why = if were_planned { "Fault plans were in force" } else { "No fault plan was in force" };
    vec![Finding {
        rule: Rule::Errors,
        weight: if were_planned { Weight::Note } else { Weight::Doubt },
        sentence: format!(
            "{} of {} requests failed ({} %). {why}.",
            number(errors),
            number(requests),
            number(share)
        ),
        evidence: found,
        at,
        certainty: Certainty::Certain,
        unknown: "what the clients made of it, and failures on their own side: a connection that never reached the target is in no figure here but the kernel's drops",
    }]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;
    use crate::recording::Faulty;

    #[test]
    fn errors_weigh_less_when_they_were_ordered() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::Errors, &[0.0, 3.0, 3.0]), (Figure::Requests, &[0.0, 600.0, 1000.0])];
        let mut run = run(columns);
        let found = find(&run);
        assert_eq!(found[0].sentence, "3 of 1,000 requests failed (0.3 %). No fault plan was in force.");
        assert_eq!((found[0].weight, found[0].at), (Weight::Doubt, Some((1.0, 2.0))));
        run.faulty =
            vec![Faulty { from_s: 0.0, to_s: 9.0, plans: "some on *".to_owned(), leaks: false, open: Vec::new() }];
        assert_eq!(find(&run)[0].weight, Weight::Note);
        assert!(find(&self::run(&[(Figure::Errors, &[0.0]), (Figure::Requests, &[9.0])])).is_empty());
        assert!(find(&self::run(&[(Figure::Requests, &[9.0])])).is_empty());
    }
}
