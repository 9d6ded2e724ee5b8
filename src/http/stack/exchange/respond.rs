//! Writes a response: its head, and its body as it comes and as its client takes it. A fault shapes it here.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame};

use crate::http::faults::response_fault::{Drip, ResponseFault};
use crate::http::stack::record::Record;
use crate::wire::{Answered, Connection, ConnectionFault, Framed, Inlet, Outgoing, push_head};

/// So much is collected before it is written.
const ENOUGH: usize = 256 * 1024;

/// So often that is done before other connections get their turn.
const IN_A_ROW: usize = 8;

/// How a response ended.
pub enum Responded {
    /// All of it is with the kernel.
    Sent { goes_on: bool },
    /// A fault ends it here.
    Cut(ConnectionFault),
    /// The client has left, or the body has failed.
    Left,
}

/// What a fault does to a body.
enum Shape {
    None,
    /// So many bytes of it are left, then the connection is broken.
    Truncate(u64),
    /// The connection is broken after what was written.
    Cut,
    Drip(Box<Drip>),
}

/// A response being written.
pub struct Respond {
    body: Body,
    framed: Framed,
    /// How much of a body of known length is to come.
    left: u64,
    shape: Shape,
    outgoing: Outgoing,
    /// The client did not take all of it at once.
    was_blocked: bool,
    /// Nothing more comes of the body.
    end: Option<Responded>,
    goes_on: bool,
}

/// What comes next of a body.
enum Piece {
    Data(Bytes),
    End,
    /// The fault ends it.
    Cut,
    Failed,
}

impl Respond {
    /// Takes what a fault orders out of the response to a request: its mark for the record, or how the connection is broken
    /// instead.
    pub fn new(response: Response<Body>, form: Answered, record: &mut Record) -> Result<Self, ConnectionFault> {
        let (mut parts, body) = response.into_parts();
        record.fault = parts.extensions.remove();
        let length = body.size_hint().exact();
        let shape = match parts.extensions.remove::<ResponseFault>() {
            None => Shape::None,
            Some(ResponseFault::Empty) => return Err(ConnectionFault::End),
            Some(ResponseFault::Reset) => return Err(ConnectionFault::Reset),
            Some(ResponseFault::Malformed) => return Err(ConnectionFault::Malformed),
            Some(ResponseFault::Truncate { bytes }) => Shape::Truncate(bytes),
            Some(ResponseFault::Drip { delay }) => Shape::Drip(Box::new(Drip::new(delay, length))),
        };
        let mut outgoing = Outgoing::default();
        let (mut framed, mut goes_on) = (Framed::Nothing, false);
        outgoing.write(|out| {
            (framed, goes_on) = push_head(out, &parts, length, form, |out| record.exchange.push_spent(out));
        });
        let left = if let Framed::Length(length) = framed { length } else { 0 };
        Ok(Self { body, framed, left, shape, outgoing, was_blocked: false, end: None, goes_on })
    }

    /// Whether the fault is carried out only if the connection is broken: a body may be too short to be cut.
    pub fn counts_if_broken(&self) -> bool {
        matches!(self.shape, Shape::Truncate(_) | Shape::Cut)
    }

    /// Writes what there is, and waits for more.
    pub fn poll(
        &mut self,
        connection: &Connection,
        inlet: Option<&Inlet>,
        context: &mut Context<'_>,
    ) -> Poll<Responded> {
        if let Some(inlet) = inlet
            && inlet.poll_fault(context).is_ready()
        {
            // The response goes on; the connection does not.
            self.goes_on = false;
        }
        for _ in 0..IN_A_ROW {
            if self.was_blocked && ready!(self.poll_flush(connection, context)).is_err() {
                return Poll::Ready(Responded::Left);
            }
            let is_waiting = self.collect(connection, context);
            if ready!(self.poll_flush(connection, context)).is_err() {
                return Poll::Ready(Responded::Left);
            }
            if let Some(end) = self.end.take() {
                return Poll::Ready(end);
            }
            if is_waiting {
                return match inlet {
                    Some(inlet) if !inlet.is_at_end() => Poll::Pending,
                    _ => connection.poll_left(false, context).map(|()| Responded::Left),
                };
            }
        }
        context.waker().wake_by_ref();
        Poll::Pending
    }

