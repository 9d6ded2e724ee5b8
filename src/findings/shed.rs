//! Requests that the target turned away because a limit was reached: `--max-inflight`, or a rate limit of the profile.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Figure, Recording, Route};
use crate::units::shown::number;

/// So many routes are named.
const NAMED: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    let limit = run.about.number("/config/max_inflight");
    let flag =
        limit.map_or_else(|| "--max-inflight".to_owned(), |limit| format!("--max-inflight {}", number(limit)));
    let shed = of(run, Figure::Shed, Rule::Shed, "503", &flag).map(|mut finding| {
        finding.evidence.push(("--max-inflight, per worker".to_owned(), or_unknown(limit, number)));
        finding
    });
    let limited = of(run, Figure::RateLimited, Rule::RateLimited, "429", "a rate limit of the profile");
    shed.into_iter().chain(limited).collect()
}

/// The finding that requests were answered `status` because `limit` was reached: `figure` counts them.
fn of(run: &Recording, figure: Figure, rule: Rule, status: &str, limit: &str) -> Option<Finding> {
    let (turned_away, first, last) = run.target.gained(figure)?;
    let requests = run.target.whole(Figure::Requests).most().filter(|requests| *requests > 0.0)?;
    Some(Finding {
        rule,
        weight: Weight::Limit,
        sentence: format!(
            "{} % of the requests were answered {status} because {limit} was reached.",
            number(turned_away / requests * 100.0),
        ),
        evidence: evidence([
            ("answered so", number(turned_away)),
            ("requests finished", number(requests)),
            ("by route", by_route(&run.routes, figure)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "whether the generator counts them as failures, and how long the others would have taken without the limit",
    })
}

fn by_route(routes: &[Route], figure: Figure) -> String {
    let turned_away = |route: &Route| route.series.whole(figure).last().filter(|count| *count > 0.0);
    let mut counts: Vec<(f64, String)> = routes
        .iter()
        .filter_map(|route| Some((turned_away(route)?, format!("{} {}", route.method, route.path))))
        .collect();
    counts.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut named: Vec<String> =
        counts.iter().take(NAMED).map(|(count, route)| format!("{route} {}", number(*count))).collect();
    if counts.len() > NAMED {
        named.push(format!("{} more", counts.len() - NAMED));
    }
    if named.is_empty() { "unknown".to_owned() } else { named.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::{route, run};
    use crate::recording::About;

    #[test]
    fn the_flag_and_the_routes_are_named() {
        let mut shedding = run(&[(Figure::Requests, &[0.0, 1_000.0]), (Figure::Shed, &[0.0, 993.0])]);
        shedding.about = About::of(serde_json::json!({ "config": { "max_inflight": 20 } }));
        shedding.routes = vec![route("/io", &[(Figure::Shed, &[3.0])]), route("/cpu", &[(Figure::Shed, &[990.0])])];
        let found = find(&shedding);
        assert_eq!(
            found[0].sentence,
            "99.3 % of the requests were answered 503 because --max-inflight 20 was reached."
        );
        assert_eq!(found[0].evidence[2].1, "GET /cpu 990, GET /io 3");
    }

    #[test]
    fn a_rate_limit_is_told_apart() {
        let limited = run(&[
            (Figure::Requests, &[0.0, 8.0]),
            (Figure::Shed, &[0.0, 0.0]),
            (Figure::RateLimited, &[0.0, 2.0]),
        ]);
        let found = find(&limited);
        let sentences: Vec<&str> = found.iter().map(|finding| &*finding.sentence).collect();
        assert_eq!(
            sentences,
            ["25 % of the requests were answered 429 because a rate limit of the profile was reached."]
        );
    }

    #[test]
    fn none_shed_and_an_unknown_count_find_nothing() {
        assert!(find(&run(&[(Figure::Requests, &[0.0, 9.0]), (Figure::Shed, &[0.0, 0.0])])).is_empty());
        assert!(find(&run(&[(Figure::Requests, &[0.0, 9.0]), (Figure::Errors, &[0.0, 9.0])])).is_empty());
    }
}
