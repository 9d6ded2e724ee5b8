//! A route: a method, a path, a handler; and how a request finds its own.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::handler::Handler;
use axum::http::{Method, Request, Response, Uri};
use axum::response::IntoResponse;
use axum::routing::{MethodFilter, any, on};
use tower::Service;

use super::error;
use super::inject::inject;
use super::instant::MakeInstant;
use super::modifiers;
use super::record::Exchange;
use super::target::Target;
use crate::profile::{is_literal, other_slash, shape};

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

/// A response in the making.
pub type Answering = Pin<Box<dyn Future<Output = Response<Body>> + Send>>;

/// One entry of the route table.
pub struct Route {
    /// Its method; HEAD is answered wherever GET is, and counts as GET.
    pub method: String,
    /// Its path.
    pub path: String,
    /// `None` takes every method.
    filter: Option<MethodFilter>,
    handler: Arc<dyn Endpoint>,
    asks_nothing: bool,
    instant: Option<MakeInstant>,
}

impl Route {
    /// A route that answers GET and HEAD.
    pub fn get<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        Self::on(&Method::GET, MethodFilter::GET, path, handler)
    }

    /// A route that answers GET and HEAD, whose handler does not ask for the `Exchange`: it is spared to make one.
    pub fn plain<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        Self { asks_nothing: true, ..Self::get(path, handler) }
    }

    /// A route that answers GET and HEAD, the former without making a request where nothing stands against it.
    pub fn instant(path: &str, make: MakeInstant) -> Self {
        let handler = move |State(target): State<Target>| async move { make(&target) };
        Self { instant: Some(make), ..Self::plain(path, handler) }
    }

    /// A route that answers POST.
    pub fn post<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        Self::on(&Method::POST, MethodFilter::POST, path, handler)
    }

    /// A route of any one method.
    pub fn on<H, T>(method: &Method, filter: MethodFilter, path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        Self::new(method.as_str(), Some(filter), path, handler)
    }

    /// A route that answers every method; they count together.
    pub fn any<H, T>(path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        Self::new("ANY", None, path, handler)
    }

    fn new<H, T>(method: &str, filter: Option<MethodFilter>, path: &str, handler: H) -> Self
    where
        H: Handler<T, Target, Future = Answering>,
        T: 'static,
    {
        let handler = Arc::new(Handled(handler, PhantomData));
        Self {
            method: method.to_owned(),
            path: path.to_owned(),
            filter,
            handler,
            asks_nothing: false,
            instant: None,
        }
    }
}

/// A handler, whatever its arguments.
trait Endpoint: Send + Sync {
    fn answer(&self, request: Request<Body>, target: Target) -> Answering;
}

struct Handled<H, T>(H, PhantomData<fn() -> T>);

impl<H: Handler<T, Target, Future = Answering>, T> Endpoint for Handled<H, T> {
    fn answer(&self, request: Request<Body>, target: Target) -> Answering {
        self.0.clone().call(request, target)
    }
}

/// A route by its number.
#[derive(Clone)]
pub(super) struct Numbered {
    number: usize,
    handler: Arc<dyn Endpoint>,
    asks_nothing: bool,
    instant: Option<MakeInstant>,
}

impl Numbered {
    /// The pipeline from here on: number, faults, handler.
    fn answer(&self, request: Request<Body>, exchange: Exchange, target: &Target) -> Answering {
        exchange.set_route(self.number);
        // Most of the time that is one load.
        match target.faults().hit(target.board(), self.number, request.method(), exchange.head_ns()) {
            None => self.handle(request, exchange, target.clone()),
            Some(hit) => Box::pin(inject(hit, target.clone(), self.clone(), request, exchange)),
        }
    }

    /// Has the request handled, faults apart: modifiers around the handler.
    pub(super) fn handle(&self, mut request: Request<Body>, exchange: Exchange, target: Target) -> Answering {
        if self.asks_nothing {
            return self.handler.answer(request, target);
        }
        request.extensions_mut().insert(exchange);
        if request.uri().query().is_some_and(modifiers::may_be_in) {
            return modifiers::modify(request, |request| self.handler.answer(request, target));
        }
        self.handler.answer(request, target)
    }
}

/// In axum's router: the request carries its exchange as an extension.
impl Handler<(), Target> for Numbered {
    type Future = Answering;

