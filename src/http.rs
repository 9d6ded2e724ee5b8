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
pub use inject::{Faults, ListenerFault, ListenerOrder};
pub use record::{Recorded, Stack, service};
pub use route::{Route, UNMATCHED, router};
pub use spoil::{Broken, Spoil};
pub use target::{About, Limits, Target};

/// What the target offers, in the order of the numbers.
#[must_use]
pub fn routes() -> Vec<Route> {
    vec![
        Route::get("/", index::index),
        Route::get("/health", health::health),
        Route::get("/healthz", health::health),
        Route::get("/readyz", health::readyz),
        Route::get("/io", io::io),
        Route::get("/cpu", cpu::cpu),
        Route::get("/plaintext", techempower::plaintext),
        Route::get("/json", techempower::json),
    ]
}

#[cfg(test)]
mod tests;
