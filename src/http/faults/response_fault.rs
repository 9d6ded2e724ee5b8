//! Faults of a response: what its head and body show of them. What the socket shows is `wire`'s.
//!
//! Whoever wants one puts a [`ResponseFault`] into the response's extensions, where it is found when the response is
//! written.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame};

use crate::sys::clock;
use crate::work::sleep::sleep;

/// A body that drips comes in so many pieces at most.
const PIECES: u32 = 10;

/// What is done to a response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseFault {
    /// No response: the connection ends (FIN).
    Empty,
    /// No response: the connection is reset (RST).
    Reset,
    /// In its place, a 200 whose chunks can't be parsed, then the end of the connection.
    Malformed,
    /// Its head as it is, so many bytes of its body, and the end of the connection. A body that is not longer arrives
    /// whole, and its request counts as answered.
    Truncate {
        /// Of the body.
        bytes: u64,
    },
    /// Its head at once, its body in ten equal pieces (fewer where it has fewer bytes) at equal distances, the last one
    /// when this has passed. Of a body whose length isn't known, each part that its route makes is a piece.
    Drip {
        /// From the head to the end of the body.
        delay: Duration,
    },
}

impl ResponseFault {
    /// A response with this fault, for those kinds that leave nothing of it.
    #[must_use]
    pub fn alone(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }
}

/// What comes next of a body.
pub type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// A body that drips.
pub struct Drip {
    /// When the head was there (monotonic).
    begun_ns: u64,
    delay: Duration,
    /// While it waits for a piece's time.
    alarm: Option<Pin<Box<dyn Future<Output = u64> + Send>>>,
    /// Of the body, where it is known.
    length: Option<u64>,
    pieces: u32,
    /// Pieces sent, and their bytes.
    piece: u32,
    sent: u64,
    /// Of the body, and not sent yet.
    held: Bytes,
    /// Nothing more comes of the body, which is not asked again.
    ended: bool,
}

impl Drip {
    pub fn new(delay: Duration, length: Option<u64>) -> Self {
        let bytes = length.and_then(|length| u32::try_from(length).ok());
        let pieces = bytes.map_or(PIECES, |bytes| bytes.clamp(1, PIECES));
        let (begun_ns, alarm, held) = (clock::monotonic_ns(), None, Bytes::new());
        Self { begun_ns, delay, alarm, length, pieces, piece: 0, sent: 0, held, ended: false }
    }

    pub fn poll_frame(&mut self, body: &mut Body, context: &mut Context<'_>) -> Polled {
        while self.held.is_empty() && !self.ended {
            match ready!(Pin::new(&mut *body).poll_frame(context)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.held = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.ended = true,
            }
        }
        if self.ended {
            return self.poll_turn(self.pieces, context).map(|()| None);
        }
        let next = self.piece + 1;
        ready!(self.poll_turn(next, context));
        let due = self.length.map_or(u64::MAX, |length| self.boundary(length, next)).saturating_sub(self.sent);
        let data = self.held.split_to(usize::try_from(due).unwrap_or(usize::MAX).min(self.held.len()));
        self.sent += data.len() as u64;
        if self.length.is_none_or(|length| self.sent >= self.boundary(length, next)) {
            self.piece = next;
        }
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    /// Waits for the time of a piece.
    fn poll_turn(&mut self, piece: u32, context: &mut Context<'_>) -> Poll<()> {
        let after = if piece >= self.pieces { self.delay } else { self.delay / self.pieces * piece };
        loop {
            // One for each piece, to its end: it counts how late the loop comes to it.
            if let Some(asleep) = &mut self.alarm {
                ready!(asleep.as_mut().poll(context));
                self.alarm = None;
            }
            let elapsed = Duration::from_nanos(clock::monotonic_ns().saturating_sub(self.begun_ns));
            let Some(left) = after.checked_sub(elapsed).filter(|left| !left.is_zero()) else {
                return Poll::Ready(());
            };
            self.alarm = Some(Box::pin(sleep(left)));
        }
    }

    /// Where in the body a piece ends.
    fn boundary(&self, length: u64, piece: u32) -> u64 {
        let (pieces, piece) = (u64::from(self.pieces), u64::from(piece));
        length / pieces * piece + length % pieces * piece / pieces
    }
}
