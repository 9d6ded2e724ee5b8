//! The route table, and nothing else. A route's number is its place here plus one; 0 is what matched none.

mod answer;
mod bytes;
mod conditions;
mod cpu;
mod delay;
mod drip;
mod echo;
mod error;
mod gate;
mod health;
mod index;
mod inject;
mod io;
mod mem;
mod parameters;
mod patience;
mod record;
mod route;
mod spoil;
mod status;
mod stream;
mod target;
mod techempower;
mod unread;
mod upload;

pub use error::Refusal;
pub use inject::{Faults, ListenerFault, ListenerOrder};
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
        Route::get("/mem", mem::mem),
        Route::get("/bytes/{n}", bytes::bytes),
        Route::get("/stream/{n}", stream::stream),
        Route::get("/drip", drip::drip),
        Route::post("/upload", upload::upload),
        Route::any("/echo", echo::echo),
        Route::any("/status/{codes}", status::status),
        Route::any("/delay/{d}", delay::delay),
        Route::plain("/plaintext", techempower::plaintext),
        Route::plain("/json", techempower::json),
    ]
}

#[cfg(test)]
mod tests;
