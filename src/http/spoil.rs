//! Spoiling a response on purpose: what its head and body show of it. What the socket shows is `wire`'s.
//!
//! Whoever wants a response spoilt puts a [`Spoil`] into its extensions, where the record of the request finds it.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::Body;
use axum::http::Response;
use bytes::Bytes;
use http_body::{Body as _, Frame};

use super::record::Record;
use crate::sys::clock;
use crate::wire::Breakage;
use crate::work::sleep::sleep;

/// A body that drips comes in so many pieces at most.
const PIECES: u32 = 10;

/// How a response is spoilt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Spoil {
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

impl Spoil {
    /// A response to be spoilt so, for those kinds that leave nothing of it.
    #[must_use]
    pub fn alone(self) -> Response<Body> {
        let mut response = Response::new(Body::empty());
        response.extensions_mut().insert(self);
        response
    }

    /// What to do with a response's body; the connection's part, where there will be none.
    pub(super) fn of(self, body: &Body) -> Result<Spoiling, Breakage> {
        match self {
            Self::Empty => Err(Breakage::End),
            Self::Reset => Err(Breakage::Reset),
            Self::Malformed => Err(Breakage::Malformed),
            Self::Truncate { bytes } => Ok(Spoiling::Truncate(Truncate { left: bytes, cutting: false })),
            Self::Drip { delay } => Ok(Spoiling::Drip(Drip::new(delay, body.size_hint().exact()))),
        }
    }
}

/// A connection is to be broken, or its client has left: what makes hyper let go of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Broken;

impl fmt::Display for Broken {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("broken by a fault, or left by the client")
    }
}

impl Error for Broken {}

pub type Polled = Poll<Option<Result<Frame<Bytes>, axum::Error>>>;

/// A body that is being spoilt.
pub(super) enum Spoiling {
    Truncate(Truncate),
    Drip(Drip),
}

impl Spoiling {
    pub fn poll_frame(
        &mut self,
        body: &mut Body,
        record: &mut Option<Record>,
        context: &mut Context<'_>,
    ) -> Polled {
        match self {
            Self::Truncate(truncate) => truncate.poll_frame(body, record, context),
            Self::Drip(drip) => drip.poll_frame(body, context),
        }
    }

    /// Whether nothing is left to be done when the body has ended.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Truncate(Truncate { cutting, .. }) => !cutting,
            Self::Drip(drip) => drip.is_done(),
        }
    }
}

pub(super) struct Truncate {
    left: u64,
    /// The connection ends with the next flush.
    cutting: bool,
}

impl Truncate {
    fn poll_frame(&mut self, body: &mut Body, record: &mut Option<Record>, context: &mut Context<'_>) -> Polled {
        if self.cutting {
            return Self::poll_cut(record, context);
        }
        if self.left == 0 && body.size_hint().lower() > 0 {
            return self.cut(record, context);
        }
        let frame = match ready!(Pin::new(&mut *body).poll_frame(context)) {
            Some(Ok(frame)) => frame,
            ended => return Poll::Ready(ended),
        };
        let mut data = match frame.into_data() {
            Ok(data) => data,
            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
        };
        if self.left == 0 && !data.is_empty() {
            return self.cut(record, context);
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        if data.len() > most {
            data.truncate(most);
            // Of interest when this is asked for more.
            let _ = self.cut(record, context);
        }
        self.left -= data.len() as u64;
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    fn cut(&mut self, record: &mut Option<Record>, context: &mut Context<'_>) -> Polled {
        self.cutting = true;
        if let Some(record) = record {
            record.connection().await_flush(context);
        }
        Poll::Pending
    }

    /// hyper forgets what it has not flushed when its body fails. So it fails after the flush.
    fn poll_cut(record: &mut Option<Record>, context: &mut Context<'_>) -> Polled {
        let Some(waiting) = record else { return Poll::Pending };
        if waiting.connection().awaits_flush() {
            waiting.connection().await_flush(context);
            return Poll::Pending;
        }
        if let Some(record) = record.take() {
            record.break_with(Breakage::End);
        }
        Poll::Ready(Some(Err(axum::Error::new(Broken))))
    }
}

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

    fn is_done(&self) -> bool {
        self.held.is_empty() && (self.length.is_some() || self.piece >= self.pieces)
    }
}
