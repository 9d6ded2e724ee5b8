//! A slot's counters from tick to tick, told so that they never fall and never leap.
//!
//! The counters are in memory that a broken worker could scribble over. So a tick adds what the counters have gained
//! since the tick before, unless no worker could have gained it: then it adds nothing, the row says so, and the next tick
//! counts on from there.

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Counts;
use crate::snapshot::Totals;

/// More requests, connections or switches a second than any worker does.
const MOST_A_SECOND: u64 = 50_000_000;

/// More bytes a second than any worker moves.
const MOST_BYTES_A_SECOND: u64 = 1_000_000_000_000;

/// More than any number of connections is open together, however long: a worker that stood still counts it all at once. And
/// more than the square of any number of requests.
const MOST_PRODUCT: u64 = u64::MAX / 4;

const SECOND_NS: u64 = 1_000_000_000;

/// What a slot's counters said, and what was made of it.
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
    pub(super) fn go_on(&self, seen: &Totals, interval_ns: Option<u64>) -> (Self, bool) {
        let more = seen.since(&self.seen);
        let mut told = self.told;
        told.add(&more);
        // Before the first tick there is nothing to compare with.
        let plausible =
            interval_ns.is_none_or(|interval_ns| could_be_gained(&more, interval_ns)) && balances(&told);
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

/// Whether a worker could do so much in a tick. A counter that fell has gained almost 2⁶⁴.
fn could_be_gained(more: &Totals, interval_ns: u64) -> bool {
    // A second more, for what was begun before and is counted in this tick.
    let seconds = interval_ns / SECOND_NS + 2;
    let (most, most_bytes) = (MOST_A_SECOND.saturating_mul(seconds), MOST_BYTES_A_SECOND.saturating_mul(seconds));
    let Counts { bytes_in, bytes_out, pool_wait_us, pool_held_us, connection_us, arrival_squares, .. } =
        more.counts;
    let Counts { db_acquire_us, db_held_us, db_answer_us, db_scan_us, db_busy_us, .. } = more.counts;
    let others = Counts {
        bytes_in: 0,
        bytes_out: 0,
        pool_wait_us: 0,
        pool_held_us: 0,
        db_acquire_us: 0,
        db_held_us: 0,
        db_answer_us: 0,
        db_scan_us: 0,
        db_busy_us: 0,
        connection_us: 0,
        arrival_squares: 0,
        ..more.counts
    };
    // What has waited, or worked, for long is counted when that ends: a million seconds of it in a second are too many.
    let large = [bytes_in, bytes_out, pool_wait_us, pool_held_us];
    let of_database = [db_acquire_us, db_held_us, db_answer_us, db_scan_us, db_busy_us];
    large.iter().chain(&of_database).all(|&gained| gained <= most_bytes)
        && connection_us.max(arrival_squares) <= MOST_PRODUCT
        && others.all().chain([others.answered(), more.lost]).all(|gained| gained <= most)
}

/// Whether so many requests could be finished in a tick, by all workers of the largest target.
pub(super) fn could_be_finished(more: u64, interval_ns: Option<u64>) -> bool {
    const WORKERS: u64 = 256;
    let seconds = interval_ns.unwrap_or(0) / SECOND_NS + 2;
    more <= MOST_A_SECOND.saturating_mul(WORKERS).saturating_mul(seconds)
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
            let (next, plausible) = account.go_on(seen, Some(SECOND_NS));
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
                let (next, _) = account.go_on(&seen, Some(SECOND_NS));
                for (now, before) in next.told.counts.all().zip(account.told.counts.all()) {
                    prop_assert!(now >= before);
                }
                prop_assert!(next.told.lost >= account.told.lost && balances(&next.told));
                account = next;
            }
        }
    }
}
