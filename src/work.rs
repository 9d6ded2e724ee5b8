//! The work that a request asks for, done and measured.
//!
//! What is reported is what happened: CPU from the clock of the thread that computed, waiting from the monotonic
//! clock around it. Nothing here knows HTTP.

pub mod cpu;
pub mod io;
pub mod sleep;

use std::panic::resume_unwind;

/// One piece of work, within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Computes.
    Cpu(cpu::Cpu),
    /// Waits without computing.
    Io(io::Io),
}

/// What a piece of work did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Done {
    /// It computed.
    Cpu(cpu::Computed),
    /// It waited.
    Io(io::Waited),
}

impl Work {
    /// Does the work, on the worker's loop or on its pool, as the work says.
    pub async fn run(self) -> Done {
        match self {
            Self::Cpu(work) => Done::Cpu(work.run().await),
            Self::Io(work) => Done::Io(work.run().await),
        }
    }
}

impl Done {
    /// CPU time that the work took.
    #[must_use]
    pub fn cpu_ns(&self) -> u64 {
        match self {
            Self::Cpu(computed) => computed.cpu_ns,
            Self::Io(_) => 0,
        }
    }

    /// Time that the work waited on purpose.
    #[must_use]
    pub fn io_ns(&self) -> u64 {
        match self {
            Self::Cpu(_) => 0,
            Self::Io(waited) => waited.waited_ns,
        }
    }
}

/// Runs on a thread of the worker's pool; a panic there is a panic here.
async fn on_pool<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(failure) => match failure.try_into_panic() {
            Ok(panic) => resume_unwind(panic),
            // The runtime is being torn down, and with it whoever awaits this.
            Err(_) => std::future::pending().await,
        },
    }
}
