//! A client that has ended its sending direction: has it left, or does it wait for its answer?
//!
//! The kernel shows the same of both. While a request is served the client is sent a `100 Continue`, which whoever
//! still reads must ignore, and which whoever has left answers with a reset. HTTP/1.0 has no interim responses;
//! there a client that has left is noticed when it is answered.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::connection::Connection;
use super::standing::Phase;
use crate::sys::readiness::Watched;
use crate::sys::{lock, socket};

/// What any client must be able to ignore before its answer (RFC 9110, 15.2).
const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How often a client that has ended its sending direction is looked at for its reset. The closed state of a
/// descriptor stays ready, so that epoll can't be waited for.
const LOOK: Duration = Duration::from_millis(50);

/// A connection's socket on the runtime, watched by what reads it and by what serves its requests. Both are the
/// same task.
pub struct Departure {
    /// The socket, on the runtime.
    pub socket: Watched<Arc<Connection>>,
    ended: Mutex<Option<Ended>>,
}

/// A client that sends no more.
struct Ended {
    asked: bool,
    look: Pin<Box<Sleep>>,
}

impl Departure {
    /// Registers the connection's socket with the runtime.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says.
    pub fn new(connection: Arc<Connection>) -> io::Result<Self> {
        Ok(Self { socket: Watched::new(connection)?, ended: Mutex::default() })
    }

    /// What its requests and the sweep share.
    pub fn connection(&self) -> &Arc<Connection> {
        self.socket.get_ref()
    }

    /// Whether the client has ended its sending direction, as far as anybody has asked.
    pub fn is_suspected(&self) -> bool {
        self.ended().is_some()
    }

    /// For whoever serves a request and has to wait: ready once its client has left. hyper is told to leave that to
    /// us, because it can't tell a client that has left from one that waits, and takes a read buffer for each look.
    ///
    /// A client that sends on (the rest of a body, a further request) is looked at when that is read.
    pub fn poll(&self, context: &mut Context<'_>) -> Poll<()> {
        let connection = self.connection();
        if connection.phase() != Phase::Busy || connection.is_in_body() {
            return Poll::Pending;
        }
        let closed = ready!(self.socket.poll_read_ready(context)).is_ok_and(|guard| guard.ready().is_read_closed());
        if closed { self.poll_left(context) } else { Poll::Pending }
    }

    /// Waits until the client, which has ended its sending direction, has left. It may as well never leave.
    pub(super) fn poll_left(&self, context: &mut Context<'_>) -> Poll<()> {
        let connection = self.connection();
        let mut ended = self.ended();
        let Some(Ended { asked, look }) = &mut *ended else {
            *ended = Some(Ended { asked: false, look: Box::pin(sleep(LOOK)) });
            // The answer may be at hand; then nobody needs to be asked.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if !*asked && !connection.is_unflushed() && connection.takes_interim() {
            *asked = true;
            match socket::write(connection.socket(), CONTINUE) {
                Ok(bytes) if bytes == CONTINUE.len() => connection.sent(bytes),
                // It has room for nothing, so it is asked at the next look.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => *asked = false,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        loop {
            if socket::has_failed(connection.socket()) {
                return Poll::Ready(());
            }
            ready!(look.as_mut().poll(context));
            look.as_mut().reset(Instant::now() + LOOK);
        }
    }

    fn ended(&self) -> MutexGuard<'_, Option<Ended>> {
        lock(&self.ended)
    }
}
