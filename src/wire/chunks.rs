//! What frames a body: its length, or chunks with their trailers (RFC 9112, 7.1). Trailers are checked and left out:
//! no route asks for any.

use bytes::{Buf, Bytes, BytesMut};
use memchr::memchr;

use super::head::{BodyLength, HEADER_LINES};

/// All lines of a body's chunks, their sizes aside, have less bytes than this; and so have its trailers.
const MOST: usize = 16 * 1024;

/// A chunk's size has at most so many digits: all that 64 bits need. More of them would be zeros without end.
const DIGITS: usize = 16;

/// What comes next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Next {
    /// So many bytes of a body that has a length.
    Body(u64),
    /// A chunk's size, and the rest of its line.
    Size,
    /// So many bytes of a chunk.
    Chunk(u64),
    /// The CR and LF after one.
    ChunkEnd,
    Trailers,
    /// Nothing.
    End,
}

/// What was made of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Decoded {
    /// A piece of the body.
    Data(Bytes),
    /// More bytes are needed.
    More,
    /// The body has ended.
    End,
    /// It is not well-formed.
    Broken,
}

/// Takes a body out of what comes in.
#[derive(Debug)]
pub struct Decoder {
    next: Next,
    /// So many bytes of what is incomplete have no LF.
    searched: usize,
    /// Bytes of the lines of chunks, their sizes aside.
    extensions: usize,
}

impl Decoder {
    /// Of a body of this length.
    #[must_use]
    pub fn new(length: BodyLength) -> Self {
        let next = match length {
            BodyLength::Known(0) => Next::End,
            BodyLength::Known(length) => Next::Body(length),
            BodyLength::Chunked => Next::Size,
        };
        Self { next, searched: 0, extensions: 0 }
    }

    /// Whether all of the body has been taken.
    #[must_use]
    pub fn is_at_end(&self) -> bool {
        self.next == Next::End
    }

    /// How much is still to come, if it has a length.
    #[must_use]
    pub fn left(&self) -> Option<u64> {
        match self.next {
            Next::Body(left) => Some(left),
            Next::End => Some(0),
            Next::Size | Next::Chunk(_) | Next::ChunkEnd | Next::Trailers => None,
        }
    }

    /// Takes what belongs to the body from the start of `bytes`.
    pub fn decode(&mut self, bytes: &mut BytesMut) -> Decoded {
        loop {
            match self.next {
                Next::End => return Decoded::End,
                _ if bytes.is_empty() => return Decoded::More,
                Next::Body(left) => return self.data(left, bytes, Next::Body, Next::End),
                Next::Chunk(left) => return self.data(left, bytes, Next::Chunk, Next::ChunkEnd),
                Next::ChunkEnd => match &bytes[..] {
                    [b'\r', b'\n', ..] => {
                        bytes.advance(2);
                        self.next = Next::Size;
                    }
                    [b'\r'] => return Decoded::More,
                    _ => return Decoded::Broken,
                },
                Next::Size => {
                    let Some(end) = self.line_end(bytes) else {
                        let is_long = bytes.len() > DIGITS + MOST;
                        return if is_long { Decoded::Broken } else { Decoded::More };
                    };
                    let Some((size, extension)) = size(&bytes[..end]) else { return Decoded::Broken };
                    self.extensions += extension;
                    if self.extensions > MOST {
                        return Decoded::Broken;
                    }
                    bytes.advance(end);
                    self.next = if size == 0 { Next::Trailers } else { Next::Chunk(size) };
                }
                Next::Trailers => match self.trailers_end(bytes) {
                    Some(end) if end <= MOST && are_trailers(&bytes[..end]) => {
                        bytes.advance(end);
                        self.next = Next::End;
                    }
                    None if bytes.len() <= MOST => return Decoded::More,
                    Some(_) | None => return Decoded::Broken,
                },
            }
        }
    }

    fn data(&mut self, left: u64, bytes: &mut BytesMut, more: fn(u64) -> Next, then: Next) -> Decoded {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let left = left - taken as u64;
        self.next = if left == 0 { then } else { more(left) };
        Decoded::Data(bytes.split_to(taken).freeze())
    }

    /// Where the first line ends; what was searched is not searched again.
    fn line_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let end = memchr(b'\n', &bytes[self.searched..]).map(|at| self.searched + at + 1);
        self.searched = if end.is_some() { 0 } else { bytes.len() };
        end
    }

    /// Where the empty line behind the trailers ends.
    fn trailers_end(&mut self, bytes: &[u8]) -> Option<usize> {
        let mut from = self.searched;
        while let Some(at) = memchr(b'\n', &bytes[from..]) {
            let end = from + at + 1;
            let before = &bytes[..end];
            // A line of LF alone ends them for some; for us it makes them none.
            if before.len() <= 2 || before.ends_with(b"\n\r\n") || before.ends_with(b"\n\n") {
                self.searched = 0;
                return Some(end);
            }
            from = end;
        }
        self.searched = bytes.len();
        None
    }
}

