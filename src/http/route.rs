//! A route: a method, a path, a handler; and how a request finds its own.

use std::collections::{BTreeMap, BTreeSet};
use std::future::ready;
use std::marker::PhantomData;
use std::ops::Range;
use std::sync::Arc;

use axum::body::{Body, HttpBody};
use axum::extract::State;
use axum::http::{Method, Response, Uri, header};

use super::error;
use super::openapi::operation::Described;
use super::target::Target;
use crate::config::Config;
use crate::http::faults::inject::inject;
use crate::http::query::{Slot, modifiers};
use crate::http::stack::handler::{Answering, Handler};
use crate::http::stack::instant::MakeInstant;
use crate::http::stack::request::Request;
use crate::profile::{other_slash, shape};

/// The number and name of what matched no route.
pub const UNMATCHED: (usize, &str) = (0, "(none)");

/// The method of a route that takes every one.
const ANY: &str = "ANY";

/// What a route says of itself.
#[derive(Clone, Copy)]
pub struct Description {
    /// Lines of `GET /`: what to paste into a terminal, and what it does.
    pub offers: &'static [(&'static str, &'static str)],
    /// Its part of the API's document.
    pub describe: fn(&Spot<'_>) -> Described,
}

/// Where a route is served, and within which configuration.
pub struct Spot<'a> {
    /// Its method, or `ANY`.
    pub method: &'a str,
    /// Its path, as the document spells it.
    pub path: &'a str,
    /// What the run was started with.
    pub config: &'a Config,
}

type Describe = Arc<dyn Fn(&Spot<'_>) -> Described + Send + Sync>;

/// A route that has yet to be described before it can stand in the table.
pub struct Undescribed {
    method: String,
    path: String,
    handler: Arc<dyn Endpoint>,
    asks_nothing: bool,
    instant: Option<MakeInstant>,
}

impl Undescribed {
    /// One of the routes that every target offers.
    #[must_use]
    pub fn described(self, Description { offers, describe }: Description) -> Route {
        Route { offers, ..self.described_by(describe) }
    }

    /// One that `GET /` does not offer, or offers in another way.
    #[must_use]
    pub fn described_by(self, describe: impl Fn(&Spot<'_>) -> Described + Send + Sync + 'static) -> Route {
        let Self { method, path, handler, asks_nothing, instant } = self;
        Route { method, path, offers: &[], describe: Arc::new(describe), handler, asks_nothing, instant }
    }
}

/// One entry of the route table.
pub struct Route {
    /// Its method, or `ANY`; HEAD is answered wherever GET is, and counts as GET.
    pub method: String,
    /// Its path.
    pub path: String,
    /// Its lines of `GET /`.
    pub offers: &'static [(&'static str, &'static str)],
    describe: Describe,
    handler: Arc<dyn Endpoint>,
    asks_nothing: bool,
    instant: Option<MakeInstant>,
}

impl Route {
    /// A route that answers GET and HEAD.
    pub fn get<T: 'static>(path: &str, handler: impl Handler<T>) -> Undescribed {
        Self::on(&Method::GET, path, handler)
    }

    /// A route that answers GET and HEAD, and that has no modifiers.
    pub fn plain<T: 'static>(path: &str, handler: impl Handler<T>) -> Undescribed {
        Undescribed { asks_nothing: true, ..Self::get(path, handler) }
    }

    /// A route that answers GET and HEAD, the former without making a request where nothing stands against it.
    pub fn instant(path: &str, make: MakeInstant) -> Undescribed {
        let handler = move |State(target): State<Target>| async move { make(&target) };
        Undescribed { instant: Some(make), ..Self::plain(path, handler) }
    }

    /// A route that answers POST.
    pub fn post<T: 'static>(path: &str, handler: impl Handler<T>) -> Undescribed {
        Self::on(&Method::POST, path, handler)
    }

    /// A route that answers every method; they count together.
    pub fn any<T: 'static>(path: &str, handler: impl Handler<T>) -> Undescribed {
        Self::of(ANY, path, handler)
    }

    /// A route of any one method.
    pub fn on<T: 'static>(method: &Method, path: &str, handler: impl Handler<T>) -> Undescribed {
        Self::of(method.as_str(), path, handler)
    }

    fn of<T: 'static>(method: &str, path: &str, handler: impl Handler<T>) -> Undescribed {
        let handler = Arc::new(Handled(handler, PhantomData));
        let (method, path) = (method.to_owned(), path.to_owned());
        Undescribed { method, path, handler, asks_nothing: false, instant: None }
    }

    /// Whether it answers requests of this method; HEAD apart.
    #[must_use]
    pub fn takes(&self, method: &Method) -> bool {
        self.method == ANY || self.method == method.as_str()
    }

    /// Its part of the API's document, where its path is spelled so.
    #[must_use]
    pub fn describe(&self, path: &str, config: &Config) -> Described {
        (self.describe)(&Spot { method: &self.method, path, config })
    }
}

