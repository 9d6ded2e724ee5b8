//! What to do about an exit: a pure function of how it ended, what went before, and the time.

use std::fmt;
use std::time::Duration;

use crate::event::Killer;
use crate::sys::process::Exit;
use crate::units::nanoseconds;

/// Respawns in a row that are done at once.
const AT_ONCE: u32 = 3;

/// The first delay after those; it doubles …
const FIRST_DELAY: Duration = Duration::from_millis(100);

/// … up to this.
const LONGEST_DELAY: Duration = Duration::from_secs(5);

/// A worker that was up for this long begins with a clean record.
const HEALTHY: Duration = Duration::from_secs(30);

/// How far a worker or observer had come when it ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reached {
    /// It had not said that it serves.
    Starting,
    /// It served.
    Live,
    /// It had been told to end.
    Draining,
}

/// Why it was started.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The run began, or the slot was added.
    Boot,
    /// Its predecessor died.
    Respawn,
    /// It was to replace a predecessor that still serves.
    Reload,
}

/// An exit, as the supervisor saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ending {
    /// What the kernel said, or the thread.
    pub exit: Exit,
    /// Who sent SIGKILL, where that ended it.
    pub killer: Option<Killer>,
    /// What it said itself, if it gave up.
    pub failure: Option<String>,
    /// How far it had come.
    pub reached: Reached,
    /// Why it was there.
    pub cause: Cause,
    /// Since when (monotonic).
    pub since_ns: u64,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.exit.fmt(f)?;
        self.killer.map_or(Ok(()), |killer| write!(f, ": {killer}"))
    }
}

/// Respawns in a row, so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    in_a_row: u32,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Start another, not before this time (monotonic).
    RespawnAt(u64),
    /// It was to end.
    Expected,
    /// The one that it was to replace stays, and this is why.
    KeepPredecessor(String),
    /// The run ends, and this is why.
    GiveUp(String),
}

/// Decides. The history that comes back is the one to give next time.
#[must_use]
pub fn after_exit(ending: &Ending, history: History, now_ns: u64) -> (Verdict, History) {
    let Ending { exit, killer: _, failure, reached, cause, since_ns } = ending;
    match (reached, failure, exit) {
        (Reached::Draining, _, _) => (Verdict::Expected, history),
        (Reached::Starting, Some(reason), _) => (at_boot(*cause, reason.clone()), history),
        // By itself, before it served: it could not start, whatever kept it from saying why.
        (Reached::Starting, None, Exit::Status(_) | Exit::Panic) => {
            (at_boot(*cause, format!("it ended with {ending} before it served")), history)
        }
        (Reached::Starting, None, Exit::Signal(_) | Exit::Unknown) if *cause == Cause::Reload => {
            (Verdict::KeepPredecessor(format!("it ended before it served: {ending}")), history)
        }
        (Reached::Starting, None, Exit::Signal(_) | Exit::Unknown) if history.in_a_row >= AT_ONCE => {
            let sentence = format!("it ended before it served, as it had {AT_ONCE} times before: {ending}");
            (Verdict::GiveUp(sentence), history)
        }
        (Reached::Starting, None, Exit::Signal(_) | Exit::Unknown) | (Reached::Live, _, _) => {
            let was_healthy = now_ns.saturating_sub(*since_ns) >= nanoseconds(HEALTHY);
            let in_a_row = if was_healthy { 1 } else { history.in_a_row.saturating_add(1) };
            (Verdict::RespawnAt(now_ns + nanoseconds(delay(in_a_row))), History { in_a_row })
        }
    }
}

fn at_boot(cause: Cause, reason: String) -> Verdict {
    match cause {
        Cause::Boot | Cause::Respawn => Verdict::GiveUp(reason),
        Cause::Reload => Verdict::KeepPredecessor(reason),
    }
}

