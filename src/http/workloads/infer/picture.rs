//! A picture on its way in: the body itself, or the first file of a form.

use std::convert::Infallible;
use std::mem::take;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed};
use std::task::{Context, Poll, ready};

use axum::body::Body;
use axum::http::{StatusCode, header};
use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt;
use multer::{Field, Multipart};

use crate::http::error::Refusal;
use crate::http::stack::handler::Argument;
use crate::http::stack::request::Request;
use crate::http::target::Target;
use crate::http::workloads::mem::unavailable;
use crate::work::memory::Share;

/// What a form may send before its first file: boundaries, part headers, other fields.
const BEFORE_FILE: usize = 64 * 1024;

/// What a form must be like.
const ALLOWED: &str = "send a form with a file, as curl -F image=@flag.png does, or the picture alone as the body";

/// A body that holds a picture, and what its request says of it.
pub struct Sent {
    body: Body,
    /// What separates the parts of the form, if the body is one.
    boundary: Option<Result<String, multer::Error>>,
}

impl Argument for Sent {
    type Refusal = Infallible;

    async fn take(request: &mut Request) -> Result<Self, Infallible> {
        let kind = request.headers.get().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let is_form = |kind: &&str| {
            let start = kind.get(.."multipart/".len());
            start.is_some_and(|start| start.eq_ignore_ascii_case("multipart/"))
        };
        let boundary = kind.filter(is_form).map(multer::parse_boundary);
        Ok(Self { body: take(&mut request.body), boundary })
    }
}

impl Sent {
    /// Reads the picture, and takes the memory for it from what the worker may hold.
    ///
    /// # Errors
    /// A form without a file; no memory. A body that breaks is refused by whoever reads it: see `crate::wire`.
    pub async fn read(self, target: &Target) -> Result<(Bytes, Share), Refusal> {
        let Self { body, boundary } = self;
        let mut picture = Collected::new(target)?;
        match boundary {
            None => {
                let mut body = body;
                while let Some(Ok(frame)) = body.frame().await {
                    if let Some(piece) = frame.data_ref() {
                        picture.take(piece)?;
                    }
                }
            }
            Some(boundary) => {
                let boundary = boundary.map_err(|error| broken_form(&error))?;
                let search = Arc::new(Search { is_on: AtomicBool::new(true), pauses: AtomicUsize::new(0) });
                let before = BeforeFile { body, search: Arc::clone(&search), passed: 0, rest: Bytes::new() };
                let mut form = Multipart::new(before, boundary);
                let mut file = first_file(&mut form, &search).await?;
                search.is_on.store(false, Relaxed);
                while let Some(piece) = file.chunk().await.map_err(|error| broken_form(&error))? {
                    picture.take(&piece)?;
                }
            }
        }
        Ok((picture.bytes.freeze(), picture.share))
    }
}

/// Passes over the parts that are no file.
async fn first_file<'f>(form: &mut Multipart<'f>, search: &Search) -> Result<Field<'f>, Refusal> {
    while let Some(field) = form.next_field().await.map_err(|error| broken_form(&error))? {
        if field.file_name().is_some() {
            return Ok(field);
        }
        search.pauses.store(0, Relaxed);
    }
    Err(Refusal::new(
        StatusCode::BAD_REQUEST,
        format!("no part of the form has a filename that can be read, as a file's has; {ALLOWED}"),
    ))
}

fn broken_form(error: &multer::Error) -> Refusal {
    let reason = match error {
        // The sentence of `BeforeFile`, without multer's around it.
        multer::Error::StreamReadFailed(error) => error.to_string(),
        error => error.to_string(),
    };
    Refusal::new(StatusCode::BAD_REQUEST, format!("the form can't be read: {reason}; {ALLOWED}"))
}

/// A picture's bytes so far, and the worker's memory that they take.
struct Collected<'a> {
    target: &'a Target,
    bytes: BytesMut,
    share: Share,
}

impl<'a> Collected<'a> {
    fn new(target: &'a Target) -> Result<Self, Refusal> {
        let share = target.memory.share(0).map_err(|reason| unavailable(&reason, &target.config))?;
        Ok(Self { target, bytes: BytesMut::new(), share })
    }

    fn take(&mut self, piece: &[u8]) -> Result<(), Refusal> {
        let before = self.bytes.capacity();
        // As much as it has: what grows by a piece at a time is copied each time.
        if self.bytes.capacity() - self.bytes.len() < piece.len() {
            self.bytes.reserve(piece.len().max(self.bytes.len()));
        }
        let more = self.bytes.capacity().saturating_sub(before) as u64;
        self.share.grow(more, &self.target.memory).map_err(|reason| unavailable(&reason, &self.target.config))?;
        self.bytes.extend_from_slice(piece);
        Ok(())
    }
}

/// A form's bytes, for the parser. Until it has found a file, it is given at most [`BEFORE_FILE`] of them, in whatever pieces
/// they come.
struct BeforeFile {
    body: Body,
    search: Arc<Search>,
    /// How many the parser has been given.
    passed: usize,
    /// What has been received, and not given to the parser yet.
    rest: Bytes,
}

/// How far the search for the first file is: known to who asks the parser for parts, and to who gives it bytes.
struct Search {
    is_on: AtomicBool,
    /// How often the parser was told that nothing has come yet, since the last part that is no file. See [`PAUSES`].
    pauses: AtomicUsize,
}

/// The parser takes all bytes that have come before it looks at any. So, once it was given [`BEFORE_FILE`] of them, it is told
/// that no more have come; then it looks at what it has, and asks again. Each time it gets one step further: to the end of a
/// part, or through one piece of the next part's head. If there is no file after so many steps, the bytes that it has hold none.
const PAUSES: usize = 8;

impl futures_core::Stream for BeforeFile {
    type Item = Result<Bytes, Box<dyn std::error::Error + Send + Sync>>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        while self.rest.is_empty() {
            match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => self.rest = frame.into_data().unwrap_or_default(),
                // Its request is refused, and this given up: see `unread`.
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let is_before = self.search.is_on.load(Relaxed);
        let most = if is_before { BEFORE_FILE.saturating_sub(self.passed) } else { usize::MAX };
        if most == 0 {
            if self.search.pauses.fetch_add(1, Relaxed) >= PAUSES {
                let sentence = format!("it has more than {BEFORE_FILE} bytes before its first file");
                return Poll::Ready(Some(Err(sentence.into())));
            }
            // As if nothing had come yet.
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        let length = most.min(self.rest.len());
        self.passed += length;
        Poll::Ready(Some(Ok(self.rest.split_to(length))))
    }
}
