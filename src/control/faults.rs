//! Fault plans on the orders page: given a place on the scoreboard and published.

use std::io;

use super::{Standing, publish, standing};
use crate::fault::{Faults, Placed, Written};
use crate::scoreboard::{FAULT_PLACES, Scoreboard};
use crate::sys::clock;

/// Replaces all plans by these, which are understood, and returns the epoch. What a plan that was in force before is
/// equal to goes on, if `keep` says so; all others begin now, at index 0.
///
/// For the observer, and before the first worker for whoever starts the run.
///
/// # Errors
/// `InvalidInput` when they don't fit the orders page; the old ones stay in force.
pub fn put_faults(
    board: &Scoreboard,
    plans: Vec<Written>,
    now_ns: u64,
    expires_ns: Option<u64>,
    keep: bool,
) -> io::Result<u64> {
    let (_, Standing { ready, faults: before }) = standing(board);
    let mut next_place = before.next_place;
    let mut taken: Vec<usize> = before.plans.iter().map(|placed| placed.place).collect();
    let mut unclaimed = before.plans;
    let mut fresh = Vec::new();
    let mut placed = Vec::with_capacity(plans.len());
    for plan in plans {
        let same = unclaimed.iter().position(|known| keep && known.plan == plan);
        if let Some(same) = same {
            placed.push(unclaimed.swap_remove(same));
            continue;
        }
        // There are more places than two sets of plans can take.
        while taken.contains(&next_place) {
            next_place = (next_place + 1) % FAULT_PLACES;
        }
        taken.push(next_place);
        fresh.push(next_place);
        placed.push(Placed { plan, place: next_place, begin_ns: now_ns });
    }
    let next_place = fresh.last().map_or(next_place, |last| (last + 1) % FAULT_PLACES);
    let head = board.head();
    for place in fresh {
        head.ended_plans.forget(place);
        head.faults.plan(place).clear();
    }
    let ended: Vec<(usize, Vec<u8>)> =
        unclaimed.iter().map(|ended| Ok((ended.place, serde_json::to_vec(ended)?))).collect::<io::Result<_>>()?;
    let epoch = publish(board, &Standing { ready, faults: Faults { plans: placed, expires_ns, next_place } })?;
    for (place, text) in ended {
        head.ended_plans.note(place, &text, now_ns);
    }
    Ok(epoch)
}

/// The plans in force as they were written, each with its age in `age_ms`, as JSON.
#[must_use]
pub fn plans_in_force(board: &Scoreboard, now_ns: u64) -> String {
    #[derive(serde::Serialize)]
    struct Aged {
        #[serde(flatten)]
        plan: Written,
        age_ms: u64,
    }
    let aged = |Placed { plan, place: _, begin_ns }| Aged { plan, age_ms: age_ms(begin_ns, now_ns) };
    let plans: Vec<Aged> = standing(board).1.faults.plans.into_iter().map(aged).collect();
    serde_json::to_string(&plans).unwrap_or_default()
}

pub(super) fn age_ms(begin_ns: u64, now_ns: u64) -> u64 {
    now_ns.saturating_sub(begin_ns) / clock::MILLISECOND
}

#[cfg(test)]
mod tests {
    use super::super::counted::known_faults;
    use super::*;
    use crate::fault::{Rules, understand};
    use crate::scoreboard::FaultMark;

    fn plan(name: &str, rate: &str) -> Written {
        let text = format!("name = '{name}'\nkinds = [{{ kind = 'status', code = 500, rate = {rate} }}]");
        understand(&toml::from_str(&text).unwrap(), "", 0, &Rules::none()).unwrap().1
    }

    fn places(board: &Scoreboard) -> Vec<usize> {
        standing(board).1.faults.plans.iter().map(|placed| placed.place).collect()
    }

