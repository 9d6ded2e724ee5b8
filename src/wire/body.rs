//! A request's body, pulled from the socket by whoever wants it, in the connection's own task.
//!
//! The handler has an [`Incoming`], the connection's loop the [`Inlet`] behind it. A handler sees no broken body: the loop
//! refuses its request instead, and drops it where it waits for more. Only when its response has begun does the body end
//! with an error. What a handler leaves of a body, the loop reads and forgets.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};
use http_body::{Body, Frame, SizeHint};
use tokio::time::{Sleep, sleep};

use super::chunks::{Decoded, Decoder};
use super::disconnect_probe::CONTINUE;
use super::head::BodyLength;
use super::{BodyTimeout, Connection};
use crate::limit::Limit;
use crate::sys::lock;
use crate::units;

/// How much is read at once.
const ROOM: usize = 64 * 1024;

/// From the moment when nobody wants a body until its connection is given up.
const UNWANTED: Duration = Duration::from_secs(15);

/// What is wrong with a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyFault {
    /// It takes too long.
    Late,
    /// It is cut short, or not well-formed.
    Cut,
    /// It has more than so many bytes.
    TooLarge(Limit<units::Bytes>),
}

impl fmt::Display for BodyFault {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Late => formatter.write_str("the body takes too long"),
            Self::Cut => formatter.write_str("the body is cut short or not well-formed"),
            Self::TooLarge(limit) => write!(formatter, "the body is over {limit}"),
        }
    }
}

impl std::error::Error for BodyFault {}

/// A body on its way in.
pub struct Inlet {
    connection: Arc<Connection>,
    state: Mutex<State>,
}

struct State {
    decoder: Decoder,
    /// Read, and not taken.
    buffered: BytesMut,
    limit: Limit<units::Bytes>,
    /// How much has been taken.
    taken: u64,
    /// What of [`CONTINUE`] is still to be sent.
    continues: &'static [u8],
    /// The response has begun.
    is_answered: bool,
    /// Nobody wants the rest.
    is_unwanted: bool,
    fault: Option<BodyFault>,
    timeout: BodyTimeout,
    alarm: Option<Pin<Box<Sleep>>>,
}

impl Inlet {
    /// A body of this length, of which `buffered` has been read by now. No more of it than the limit is taken.
    #[must_use]
    pub fn new(
        connection: &Arc<Connection>,
        length: BodyLength,
        buffered: BytesMut,
        limit: Limit<units::Bytes>,
        expects_continue: bool,
    ) -> Arc<Self> {
        let state = State {
            decoder: Decoder::new(length),
            // Who has begun to send it does not wait.
            continues: if expects_continue && buffered.is_empty() { CONTINUE } else { &[] },
            buffered,
            limit,
            taken: 0,
            is_answered: false,
            is_unwanted: false,
            fault: None,
            timeout: BodyTimeout::default(),
            alarm: None,
        };
        Arc::new(Self { connection: Arc::clone(connection), state: Mutex::new(state) })
    }

    /// What is wrong with it, before its response has begun; reads what nobody wants. For the connection's loop.
    pub fn poll_fault(&self, context: &mut Context<'_>) -> Poll<BodyFault> {
        let mut state = self.state();
        if let Some(fault) = state.fault {
            return Poll::Ready(fault);
        }
        if !state.is_unwanted {
            return Poll::Pending;
        }
        match state.poll_rest(&self.connection, context) {
            Poll::Ready(Err(fault)) => Poll::Ready(fault),
            Poll::Ready(Ok(())) | Poll::Pending => Poll::Pending,
        }
    }

    /// Reads it to its end, for nobody.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn poll_rest(&self, context: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        let mut state = self.state();
        state.is_unwanted = true;
        state.poll_rest(&self.connection, context)
    }

    /// The response begins: the client is not told to go on any more.
    pub fn answered(&self) {
        let mut state = self.state();
        state.is_answered = true;
        state.continues = &[];
    }

    /// Whether all of it has been read.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.state().decoder.is_at_end()
    }

    /// What was read behind it.
    #[must_use]
    pub fn take_behind(&self) -> BytesMut {
        std::mem::take(&mut self.state().buffered)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }
}

impl State {
    /// The next piece; `None` at the end.
    fn poll_piece(
        &mut self,
        connection: &Connection,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Bytes>, BodyFault>> {
        loop {
            match self.decoder.decode(&mut self.buffered) {
                Decoded::Data(data) => {
                    self.taken += data.len() as u64;
                    let is_over = self.taken > self.limit.most.0;
                    return Poll::Ready(if is_over {
                        Err(BodyFault::TooLarge(self.limit))
                    } else {
                        Ok(Some(data))
                    });
                }
                Decoded::End => return Poll::Ready(Ok(None)),
                Decoded::Broken => return Poll::Ready(Err(BodyFault::Cut)),
                Decoded::More => {}
            }
            while !self.continues.is_empty() {
                match ready!(connection.poll_send_some(context, self.continues)) {
                    Ok(sent) => self.continues.advance(sent),
                    Err(_) => return Poll::Ready(Err(BodyFault::Cut)),
                }
            }
            let left = self.decoder.left().and_then(|left| usize::try_from(left).ok()).unwrap_or(ROOM);
            self.buffered.reserve(left.clamp(1, ROOM));
            match ready!(connection.poll_receive(context, &mut self.buffered)) {
                Ok(0) | Err(_) => return Poll::Ready(Err(BodyFault::Cut)),
                Ok(_) => {}
            }
        }
    }

    fn poll_rest(&mut self, connection: &Connection, context: &mut Context<'_>) -> Poll<Result<(), BodyFault>> {
        if let Some(fault) = self.fault {
            return Poll::Ready(Err(fault));
        }
        let fault = loop {
            match self.poll_piece(connection, context) {
                Poll::Ready(Ok(Some(_))) => {}
                Poll::Ready(Ok(None)) => return Poll::Ready(Ok(())),
                Poll::Ready(Err(fault)) => break fault,
                Poll::Pending => {
                    let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep(UNWANTED)));
                    ready!(alarm.as_mut().poll(context));
                    break BodyFault::Late;
                }
            }
        };
        self.fault = Some(fault);
        Poll::Ready(Err(fault))
    }

    fn poll_wanted(
        &mut self,
        connection: &Connection,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, BodyFault>>> {
        let fault = match self.fault {
            Some(fault) => fault,
            None => match self.poll_piece(connection, context) {
                Poll::Ready(Ok(piece)) => {
                    self.timeout.heard();
                    return Poll::Ready(piece.map(Ok));
                }
                Poll::Ready(Err(fault)) => fault,
                Poll::Pending => {
                    connection.awaits_body();
                    ready!(self.timeout.poll_lost(self.taken, context));
                    BodyFault::Late
                }
            },
        };
        self.fault = Some(fault);
        if self.is_answered {
            return Poll::Ready(Some(Err(fault)));
        }
        // The loop refuses the request, and drops whoever waits here: it looks when its handler waits.
        context.waker().wake_by_ref();
        Poll::Pending
    }
}

/// A body as a handler reads it.
pub struct Incoming(pub Arc<Inlet>);

impl Body for Incoming {
    type Data = Bytes;
    type Error = BodyFault;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BodyFault>>> {
        let Inlet { connection, state } = &*self.0;
        lock(state).poll_wanted(connection, context).map(|piece| piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.0.is_at_end()
    }

    fn size_hint(&self) -> SizeHint {
        self.0.state().decoder.left().map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        self.0.state().is_unwanted = true;
    }
}
