//! What the instances have counted, as one account: known where all parts are.

use std::collections::BTreeMap;

use super::super::outcomes::Outcome;
use super::super::phases::Phase;
use super::alike::Named;
use crate::snapshot::{Figures, SlotFigures, Totals};
use crate::units::shown::span;

/// Marks that are so much apart are worth a sentence.
const APART_S: f64 = 1.0;

/// The whole service, where each instance ended in order.
pub fn whole(runs: &[Named]) -> Option<Figures> {
    let all: Option<Vec<&Figures>> = runs.iter().map(|run| run.recording.whole.as_ref()).collect();
    all.map(|all| sum(&all))
}

/// Slots keep their order, and get new numbers.
fn sum(all: &[&Figures]) -> Figures {
    let mut sum = Figures { totals: Totals::nothing(), listen_drops: 0.into(), ..Figures::default() };
    let mut has_same_numbers = true;
    for Figures { totals, now, listen_drops, routes, slots, faults: _ } in all.iter().copied() {
        sum.totals.add(totals);
        sum.now.add(now);
        sum.listen_drops = sum.listen_drops + *listen_drops;
        for route in routes {
            match sum.routes.iter_mut().find(|known| (&known.method, &known.path) == (&route.method, &route.path)) {
                Some(known) => {
                    has_same_numbers &= known.number == route.number;
                    known.merge(route);
                }
                None => sum.routes.push(route.clone()),
            }
        }
        let first = sum.slots.len();
        let renumbered = |(place, slot): (usize, &SlotFigures)| SlotFigures { slot: first + place, ..slot.clone() };
        sum.slots.extend(slots.iter().enumerate().map(renumbered));
    }
    // Who was waited for is told by the routes' numbers.
    if !has_same_numbers {
        for route in &mut sum.routes {
            route.behind.clear();
        }
    }
    sum
}

/// The phases of all of them together, and what is to be said of them.
pub fn phases(runs: &[Named]) -> (Vec<Phase>, Vec<String>) {
    let names = |run: &Named| run.recording.phases.iter().map(|phase| phase.name.clone()).collect::<Vec<_>>();
    let end_s = runs.iter().map(|run| run.to_s).fold(0.0, f64::max);
    let first = runs.first().map(names).unwrap_or_default();
    if runs.iter().any(|run| names(run) != first) {
        let all = runs.iter().map(|run| format!("{}: {}", run.name, names(run).join(", ")));
        let said = format!(
            "the instances have other phases ({}): they are shown as one; put each mark on all of them",
            all.collect::<Vec<_>>().join("; ")
        );
        let one = Phase {
            name: "run".to_owned(),
            from_s: 0.0,
            to_s: end_s,
            begins_with: Some(Totals::nothing()),
            figures: whole(runs),
        };
        return (vec![one], vec![said]);
    }
    let mut phases: Vec<Phase> = Vec::new();
    let mut most_apart_s = 0.0_f64;
    for (place, name) in first.iter().enumerate() {
        let of_all: Vec<(&Named, &Phase)> =
            runs.iter().filter_map(|run| Some((run, run.recording.phases.get(place)?))).collect();
        let begins = of_all.iter().map(|(run, phase)| run.from_s + phase.from_s);
        let (least, most) = (begins.clone().fold(f64::INFINITY, f64::min), begins.fold(0.0, f64::max));
        // Instances may begin when they like.
        if place > 0 {
            most_apart_s = most_apart_s.max(most - least);
        }
        let begins_with: Option<Vec<&Totals>> =
            of_all.iter().map(|(_, phase)| phase.begins_with.as_ref()).collect();
        let figures: Option<Vec<&Figures>> = of_all.iter().map(|(_, phase)| phase.figures.as_ref()).collect();
        if let Some(before) = phases.last_mut() {
            before.to_s = least;
        }
        phases.push(Phase {
            name: name.clone(),
            from_s: least,
            to_s: end_s,
            begins_with: begins_with.map(|all| all.into_iter().sum()),
            figures: figures.map(|all| sum(&all)),
        });
    }
    let said = (most_apart_s > APART_S).then(|| {
        format!(
            "marks of one name were put up to {} apart: a phase begins here with the first of them, and its counts are those of each instance's own",
            span(most_apart_s)
        )
    });
    (phases, said.into_iter().collect())
}

/// What came of the fault plans: of the same plan on several instances, all together.
pub fn outcomes(runs: &[Named]) -> Vec<Outcome> {
    let mut all: Vec<Outcome> = Vec::new();
    for run in runs {
        for outcome in &run.recording.outcomes {
            let Outcome { from_s, to_s, plan, drawn, planned, executed } = outcome.clone();
            let (from_s, to_s) = (from_s + run.from_s, to_s + run.from_s);
            let Some(same) = all.iter_mut().find(|known| known.plan == plan) else {
                all.push(Outcome { from_s, to_s, plan, drawn, planned, executed });
                continue;
            };
            same.from_s = same.from_s.min(from_s);
            same.to_s = same.to_s.max(to_s);
            same.drawn += drawn;
            same.planned = same.planned.take().zip(planned).map(|(mut sum, planned)| {
                add_counts(&mut sum, planned);
                sum
            });
            add_counts(&mut same.executed, executed);
        }
    }
    all.sort_by(|one, other| one.from_s.total_cmp(&other.from_s));
    all
}

fn add_counts(sum: &mut BTreeMap<String, u64>, counts: BTreeMap<String, u64>) {
    for (kind, count) in counts {
        *sum.entry(kind).or_default() += count;
    }
}
