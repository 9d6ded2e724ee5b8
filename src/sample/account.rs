//! A slot's counters from tick to tick, told so that they never fall and never leap.
//!
//! The counters are in memory that a broken worker could scribble over. So a tick adds what the counters have gained
//! since the tick before, unless no worker could have gained it: then it adds nothing, the row says so, and the next tick
//! counts on from there.

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Counts;
use crate::snapshot::Totals;

/// More than a worker counts of anything in a tick. The time of its connections, in microseconds, comes closest: a worker that
/// stood still for three days adds that of a million connections at once.
const MOST_IN_A_TICK: u64 = 1 << 58;

/// What the counters of a slot or of a route said, and what was made of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// As they were read.
    pub seen: Totals,
    /// The same, without what was implausible.
    pub told: Totals,
}

/// Of a slot that is new it is known what it did before: nothing.
impl Default for Account {
    fn default() -> Self {
        Self { seen: Totals::nothing(), told: Totals::nothing() }
    }
}

impl Account {
    /// Goes on to what the counters say now; whether that is plausible.
    pub(super) fn go_on(&self, seen: &Totals) -> (Self, bool) {
        let more = seen.since(&self.seen);
        let mut told = self.told;
        told.add(&more);
        // A counter that fell has gained almost 2⁶⁴.
        let plausible =
            more.counts.all().chain([more.lost]).all(|gained| gained <= MOST_IN_A_TICK) && balances(&told);
        let told =
            Totals { cpu_ns: grown(self.told.cpu_ns, seen.cpu_ns), ..if plausible { told } else { self.told } };
        (Self { seen: *seen, told }, plausible)
    }
}

/// A cumulative figure as it is told: never less than before.
pub(super) fn grown(before: MaybeKnown, now: MaybeKnown) -> MaybeKnown {
    now.map(|now| before.get().map_or(now, |before| now.max(before)))
}

/// Whether nothing has ended that has not begun.
fn balances(Totals { counts, lost, cpu_ns: _ }: &Totals) -> bool {
    let Counts { started, finished, client_gone, broken, accepts, closed, .. } = *counts;
    let is_sum = client_gone.checked_add(broken).is_some_and(|unanswered| unanswered <= finished);
    is_sum && finished.checked_add(*lost).is_some_and(|ended| ended <= started) && closed <= accepts
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn tally(started: u64, finished: u64, lost: u64) -> Totals {
        Totals { counts: Counts { finished, started, ..Counts::default() }, lost, ..Totals::nothing() }
    }

    fn after(ticks: &[Totals]) -> (Account, Vec<bool>) {
        let mut account = Account::default();
        let plausible = ticks.iter().map(|seen| {
            let (next, plausible) = account.go_on(seen);
            account = next;
            plausible
        });
        let plausible = plausible.collect();
        (account, plausible)
    }

    #[test]
    fn what_is_plausible_is_told_as_it_is() {
        let (account, plausible) = after(&[tally(10, 8, 0), tally(30, 25, 2)]);
        assert_eq!((account.told, account.seen), (tally(30, 25, 2), tally(30, 25, 2)));
        assert_eq!(plausible, [true, true]);
    }

    #[test]
    fn garbage_adds_nothing_and_counting_goes_on_from_there() {
        let garbage = tally(0x1234_5678_9abc_def0, u64::MAX - 3, 0);
        let later = tally(0x1234_5678_9abc_def5, u64::MAX, 0);
        let (account, plausible) = after(&[tally(10, 8, 0), garbage, later]);
        assert_eq!(plausible, [true, false, true]);
        assert_eq!(account.told, tally(15, 11, 0));
        // Zeros are garbage too, and so is more that has ended than has begun.
        assert_eq!(after(&[tally(10, 8, 0), tally(0, 0, 0)]).1, [true, false]);
        assert_eq!(after(&[tally(10, 8, 0), tally(10, 11, 0)]).1, [true, false]);
        assert_eq!(after(&[tally(10, 8, 0), tally(10, 8, 3)]).1, [true, false]);
    }

    #[test]
    fn bytes_may_be_more_than_requests() {
        let bytes = |bytes_out| Totals { counts: Counts { bytes_out, ..Counts::default() }, ..Totals::nothing() };
        assert_eq!(after(&[bytes(200_000_000_000), bytes(1 << 60)]).1, [true, false]);
    }

    #[test]
    fn a_worker_that_stood_still_with_many_connections_is_plausible() {
        let open =
            |connection_us| Totals { counts: Counts { connection_us, ..Counts::default() }, ..Totals::nothing() };
        let an_hour_of_100_000 = 3_600 * 1_000_000 * 100_000;
        assert_eq!(after(&[open(an_hour_of_100_000), open(0)]).1, [true, false]);
    }

    proptest! {
        #[test]
        fn whatever_is_read_the_told_never_falls_and_balances(
            ticks in proptest::collection::vec((any::<u64>(), any::<u64>(), any::<u64>(), 0_u64..1_000), 1..30),
        ) {
            let mut account = Account::default();
            for (started, finished, lost, small) in ticks {
                let seen = if small < 500 { tally(started, finished, lost) } else { tally(small, small, 0) };
                let (next, _) = account.go_on(&seen);
                for (now, before) in next.told.counts.all().zip(account.told.counts.all()) {
                    prop_assert!(now >= before);
                }
                prop_assert!(next.told.lost >= account.told.lost && balances(&next.told));
                account = next;
            }
        }
    }
}