/// A handler, whatever its arguments.
trait Endpoint: Send + Sync {
    fn answer(&self, request: Box<Request>) -> Answering;
}

/// Bytes of a handler's future, at most. Each request has its future copied into a box once, all of it, whatever it will need:
/// what is large and seldom needed has a box of its own.
const LARGEST: usize = 2_560;

struct Handled<H, T>(H, PhantomData<fn() -> T>);

impl<H: Handler<T>, T> Endpoint for Handled<H, T> {
    fn answer(&self, request: Box<Request>) -> Answering {
        let answering = self.0.clone().answer(request);
        debug_assert!(
            size_of_val(&*answering) <= LARGEST,
            "a handler's future has {} bytes",
            size_of_val(&*answering)
        );
        answering
    }
}

/// A route by its number.
#[derive(Clone)]
struct Numbered {
    number: usize,
    handler: Arc<dyn Endpoint>,
    asks_nothing: bool,
}

impl Numbered {
    /// The pipeline from here on: number, faults, handler.
    fn answer(&self, request: Box<Request>) -> Answering {
        let Request { method, target, exchange, .. } = &*request;
        exchange.set_route(self.number);
        // Most of the time that is one load.
        match target.faults().hit(target.board(), self.number, method, exchange.head_ns()) {
            None => self.handle(request),
            Some(hit) => {
                let route = self.clone();
                Box::pin(inject(hit, request, move |request| route.handle(request)))
            }
        }
    }

    /// Has the request handled, faults apart: modifiers around the handler.
    fn handle(&self, mut request: Box<Request>) -> Answering {
        if self.asks_nothing || !request.uri.query().is_some_and(modifiers::may_be_in) {
            return self.handler.answer(request);
        }
        let slot = Slot::default();
        request.modifiers = Some(slot.clone());
        modifiers::modify(slot, request.exchange.clone(), self.handler.answer(request))
    }
}

/// The routes of one pattern, by their methods.
#[derive(Default)]
struct Place {
    methods: Vec<(Method, Numbered)>,
    any: Option<Numbered>,
}

impl Place {
    /// HEAD is answered wherever GET is.
    fn find(&self, method: &Method) -> Option<&Numbered> {
        let method = if method == Method::HEAD { &Method::GET } else { method };
        let own = self.methods.iter().find(|(known, _)| known == method).map(|(_, route)| route);
        own.or(self.any.as_ref())
    }

    /// The methods that it takes, as `Allow` lists them.
    fn allowed(&self) -> String {
        let name = |method: &Method| if method == Method::GET { "GET,HEAD".to_owned() } else { method.to_string() };
        self.methods.iter().map(|(method, _)| name(method)).collect::<Vec<_>>().join(",")
    }
}

/// All routes of a worker.
pub struct Routes {
    /// The few whose answer to GET can be made at once: path, number, and what makes it.
    instant: Vec<(String, usize, MakeInstant)>,
    /// All, by their patterns.
    patterns: matchit::Router<Place>,
}

