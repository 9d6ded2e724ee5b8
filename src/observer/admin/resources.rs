//! `GET /resources.csv`: the run's rows as they stand in its directory, for whoever looks at the live page.

use std::fs::File;
use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::{io, path::Path};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body::{Frame, SizeHint};

use super::Target;
use super::openapi::figures;
use crate::http::Refusal;
use crate::http::openapi::operation::{Described, string};
use crate::run_files::RESOURCES;

/// Read at once, on the observer's thread: few enough that a tick is not late for it.
const PIECE: usize = 64 * 1024;

/// What the route is.
pub fn describe(_: bool) -> Described {
    figures("The rows of the run so far, from its directory")
        .answers("200", "As they stand there", "text/csv; charset=utf-8", string())
        .refuses(&[404])
}

/// What is there when it is asked for; rows that come later are left out.
pub async fn resources(State(target): State<Target>) -> Result<Response, Refusal> {
    let Some(directory) = &target.run_directory else {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            "this run has no directory: it was started without --run-dir",
        ));
    };
    let rows = Rows::open(&directory.join(RESOURCES))
        .map_err(|error| Refusal::new(StatusCode::NOT_FOUND, format!("{RESOURCES} can't be read: {error}")))?;
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/csv; charset=utf-8")),
        (header::CONTENT_DISPOSITION, HeaderValue::from_static("attachment; filename=\"resources.csv\"")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    Ok((headers, Body::new(rows)).into_response())
}

/// A file from its begin to where it ended when it was opened.
struct Rows {
    file: File,
    left: u64,
}

impl Rows {
    fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let left = file.metadata()?.len();
        Ok(Self { file, left })
    }
}

impl http_body::Body for Rows {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = vec![0; PIECE.min(usize::try_from(self.left).unwrap_or(PIECE))];
        let read = match self.file.read(&mut piece) {
            Ok(0) => return Poll::Ready(Some(Err(io::ErrorKind::UnexpectedEof.into()))),
            Ok(read) => read,
            Err(error) => return Poll::Ready(Some(Err(error))),
        };
        piece.truncate(read);
        self.left -= read as u64;
        Poll::Ready(Some(Ok(Frame::data(piece.into()))))
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
