//! What had been counted of a fault plan at an instant.

use serde::{Deserialize, Serialize};

use crate::fault::Placed;

/// The counts of one plan, which its place and its begin tell from all others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FaultTally {
    /// Where it is counted.
    pub place: usize,
    /// When it began (monotonic).
    pub begin_ns: u64,
    /// Draws of its index.
    pub matched: u64,
    /// How often each of its kinds was carried out.
    pub executed: Vec<u64>,
}

impl FaultTally {
    /// Whether it is that of a plan.
    #[must_use]
    pub fn is_of(&self, placed: &Placed) -> bool {
        (self.place, self.begin_ns) == (placed.place, placed.begin_ns)
    }
}
