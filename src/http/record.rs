//! A request, from its parsed head to the flush of its response: the pipeline, top to bottom.
//!
//! ```text
//! head → gate → record(start) → limits → route → faults → inject → parameters → work → response → body → flush → record(end)
//! ```
//!
//! [`Recorded`] is hyper's service for one connection. The record begins when hyper hands over a head and is
//! carried by a [`Record`] through the handler and the response body to the connection, which ends it in the
//! flush. Whoever drops it on the way (a client that left, a handler that was given up) ends it as well.
//!
//! A response may carry the order to [`Spoil`] it; hyper is then made to give up by a [`Broken`].

use std::any::Any;
use std::future::Future;
use std::net::SocketAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::http::{HeaderValue, Request, Response, Version, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::error::{self, Refusal};
use super::gate::{self, OverLimit, Rejected};
use super::route::{Answering, Routes};
use super::spoil::{Broken, Spoil, Spoiling};
use super::target::Target;
use super::unread::Received;
use crate::scoreboard::{FaultMark, Outcome, Spent};
use crate::sys::clock;
use crate::wire::{Breakage, Connection, Departure, Ending, Wire};
use crate::work::NoThread;

/// hyper's service for one connection.
pub struct Recorded {
    routes: Arc<Routes>,
    target: Target,
    connection: Arc<Connection>,
    departure: Arc<Departure>,
}

impl Recorded {
    /// Serves the requests of the connection behind `wire`.
    #[must_use]
    pub fn new(routes: Arc<Routes>, target: Target, wire: &Wire) -> Self {
        let (connection, departure) = (Arc::clone(wire.connection()), Arc::clone(wire.departure()));
        Self { routes, target, connection, departure }
    }

    /// The answer to a request that never was one: not started, counted as rejected, connection closed.
    fn reject(&self, version: Version, (reason, refusal): Rejected) -> InFlight {
        self.connection.seat().rejected(reason);
        // Whatever the client goes on to send, what it means is in doubt.
        self.connection.leave_unread();
        InFlight::Refused { response: Some(closing(refusal.into_response())), version, record: None }
    }
}

impl hyper::service::Service<Request<Incoming>> for Recorded {
    type Response = Response<Tracked>;
    type Error = Broken;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        let now = clock::monotonic_ns();
        let version = request.version();
        self.connection.head_parsed(now, version >= Version::HTTP_11);
        self.target.follow_orders();
        if let Err(rejected) = gate::request(&request) {
            return self.reject(version, rejected);
        }
        let (parts, body) = request.into_parts();
        let exchange = Exchange::begin(&self.connection, now);
        let limits = &self.target.limits;
        let length = body.size_hint().exact();
        if let Err(over) = gate::limits(&parts, length, self.connection.seat().in_flight(), limits) {
            exchange.set_route(self.routes.number(&parts.method, parts.uri.path()));
            let (refusal, is_shed) = match over {
                OverLimit::InFlight(refusal) => (refusal, true),
                OverLimit::Body(refusal) => (refusal, false),
            };
            let mut record = Record::of(exchange);
            record.is_shed = is_shed;
            let record = Some(record);
            let response = refusal.into_response();
            if body.is_end_stream() {
                let response = if self.target.closes_connections() { closing(response) } else { response };
                return InFlight::Refused { response: Some(response), version, record };
            }
            self.connection.leave_unread();
            return InFlight::Refused { response: Some(closing(response)), version, record };
        }
        let record = Some(Record::of(exchange.clone()));
        let (body, refused) = if body.is_end_stream() {
            (axum::body::Body::empty(), None)
        } else {
            let (body, refused) = Received::new(body, &self.connection, limits.body);
            (axum::body::Body::new(body), Some(refused))
        };
        let response = self.routes.answer(Request::from_parts(parts, body), exchange, &self.target);
        let (target, departure) = (self.target.clone(), Some(Arc::clone(&self.departure)));
        InFlight::Routed { response, version, refused, record, target, departure }
    }
}

/// What a handler may know of its request beyond the request itself.
#[derive(Clone)]
pub struct Exchange {
    connection: Arc<Connection>,
    head_ns: u64,
    arrival_ns: u64,
    stamped: bool,
    injected_ns: u64,
}

impl Exchange {
    pub(super) fn begin(connection: &Arc<Connection>, head_ns: u64) -> Self {
        connection.seat().started();
        let (arrival_ns, stamped) = connection.arrival();
        if stamped {
            connection.add_behind(arrival_ns, head_ns);
        }
        Self { connection: Arc::clone(connection), head_ns, arrival_ns, stamped, injected_ns: 0 }
    }

