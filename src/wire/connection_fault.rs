//! Breaking a connection on purpose, so that the client sees exactly the break that was ordered.

use std::future::poll_fn;
use std::io;
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Connection;
use super::linger::linger;
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
pub enum ConnectionFault {
    /// An orderly end (FIN) after what has been written, if anything.
    End,
    /// A reset (RST). Over a unix socket, which has none, an end.
    Reset,
    /// A response whose chunks can't be parsed, then an end.
    Malformed,
}

impl Connection {
    /// Breaks the connection. All that is to arrive before that has been written.
    pub async fn break_now(&self, fault: ConnectionFault) {
        match fault {
            ConnectionFault::End => {}
            ConnectionFault::Reset => {
                self.arrived().await;
                socket::disconnect(self.socket());
            }
            ConnectionFault::Malformed => {
                self.send_last(MALFORMED).await;
            }
        }
        if fault != ConnectionFault::Reset {
            // The client may be gone.
            let _ = socket::end_sending(self.socket());
        }
    }

    /// After that: has an end arrive as an end, and not as a reset.
    pub async fn see_off(&self, fault: ConnectionFault) {
        if fault != ConnectionFault::Reset {
            linger(&self.socket, LINGER_BYTES).await;
        }
    }

    /// Waits until the client's side has acknowledged everything, within bounds.
    async fn arrived(&self) {
        let deadline = Instant::now() + PATIENCE;
        while socket::unacknowledged(self.socket()) > 0 && Instant::now() < deadline {
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
            sent += poll_fn(|context| self.poll_send_some(context, &bytes[sent..])).await?;
        }
        Ok(())
    }
}
