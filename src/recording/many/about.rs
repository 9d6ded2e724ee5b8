//! What the `run.json` of all instances have in common, as one.

use serde_json::{Map, Value, json};

use super::super::About;
use super::alike::Named;
use crate::run_files::{TCP_AFTER, TCP_BEFORE};

/// What is each instance's own, even where it happens to be the same.
const OWN: [&str; 12] = [
    "instance",
    "command",
    "started",
    "started_monotonic_ns",
    "pid",
    "addr",
    "admin",
    "totals",
    "faults",
    "ended_faults",
    TCP_BEFORE,
    TCP_AFTER,
];

/// What all say alike; of the machine, only where all are known to share one. Totals are there when each has them.
pub fn common(runs: &[Named], is_one_machine: bool) -> About {
    let mut all = runs.iter().map(|run| run.recording.about.at("").cloned().unwrap_or_default());
    let first = all.next().unwrap_or_default();
    let mut common = all.fold(first, alike);
    let Some(fields) = common.as_object_mut() else { return About::default() };
    fields.retain(|name, _| !OWN.contains(&name.as_str()));
    if !is_one_machine {
        fields.remove("machine");
    }
    if let Some(started) = runs.first().and_then(|run| run.recording.about.text("/started")) {
        fields.insert("started".to_owned(), started.into());
    }
    fields.extend(totals(runs));
    About::of(common)
}

/// The fields of both that are the same.
fn alike(one: Value, other: Value) -> Value {
    match (one, other) {
        (Value::Object(one), Value::Object(mut other)) => {
            let both = one.into_iter().filter_map(|(name, value)| {
                let value = alike(value, other.remove(&name)?);
                (!value.is_null()).then_some((name, value))
            });
            Value::Object(both.collect())
        }
        (one, other) if one == other => one,
        _ => Value::Null,
    }
}

fn totals(runs: &[Named]) -> Option<(String, Value)> {
    let each: Option<Vec<&Named>> = runs.iter().map(|run| run.recording.about.at("/totals").map(|_| run)).collect();
    let each = each?;
    let requests: Option<u64> =
        each.iter().map(|run| run.recording.about.at("/totals/requests").and_then(Value::as_u64)).sum();
    let last = each.iter().max_by(|one, other| one.to_s.total_cmp(&other.to_s))?;
    let ended = last.recording.about.at("/totals/ended").cloned();
    let duration_s = last.to_s;
    let totals: Map<String, Value> =
        [("requests", json!(requests)), ("duration_s", json!(duration_s)), ("ended", json!(ended))]
            .into_iter()
            .map(|(name, value)| (name.to_owned(), value))
            .collect();
    Some(("totals".to_owned(), Value::Object(totals)))
}
