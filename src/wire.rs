//! A connection's socket, and HTTP/1.1 as it comes and goes on it.
//!
//! ```text
//! socket → transfer (counts, arrival stamps) → head → body (length or chunks) … answer → transfer → socket
//! ```
//!
//! Nothing here knows routes: the loop that serves a connection is [`crate::http::Stack`].
//!
//! A [`Connection`] is what that loop, the requests on it and the worker's sweep share. All of them live on one thread; the
//! atomics are there because the router wants `Send + Sync`, and cost plain loads and stores.

mod answer;
mod arrival;
mod body;
mod body_timeout;
mod chunks;
mod connection;
mod connection_fault;
mod connection_state;
mod disconnect_probe;
mod head;
mod http2;
mod linger;
mod transfer;

pub use answer::{Answered, Framed, push_head, push_instant};
pub use body::{BodyFault, Incoming, Inlet};
pub use body_timeout::BodyTimeout;
pub use chunks::{Decoded, Decoder};
pub use connection::{Connection, Ending, Gauge};
pub use connection_fault::ConnectionFault;
pub use connection_state::{Phase, Timeouts};
pub use head::{BadHead, BodyLength, HEAD, Head, Progress, Room, each_line, parse, parse_whole};
pub use http2::go_away;
pub use linger::{linger, read_some};
pub use transfer::Outgoing;
