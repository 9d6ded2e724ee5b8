//! The route table, and nothing else. A route's number is that of its name in the scoreboard's table;
//! 0 is what matched none.

mod about;
mod answer;
mod error;
mod faults;
pub mod openapi;
mod query;
mod response;
mod route;
mod stack;
mod target;
mod workloads;

pub use about::docs::{describe_file as describe_docs_file, file as docs_file, page as docs_page};
pub use error::{Answered as AnsweredRefusal, Refusal};
pub use faults::in_force::{Faults, ListenerFault, ListenerOrder};
pub use faults::response_fault::ResponseFault;
pub use route::{Route, Routes, UNMATCHED};
pub use stack::Stack;
pub use target::Target;

use axum::http::Method;

use about::{docs, index};
use workloads::{
    anything, bytes, cpu, db, delay, drip, echo, health, infer, io, mem, profile_route, status, stream,
    techempower, upload,
};

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
    routes(&Profile::default()).into_iter().map(offer).collect()
}

/// What the target offers with a profile, whose routes take the place of built-in ones of the same method and pattern.
#[must_use]
pub fn routes(profile: &Profile) -> Vec<Route> {
    let added = profile_route::routes(profile);
    let taken: Vec<(&str, String)> = added.iter().map(|route| (&*route.method, shape(&route.path))).collect();
    let is_taken = |method: &str, route: &Route| taken.contains(&(method, shape(&route.path)));
    let mut routes: Vec<Route> =
        built_in(profile).into_iter().filter(|route| !is_taken(&route.method, route)).collect();
    // What `GET /` offers are links: where a profile takes GET alone from a route of every method, they are the profile's.
    let links = routes.iter().filter(|route| route.takes(&Method::GET) && !is_taken("GET", route));
    let index = index::route(profile, links.flat_map(|route| route.offers));
    routes.insert(0, index);
    routes.into_iter().chain(added).collect()
}

/// What every target offers.
fn built_in(profile: &Profile) -> Vec<Route> {
    vec![
        Route::on(&Method::OPTIONS, "/", index::options).described(index::OPTIONS),
        openapi::route(profile),
        Route::plain(docs::PATH, docs::page).described(docs::PAGE_DESCRIPTION),
        Route::plain("/docs/{file}", docs::file).described(docs::FILE_DESCRIPTION),
        Route::instant("/health", health::health).described(health::HEALTH),
        Route::instant("/healthz", health::health).described(health::HEALTH),
        Route::instant("/readyz", health::readyz).described(health::READY),
        Route::get("/io", io::io).described(io::DESCRIPTION),
        Route::post("/io", io::io).described(io::DESCRIPTION),
        Route::get("/cpu", cpu::cpu).described(cpu::DESCRIPTION),
        Route::post("/cpu", cpu::cpu).described(cpu::DESCRIPTION),
        Route::get("/mem", mem::mem).described(mem::DESCRIPTION),
        Route::post("/mem", mem::mem).described(mem::DESCRIPTION),
        Route::get("/db", db::db).described(db::DESCRIPTION),
        Route::post("/db", db::db).described(db::DESCRIPTION),
        Route::get("/bytes/{n}", bytes::bytes).described(bytes::DESCRIPTION),
        Route::get("/stream/{n}", stream::stream).described(stream::DESCRIPTION),
        Route::get("/drip", drip::drip).described(drip::DESCRIPTION),
        Route::post("/upload", upload::upload).described(upload::DESCRIPTION),
        Route::on(&Method::PUT, "/upload", upload::upload).described(upload::DESCRIPTION),
        Route::post("/infer", infer::infer).described(infer::DESCRIPTION),
        Route::any("/echo", echo::echo).described(echo::DESCRIPTION),
        Route::get("/headers", anything::headers).described(anything::HEADERS),
        Route::any("/anything", anything::anything).described(anything::ANYTHING),
        Route::any("/anything/{*rest}", anything::anything).described(anything::ANYTHING),
        Route::any("/status/{codes}", status::status).described(status::DESCRIPTION),
        Route::any("/delay/{d}", delay::delay).described(delay::DESCRIPTION),
        Route::instant("/plaintext", techempower::plaintext).described(techempower::PLAINTEXT),
        Route::instant("/json", techempower::json).described(techempower::AS_JSON),
    ]
}

#[cfg(test)]
mod tests;
