//! The route table, and nothing else. A route's number is its place here plus one; 0 is what matched none.

mod answer;
mod cpu;
mod error;
mod gate;
mod health;
mod index;
mod inject;
mod io;
mod parameters;
mod record;
mod route;
mod spoil;
mod target;
mod techempower;
mod unread;

pub use error::Refusal;
pub use inject::{Faults, ListenerFault};
pub use record::Recorded;
pub use route::{Route, Routes, UNMATCHED};
pub use spoil::{Broken, Spoil};
pub use target::{About, Limits, Target};

/// What the target offers, in the order of the numbers.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::plain("/", index::index),
        Route::plain("/health", health::health),
        Route::plain("/healthz", health::health),
        Route::plain("/readyz", health::readyz),
        Route::get("/io", io::io),
        Route::get("/cpu", cpu::cpu),
        Route::plain("/plaintext", techempower::plaintext),
        Route::plain("/json", techempower::json),
    ]
}

#[cfg(test)]
mod tests;
