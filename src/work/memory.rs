//! Holding memory: mapped, touched page by page, held, and given back to the kernel.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::{loop_hold, sleep};
use crate::sys::clock;
use crate::sys::pages::Pages;

/// What a worker may hold for all of its requests together.
#[derive(Clone, Debug)]
pub struct Memory {
    most: u64,
    held: Arc<AtomicU64>,
}

/// Why there is no memory now.
#[derive(Debug)]
pub enum Unavailable {
    /// A request needs so many bytes or more, and no worker may hold as many.
    TooMuch(u64),
    /// What the worker holds for others leaves no room for so many bytes.
    Held(u64),
    /// The kernel's reason.
    Kernel(io::Error),
}

impl fmt::Display for Unavailable {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooMuch(bytes) => write!(formatter, "this request needs {bytes} bytes of memory"),
            Self::Held(bytes) => write!(formatter, "other requests of this worker leave less than {bytes} bytes"),
            Self::Kernel(error) => write!(formatter, "the kernel gives no memory: {error}"),
        }
    }
}

/// So much memory, for so long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    /// How much.
    pub bytes: u64,
    /// For how long, from the last page's touch on.
    pub time: Duration,
}

/// What was held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Held {
    /// How much was asked for.
    pub bytes: u64,
    /// The pages that were touched for it.
    pub pages: u64,
    /// For how long it was held once it was touched.
    pub held_ns: u64,
    /// Of it, the wait for the worker's loop once the time had passed.
    pub loop_ns: u64,
    /// CPU time that mapping, touching and unmapping took, the kernel's share included.
    pub cpu_ns: u64,
}

/// A part of what a worker may hold. Gives it back when dropped.
pub struct Share {
    bytes: u64,
    held: Arc<AtomicU64>,
}

impl Memory {
    /// Of at most so many bytes; none is held yet.
    #[must_use]
    pub fn new(most: u64) -> Self {
        Self { most, held: Arc::default() }
    }

    /// Takes a part, on the worker's loop.
    ///
    /// # Errors
    /// It is more than there may be, or others hold too much.
    pub fn share(&self, bytes: u64) -> Result<Share, Unavailable> {
        let mut share = Share { bytes: 0, held: Arc::clone(&self.held) };
        share.grow(bytes, self)?;
        Ok(share)
    }

    fn take(&self, bytes: u64) -> Result<(), Unavailable> {
        if bytes > self.most.saturating_sub(self.held.load(Relaxed)) {
            return Err(Unavailable::Held(bytes));
        }
        // One thread takes: the worker's loop. Those of its pool may give back meanwhile.
        self.held.fetch_add(bytes, Relaxed);
        Ok(())
    }
}

impl Share {
    /// Takes more of the same.
    ///
    /// # Errors
    /// It is more than there may be, or others hold too much; then it stays as it was.
    pub fn grow(&mut self, more: u64, memory: &Memory) -> Result<(), Unavailable> {
        let bytes = self.bytes.saturating_add(more);
        if bytes > memory.most {
            return Err(Unavailable::TooMuch(bytes));
        }
        memory.take(more)?;
        self.bytes = bytes;
        Ok(())
    }

    /// Gives back what is more than this.
    pub fn shrink_to(&mut self, bytes: u64) {
        let less = self.bytes.saturating_sub(bytes);
        self.held.fetch_sub(less, Relaxed);
        self.bytes -= less;
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.held.fetch_sub(self.bytes, Relaxed);
    }
}

impl Hold {
    /// Takes the memory on the worker's loop, as a handler would that needs it, and holds it while others are served.
    ///
    /// # Errors
    /// When there is none.
    pub async fn run(self, memory: &Memory) -> Result<Held, Unavailable> {
        let Self { bytes, time } = self;
        let share = memory.share(bytes)?;
        let (taking, begun_cpu) = (clock::monotonic_ns(), clock::thread_cpu_ns());
        let length = usize::try_from(bytes).map_err(|_| Unavailable::Kernel(io::ErrorKind::OutOfMemory.into()))?;
        let mut pages = Pages::map(length).map_err(Unavailable::Kernel)?;
        let touched = pages.touch() as u64;
        let taking_cpu = clock::thread_cpu_ns() - begun_cpu;
        let begun = clock::monotonic_ns();
        loop_hold::held(taking, begun);
        let loop_ns = sleep::sleep(time).await;
        let (ended, freeing) = (clock::monotonic_ns(), clock::thread_cpu_ns());
        drop((pages, share));
        let cpu_ns = taking_cpu + clock::thread_cpu_ns() - freeing;
        loop_hold::held(ended, clock::monotonic_ns());
        let held_ns = ended - begun;
        Ok(Held { bytes, pages: touched, held_ns, loop_ns, cpu_ns })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_given_back_can_be_taken_again() {
        let memory = Memory::new(100);
        let share = memory.share(60).unwrap();
        assert!(matches!(memory.share(41), Err(Unavailable::Held(41))));
        let rest = memory.share(40).unwrap();
        drop(share);
        assert!(memory.share(60).is_ok());
        drop(rest);
        let mut share = memory.share(90).unwrap();
        share.shrink_to(95);
        assert!(memory.share(11).is_err());
        share.shrink_to(30);
        assert!(memory.share(71).is_err());
        assert!(memory.share(70).is_ok());
        assert!(matches!(share.grow(71, &memory), Err(Unavailable::TooMuch(101))));
        assert!(matches!(memory.share(101), Err(Unavailable::TooMuch(101))));
        drop(share);
        assert!(memory.share(100).is_ok());
    }
}
