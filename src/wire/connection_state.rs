//! Where a connection stands and since when, and what the timeouts say to that.

use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::sys::clock;

/// Where a connection stands, for the timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing of a request has been read.
    Idle,
    /// Some of a request's head has been read.
    Head,
    /// A request is being served.
    Busy,
}

/// How long a connection may stand where it does.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between requests; `None` is for ever.
    pub idle: Option<Duration>,
    /// Without the client taking a byte of what is to be written.
    pub stall: Duration,
}

/// What is to become of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It goes on.
    Stay,
    /// It was idle for too long.
    EndIdle,
    /// Its head took too long.
    EndHead,
    /// Its client takes nothing of what is to be written.
    Reset,
}

/// A connection's place in its life.
pub(super) struct ConnectionState {
    phase: AtomicU8,
    since_ns: AtomicU64,
    /// Since when the kernel takes nothing of what is to be written; 0 while it does.
    stalled_ns: AtomicU64,
}

impl ConnectionState {
    /// Accepted at `now_ns` (monotonic).
    pub(super) fn begin(now_ns: u64) -> Self {
        Self {
            phase: AtomicU8::new(Phase::Idle as u8),
            since_ns: AtomicU64::new(now_ns),
            stalled_ns: AtomicU64::new(0),
        }
    }

    pub(super) fn enter(&self, phase: Phase, now_ns: u64) {
        self.phase.store(phase as u8, Relaxed);
        self.since_ns.store(now_ns, Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        let phase = self.phase.load(Relaxed);
        [Phase::Idle, Phase::Head].into_iter().find(|&known| known as u8 == phase).unwrap_or(Phase::Busy)
    }

    /// The kernel has taken something of what is to be written.
    pub(super) fn moves(&self) {
        self.stalled_ns.store(0, Relaxed);
    }

    /// The kernel takes no more for now.
    pub(super) fn stalls(&self) {
        if self.stalled_ns.load(Relaxed) == 0 {
            self.stalled_ns.store(clock::monotonic_ns(), Relaxed);
        }
    }

    pub(super) fn verdict(&self, now_ns: u64, timeouts: Timeouts) -> Verdict {
        let stalled_ns = self.stalled_ns.load(Relaxed);
        if stalled_ns > 0 && Duration::from_nanos(now_ns.saturating_sub(stalled_ns)) >= timeouts.stall {
            return Verdict::Reset;
        }
        let stood = Duration::from_nanos(now_ns.saturating_sub(self.since_ns.load(Relaxed)));
        match self.phase() {
            Phase::Head if stood >= timeouts.head => Verdict::EndHead,
            Phase::Idle if timeouts.idle.is_some_and(|idle| stood >= idle) => Verdict::EndIdle,
            Phase::Idle | Phase::Head | Phase::Busy => Verdict::Stay,
        }
    }
}
