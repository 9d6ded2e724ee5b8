//! Requests that failed, by the target's own count.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Figure, Recording, Stretch};
use crate::units::shown::{clock, number};

pub fn find(run: &Recording) -> Vec<Finding> {
    [failed(run), rejected(run)].into_iter().flatten().collect()
}

fn failed(run: &Recording) -> Option<Finding> {
    let (errors, requests) = (run.target.whole(Figure::Errors).most()?, run.target.whole(Figure::Requests).most()?);
    if errors == 0.0 || requests == 0.0 {
        return None;
    }
    let gains = run.target.gains(Figure::Errors);
    let failing: Vec<(&Stretch, f64)> = run
        .target
        .stretches()
        .iter()
        .zip(&gains)
        .filter_map(|(stretch, gain)| Some((stretch, gain.filter(|gain| *gain > 0.0)?)))
        .collect();
    // A row that a plan's time reaches into may have its errors from it.
    let was_planned = |stretch: &Stretch| {
        run.faulty.iter().any(|faulty| stretch.to_s >= faulty.from_s && stretch.from_s <= faulty.to_s)
    };
    let unplanned: f64 = failing.iter().filter(|(stretch, _)| !was_planned(stretch)).map(|(_, gain)| gain).sum();
    let (weight, why) = match unplanned {
        0.0 => (Weight::Note, "all while fault plans were in force".to_owned()),
        some if run.faulty.is_empty() || some >= errors => (Weight::Doubt, "no fault plan was in force".to_owned()),
        some => (Weight::Doubt, format!("{} of them while no fault plan was in force", number(some))),
    };
    Some(Finding {
        rule: Rule::Errors,
        weight,
        sentence: format!(
            "{} of {} requests failed ({} %), {why}.",
            number(errors),
            number(requests),
            number(errors / requests * 100.0)
        ),
        evidence: by_kind(run, errors, requests),
        at: failing.first().zip(failing.last()).map(|(first, last)| (first.0.from_s, last.0.to_s)),
        certainty: Certainty::Certain,
        unknown: "what the clients made of it, and failures on their own side: a connection that never reached the target is in no figure here but the kernel's drops",
    })
}

fn by_kind(run: &Recording, errors: f64, requests: f64) -> Vec<(String, String)> {
    let mut found = evidence([("errors", number(errors)), ("requests finished", number(requests))]);
    if let Some(whole) = &run.whole {
        for (status, count) in whole.statuses().range(500..) {
            found.push((format!("status {status}"), count.to_string()));
        }
        let broken: u64 = whole.routes.iter().map(|route| route.broken).sum();
        if broken > 0 {
            found.push(("connections broken by a fault".to_owned(), broken.to_string()));
        }
    }
    let plans = run.faulty.iter().map(|faulty| format!("{} from {}", faulty.plans, clock(faulty.from_s)));
    let plans: Vec<String> = plans.take(3).collect();
    if !plans.is_empty() {
        found.push(("fault plans in force".to_owned(), plans.join("; ")));
    }
    found
}

fn rejected(run: &Recording) -> Option<Finding> {
    let rejected = run.target.whole(Figure::Rejected).most().filter(|rejected| *rejected > 0.0)?;
    Some(Finding {
        rule: Rule::Errors,
        weight: Weight::Note,
        sentence: format!("{} requests were rejected before they had a route.", number(rejected)),
        evidence: evidence([("rejected", number(rejected))]),
        at: None,
        certainty: Certainty::Certain,
        unknown: "which of the reasons it was: no HTTP, no valid Host, or a head that took more than 10 s",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{self, run};
    use crate::recording::Faulty;

    #[test]
    fn errors_weigh_less_when_they_were_ordered() {
        let columns: &[(Figure, &[f64])] =
            &[(Figure::Errors, &[0.0, 3.0, 3.0]), (Figure::Requests, &[0.0, 600.0, 1000.0])];
        let mut run = run(columns);
        let found = find(&run);
        assert_eq!(found[0].sentence, "3 of 1,000 requests failed (0.3 %), no fault plan was in force.");
        assert_eq!((found[0].weight, found[0].at), (Weight::Doubt, Some((1.0, 2.0))));
        run.faulty = vec![Faulty {
            from_s: 0.0,
            to_s: 9.0,
            plans: "some on *".to_owned(),
            leaks: false,
            is_open_throughout: true,
            open: Vec::new(),
        }];
        assert_eq!(find(&run)[0].weight, Weight::Note);
        run.target = sketch::several(&[(Figure::Errors, &[0.0; 12]), (Figure::Requests, &[9.0; 12])]);
        assert!(find(&run).is_empty());
        let late: Vec<f64> = (0..14).map(|row| f64::from(row > 4) + 2.0 * f64::from(row > 11)).collect();
        run.target = sketch::several(&[(Figure::Errors, &late), (Figure::Requests, &[9.0; 14])]);
        assert_eq!(
            (find(&run)[0].sentence.as_str(), find(&run)[0].weight),
            ("3 of 9 requests failed (33.3 %), 2 of them while no fault plan was in force.", Weight::Doubt)
        );
        assert!(find(&self::run(&[(Figure::Errors, &[0.0]), (Figure::Requests, &[9.0])])).is_empty());
        assert!(find(&self::run(&[(Figure::Requests, &[9.0])])).is_empty());
    }
}