    fn call(self, request: Request<Body>, target: Target) -> Answering {
        match request.extensions().get::<Exchange>().cloned() {
            Some(exchange) => self.answer(request, exchange, &target),
            None => Box::pin(async { Exchange::missing().into_response() }),
        }
    }
}

/// All routes of a worker.
pub struct Routes {
    /// GET of a path without parameters, which is most requests, finds its route here: a look into a map costs less
    /// than the router's boxes, which were 8 % of `/health`.
    literal: HashMap<String, Numbered>,
    /// All others, with 404 and 405.
    router: Router,
    /// Method and number of each route of a path, as the router would find it; no method is any.
    numbers: matchit::Router<Vec<(Option<String>, usize)>>,
}

impl Routes {
    /// These routes, each with the number that its name has in the scoreboard's table. One that is not there counts
    /// as unmatched.
    #[must_use]
    pub fn new(routes: Vec<Route>, target: &Target) -> Self {
        let mut literal = HashMap::new();
        let mut others = Router::new();
        // Two methods of one pattern may name its parts differently, which axum's router can't have: the first one's
        // names stand for both.
        let mut spellings: BTreeMap<String, String> = BTreeMap::new();
        let name = |route: &Route| (route.method.clone(), route.path.clone());
        let known: BTreeSet<(String, String)> = routes.iter().map(name).collect();
        let mut numbered: BTreeMap<String, Vec<(Option<String>, usize)>> = BTreeMap::new();
        for Route { method, path, filter, handler, asks_nothing, instant } in routes {
            let number = target.route_table().number(&method, &path).unwrap_or(UNMATCHED.0);
            let route = Numbered { number, handler, asks_nothing, instant };
            // A slash more or less at the end is the same route, unless that is one of its own.
            let other =
                other_slash(&path).map(|other| (method.clone(), other)).filter(|other| !known.contains(other));
            for path in std::iter::once(path).chain(other.map(|(_, path)| path)) {
                if filter == Some(MethodFilter::GET) && is_literal(&path) {
                    literal.insert(path.clone(), route.clone());
                }
                let place = shape(&path);
                let counted_method = filter.is_some().then(|| method.clone());
                numbered.entry(place.clone()).or_default().push((counted_method, number));
                let spelling = spellings.entry(place).or_insert(path);
                let handler = match filter {
                    Some(method) => on(method, route.clone()),
                    None => any(route.clone()),
                };
                others = others.route(spelling, handler);
            }
        }
        let rest = others
            .fallback(error::not_found)
            .method_not_allowed_fallback(error::method_not_allowed)
            .with_state(target.clone());
        let mut numbers = matchit::Router::new();
        for (path, of_path) in numbered {
            // The router took the same paths.
            let _ = numbers.insert(path, of_path);
        }
        Self { literal, router: rest, numbers }
    }

    /// The number of the route that a request would be answered by. HEAD counts as GET.
    pub(super) fn number(&self, method: &Method, path: &str) -> usize {
        let method = if method == Method::HEAD { "GET" } else { method.as_str() };
        let Ok(found) = self.numbers.at(path) else { return UNMATCHED.0 };
        let of = |wanted: Option<&str>| found.value.iter().find(|(known, _)| known.as_deref() == wanted);
        of(Some(method)).or_else(|| of(None)).map_or(UNMATCHED.0, |(_, number)| *number)
    }

    /// The number of the route whose path is this target, if it answers GET at once, and what makes its answer.
    pub(super) fn instant(&self, target: &str) -> Option<(usize, MakeInstant)> {
        let route = self.literal.get(target)?;
        Some((route.number, route.instant?))
    }

    /// Finds the route of a request, and begins to answer.
    pub(super) fn answer(&self, mut request: Request<Body>, exchange: Exchange, target: &Target) -> Answering {
        if request.method() == Method::GET
            && let Some(route) = self.literal.get(request.uri().path())
        {
            return route.answer(request, exchange, target);
        }
        if request.uri().path() == "*" {
            // Of the gate, only OPTIONS has it. It asks after the target as a whole.
            *request.uri_mut() = Uri::from_static("/");
        }
        request.extensions_mut().insert(exchange);
        let answer = self.router.clone().call(request);
        Box::pin(async { answer.await.unwrap_or_else(|never| match never {}) })
    }
}
