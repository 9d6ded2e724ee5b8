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
        Route::get("/mem", mem::mem),
        Route::get("/bytes/{n}", bytes::bytes),
        Route::get("/stream/{n}", stream::stream),
        Route::get("/drip", drip::drip),
        Route::post("/upload", upload::upload),
        Route::any("/echo", echo::echo),
        Route::any("/status/{codes}", status::status),
        Route::any("/delay/{d}", delay::delay),
        Route::get("/plaintext", techempower::plaintext),
        Route::get("/json", techempower::json),
    ]
}

#[cfg(test)]
mod tests;
