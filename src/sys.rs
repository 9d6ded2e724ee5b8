//! The kernel as we need it: all the `unsafe` there is, each block behind a safe function.
//!
//! Nothing here decides anything. A function does one thing, says which kernel facility it stands on, and
//! returns what the kernel returned.

pub mod clock;
pub mod container;
pub mod control_socket;
pub mod inherited;
pub mod listener;
mod lock;
pub mod pages;
pub mod passed;
pub mod process;
pub mod procfs;
pub mod readiness;
pub mod shared;
pub mod signals;
pub mod socket;
pub mod socket_diagnosis;
pub mod terminal;
pub mod threads;
pub mod timer;
pub mod unix_listener;
pub mod usage;

pub use lock::lock;
