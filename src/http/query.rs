//! The query of a request: a route's own parameters, and the modifiers that every workload takes.

pub mod modifiers;
pub mod parameters;