    #[test]
    fn new_plans_begin_at_0_and_kept_ones_go_on() {
        let board = Scoreboard::map(1).unwrap();
        assert_eq!(put_faults(&board, vec![plan("a", "0.5"), plan("b", "0.5")], 7, None, false).unwrap(), 1);
        for place in places(&board) {
            let record = board.head().faults.plan(place);
            assert_eq!((record.index().draw(), record.index().draw()), (0, 1));
            board.head().faults.carried_out(FaultMark { place, kind: 0 });
        }
        let counted = known_faults(&board, 8).in_force;
        assert_eq!((counted[0].matched, counted[1].executed["status 500"]), (2, 1));
        put_faults(&board, vec![plan("b", "0.5"), plan("a", "0.25")], 9, None, true).unwrap();
        let counted = known_faults(&board, 9).in_force;
        assert_eq!((counted[0].matched, counted[0].executed["status 500"]), (2, 1), "kept");
        assert_eq!((counted[1].matched, counted[1].executed["status 500"]), (0, 0), "changed");
        put_faults(&board, vec![plan("b", "0.5")], 10, Some(20), false).unwrap();
        assert_eq!(known_faults(&board, 19).in_force[0].matched, 0, "put anew");
        assert_eq!(known_faults(&board, 20).in_force, [], "expired");
    }

    #[test]
    fn ended_plans_are_told_with_their_counts_until_another_takes_their_place() {
        let board = Scoreboard::map(1).unwrap();
        let told = |now_ns: u64| -> Vec<(String, u64, u64, Option<u64>)> {
            let ended = known_faults(&board, now_ns).ended.into_iter();
            ended
                .map(|one| (one.plan.name.unwrap(), one.matched, one.executed["status 500"], one.ended_ms))
                .collect()
        };
        let ms = clock::MILLISECOND;
        put_faults(&board, vec![plan("a", "0.5"), plan("b", "0.5")], ms, None, false).unwrap();
        let first = places(&board)[0];
        let _ = board.head().faults.plan(first).index().draw();
        assert_eq!(told(ms), []);
        put_faults(&board, vec![plan("b", "0.5")], 3 * ms, None, true).unwrap();
        // A request that was under way.
        board.head().faults.carried_out(FaultMark { place: first, kind: 0 });
        assert_eq!(told(7 * ms), [("a".to_owned(), 1, 1, Some(4))]);
        put_faults(&board, Vec::new(), 8 * ms, None, true).unwrap();
        assert_eq!(told(9 * ms), [("a".to_owned(), 1, 1, Some(6)), ("b".to_owned(), 0, 0, Some(1))]);
        for turn in 0..FAULT_PLACES as u64 {
            put_faults(&board, vec![plan("c", "0.5")], (10 + turn) * ms, None, false).unwrap();
        }
        let known = told(1_000 * ms);
        assert_eq!((known.len(), known[0].0.as_str()), (FAULT_PLACES - 1, "c"), "all but the one in force");
    }

    #[test]
    fn no_place_is_taken_again_soon() {
        let board = Scoreboard::map(1).unwrap();
        let mut seen = Vec::new();
        for turn in 0..100 {
            let plans = vec![plan("a", "0.5"), plan("b", "0.5")];
            put_faults(&board, plans, turn, None, false).unwrap();
            seen.extend(places(&board));
        }
        let mut distinct = seen.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), seen.len());
        assert!(seen.iter().all(|place| *place < FAULT_PLACES));
    }

    #[test]
    fn what_does_not_fit_the_page_changes_nothing() {
        let board = Scoreboard::map(1).unwrap();
        put_faults(&board, vec![plan("a", "0.5")], 0, None, false).unwrap();
        let mut long = plan("b", "0.5");
        long.kinds[0].delay = Some("x".repeat(crate::scoreboard::ORDERS));
        assert!(put_faults(&board, vec![long], 0, None, false).is_err());
        assert_eq!(known_faults(&board, 0).in_force[0].plan.name.as_deref(), Some("a"));
    }
}
