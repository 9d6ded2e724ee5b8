//! `GET /`: what this is and what is here; text for a terminal, a page for a browser.

use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse, Response};

use super::target::{About, Target};

/// What there is, to paste into a terminal: path, and what it does.
const OFFER: &[(&str, &str)] = &[
    ("/health", "the process answers; /healthz is the same"),
    ("/readyz", "200 while it wants traffic, else 503"),
    ("/io?ms=200", "waits without CPU; delay=200ms, mode=async|blocking|pool"),
    ("/cpu?iterations=1000000", "exact work, with a checksum; on=loop|pool"),
    ("/cpu?ms=10", "computes until the thread has used this much CPU"),
    ("/mem?bytes=10MiB&ms=100", "takes memory, holds it, gives it back"),
    ("/bytes/1MiB", "bytes that can be checked; seed=, Range, ETag; in chunks from /stream/1MiB"),
    ("/drip?duration=1&numbytes=5", "bytes one by one; delay=, code=, seed="),
    ("/status/200", "a status, or several by weight: 200:0.9,503:0.1; any method"),
    ("/delay/0.5", "waits; a plain number is seconds; any method"),
    ("/echo", "gives a body back; any method; POST /upload counts and checks one"),
    ("/plaintext", "Hello, World!"),
    ("/json", "the same as an object"),
];

/// Version, arrangement and what is here.
pub async fn index(State(target): State<Target>, headers: HeaderMap) -> Response {
    let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
    if accepts.contains("text/html") {
        Html(page(&target.about)).into_response()
    } else {
        text(&target.about).into_response()
    }
}

fn text(about: &About) -> String {
    let About { version, mode, workers, seed: _ } = about;
    let lines: Vec<String> = OFFER.iter().map(|(path, does)| format!("  GET {path:<30}{does}\n")).collect();
    format!("quintain {version}: a load-test target\nmode {mode}, {workers} worker(s)\n\n{}", lines.concat())
}

fn page(about: &About) -> String {
    let About { version, mode, workers, seed: _ } = about;
    let rows: Vec<String> = OFFER
        .iter()
        .map(|(path, does)| format!("<tr><td><a href=\"{path}\"><code>GET {path}</code></a><td>{does}\n"))
        .collect();
    format!(include_str!("index.html"), version = version, mode = mode, workers = workers, rows = rows.concat())
}
