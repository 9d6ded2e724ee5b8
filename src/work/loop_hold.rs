//! Which requests hold their worker's loop, and when: nobody else is served meanwhile.
//!
//! Work that holds the loop knows from when to when, and not whose it is. Whoever polls a request says so afterwards
//! ([`of_route`]). Who has waited for the loop asks for what was on it meanwhile ([`each_between`]).

use std::cell::{Cell, RefCell};

/// So many stretches are known of a thread. For what is older nobody is named.
const KEPT: usize = 1_024;

/// The stretch of a request that is still being polled.
const NOBODY: usize = usize::MAX;

/// From when to when the loop was held (monotonic), and by a request of which route.
#[derive(Clone, Copy)]
struct Stretch {
    from_ns: u64,
    to_ns: u64,
    route: usize,
}

/// The newest stretches of a thread, one after the other.
struct Stretches {
    /// On the heap: most threads run no loop, and are started without memory for it.
    ring: Vec<Stretch>,
    /// How many there were.
    number: usize,
    /// How many of them have a route.
    assigned: usize,
}

thread_local! {
    static STRETCHES: RefCell<Stretches> = const {
        RefCell::new(Stretches { ring: Vec::new(), number: 0, assigned: 0 })
    };
    /// Where the newest stretch ends: most requests have not waited for any.
    static LAST_NS: Cell<u64> = const { Cell::new(0) };
    static IS_UNASSIGNED: Cell<bool> = const { Cell::new(false) };
    static BLOCKED_NS: Cell<u64> = const { Cell::new(0) };
}

/// For so long of what it held this thread, the request's work computed nothing on it: it slept, or waited for another thread.
pub fn blocked(more_ns: u64) {
    BLOCKED_NS.set(BLOCKED_NS.get().saturating_add(more_ns));
}

/// How long requests have blocked the calling thread. For the beat of its loop.
#[must_use]
pub fn blocked_ns() -> u64 {
    BLOCKED_NS.get()
}

impl Stretches {
    /// The newest first, as far as they are known.
    fn newest(&self) -> impl Iterator<Item = &Stretch> {
        let oldest = self.number.saturating_sub(KEPT);
        (oldest..self.number).rev().map(|number| &self.ring[number % KEPT])
    }
}

/// The request that is polled on this thread has held it from one moment to another (monotonic), after all that was
/// told before.
pub fn held(from_ns: u64, to_ns: u64) {
    STRETCHES.with_borrow_mut(|stretches| {
        let stretch = Stretch { from_ns, to_ns, route: NOBODY };
        match stretches.ring.get_mut(stretches.number % KEPT) {
            Some(oldest) => *oldest = stretch,
            None => stretches.ring.push(stretch),
        }
        stretches.number += 1;
    });
    LAST_NS.set(to_ns);
    IS_UNASSIGNED.set(true);
}

/// What was held on this thread since this was last called was held by a request of this route: for how long. `None`
/// when nothing was.
#[must_use]
pub fn of_route(route: usize) -> Option<u64> {
    if !IS_UNASSIGNED.take() {
        return None;
    }
    Some(STRETCHES.with_borrow_mut(|stretches| {
        let first = stretches.assigned.max(stretches.number.saturating_sub(KEPT));
        let mut held_ns = 0;
        for number in first..stretches.number {
            let stretch = &mut stretches.ring[number % KEPT];
            stretch.route = route;
            held_ns += stretch.to_ns.saturating_sub(stretch.from_ns);
        }
        stretches.assigned = stretches.number;
        held_ns
    }))
}

/// Whether anything has held this thread after this moment (monotonic).
#[must_use]
pub fn is_after(moment_ns: u64) -> bool {
    LAST_NS.get() > moment_ns
}

/// What has held this thread from one moment to another (monotonic): by a request of which route, for how long.
pub fn each_between(from_ns: u64, to_ns: u64, mut take: impl FnMut(usize, u64)) {
    STRETCHES.with_borrow(|stretches| {
        for stretch in stretches.newest().take_while(|stretch| stretch.to_ns > from_ns) {
            let shared_ns = stretch.to_ns.min(to_ns).saturating_sub(stretch.from_ns.max(from_ns));
            if shared_ns > 0 && stretch.route != NOBODY {
                take(stretch.route, shared_ns);
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    fn between(from_ns: u64, to_ns: u64) -> Vec<(usize, u64)> {
        let mut found = Vec::new();
        each_between(from_ns, to_ns, |route, held_ns| found.push((route, held_ns)));
        found
    }

    #[test]
    fn whoever_waited_learns_what_was_on_the_loop_meanwhile() {
        assert!(!is_after(0) && of_route(3).is_none() && between(0, 99).is_empty());
        held(10, 20);
        held(25, 30);
        assert_eq!(between(0, 99), [], "nobody has said whose it was");
        assert_eq!((of_route(3), of_route(4)), (Some(15), None));
        held(40, 60);
        assert_eq!(of_route(4), Some(20));
        assert_eq!(between(0, 99), [(4, 20), (3, 5), (3, 10)]);
        assert_eq!(between(15, 50), [(4, 10), (3, 5), (3, 5)]);
        assert_eq!((between(20, 25), between(60, 99)), (vec![], vec![]));
        assert!(is_after(59) && !is_after(60));
        assert!(std::thread::spawn(|| !is_after(0)).join().unwrap());
    }

    #[test]
    fn of_what_is_too_old_nobody_is_named() {
        for number in 0..=KEPT as u64 {
            held(number * 10, number * 10 + 1);
        }
        assert_eq!(of_route(1), Some(KEPT as u64), "the first has lost its place");
        assert_eq!(between(0, u64::MAX).len(), KEPT);
        assert_eq!(between(0, 10), []);
    }
}
