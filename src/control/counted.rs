//! Fault plans with what came of them: up to now, or in a stretch of the run.

use std::collections::BTreeMap;

use super::faults::age_ms;
use super::standing;
use crate::fault::{Placed, Plan, Rules, Written, understand};
use crate::scoreboard::Scoreboard;
use crate::snapshot::FaultTally;

/// A plan that is or was in force, with its counts.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counted {
    /// As understood.
    #[serde(flatten)]
    #[schema(inline)]
    pub plan: Written,
    /// How long ago it began: where its window is.
    pub age_ms: u64,
    /// How long ago it ended, unless it is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_ms: Option<u64>,
    /// Draws of its index: requests that came in while its window was open.
    pub matched: u64,
    /// By kind, what those draws come to, unless that is left to chance.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub planned: Option<BTreeMap<String, u64>>,
    /// By kind, how often it was carried out.
    pub executed: BTreeMap<String, u64>,
}

/// All plans that are known, as of an instant.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct KnownFaults {
    /// Those in force then.
    pub in_force: Vec<Counted>,
    /// Those that were in force before, the last to end last: until there are so many that another plan takes its place.
    /// What was under way when one ended is in its counts when it is done.
    pub ended: Vec<Counted>,
}

/// One end of a stretch: when (monotonic), and what had been counted by then.
pub type Moment<'a> = (u64, &'a [FaultTally]);

/// What had been counted, of every plan that is known.
#[must_use]
pub fn fault_tallies(board: &Scoreboard) -> Vec<FaultTally> {
    known(board).iter().map(|(placed, _)| tally(board, placed)).collect()
}

/// The plans that are known at `until`, with what came of them since `since`, which is the start of the run when there is
/// none. Those that had ended by then are left out.
#[must_use]
pub fn faults_between(board: &Scoreboard, since: Option<Moment<'_>>, until: Moment<'_>) -> KnownFaults {
    counted_between(known(board), since, until)
}

fn counted_between(plans: Vec<Known>, since: Option<Moment<'_>>, until: Moment<'_>) -> KnownFaults {
    let (until_ns, counted) = until;
    let (since_ns, counted_before) = since.unwrap_or_default();
    let mut faults = KnownFaults::default();
    for (placed, ended_ns) in plans {
        let ended_ns = ended_ns.filter(|ended_ns| *ended_ns <= until_ns);
        if placed.begin_ns > until_ns || ended_ns.is_some_and(|ended_ns| ended_ns < since_ns) {
            continue;
        }
        let Ok((plan, _)) = understand(&placed.plan, "", 0, &Rules::none()) else { continue };
        let of =
            |tallies: &[FaultTally]| tallies.iter().find(|tally| tally.is_of(&placed)).cloned().unwrap_or_default();
        let (before, after) = (of(counted_before), of(counted));
        let (matched, planned, executed) = gained(&plan, &before, &after);
        let list = if ended_ns.is_some() { &mut faults.ended } else { &mut faults.in_force };
        let Placed { plan, place: _, begin_ns } = placed;
        list.push(Counted {
            plan,
            age_ms: age_ms(begin_ns, until_ns),
            ended_ms: ended_ns.map(|ended_ns| age_ms(ended_ns, until_ns)),
            matched,
            planned,
            executed,
        });
    }
    faults
}

/// The plans that are known now, with what came of them up to now.
#[must_use]
pub fn known_faults(board: &Scoreboard, now_ns: u64) -> KnownFaults {
    faults_between(board, None, (now_ns, &fault_tallies(board)))
}

/// The plans in force now, with what came of them up to now. Those that have ended are not even looked at: every tick asks.
#[must_use]
pub fn faults_in_force(board: &Scoreboard, now_ns: u64) -> Vec<Counted> {
    let plans = on_the_page(board);
    let tallies: Vec<FaultTally> = plans.iter().map(|(placed, _)| tally(board, placed)).collect();
    counted_between(plans, None, (now_ns, &tallies)).in_force
}

/// A plan, and when it ended (monotonic), or is to end.
type Known = (Placed, Option<u64>);

/// Every plan that is known, the first to end first.
fn known(board: &Scoreboard) -> Vec<Known> {
    let ended = board.head().ended_plans.all().into_iter();
    let ended = ended.filter_map(|(text, ended_ns)| Some((serde_json::from_slice(&text).ok()?, Some(ended_ns))));
    ended.chain(on_the_page(board)).collect()
}

/// Those on the orders page.
fn on_the_page(board: &Scoreboard) -> Vec<Known> {
    let faults = standing(board).1.faults;
    faults.plans.into_iter().map(|placed| (placed, faults.expires_ns)).collect()
}

fn tally(board: &Scoreboard, placed: &Placed) -> FaultTally {
    let record = board.head().faults.plan(placed.place);
    FaultTally {
        place: placed.place,
        begin_ns: placed.begin_ns,
        matched: record.index().drawn(),
        executed: (0..placed.plan.kinds.len()).map(|number| record.executed(number)).collect(),
    }
}

type Gained = (u64, Option<BTreeMap<String, u64>>, BTreeMap<String, u64>);

/// What was drawn between two tallies of a plan, what was planned for those draws, and what was carried out.
fn gained(plan: &Plan, before: &FaultTally, after: &FaultTally) -> Gained {
    let by_kind = |before: &[u64], after: &[u64]| {
        let mut sums = BTreeMap::new();
        for (number, (kind, after)) in plan.kinds.iter().zip(after).enumerate() {
            // Kinds that are called the same are counted together.
            let more = after.saturating_sub(before.get(number).copied().unwrap_or(0));
            *sums.entry(kind.to_string()).or_insert(0) += more;
        }
        sums
    };
    let planned = plan.planned(before.matched).zip(plan.planned(after.matched));
    (
        after.matched.saturating_sub(before.matched),
        planned.map(|(before, after)| by_kind(&before, &after)),
        by_kind(&before.executed, &after.executed),
    )
}
