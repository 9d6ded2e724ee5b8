//! The stretches of a request's time, each of which is recorded by itself.

use bytemuck::Zeroable;
use serde::{Deserialize, Serialize};

use super::{Distribution, Histogram, Quantiles};

/// The same of each stretch of a request's time: latency is queue, waits for the loop and service together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Zeroable)]
#[serde(default)]
#[repr(C)]
pub struct Durations<T> {
    /// Head parsed → flushed, the waits for the loop apart.
    pub service: T,
    /// Arrival in the kernel → flushed.
    pub latency: T,
    /// Arrival in the kernel → head parsed; nothing on a unix socket, which has no arrival stamps.
    pub queue: T,
    /// Timer, pool thread or piece of the body ready → the loop runs the request on.
    pub loop_wait: T,
    /// A request's waits for connections to the database, all together: a part of its service. Recorded only for requests that
    /// the database has answered.
    pub acquire: T,
}

impl<T> Durations<T> {
    /// Each of them, in the order of [`crate::run_files::DURATIONS`].
    pub fn all(&self) -> [&T; 5] {
        let Self { service, latency, queue, loop_wait, acquire } = self;
        [service, latency, queue, loop_wait, acquire]
    }

    /// Each of them, in the same order.
    pub fn all_mut(&mut self) -> [&mut T; 5] {
        let Self { service, latency, queue, loop_wait, acquire } = self;
        [service, latency, queue, loop_wait, acquire]
    }

    fn from([service, latency, queue, loop_wait, acquire]: [T; 5]) -> Self {
        Self { service, latency, queue, loop_wait, acquire }
    }
}

impl Durations<Histogram> {
    /// Adds what another writer has recorded.
    pub fn absorb(&self, other: &Self) {
        self.all().into_iter().zip(other.all()).for_each(|(mine, theirs)| mine.absorb(theirs));
    }

    /// Forgets everything.
    pub fn clear(&self) {
        self.all().into_iter().for_each(Histogram::clear);
    }
}

impl Durations<Distribution> {
    /// The quantiles of each.
    #[must_use]
    pub fn quantiles(&self) -> Durations<Option<Quantiles>> {
        Durations::from(self.all().map(Distribution::quantiles))
    }

    /// Adds what stands in shared memory.
    pub fn add(&mut self, recorded: &Durations<Histogram>) {
        self.all_mut().into_iter().zip(recorded.all()).for_each(|(sum, more)| sum.add(more));
    }

    /// Adds another's.
    pub fn merge(&mut self, other: &Self) {
        self.all_mut().into_iter().zip(other.all()).for_each(|(sum, more)| sum.merge(more));
    }

    /// What was recorded since an earlier reading; `None` where that can't be.
    #[must_use]
    pub fn since(&self, before: &Self) -> Option<Self> {
        Some(Self {
            service: self.service.since(&before.service)?,
            latency: self.latency.since(&before.latency)?,
            queue: self.queue.since(&before.queue)?,
            loop_wait: self.loop_wait.since(&before.loop_wait)?,
            acquire: self.acquire.since(&before.acquire)?,
        })
    }
}
