//! When fault plans were in force, and when in that time their windows were open.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use super::events::Event;
use crate::event::{EventKind, PlanChange};
use crate::fault::{Plan, ROWS, Row, Rules, Window, Written, understand};
use crate::units::shown::{amount, float};

/// A plan whose window opens more often is shown as in force alone.
const MOST_OPEN: u32 = 300;

/// A stretch in which the same fault plans were in force.
#[derive(Clone, Debug, PartialEq)]
pub struct Faulty {
    /// From when on, in seconds since the run began.
    pub from_s: f64,
    /// Until when.
    pub to_s: f64,
    /// Which, in words.
    pub plans: String,
    /// Whether one of them takes memory and keeps it.
    pub leaks: bool,
    /// Whether one of them lets requests or connections wait.
    pub holds_up: bool,
    /// Whether one of them is open all the time, or too often to tell.
    pub is_open_throughout: bool,
    /// When windows in time were open, of the others.
    pub open: Vec<Open>,
}

impl Faulty {
    /// Moves all of it to a later time.
    pub(super) fn shift(&mut self, by_s: f64) {
        self.from_s += by_s;
        self.to_s += by_s;
        for open in &mut self.open {
            open.from_s += by_s;
            open.to_s += by_s;
        }
    }

    /// Whether its time and this one have a moment in common.
    #[must_use]
    pub fn reaches_into(&self, from_s: f64, to_s: f64) -> bool {
        to_s >= self.from_s && from_s <= self.to_s
    }
}

/// A window that was open.
#[derive(Clone, Debug, PartialEq)]
pub struct Open {
    /// The plan's name.
    pub plan: String,
    /// From when on, in seconds since the run began.
    pub from_s: f64,
    /// Until when.
    pub to_s: f64,
}

/// A plan and how old it was.
#[derive(Clone, Debug, Deserialize)]
struct Aged {
    #[serde(flatten)]
    plan: Map,
    #[serde(default)]
    age_ms: f64,
}

pub(super) type Map = serde_json::Map<String, Value>;

/// The stretches, from one change of the plans to the next. `first` are those of the profile, with which the run began.
#[must_use]
pub fn stretches(events: &[Event], first: Option<&Value>, end_s: f64) -> Vec<Faulty> {
    let begin = first.map(|first| (0.0, first.clone(), String::new()));
    let changes = events.iter().filter_map(|event| {
        let EventKind::FaultPlan(PlanChange { words, plans, .. }) = &event.kind else { return None };
        Some((event.elapsed_s, serde_json::from_str(plans).unwrap_or_default(), words.clone()))
    });
    let changes: Vec<(f64, Value, String)> = begin.into_iter().chain(changes).collect();
    let until = changes.iter().skip(1).map(|(at_s, ..)| *at_s).chain([end_s]);
    let stretches = changes.iter().zip(until);
    stretches.filter_map(|((from_s, plans, detail), to_s)| stretch((*from_s, to_s), plans, detail)).collect()
}

/// `None` when there were no plans. What can't be understood as plans is told as the event told it.
fn stretch((from_s, to_s): (f64, f64), plans: &Value, detail: &str) -> Option<Faulty> {
    let aged: Vec<Aged> = serde_json::from_value(plans.clone()).unwrap_or_default();
    let understood: Vec<(Plan, Written, f64)> = aged
        .into_iter()
        .enumerate()
        .filter_map(|(number, Aged { plan, age_ms })| {
            let written: Written = serde_json::from_value(plan.into()).ok()?;
            let (plan, written) = understand(&written, "", number + 1, &Rules::none()).ok()?;
            Some((plan, written, from_s - age_ms / 1e3))
        })
        .collect();
    if understood.is_empty() {
        let is_none = detail.is_empty() || detail == "none" || detail.starts_with("none, ");
        let says = |is: fn(&Row) -> bool| ROWS.iter().any(|row| is(row) && detail.contains(row.name));
        return (!is_none).then(|| Faulty {
            from_s,
            to_s,
            plans: detail.to_owned(),
            leaks: says(|row| row.leaks),
            holds_up: says(|row| row.holds_up),
            is_open_throughout: true,
            open: Vec::new(),
        });
    }
    let (mut is_open_throughout, mut open) = (false, Vec::new());
    for (plan, written, begin_s) in &understood {
        let name = written.name.as_deref().unwrap_or_default();
        match windows(plan.window, *begin_s, (from_s, to_s)) {
            None => is_open_throughout = true,
            Some(windows) => {
                open.extend(windows.into_iter().map(|(from_s, to_s)| Open { plan: name.to_owned(), from_s, to_s }));
            }
        }
    }
    let kinds = understood.iter().flat_map(|(_, written, _)| &written.kinds);
    let has = |is: fn(&Row) -> bool| kinds.clone().filter_map(|kind| Row::of(&kind.kind)).any(is);
    Some(Faulty {
        from_s,
        to_s,
        plans: understood.iter().map(|(_, written, _)| described(written)).collect::<Vec<_>>().join("; "),
        leaks: has(|row| row.leaks),
        holds_up: has(|row| row.holds_up),
        is_open_throughout,
        open,
    })
}

