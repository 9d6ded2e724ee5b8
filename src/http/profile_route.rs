//! A profile's routes: their steps in order, and their answer.

use std::sync::Arc;

use axum::body::Body;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::MethodFilter;
use bytes::Bytes;
use serde::Serialize;

use super::answer::{Shown, sign};
use super::record::Exchange;
use super::route::Route;
use crate::profile::{self, Profile, Step};
use crate::work::cpu::{Cpu, Place};
use crate::work::io::{Io, Mode};
use crate::work::{Done, Work};

/// A profile's routes, one for each method of each.
pub fn routes(profile: &Profile) -> Vec<Route> {
    let of = |route: &profile::Route| {
        let plan = Arc::new(Plan::new(route));
        let methods = route.methods.iter().filter_map(move |method| {
            let filter = MethodFilter::try_from(method.clone()).ok()?;
            let plan = Arc::clone(&plan);
            let handler = move |exchange: Exchange| async move { plan.run(&exchange).await };
            Some(Route::on(method, filter, &route.path, handler))
        });
        methods.collect::<Vec<_>>()
    };
    profile.routes.iter().flat_map(of).collect()
}

/// A route, ready to be run for each request.
struct Plan {
    steps: Vec<Work>,
    response: profile::Response,
    /// Of the size that the route says; `None`: what was done.
    body: Option<Bytes>,
}

/// What was done, one piece after the other.
#[derive(Serialize)]
struct Account {
    steps: Vec<Shown>,
}

impl Plan {
    fn new(route: &profile::Route) -> Self {
        let work = |step: &Step| match step {
            Step::Cpu(amount) => Some(Work::Cpu(Cpu { amount: *amount, place: Place::Loop })),
            Step::Io(delay) => Some(Work::Io(Io { delay: *delay, mode: Mode::Async })),
            // It is in the answer's size.
            Step::Bytes(_) => None,
        };
        let body = route.response.size.map(filler);
        Self { steps: route.steps.iter().filter_map(work).collect(), response: route.response.clone(), body }
    }

    async fn run(&self, exchange: &Exchange) -> Response {
        let mut done = Vec::with_capacity(self.steps.len());
        for step in &self.steps {
            done.push(step.run().await);
        }
        let times = (done.iter().map(Done::cpu_ns).sum(), done.iter().map(Done::io_ns).sum());
        let (body, kind) = self.body(done);
        let mut response = (self.response.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        let mut last = None;
        for (name, value) in &self.response.headers {
            // The first of a name takes the place of what is there, the others stand beside it.
            if last.replace(name) == Some(name) {
                headers.append(name.clone(), value.clone());
            } else {
                headers.insert(name.clone(), value.clone());
            }
        }
        sign(headers, times, exchange);
        response
    }

    fn body(&self, done: Vec<Done>) -> (Body, &'static str) {
        if let Some(body) = &self.body {
            return (Body::from(body.clone()), "application/octet-stream");
        }
        if matches!(self.response.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED) {
            return (Body::empty(), "application/json");
        }
        // Numbers and words always become JSON.
        let account = Account { steps: done.into_iter().map(Shown::from).collect() };
        (Body::from(serde_json::to_string(&account).unwrap_or_default() + "\n"), "application/json")
    }
}

/// A body of so many bytes.
fn filler(size: u64) -> Bytes {
    const LINE: &[u8] = b"quintain: a post to be hit. ";
    LINE.iter().copied().cycle().take(usize::try_from(size).unwrap_or(usize::MAX)).collect::<Vec<u8>>().into()
}
