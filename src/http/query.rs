//! The query of a request: a route's own parameters, and the modifiers that every workload takes.

mod decided;
pub mod modifiers;
mod parameters;
mod values;

pub use decided::Slot;
pub use parameters::{FromQuery, Nothing, Params};
pub use values::{Query, Range, bytes, duration, millionths, milliseconds, seconds, size, status, whole};

/// The parameters of every workload.
const MODIFIERS: [&str; 6] = ["delay", "status", "size", "header", "gzip", "close"];

/// The only parameter that may come more than once.
const HEADER: &str = "header";
