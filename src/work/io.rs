//! Waiting, as for a disk or another service: time passes and no CPU is used.

use std::thread;
use std::time::Duration;

use super::{on_pool, sleep};
use crate::sys::clock;

/// What waits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The request alone; the worker serves others meanwhile.
    #[default]
    Async,
    /// The worker: nobody is served meanwhile.
    Blocking,
    /// A thread of the worker's pool; requests beyond the pool's size wait for one.
    Pool,
}

impl Mode {
    /// As it is spelled in a query and in the answer.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Async => "async",
            Self::Blocking => "blocking",
            Self::Pool => "pool",
        }
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
    /// How long it took, the wait for a pool thread included.
    pub waited_ns: u64,
}

impl Io {
    /// Waits and measures. Never shorter than asked.
    pub async fn run(self) -> Waited {
        let Self { delay, mode } = self;
        let begun = clock::monotonic_ns();
        match mode {
            Mode::Async => sleep::sleep(delay).await,
            Mode::Blocking => thread::sleep(delay),
            Mode::Pool => on_pool(move || thread::sleep(delay)).await,
        }
        Waited { asked: delay, mode, waited_ns: clock::monotonic_ns() - begun }
    }
}
