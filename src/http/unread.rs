//! A request's body: held to its limits for the handler that reads it, and read to its end for the one that leaves
//! some of it.
//!
//! Most routes read no body, and a client may send one all the same. As long as it is read, the connection can
//! go on; hyper by itself gives up what is not in its buffer yet.
//!
//! A handler sees no broken body: its request is refused instead, and it is dropped where it waits for more. Only
//! when its response has begun is there nothing left but to break that off.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
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

use crate::wire::{BodyTimeout, Connection};

/// From the moment when nobody wants a body until its connection is given up.
const PATIENCE: Duration = Duration::from_secs(15);

/// See the module.
pub struct Received {
    /// `None` once it has ended.
    body: Option<Incoming>,
    /// `None` once it was let go.
    rest: Option<Rest>,
    /// How much the handler has read.
    read: u64,
    patience: BodyTimeout,
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
        (Self { body: Some(body), rest: Some(rest), read: 0, patience: BodyTimeout::default() }, refused)
    }

    /// What is wrong with the next frame, or its lack.
    fn check(
        &mut self,
        frame: Poll<Option<Result<Frame<Bytes>, hyper::Error>>>,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Frame<Bytes>>, Refusal>> {
        let Poll::Ready(frame) = frame else {
            return match self.patience.poll_lost(self.read, context) {
                Poll::Ready(()) => Poll::Ready(Err(late())),
                Poll::Pending => Poll::Pending,
            };
        };
        self.patience.heard();
        let Some(frame) = frame.transpose().map_err(|_| cut())? else { return Poll::Ready(Ok(None)) };
        self.read += frame.data_ref().map_or(0, |data| data.len() as u64);
        match &self.rest {
            Some(Rest { most, .. }) if self.read > *most => Poll::Ready(Err(too_large(*most))),
            Some(_) | None => Poll::Ready(Ok(Some(frame))),
        }
    }

    /// Nobody reads on.
    fn refuse(&mut self, refusal: Refusal) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.body = None;
        let Some(Rest { connection, most: _, refuse }) = self.rest.take() else { return Poll::Ready(None) };
        connection.leave_unread();
        match refuse.send(refusal) {
            // The handler waits until it is dropped.
            Ok(()) => Poll::Pending,
            Err(refusal) => Poll::Ready(Some(Err(io::Error::other(refusal.error)))),
        }
    }
}

fn late() -> Refusal {
    Refusal::new(StatusCode::REQUEST_TIMEOUT, "the body takes too long")
}

fn cut() -> Refusal {
    Refusal::new(StatusCode::BAD_REQUEST, "the body is cut short or not well-formed")
}

fn too_large(most: u64) -> Refusal {
    Refusal::new(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is over --max-body {most}"))
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
        if let Err(refusal) = reading.unwrap_or_else(|_| Err(late())) {
            connection.leave_unread();
            // It may have been answered.
            let _ = refuse.send(refusal);
        }
    }
}

async fn read_to_end(body: &mut Incoming, most: u64) -> Result<(), Refusal> {
    let mut read = 0;
    while let Some(frame) = body.frame().await {
        read += frame.map_err(|_| cut())?.data_ref().map_or(0, |data| data.len() as u64);
        if read > most {
            return Err(too_large(most));
        }
    }
    Ok(())
}

impl Body for Received {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let Some(body) = &mut self.body else { return Poll::Ready(None) };
        let frame = Pin::new(body).poll_frame(context);
        match ready!(self.check(frame, context)) {
            Ok(Some(frame)) => Poll::Ready(Some(Ok(frame))),
            Ok(None) => {
                self.body = None;
                Poll::Ready(None)
            }
            Err(refusal) => self.refuse(refusal),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    fn size_hint(&self) -> SizeHint {
        self.body.as_ref().map_or_else(|| SizeHint::with_exact(0), Body::size_hint)
    }
}
