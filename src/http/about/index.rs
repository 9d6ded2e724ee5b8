//! `GET /`: what this is and what is here; text for a terminal, a page for a browser.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{Html, IntoResponse};

use serde_json::Value;
use utoipa::openapi::ResponseBuilder;

use crate::config::{Addresses, Config, VERSION_AND_COMMIT};
use crate::http::openapi::describing::{ABOUT, plain};
use crate::http::openapi::operation::{TEXT, content, string};
use crate::http::route::{Description, Route};
use crate::http::target::Target;
use crate::page;
use crate::profile::{DEFAULT, Profile};
use crate::units::shown::{amount, float};

/// `OPTIONS /`
pub const OPTIONS: Description = Description {
    offers: &[],
    describe: |_| {
        let says = "It does, and `Allow` says what this path takes";
        plain("Whether a server answers, as balancers ask", ABOUT).answers_empty("204", says)
    },
};

/// What there is: where the profile comes from, each of its routes with what it does, and what every target offers, to paste
/// into a terminal.
struct Offers {
    heading: String,
    routes: Vec<(String, String, String)>,
    others: Vec<(&'static str, &'static str)>,
}

/// The route: version, arrangement and what is here, among it the `others` that the profile has left in their places.
pub fn route<'a>(profile: &Profile, others: impl Iterator<Item = &'a (&'static str, &'static str)>) -> Route {
    let offers = Arc::new(Offers::new(profile, others));
    let handler = move |State(target): State<Target>, headers: HeaderMap| async move {
        let accepts = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok()).unwrap_or("");
        if accepts.contains("text/html") {
            Html(html(&target, &offers)).into_response()
        } else {
            text(&target, &offers).into_response()
        }
    };
    Route::plain("/", handler).described_by(|_| {
        plain("What is here: text, or a page for a browser", ABOUT).response(
            "200",
            ResponseBuilder::new()
                .description("Text, or HTML for who accepts it")
                .content(TEXT, content(string()))
                .content("text/html; charset=utf-8", content(string())),
        )
    })
}

/// `OPTIONS /`, and `OPTIONS *` with it: what balancers ask to see whether a server answers.
pub async fn options() -> impl IntoResponse {
    (StatusCode::NO_CONTENT, [(header::ALLOW, HeaderValue::from_static("GET, HEAD, OPTIONS"))])
}

impl Offers {
    fn new<'a>(profile: &Profile, others: impl Iterator<Item = &'a (&'static str, &'static str)>) -> Self {
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
        let routes: Vec<_> = routes.iter().flat_map(of).collect();
        let mut offered: Vec<(&str, &str)> = Vec::new();
        for offer in others {
            // Two paths may be the same route.
            if !offered.contains(offer) {
                offered.push(*offer);
            }
        }
        Self { heading, routes, others: offered }
    }
}

fn text(target: &Target, offers: &Offers) -> String {
    let arrangement = arrangement(&target.config);
    let live = target.addresses.live_page();
    let live = live.map_or_else(String::new, |live| format!("live page and figures: {live}\n"));
    let heading = if offers.heading.is_empty() { String::new() } else { format!("{}\n", offers.heading) };
    let own = offers.routes.iter().map(|(method, path, does)| line(method, path, does));
    let lines: String = own.chain(offers.others.iter().map(|(path, does)| line("GET", path, does))).collect();
    format!("quintain {VERSION_AND_COMMIT}: a load-test target\n{arrangement}\n{live}{heading}\n{lines}")
}

fn arrangement(config: &Config) -> String {
    let named = config.instance().map_or_else(String::new, |instance| format!(", instance {instance}"));
    format!("mode {}, {}{named}", config.mode, amount(float(config.workers as u64), "worker"))
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

fn html(target: &Target, offers: &Offers) -> String {
    let own = offers.routes.iter().map(|(method, path, does)| {
        let (path, does) = (escaped(path), escaped(does));
        // A pattern is no address.
        if method == "GET" && !path.contains('{') { row(&path, &does) } else { plain_row(method, &path, &does) }
    });
    let rows: String = own.chain(offers.others.iter().map(|(path, does)| row(path, does))).collect();
    let heading = escaped(&offers.heading);
    format!(
        include_str!("index.html"),
        version = VERSION_AND_COMMIT,
        arrangement = arrangement(&target.config),
        heading = heading,
        live = live_html(&target.addresses),
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
