//! `GET /`: what this is and what is here; text for a terminal, a page for a browser.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse};

use serde_json::Value;

use super::route::Route;
use super::target::{About, Target};
use crate::config::Addresses;
use crate::page;
use crate::profile::{DEFAULT, Profile};
use crate::units::shown::{amount, float};

/// What there is, to paste into a terminal: path, and what it does.
const OFFER: &[(&str, &str)] = &[
    ("/health", "the process answers; /healthz is the same"),
    ("/readyz", "200 while it wants traffic, else 503"),
    ("/io?ms=200", "waits without CPU; delay=200ms, mode=async|blocking|pool"),
    ("/cpu?iterations=1000000", "exact work, with a checksum; on=loop|pool"),
    ("/cpu?ms=10", "computes until the thread has used this much CPU"),
    ("/mem?bytes=10MiB&ms=100", "takes memory, holds it, gives it back"),
    ("/db?query=point", "asks a database, if there is one (--db); query=range or another"),
    ("/bytes/1MiB", "bytes that can be checked; seed=, Range, ETag; in chunks from /stream/1MiB"),
    ("/drip?duration=1&numbytes=5", "bytes one by one; delay=, code=, seed="),
    ("/status/200", "a status, or several by weight: 200:0.9,503:0.1; any method"),
    ("/delay/0.5", "waits; a plain number is seconds; any method"),
    ("/echo", "gives a body back; any method; POST or PUT /upload counts and checks one"),
    ("/anything", "shows what you sent, by any method; /headers shows the headers"),
    (
        "/io?ms=5&status=503:20&close=10",
        "modifiers, in any workload's query: delay, status, size, header, gzip, close",
    ),
    ("/plaintext", "Hello, World!"),
    ("/json", "the same as an object"),
    ("/docs", "every route, to try from a browser; /openapi.json for programs"),
];

/// What a profile adds: where it comes from, and each route with what it does.
struct Added {
    heading: String,
    routes: Vec<(String, String, String)>,
}

/// The route: version, arrangement and what is here.
pub fn route(profile: &Profile) -> Route {
    let added = Arc::new(Added::new(profile));
    Route::plain("/", move |State(target): State<Target>, headers: HeaderMap| async move {
        let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
        if accepts.contains("text/html") {
            Html(html(&target.about, &added)).into_response()
        } else {
            text(&target.about, &added).into_response()
        }
    })
}

/// `OPTIONS /`, and `OPTIONS *` with it: what balancers ask to see whether a server answers.
pub async fn options() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"))])
}

impl Added {
    fn new(profile: &Profile) -> Self {
        let Profile { name, summary, routes, .. } = profile;
        let heading = match (&**name, &**summary) {
            ("" | DEFAULT, _) => String::new(),
            (name, "") => format!("profile {name}"),
            (name, summary) => format!("profile {name}: {summary}"),
        };
        let of = |route: &crate::profile::Route| {
            let does = route.to_string();
            let of_method = |method: &axum::http::Method| (method.to_string(), route.path.clone(), does.clone());
            route.methods.iter().map(of_method).collect::<Vec<_>>()
        };
        Self { heading, routes: routes.iter().flat_map(of).collect() }
    }

    /// Whether a profile has taken a route's place.
    fn replaces(&self, path: &str) -> bool {
        let path = path.split('?').next();
        self.routes.iter().any(|(method, taken, _)| method == "GET" && path == Some(taken))
    }

    /// What there still is of what every target offers.
    fn others(&self) -> impl Iterator<Item = &'static (&'static str, &'static str)> + '_ {
        OFFER.iter().filter(|(path, _)| !self.replaces(path))
    }
}

fn text(about: &About, added: &Added) -> String {
    let About { version, mode, workers, seed: _, instance, addresses } = about;
    let workers = of_workers(*workers);
    let named = named(instance.as_deref());
    let live = addresses.live_page();
    let live = live.map_or_else(String::new, |live| format!("live page and figures: {live}\n"));
    let heading = if added.heading.is_empty() { String::new() } else { format!("{}\n", added.heading) };
    let own = added.routes.iter().map(|(method, path, does)| line(method, path, does));
    let lines: String = own.chain(added.others().map(|(path, does)| line("GET", path, does))).collect();
    format!("quintain {version}: a load-test target\nmode {mode}, {workers}{named}\n{live}{heading}\n{lines}")
}

fn of_workers(workers: usize) -> String {
    amount(float(workers as u64), "worker")
}

fn named(instance: Option<&str>) -> String {
    instance.map_or_else(String::new, |instance| format!(", instance {instance}"))
}

/// Where the live page is, and what a browser needs to know whether it gets there from here.
fn live_html(addresses: &Addresses) -> String {
    let Some(live) = addresses.live_page() else { return String::new() };
    let [target, admin] = addresses.texts().map(|texts| escaped(&Value::from(texts).to_string()));
    let live = escaped(&live);
    format!(
        "<p id=\"told\">Live page and figures: <a id=\"live\" data-target=\"{target}\" data-admin=\"{admin}\">{live}</a>\
         <span> on the target's machine</span></p>"
    )
}

fn line(method: &str, path: &str, does: &str) -> String {
    format!("  {:<34}{does}\n", format!("{method} {path} "))
}

fn html(about: &About, added: &Added) -> String {
    let About { version, mode, workers, seed: _, instance, addresses } = about;
    let own = added.routes.iter().map(|(method, path, does)| {
        let (path, does) = (escaped(path), escaped(does));
        // A pattern is no address.
        if method == "GET" && !path.contains('{') { row(&path, &does) } else { plain_row(method, &path, &does) }
    });
    let rows: String = own.chain(added.others().map(|(path, does)| row(path, does))).collect();
    let heading = escaped(&added.heading);
    format!(
        include_str!("index.html"),
        version = version,
        mode = mode,
        workers = of_workers(*workers),
        named = named(instance.as_deref()),
        heading = heading,
        live = live_html(addresses),
        reach = page::one_script(&[page::REACH]),
        rows = rows
    )
}

/// The link is relative, since a proxy may have put the target below a path of its own.
fn row(path: &str, does: &str) -> String {
    format!("<tr><td><a href=\".{path}\"><code>GET {path}</code></a><td>{does}\n")
}

fn plain_row(method: &str, path: &str, does: &str) -> String {
    format!("<tr><td><code>{method} {path}</code><td>{does}\n")
}

/// As HTML: a profile's author may write anything.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
        .replace('\'', "&#39;")
}
