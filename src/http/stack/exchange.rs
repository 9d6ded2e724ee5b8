//! A request that is more than a few bytes, from its head to the end of its record.
//!
//! ```text
//! target → record(start) → limits → router (faults, handler) → head → body → record(end) → the rest of its body
//! ```

mod respond;

use std::any::Any;
use std::future::poll_fn;
use std::mem::take;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode, Uri, Version};
use axum::response::IntoResponse;
use bytes::Bytes;

use super::Stack;
use crate::http::docs;
use crate::http::error::{self, Refusal};
use crate::http::gate::{self, OverLimit, Rejected};
use crate::http::record::{Exchange, Record};
use crate::http::route::Answering;
use crate::scoreboard::{Outcome, Rejection};
use crate::wire::{Answered, BodyFault, BodyLength, Connection, Head, Incoming, Inlet};
use crate::work::NoThread;
use respond::{Respond, Responded};

/// A request that waits to be served.
pub struct Asked {
    parts: Parts,
    body: BodyLength,
    form: Answered,
    expects_continue: bool,
    is_tried_out: bool,
    /// When its head was parsed (monotonic).
    head_ns: u64,
}

impl Asked {
    /// What a head asks, whose bytes these are.
    pub fn of(head: &Head<'_, '_>, bytes: &[u8], head_ns: u64) -> Result<Self, Rejected> {
        let parts = parts(head, bytes).ok_or_else(|| {
            let sentence = "a target is a path or an http URL, and a method a token";
            (Rejection::BadSyntax, Refusal::new(StatusCode::BAD_REQUEST, sentence))
        })?;
        gate::target(&parts.method, &parts.uri)?;
        let Head { is_http_11, body, keep_alive, expects_continue, .. } = *head;
        let form = Answered { is_http_11, is_head: parts.method == Method::HEAD, keep_alive };
        Ok(Self { parts, body, form, expects_continue, is_tried_out: docs::sends(head), head_ns })
    }
}

/// A head in the types of the `http` crate: target and values are slices of one copy of it.
fn parts(head: &Head<'_, '_>, bytes: &[u8]) -> Option<Parts> {
    let copy = Bytes::copy_from_slice(bytes);
    let slice = |part: &[u8]| {
        // Both are in the same memory, the part in the whole.
        let at = (part.as_ptr() as usize).checked_sub(bytes.as_ptr() as usize).filter(|_| !part.is_empty())?;
        Some(copy.slice(at..at + part.len()))
    };
    let mut headers = HeaderMap::with_capacity(head.headers.len());
    for line in head.headers {
        let value = slice(line.value).unwrap_or_default();
        headers.append(
            HeaderName::from_bytes(line.name.as_bytes()).ok()?,
            HeaderValue::from_maybe_shared(value).ok()?,
        );
    }
    let (mut parts, ()) = Request::new(()).into_parts();
    parts.method = Method::from_bytes(head.method.as_bytes()).ok()?;
    parts.uri = Uri::from_maybe_shared(slice(head.target.as_bytes())?).ok()?;
    parts.version = if head.is_http_11 { Version::HTTP_11 } else { Version::HTTP_10 };
    parts.headers = headers;
    Some(parts)
}

/// What came of a handler.
enum Handled {
    Response(Response<Body>),
    /// Its request is refused after all: its body is broken.
    Refused(BodyFault),
    /// The client has left.
    Left,
}

impl Stack {
    /// Serves a request. Returns whether the connection goes on.
    pub(super) async fn exchange(&mut self, asked: Box<Asked>) -> bool {
        let Asked { parts, body, mut form, expects_continue, is_tried_out, head_ns } = *asked;
        let (connection, target) = (Arc::clone(&self.connection), self.target.clone());
        connection.head_parsed(head_ns);
        let counts_as = is_tried_out.then(|| self.routes.number(&Method::GET, docs::PATH));
        let exchange = Exchange::begin(&connection, head_ns, counts_as);
        let mut record = Record::of(exchange.clone());

        let length = if let BodyLength::Known(length) = body { Some(length) } else { None };
        let over = gate::limits(&parts, length, connection.seat().in_flight(), &target.limits).err();
        let inlet = (body != BodyLength::Known(0)).then(|| {
            let buffered = take(&mut self.held);
            Inlet::new(&connection, body, buffered, target.limits.body, expects_continue)
        });
        let mut is_shed = false;
        let handled = if let Some(over) = over {
            exchange.set_route(self.routes.number(&parts.method, parts.uri.path()));
            is_shed = matches!(over, OverLimit::InFlight(_));
            let (OverLimit::InFlight(refusal) | OverLimit::Body(refusal)) = over;
            if inlet.is_some() {
                form.keep_alive = false;
                connection.leave_unread();
            }
            Handled::Response(refusal.into_response())
        } else {
            let body = inlet.as_ref().map_or_else(Body::empty, |inlet| Body::new(Incoming(Arc::clone(inlet))));
            let answering = self.routes.answer(Request::from_parts(parts, body), exchange, &target);
            handle(answering, inlet.as_deref(), &connection, form.is_http_11).await
        };
        let response = match handled {
            Handled::Response(response) => response,
            Handled::Refused(fault) => {
                form.keep_alive = false;
                connection.leave_unread();
                refusal(fault).into_response()
            }
            Handled::Left => return false,
        };
        if let Some(inlet) = &inlet {
            inlet.answered();
        }
        form.keep_alive &= !target.closes_connections();
        let status = response.status().as_u16();
        record.outcome = if is_shed { Outcome::Shed } else { Outcome::Answered(status) };
        let goes_on = self.respond(response, form, inlet.as_deref(), record).await;
        match inlet {
            Some(inlet) => self.read_rest(&inlet, goes_on).await,
            None => goes_on,
        }
    }

