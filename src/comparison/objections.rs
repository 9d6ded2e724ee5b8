//! Reasons not to give a verdict: circumstances in which the figures do not tell the two arms apart, with the evidence.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Arm;
use super::rows::{Limit, ROWS, Row};
use crate::statistics::median;
use crate::units::shown::{float, percent};

/// Around one arm in one round: what else happened than the arm's own work. What is not known is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Circumstances {
    /// CPU of the generator's busiest thread; 100 is all of one core.
    pub generator_thread_pct: Option<f64>,
    /// CPU of the generator's whole process tree, in percent of the cores that it may use.
    pub generator_cores_pct: Option<f64>,
    /// CPU time that the machine's hypervisor gave to others, in percent of the stretch.
    pub steal_pct: Option<f64>,
    /// CPU time of processes that are no part of the comparison, in percent of the machine's.
    pub others_pct: Option<f64>,
    /// Time in which the control group's quota stopped the target, in percent of the stretch.
    pub throttled_pct: Option<f64>,
    /// Requests that the generator counted as failed and that have no answer of this target.
    pub never_reached: Option<u64>,
    /// Requests that were finished.
    pub finished: Option<u64>,
    /// Requests without an answer below status 400, in percent of all, where nothing tells each status.
    pub errors_pct: Option<f64>,
    /// Status → how often it was answered.
    pub statuses: BTreeMap<u16, u64>,
    /// Bytes of answers a request, of those with a status below 400.
    pub bytes_per_request: Option<f64>,
}

/// A reason not to give a verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objection {
    /// What is wrong, a sentence.
    pub sentence: String,
    /// The figures that show it.
    pub evidence: String,
    scope: Scope,
}

/// Which rows an objection bears on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    /// All.
    EveryRow,
    /// Those that the generator may limit.
    LimitedByTheGenerator,
}

impl Objection {
    fn to_every_row(sentence: impl Into<String>, evidence: String) -> Self {
        Self { sentence: sentence.into(), evidence, scope: Scope::EveryRow }
    }

    /// Whether it says that this row does not tell the arms apart.
    #[must_use]
    pub fn bears_on(&self, row: &Row) -> bool {
        match self.scope {
            Scope::EveryRow => true,
            Scope::LimitedByTheGenerator => row.limit == Limit::Both,
        }
    }

    /// The rows that it bears on, in the order of the table.
    pub fn rows(&self) -> impl Iterator<Item = &'static Row> {
        ROWS.iter().filter(|row| self.bears_on(row))
    }
}

/// A thread or all cores busier than this have no time left.
const OUT_OF_CPU_PCT: f64 = 95.0;

/// Throttled time beyond this says more about the quota than about the arms.
const THROTTLED_PCT: f64 = 5.0;

/// What is stolen stands still for whoever runs: half as much of it is as bad as what other processes use.
const STOLEN_TO_BUSY: f64 = 0.5;

/// Failures beyond this share of the requests leave a different load than the one that was asked for.
const NEVER_REACHED_PCT: f64 = 0.5;

/// Shares of a status, in percentage points, and bytes a request, in percent, may differ by so much.
const UNEQUAL: f64 = 1.0;

/// What speaks against a verdict, by what is true of the median round of an arm. Other processes may use `busy_pct` of the
/// machine's CPU, and half as much may be stolen.
#[must_use]
pub fn objections(rounds: &[[Circumstances; 2]], busy_pct: f64) -> Vec<Objection> {
    let mut found = Vec::new();
    for arm in Arm::BOTH {
        found.extend(of_an_arm(rounds, arm, busy_pct));
    }
    found.extend(unequal_statuses(rounds).or_else(|| unequal_errors(rounds)));
    found.extend(unequal_bytes(rounds));
    found
}

/// Where most answers of both arms together were errors, which ones: arms may well be compared by them, but seldom on purpose.
#[must_use]
pub fn mostly_errors(rounds: &[[Circumstances; 2]]) -> Option<String> {
    let mut sums: BTreeMap<u16, u64> = BTreeMap::new();
    for (status, count) in rounds.iter().flatten().flat_map(|around| &around.statuses) {
        *sums.entry(*status).or_default() += count;
    }
    let (all, errors) = (sums.values().sum::<u64>(), sums.range(400..).map(|(_, count)| count).sum::<u64>());
    let (status, count) = sums.range(400..).max_by_key(|(_, count)| **count).filter(|_| errors > all / 2)?;
    let share = percent(100.0 * float(*count) / float(all));
    Some(format!("Errors are compared here: {share} of the answers had status {status}."))
}

/// What is true of the median round of an arm.
fn typical(rounds: &[[Circumstances; 2]], arm: Arm, of: impl Fn(&Circumstances) -> Option<f64>) -> Option<f64> {
    median(&rounds.iter().filter_map(|round| of(&round[arm as usize])).collect::<Vec<_>>())
}