impl Routes {
    /// These routes, each with the number that its name has in the scoreboard's table. One that is not there counts
    /// as unmatched.
    #[must_use]
    pub fn new(routes: Vec<Route>, target: &Target) -> Self {
        let mut instants = Vec::new();
        // Two methods of one pattern may name its parts differently, which one router can't have: the first one's names
        // stand for both.
        let mut places: BTreeMap<String, (String, Place)> = BTreeMap::new();
        let name = |route: &Route| (route.method.clone(), route.path.clone());
        let known: BTreeSet<(String, String)> = routes.iter().map(name).collect();
        for Route { method, path, handler, asks_nothing, instant, .. } in routes {
            let number = target.route_table().number(&method, &path).unwrap_or(UNMATCHED.0);
            let route = Numbered { number, handler, asks_nothing };
            // A slash more or less at the end is the same route, unless that is one of its own.
            let other =
                other_slash(&path).map(|other| (method.clone(), other)).filter(|other| !known.contains(other));
            for path in std::iter::once(path).chain(other.map(|(_, path)| path)) {
                instants.extend(instant.map(|make| (path.clone(), number, make)));
                let (_, place) = places.entry(shape(&path)).or_insert_with(|| (path, Place::default()));
                match method.parse::<Method>() {
                    Ok(method) if method != ANY => place.methods.push((method, route.clone())),
                    _ => place.any = Some(route.clone()),
                }
            }
        }
        let mut patterns = matchit::Router::new();
        for (pattern, place) in places.into_values() {
            // A profile is checked for patterns that can't be told apart, and the built-in ones by a test.
            let inserted = patterns.insert(pattern, place);
            debug_assert!(inserted.is_ok(), "{inserted:?}");
        }
        Self { instant: instants, patterns }
    }

    /// The number of the route that a request would be answered by. HEAD counts as GET.
    pub(super) fn number(&self, method: &Method, path: &str) -> usize {
        let found = self.patterns.at(path).ok().and_then(|found| found.value.find(method));
        found.map_or(UNMATCHED.0, |route| route.number)
    }

    /// The number of the route whose path is this target, if it answers GET at once, and what makes its answer.
    pub(super) fn instant(&self, target: &str) -> Option<(usize, MakeInstant)> {
        self.instant.iter().find(|(path, ..)| path == target).map(|(_, number, make)| (*number, *make))
    }

    /// Finds the route of a request, and begins to answer.
    pub(super) fn answer(&self, mut request: Box<Request>) -> Answering {
        let Request { method, uri, open_part, .. } = &mut *request;
        if uri.path() == "*" {
            // Of the gate, only OPTIONS has it. It asks after the target as a whole.
            *uri = Uri::from_static("/");
        }
        let (path, is_head) = (uri.path(), *method == Method::HEAD);
        let answering: Answering = match self.patterns.at(path) {
            Err(_) => Box::pin(ready(error::not_found(path))),
            Ok(found) => match found.value.find(method) {
                None => Box::pin(ready(error::method_not_allowed(path, method, &found.value.allowed()))),
                Some(route) => {
                    *open_part = found.params.iter().next().map(|(_, part)| place_of(part, path));
                    route.answer(request)
                }
            },
        };
        if is_head { Box::pin(without_body(answering)) } else { answering }
    }
}

/// Where in a text one of its parts stands.
fn place_of(part: &str, whole: &str) -> Range<usize> {
    let begin = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    begin..begin + part.len()
}

/// The answer to HEAD: what GET would have got, with the body's length and without the body.
async fn without_body(answering: Answering) -> Response<Body> {
    let mut response = answering.await;
    if let Some(length) = response.body().size_hint().exact() {
        response.headers_mut().entry(header::CONTENT_LENGTH).or_insert_with(|| length.into());
    }
    *response.body_mut() = Body::empty();
    response
}
