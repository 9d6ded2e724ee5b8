//! Reading and writing a connection's socket in its own task, with what is counted and timed of both.

use std::cell::Cell;
use std::collections::VecDeque;
use std::io::{self, IoSlice};
use std::mem::take;
use std::task::{Context, Poll, ready};

use bytes::{Buf, BufMut, Bytes};

use super::Connection;
use crate::sys::socket;

/// Up to this size, copying a piece costs less than having the kernel look at it by itself.
const SMALL: usize = 2 * 1024;

/// So many pieces are written at once.
const PIECES: usize = 16;

/// Of the buffers of small pieces, one that has no more room than this is kept for the next answer.
const KEPT: usize = 16 * 1024;

thread_local! {
    /// The buffer of an answer that was sent, of the worker that runs on this thread.
    static SPARE: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// What is to be written, in order.
#[derive(Debug)]
pub struct Outgoing {
    pieces: VecDeque<Bytes>,
    /// Small pieces in one, behind all others.
    small: Vec<u8>,
    /// So many bytes of `small` are sent.
    small_sent: usize,
    bytes: usize,
}

impl Default for Outgoing {
    fn default() -> Self {
        Self {
            pieces: VecDeque::new(),
            small: SPARE.try_with(Cell::take).unwrap_or_default(),
            small_sent: 0,
            bytes: 0,
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        let mut small = take(&mut self.small);
        // It has none once it is among the pieces; another answer may have left one meanwhile.
        if (1..=KEPT).contains(&small.capacity()) {
            small.clear();
            // A thread that ends has none.
            let _ = SPARE.try_with(|spare| spare.set(small));
        }
    }
}

impl Outgoing {
    /// Where the next bytes are written to, whoever writes them, with their number counted afterwards.
    pub fn write(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        let before = self.small.len();
        write(&mut self.small);
        self.bytes += self.small.len() - before;
    }

    /// Appends a piece.
    pub fn push(&mut self, piece: Bytes) {
        if piece.len() <= SMALL {
            return self.write(|small| small.extend_from_slice(&piece));
        }
        if !self.small.is_empty() {
            let small = Bytes::from(take(&mut self.small));
            self.pieces.push_back(small.slice(take(&mut self.small_sent)..));
        }
        self.bytes += piece.len();
        self.pieces.push_back(piece);
    }

    /// How much there is.
    #[must_use]
    pub fn len(&self) -> usize {
        self.bytes
    }

    /// Whether there is nothing.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.bytes == 0
    }

    /// Whether it has as many pieces as are written at once.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.pieces.len() >= PIECES
    }

    fn send(&self, connection: &Connection) -> io::Result<usize> {
        let socket = connection.socket();
        if self.pieces.is_empty() {
            return socket::write(socket, &self.small[self.small_sent..]);
        }
        let mut parts = [IoSlice::new(&[]); PIECES + 1];
        let pieces = self.pieces.iter().take(PIECES).map(|piece| &piece[..]);
        let small = (self.pieces.len() <= PIECES).then_some(&self.small[self.small_sent..]);
        let mut count = 0;
        for (part, piece) in parts.iter_mut().zip(pieces.chain(small)) {
            *part = IoSlice::new(piece);
            count += 1;
        }
        socket::write_vectored(socket, &parts[..count])
    }

    fn advance(&mut self, mut sent: usize) {
        self.bytes -= sent;
        while let Some(piece) = self.pieces.front_mut() {
            if sent < piece.len() {
                return piece.advance(sent);
            }
            sent -= piece.len();
            self.pieces.pop_front();
        }
        self.small_sent += sent;
        if self.small_sent == self.small.len() {
            self.small.clear();
            self.small_sent = 0;
        }
    }
}

impl Connection {
    /// Reads into the room that `buffer` has. 0 is the end of the stream.
    ///
    /// # Errors
    /// What the kernel says: the client has reset the connection.
    pub fn poll_receive(&self, context: &mut Context<'_>, buffer: &mut impl BufMut) -> Poll<io::Result<usize>> {
        loop {
            let mut ready = ready!(self.socket.poll_read_ready(context))?;
            let room = buffer.chunk_mut().len();
            match socket::receive(self.socket(), buffer, self.keeps_times()) {
                Ok(received) => {
                    let bytes = received.bytes;
                    // With edge-triggered epoll a short read says that nothing is left: spares the read that
                    // would only return EAGAIN. The end of the stream stays marked as ready.
                    if bytes > 0 && bytes < room {
                        ready.clear_ready();
                    }
                    if bytes > 0 {
                        self.received(received);
                    }
                    return Poll::Ready(Ok(bytes));
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => ready.clear_ready(),
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
    }

    /// Writes all of it.
    ///
    /// # Errors
    /// What the kernel says: the client has left.
    pub fn poll_send(&self, context: &mut Context<'_>, outgoing: &mut Outgoing) -> Poll<io::Result<()>> {
        while !outgoing.is_empty() {
            match outgoing.send(self) {
                Ok(bytes) => {
                    self.sent(bytes);
                    outgoing.advance(bytes);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let Poll::Ready(ready) = self.poll_room(context) else {
                        self.stalled();
                        return Poll::Pending;
                    };
                    ready?;
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        Poll::Ready(Ok(()))
    }

    /// Writes some of it.
    ///
    /// # Errors
    /// What the kernel says: the client has left.
    pub fn poll_send_some(&self, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        loop {
            let sent = self.send_now(bytes)?;
            if sent > 0 {
                return Poll::Ready(Ok(sent));
            }
            ready!(self.poll_room(context))?;
        }
    }

    /// After the kernel took nothing: waits until it says that there is room again. Most of the time it has some, and
    /// nobody needs to have been told so.
    fn poll_room(&self, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.socket.poll_write_ready(context).map(|ready| ready.map(|mut ready| ready.clear_ready()))
    }

    /// Writes what the socket has room for.
    ///
    /// # Errors
    /// What the kernel says: the client has left.
    pub fn send_now(&self, bytes: &[u8]) -> io::Result<usize> {
        match socket::write(self.socket(), bytes) {
            Ok(sent) => {
                self.sent(sent);
                Ok(sent)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(0),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_keep_their_order_whatever_is_sent_of_them() {
        let large = |byte: u8| Bytes::from(vec![byte; SMALL + 1]);
        for step in [1, 7, SMALL, 3 * SMALL] {
            let mut outgoing = Outgoing::default();
            outgoing.push("head".into());
            outgoing.push(large(b'a'));
            outgoing.push("\r\n".into());
            outgoing.push("5\r\n".into());
            outgoing.push(large(b'b'));
            outgoing.write(|small| small.extend_from_slice(b"end"));
            let mut sent = Vec::new();
            while !outgoing.is_empty() {
                let all: Vec<u8> = outgoing
                    .pieces
                    .iter()
                    .flatten()
                    .chain(&outgoing.small[outgoing.small_sent..])
                    .copied()
                    .collect();
                assert_eq!(all.len(), outgoing.len());
                let taken = step.min(all.len());
                sent.extend_from_slice(&all[..taken]);
                outgoing.advance(taken);
            }
            let expected = [b"head", &large(b'a')[..], b"\r\n5\r\n", &large(b'b'), b"end"].concat();
            assert_eq!(sent, expected, "steps of {step}");
        }
    }
}
