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
use axum::http::{Method, Response, StatusCode};
use axum::response::IntoResponse;

use super::Stack;
use crate::http::about::docs;
use crate::http::error::{self, Refusal};
use crate::http::stack::gate::{self, Rejected};
use crate::http::stack::handler::Answering;
use crate::http::stack::record::{Exchange, Record};
use crate::http::stack::request::Request;
use crate::scoreboard::Outcome;
use crate::wire::{Answered, BodyFault, BodyLength, Connection, Head, Incoming, Inlet};
use crate::work::NoThread;
use respond::{Respond, Responded};

/// A request that waits to be served.
pub struct Asked {
    request: Box<Request>,
    body: BodyLength,
    form: Answered,
    expects_continue: bool,
}

impl Asked {
    /// What a head asks, whose bytes these are, and which was parsed at `head_ns` (monotonic).
    pub fn of(head: &Head<'_, '_>, bytes: &[u8], head_ns: u64, stack: &Stack) -> Result<Self, Rejected> {
        let Stack { routes, target, connection, .. } = stack;
        let request = Request::of(head, bytes, target, || {
            let counts_as = docs::sends(head).then(|| routes.number(&Method::GET, docs::PATH));
            connection.head_parsed(head_ns);
            Exchange::begin(connection, head_ns, counts_as)
        })?;
        let Head { is_http_11, body, keep_alive, expects_continue, .. } = *head;
        let form = Answered { is_http_11, is_head: request.method == Method::HEAD, keep_alive };
        Ok(Self { request, body, form, expects_continue })
    }
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
    pub(super) async fn exchange(&mut self, asked: Asked) -> bool {
        let Asked { mut request, body, mut form, expects_continue } = asked;
        let (connection, target) = (Arc::clone(&self.connection), self.target.clone());
        let mut record = Record::of(request.exchange.clone());

        let length = if let BodyLength::Known(length) = body { Some(length) } else { None };
        let over =
            gate::limits(&request.method, &request.uri, length, connection.seat().in_flight(), &target.config)
                .err();
        let inlet = (body != BodyLength::Known(0)).then(|| {
            let buffered = take(&mut self.held);
            Inlet::new(&connection, body, buffered, target.config.max_body, expects_continue)
        });
        let handled = if let Some(refusal) = over {
            request.exchange.set_route(self.routes.number(&request.method, request.uri.path()));
            if inlet.is_some() {
                form.keep_alive = false;
                connection.leave_unread();
            }
            Handled::Response(refusal.into_response())
        } else {
            if let Some(inlet) = &inlet {
                request.body = Body::new(Incoming(Arc::clone(inlet)));
            }
            let answering = self.routes.answer(request);
            handle(answering, inlet.as_deref(), &connection, form.is_http_11).await
        };
        let mut response = match handled {
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
        record.outcome = response.extensions_mut().remove().unwrap_or(Outcome::Answered(status));
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
        let mut respond = match Respond::new(response, form, &mut record) {
            Ok(respond) => respond,
            Err(fault) => {
                Box::pin(connection.break_now(fault)).await;
                record.outcome = Outcome::Broken;
                drop(record);
                Box::pin(connection.see_off(fault)).await;
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
                Box::pin(connection.break_now(fault)).await;
                record.outcome = Outcome::Broken;
                (false, Some(fault))
            }
        };
        if respond.counts_if_broken() && fault.is_none() {
            record.fault = None;
        }
        drop(record);
        if let Some(fault) = fault {
            Box::pin(connection.see_off(fault)).await;
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
