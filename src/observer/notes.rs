//! What an observer leaves on the scoreboard for its successor.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::sample::{Account, Earlier, EarlierSlot, Host, StrainReading, Tally};
use crate::scoreboard::{Counters, ObserverNotes, Scoreboard, SlotNotes};

/// Counts this observer and says how many the run has had, this one included.
pub fn arrive(board: &Scoreboard) -> u64 {
    board.head().observer.generation.fetch_add(1, Relaxed) + 1
}

/// Writes down the cumulative figures of a tick.
pub fn leave(board: &Scoreboard, tick: &Earlier) {
    let ObserverNotes { tick_ns, cpu_ns, user_ns, system_ns, finished, rss_peak_bytes, .. } =
        &board.head().observer;
    cpu_ns.store(tick.cpu_ns, Relaxed);
    user_ns.store(tick.user_ns.unwrap_or(0), Relaxed);
    system_ns.store(tick.system_ns.unwrap_or(0), Relaxed);
    finished.store(tick.finished, Relaxed);
    rss_peak_bytes.store(tick.rss_peak_bytes, Relaxed);
    for (slot, noted) in board.slots().iter().zip(&tick.slots) {
        let SlotNotes { seen, told, seen_lost, told_lost, cpu_ns } = &slot.notes;
        let EarlierSlot { account, cpu_ns: noted_cpu_ns } = noted;
        seen.note(&account.seen.counts);
        told.note(&account.told.counts);
        seen_lost.store(account.seen.lost, Relaxed);
        told_lost.store(account.told.lost, Relaxed);
        cpu_ns.store(*noted_cpu_ns, Relaxed);
    }
    tick_ns.store(tick.tick_ns, Relaxed);
}

/// The figures of the last tick that any observer has taken. The machine's ticks, the signs of strain and what the
/// histograms held are not among them: what needs two of those is unknown in a new observer's first row.
pub fn recall(board: &Scoreboard) -> Earlier {
    let ObserverNotes { tick_ns, cpu_ns, user_ns, system_ns, finished, rss_peak_bytes, .. } =
        &board.head().observer;
    let tick_ns = tick_ns.load(Relaxed);
    if tick_ns == 0 {
        return Earlier::default();
    }
    let tally = |counters: &Counters, lost: &AtomicU64| Tally { counts: counters.read(), lost: lost.load(Relaxed) };
    let recall_slot = |notes: &SlotNotes| EarlierSlot {
        cpu_ns: notes.cpu_ns.load(Relaxed),
        account: Account { seen: tally(&notes.seen, &notes.seen_lost), told: tally(&notes.told, &notes.told_lost) },
    };
    Earlier {
        tick_ns,
        cpu_ns: cpu_ns.load(Relaxed),
        user_ns: Some(user_ns.load(Relaxed)),
        system_ns: Some(system_ns.load(Relaxed)),
        finished: finished.load(Relaxed),
        rss_peak_bytes: rss_peak_bytes.load(Relaxed),
        slots: board.slots().iter().map(|slot| recall_slot(&slot.notes)).collect(),
        host: Host::default(),
        strain: StrainReading::default(),
        routes: None,
    }
}
