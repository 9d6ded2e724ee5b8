//! A request, from its parsed head to the flush of its response: the pipeline, top to bottom.
//!
//! ```text
//! head → gate → record(start) → limits → router → inject → parameters → work → response → body → flush → record(end)
//! ```
//!
//! [`Recorded`] is hyper's service for one connection. The record begins when hyper hands over a head and is
//! carried by a [`Record`] through the handler and the response body to the connection, which ends it in the
//! flush. Whoever drops it on the way (a client that left, a handler that was given up) ends it as well.
//!
//! A response may carry the order to [`Spoil`] it; hyper is then made to give up by a [`Broken`].

use std::any::Any;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::Router;
use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use pin_project_lite::pin_project;
use tokio::sync::oneshot;
use tower::Service;
use tower_http::catch_panic::CatchPanic;

use super::error::{self, Refusal};
use super::gate;
use super::spoil::{Broken, Spoil, Spoiling};
use super::target::Target;
use super::unread::Received;
use crate::scoreboard::{FaultMark, Outcome};
use crate::sys::clock;
use crate::wire::{Breakage, Connection, Ending};

/// The router, and around it what must hold whatever a handler does.
pub type Stack = CatchPanic<Router, fn(Box<dyn Any + Send>) -> Response<axum::body::Body>>;

/// Builds what one worker serves every request with.
#[must_use]
pub fn service(router: Router) -> Stack {
    CatchPanic::custom(router, answer_panic)
}

#[allow(clippy::needless_pass_by_value)] // the shape that tower-http asks for
fn answer_panic(panic: Box<dyn Any + Send>) -> Response<axum::body::Body> {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked().into_response()
}

/// hyper's service for one connection.
pub struct Recorded {
    stack: Stack,
    target: Target,
    connection: Arc<Connection>,
}

impl Recorded {
    /// Serves the requests of `connection`.
    #[must_use]
    pub fn new(stack: Stack, target: Target, connection: Arc<Connection>) -> Self {
        Self { stack, target, connection }
    }

    /// The answer to a request that never was one: not started, counted as rejected, connection closed.
    fn reject(&self, refusal: Refusal) -> InFlight {
        self.connection.seat().rejected();
        // Whatever the client goes on to send, what it means is in doubt.
        self.connection.leave_unread();
        InFlight::Refused { response: Some(closing(refusal.into_response())), record: None }
    }
}

