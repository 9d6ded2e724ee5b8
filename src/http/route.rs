//! A route: a method, a path, a handler; and how routes become a router that knows their numbers.

use std::collections::BTreeMap;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::routing::{MethodFilter, MethodRouter, any, get, on, post};
use tower::{Layer, Service};

use super::error;
use super::record::Exchange;
use super::target::Target;
use crate::profile::shape;

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

/// One entry of the route table.
pub struct Route {
    /// Its method; HEAD is answered wherever GET is, and counts as GET.
    pub method: String,
    /// Its path.
    pub path: String,
    handler: MethodRouter<Target>,
}

impl Route {
    /// A route that answers GET and HEAD.
    pub fn get<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: "GET".to_owned(), path: path.to_owned(), handler: get(handler) }
    }

    /// A route of any one method.
    pub fn on<H, T>(method: &Method, filter: MethodFilter, path: &str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: method.to_string(), path: path.to_owned(), handler: on(filter, handler) }
    }

    /// A route that answers POST.
    pub fn post<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: "POST".to_owned(), path: path.to_owned(), handler: post(handler) }
    }

    /// A route that answers every method; they count together.
    pub fn any<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: "ANY".to_owned(), path: path.to_owned(), handler: any(handler) }
    }
}

/// The router over these routes. Each tells the request's record its number when it is matched: the one that its
/// name has in the route table. One that is not there counts as unmatched.
pub fn router(routes: Vec<Route>, target: Target) -> Router {
    let table = target.route_table();
    let mut all = Router::new();
    // Two methods of one pattern may name its parts differently, which axum's router can't have: the first one's names
    // stand for both.
    let mut spellings: BTreeMap<String, String> = BTreeMap::new();
    for Route { method, path, handler } in routes {
        let number = table.number(&method, &path).unwrap_or(UNMATCHED.0);
        let spelling = spellings.entry(shape(&path)).or_insert(path);
        all = all.route(spelling, handler.route_layer(Numbered(number)));
    }
    all.fallback(error::not_found).method_not_allowed_fallback(error::method_not_allowed).with_state(target)
}

/// Tells the connection which route a request took.
#[derive(Clone, Copy)]
struct Numbered(usize);

impl<S> Layer<S> for Numbered {
    type Service = NumberedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NumberedService { number: self.0, inner }
    }
}

#[derive(Clone)]
struct NumberedService<S> {
    number: usize,
    inner: S,
}

impl<S: Service<Request>> Service<Request> for NumberedService<S> {
    type Response = S::Response;
    type Error = S::Error;
    type Future = S::Future;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> S::Future {
        if let Some(exchange) = request.extensions().get::<Exchange>() {
            exchange.set_route(self.number);
        }
        self.inner.call(request)
    }
}
