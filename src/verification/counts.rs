//! Requests, statuses and bytes: the generator's counts against the target's.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::target::InFlight;
use super::{Check, Target, Topic, exact};
use crate::findings::Certainty;
use crate::generator::{Account, Bytes, Statuses};
use crate::recording::Gap;
use crate::units::shown::{amount, bytes as shown_bytes, float};

/// Sent against seen.
pub fn requests(account: &Account, target: &Target) -> Check {
    let name = account.generator;
    let (count, what) = match (account.answered, account.ended) {
        (Some(answered), _) => (answered, "answered"),
        (None, Some(ended)) => (ended, "ended"),
        (None, None) => {
            return Check::new(Topic::Requests, format!("{name}: unknown"), "").unknown("its output does not tell");
        }
    };
    let check = Check::new(Topic::Requests, format!("{name}: {} {what}", exact(count)), "");
    let Some(ours) = target.answered() else {
        return check.unknown("what the target has answered is not known");
    };
    let check = Check { ours: format!("target: {} answered", exact(ours)), ..check };
    let besides = target.answered_besides();
    match count.cmp(&ours) {
        Ordering::Equal if target.probed > 0 => {
            check.agrees(format!("to the request; {} answers to health checks are left out", exact(target.probed)))
        }
        Ordering::Equal => check.agrees("to the request"),
        Ordering::Less => fewer(check, account, target, ours - count),
        Ordering::Greater if count - ours <= besides => check.agrees(format!(
            "the target rejected requests or turned connections away ({}), which are answers too",
            exact(besides)
        )),
        Ordering::Greater if count - ours <= besides + target.broken.unwrap_or(0) => {
            let of_them = if what == "ended" { "which ended without one" } else { "which it takes for whole ones" };
            check.agrees(broken_off(name, target, of_them)).surely(Certainty::Likely)
        }
        Ordering::Greater if !target.gaps.is_empty() => after_its_files(check, target, count - ours - besides),
        Ordering::Greater if what == "ended" => check.differs(
            Certainty::Likely,
            format!("{} got no answer from the target; {name}'s --csv tells why", amount(float(count - ours), "request")),
        ),
        Ordering::Greater => check.differs(
            Certainty::Certain,
            format!(
                "{name} counts {} answers that this target did not give in this stretch: another server answered, {}or its output is of another run or stretch",
                exact(count - ours),
                if target.instances.is_empty() && account.servers.len() < 2 { "" } else { "an instance is missing here, " }
            ),
        ),
    }
}

/// What a generator makes of answers that the target has broken off.
fn broken_off(name: &str, target: &Target, of_them: &str) -> String {
    let broken = amount(float(target.broken.unwrap_or(0)), "answer");
    format!("the target broke off {broken} by a fault; {name} counts some, {of_them}")
}

/// So many answers more than the files have, of a target that did not end in order.
fn after_its_files(check: Check, target: &Target, more: u64) -> Check {
    let what: Vec<String> = target.gaps.iter().map(Gap::sentence).collect();
    let what = what.join("; ");
    match target.answered_after_its_files() {
        Some(most) if more <= most => check.agrees(format!("{} are in none of its files: {what}", exact(more))),
        Some(most) => check.differs(
            Certainty::Likely,
            format!(
                "{} are in none of its files, of which {} are explained: {what}. An instance may be missing here, or another server answered",
                exact(more),
                exact(most)
            ),
        ),
        None => check.unknown(format!("{} are in none of its files: {what}", exact(more))),
    }
}

fn fewer(check: Check, account: &Account, target: &Target, missing: u64) -> Check {
    let name = account.generator;
    let Some(InFlight { most, why }) = InFlight::of(account, target) else {
        return check.unknown(format!(
            "{} more were answered; how many were in flight at the end is not known",
            exact(missing)
        ));
    };
    if missing <= most {
        return check.agrees(format!("{} were answered that {name} did not count any more: {why}", exact(missing)));
    }
    check.differs(
        Certainty::Likely,
        format!(
            "the target answered {} that {name} does not count, and {why}: somebody else asked it too, or the output is of another run or stretch",
            exact(missing)
        ),
    )
}

/// How many answers of the target the generator has not counted; nothing where it counts more.
pub fn missing(account: &Account, target: &Target) -> u64 {
    let counted = account.answered.or(account.ended);
    counted.zip(target.answered()).map_or(0, |(counted, ours)| ours.saturating_sub(counted))
}

/// Why nobody can tell whether a count is wrong that is lower than the target's by so many: requests that the target rejected or
/// turned away may be in the generator's total, in the place of answers that it lacks. `None` where that does not explain it.
pub fn perhaps_missing(fewer: u64, account: &Account, target: &Target) -> Option<String> {
    let besides = target.answered_besides();
    let (counted, ours) = account.answered.or(account.ended).zip(target.answered())?;
    let most = (ours + besides).saturating_sub(counted);
    (besides > 0 && (1..=most).contains(&fewer)).then(|| {
        format!(
            "{} fewer: it counted {} fewer than were answered, rejected or turned away in all, and these may be among them",
            exact(fewer),
            exact(most)
        )
    })
}