impl hyper::service::Service<Request<Incoming>> for Recorded {
    type Response = Response<Tracked>;
    type Error = Broken;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        let now = clock::monotonic_ns();
        self.connection.head_parsed(now, request.version() >= Version::HTTP_11);
        self.target.follow_orders();
        if let Err(refusal) = gate::request(&request) {
            return self.reject(refusal);
        }
        let (mut parts, body) = request.into_parts();
        let exchange = Exchange::begin(&self.connection, now);
        let record = Some(Record::of(exchange.clone()));
        let limits = &self.target.limits;
        let length = body.size_hint().exact();
        if let Err(refusal) = gate::limits(&parts, length, self.connection.seat().in_flight(), limits) {
            let response = refusal.into_response();
            if body.is_end_stream() {
                return InFlight::Refused { response: Some(response), record };
            }
            self.connection.leave_unread();
            return InFlight::Refused { response: Some(closing(response)), record };
        }
        let (body, refused) = Received::new(body, &self.connection, limits.body);
        parts.extensions.insert(exchange);
        let response = self.stack.clone().call(Request::from_parts(parts, body));
        InFlight::Routed { response, refused, record, target: self.target.clone() }
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
    fn begin(connection: &Arc<Connection>, head_ns: u64) -> Self {
        connection.seat().started();
        let (arrival_ns, stamped) = connection.arrival();
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

    /// The next of the indices that the requests of its route draw, in all workers together.
    #[must_use]
    pub fn draw_index(&self) -> u64 {
        self.connection.seat().board().route_index(self.route()).draw()
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

    /// A fault kept it from its handler for so long.
    pub(super) fn add_injected(&mut self, nanoseconds: u64) {
        self.injected_ns += nanoseconds;
    }

    /// Ends its record at once, as broken by a fault: the process ends next.
    pub(super) fn finish_broken(&self) {
        self.connection.end_now(self.ending(Outcome::Broken, None));
    }

    fn ending(&self, outcome: Outcome, fault: Option<FaultMark>) -> Ending {
        let Self { connection, head_ns, arrival_ns, stamped, injected_ns: _ } = self;
        let (head_ns, arrival_ns, stamped) = (*head_ns, *arrival_ns, *stamped);
        Ending { route: connection.route(), outcome, fault, head_ns, arrival_ns, stamped }
    }

    /// The router has found its route.
    pub(super) fn set_route(&self, number: usize) {
        self.connection.set_route(number);
    }

    /// The next index of its route, which no other request gets, in whichever worker.
    #[must_use]
    pub fn draw(&self) -> u64 {
        let board = self.connection.seat().board();
        board.route_index(self.connection.route()).draw()
    }

    /// The worker that serves it: `slot.generation`.
    #[must_use]
    pub fn worker(&self) -> String {
        let seat = self.connection.seat();
        format!("{}.{}", seat.slot(), seat.generation())
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Exchange {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Refusal> {
        let missing =
            || Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this router runs outside of a connection");
        parts.extensions.get().cloned().ok_or_else(missing)
    }
}

/// A started request. Dropping it ends the record, or hands it to the connection to be ended by the flush.
pub(super) struct Record {
    exchange: Exchange,
    /// How it has ended if all that is written by then is flushed. Before there is a response, only the client can
    /// have given it up.
    outcome: Outcome,
    /// The fault that its response is, or is to show.
    fault: Option<FaultMark>,
    /// Whether there may be nothing for that fault to do: what is to be cut may be too short.
    counts_if_broken: bool,
}

impl Record {
    fn of(exchange: Exchange) -> Self {
        Self { exchange, outcome: Outcome::ClientGone, fault: None, counts_if_broken: false }
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
        let Self { exchange, outcome, fault, counts_if_broken } = self;
        let fault = fault.filter(|_| !*counts_if_broken || *outcome == Outcome::Broken);
        exchange.connection.body_ended(exchange.ending(*outcome, fault));
    }
}

pin_project! {
    /// A request on its way to a response.
    #[project = InFlightProjection]
    pub enum InFlight {
        /// In the router.
        Routed {
            #[pin]
            response: <Stack as Service<Request<Received>>>::Future,
            refused: Option<oneshot::Receiver<Refusal>>,
            record: Option<Record>,
            target: Target,
        },
        /// Refused before it.
        Refused {
            response: Option<Response<axum::body::Body>>,
            record: Option<Record>,
        },
        /// To be broken off, once the answers before it are on their way.
        Breaking {
            breakage: Breakage,
            record: Option<Record>,
        },
    }
}

impl Future for InFlight {
    type Output = Result<Response<Tracked>, Broken>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (mut response, record) = match self.as_mut().project() {
            InFlightProjection::Routed { response, refused, record, target } => match response.poll(context) {
                Poll::Ready(Ok(response)) => {
                    let response = response.map(axum::body::Body::new);
                    (if target.closes_connections() { closing(response) } else { response }, record)
                }
                Poll::Pending => (closing(ready!(poll_refused(refused, context)).into_response()), record),
            },
            InFlightProjection::Refused { response, record } => {
                // A future that is polled after it was ready has no response left.
                let Some(response) = response.take() else { return Poll::Pending };
                (response, record)
            }
            InFlightProjection::Breaking { breakage, record } => return poll_break(*breakage, record, context),
        };
        let status = response.status().as_u16();
        let (spoil, fault) = (response.extensions_mut().remove::<Spoil>(), response.extensions_mut().remove());
        let record = record.take().map(|mut record| {
            record.exchange.connection.answered();
            record.outcome = Outcome::Answered(status);
            record.fault = fault;
            record.counts_if_broken = matches!(spoil, Some(Spoil::Truncate { .. }));
            record
        });
        let spoiling = spoil.map(|spoil| spoil.of(response.body()));
        let spoiling = match spoiling {
            None => None,
            Some(Ok(spoiling)) => Some(Box::new(spoiling)),
            Some(Err(breakage)) => {
                self.set(InFlight::Breaking { breakage, record });
                return self.poll(context);
            }
        };
        Poll::Ready(Ok(response.map(|body| Tracked { body, spoiling, record })))
    }
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

/// The connection ends with this response.
fn closing(mut response: Response<axum::body::Body>) -> Response<axum::body::Body> {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// A response body that carries its request's record.
pub struct Tracked {
    body: axum::body::Body,
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
        let Self { body, spoiling, record } = &mut *self;
        match spoiling {
            None => Pin::new(body).poll_frame(context),
            Some(spoiling) => spoiling.poll_frame(body, record, context),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream() && self.spoiling.as_ref().is_none_or(|spoiling| spoiling.is_done())
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
