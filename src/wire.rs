//! The socket as we need it, between the kernel and hyper.
//!
//! It counts bytes, keeps the kernel's arrival stamp of what it read, and ends the record of a request when hyper's
//! flush after its body is done: hyper drops a body *before* it writes it, so the body cannot tell. What comes in
//! passes `framing`, which ends the stream in front of what must not be served.
//!
//! A client that has ended its sending direction has left, or waits for its answer: [`Departure`] finds out. hyper is
//! not told while a request is served.
//!
//! A [`Connection`] is what the socket, the requests on it and the worker's sweep share. All of them live on
//! one thread; the atomics are there because the router wants `Send + Sync`, and cost plain loads and stores.

mod answer;
mod arrival;
mod body;
mod body_timeout;
mod breakage;
mod chunks;
mod connection;
mod departure;
mod framing;
mod head;
mod http2;
mod linger;
mod link;
mod standing;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

pub use answer::{Answered, Framed, push_head, push_instant};
pub use body::{BodyFault, Incoming, Inlet};
pub use body_timeout::BodyTimeout;
pub use breakage::Breakage;
pub use connection::{Connection, Ending, Gauge};
pub use departure::Departure;
use framing::Framing;
pub use framing::{HEAD, HEADER_LINES, Refused, TARGET};
pub use head::{BadHead, BodyLength, Head, Progress, Room, parse};
pub use http2::go_away;
use hyper::rt::{Read, ReadBufCursor, Write};
pub use linger::{linger, read_some};
pub use link::Outgoing;
pub use standing::{Phase, Timeouts};

use crate::scoreboard::Rejection;
use crate::sys::socket::{self, Received};

/// Up to this size, copying a response's parts together costs less than having the kernel look at each.
const SMALL: usize = 512;

/// A connected socket, as hyper reads and writes it.
pub struct Wire {
    departure: Arc<Departure>,
    framing: Framing,
    /// hyper waits for what the framing has refused.
    is_refused: bool,
    /// Whether anything was read.
    is_opened: bool,
    /// The other protocol that the connection began with.
    other_protocol: Option<Rejection>,
}

impl Wire {
    /// Registers the connection's socket with the runtime.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn new(connection: Arc<Connection>) -> io::Result<Self> {
        let departure = Arc::new(Departure::new(connection)?);
        let framing = Framing::default();
        Ok(Self { departure, framing, is_refused: false, is_opened: false, other_protocol: None })
    }

    /// Waits until there is something to read, or the end of the stream. Until then a connection costs this
    /// socket and its task, and none of hyper's buffers.
    ///
    /// # Errors
    /// When the runtime ends.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(self.departure.socket.poll_read_ready(context))?.retain_ready();
        Poll::Ready(Ok(()))
    }

    /// What it shares with the requests.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        self.departure.connection()
    }

    /// Tells those who serve its requests whether the client has left.
    #[must_use]
    pub fn departure(&self) -> &Arc<Departure> {
        &self.departure
    }

    /// Why what was read last is no request, if that ended the connection.
    #[must_use]
    pub fn rejection(&self, error: Option<&hyper::Error>) -> Option<Rejection> {
        let unparsed = || {
            let error = error.filter(|error| error.is_parse())?;
            Some(match () {
                () if error.is_parse_too_large() => Rejection::LargeHead,
                () if says_how_long(error) => Rejection::BadFraming,
                () => Rejection::BadSyntax,
            })
        };
        let refused = || {
            self.refused().map(|refused| match refused {
                Refused::Http2 => Rejection::Http2,
                Refused::LongTarget => Rejection::LongTarget,
                Refused::LongHead | Refused::ManyHeaderLines => Rejection::LargeHead,
                Refused::FramedTwice => Rejection::BadFraming,
            })
        };
        let rejected = refused().or_else(unparsed)?;
        Some(self.other_protocol.unwrap_or(rejected))
    }

    /// See [`linger()`].
    pub async fn linger(&self, most: usize) {
        linger(&self.departure.socket, most).await;
    }

    /// Why the connection ends without an answer from hyper, if the framing has ended it.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        self.framing.refused().filter(|_| self.is_refused)
    }

    /// Nothing more comes. hyper is told when it would wait for it, and not when an answer is on its way: it would
    /// drop that.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.connection();
        let waits = connection.phase() != Phase::Busy || self.framing.is_in_body();
        if waits || connection.is_broken() {
            self.is_refused = true;
            return Poll::Ready(Ok(()));
        }
        if self.framing.is_over() {
            connection.await_idle(context);
            return Poll::Pending;
        }
        self.departure.poll_left(context).map(Ok)
    }
}

