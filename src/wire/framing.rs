//! Where messages begin and end in what a client sends, and the refusals that hyper leaves out.
//!
//! hyper parses and frames by itself, but it is lenient in ways that its service can't see: of Content-Length beside
//! Transfer-Encoding it drops the first before anybody can look; trailers may hold a bare LF, behind which another
//! recipient sees another request. What it refuses by itself gets no sentence. So [`Framing`] follows the same bytes,
//! once, before hyper gets them, and ends the stream in front of what must not be served. [`Refused`] says why; the
//! connection is answered by whoever serves it, once hyper has let go.
//!
//! It decides nothing else. Where it is laxer than hyper (it looks at no more than it needs), hyper refuses, and
//! what follows is never read. It also tells head from body, which the timeouts need.

use memchr::{memchr, memrchr};

/// A request's target has less bytes than this.
pub const TARGET: usize = 31 * 1024;

/// A request's head has less bytes than this, the empty lines before it included.
pub const HEAD: u16 = 32 * 1024;

/// A request has at most so many header lines. hyper has room for no more without allocating it for each request.
pub const HEADER_LINES: u8 = 100;

/// How the preface of HTTP/2 begins (RFC 9113, 3.4), up to where hyper would take it for a bad version.
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// Why a head is not handed on any further.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It is the preface of HTTP/2.
    Http2,
    /// Its target has [`TARGET`] bytes.
    LongTarget,
    /// It has [`HEAD`] bytes.
    LongHead,
    /// It has more than [`HEADER_LINES`].
    ManyHeaderLines,
    /// Two of its lines frame the body: what the body is depends on who reads it.
    FramedTwice,
}

/// The two headers that frame a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    Length,
    Coding,
}

impl Field {
    fn name(self) -> &'static [u8] {
        match self {
            Self::Length => b"content-length",
            Self::Coding => b"transfer-encoding",
        }
    }
}

/// What the next byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Between messages; empty lines may stand here.
    Between,
    /// So many bytes of [`PREFACE`].
    Preface(usize),
    RequestLine,
    /// The first byte of a header's line, or of the empty one.
    LineStart,
    /// So many bytes of the line are this field's name.
    Name(Field, usize),
    /// In a line that frames nothing.
    Line,
    LengthValue,
    Body(u64),
    /// So many digits of a chunk's size, and their value.
    ChunkSize(u32, u64),
    /// The rest of the size's line.
    ChunkExtension(u64),
    ChunkData(u64),
    /// The CRLF after the data.
    ChunkEnd,
    Trailers,
    /// The head is refused; nothing more is handed on.
    Refused(Refused),
    /// The body can't be framed; nothing more is handed on.
    Broken,
}

/// What of a message has been seen last.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    /// All of it, or nothing yet.
    None,
    Head,
    Body,
}

/// See the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    place: Place,
    /// Bytes of the request line's last word, or of the trailer's line.
    line: usize,
    /// Bytes since the end of the message before.
    head: u16,
    /// Header lines of this head.
    header_lines: u8,
    /// The byte before was a CR.
    after_cr: bool,
    /// This head's Content-Length, once it has one.
    length: Option<u64>,
    /// This head has a Transfer-Encoding.
    coded: bool,
}

impl Default for Framing {
    fn default() -> Self {
        Self {
            place: Place::Between,
            line: 0,
            head: 0,
            header_lines: 0,
            after_cr: false,
            length: None,
            coded: false,
        }
    }
}

impl Framing {
    /// Whether some of a head has been seen, and not its end.
    #[must_use]
    pub fn is_in_head(&self) -> bool {
        self.part() == Part::Head
    }

    /// Whether the last message seen still lacks some of its body.
    #[must_use]
    pub fn is_in_body(&self) -> bool {
        self.part() == Part::Body
    }

    fn part(&self) -> Part {
        match self.place {
            Place::Between | Place::Refused(_) => Part::None,
            Place::Preface(_)
            | Place::RequestLine
            | Place::LineStart
            | Place::Name(..)
            | Place::Line
            | Place::LengthValue => Part::Head,
            Place::Body(_)
            | Place::ChunkSize(..)
            | Place::ChunkExtension(_)
            | Place::ChunkData(_)
            | Place::ChunkEnd
            | Place::Trailers
            | Place::Broken => Part::Body,
        }
    }