    fn poll_flush(&mut self, connection: &Connection, context: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        let polled = connection.poll_send(context, &mut self.outgoing);
        self.was_blocked |= polled.is_pending();
        polled
    }

    /// Collects what the body has. Returns whether it waits for more.
    fn collect(&mut self, connection: &Connection, context: &mut Context<'_>) -> bool {
        while self.end.is_none() && self.outgoing.len() < ENOUGH && !self.outgoing.is_full() {
            let was_blocked = std::mem::take(&mut self.was_blocked);
            match connection.polling_body(was_blocked, || self.poll_piece(context)) {
                Poll::Pending => return true,
                Poll::Ready(Piece::Data(data)) => self.frame(data),
                Poll::Ready(Piece::End) => self.finish(),
                Poll::Ready(Piece::Cut) => self.end = Some(Responded::Cut(ConnectionFault::End)),
                Poll::Ready(Piece::Failed) => self.end = Some(Responded::Left),
            }
        }
        false
    }

    fn frame(&mut self, mut data: Bytes) {
        match self.framed {
            Framed::Nothing => {}
            Framed::Length(_) => {
                // What is more than was said would be taken for the next response.
                data.truncate(usize::try_from(self.left).unwrap_or(usize::MAX));
                self.left -= data.len() as u64;
                self.outgoing.push(data);
            }
            Framed::Chunked if data.is_empty() => {}
            Framed::Chunked => {
                let size = format!("{:x}\r\n", data.len());
                self.outgoing.write(|out| out.extend_from_slice(size.as_bytes()));
                self.outgoing.push(data);
                self.outgoing.write(|out| out.extend_from_slice(b"\r\n"));
            }
            Framed::UntilClose => self.outgoing.push(data),
        }
    }

    fn finish(&mut self) {
        if self.framed == Framed::Chunked {
            self.outgoing.write(|out| out.extend_from_slice(b"0\r\n\r\n"));
        }
        // Less than was said: only the end of the connection tells the client.
        let is_short = self.left > 0;
        self.end = Some(if is_short { Responded::Left } else { Responded::Sent { goes_on: self.goes_on } });
    }

    fn poll_piece(&mut self, context: &mut Context<'_>) -> Poll<Piece> {
        let Self { body, framed, left, shape, .. } = self;
        if *framed == Framed::Nothing {
            return Poll::Ready(Piece::End);
        }
        let polled = match shape {
            Shape::None if *left == 0 && matches!(framed, Framed::Length(_)) => return Poll::Ready(Piece::End),
            Shape::Drip(drip) => drip.poll_frame(body, context),
            Shape::Truncate(0) if body.size_hint().lower() > 0 => return Poll::Ready(Piece::Cut),
            Shape::Cut => return Poll::Ready(Piece::Cut),
            Shape::None | Shape::Truncate(_) => Pin::new(body).poll_frame(context),
        };
        let frame: Frame<Bytes> = match ready!(polled) {
            Some(Ok(frame)) => frame,
            Some(Err(_)) => return Poll::Ready(Piece::Failed),
            None => return Poll::Ready(Piece::End),
        };
        // Trailers are for whoever asks for them, which nobody can.
        let mut data = frame.into_data().unwrap_or_default();
        if let Shape::Truncate(left) = shape {
            let most = usize::try_from(*left).unwrap_or(usize::MAX);
            if data.len() > most {
                data.truncate(most);
                *shape = Shape::Cut;
            } else {
                *left -= data.len() as u64;
            }
        }
        Poll::Ready(Piece::Data(data))
    }
}
