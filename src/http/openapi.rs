//! `GET /openapi.json`: every route of the target, as a program reads it; and the parts by which the admin
//! listener says the same of itself.
//!
//! Parameters come from the types and ranges that requests are parsed with ([`parameter`]), bodies from the types that
//! are answered with, limits from the run.

pub(super) mod describing;
pub mod operation;
pub mod parameter;
mod target;

use std::sync::{Arc, OnceLock};

use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use utoipa::openapi::ObjectBuilder;

use super::route::Route;
use super::target::Target;
use crate::profile::Profile;
use describing::{ABOUT, plain};

/// The route. The document is made when it is first asked for: it would be a fifth of what an idle worker has for itself.
#[must_use]
pub fn route(profile: &Profile) -> Route {
    let profile = Profile { name: profile.name.clone(), routes: profile.routes.clone(), ..Profile::default() };
    let (profile, made) = (Arc::new(profile), Arc::new(OnceLock::new()));
    let handler = move |State(target): State<Target>| async move {
        json(made.get_or_init(|| target::document(&profile, &target)).clone())
    };
    Route::plain("/openapi.json", handler).described_by(|_| {
        plain("This document", ABOUT).answers("200", "OpenAPI 3.1", operation::JSON, ObjectBuilder::new())
    })
}

/// A document that is sent.
pub fn json(document: Bytes) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(operation::JSON))], document)
}

/// A document as text.
#[must_use]
pub fn text(document: &utoipa::openapi::OpenApi) -> Bytes {
    // Texts and numbers always become JSON.
    (serde_json::to_string(document).unwrap_or_default() + "\n").into()
}
