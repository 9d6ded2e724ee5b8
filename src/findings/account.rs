//! Whether the sums agree: the same requests are counted by target, worker, route and at the end of the run.

use super::{Certainty, Finding, Rule, Weight};
use crate::recording::{Figure, Recording, Series};
use crate::snapshot::RouteReading;
use crate::units::shown::{count, float, number};

pub fn find(run: &Recording) -> Vec<Finding> {
    // Of a run that was killed, or still goes on, one file may have a row more than another.
    if run.about.at("/totals").is_none() {
        return Vec::new();
    }
    let Some(rows) = run.target.whole(Figure::Requests).last() else { return Vec::new() };
    let others = others(run);
    if others.is_empty() {
        return Vec::new();
    }
    let agree = others.iter().all(|(_, count)| (count - rows).abs() < 0.5);
    let evidence = std::iter::once(("resources.csv, last row".to_owned(), number(rows)))
        .chain(others.iter().map(|(what, count)| ((*what).to_owned(), number(*count))))
        .collect();
    let (weight, sentence) = if agree {
        (
            Weight::Sound,
            format!(
                "The account balances: {} requests finished{}, counted {} ways.",
                number(rows),
                parts(run),
                others.len() + 1
            ),
        )
    } else {
        (Weight::Doubt, "The account does not balance: the same requests are counted differently.".to_owned())
    };
    vec![Finding {
        rule: Rule::Account,
        weight,
        sentence,
        evidence,
        at: None,
        certainty: if agree { Certainty::Certain } else { Certainty::Likely },
        unknown: if agree {
            "whether the load generator counted the same: hold its figures against these"
        } else {
            "which count is wrong: a file that was removed or cut off in the run counts less"
        },
    }]
}

/// ` (317 answered, 2 broken by a fault, 1 whose client left)`, where that was recorded.
fn parts(run: &Recording) -> String {
    let Some(whole) = &run.whole else { return String::new() };
    let sum = |of: fn(&RouteReading) -> u64| whole.routes.iter().map(of).sum::<u64>();
    let (broken, client_gone) = (sum(|route| route.counts.broken), sum(|route| route.counts.client_gone));
    let answered = whole.statuses().values().sum();
    format!(
        " ({} answered, {} broken by a fault, {} whose client left)",
        count(answered),
        count(broken),
        count(client_gone)
    )
}

/// The same count from elsewhere, as far as it is known.
fn others(run: &Recording) -> Vec<(&'static str, f64)> {
    let sum = |series: &mut dyn Iterator<Item = &Series>| {
        let lasts: Option<Vec<f64>> = series.map(|series| series.whole(Figure::Requests).last()).collect();
        lasts.filter(|lasts| !lasts.is_empty()).map(|lasts| lasts.iter().sum())
    };
    let ended = run.whole.as_ref().map(|whole| float(whole.routes.iter().map(RouteReading::finished).sum()));
    let counts = [
        ("sum of workers.csv", sum(&mut run.workers.iter().map(|worker| &worker.series))),
        ("sum of routes.csv", sum(&mut run.routes.iter().map(|route| &route.series))),
        ("run.json, totals", run.about.number("/totals/requests")),
        ("answered, broken and client gone at the end", ended),
    ];
    counts.into_iter().filter_map(|(what, count)| Some((what, count?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{route, run, worker};
    use crate::recording::About;

    #[test]
    fn all_counts_must_agree() {
        let mut run = run(&[(Figure::Requests, &[0.0, 30.0])]);
        run.about = About::of(serde_json::json!({ "totals": {} }));
        assert!(find(&run).is_empty(), "nothing to compare with");
        run.workers =
            vec![worker(0, &[(Figure::Requests, &[0.0, 10.0])]), worker(1, &[(Figure::Requests, &[0.0, 20.0])])];
        run.routes = vec![route("/io", &[(Figure::Requests, &[30.0])])];
        assert_eq!(find(&run)[0].sentence, "The account balances: 30 requests finished, counted 3 ways.");
        run.routes = vec![route("/io", &[(Figure::Requests, &[29.0])])];
        assert_eq!(find(&run)[0].weight, Weight::Doubt);
        run.about = About::default();
        assert!(find(&run).is_empty(), "it has not ended");
    }
}
