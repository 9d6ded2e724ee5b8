//! The checkpoint: the figures of the last tick, kept on the scoreboard, from which a respawned observer goes on.
//!
//! An observer may die at any moment. It stores a tick's figures in place of those of the last but one, and then writes the
//! tick's row. If it dies in between, the last row in the file is that of the tick before, which is still there.

use std::sync::atomic::{Ordering::Relaxed, Ordering::Release, compiler_fence};

use crate::maybe_known::MaybeKnown;
use crate::sample::{Account, Earlier, EarlierSlot};
use crate::scoreboard::{Scoreboard, SlotCheckpoint, TickCheckpoint};
use crate::snapshot::Totals;

/// Counts this observer and says how many the run has had, this one included.
pub fn arrive(board: &Scoreboard) -> u64 {
    board.head().observer.generation.fetch_add(1, Relaxed) + 1
}

/// Stores the cumulative figures of a tick in the place of the older one, before its row is written.
pub fn leave(board: &Scoreboard, tick: &Earlier) {
    let place = 1 - newest(board);
    let TickCheckpoint { tick_ns, cpu_ns, user_ns, system_ns } = &board.head().observer.ticks[place];
    // Until all of it is there, it is no tick.
    tick_ns.store(0, Relaxed);
    compiler_fence(Release);
    cpu_ns.store(tick.cpu_ns);
    user_ns.store(tick.user_ns);
    system_ns.store(tick.system_ns);
    board.head().observer.rss_peak_bytes.store(tick.rss_peak_bytes);
    for (slot, EarlierSlot { account, looped: _ }) in board.slots().iter().zip(&tick.slots) {
        let SlotCheckpoint { counters, lost, cpu_ns } = &slot.checkpoints[place];
        counters.note(&account.told.counts);
        lost.store(account.told.lost, Relaxed);
        cpu_ns.store(account.told.cpu_ns);
    }
    compiler_fence(Release);
    tick_ns.store(tick.tick_ns, Relaxed);
}

/// The place of the newest tick.
fn newest(board: &Scoreboard) -> usize {
    let [first, second] = board.head().observer.ticks.each_ref().map(|tick| tick.tick_ns.load(Relaxed));
    usize::from(second > first)
}

/// The figures of the last tick whose row an observer has written: the newest, unless the last row is that of the tick
/// before, as `is_last_row` says of a time (monotonic; 0 for no tick). The machine's ticks, the signs of strain, what the
/// event loops have done and what the histograms held are not among them: what needs two of those is unknown in a new
/// observer's first row. Counters are as they were told: garbage that still stands in a seat is left out of that row once more.
pub fn recall(board: &Scoreboard, is_last_row: impl FnOnce(u64) -> bool) -> Earlier {
    let ticks = &board.head().observer.ticks;
    let newest = newest(board);
    let place = if is_last_row(ticks[1 - newest].tick_ns.load(Relaxed)) { 1 - newest } else { newest };
    ticks[1 - place].tick_ns.store(0, Relaxed);
    let TickCheckpoint { tick_ns, cpu_ns, user_ns, system_ns } = &ticks[place];
    let tick_ns = tick_ns.load(Relaxed);
    if tick_ns == 0 {
        return Earlier::default();
    }
    let recall_slot = |slot: &SlotCheckpoint| {
        let SlotCheckpoint { counters, lost, cpu_ns } = slot;
        let told = Totals { counts: counters.read(), lost: lost.load(Relaxed), cpu_ns: cpu_ns.load() };
        EarlierSlot { looped: MaybeKnown::UNKNOWN, account: Account { seen: told, told } }
    };
    Earlier {
        tick_ns,
        cpu_ns: cpu_ns.load(),
        user_ns: user_ns.load(),
        system_ns: system_ns.load(),
        rss_peak_bytes: board.head().observer.rss_peak_bytes.load(),
        slots: board.slots().iter().map(|slot| recall_slot(&slot.checkpoints[place])).collect(),
        ..Earlier::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_dies_between_note_and_row_is_followed_from_the_last_row_that_there_is() {
        let board = Scoreboard::map(1).unwrap();
        let tick = |tick_ns: u64| Earlier { tick_ns, cpu_ns: (tick_ns * 10).into(), ..Earlier::default() };
        let recalled = |last_row: u64| {
            let earlier = recall(&board, |tick_ns| tick_ns == last_row);
            (earlier.tick_ns, earlier.cpu_ns.get().unwrap_or_default())
        };
        assert_eq!(recalled(0), (0, 0));
        leave(&board, &tick(1));
        assert_eq!(recalled(0), (0, 0), "no row of it");
        leave(&board, &tick(2));
        assert_eq!(recalled(2), (2, 20));
        leave(&board, &tick(3));
        assert_eq!(recalled(2), (2, 20), "its row is not there");
        leave(&board, &tick(4));
        assert_eq!(recalled(4), (4, 40), "its row is there");
        assert_eq!(recalled(4), (4, 40), "for every successor");
    }
}
