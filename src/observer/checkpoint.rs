//! The checkpoint: the figures of the last tick, kept on the scoreboard, from which a respawned observer goes on.
//!
//! An observer may die at any moment. It stores a tick's figures in the spare one of two places, writes the tick's row,
//! and then declares that place the valid one. If it dies in between, the last row in the file decides which place is valid.

use std::sync::atomic::{Ordering::Acquire, Ordering::Relaxed, Ordering::Release, compiler_fence};

use crate::maybe_known::MaybeKnown;
use crate::sample::{Account, Earlier, EarlierSlot, Host, StrainReading};
use crate::scoreboard::{Scoreboard, SlotCheckpoint, TickCheckpoint};
use crate::snapshot::Totals;

/// Counts this observer and says how many the run has had, this one included.
pub fn arrive(board: &Scoreboard) -> u64 {
    board.head().observer.generation.fetch_add(1, Relaxed) + 1
}

/// Stores the cumulative figures of a tick in the spare place, before its row is written.
pub fn leave(board: &Scoreboard, tick: &Earlier) {
    let place = 1 - written(board);
    let TickCheckpoint { tick_ns, cpu_ns, user_ns, system_ns, finished } = &board.head().observer.ticks[place];
    // Until all of it is there, it is no tick.
    tick_ns.store(0, Relaxed);
    compiler_fence(Release);
    cpu_ns.store(tick.cpu_ns);
    user_ns.store(tick.user_ns);
    system_ns.store(tick.system_ns);
    finished.store(tick.finished, Relaxed);
    board.head().observer.rss_peak_bytes.store(tick.rss_peak_bytes);
    for (slot, noted) in board.slots().iter().zip(&tick.slots) {
        let SlotCheckpoint { seen, told, seen_lost, told_lost, cpu_ns } = &slot.checkpoints[place];
        let EarlierSlot { account, looped: _ } = noted;
        seen.note(&account.seen.counts);
        told.note(&account.told.counts);
        seen_lost.store(account.seen.lost, Relaxed);
        told_lost.store(account.told.lost, Relaxed);
        cpu_ns.store(account.told.cpu_ns);
    }
    compiler_fence(Release);
    tick_ns.store(tick.tick_ns, Relaxed);
}

/// Declares the tick that was stored last the valid one: its row is written.
pub fn settle(board: &Scoreboard) {
    board.head().observer.written.store(1 - written(board) as u64, Release);
}

fn written(board: &Scoreboard) -> usize {
    usize::from(board.head().observer.written.load(Acquire) == 1)
}

/// The figures of the last tick whose row any observer has written; `is_last_row` says whether the last row is that of
/// a tick (monotonic). The machine's ticks, the signs of strain and what the histograms held are not among them: what
/// needs two of those is unknown in a new observer's first row.
pub fn recall(board: &Scoreboard, is_last_row: impl FnOnce(u64) -> bool) -> Earlier {
    let ticks = &board.head().observer.ticks;
    let [noted_ns, written_ns] =
        [1 - written(board), written(board)].map(|place| ticks[place].tick_ns.load(Relaxed));
    if noted_ns > written_ns && is_last_row(noted_ns) {
        settle(board);
    }
    let place = written(board);
    let TickCheckpoint { tick_ns, cpu_ns, user_ns, system_ns, finished } = &ticks[place];
    let tick_ns = tick_ns.load(Relaxed);
    if tick_ns == 0 {
        return Earlier::default();
    }
    let recall_slot = |slot: &SlotCheckpoint| {
        let SlotCheckpoint { seen, told, seen_lost, told_lost, cpu_ns } = slot;
        let (cpu_ns, seen_lost, told_lost) = (cpu_ns.load(), seen_lost.load(Relaxed), told_lost.load(Relaxed));
        let seen = Totals { counts: seen.read(), lost: seen_lost, cpu_ns };
        let told = Totals { counts: told.read(), lost: told_lost, cpu_ns };
        EarlierSlot { looped: MaybeKnown::UNKNOWN, account: Account { seen, told } }
    };
    Earlier {
        tick_ns,
        cpu_ns: cpu_ns.load(),
        user_ns: user_ns.load(),
        system_ns: system_ns.load(),
        finished: finished.load(Relaxed),
        rss_peak_bytes: board.head().observer.rss_peak_bytes.load(),
        slots: board.slots().iter().map(|slot| recall_slot(&slot.checkpoints[place])).collect(),
        host: Host::default(),
        strain: StrainReading::default(),
        routes: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dies_between_note_and_row_is_followed_from_the_last_row_that_there_is() {
        let board = Scoreboard::map(1).unwrap();
        let tick = |tick_ns: u64| Earlier { tick_ns, finished: tick_ns * 10, ..Earlier::default() };
        let recalled = |last_row: u64| {
            let earlier = recall(&board, |tick_ns| tick_ns == last_row);
            (earlier.tick_ns, earlier.finished)
        };
        assert_eq!(recalled(0), (0, 0));
        leave(&board, &tick(1));
        assert_eq!(recalled(0), (0, 0), "no row of it");
        leave(&board, &tick(2));
        settle(&board);
        assert_eq!(recalled(2), (2, 20));
        leave(&board, &tick(3));
        assert_eq!(recalled(2), (2, 20), "its row is not there");
        leave(&board, &tick(4));
        assert_eq!(recalled(4), (4, 40), "its row is there");
        assert_eq!(recalled(4), (4, 40), "for every successor");
    }
}
