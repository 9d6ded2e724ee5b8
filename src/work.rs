//! The work that a request asks for, done and measured.
//!
//! What is reported is what happened: CPU from the clock of the thread that computed, waiting from the monotonic
//! clock around it. Nothing here knows HTTP.
//!
//! What can fail for want of memory ([`memory`]) and what goes with a body ([`payload`], [`drip`], [`upload`]) is
//! called by its own name; [`Work`] is what a value alone describes.

pub mod cpu;
pub mod database;
pub mod drip;
pub mod inference;
pub mod io;
pub mod loop_hold;
pub mod loop_wait;
pub mod memory;
pub mod payload;
pub mod pool;
pub mod sleep;
pub mod upload;

pub use pool::NoThread;

/// One piece of work, within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Computes.
    Cpu(cpu::Cpu),
    /// Waits without computing.
    Io(io::Io),
}

/// What a piece of work did.
#[derive(Clone, Debug, PartialEq)]
pub enum Done {
    /// It computed.
    Cpu(cpu::Computed),
    /// It waited.
    Io(io::Waited),
    /// It held memory.
    Memory(memory::Held),
    /// It read what was sent.
    Upload(upload::Uploaded),
    /// It asked a database.
    Database(database::Queried),
    /// It said what is in a picture.
    Inference(Box<inference::Classified>),
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
            // What an embedded database or a model computes is in its own time.
            Self::Io(_) | Self::Database(_) | Self::Inference(_) => 0,
            Self::Memory(held) => held.cpu_ns,
            Self::Upload(uploaded) => uploaded.cpu_ns,
        }
    }

    /// Time that the work waited for a thread of the pool.
    #[must_use]
    pub fn pool_ns(&self) -> u64 {
        match self {
            Self::Cpu(computed) => computed.pool_ns,
            Self::Io(waited) => waited.pool_ns,
            Self::Database(queried) => queried.pool_ns,
            Self::Inference(classified) => classified.pool_ns,
            Self::Memory(_) | Self::Upload(_) => 0,
        }
    }

    /// Time that the work waited, on purpose or for what is sent; not for the pool, nor for the loop.
    #[must_use]
    pub fn io_ns(&self) -> u64 {
        match self {
            Self::Cpu(_) => 0,
            Self::Io(waited) => waited.io_ns(),
            Self::Memory(held) => held.held_ns.saturating_sub(held.loop_ns),
            Self::Upload(uploaded) => uploaded.waited_ns(),
            Self::Database(queried) => queried.think_ns,
            Self::Inference(classified) => classified.io_ns,
        }
    }

    /// Time that the work waited for a connection to a database, and time that the database then took. Nothing where it
    /// asked none.
    #[must_use]
    pub fn database_ns(&self) -> (u64, u64) {
        match self {
            Self::Cpu(_) | Self::Io(_) | Self::Memory(_) | Self::Upload(_) | Self::Inference(_) => (0, 0),
            Self::Database(queried) => (queried.acquire_ns, queried.db_ns.max(1)),
        }
    }

    /// Times to decode a picture, to resize it, and that the model took. Nothing where it had none.
    #[must_use]
    pub fn inference_ns(&self) -> (u64, u64, u64) {
        match self {
            Self::Cpu(_) | Self::Io(_) | Self::Memory(_) | Self::Upload(_) | Self::Database(_) => (0, 0, 0),
            Self::Inference(done) => (done.decode_ns, done.resize_ns, done.infer_ns.max(1)),
        }
    }
}