    /// When the kernel received the end of the head (monotonic).
    #[must_use]
    pub fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }

    /// From there until the head was parsed; `None` where the kernel gives no stamps.
    #[must_use]
    pub fn queue_ns(&self) -> Option<u64> {
        self.stamped.then(|| self.head_ns.saturating_sub(self.arrival_ns))
    }

    /// The number of its route, once the router has found it.
    #[must_use]
    pub fn route(&self) -> usize {
        self.connection.route()
    }

    /// When its head was parsed (monotonic).
    pub(super) fn head_ns(&self) -> u64 {
        self.head_ns
    }

    /// How long faults kept it from its handler.
    #[must_use]
    pub fn injected_ns(&self) -> u64 {
        self.injected_ns
    }

    /// Its handler says what it has spent, beside what faults and modifiers have.
    pub(super) fn spent(&self, spent: Spent) {
        self.connection.spent(Spent { injected_ns: self.injected_ns, ..spent });
    }

    /// How long it has waited for the worker's loop until now, after a timer, a pool thread or a piece of its body was
    /// ready.
    #[must_use]
    pub fn loop_ns(&self) -> u64 {
        self.connection.loop_ns()
    }

    /// How long it is served by now: from its parsed head on, without its waits for the loop.
    pub(super) fn service_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.head_ns).saturating_sub(self.loop_ns())
    }

    /// A fault or modifier has kept it from its handler for so long.
    pub(super) fn add_injected(&mut self, nanoseconds: u64) {
        self.injected_ns += nanoseconds;
    }

    /// Ends its record at once, as broken by a fault: the process ends next.
    pub(super) fn finish_broken(&self) {
        self.connection.end_now(self.ending(Outcome::Broken, None));
    }

    pub(super) fn ending(&self, outcome: Outcome, fault: Option<FaultMark>) -> Ending {
        let Self { connection, head_ns, arrival_ns, stamped, injected_ns: _ } = self;
        let (head_ns, arrival_ns, stamped) = (*head_ns, *arrival_ns, *stamped);
        let loop_ns = connection.loop_ns();
        let effort = connection.take_effort();
        Ending { route: connection.route(), outcome, fault, head_ns, arrival_ns, stamped, loop_ns, effort }
    }

    /// The router has found its route.
    pub(super) fn set_route(&self, number: usize) {
        self.connection.set_route(number);
    }

    /// Its index among the requests of its route that draw one, in all workers together. Drawn when it is first asked for.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.connection.index()
    }

    /// Where its connection comes from; `None` for a unix socket.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.connection.peer()
    }

    /// The worker that serves it.
    #[must_use]
    pub fn worker(&self) -> &str {
        self.connection.seat().worker()
    }
}

/// A started request. Dropping it ends the record, or hands it to the connection to be ended by the flush.
pub struct Record {
    exchange: Exchange,
    /// How it has ended if all that is written by then is flushed. Before there is a response, only the client can
    /// have given it up.
    outcome: Outcome,
    /// The fault that its response is, or is to show.
    fault: Option<FaultMark>,
    /// Whether there may be nothing for that fault to do: what is to be cut may be too short.
    counts_if_broken: bool,
    /// Whether its answer is that of a full target.
    is_shed: bool,
}

impl Record {
    fn of(exchange: Exchange) -> Self {
        Self { exchange, outcome: Outcome::ClientGone, fault: None, counts_if_broken: false, is_shed: false }
    }

    /// Its connection, on which it is the last request by now.
    pub(super) fn connection(&self) -> &Connection {
        &self.exchange.connection
    }

    /// It ends with its connection, which will be broken.
    pub(super) fn break_with(mut self, breakage: Breakage) {
        self.connection().order(breakage);
        self.outcome = Outcome::Broken;
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self { exchange, outcome, fault, counts_if_broken, is_shed: _ } = self;
        let fault = fault.filter(|_| !*counts_if_broken || *outcome == Outcome::Broken);
        exchange.connection.body_ended(exchange.ending(*outcome, fault));
    }
}

/// A request on its way to a response.
pub enum InFlight {
    /// With its route.
    Routed {
        response: Answering,
        version: Version,
        refused: Option<oneshot::Receiver<Refusal>>,
        record: Option<Record>,
        target: Target,
        departure: Option<Arc<Departure>>,
    },
    /// Refused before it.
    Refused { response: Option<Response<axum::body::Body>>, version: Version, record: Option<Record> },
    /// To be broken off, once the answers before it are on their way.
    Breaking { breakage: Breakage, record: Option<Record> },
}

