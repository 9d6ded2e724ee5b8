//! A route: a method, a path, a handler; and how routes become a router that knows their numbers.

use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::routing::{MethodRouter, any, get, post};
use tower::{Layer, Service};

use super::error;
use super::record::Exchange;
use super::target::Target;

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

/// The method of a route that takes all of them.
const ANY: &str = "ANY";

/// One entry of the route table.
pub struct Route {
    /// Its method; HEAD is answered wherever GET is, and counts as GET.
    pub method: &'static str,
    /// Its path.
    pub path: &'static str,
    handler: MethodRouter<Target>,
}

impl Route {
    /// A route that answers GET and HEAD.
    pub fn get<H, T>(path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: "GET", path, handler: get(handler) }
    }

    /// A route that answers POST.
    pub fn post<H, T>(path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: "POST", path, handler: post(handler) }
    }

    /// A route that answers every method; they count together.
    pub fn any<H, T>(path: &'static str, handler: H) -> Self
    where
        H: Handler<T, Target>,
        T: 'static,
    {
        Self { method: ANY, path, handler: any(handler) }
    }
}

/// The router over these routes. Each tells the request's record its number when it is matched.
pub fn router(routes: Vec<Route>, target: Target) -> Router {
    let numbered = (UNMATCHED.0 + 1..).zip(routes);
    numbered
        .fold(Router::new(), |router, (number, Route { method, path, handler })| {
            // Another method than the route's counts as unmatched, and where every method is the route's there is none.
            let handler = match method {
                ANY => handler.layer(Numbered(number)),
                _ => handler.route_layer(Numbered(number)),
            };
            router.route(path, handler)
        })
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(target)
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
