//! `GET /`: the live page, from the program itself. It asks nobody else for anything, and its policy forbids it to.

use axum::Router;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};
use axum::response::{IntoResponse, Response};
use axum::routing::get;

use super::Target;
use crate::page;

/// What a browser may load: what comes from here. Nothing inline, no frames, no forms that leave.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
                      base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

/// Path, type and content.
const FILES: [(&str, &str, &str); 22] = [
    ("/page/base.css", CSS, page::BASE_CSS),
    ("/page/page.css", CSS, include_str!("../page/page.css")),
    ("/page/dom.js", SCRIPT, include_str!("../page/dom.js")),
    ("/page/faults.js", SCRIPT, include_str!("../page/faults.js")),
    ("/page/figures.js", SCRIPT, include_str!("../page/figures.js")),
    ("/page/lines.js", SCRIPT, include_str!("../page/lines.js")),
    ("/page/listen.js", SCRIPT, include_str!("../page/listen.js")),
    ("/page/marking.js", SCRIPT, include_str!("../page/marking.js")),
    ("/page/page.js", SCRIPT, include_str!("../page/page.js")),
    ("/page/plans.js", SCRIPT, page::PLANS),
    ("/page/plot.js", SCRIPT, page::PLOT),
    ("/page/plots.js", SCRIPT, include_str!("../page/plots.js")),
    ("/page/reach.js", SCRIPT, page::REACH),
    ("/page/run.js", SCRIPT, include_str!("../page/run.js")),
    ("/page/shared.js", SCRIPT, include_str!("../page/shared.js")),
    ("/page/state.js", SCRIPT, include_str!("../page/state.js")),
    ("/page/tables.js", SCRIPT, include_str!("../page/tables.js")),
    ("/page/words.js", SCRIPT, page::WORDS),
    ("/page/gone.svg", SVG, include_str!("../page/gone.svg")),
    ("/page/icon.svg", SVG, page::ICON),
    ("/page/uplot.css", CSS, page::UPLOT_CSS),
    ("/page/uplot.js", SCRIPT, page::UPLOT),
];

/// The page.
pub async fn page() -> Response {
    answer(HTML, include_str!("../page/index.html"))
}

/// What it is made of.
pub fn files() -> Router<Target> {
    FILES.into_iter().fold(Router::new(), |router, (path, kind, content)| {
        router.route(path, get(async move || answer(kind, content)))
    })
}

fn answer(kind: &'static str, content: &'static str) -> Response {
    let headers = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, POLICY),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (REFERRER_POLICY, "no-referrer"),
        // Another version may answer on this port in a minute.
        (CACHE_CONTROL, "no-cache"),
    ];
    (headers, content).into_response()
}
