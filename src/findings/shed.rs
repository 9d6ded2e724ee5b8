//! Requests that the target answered 503 because --max-inflight was reached.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::recording::{Figure, Recording, Route};
use crate::units::shown::number;

/// So many routes are named.
const NAMED: usize = 3;

pub fn find(run: &Recording) -> Vec<Finding> {
    let Some((shed, first, last)) = run.target.gained(Figure::Shed) else { return Vec::new() };
    let Some(requests) = run.target.whole(Figure::Requests).most().filter(|requests| *requests > 0.0) else {
        return Vec::new();
    };
    let limit = run.about.number("/config/max_inflight");
    vec![Finding {
        rule: Rule::Shed,
        weight: Weight::Limit,
        sentence: format!(
            "{} % of the requests were answered 503 because --max-inflight{} was reached.",
            number(shed / requests * 100.0),
            limit.map_or_else(String::new, |limit| format!(" {}", number(limit))),
        ),
        evidence: evidence([
            ("answered 503 over --max-inflight", number(shed)),
            ("requests finished", number(requests)),
            ("--max-inflight, per worker", or_unknown(limit, number)),
            ("by route", by_route(&run.routes)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "whether the generator counts them as failures, and how long the others would have taken without the limit",
    }]
}

fn by_route(routes: &[Route]) -> String {
    let shed = |route: &Route| route.series.whole(Figure::Shed).last().filter(|shed| *shed > 0.0);
    let mut counts: Vec<(f64, String)> = routes
        .iter()
        .filter_map(|route| Some((shed(route)?, format!("{} {}", route.method, route.path))))
        .collect();
    counts.sort_by(|one, other| other.0.total_cmp(&one.0));
    let mut named: Vec<String> =
        counts.iter().take(NAMED).map(|(shed, route)| format!("{route} {}", number(*shed))).collect();
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
        assert_eq!(found[0].evidence[3].1, "GET /cpu 990, GET /io 3");
    }

    #[test]
    fn none_shed_and_an_unknown_count_find_nothing() {
        assert!(find(&run(&[(Figure::Requests, &[0.0, 9.0]), (Figure::Shed, &[0.0, 0.0])])).is_empty());
        assert!(find(&run(&[(Figure::Requests, &[0.0, 9.0]), (Figure::Errors, &[0.0, 9.0])])).is_empty());
    }
}
