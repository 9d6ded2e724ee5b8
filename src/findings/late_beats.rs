//! Why an event loop was late, where it is known what its thread did until its late beat: it computed, it was blocked on
//! purpose, it waited for a processor, or none of these, and then it was stopped.

use super::{Certainty, Finding, Rule, Weight, evidence};
use crate::recording::{Figure, Recording};
use crate::units::shown::{clock, count, microseconds};

/// A loop's beat is measured in steps of a millisecond; this is far from that, and a person notices it.
pub const LATE_US: f64 = 50_000.0;

/// What took so much of the lateness is its cause.
const MOSTLY: f64 = 0.5;

/// Less of the lateness is nothing: a loop that is stopped does not run and wants no processor.
const NOTHING: f64 = 0.2;

/// Why a loop was late.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cause {
    /// Something computed on it.
    Computed,
    /// A request blocked it on purpose.
    Blocked,
    /// It wanted a processor and got none.
    Starved,
    /// It did not run, and did not want to.
    Stopped,
}

/// A late beat of which the cause is known.
#[derive(Clone, Debug)]
pub struct LateBeat {
    from_s: f64,
    to_s: f64,
    lag_us: f64,
    ran_us: f64,
    waited_us: f64,
    blocked_us: f64,
    cause: Cause,
}

impl LateBeat {
    /// Whether the beat was already due at this moment: rows that ended before it came say only that it was late.
    pub fn reaches(&self, at_s: f64) -> bool {
        at_s <= self.to_s && at_s >= self.from_s - self.lag_us / 1e6
    }
}

/// The late beats of which the cause is known, the first to come first.
pub fn explained(run: &Recording) -> Vec<LateBeat> {
    let beats = run.target.stretches().iter().enumerate().filter_map(|(number, stretch)| {
        let most = |figure| run.target.cell(number, figure).most();
        let lag_us = most(Figure::LoopLagUs).filter(|lag_us| *lag_us >= LATE_US)?;
        let (ran_us, waited_us) = (most(Figure::LoopLagRan)?, most(Figure::LoopLagWait)?);
        let blocked_us = most(Figure::LoopLagBlocked)?;
        let cause = cause(ran_us / lag_us, waited_us / lag_us, blocked_us / lag_us)?;
        Some(LateBeat { from_s: stretch.from_s, to_s: stretch.to_s, lag_us, ran_us, waited_us, blocked_us, cause })
    });
    beats.collect()
}

/// By the shares of the lateness that the loop computed, waited and was blocked. `None` where nothing explains it alone.
fn cause(ran: f64, waited: f64, blocked: f64) -> Option<Cause> {
    match (ran, waited, blocked) {
        _ if blocked >= MOSTLY => Some(Cause::Blocked),
        _ if waited >= MOSTLY && waited >= ran => Some(Cause::Starved),
        _ if ran >= MOSTLY => Some(Cause::Computed),
        _ if ran + waited + blocked < NOTHING => Some(Cause::Stopped),
        _ => None,
    }
}

/// A finding for each cause that there was.
pub fn findings(beats: &[LateBeat]) -> Vec<Finding> {
    let causes = [Cause::Stopped, Cause::Starved, Cause::Blocked, Cause::Computed];
    causes.into_iter().filter_map(|cause| of_cause(cause, beats)).collect()
}

fn of_cause(cause: Cause, beats: &[LateBeat]) -> Option<Finding> {
    let beats = || beats.iter().filter(|beat| beat.cause == cause);
    let (first, last) = (beats().next()?, beats().next_back()?);
    let worst = beats().max_by(|one, other| one.lag_us.total_cmp(&other.lag_us))?;
    let (late, at) = (microseconds(worst.lag_us), clock(first.to_s));
    let (weight, certainty, sentence) = match cause {
        Cause::Stopped => (
            Weight::Doubt,
            Certainty::Likely,
            format!(
                "A worker stood still for up to {late}, first until {at}: it used no CPU and wanted none. Something stopped it: a signal, a debugger, a freezer, or a pause of the machine."
            ),
        ),
        Cause::Starved => (
            Weight::Limit,
            Certainty::Certain,
            format!(
                "A worker was starved of CPU. Its event loop came up to {late} late, first at {at}, and waited for a processor meanwhile. Give the target more CPU, or the load generator a machine of its own."
            ),
        ),
        Cause::Blocked => (
            Weight::Limit,
            Certainty::Certain,
            format!(
                "An event loop came up to {late} late, first at {at}: a request with mode=blocking held it. Every other request of that worker waited."
            ),
        ),
        Cause::Computed => (
            Weight::Limit,
            Certainty::Certain,
            format!(
                "An event loop came up to {late} late, first at {at}: something computed on it. Every other request of that worker waited; on=pool would let them pass."
            ),
        ),
    };
    Some(Finding {
        rule: Rule::LoopLag,
        weight,
        sentence,
        evidence: evidence([
            ("rows in which a loop was 50 ms late or more for this cause", count(beats().count() as u64)),
            ("of the longest: computed", microseconds(worst.ran_us)),
            ("of the longest: waited for a processor", microseconds(worst.waited_us)),
            ("of the longest: blocked by a request", microseconds(worst.blocked_us)),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty,
        unknown: "which request it was, or who stopped the worker. Of several workers a row tells of the latest one",
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::loop_lag::find;
    use crate::findings::sketch::run;

    /// A beat that came 800 ms late, and what its loop did until then, in milliseconds. It was seen to be due a row before.
    fn found([ran, waited, blocked]: [f64; 3]) -> Vec<Finding> {
        let row = |ms: f64| [1.0, f64::NAN, ms * 1e3, 1.0];
        find(&run(&[
            (Figure::LoopLagUs, &[0.0, 400e3, 800e3, 0.0]),
            (Figure::LoopLagRan, &row(ran)),
            (Figure::LoopLagWait, &row(waited)),
            (Figure::LoopLagBlocked, &row(blocked)),
            (Figure::RunQueueWait, &[0.0; 4]),
        ]))
    }

    #[test]
    fn what_the_loop_did_until_its_late_beat_is_the_cause() {
        for (did, says) in [
            ([1.0, 2.0, 0.0], "A worker stood still for up to 800 ms"),
            ([20.0, 790.0, 0.0], "A worker was starved of CPU"),
            ([2.0, 30.0, 800.0], "a request with mode=blocking held it"),
            ([790.0, 30.0, 0.0], "something computed on it"),
        ] {
            let found = found(did);
            assert!(found.len() == 1 && found[0].sentence.contains(says), "{did:?}: {found:?}");
        }
    }

    #[test]
    fn a_beat_that_nothing_explains_alone_is_told_as_before() {
        let found = found([200.0, 200.0, 0.0]);
        assert!(found.len() == 1 && found[0].sentence.contains("computed or blocked on the loop"), "{found:?}");
    }
}