/// When a window in time that begins at `begin_s` is open within a stretch; `None` when it is open all the time, or too
/// often to tell.
fn windows(window: Window, begin_s: f64, (from_s, to_s): (f64, f64)) -> Option<Vec<(f64, f64)>> {
    let within = |(open_s, shut_s): (f64, f64)| (open_s.max(from_s), shut_s.min(to_s));
    let is_some = |(open_s, shut_s): &(f64, f64)| open_s < shut_s;
    match window {
        Window::Always | Window::Requests { .. } => None,
        Window::Between { from, to } => {
            let shut_s = to.map_or(f64::INFINITY, |to| begin_s + to.as_secs_f64());
            Some([(begin_s + from.as_secs_f64(), shut_s)].into_iter().map(within).filter(is_some).collect())
        }
        Window::Periods { every, open } => {
            let every_s = every.max(Duration::from_nanos(1)).as_secs_f64();
            if (to_s - from_s) / every_s > f64::from(MOST_OPEN) {
                return None;
            }
            let before = ((from_s - begin_s) / every_s).floor().max(0.0);
            let openings = (0..=MOST_OPEN).map(|number| begin_s + (before + f64::from(number)) * every_s);
            let openings = openings.take_while(|open_s| *open_s < to_s);
            Some(openings.map(|open_s| within((open_s, open_s + open.as_secs_f64()))).filter(is_some).collect())
        }
    }
}

/// `some (status 0.05) on GET /cpu, every 2s for 500ms`
pub(super) fn described(written: &Written) -> String {
    let kinds = written.kinds.iter().map(|kind| match kind.rate {
        Some(rate) => format!("{} {rate}", kind.kind),
        None => kind.kind.clone(),
    });
    let kinds = kinds.collect::<Vec<_>>().join(", ");
    let method = written.method.as_ref().map_or_else(String::new, |method| format!("{method} "));
    let (name, route) = (written.name.as_deref().unwrap_or("a fault"), written.route.as_deref().unwrap_or("*"));
    let window = written.window.as_ref().map_or_else(String::new, |window| {
        let parts = [
            ("from", window.from.clone()),
            ("to", window.to.clone()),
            ("every", window.every.clone()),
            ("for", window.open.clone()),
            ("after", window.after.map(|after| amount(float(after), "request"))),
            ("for", window.count.map(|count| amount(float(count), "request"))),
        ];
        let known = parts.into_iter().filter_map(|(word, value)| Some(format!("{word} {}", value?)));
        format!(", {}", known.collect::<Vec<_>>().join(" "))
    });
    format!("{name} ({kinds}) on {method}{route}{window}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(elapsed_s: f64, plans: &Value, detail: &str) -> Event {
        Event::of_all(elapsed_s, EventKind::read("fault plan", detail, &plans.to_string()))
    }

    #[test]
    fn windows_open_from_the_begin_of_their_plan() {
        let kinds = json!([{ "kind": "status", "code": 500, "rate": 0.05 }]);
        let window = json!({ "every": "2s", "for": "500ms" });
        let plans = json!([{ "name": "some", "route": "/cpu", "kinds": kinds, "window": window, "age_ms": 1000 }]);
        let events = [
            change(9.0, &plans, "epoch 1: whatever"),
            change(13.0, &json!([]), "epoch 2: none, as their ttl is over"),
        ];
        let found = stretches(&events, None, 20.0);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].plans, "some (status 0.05) on /cpu, every 2s for 500ms");
        let open: Vec<_> = found[0].open.iter().map(|open| (open.from_s, open.to_s)).collect();
        assert_eq!(open, [(10.0, 10.5), (12.0, 12.5)]);
        assert!(!found[0].is_open_throughout && !found[0].holds_up);
    }

    #[test]
    fn a_profile_s_plans_are_there_from_the_begin() {
        let stall = json!([{ "kinds": [{ "kind": "stall" }], "window": { "from": "3s", "to": "60s" } }]);
        let found = stretches(&[], Some(&stall), 20.0);
        assert_eq!((found[0].from_s, found[0].to_s), (0.0, 20.0));
        assert!(!found[0].is_open_throughout && found[0].holds_up);
        assert_eq!(found[0].open, [Open { plan: "fault 1".to_owned(), from_s: 3.0, to_s: 20.0 }]);
    }

    #[test]
    fn what_is_no_plan_is_told_as_the_event_told_it() {
        let found = stretches(&[change(1.0, &json!("?"), "epoch 1: a (leak 1) on *; for 4s")], None, 5.0);
        assert_eq!(
            (found[0].plans.as_str(), found[0].leaks, found[0].to_s),
            ("a (leak 1) on *; for 4s", true, 5.0)
        );
        assert!(stretches(&[change(1.0, &json!(null), "epoch 1: none")], None, 5.0).is_empty());
    }
}
