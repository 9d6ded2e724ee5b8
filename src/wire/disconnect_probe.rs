//! A client that has ended its sending direction: has it left, or does it wait for its answer?
//!
//! The kernel shows the same of both. While a request is served the client is sent a `100 Continue`, which whoever
//! still reads must ignore, and which whoever has left answers with a reset. HTTP/1.0 has no interim responses;
//! there a client that has left is noticed when it is answered.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use super::connection::Connection;
use crate::sys::{lock, socket};

/// What any client must be able to ignore before its answer (RFC 9110, 15.2).
pub const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";

/// How often a client that has ended its sending direction is looked at for its reset. The closed state of a
/// descriptor stays ready, so that epoll can't be waited for.
const LOOK: Duration = Duration::from_millis(50);

/// What is known of a client that sends no more.
pub struct DisconnectProbe {
    asked: bool,
    look: Pin<Box<Sleep>>,
}

impl Connection {
    /// Whether the client has ended its sending direction, as far as anybody has asked.
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        lock(&self.probe).is_some()
    }

    /// For whoever serves a request and has to wait: ready once its client has left. `takes_interim` says whether a
    /// `100 Continue` may be written now. The request's body must have been read to its end.
    ///
    /// A client that sends on is looked at when that is read.
    pub fn poll_left(&self, takes_interim: bool, context: &mut Context<'_>) -> Poll<()> {
        let closed = ready!(self.socket.poll_read_ready(context)).is_ok_and(|guard| guard.ready().is_read_closed());
        if !closed {
            return Poll::Pending;
        }
        let mut probe = lock(&self.probe);
        let Some(DisconnectProbe { asked, look }) = &mut *probe else {
            *probe = Some(DisconnectProbe { asked: false, look: Box::pin(sleep(LOOK)) });
            // The answer may be at hand; then nobody needs to be asked.
            context.waker().wake_by_ref();
            return Poll::Pending;
        };
        if !*asked && takes_interim {
            *asked = true;
            match socket::write(self.socket(), CONTINUE) {
                Ok(bytes) if bytes == CONTINUE.len() => self.sent(bytes),
                // It has room for nothing, so it is asked at the next look.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => *asked = false,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        loop {
            if socket::has_failed(self.socket()) {
                return Poll::Ready(());
            }
            ready!(look.as_mut().poll(context));
            look.as_mut().reset(Instant::now() + LOOK);
        }
    }
}
