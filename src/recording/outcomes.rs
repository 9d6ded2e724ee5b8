//! What came of the fault plans, as `run.json` tells it at the end of a run.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::About;
use super::faulty::{Map, described};
use crate::fault::{Rules, Written, understand};

/// A fault plan, and what came of it.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    /// When it began, in seconds since the run began.
    pub from_s: f64,
    /// When it ended.
    pub to_s: f64,
    /// In words.
    pub plan: String,
    /// How many requests drew from its index.
    pub drawn: u64,
    /// By kind, what those draws come to; unknown where that is left to chance.
    pub planned: Option<BTreeMap<String, u64>>,
    /// By kind, how often it was carried out.
    pub executed: BTreeMap<String, u64>,
}

#[derive(Deserialize)]
struct Told {
    #[serde(flatten)]
    plan: Map,
    age_ms: f64,
    ended_ms: Option<f64>,
    matched: u64,
    planned: Option<BTreeMap<String, u64>>,
    executed: BTreeMap<String, u64>,
}

/// Of each plan that is known, the first to begin first; nothing where the run did not end in order.
#[must_use]
pub fn outcomes(about: &About, end_s: f64) -> Vec<Outcome> {
    let told = ["/ended_faults", "/faults"].into_iter().filter_map(|path| about.at(path)?.as_array()).flatten();
    let known = told.filter_map(|plan| serde_json::from_value::<Told>(plan.clone()).ok());
    let mut outcomes: Vec<Outcome> = known.map(|told| outcome(told, end_s)).collect();
    outcomes.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    outcomes
}

fn outcome(Told { plan, age_ms, ended_ms, matched, planned, executed }: Told, end_s: f64) -> Outcome {
    let name = plan.get("name").and_then(|name| name.as_str()).unwrap_or("a fault").to_owned();
    let written = serde_json::from_value::<Written>(plan.into()).ok();
    let understood = written.and_then(|written| understand(&written, "", 0, &Rules::none()).ok());
    let ago = |ms: f64| (end_s - ms / 1e3).max(0.0);
    Outcome {
        from_s: ago(age_ms),
        to_s: ago(ended_ms.unwrap_or(0.0)),
        plan: understood.map_or(name, |(_, written)| described(&written)),
        drawn: matched,
        planned,
        executed,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn ended_plans_and_those_in_force_stand_in_the_order_of_their_begin() {
        let kinds = json!([{ "kind": "status", "code": 500, "rate": 0.5 }]);
        let counts = json!({ "status 500": 4 });
        let about = About::of(json!({
            "faults": [{ "name": "b", "route": "*", "kinds": kinds, "age_ms": 9000, "matched": 1, "executed": {} }],
            "ended_faults": [
                { "name": "c", "kinds": 7, "age_ms": 3000, "ended_ms": 1000, "matched": 2, "executed": {} },
                { "name": "a", "route": "/io", "kinds": kinds, "age_ms": 10_500, "ended_ms": 500, "matched": 8,
                  "planned": counts, "executed": counts },
                { "name": "no counts" },
            ],
        }));
        let found = outcomes(&about, 10.0);
        let shown: Vec<_> = found.iter().map(|one| (one.plan.as_str(), one.from_s, one.to_s, one.drawn)).collect();
        assert_eq!(
            shown,
            [("a (status 0.5) on /io", 0.0, 9.5, 8), ("b (status 0.5) on *", 1.0, 10.0, 1), ("c", 7.0, 9.0, 2)]
        );
        assert_eq!((found[0].planned.as_ref().unwrap()["status 500"], found[0].executed["status 500"]), (4, 4));
        assert_eq!(found[1].planned, None);
    }
}