/// Status by status.
pub fn statuses(account: &Account, target: &Target) -> Vec<Check> {
    let name = account.generator;
    let open = |which: String, theirs: u64, ours: u64| {
        Check::new(Topic::Status, format!("{name}: {}", exact(theirs)), format!("target: {}", exact(ours)))
            .of(which)
    };
    let check =
        |which: String, theirs: u64, ours: u64| compared(open(which, theirs, ours), theirs, ours, account, target);
    let Some(ours) = &target.statuses else {
        let check = Check::new(Topic::Status, name, "target: unknown");
        return vec![check.unknown("the run did not end in order: its statuses were not written down")];
    };
    let each = |theirs: &BTreeMap<u16, u64>, from: u16| {
        let all: BTreeSet<u16> =
            theirs.keys().chain(ours.keys()).copied().filter(|status| *status >= from).collect();
        let of = |counts: &BTreeMap<u16, u64>, status| counts.get(&status).copied().unwrap_or(0);
        all.into_iter().map(|status| check(status.to_string(), of(theirs, status), of(ours, status))).collect()
    };
    let all = || ours.values().sum::<u64>();
    let from_400 = || ours.range(400..).map(|(_, count)| count).sum::<u64>();
    let hundred = |class: u16| ours.range(class * 100..(class + 1) * 100).map(|(_, count)| count).sum::<u64>();
    match &account.statuses {
        Statuses::Each(theirs) => each(theirs, 0),
        Statuses::From400(theirs) => each(theirs, 400),
        Statuses::CountFrom400(theirs) => vec![check("≥ 400".to_owned(), *theirs, from_400())],
        Statuses::CountNot2xx(theirs) => vec![check("not 2xx".to_owned(), *theirs, all() - hundred(2))],
        Statuses::FailedOrFrom400(theirs) => {
            let (which, ours) = ("≥ 400, or no answer".to_owned(), from_400());
            let unanswered = account.ended.map_or(0, |ended| ended.saturating_sub(all()));
            match theirs.checked_sub(ours) {
                Some(more) if (1..=unanswered).contains(&more) => {
                    let sentence = format!("{} got no answer from the target", amount(float(more), "request"));
                    vec![open(which, *theirs, ours).agrees(sentence)]
                }
                _ => vec![check(which, *theirs, ours)],
            }
        }
        Statuses::Classes(theirs) => {
            let classes = theirs.iter().filter(|(class, count)| **count > 0 || hundred(**class) > 0);
            classes.map(|(class, count)| check(format!("{class}xx"), *count, hundred(*class))).collect()
        }
        Statuses::Unknown => {
            let told: Vec<String> =
                ours.iter().map(|(status, count)| format!("{status}: {}", exact(*count))).collect();
            let check =
                Check::new(Topic::Status, format!("{name}: unknown"), format!("target: {}", told.join(", ")));
            vec![check.unknown("its output does not tell statuses")]
        }
    }
}

fn compared(check: Check, theirs: u64, ours: u64, account: &Account, target: &Target) -> Check {
    let (missing, besides) = (missing(account, target), target.answered_besides());
    let broken = target.broken.unwrap_or(0);
    let fewer = ours.saturating_sub(theirs);
    match theirs.cmp(&ours) {
        Ordering::Equal => check.agrees("to the request"),
        Ordering::Less if fewer <= missing => {
            check.agrees(format!("{} of the {} that it did not count any more", exact(fewer), exact(missing)))
        }
        Ordering::Greater if theirs - ours <= besides => {
            check.agrees(format!("with those that the target rejected or turned away ({})", exact(besides)))
        }
        Ordering::Greater if theirs - ours <= besides + broken => check
            .agrees(broken_off(account.generator, target, "which it takes for whole ones"))
            .surely(Certainty::Likely),
        Ordering::Less | Ordering::Greater => match perhaps_missing(fewer, account, target) {
            Some(why) => check.unknown(why),
            None => check.differs(
                Certainty::Certain,
                "something between the two changed answers, or the output is of another run or stretch",
            ),
        },
    }
}

/// Received against sent.
pub fn bytes(account: &Account, target: &Target) -> Check {
    /// What the head of an answer can be, in bytes.
    const HEAD: std::ops::RangeInclusive<f64> = 15.0..=32_768.0;
    let name = account.generator;
    let ours = target.bytes_out.map_or("unknown".to_owned(), |sent| format!("{} bytes sent", exact(sent)));
    let check = Check::new(Topic::Bytes, format!("{name}: unknown"), format!("target: {ours}"));
    let (Some(received), Some(sent)) = (account.bytes, target.bytes_out) else {
        return check.unknown("one of them does not tell");
    };
    if let Some(why) = target.others_among_answers() {
        return check.unknown(why);
    }
    let (answers, missing) = (target.answered().unwrap_or(0), missing(account, target));
    let an_answer = float(sent) / float(answers.max(1));
    let gone = an_answer * float(missing);
    match received {
        Bytes::All { bytes, within } => {
            let check = Check { theirs: format!("{name}: {} received", shown_bytes(float(bytes))), ..check };
            let apart = float(sent) - float(bytes);
            // What was not counted any more was sent all the same, and may have been received in part.
            if apart >= -float(within) - an_answer && apart <= float(within) + gone + an_answer {
                check.agrees(format!("within the precision to which {name} writes it"))
            } else {
                check.differs(
                    Certainty::Likely,
                    "something between the two changed answers, or somebody else asked too",
                )
            }
        }
        Bytes::Bodies(bodies) => {
            let check = Check { theirs: format!("{name}: {} bytes of bodies", exact(bodies)), ..check };
            let counted = answers.saturating_sub(missing);
            if counted == 0 {
                return check.unknown("there were no answers");
            }
            let head = (float(sent) - gone - float(bodies)) / float(counted);
            if HEAD.contains(&head) {
                check.agrees(format!("the rest are heads: {head:.0} bytes an answer"))
            } else {
                check.differs(
                    Certainty::Possible,
                    format!("that leaves {head:.0} bytes for the head of an answer: {name} counts bodies before compression, or what answers to HEAD declare, or somebody else asked too"),
                )
            }
        }
    }
}
