//! Fault plans as requests meet them: which plan hits, what happens before the response, and what happens to it.

pub mod in_force;
pub mod inject;
pub mod response_fault;
