//! A route: a method, a path, a handler; and how routes become a router that knows their numbers.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::response::Response;
use axum::routing::{MethodRouter, get};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::error;
use super::inject::inject;
use super::record::Exchange;
use super::target::Target;

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

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
}

/// The router over these routes. Each tells the request's record its number when it is matched.
pub fn router(routes: Vec<Route>, target: Target) -> Router {
    let numbered = (UNMATCHED.0 + 1..).zip(routes);
    numbered
        .fold(Router::new(), |router, (number, Route { method: _, path, handler })| {
            router.route(path, handler.route_layer(Numbered { number, target: target.clone() }))
        })
        .fallback(error::not_found)
        .method_not_allowed_fallback(error::method_not_allowed)
        .with_state(target)
}

/// Tells the connection which route a request took, and puts faults in front of its handler.
#[derive(Clone)]
struct Numbered {
    number: usize,
    target: Target,
}

impl<S> Layer<S> for Numbered {
    type Service = NumberedService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        NumberedService { route: self.clone(), inner }
    }
}

#[derive(Clone)]
struct NumberedService<S> {
    route: Numbered,
    inner: S,
}

impl<S> Service<Request> for NumberedService<S>
where
    S: Service<Request, Response = Response, Error = Infallible> + Clone + Send + 'static,
    S::Future: Send,
{
    type Response = Response;
    type Error = Infallible;
    type Future = Either<S::Future, BoxFuture>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let Self { route: Numbered { number, target }, inner } = self;
        let exchange = request.extensions().get::<Exchange>();
        if let Some(exchange) = exchange {
            exchange.set_route(*number);
        }
        // Most of the time that is one load.
        let head_ns = exchange.filter(|_| target.faults().are_active()).map(Exchange::head_ns);
        match head_ns.and_then(|head_ns| target.faults().hit(target.board(), *number, head_ns)) {
            None => Either::Left { future: inner.call(request) },
            Some(hit) => {
                let handler = inner.clone();
                Either::Right { future: Box::pin(inject(hit, target.clone(), handler, request)) }
            }
        }
    }
}

type BoxFuture = Pin<Box<dyn Future<Output = Result<Response, Infallible>> + Send>>;

pin_project! {
    /// One of two futures of the same kind, without a box for both.
    #[project = EitherProjection]
    enum Either<A, B> {
        Left { #[pin] future: A },
        Right { #[pin] future: B },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Either<A, B> {
    type Output = A::Output;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<A::Output> {
        match self.project() {
            EitherProjection::Left { future } => future.poll(context),
            EitherProjection::Right { future } => future.poll(context),
        }
    }
}
