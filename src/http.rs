//! The route table, and nothing else. A route's number is that of its name in the scoreboard's table;
//! 0 is what matched none.

mod answer;
mod anything;
mod bytes;
mod conditions;
mod cpu;
mod db;
mod delay;
mod docs;
mod drip;
mod echo;
mod error;
mod figure;
mod gate;
mod handler;
mod health;
mod in_force;
mod index;
mod inject;
mod instant;
mod io;
mod mem;
mod modifiers;
pub mod openapi;
mod parameters;
mod profile_route;
mod record;
mod request;
mod response_fault;
mod route;
mod stack;
mod status;
mod stream;
mod target;
mod techempower;
mod upload;

pub use docs::{file as docs_file, page as docs_page};
pub use error::Refusal;
pub use in_force::{Faults, ListenerFault, ListenerOrder};
pub use response_fault::ResponseFault;
pub use route::{Route, Routes, UNMATCHED};
pub use stack::Stack;
pub use target::{About, Limits, Target};

use axum::http::Method;

use crate::fault::EXEMPT;
use crate::profile::{Offered, Profile, shape};
use crate::scoreboard::ROUTES;

/// How many routes there can be, beside what matches none.
pub const ROOM: usize = ROUTES - 1;

/// What every target offers, as a profile must know it.
#[must_use]
pub fn offered() -> Vec<Offered> {
    let offer = |Route { method, path, .. }: Route| {
        let is_fixed = path == "/" || EXEMPT.contains(&&*path);
        Offered { method, path, is_fixed }
    };
    built_in(&Profile::default()).into_iter().map(offer).collect()
}

/// What the target offers with a profile, whose routes take the place of built-in ones of the same method and pattern.
#[must_use]
pub fn routes(profile: &Profile) -> Vec<Route> {
    let added = profile_route::routes(profile);
    let name = |route: &Route| (route.method.clone(), shape(&route.path));
    let taken: Vec<(String, String)> = added.iter().map(name).collect();
    built_in(profile).into_iter().filter(|route| !taken.contains(&name(route))).chain(added).collect()
}

/// What every target offers.
fn built_in(profile: &Profile) -> Vec<Route> {
    vec![
        index::route(profile),
        Route::on(&Method::OPTIONS, "/", index::options),
        openapi::route(profile),
        Route::plain(docs::PATH, docs::page),
        Route::plain("/docs/{file}", docs::file),
        Route::instant("/health", health::health),
        Route::instant("/healthz", health::health),
        Route::instant("/readyz", health::readyz),
        Route::get("/io", io::io),
        Route::post("/io", io::io),
        Route::get("/cpu", cpu::cpu),
        Route::post("/cpu", cpu::cpu),
        Route::get("/mem", mem::mem),
        Route::post("/mem", mem::mem),
        Route::get("/db", db::db),
        Route::post("/db", db::db),
        Route::get("/bytes/{n}", bytes::bytes),
        Route::get("/stream/{n}", stream::stream),
        Route::get("/drip", drip::drip),
        Route::post("/upload", upload::upload),
        Route::on(&Method::PUT, "/upload", upload::upload),
        Route::any("/echo", echo::echo),
        Route::get("/headers", anything::headers),
        Route::any("/anything", anything::anything),
        Route::any("/anything/{*rest}", anything::anything),
        Route::any("/status/{codes}", status::status),
        Route::any("/delay/{d}", delay::delay),
        Route::instant("/plaintext", techempower::plaintext),
        Route::instant("/json", techempower::json),
    ]
}

#[cfg(test)]
mod tests;
