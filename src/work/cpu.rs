//! Computing: a tight loop of dependent integer operations.
//!
//! The state is 64 bits and begins as [`SEED`]. One iteration is
//!
//! ```text
//! state ← state xor (state >> 32)
//! state ← state × MULTIPLIER   (mod 2⁶⁴)
//! ```
//!
//! Each step needs the one before, so neither the optimiser nor a wide processor can shorten or reorder it, and
//! mixing exclusive-or with multiplication leaves no closed form. The state after the last iteration is the
//! checksum: the same on every machine.

use std::hint::black_box;
use std::time::Duration;

use super::loop_hold;
use super::pool::{Pooled, on_pool};
use crate::spelling::words;
use crate::sys::clock;

/// The state before the first iteration.
pub const SEED: u64 = 0x9E37_79B9_7F4A_7C15;

/// What the state is multiplied with.
pub const MULTIPLIER: u64 = 0xD6E8_FEB8_6659_FD93;

/// Iterations of a `/cpu` that names none: about 10 ms on a core of 2020 or later.
pub const DEFAULT_ITERATIONS: u64 = 7_000_000;

/// By this many iterations a limit given as CPU time is a limit on iterations.
const ITERATIONS_PER_MS: u64 = DEFAULT_ITERATIONS / 10;

/// Iterations between two looks at the thread's CPU clock, when time is asked for: a few microseconds, against the
/// fraction of one that the look costs.
const STRIDE: u64 = 4_000;

/// How much to compute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// Exactly so many iterations.
    Iterations(u64),
    /// Iterations until the thread has used so much CPU time.
    Time(Duration),
}

words! {
    /// Where to compute.
    pub enum Place {
        /// On the worker's loop, which serves nothing else meanwhile.
        Loop = "loop",
        /// On a thread of the worker's pool.
        Pool = "pool",
    }
}

/// A piece of computing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cpu {
    /// How much.
    pub amount: Amount,
    /// Where.
    pub place: Place,
}

/// What was computed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Computed {
    /// Iterations done.
    pub iterations: u64,
    /// The state after the last.
    pub checksum: u64,
    /// CPU time of the computing thread.
    pub cpu_ns: u64,
    /// Time that passed meanwhile.
    pub wall_ns: u64,
    /// Before it, the wait for a thread of the pool.
    pub pool_ns: u64,
}

impl Cpu {
    /// Computes and measures.
    pub async fn run(self) -> Computed {
        match self.place {
            Place::Loop => {
                let (computed, begun_ns) = compute(self.amount);
                loop_hold::held(begun_ns, begun_ns + computed.wall_ns);
                computed
            }
            Place::Pool => {
                let Pooled { done, pool_ns, loop_ns: _ } = on_pool(move || compute(self.amount).0).await;
                Computed { pool_ns, ..done }
            }
        }
    }
}

/// A limit given as CPU time, as a number of iterations.
#[must_use]
pub fn iterations_within(limit: Duration) -> u64 {
    let iterations = limit.as_nanos() * u128::from(ITERATIONS_PER_MS) / 1_000_000;
    u64::try_from(iterations).unwrap_or(u64::MAX)
}

/// Computes; when it began (monotonic).
fn compute(amount: Amount) -> (Computed, u64) {
    let wall = clock::monotonic_ns();
    let cpu = clock::thread_cpu_ns();
    let (iterations, checksum) = match amount {
        Amount::Iterations(iterations) => (iterations, chain(SEED, iterations)),
        Amount::Time(time) => until(cpu + u64::try_from(time.as_nanos()).unwrap_or(u64::MAX / 2)),
    };
    let (cpu_ns, wall_ns) = (clock::thread_cpu_ns() - cpu, clock::monotonic_ns() - wall);
    (Computed { iterations, checksum, cpu_ns, wall_ns, pool_ns: 0 }, wall)
}

/// Iterates until the thread's CPU clock shows `deadline`.
fn until(deadline: u64) -> (u64, u64) {
    let (mut iterations, mut state) = (0, SEED);
    while clock::thread_cpu_ns() < deadline {
        state = chain(state, STRIDE);
        iterations += STRIDE;
    }
    (iterations, state)
}

/// The state after so many iterations.
#[must_use]
pub fn chain(state: u64, iterations: u64) -> u64 {
    let mut state = black_box(state);
    for _ in 0..iterations {
        state ^= state >> 32;
        state = state.wrapping_mul(MULTIPLIER);
    }
    state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_continues_where_another_ended() {
        assert_eq!(chain(chain(SEED, 1_000), 234), chain(SEED, 1_234));
        assert_eq!(chain(SEED, 0), SEED);
    }

    #[test]
    fn every_iteration_counts() {
        assert_ne!(chain(SEED, 999), chain(SEED, 1_000));
    }
}
