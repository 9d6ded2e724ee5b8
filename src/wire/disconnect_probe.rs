//! A client that has ended its sending direction: has it left, or does it wait for its answer?
//!
//! The kernel shows the same of both. While a request is served the client is sent a `100 Continue`, which whoever
//! still reads must ignore, and which whoever has left answers with a reset. HTTP/1.0 has no interim responses;
//! there a client that has left is noticed when it is answered.

use std::future::Future;
use std::io;
use std::os::fd::BorrowedFd;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

use crate::sys::socket;

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

impl DisconnectProbe {
    /// Looks a first time when the task is polled again: the answer may be at hand, and then nobody needs to be asked.
    pub fn begin(context: &Context<'_>) -> Self {
        context.waker().wake_by_ref();
        Self { asked: false, look: Box::pin(sleep(LOOK)) }
    }

    /// Ready once the client has left. With `takes_interim` the client may be sent a `100 Continue`; `sent` counts it.
    pub fn poll_left(
        &mut self,
        socket: BorrowedFd<'_>,
        takes_interim: bool,
        sent: impl FnOnce(usize),
        context: &mut Context<'_>,
    ) -> Poll<()> {
        let Self { asked, look } = self;
        if !*asked && takes_interim {
            *asked = true;
            match socket::write(socket, CONTINUE) {
                Ok(bytes) if bytes == CONTINUE.len() => sent(bytes),
                // It has room for nothing, so it is asked at the next look.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => *asked = false,
                Ok(_) | Err(_) => return Poll::Ready(()),
            }
        }
        loop {
            if socket::has_failed(socket) {
                return Poll::Ready(());
            }
            ready!(look.as_mut().poll(context));
            look.as_mut().reset(Instant::now() + LOOK);
        }
    }
}
