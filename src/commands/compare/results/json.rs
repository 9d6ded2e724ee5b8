//! A comparison as JSON: `results.json`.

use serde_json::{Value, json};

use super::super::arrangement::are_quintain;
use super::super::published::Published;
use super::Results;
use crate::comparison::{Change, Changes, Objection, Row, Verdict, changes};

impl Results<'_> {
    /// Everything, as one object.
    pub(super) fn json(&self) -> Value {
        let looks: Vec<Value> = self
            .looks_so_far()
            .map(|pairs| json!({ "pairs": pairs.len(), "rows": rows_json(&changes(pairs, self.confidence), |_| None) }))
            .collect();
        let more_pairs = match self.verdict {
            Verdict::Undecided { more_pairs } => more_pairs,
            _ => None,
        };
        json!({
            "verdict": if self.is_refused() { "refused" } else { self.verdict.name() },
            "sentence": self.verdict_sentence(),
            "judged": self.plan.judged.name,
            "floor": self.plan.floor,
            "more_pairs": more_pairs,
            "ended": self.ended,
            "a": self.plan.arm_texts[0],
            "b": self.plan.arm_texts[1],
            "load": self.plan.load_text(),
            "seed": self.plan.seed,
            "figures_by": if are_quintain(&self.plan.arms) { "target" } else { "client" },
            "confidence": self.confidence,
            "rows": rows_json(&self.changes, |row| Some(self.medians(|arm| (row.of)(&arm.figures)))),
            "looks": looks,
            "published": self.published.as_ref().map(published_json),
            "objections": self.objections.iter().map(objection_json).collect::<Vec<_>>(),
            "fail_if": self.bounds.iter().map(|(text, state)| json!({ "condition": text, "state": state })).collect::<Vec<_>>(),
            "rounds": self.rounds,
        })
    }
}

/// The change of each row, with the medians of both arms where they are told.
fn rows_json(changes: &Changes, medians: impl Fn(&Row) -> Option<[Option<f64>; 2]>) -> Value {
    let row = |(row, change): &(&'static Row, Option<Change>)| {
        let value = change.map(|change| {
            let [a, b] = medians(row).unwrap_or_default();
            json!({
                "a": a,
                "b": b,
                "pairs": change.pairs,
                "estimate": change.estimate,
                "interval": change.interval.map(|interval| [interval.low, interval.high]),
                "scale": row.scale.name(),
            })
        });
        (row.name.to_owned(), value.unwrap_or(Value::Null))
    };
    Value::Object(changes.iter().map(row).collect())
}

fn objection_json(objection: &Objection) -> Value {
    let rows: Vec<&str> = objection.rows().map(|row| row.name).collect();
    json!({ "what": objection.sentence, "evidence": objection.evidence, "rows": rows })
}

fn published_json(published: &Published) -> Value {
    let [a, b] = published
        .arms
        .each_ref()
        .map(|one| one.as_ref().map(|one| json!({ "name": one.name, "figures": one.figures })));
    json!({ "a": a, "b": b, "contradictions": published.contradictions })
}