    /// Writes a response, and ends its record. Returns whether the connection goes on.
    async fn respond(
        &self,
        response: Response<Body>,
        form: Answered,
        inlet: Option<&Inlet>,
        mut record: Record,
    ) -> bool {
        let connection = &*self.connection;
        let mut respond = match Respond::new(response, form, &mut record.fault) {
            Ok(respond) => respond,
            Err(fault) => {
                connection.break_now(fault).await;
                record.outcome = Outcome::Broken;
                drop(record);
                connection.see_off(fault).await;
                return false;
            }
        };
        let responded = poll_fn(|context| respond.poll(connection, inlet, context)).await;
        let (goes_on, fault) = match responded {
            Responded::Sent { goes_on } if !connection.had_left() => (goes_on, None),
            Responded::Sent { .. } | Responded::Left => {
                record.outcome = Outcome::ClientGone;
                (false, None)
            }
            Responded::Cut(fault) => {
                connection.break_now(fault).await;
                record.outcome = Outcome::Broken;
                (false, Some(fault))
            }
        };
        if respond.counts_if_broken() && fault.is_none() {
            record.fault = None;
        }
        drop(record);
        match fault {
            Some(fault) => connection.see_off(fault).await,
            None if !goes_on => connection.end_sending(),
            None => {}
        }
        goes_on
    }

    /// Reads what is left of a request's body, and takes over what was read behind it.
    async fn read_rest(&mut self, inlet: &Inlet, goes_on: bool) -> bool {
        let is_read = poll_fn(|context| match inlet.poll_rest(context) {
            // What has come by now is read in any case: a socket that is closed with something unread resets its connection.
            Poll::Pending if !goes_on => Poll::Ready(false),
            polled => polled.map(|read| read.is_ok()),
        })
        .await;
        if !inlet.is_at_end() {
            self.connection.leave_unread();
        }
        self.held = inlet.take_behind();
        goes_on && is_read
    }
}

/// Waits for the answer to a request, as long as its client does.
async fn handle(
    mut answering: Answering,
    inlet: Option<&Inlet>,
    connection: &Connection,
    takes_interim: bool,
) -> Handled {
    poll_fn(|context| {
        if let Poll::Ready(response) = poll_answer(&mut answering, connection, context) {
            return Poll::Ready(Handled::Response(response));
        }
        if let Some(inlet) = inlet {
            if let Poll::Ready(fault) = inlet.poll_fault(context) {
                return Poll::Ready(Handled::Refused(fault));
            }
            if !inlet.is_at_end() {
                // Whoever leaves is noticed by the body's end.
                return Poll::Pending;
            }
        }
        connection.poll_left(takes_interim, context).map(|()| Handled::Left)
    })
    .await
}

/// A panic in a handler is a 500, a thread that its work can't have a 503.
fn poll_answer(
    answering: &mut Answering,
    connection: &Connection,
    context: &mut Context<'_>,
) -> Poll<Response<Body>> {
    let poll = || catch_unwind(AssertUnwindSafe(|| answering.as_mut().poll(context)));
    connection.polling(poll).unwrap_or_else(|panic| Poll::Ready(answer_panic(&*panic)))
}

fn answer_panic(panic: &(dyn Any + Send)) -> Response<Body> {
    if let Some(refused) = panic.downcast_ref::<NoThread>() {
        return error::no_thread(*refused).into_response();
    }
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    tracing::error!(panic = text, "a handler panicked");
    error::panicked().into_response()
}

fn refusal(fault: BodyFault) -> Refusal {
    let status = match fault {
        BodyFault::Late => StatusCode::REQUEST_TIMEOUT,
        BodyFault::Cut => StatusCode::BAD_REQUEST,
        BodyFault::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
    };
    Refusal::new(status, fault.to_string())
}