impl Future for InFlight {
    type Output = Result<Response<Tracked>, Broken>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, version, record, departure) = match &mut *self {
            Self::Routed { response, version, refused, record, target, departure } => {
                match poll_answer(response, record.as_ref(), context) {
                    Poll::Ready(response) => {
                        let response = if target.closes_connections() { closing(response) } else { response };
                        (response, *version, record, departure.take())
                    }
                    Poll::Pending => {
                        if departure.as_ref().is_some_and(|departure| departure.poll(context).is_ready()) {
                            return Poll::Ready(Err(Broken));
                        }
                        let refusal = ready!(poll_refused(refused, context));
                        (closing(refusal.into_response()), *version, record, None)
                    }
                }
            }
            Self::Refused { response, version, record } => {
                // A future that is polled after it was ready has no response left.
                let Some(response) = response.take() else { return Poll::Pending };
                (response, *version, record, None)
            }
            Self::Breaking { breakage, record } => return poll_break(*breakage, record, context),
        };
        let mut response = adapted_to(version, response);
        let status = response.status().as_u16();
        let (spoil, fault) = (response.extensions_mut().remove::<Spoil>(), response.extensions_mut().remove());
        let record = record.take().map(|mut record| {
            record.exchange.connection.answered();
            record.outcome = if record.is_shed { Outcome::Shed } else { Outcome::Answered(status) };
            record.fault = fault;
            record.counts_if_broken = matches!(spoil, Some(Spoil::Truncate { .. }));
            record
        });
        let spoiling = spoil.map(|spoil| spoil.of(response.body()));
        let spoiling = match spoiling {
            None => None,
            Some(Ok(spoiling)) => Some(Box::new(spoiling)),
            Some(Err(breakage)) => {
                *self = Self::Breaking { breakage, record };
                return self.poll(context);
            }
        };
        Poll::Ready(Ok(response.map(|body| Tracked { body, departure, spoiling, record })))
    }
}

/// A handler's answer. A panic in it is a 500, a thread that its work can't have a 503.
fn poll_answer(
    answering: &mut Answering,
    record: Option<&Record>,
    context: &mut Context<'_>,
) -> Poll<Response<axum::body::Body>> {
    let mut poll = || catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
    let polled = match record {
        Some(record) => record.connection().polling(poll),
        None => poll(),
    };
    polled.unwrap_or_else(|panic| Poll::Ready(answer_panic(&*panic)))
}

fn answer_panic(panic: &(dyn Any + Send)) -> Response<axum::body::Body> {
    if let Some(refused) = panic.downcast_ref::<NoThread>() {
        return error::no_thread(*refused).into_response();
    }
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked().into_response()
}

/// Lets go of the connection once the answers to earlier requests are with the kernel.
fn poll_break(
    breakage: Breakage,
    record: &mut Option<Record>,
    context: &mut Context<'_>,
) -> Poll<Result<Response<Tracked>, Broken>> {
    let Some(waiting) = record else { return Poll::Pending };
    ready!(waiting.connection().poll_earlier_flushed(context));
    if let Some(record) = record.take() {
        record.break_with(breakage);
    }
    Poll::Ready(Err(Broken))
}

/// Whether a request is refused after all, while it is being served.
fn poll_refused(refused: &mut Option<oneshot::Receiver<Refusal>>, context: &mut Context<'_>) -> Poll<Refusal> {
    let Some(waiting) = refused else { return Poll::Pending };
    if let Ok(refusal) = ready!(Pin::new(waiting).poll(context)) {
        return Poll::Ready(refusal);
    }
    // Its body is all there.
    *refused = None;
    Poll::Pending
}

/// Has a response that ends its connection say so to a client of HTTP/1.0 that asks for `keep-alive`. One of unknown
/// length ends it, since without chunks only that tells where the body ends (RFC 9112, 6.3). hyper would add `keep-alive`
/// to both, unless the response is one of HTTP/1.0 itself.
#[must_use]
pub fn adapted_to(version: Version, mut response: Response<axum::body::Body>) -> Response<axum::body::Body> {
    if version >= Version::HTTP_11 {
        return response;
    }
    let says_close = response.headers().contains_key(header::CONNECTION);
    if !says_close && response.body().size_hint().exact().is_some() {
        return response;
    }
    *response.version_mut() = version;
    closing(response)
}

/// The connection ends with this response.
fn closing(mut response: Response<axum::body::Body>) -> Response<axum::body::Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A response body that carries its request's record.
pub struct Tracked {
    body: axum::body::Body,
    departure: Option<Arc<Departure>>,
    spoiling: Option<Box<Spoiling>>,
    /// Held for its drop.
    record: Option<Record>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let Self { body, departure, spoiling, record } = &mut *self;
        let frame = match spoiling {
            None => {
                let poll = || Pin::new(body).poll_frame(context);
                match record {
                    Some(record) => record.connection().polling_body(poll),
                    None => poll(),
                }
            }
            Some(spoiling) => {
                // To break off the response ends the record.
                let connection = record.as_ref().map(|record| Arc::clone(&record.exchange.connection));
                let mut poll = || spoiling.poll_frame(body, record, context);
                match connection {
                    Some(connection) => connection.polling_body(poll),
                    None => poll(),
                }
            }
        };
        let mut left = || departure.as_ref().is_some_and(|departure| departure.poll(context).is_ready());
        if frame.is_pending() && left() {
            return Poll::Ready(Some(Err(axum::Error::new(Broken))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.spoiling.as_ref().is_none_or(|spoiling| spoiling.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