/// How long to wait before the n-th respawn in a row.
fn delay(in_a_row: u32) -> Duration {
    let doublings = match in_a_row.checked_sub(AT_ONCE + 1) {
        None => return Duration::ZERO,
        Some(doublings) => doublings.min(16),
    };
    (FIRST_DELAY * 2_u32.pow(doublings)).min(LONGEST_DELAY)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn killed(since_ns: u64) -> Ending {
        let exit = Exit::Signal(9);
        Ending { exit, killer: None, failure: None, reached: Reached::Live, cause: Cause::Boot, since_ns }
    }

    /// The delays of that many deaths, each one at once after the start.
    fn delays(deaths: usize) -> Vec<u64> {
        let mut history = History::default();
        let mut now = SECOND;
        let mut delays = Vec::new();
        for _ in 0..deaths {
            let (verdict, next) = after_exit(&killed(now), history, now);
            let Verdict::RespawnAt(at) = verdict else { panic!("{verdict:?}") };
            delays.push((at - now) / 1_000_000);
            (history, now) = (next, at);
        }
        delays
    }

    #[test]
    fn three_at_once_then_a_tenth_of_a_second_doubling_to_five() {
        assert_eq!(delays(12), [0, 0, 0, 100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
    }

    #[test]
    fn thirty_seconds_of_health_clear_the_record() {
        let (_, tired) = (0..9).fold((Verdict::Expected, History::default()), |(_, history), _| {
            after_exit(&killed(0), history, SECOND)
        });
        let (verdict, history) = after_exit(&killed(0), tired, 30 * SECOND);
        assert_eq!((verdict, history), (Verdict::RespawnAt(30 * SECOND), History { in_a_row: 1 }));
        let (verdict, _) = after_exit(&killed(1), tired, 30 * SECOND);
        assert_eq!(verdict, Verdict::RespawnAt(35 * SECOND));
    }

    #[test]
    fn a_failure_at_boot_ends_the_run_but_a_failed_reload_keeps_the_old_worker() {
        let why = "no room".to_owned();
        let mut ending = Ending {
            exit: Exit::Status(1),
            killer: None,
            failure: Some(why.clone()),
            reached: Reached::Starting,
            cause: Cause::Boot,
            since_ns: 0,
        };
        let verdict = |ending: &Ending| after_exit(ending, History::default(), 1).0;
        assert_eq!(verdict(&ending), Verdict::GiveUp(why.clone()));
        ending.cause = Cause::Respawn;
        assert_eq!(verdict(&ending), Verdict::GiveUp(why.clone()));
        ending.cause = Cause::Reload;
        assert_eq!(verdict(&ending), Verdict::KeepPredecessor(why));
        ending = Ending { failure: None, exit: Exit::Signal(9), ..ending };
        assert!(matches!(verdict(&ending), Verdict::KeepPredecessor(_)));
        ending.cause = Cause::Boot;
        assert_eq!(verdict(&ending), Verdict::RespawnAt(1));
        ending.exit = Exit::Status(3);
        assert!(matches!(verdict(&ending), Verdict::GiveUp(_)));
    }

    #[test]
    fn who_is_always_killed_before_it_serves_ends_the_run() {
        let killed = Ending { reached: Reached::Starting, ..killed(0) };
        let mut history = History::default();
        for _ in 0..AT_ONCE {
            let (verdict, next) = after_exit(&killed, history, SECOND);
            assert_eq!(verdict, Verdict::RespawnAt(SECOND));
            history = next;
        }
        assert!(matches!(after_exit(&killed, history, SECOND).0, Verdict::GiveUp(_)));
    }

    proptest! {
        #[test]
        fn who_was_told_to_end_is_never_respawned(code in 0..256, since in 0_u64..SECOND) {
            for exit in [Exit::Status(code), Exit::Signal(9), Exit::Panic, Exit::Unknown] {
                let ending = Ending { exit, reached: Reached::Draining, ..killed(since) };
                prop_assert_eq!(after_exit(&ending, History::default(), SECOND).0, Verdict::Expected);
            }
        }

        #[test]
        fn a_respawn_is_never_later_than_five_seconds(since in 0_u64..100 * SECOND, deaths in 1_usize..200) {
            let mut history = History::default();
            for _ in 0..deaths {
                let (verdict, next) = after_exit(&killed(since), history, 100 * SECOND);
                prop_assert!(matches!(verdict, Verdict::RespawnAt(at) if at <= 105 * SECOND));
                history = next;
            }
        }
    }
}
