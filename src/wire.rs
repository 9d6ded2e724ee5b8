//! The socket as we need it, between the kernel and hyper.
//!
//! It counts bytes, keeps the kernel's arrival stamp of what it read, and ends the record of a request when hyper's
//! flush after its body is done: hyper drops a body *before* it writes it, so the body cannot tell. What comes in
//! passes `framing`, which makes unparsable what different readers would understand differently.
//!
//! A client that has ended its sending direction has left, or waits for its answer: the kernel shows the same of
//! both. hyper would take it for gone. Here hyper is not told while a request is served; instead the client is
//! sent a `100 Continue`, which whoever still reads must ignore, and which whoever has left answers with a reset.
//! HTTP/1.0 has no interim responses; there a client that has left is noticed when it is answered.
//!
//! A [`Connection`] is what the socket, the requests on it and the worker's sweep share. All of them live on
//! one thread; the atomics are there because the router wants `Send + Sync`, and cost plain loads and stores.

mod breakage;
mod connection;
mod framing;
mod linger;

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

pub use breakage::Breakage;
pub use connection::{Connection, Ending, Gauge, Phase, Timeouts};
use framing::Framing;
pub use framing::TARGET;
use hyper::rt::{Read, ReadBufCursor, Write};
pub use linger::{linger, read_some};
use tokio::time::{Instant, Sleep, sleep};

use crate::sys::readiness::Watched;
use crate::sys::socket::{self, Received};

/// Up to this size, copying a response's parts together costs less than having the kernel look at each.
const SMALL: usize = 512;

/// What any client must be able to ignore before its answer (RFC 9110, 15.2).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How often a client that has ended its sending direction is looked at for its reset. The closed state of a
/// descriptor stays ready, so that epoll can't be waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A connected socket, as hyper reads and writes it.
pub struct Wire {
    socket: Watched<Arc<Connection>>,
    framing: Framing,
    /// hyper has something to write that the kernel has not all taken.
    unflushed: bool,
    ended: Option<Ended>,
}

/// A client that sends no more and waits for an answer, or has left.
struct Ended {
    asked: bool,
    look: Pin<Box<Sleep>>,
}

impl Wire {
    /// Registers the connection's socket with the runtime.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn new(connection: Arc<Connection>) -> io::Result<Self> {
        let socket = Watched::new(connection)?;
        Ok(Self { socket, framing: Framing::default(), unflushed: false, ended: None })
    }

    /// Waits until there is something to read, or the end of the stream. Until then a connection costs this
    /// socket and its task, and none of hyper's buffers.
    ///
    /// # Errors
    /// When the runtime ends.
    pub async fn readable(&self) -> io::Result<()> {
        self.socket.readable().await?.retain_ready();
        Ok(())
    }

    /// What it shares with the requests.
    #[must_use]
    pub fn connection(&self) -> &Arc<Connection> {
        self.socket.get_ref()
    }

    /// See [`linger()`].
    pub async fn linger(&self, most: usize) {
        linger(&self.socket, most).await;
    }

    /// Nothing more comes. hyper is told when it would wait for it, and not when an answer is on its way: it would
    /// drop that.
    fn poll_end(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = self.connection();
        let waits = connection.phase() != Phase::Busy || self.framing.is_in_body();
        if waits || connection.is_broken() {
            return Poll::Ready(Ok(()));
        }
        // What was cut is refused by the gate, which closes.
        if self.framing.is_over() { Poll::Pending } else { self.poll_left(context) }
    }

    /// Waits until the client has left. It may as well be waiting for its answer, and never leave.
    fn poll_left(&mut self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let connection = Arc::clone(self.connection());
        let Some(Ended { asked, look }) = &mut self.ended else {
            self.ended = Some(Ended { asked: false, look: Box::pin(sleep(LOOK)) });
            // The answer may be at hand; then nobody needs to be asked.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if !*asked && !self.unflushed && connection.takes_interim() {
            *asked = true;
            match socket::write(connection.socket(), CONTINUE) {
                Ok(bytes) if bytes == CONTINUE.len() => connection.sent(bytes),
                // It has room for nothing, so it is asked at the next look.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => *asked = false,
                Ok(_) | Err(_) => return Poll::Ready(Ok(())),
            }
        }
        loop {
            if socket::has_failed(connection.socket()) {
                return Poll::Ready(Ok(()));
            }
            ready!(look.as_mut().poll(context));
            look.as_mut().reset(Instant::now() + LOOK);
        }
    }
}

impl Read for Wire {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        mut buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { socket: watched, framing, .. } = &mut *self;
        if framing.is_over() {
            return self.poll_end(context);
        }
        loop {
            let mut ready = ready!(watched.poll_read_ready(context))?;
            let connection: &Connection = watched.get_ref();
            let room = buffer.remaining();
            match socket::receive(connection.socket(), &mut buffer, |bytes| framing.follow(bytes)) {
                Ok(Received { bytes: 0, .. }) => return self.poll_end(context),
                Ok(received) => {
                    // With edge-triggered epoll a short read says that nothing is left: spares the read that
                    // would only return EAGAIN. The end of the stream stays marked as ready.
                    if received.bytes < room {
                        ready.clear_ready();
                    }
                    connection.received(received, framing.is_in_head());
                    return Poll::Ready(Ok(()));
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
            let Poll::Ready(ready) = self.socket.poll_write_ready(context) else {
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
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.unflushed = true;
        let connection = self.connection();
        self.poll_send(context, bytes.len(), || socket::write(connection.socket(), bytes))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.unflushed = true;
        let connection = self.connection();
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
    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.unflushed = false;
        let connection = self.connection();
        if (self.ended.is_some() || connection.has_unread()) && socket::has_failed(connection.socket()) {
            // It had left, and resets what it is sent.
            connection.broken();
        }
        connection.flushed(self.framing.is_in_head());
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
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
