//! Faults: what the plans come to, what the target carried out, and what the generator saw of it.

use std::collections::BTreeMap;

use super::counts::{missing, perhaps_missing};
use super::{Check, Target, Topic, exact};
use crate::fault;
use crate::findings::Certainty;
use crate::generator::{Account, Statuses};
use crate::units::shown::{amount, float};

/// Lines about each kind of each plan, and about what reached the generator.
pub fn faults(account: &Account, target: &Target) -> Vec<Check> {
    let mut checks: Vec<Check> = Vec::new();
    for outcome in &target.outcomes {
        for (kind, executed) in &outcome.executed {
            let planned = outcome.planned.as_ref().map(|planned| planned.get(kind).copied().unwrap_or(0));
            let told = planned.map_or_else(|| "left to chance".to_owned(), exact);
            let theirs = format!("planned: {told}, by {}", outcome.plan);
            let check = Check::new(Topic::Faults, theirs, format!("target: {} carried out", exact(*executed)));
            let check = check.of(kind.as_str());
            checks.push(match planned {
                None => check.unknown("the plan leaves it to chance, or has no rate"),
                Some(planned) if planned == *executed => {
                    check.agrees(format!("of {} that it concerns", amount(float(outcome.drawn), "request")))
                }
                Some(_) => check.differs(Certainty::Certain, "another plan hit first, or a worker died meanwhile"),
            });
        }
    }
    checks.extend(seen_statuses(account, target));
    checks.extend(seen_broken(account, target));
    checks
}

/// Statuses that plans have answered, and how many of each the generator has.
fn seen_statuses(account: &Account, target: &Target) -> Vec<Check> {
    let mut executed: BTreeMap<u16, u64> = BTreeMap::new();
    for (kind, count) in target.outcomes.iter().flat_map(|outcome| &outcome.executed) {
        if let Some(status) = fault::Kind::status_of(kind) {
            *executed.entry(status).or_default() += count;
        }
    }
    // Where the target gave no other status that the count is about, it is the count of this one.
    let alone = |status: u16, counted: &dyn Fn(u16) -> bool, count: u64| {
        let mut others = target.statuses.as_ref()?.keys().filter(|other| **other != status && counted(**other));
        (counted(status) && others.next().is_none()).then_some(count)
    };
    let seen = |status: u16| match &account.statuses {
        Statuses::Each(all) => Some(all.get(&status).copied().unwrap_or(0)),
        Statuses::From400(all) if status >= 400 => Some(all.get(&status).copied().unwrap_or(0)),
        Statuses::CountFrom400(count) => alone(status, &|status| status >= 400, *count),
        Statuses::CountNot2xx(count) => alone(status, &|status| status / 100 != 2, *count),
        Statuses::FailedOrFrom400(count) if account.ended <= target.answered() => {
            alone(status, &|status| status >= 400, *count)
        }
        Statuses::Classes(classes) => {
            let class = status / 100;
            alone(status, &|status| status / 100 == class, classes.get(&class).copied().unwrap_or(0))
        }
        Statuses::From400(_) | Statuses::FailedOrFrom400(_) | Statuses::Unknown => None,
    };
    let check = |(status, executed): (u16, u64)| {
        let theirs = seen(status);
        let told = theirs.map_or_else(|| "unknown".to_owned(), exact);
        let check = Check::new(
            Topic::Faults,
            format!("{}: {told}", account.generator),
            format!("target: {} carried out", exact(executed)),
        );
        let check = check.of(format!("status {status} seen"));
        let ours = target.statuses.as_ref().and_then(|all| all.get(&status)).copied().unwrap_or(executed);
        match theirs {
            None => check.unknown("its output does not tell this status by itself"),
            Some(theirs) if theirs + missing(account, target) >= executed && theirs <= ours.max(executed) => check
                .agrees(if theirs == executed {
                    "to the request"
                } else {
                    "but for those at the end, and for answers of this status without a plan"
                }),
            Some(theirs) => match perhaps_missing(executed.saturating_sub(theirs), account, target) {
                Some(why) => check.unknown(why),
                None => check.differs(
                    Certainty::Likely,
                    "something between the two changed answers, or the output is of another stretch",
                ),
            },
        }
    };
    executed.into_iter().map(check).collect()
}

/// Connections that plans have broken, and how many failures the generator has.
fn seen_broken(account: &Account, target: &Target) -> Option<Check> {
    let broken = target.broken.filter(|broken| *broken > 0)?;
    let failed = account.failed();
    let told = failed.map_or_else(|| "unknown".to_owned(), exact);
    let check = Check::new(
        Topic::Faults,
        format!("{}: {told} failures", account.generator),
        format!("target: {} broken", exact(broken)),
    );
    let check = check.of("on connections");
    Some(match failed {
        None => check.unknown("its output does not tell failures"),
        Some(failed) if failed + missing(account, target) >= broken => {
            check.agrees("each of them can have been seen")
        }
        Some(_) => check.differs(
            Certainty::Likely,
            "the generator hides failures: it sends a request again, or takes a part of an answer for a whole one",
        ),
    })
}
