//! The answer to a connection over `--max-connections`.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use axum::http::StatusCode;
use tokio::time::timeout;

use crate::http::Refusal;
use crate::limit::Limit;
use crate::sys::readiness::Watched;
use crate::sys::socket;
use crate::wire::{linger, read_some};

/// How long a client that is turned away may take for its head.
const PATIENCE: Duration = Duration::from_secs(1);

/// How much of what a client that is turned away goes on sending is read.
const DRAINED_BYTES: usize = 64 * 1024;

/// Answers a connection over the limit. The head is read first: an answer to a client that is still writing would
/// be lost to a reset.
pub async fn turn_away(socket: OwnedFd, limit: Limit<usize>) {
    let Ok(socket) = Watched::new(socket) else { return };
    let head = async {
        let mut head: Vec<u8> = Vec::new();
        let mut seen = 0;
        while !head[seen..].windows(4).any(|end| end == b"\r\n\r\n") && head.len() < DRAINED_BYTES {
            seen = head.len().saturating_sub(3);
            let read = read_some(&socket).await?;
            if read.is_empty() {
                break;
            }
            head.extend(read);
        }
        io::Result::Ok(())
    };
    // A client that is too slow gets its answer all the same.
    let _ = timeout(PATIENCE, head).await;
    let sentence = format!("this worker has {limit} connections open");
    let answer = Refusal::new(StatusCode::SERVICE_UNAVAILABLE, sentence).as_last_answer(true);
    // Into an empty socket buffer, it always fits.
    let _ = socket::write(socket.get_ref().as_fd(), &answer);
    linger(&socket, DRAINED_BYTES).await;
}
