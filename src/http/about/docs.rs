//! `GET /docs`: a page that reads `/openapi.json` and lets one try each route. Of our own: what the well-known ones
//! are made of is larger than the whole program, or comes from elsewhere when the page is opened.

use axum::http::{HeaderName, HeaderValue, Uri, header};
use axum::response::{IntoResponse, Redirect, Response};
use percent_encoding::percent_decode_str;
use utoipa::openapi::{ObjectBuilder, ResponseBuilder, Type};

use crate::http::error::Refusal;
use crate::http::openapi::describing::{ABOUT, plain};
use crate::http::openapi::operation::{Described, content, string};
use crate::http::openapi::parameter::Documented;
use crate::http::route::Description;
use crate::wire::Head;

/// Where it is. What is tried on it counts under this route, so that nobody's measurement has it.
pub const PATH: &str = "/docs";

const PAGE: &str = include_str!("docs/page.html");

/// What the page consists of besides itself: name, type, text.
pub const FILES: [(&str, &str, &str); 2] = [
    ("page.css", "text/css; charset=utf-8", include_str!("docs/page.css")),
    ("page.js", "text/javascript; charset=utf-8", include_str!("docs/page.js")),
];

/// Nothing but what this listener sends itself; no inline script or style, and in nobody's frame.
const POLICY: [(HeaderName, HeaderValue); 3] = [
    (
        header::CONTENT_SECURITY_POLICY,
        HeaderValue::from_static(
            "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src data:; base-uri 'none'; \
             form-action 'none'; frame-ancestors 'none'",
        ),
    ),
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
];

/// `GET /docs`
pub const PAGE_DESCRIPTION: Description = Description {
    offers: &[("/docs", "every route, to try from a browser; /openapi.json for programs")],
    describe: |_| {
        plain("A page to try every route from a browser", ABOUT).answers(
            "200",
            "HTML",
            "text/html; charset=utf-8",
            string(),
        )
    },
};

/// `GET /docs/{file}`
pub const FILE_DESCRIPTION: Description =
    Description { offers: &[], describe: |_| describe_file(plain("What that page consists of", ABOUT)) };

/// Whether a request is sent by the page: a browser says so.
pub fn sends(head: &Head<'_, '_>) -> bool {
    head.referer.is_some_and(|page| page.ends_with(PATH.as_bytes()))
}

/// A file of the page to try the routes, wherever it is served.
#[must_use]
pub fn describe_file(described: Described) -> Described {
    let names = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(FILES.map(|(name, ..)| name)));
    let found = FILES.iter().fold(ResponseBuilder::new().description("A file"), |found, (_, kind, _)| {
        found.content(*kind, content(string()))
    });
    described
        .takes(vec![Documented::new("file", "its name", names).such_as("page.css")], Some("file"))
        .refuses(&[404])
        .response("200", found)
}

/// The page. Its addresses are relative to `/docs`, so that a slash behind that is taken away.
pub async fn page(uri: Uri) -> Response {
    if uri.path().ends_with('/') {
        return Redirect::permanent("../docs").into_response();
    }
    (POLICY, [(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"))], PAGE).into_response()
}

/// One of its files.
///
/// # Errors
/// 404 for any other name.
pub async fn file(uri: Uri) -> Result<Response, Refusal> {
    let name = uri.path().trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    // What is no text is no name of ours either.
    let name = percent_decode_str(name).decode_utf8_lossy();
    let (_, kind, text) = FILES.into_iter().find(|(known, ..)| *known == name).ok_or_else(|| {
        let names = FILES.map(|(name, ..)| name).join(", ");
        Refusal::not_here(format!("there is no {name:?} in /docs"), names)
    })?;
    Ok((POLICY, [(header::CONTENT_TYPE, HeaderValue::from_static(kind))], text).into_response())
}
