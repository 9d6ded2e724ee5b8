//! Requests without an answer: which of them the target knows of, and so whose fault each is.
//!
//! A failure is the client's where only a client can have it, and where the target has nothing that explains it: it dropped
//! no connection, turned none away, broke none and lost no request. It is the target's as far as one of its own counters
//! explains it: each explains at most as many failures as it has counted. Where the target was killed, whose the rest is can't be
//! known: it has not counted what it lost at that moment.

use super::{Check, Target, Topic, exact};
use crate::fault;
use crate::findings::Certainty;
use crate::generator::{Account, Failure, Kind};

/// A line for each party that has failures.
pub fn failures(account: &Account, target: &Target) -> Vec<Check> {
    let name = account.generator;
    let Some(failures) = &account.failures else {
        let check = Check::new(Topic::Failures, format!("{name}: unknown"), known(target));
        return vec![check.unknown("its output does not tell requests without an answer from others")];
    };
    let failures: Vec<&Failure> = failures.iter().filter(|failure| failure.kind != Kind::OwnEnd).collect();
    if failures.is_empty() {
        let check = Check::new(Topic::Failures, format!("{name}: none"), known(target));
        return vec![check.agrees("no request failed without an answer")];
    }
    let split = Split::of(&failures, target);
    let theirs = |part: &[(String, u64)]| {
        let all: Vec<String> =
            part.iter().map(|(message, count)| format!("{} × {message}", exact(*count))).collect();
        format!("{name}: {}", all.join("; "))
    };
    let mut checks = Vec::new();
    if !split.own.is_empty() {
        checks.push(
            Check::new(Topic::Failures, theirs(&split.own), "target: saw none of them")
                .of("of the client")
                .differs(
                    Certainty::Certain,
                    format!("the client's own: {}. The target is not to blame", split.why_own),
                ),
        );
    }
    if !split.target.is_empty() {
        let certainty = if split.has_likely { Certainty::Likely } else { Certainty::Certain };
        checks.push(
            Check::new(Topic::Failures, theirs(&split.target), known(target))
                .of("of the target")
                .agrees(format!("the target's: {}", split.reasons.join("; ")))
                .surely(certainty),
        );
    }
    if !split.rest.is_empty() {
        let check = Check::new(Topic::Failures, theirs(&split.rest), known(target)).of("that the target never saw");
        checks.push(match target.listen_drops {
            _ if !target.gaps.is_empty() => {
                check.unknown("the target, or an instance of it, did not end in order: how many of these met its end is not known")
            }
            Some(_) => check.differs(
                Certainty::Likely,
                format!(
                    "the client's, or the network's between: the target {}{}",
                    saw_nothing(target),
                    hint(&split, target)
                ),
            ),
            None => check.unknown("how many connections the kernel dropped is not known: it may be either's"),
        });
    }
    checks
}

/// What the target knows of failures.
fn known(target: &Target) -> String {
    let counters = [
        ("dropped", target.listen_drops),
        ("turned away", target.refused),
        ("broken by faults", target.broken),
        ("lost", target.lost),
        ("client left", target.client_gone),
    ];
    let told = counters.map(|(what, count)| count.map(|count| format!("{what} {}", exact(count))));
    // One that was killed has not counted what it lost at that moment.
    let more = (!target.gaps.is_empty()).then(|| "what it lost at its end: unknown".to_owned());
    let told: Vec<String> = told.into_iter().flatten().chain(more).collect();
    if told.is_empty() { "target: unknown".to_owned() } else { format!("target: {}", told.join(", ")) }
}

fn saw_nothing(target: &Target) -> &'static str {
    let sum = [target.listen_drops, target.refused, target.broken, target.lost].into_iter().flatten().sum::<u64>();
    if sum == 0 {
        "dropped no connection, turned none away, broke none and lost no request"
    } else {
        "has nothing more that explains them"
    }
}

/// What the client may have run into.
fn hint(split: &Split, target: &Target) -> String {
    /// From this share of the ports on, in percent, they count as used up: each stays taken for a minute after its connection.
    const NEARLY_ALL: u64 = 90;
    let opened_all = target.accepts.zip(target.client_ports);
    match opened_all {
        Some((accepts, ports)) if accepts.saturating_mul(100) >= ports.saturating_mul(NEARLY_ALL) => format!(
            ". It opened {} connections, and there are {} ports to connect from: they may have run out",
            exact(accepts),
            exact(ports)
        ),
        _ if split.was_refused => {
            ". It listened all the time: they came before it was ready or after its end, or went to another port"
                .to_owned()
        }
        _ => String::new(),
    }
}

