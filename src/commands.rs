//! The commands, a page each.

pub mod check;
pub mod compare;
pub mod health;
mod intended;
pub mod profiles;
mod progress;
pub mod report;
pub mod sample_images;
pub mod serve;
pub mod verify;