fn of_an_arm(rounds: &[[Circumstances; 2]], arm: Arm, busy_pct: f64) -> Vec<Objection> {
    let typical = |of: fn(&Circumstances) -> Option<f64>| typical(rounds, arm, of);
    let letter = arm.letter();
    let stolen_pct = STOLEN_TO_BUSY * busy_pct;
    let beyond = |value: Option<f64>, bound: f64| value.filter(|value| *value > bound);
    let mut found = Vec::new();
    let busiest = beyond(typical(|round| round.generator_thread_pct), OUT_OF_CPU_PCT)
        .map(|pct| format!("its busiest thread used {} of a core", percent(pct)));
    let cores = beyond(typical(|round| round.generator_cores_pct), OUT_OF_CPU_PCT)
        .map(|pct| format!("it used {} of the cores that it may use", percent(pct)));
    found.extend(busiest.or(cores).map(|evidence| Objection {
        sentence: format!("The load generator ran out of CPU against {letter}: it may have measured itself."),
        evidence,
        scope: Scope::LimitedByTheGenerator,
    }));
    found.extend(beyond(typical(|round| round.steal_pct), stolen_pct).map(|pct| {
        Objection::to_every_row(
            format!("The machine gave CPU time to others while {letter} was measured."),
            format!("{} of it was stolen; --busy allows {}", percent(pct), percent(stolen_pct)),
        )
    }));
    found.extend(beyond(typical(|round| round.others_pct), busy_pct).map(|pct| {
        Objection::to_every_row(
            format!("Other processes kept the machine busy while {letter} was measured."),
            format!("they used {} of its CPU time; --busy allows {}", percent(pct), percent(busy_pct)),
        )
    }));
    found.extend(beyond(typical(|round| round.throttled_pct), THROTTLED_PCT).map(|pct| {
        Objection::to_every_row(
            format!("The control group's CPU quota stopped {letter} while it was measured."),
            format!("it was stopped for {} of the time", percent(pct)),
        )
    }));
    let unreached = typical(|round| {
        let (never, finished) = (float(round.never_reached?), float(round.finished?));
        (never + finished > 0.0).then(|| 100.0 * never / (never + finished))
    });
    found.extend(beyond(unreached, NEVER_REACHED_PCT).map(|pct| {
        Objection::to_every_row(
            format!("Requests of the generator failed that never reached {letter}: its load was another one."),
            format!("{} of what the generator sent", percent(pct)),
        )
    }));
    found
}

/// Whether the arms answered with different statuses: the one that refuses is faster.
fn unequal_statuses(rounds: &[[Circumstances; 2]]) -> Option<Objection> {
    let shares = |arm: Arm| {
        let mut sums: BTreeMap<u16, u64> = BTreeMap::new();
        for (status, count) in rounds.iter().flat_map(|round| &round[arm as usize].statuses) {
            *sums.entry(*status).or_default() += count;
        }
        let all = float(sums.values().sum::<u64>().max(1));
        sums.into_iter().map(|(status, count)| (status, 100.0 * float(count) / all)).collect::<BTreeMap<_, _>>()
    };
    let (a, b) = (shares(Arm::A), shares(Arm::B));
    if a.is_empty() || b.is_empty() {
        return None;
    }
    let share = |of: &BTreeMap<u16, f64>, status| of.get(&status).copied().unwrap_or(0.0);
    let apart = |status: &u16| (share(&a, *status) - share(&b, *status)).abs();
    let status = a.keys().chain(b.keys()).copied().max_by(|one, other| apart(one).total_cmp(&apart(other)))?;
    (apart(&status) > UNEQUAL).then(|| {
        Objection::to_every_row(
            "The arms did unequal work: they did not answer alike.",
            format!(
                "{} of A's answers and {} of B's had status {status}",
                percent(share(&a, status)),
                percent(share(&b, status))
            ),
        )
    })
}

fn unequal_errors(rounds: &[[Circumstances; 2]]) -> Option<Objection> {
    let [a, b] = Arm::BOTH.map(|arm| typical(rounds, arm, |round| round.errors_pct));
    let (a, b) = (a?, b?);
    ((b - a).abs() > UNEQUAL).then(|| {
        Objection::to_every_row(
            "The arms did unequal work: they did not answer alike.",
            format!("{} of the requests to A failed and {} of those to B", percent(a), percent(b)),
        )
    })
}

fn unequal_bytes(rounds: &[[Circumstances; 2]]) -> Option<Objection> {
    let [a, b] = Arm::BOTH.map(|arm| typical(rounds, arm, |round| round.bytes_per_request));
    let (a, b) = (a?, b?);
    let apart_pct = 100.0 * (b - a).abs() / a.max(b);
    (apart_pct > UNEQUAL).then(|| {
        Objection::to_every_row(
            "The arms did unequal work: their answers were not equally long.",
            format!("{a:.1} bytes a request from A, {b:.1} from B"),
        )
    })
}
