//! A request's body, read to its end for the handler that leaves some of it.
//!
//! Most routes read no body, and a client may send one all the same. As long as it is read, the connection can
//! go on; hyper by itself gives up what is not in its buffer yet.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::http::StatusCode;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::error::Refusal;
use crate::wire::Connection;

/// From the moment when nobody wants a body until its connection is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// See the module.
pub struct Received {
    /// `None` once it has ended.
    body: Option<Incoming>,
    /// `None` once it was let go.
    rest: Option<Rest>,
}

/// What is done about the rest of a body.
struct Rest {
    connection: Arc<Connection>,
    most: u64,
    refuse: oneshot::Sender<Refusal>,
}

impl Received {
    /// `most` is how much may be read for nobody. With the body comes the refusal that its request deserves if it turns
    /// out to be broken: nobody will notice by reading on that the client has left.
    #[must_use]
    pub fn new(body: Incoming, connection: &Arc<Connection>, most: u64) -> (Self, oneshot::Receiver<Refusal>) {
        let (refuse, refused) = oneshot::channel();
        let rest = Rest { connection: Arc::clone(connection), most, refuse };
        (Self { body: Some(body), rest: Some(rest) }, refused)
    }
}

impl Drop for Received {
    fn drop(&mut self) {
        let (Some(body), Some(rest)) = (self.body.take(), self.rest.take()) else { return };
        // Without a runtime, nobody serves the connection either.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(rest.drain(body));
        }
    }
}

impl Rest {
    /// Reads the rest of a body. hyper goes on with the connection when it has ended, and closes it when it is
    /// dropped before that.
    async fn drain(self, mut body: Incoming) {
        let Self { connection, most, refuse } = self;
        let reading = timeout(PATIENCE, read_to_end(&mut body, most)).await;
        let late = || Err(Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long"));
        if let Err(refusal) = reading.unwrap_or_else(|_| late()) {
            connection.leave_unread();
            // It may have been answered.
            let _ = refuse.send(refusal);
        }
    }
}

async fn read_to_end(body: &mut Incoming, most: u64) -> Result<(), Refusal> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        let cut = |_| Refusal::new(StatusCode::BAD_REQUEST, "the body is cut short or not well-formed");
        read += frame.map_err(cut)?.data_ref().map_or(0, |data| data.len() as u64);
        if read > most {
            return Err(Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over --max-body {most}")));
        }
    }
    Ok(())
}

impl Body for Received {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = std::task::ready!(Pin::new(body).poll_frame(context));
        if !matches!(frame, Some(Ok(_))) {
            self.body = None;
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
