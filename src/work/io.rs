//! Waiting, as for a disk or another service: time passes and no CPU is used.

use std::thread;
use std::time::Duration;

use super::loop_hold;
use super::pool::{Pooled, on_pool};
use super::sleep;
use crate::spelling::words;
use crate::sys::clock;

words! {
    /// What waits.
    #[derive(Default)]
    pub enum Mode {
        /// The request alone; the worker serves others meanwhile.
        #[default]
        Async = "async",
        /// The worker: nobody is served meanwhile.
        Blocking = "blocking",
        /// A thread of the worker's pool; requests beyond the pool's size wait for one.
        Pool = "pool",
    }
}

/// A piece of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Io {
    /// How long, at least.
    pub delay: Duration,
    /// What waits.
    pub mode: Mode,
}

/// What was waited.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waited {
    /// How long it was asked for.
    pub asked: Duration,
    /// What waited.
    pub mode: Mode,
    /// How long it took: all of it, until the request went on.
    pub waited_ns: u64,
    /// Of it, the wait for a thread of the pool.
    pub pool_ns: u64,
    /// Of it, the wait for the worker's loop once the time had passed.
    pub loop_ns: u64,
}

impl Waited {
    /// The waiting that was asked for, as it was.
    #[must_use]
    pub fn io_ns(&self) -> u64 {
        self.waited_ns.saturating_sub(self.pool_ns).saturating_sub(self.loop_ns)
    }
}

impl Io {
    /// Waits and measures. Never shorter than asked.
    pub async fn run(self) -> Waited {
        let Self { delay, mode } = self;
        let begun = clock::monotonic_ns();
        let (pool_ns, loop_ns) = match mode {
            Mode::Async => (0, sleep::sleep(delay).await),
            Mode::Blocking => {
                thread::sleep(delay);
                let ended = clock::monotonic_ns();
                loop_hold::blocked(ended - begun);
                loop_hold::held(begun, ended);
                (0, 0)
            }
            Mode::Pool => {
                let Pooled { done: (), pool_ns, loop_ns } = on_pool(move || thread::sleep(delay)).await;
                (pool_ns, loop_ns)
            }
        };
        Waited { asked: delay, mode, waited_ns: clock::monotonic_ns() - begun, pool_ns, loop_ns }
    }
}