/// A chunk's size and the length of what stands behind it in its line, which ends with CR and LF.
fn size(line: &[u8]) -> Option<(u64, usize)> {
    let digits = line.iter().take_while(|byte| byte.is_ascii_hexdigit()).count();
    if digits == 0 || digits > DIGITS {
        return None;
    }
    let text = std::str::from_utf8(&line[..digits]).ok()?;
    let size = u64::from_str_radix(text, 16).ok()?;
    let extension = line[digits..].strip_suffix(b"\r\n")?;
    let begins = extension.trim_ascii_start();
    let is_extension = begins.is_empty() || begins.starts_with(b";");
    (is_extension && memchr(b'\r', extension).is_none()).then_some((size, extension.len()))
}

/// Whether these are header lines, each ended by CR and LF.
fn are_trailers(bytes: &[u8]) -> bool {
    let is_ended = |(at, _): (usize, &u8)| at > 0 && bytes[at - 1] == b'\r';
    let mut ends = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
    let mut room = [httparse::EMPTY_HEADER; HEADER_LINES];
    ends.all(is_ended) && httparse::parse_headers(bytes, &mut room).is_ok_and(|read| read.is_complete())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The body in some bytes that come in pieces of this length, and what is left of them; `None` if it is broken or has
    /// no end.
    fn read(bytes: &[u8], piece: usize) -> Option<(Vec<u8>, usize)> {
        let mut decoder = Decoder::new(BodyLength::Chunked);
        let (mut come, mut body) = (BytesMut::new(), Vec::new());
        let mut pieces = bytes.chunks(piece);
        loop {
            match decoder.decode(&mut come) {
                Decoded::Data(data) => body.extend_from_slice(&data),
                Decoded::More => come.extend_from_slice(pieces.next()?),
                Decoded::End => return Some((body, come.len())),
                Decoded::Broken => return None,
            }
        }
    }

    #[test]
    fn chunks_come_in_any_pieces() {
        let bytes = b"5;a=b\r\nhello\r\n00006 \r\n world\r\n0\r\nX: y\r\n\r\nGET";
        for piece in 1..bytes.len() {
            let (body, left) = read(bytes, piece).unwrap();
            assert_eq!(body, b"hello world", "pieces of {piece}");
            assert!(left <= 3, "pieces of {piece}: nothing of the next request is taken");
        }
    }

    #[test]
    fn what_is_not_well_formed_is_so_in_any_pieces() {
        for bad in [
            "x\r\n",
            "\r\n",
            "-5\r\nhello",
            "0x5\r\nhello",
            " 5\r\nhello",
            "5\nhello",
            "5;a\nb\r\n",
            "5;a\rb\r\n",
            "5 x\r\nhello",
            "5\r\nhello!\r\n",
            "5\r\nhello\n0\r\n",
            "00000000000000005\r\n",
            "0\r\nX y\r\n\r\n",
            "0\r\nX: a\rb\r\n\r\n",
            "0\r\nX: y\n\n",
            "0\r\n\n",
            "0\r\nX: y\n\r\n\r\n",
        ] {
            for piece in [1, 2, 100] {
                assert_eq!(read(bad.as_bytes(), piece), None, "{bad:?} in pieces of {piece}");
            }
        }
    }

    #[test]
    fn extensions_and_trailers_have_limits() {
        let extension = |length: usize| format!("1;{}\r\nx\r\n0\r\n\r\n", "a".repeat(length - 1));
        assert!(read(extension(MOST).as_bytes(), 1_000).is_some());
        assert!(read(extension(MOST + 1).as_bytes(), 1_000).is_none());
        let many = "1;aaaaaaa\r\nx\r\n".repeat(MOST / 8 + 1) + "0\r\n\r\n";
        assert!(read(many.as_bytes(), 1_000).is_none(), "those of all chunks together");
        let trailer = |length: usize| format!("0\r\nX: {}\r\n\r\n", "a".repeat(length));
        assert!(read(trailer(MOST - 10).as_bytes(), 1_000).is_some());
        assert!(read(trailer(MOST + 10).as_bytes(), 1_000).is_none());
    }

    #[test]
    fn a_body_with_a_length_is_as_long() {
        let mut decoder = Decoder::new(BodyLength::Known(5));
        let mut bytes = BytesMut::from(&b"hel"[..]);
        assert_eq!(decoder.decode(&mut bytes), Decoded::Data("hel".into()));
        assert_eq!((decoder.decode(&mut bytes), decoder.left()), (Decoded::More, Some(2)));
        bytes.extend_from_slice(b"lo, and more");
        assert_eq!(decoder.decode(&mut bytes), Decoded::Data("lo".into()));
        assert_eq!((decoder.decode(&mut bytes), &bytes[..]), (Decoded::End, &b", and more"[..]));
    }
}
