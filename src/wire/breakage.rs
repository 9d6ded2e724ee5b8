//! Breaking a connection on purpose, so that the client sees exactly the break that was ordered.
//!
//! hyper has been made to let go by then, with everything flushed that is to arrive. What is left is the socket.

use std::io;
use std::time::Duration;

use tokio::io::Interest;
use tokio::time::{Instant, sleep, timeout};

use super::{Departure, Wire, linger};
use crate::sys::socket;

/// How much of what the client goes on to send is read, so that an end arrives as an end and not as a reset.
const LINGER_BYTES: usize = 64 * 1024 * 1024;

/// How long earlier answers may take to arrive before a reset, which would overtake them.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two looks at whether they have.
const LOOK: Duration = Duration::from_millis(1);

/// A 200 whose first chunk has no size, as of `WireMock`'s fault `MALFORMED_RESPONSE_CHUNK`. No hexadecimal digit stands
/// where the size should: a client that reads as far as it can, as curl does, would take that for one.
const MALFORMED: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n\
    no size, with which a chunk begins\r\n";

/// How a connection is broken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Breakage {
    /// An orderly end (FIN) after what has been written, if anything.
    End,
    /// A reset (RST). Over a unix socket, which has none, an end.
    Reset,
    /// A response whose chunks can't be parsed, then an end.
    Malformed,
}

impl Breakage {
    pub(super) const ALL: [Self; 3] = [Self::End, Self::Reset, Self::Malformed];
}

impl Wire {
    /// Breaks the connection, and ends the records of its requests. hyper is gone, and its buffer empty.
    pub async fn break_off(&self, breakage: Breakage) {
        self.departure().break_now(breakage).await;
        self.connection().carried_out();
        self.departure().see_off(breakage).await;
    }

    /// See [`Departure::send_last`].
    pub async fn send_last(&self, bytes: &[u8]) {
        self.departure().send_last(bytes).await;
    }
}

impl Departure {
    /// Breaks the connection. All that is to arrive before that has been written.
    pub async fn break_now(&self, breakage: Breakage) {
        match breakage {
            Breakage::End => {}
            Breakage::Reset => {
                self.arrived().await;
                socket::disconnect(self.connection().socket());
            }
            Breakage::Malformed => {
                self.send_last(MALFORMED).await;
            }
        }
        if breakage != Breakage::Reset {
            // The client may be gone.
            let _ = socket::end_sending(self.connection().socket());
        }
    }

    /// After that: has an end arrive as an end, and not as a reset.
    pub async fn see_off(&self, breakage: Breakage) {
        if breakage != Breakage::Reset {
            linger(&self.socket, LINGER_BYTES).await;
        }
    }

    /// Waits until the client's side has acknowledged everything, within bounds.
    async fn arrived(&self) {
        let deadline = Instant::now() + PATIENCE;
        while socket::unacknowledged(self.connection().socket()) > 0 && Instant::now() < deadline {
            sleep(LOOK).await;
        }
    }

    /// Sends the last that the client gets. One that does not read goes without it.
    pub async fn send_last(&self, bytes: &[u8]) {
        let _ = timeout(PATIENCE, self.send_all(bytes)).await;
    }

    async fn send_all(&self, bytes: &[u8]) -> io::Result<()> {
        let mut sent = 0;
        while sent < bytes.len() {
            let more = self
                .socket
                .async_io(Interest::WRITABLE, |watched| socket::write(watched.socket(), &bytes[sent..]))
                .await?;
            self.connection().sent(more);
            sent += more;
        }
        Ok(())
    }
}