    /// Why the stream ends here, if it does so in a head.
    #[must_use]
    pub fn refused(&self) -> Option<Refused> {
        match self.place {
            Place::Refused(why) => Some(why),
            _ => None,
        }
    }

    /// Whether nothing that comes is handed on any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.place, Place::Refused(_) | Place::Broken)
    }

    /// Follows what was read. Returns how much of it to hand on; less than all of it is the end of the stream.
    pub fn follow(&mut self, bytes: &[u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            at += match self.place {
                Place::Body(left) => self.data(left, bytes.len() - at, Place::Body, Place::Between),
                Place::ChunkSize(digits, size) => self.chunk_size(digits, size, bytes[at]),
                Place::ChunkExtension(size) => self.chunk_extension(size, &bytes[at..]),
                Place::ChunkData(left) => self.data(left, bytes.len() - at, Place::ChunkData, Place::ChunkEnd),
                Place::ChunkEnd => self.chunk_end(bytes[at]),
                Place::Trailers => self.trailers(bytes[at]),
                Place::Refused(_) | Place::Broken => return at,
                Place::Between
                | Place::Preface(_)
                | Place::RequestLine
                | Place::LineStart
                | Place::Name(..)
                | Place::Line
                | Place::LengthValue => self.in_head(&bytes[at..]),
            };
        }
        at
    }

    /// One step in a head, or in front of it.
    fn in_head(&mut self, rest: &[u8]) -> usize {
        // The byte that fills it would make hyper refuse it, without a sentence.
        let room = HEAD - 1 - self.head;
        if room == 0 {
            return self.refuse(Refused::LongHead);
        }
        let rest = &rest[..rest.len().min(usize::from(room))];
        let is_before = self.place == Place::Between;
        let taken = match self.place {
            Place::Between => self.between(rest[0]),
            Place::Preface(matched) => self.preface(matched, rest[0]),
            Place::RequestLine => self.request_line(rest),
            Place::LineStart => self.line_start(rest[0]),
            Place::Name(field, matched) => self.name(field, matched, rest[0]),
            Place::LengthValue => self.length_value(rest[0]),
            _ => self.line(rest),
        };
        let goes_on = is_before || self.is_in_head();
        // What is taken fits the room.
        self.head = if goes_on { self.head + u16::try_from(taken).unwrap_or(room) } else { 0 };
        taken
    }

    fn refuse(&mut self, why: Refused) -> usize {
        self.place = Place::Refused(why);
        0
    }

    fn go(&mut self, place: Place) -> usize {
        self.place = place;
        1
    }

    fn between(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' | b'\n' => 1,
            _ => {
                *self = Self { place: Place::Preface(0), head: self.head, ..Self::default() };
                0
            }
        }
    }

    fn preface(&mut self, matched: usize, byte: u8) -> usize {
        if byte != PREFACE[matched] {
            let last_word = memrchr(b' ', &PREFACE[..matched]).map_or(0, |space| space + 1);
            self.line = matched - last_word;
            self.place = Place::RequestLine;
            return 0;
        }
        if matched + 1 == PREFACE.len() {
            return self.refuse(Refused::Http2);
        }
        self.go(Place::Preface(matched + 1))
    }

    fn request_line(&mut self, rest: &[u8]) -> usize {
        let rest = &rest[..rest.len().min(TARGET - self.line)];
        if let Some(end) = memchr(b'\n', rest) {
            self.line = 0;
            self.place = Place::LineStart;
            return end + 1;
        }
        self.line = memrchr(b' ', rest).map_or(self.line + rest.len(), |space| rest.len() - space - 1);
        if self.line == TARGET {
            self.place = Place::Refused(Refused::LongTarget);
        }
        rest.len()
    }

    fn line_start(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' => 1,
            b'\n' => self.head_ended(),
            _ if self.header_lines == HEADER_LINES => self.refuse(Refused::ManyHeaderLines),
            _ => {
                self.header_lines += 1;
                self.go(match byte {
                    b'c' | b'C' => Place::Name(Field::Length, 1),
                    b't' | b'T' => Place::Name(Field::Coding, 1),
                    _ => Place::Line,
                })
            }
        }
    }

    fn head_ended(&mut self) -> usize {
        self.go(match (self.coded, self.length) {
            (true, _) => Place::ChunkSize(0, 0),
            (false, Some(length)) if length > 0 => Place::Body(length),
            (false, _) => Place::Between,
        })
    }

    fn name(&mut self, field: Field, matched: usize, byte: u8) -> usize {
        match field.name().get(matched) {
            Some(wanted) if byte.to_ascii_lowercase() == *wanted => self.go(Place::Name(field, matched + 1)),
            None if byte == b':' => {
                if self.coded || self.length.is_some() {
                    return self.refuse(Refused::FramedTwice);
                }
                match field {
                    Field::Length => {
                        self.length = Some(0);
                        self.go(Place::LengthValue)
                    }
                    Field::Coding => {
                        self.coded = true;
                        self.go(Place::Line)
                    }
                }
            }
            _ => {
                self.place = Place::Line;
                0
            }
        }
    }

    fn line(&mut self, rest: &[u8]) -> usize {
        let Some(end) = memchr(b'\n', rest) else { return rest.len() };
        self.place = Place::LineStart;
        end + 1
    }

    fn length_value(&mut self, byte: u8) -> usize {
        match byte {
            b'0'..=b'9' => {
                // A value that is too large is for hyper to refuse.
                let length = self.length.unwrap_or(0).saturating_mul(10).saturating_add(u64::from(byte - b'0'));
                self.length = Some(length);
                1
            }
            b'\n' => self.go(Place::LineStart),
            // Space around it, or what makes it no number: also for hyper.
            _ => 1,
        }
    }

    fn data(&mut self, left: u64, there: usize, more: fn(u64) -> Place, then: Place) -> usize {
        let taken = usize::try_from(left).unwrap_or(usize::MAX).min(there);
        let left = left - taken as u64;
        self.place = if left == 0 { then } else { more(left) };
        self.after_cr = false;
        taken
    }

    fn chunk_size(&mut self, digits: u32, size: u64, byte: u8) -> usize {
        let digit = char::from(byte).to_digit(16);
        match digit {
            // Sixteen digits are all that a size can have; more of them would be zeros without end.
            Some(digit) if digits < u64::BITS / 4 => {
                self.go(Place::ChunkSize(digits + 1, size << 4 | u64::from(digit)))
            }
            None if digits > 0 && matches!(byte, b';' | b'\r' | b' ' | b'\t') => {
                self.place = Place::ChunkExtension(size);
                0
            }
            Some(_) | None => self.breaks(),
        }
    }

    fn chunk_extension(&mut self, size: u64, rest: &[u8]) -> usize {
        // hyper bounds it, and wants a CR before the LF.
        let Some(end) = memchr(b'\n', rest) else { return rest.len() };
        self.line = 0;
        self.after_cr = false;
        self.place = if size == 0 { Place::Trailers } else { Place::ChunkData(size) };
        end + 1
    }

    fn chunk_end(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' if !self.after_cr => {
                self.after_cr = true;
                1
            }
            b'\n' if self.after_cr => self.go(Place::ChunkSize(0, 0)),
            _ => self.breaks(),
        }
    }

    fn trailers(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' if !self.after_cr => self.after_cr = true,
            b'\n' if self.after_cr => {
                if self.line == 0 {
                    return self.go(Place::Between);
                }
                self.line = 0;
                self.after_cr = false;
            }
            // A line that ends for some and goes on for others.
            b'\n' => return self.breaks(),
            _ if self.after_cr => return self.breaks(),
            _ => self.line += 1,
        }
        1
    }

    fn breaks(&mut self) -> usize {
        self.place = Place::Broken;
        0
    }
}

#[cfg(test)]
mod tests;