/// Whether hyper could not make out how long the body is: of its reasons it tells no more than a sentence.
fn says_how_long(error: &hyper::Error) -> bool {
    let sentence = error.to_string();
    ["content-length", "transfer-encoding"].iter().any(|header| sentence.contains(header))
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { departure, framing, is_opened, other_protocol, is_refused: _ } = &mut *self;
        let watched = &departure.socket;
        if framing.is_over() {
            return self.poll_end(context);
        }
        loop {
            let connection: &Connection = watched.get_ref();
            let Poll::Ready(ready) = watched.poll_read_ready(context) else {
                if framing.is_in_body() {
                    connection.awaits_body();
                }
                return Poll::Pending;
            };
            let mut ready = ready?;
            let room = buffer.remaining();
            match socket::receive(connection.socket(), &mut buffer, connection.keeps_times(), |bytes| {
                if !std::mem::replace(is_opened, true) {
                    *other_protocol = Rejection::of_opening(bytes);
                }
                framing.follow(bytes)
            }) {
                Ok(Received { bytes: 0, .. }) => return self.poll_end(context),
                Ok(received) => {
                    let handed_on = room - buffer.remaining();
                    // With edge-triggered epoll a short read says that nothing is left: spares the read that
                    // would only return EAGAIN. The end of the stream stays marked as ready.
                    if received.bytes < room {
                        ready.clear_ready();
                    }
                    connection.received(received, framing.is_in_head(), framing.is_in_body());
                    return if handed_on == 0 { self.poll_end(context) } else { Poll::Ready(Ok(())) };
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Wire {
    fn poll_send(
        &self,
        context: &mut Context<'_>,
        wanted: usize,
        send: impl Fn() -> io::Result<usize>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Poll::Ready(ready) = self.departure.socket.poll_write_ready(context) else {
                self.connection().stalled();
                return Poll::Pending;
            };
            let mut ready = ready?;
            match send() {
                Ok(bytes) => {
                    if bytes > 0 && bytes < wanted {
                        ready.clear_ready();
                    }
                    self.connection().sent(bytes);
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let connection = self.connection();
        connection.set_unflushed(true);
        self.poll_send(context, bytes.len(), || socket::write(connection.socket(), bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let connection = self.connection();
        connection.set_unflushed(true);
        let wanted = parts.iter().map(|part| part.len()).sum();
        let mut small = [0; SMALL];
        match gather(parts, wanted, &mut small) {
            Some(bytes) => self.poll_send(context, wanted, || socket::write(connection.socket(), bytes)),
            None => self.poll_send(context, wanted, || socket::write_vectored(connection.socket(), parts)),
        }
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    /// hyper calls this once its own buffer is written: the requests whose bodies ended before are done.
    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.connection();
        connection.set_unflushed(false);
        if (self.departure.is_suspected() || connection.has_unread()) && socket::has_failed(connection.socket()) {
            // It had left, and resets what it is sent.
            connection.broken();
        }
        connection.flushed(self.framing.is_in_head());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.refused().is_some() {
            // The refusal is still to be sent.
            return Poll::Ready(Ok(()));
        }
        match socket::end_sending(self.connection().socket()) {
            Err(error) if error.kind() != io::ErrorKind::NotConnected => Poll::Ready(Err(error)),
            _ => Poll::Ready(Ok(())),
        }
    }
}

/// The parts in one piece, if they are small.
fn gather<'a>(parts: &[IoSlice<'_>], length: usize, room: &'a mut [u8; SMALL]) -> Option<&'a [u8]> {
    let whole = room.get_mut(..length)?;
    let mut rest = &mut *whole;
    for part in parts {
        let (place, after) = rest.split_at_mut(part.len());
        place.copy_from_slice(part);
        rest = after;
    }
    Some(whole)
}

impl Drop for Wire {
    fn drop(&mut self) {
        self.connection().broken();
    }
}
