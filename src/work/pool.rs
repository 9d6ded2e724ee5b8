//! The worker's pool of threads, for work that holds one.

use std::cell::RefCell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use tokio::task::{JoinHandle, spawn_blocking};

use super::loop_wait;
use crate::sys::clock;

/// The kernel refused the pool its first thread, with which the work unwinds: there is nothing that it could answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoThread;

impl fmt::Display for NoThread {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the kernel refused this worker a thread for its pool")
    }
}

impl std::error::Error for NoThread {}

/// Work that nobody awaits any more is not begun; what has begun goes on.
struct Awaited<T>(JoinHandle<T>);

impl<T> Drop for Awaited<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What happens to a piece of work that needs a thread of the pool.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It waits for one.
    Asked,
    /// It waits no more, and is not begun.
    GivenUp,
    /// A thread has begun it, after it had waited for so long.
    Begun {
        /// Nanoseconds.
        wait_ns: u64,
    },
    /// It is done, and has held its thread for so long.
    Ended {
        /// Nanoseconds.
        held_ns: u64,
    },
}

/// Is told every event of a pool, by the thread that owns the pool and by those in it.
pub type Account = Arc<dyn Fn(Event) + Send + Sync>;

thread_local! {
    static ACCOUNT: RefCell<Option<Account>> = const { RefCell::new(None) };
}

/// Tells what happens to the work that the calling thread gives to its pool from here on.
pub fn account_to(account: Account) {
    ACCOUNT.set(Some(account));
}

fn tell(account: Option<&Account>, event: Event) {
    if let Some(account) = account {
        account(event);
    }
}

/// A piece of work that waits for a thread. Dropped before it begins, it is given up.
struct Queued {
    account: Option<Account>,
    asked_ns: u64,
}

/// A piece of work that a thread is at, until it is dropped.
struct Held {
    account: Option<Account>,
    begun_ns: u64,
}

impl Queued {
    fn new() -> Self {
        let account = ACCOUNT.with_borrow(Clone::clone);
        tell(account.as_ref(), Event::Asked);
        Self { account, asked_ns: clock::monotonic_ns() }
    }

    /// A thread begins; with how long that took.
    fn begin(mut self) -> (Held, u64) {
        let begun_ns = clock::monotonic_ns();
        let wait_ns = begun_ns.saturating_sub(self.asked_ns);
        // It leaves nothing to be given up.
        let account = self.account.take();
        tell(account.as_ref(), Event::Begun { wait_ns });
        (Held { account, begun_ns }, wait_ns)
    }
}

impl Drop for Queued {
    fn drop(&mut self) {
        tell(self.account.as_ref(), Event::GivenUp);
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let held_ns = clock::monotonic_ns().saturating_sub(self.begun_ns);
        tell(self.account.as_ref(), Event::Ended { held_ns });
    }
}

/// What a thread of the pool has done, and what it took beside the work.
pub(super) struct Pooled<T> {
    /// What the work returned.
    pub done: T,
    /// From the request for a thread until one began.
    pub pool_ns: u64,
    /// From the end of the work until the loop went on with it; counted as a [`loop_wait`].
    pub loop_ns: u64,
}

/// Runs on a thread of the pool; a panic there is a panic here.
pub(super) async fn on_pool<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Pooled<T> {
    let queued = Queued::new();
    let work = move || {
        let (held, wait_ns) = queued.begin();
        let done = work();
        drop(held);
        (done, wait_ns, clock::monotonic_ns())
    };
    let is_given_up = Arc::new(AtomicBool::new(false));
    let seen_there = Arc::clone(&is_given_up);
    let queued = move || (!seen_there.load(Relaxed)).then(work);
    // The only panic of `spawn_blocking` itself is that of a pool which has no thread and gets none. What it was given
    // stays in its queue, for the next thread that it has.
    let Ok(spawned) = catch_unwind(AssertUnwindSafe(|| spawn_blocking(queued))) else {
        is_given_up.store(true, Relaxed);
        resume_unwind(Box::new(NoThread))
    };
    let mut awaited = Awaited(spawned);
    match (&mut awaited.0).await {
        Ok(Some((done, pool_ns, ended_ns))) => Pooled { done, pool_ns, loop_ns: loop_wait::was_ready(ended_ns) },
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is being torn down, and with it whoever awaits this.
            Err(_) => std::future::pending().await,
        },
        // Nobody awaits what was given up.
        Ok(None) => std::future::pending().await,
    }
}