/// Failures by whose they are; each list has messages and counts.
#[derive(Default)]
struct Split {
    own: Vec<(String, u64)>,
    why_own: String,
    target: Vec<(String, u64)>,
    reasons: Vec<String>,
    /// Whether a reason is not certain.
    has_likely: bool,
    rest: Vec<(String, u64)>,
    was_refused: bool,
}

impl Split {
    fn of(failures: &[&Failure], target: &Target) -> Self {
        let mut split = Self::default();
        let refusals = executed(target, fault::Kind::Refuse.name()) > 0;
        // What it was answering, and what came on its connections, ended with it.
        let mut ended = Pool::new(
            target.gaps.iter().map(|gap| gap.open.unwrap_or(0).saturating_add(gap.most.unwrap_or(0))).sum(),
            "it, or an instance of it, ended in the middle, and its connections with it",
        );
        let mut broken = Pool::new(
            target.broken.unwrap_or(0) + target.lost.unwrap_or(0) + target.refused.unwrap_or(0),
            "it broke connections by faults, lost requests with a worker, or turned connections away",
        );
        let mut gone = Pool::new(
            target.client_gone.unwrap_or(0),
            "it had those requests, and took longer than the client waits",
        );
        let mut dropped = Pool::new(
            target.listen_drops.unwrap_or(0),
            "its accept queue overflowed, and the kernel dropped connection attempts",
        );
        let mut sorted: Vec<&&Failure> = failures.iter().collect();
        // The most specific kinds draw on the counters first.
        sorted.sort_by_key(|failure| failure.kind);
        for Failure { kind, message, count } in sorted.into_iter().copied() {
            let mut left = *count;
            match kind {
                Kind::NoPorts | Kind::NoDescriptors | Kind::NoAddress => {
                    split.own.push((message.clone(), left));
                    kind.meaning().clone_into(&mut split.why_own);
                    continue;
                }
                Kind::OwnEnd => continue,
                Kind::Refused if refusals => {
                    split.take(message, left, "its plan refused connections", false);
                    continue;
                }
                Kind::Refused if !target.gaps.is_empty() => {
                    split.take(
                        message,
                        left,
                        "it, or an instance of it, did not end in order: nobody listens there afterwards",
                        true,
                    );
                    continue;
                }
                Kind::Refused => split.was_refused = true,
                Kind::TimedOut => {
                    left = split.draw(message, left, &mut gone, false);
                    left = split.draw(message, left, &mut dropped, true);
                }
                Kind::Broken | Kind::Unsaid => {
                    left = split.draw(message, left, &mut broken, false);
                    left = split.draw(message, left, &mut ended, true);
                    left = split.draw(message, left, &mut dropped, true);
                }
            }
            if left > 0 {
                split.rest.push((message.clone(), left));
            }
        }
        split
    }

    /// Explains as many as a counter has left; returns the others.
    fn draw(&mut self, message: &str, count: u64, pool: &mut Pool, is_likely: bool) -> u64 {
        let taken = count.min(pool.left);
        if taken > 0 {
            pool.left -= taken;
            self.take(message, taken, pool.reason, is_likely);
        }
        count - taken
    }

    fn take(&mut self, message: &str, count: u64, reason: &str, is_likely: bool) {
        self.target.push((message.to_owned(), count));
        self.has_likely |= is_likely;
        if !self.reasons.iter().any(|known| known == reason) {
            self.reasons.push(reason.to_owned());
        }
    }
}

/// A counter of the target, and how many failures it can still explain.
struct Pool {
    left: u64,
    reason: &'static str,
}

impl Pool {
    fn new(left: u64, reason: &'static str) -> Self {
        Self { left, reason }
    }
}

/// How often a kind of fault was carried out.
fn executed(target: &Target, kind: &str) -> u64 {
    let counts = target.outcomes.iter().flat_map(|outcome| &outcome.executed);
    counts.filter(|(name, _)| name.split(' ').next() == Some(kind)).map(|(_, count)| count).sum()
}
