//! A route a file: its handler, its parameters, and its description.

pub mod anything;
pub mod bytes;
pub mod conditions;
pub mod cpu;
pub mod db;
pub mod delay;
pub mod drip;
pub mod echo;
pub mod health;
pub mod infer;
pub mod io;
pub mod mem;
pub mod profile_route;
pub mod status;
pub mod stream;
pub mod techempower;
pub mod upload;
