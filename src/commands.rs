//! The commands, a page each.

pub mod check;
pub mod serve;
