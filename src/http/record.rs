//! A request, from its parsed head to the flush of its response: the pipeline, top to bottom.
//!
//! ```text
//! head → gate → record(start) → limits → route → parameters → work → response → body → flush → record(end)
//! ```
//!
//! [`Recorded`] is hyper's service for one connection. The record begins when hyper hands over a head and is
//! carried by a [`Record`] through the handler and the response body to the connection, which ends it in the
//! flush. Whoever drops it on the way (a client that left, a handler that was given up) ends it as well.

use std::any::Any;
use std::error::Error;
use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{HeaderValue, Request, Response, StatusCode, Version, header};
use axum::response::IntoResponse;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::oneshot;

use super::error::{self, Refusal};
use super::gate;
use super::route::{Answering, Routes};
use super::target::Target;
use super::unread::Received;
use crate::sys::clock;
use crate::wire::{Connection, Departure, Ending, Wire};

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
    fn reject(&self, refusal: Refusal) -> InFlight {
        self.connection.seat().rejected();
        // Whatever the client goes on to send, what it means is in doubt.
        self.connection.leave_unread();
        InFlight::Refused { response: Some(closing(refusal.into_response())), record: None }
    }
}

impl hyper::service::Service<Request<Incoming>> for Recorded {
    type Response = Response<Tracked>;
    type Error = Departed;
    type Future = InFlight;

    fn call(&self, request: Request<Incoming>) -> InFlight {
        let now = clock::monotonic_ns();
        self.connection.head_parsed(now, request.version() >= Version::HTTP_11);
        self.target.follow_orders();
        if let Err(refusal) = gate::request(&request) {
            return self.reject(refusal);
        }
        let (parts, body) = request.into_parts();
        let exchange = Exchange::begin(&self.connection, now);
        let record = Some(Record { exchange: exchange.clone(), status: None });
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
        let (body, refused) = if body.is_end_stream() {
            (axum::body::Body::empty(), None)
        } else {
            let (body, refused) = Received::new(body, &self.connection, limits.body);
            (axum::body::Body::new(body), Some(refused))
        };
        let response = self.routes.answer(Request::from_parts(parts, body), exchange, &self.target);
        let departure = Arc::clone(&self.departure);
        InFlight::Routed { response, refused, record, target: self.target.clone(), departure: Some(departure) }
    }
}

/// What a handler may know of its request beyond the request itself.
#[derive(Clone)]
pub struct Exchange {
    connection: Arc<Connection>,
    head_ns: u64,
    arrival_ns: u64,
    stamped: bool,
}

impl Exchange {
    fn begin(connection: &Arc<Connection>, head_ns: u64) -> Self {
        connection.seat().started();
        let (arrival_ns, stamped) = connection.arrival();
        Self { connection: Arc::clone(connection), head_ns, arrival_ns, stamped }
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

    /// A handler asks for it on a route that has none.
    pub(super) fn missing() -> Refusal {
        Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, "this handler runs outside of a connection")
    }

    /// The router has found its route.
    pub(super) fn set_route(&self, number: usize) {
        self.connection.set_route(number);
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
        parts.extensions.get().cloned().ok_or_else(Self::missing)
    }
}

/// A started request. Dropping it ends the record, or hands it to the connection to be ended by the flush.
pub struct Record {
    exchange: Exchange,
    /// Of the response, once there is one.
    status: Option<u16>,
}

impl Drop for Record {
    fn drop(&mut self) {
        let Exchange { connection, head_ns, arrival_ns, stamped } = &self.exchange;
        connection.body_ended(Ending {
            route: connection.route(),
            status: self.status,
            head_ns: *head_ns,
            arrival_ns: *arrival_ns,
            stamped: *stamped,
        });
    }
}

/// The client left before it had its answer: there is nobody to write one to.
#[derive(Debug)]
pub struct Departed;

impl fmt::Display for Departed {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client has left")
    }
}

impl Error for Departed {}

/// A request on its way to a response.
pub enum InFlight {
    /// With its route.
    Routed {
        response: Answering,
        refused: Option<oneshot::Receiver<Refusal>>,
        record: Option<Record>,
        target: Target,
        departure: Option<Arc<Departure>>,
    },
    /// Refused before it.
    Refused { response: Option<Response<axum::body::Body>>, record: Option<Record> },
}

impl Future for InFlight {
    type Output = Result<Response<Tracked>, Departed>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let (response, record, departure) = match self.get_mut() {
            Self::Routed { response, refused, record, target, departure } => match poll_answer(response, context) {
                Poll::Ready(response) => {
                    let response = if target.closes_connections() { closing(response) } else { response };
                    (response, record, departure.take())
                }
                Poll::Pending => {
                    if departure.as_ref().is_some_and(|departure| departure.poll(context).is_ready()) {
                        return Poll::Ready(Err(Departed));
                    }
                    let refusal = ready!(poll_refused(refused, context));
                    (closing(refusal.into_response()), record, None)
                }
            },
            Self::Refused { response, record } => {
                // A future that is polled after it was ready has no response left.
                let Some(response) = response.take() else { return Poll::Pending };
                (response, record, None)
            }
        };
        let status = response.status().as_u16();
        let record = record.take().map(|mut record| {
            record.exchange.connection.answered();
            record.status = Some(status);
            record
        });
        Poll::Ready(Ok(response.map(|body| Tracked { body, departure, record })))
    }
}

/// A handler's answer. A panic in it is a 500.
fn poll_answer(answering: &mut Answering, context: &mut Context<'_>) -> Poll<Response<axum::body::Body>> {
    let polled = catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
    polled.unwrap_or_else(|panic| Poll::Ready(answer_panic(&*panic)))
}

fn answer_panic(panic: &(dyn Any + Send)) -> Response<axum::body::Body> {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked().into_response()
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
    departure: Option<Arc<Departure>>,
    #[allow(dead_code)] // held for its drop
    record: Option<Record>,
}

impl Body for Tracked {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        let mut left = || self.departure.as_ref().is_some_and(|departure| departure.poll(context).is_ready());
        if frame.is_pending() && left() {
            return Poll::Ready(Some(Err(axum::Error::new(Departed))));
        }
        frame
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
