//! A route: a method, a path, a handler; and how routes become a router that knows their numbers.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::Router;
use axum::extract::Request;
use axum::handler::Handler;
use axum::http::Method;
use axum::response::Response;
use axum::routing::{MethodFilter, MethodRouter, any, get, on, post};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use super::error;
use super::inject::inject;
use super::record::Exchange;
use super::target::Target;
use crate::profile::shape;

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

/// The method of a route that takes all of them.
const ANY: &str = "ANY";

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
        Self { method: ANY.to_owned(), path: path.to_owned(), handler: any(handler) }
    }
}

/// The router over these routes. Each tells the request's record its number when it is matched: the one that its
/// name has in the route table. One that is not there counts as unmatched.
pub fn router(routes: Vec<Route>, target: Target) -> Router {
    let mut all = Router::new();
    // Two methods of one pattern may name its parts differently, which axum's router can't have: the first one's names
    // stand for both.
    let mut spellings: BTreeMap<String, String> = BTreeMap::new();
    for Route { method, path, handler } in routes {
        let number = target.route_table().number(&method, &path).unwrap_or(UNMATCHED.0);
        let spelling = spellings.entry(shape(&path)).or_insert(path);
        let numbered = Numbered { number, target: target.clone() };
        // Another method than the route's counts as unmatched, and where every method is the route's there is none.
        let handler = if method == ANY { handler.layer(numbered) } else { handler.route_layer(numbered) };
        all = all.route(spelling, handler);
    }
    all.fallback(error::not_found).method_not_allowed_fallback(error::method_not_allowed).with_state(target)
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
