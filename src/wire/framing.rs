//! Where messages begin and end in what a client sends, and the refusals that hyper leaves out.
//!
//! hyper parses and frames by itself, but it is lenient in ways that its service can't see: of Content-Length beside
//! Transfer-Encoding it drops the first before anybody can look; trailers may hold a bare LF, behind which another
//! recipient sees another request; a target that doesn't fit its buffer is a 431. So [`Framing`] follows the same
//! bytes, once, before hyper gets them, and makes the ambiguous unparsable: hyper then refuses it as it refuses any
//! other broken request, whole or in pieces, pipelined or not.
//!
//! It decides nothing else. Where it is laxer than hyper (it looks at no more than it needs), hyper refuses, and
//! what follows is never read. It also tells head from body, which the timeouts need.

use memchr::{memchr, memrchr};

/// From so many bytes on, a target is too long: what is left of the 32 KiB of a head must have room for the rest of
/// the request line.
pub const TARGET: usize = 31 * 1024;

/// Put over what follows in a longer one. To hyper the head is whole then, and its service can refuse the target.
const CUT: &[u8] = b" HTTP/1.1\r\n\r\n";

/// What no parser takes in the place of a header's colon.
const POISON: u8 = 0;

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
    /// So much of [`CUT`] is written.
    Cutting(usize),
    /// It is written; nothing more is handed on.
    Cut,
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
    /// The byte before was a CR.
    after_cr: bool,
    /// This head's Content-Length, once it has one.
    length: Option<u64>,
    /// This head has a Transfer-Encoding.
    coded: bool,
}

impl Default for Framing {
    fn default() -> Self {
        Self { place: Place::Between, line: 0, after_cr: false, length: None, coded: false }
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
        use Place::{
            Between, Body, Broken, ChunkData, ChunkEnd, ChunkExtension, ChunkSize, Cut, Cutting, LengthValue, Line,
            LineStart, Name, RequestLine, Trailers,
        };
        match self.place {
            Between | Cut => Part::None,
            RequestLine | LineStart | Name(..) | Line | LengthValue | Cutting(_) => Part::Head,
            Body(_) | ChunkSize(..) | ChunkExtension(_) | ChunkData(_) | ChunkEnd | Trailers | Broken => Part::Body,
        }
    }

    /// Whether nothing that comes is handed on any more.
    #[must_use]
    pub fn is_over(&self) -> bool {
        matches!(self.place, Place::Cut | Place::Broken)
    }

    /// Follows what was read, and changes it where it must not be understood. Returns how much of it to hand on;
    /// less than all of it is the end of the stream.
    pub fn follow(&mut self, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            at += match self.place {
                Place::Between => self.between(bytes[at]),
                Place::RequestLine => self.request_line(&bytes[at..]),
                Place::LineStart => self.line_start(bytes[at]),
                Place::Name(field, matched) => self.name(field, matched, &mut bytes[at]),
                Place::Line => self.line(&bytes[at..]),
                Place::LengthValue => self.length_value(bytes[at]),
                Place::Body(left) => self.data(left, bytes.len() - at, Place::Body, Place::Between),
                Place::ChunkSize(digits, size) => self.chunk_size(digits, size, bytes[at]),
                Place::ChunkExtension(size) => self.chunk_extension(size, &bytes[at..]),
                Place::ChunkData(left) => self.data(left, bytes.len() - at, Place::ChunkData, Place::ChunkEnd),
                Place::ChunkEnd => self.chunk_end(bytes[at]),
                Place::Trailers => self.trailers(bytes[at]),
                Place::Cutting(written) => self.cut(written, &mut bytes[at]),
                Place::Cut | Place::Broken => return at,
            };
        }
        at
    }

    fn go(&mut self, place: Place) -> usize {
        self.place = place;
        1
    }

    fn between(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' | b'\n' => 1,
            _ => {
                *self = Self { place: Place::RequestLine, ..Self::default() };
                0
            }
        }
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
            self.line = 0;
            self.place = Place::Cutting(0);
        }
        rest.len()
    }

    fn line_start(&mut self, byte: u8) -> usize {
        match byte {
            b'\r' => 1,
            b'\n' => self.head_ended(),
            b'c' | b'C' => self.go(Place::Name(Field::Length, 1)),
            b't' | b'T' => self.go(Place::Name(Field::Coding, 1)),
            _ => self.go(Place::Line),
        }
    }

    fn head_ended(&mut self) -> usize {
        self.go(match (self.coded, self.length) {
            (true, _) => Place::ChunkSize(0, 0),
            (false, Some(length)) if length > 0 => Place::Body(length),
            (false, _) => Place::Between,
        })
    }

    fn name(&mut self, field: Field, matched: usize, byte: &mut u8) -> usize {
        match field.name().get(matched) {
            Some(wanted) if byte.to_ascii_lowercase() == *wanted => self.go(Place::Name(field, matched + 1)),
            None if *byte == b':' => {
                // Two lines that frame the body, whichever they are: what it is depends on who reads it.
                if self.coded || self.length.is_some() {
                    *byte = POISON;
                    return self.go(Place::Line);
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

    fn cut(&mut self, written: usize, byte: &mut u8) -> usize {
        *byte = CUT[written];
        self.go(if written + 1 == CUT.len() { Place::Cut } else { Place::Cutting(written + 1) })
    }

    fn breaks(&mut self) -> usize {
        self.place = Place::Broken;
        0
    }
}

#[cfg(test)]
mod tests;
