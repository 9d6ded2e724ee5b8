//! How long requests wait for their worker's loop: from the moment at which a timer, a pool thread or the kernel had them
//! ready until the loop runs them on.
//!
//! A future can't know whose request it works for. It adds its wait to the account of its thread, and whoever polls a
//! request takes what was added meanwhile: see [`crate::wire::Connection::polling`].

use std::cell::{Cell, RefCell};

use super::loop_hold;
use crate::sys::clock;

thread_local! {
    static WAITED_NS: Cell<u64> = const { Cell::new(0) };
    /// Of it, how long requests of which routes held the loop.
    static BEHIND: RefCell<Vec<(usize, u64)>> = const { RefCell::new(Vec::new()) };
}

/// The work that runs on now was ready at `ready_ns` (monotonic). Returns how long it has waited since.
#[must_use]
pub fn was_ready(ready_ns: u64) -> u64 {
    let now_ns = clock::monotonic_ns();
    let waited_ns = now_ns.saturating_sub(ready_ns);
    let before_ns = WAITED_NS.get();
    WAITED_NS.set(before_ns.saturating_add(waited_ns));
    if loop_hold::is_after(ready_ns) {
        BEHIND.with_borrow_mut(|behind| {
            loop_hold::each_between(ready_ns, now_ns, |route, held_ns| behind.push((route, held_ns)));
        });
    }
    waited_ns
}

/// Takes what was added on this thread since it was last taken.
#[must_use]
pub fn take() -> u64 {
    WAITED_NS.take()
}

/// Forgets what was added: it is no request's.
pub fn discard() {
    if take() > 0 {
        drop(take_behind());
    }
}

/// Of what was taken before, how long requests of which routes held the loop.
#[must_use]
pub fn take_behind() -> Vec<(usize, u64)> {
    BEHIND.take()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_added_is_taken_once_and_by_its_own_thread() {
        assert!(was_ready(clock::monotonic_ns() - 1_000) >= 1_000);
        assert!(was_ready(clock::monotonic_ns() - 500) >= 500);
        assert_eq!(std::thread::spawn(take).join().unwrap(), 0);
        assert!(take() >= 1_500);
        assert_eq!(take(), 0);
    }
}
