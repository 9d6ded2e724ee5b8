//! The head of a request: where it ends, what it says, and everything that makes it none (RFC 9112).
//!
//! [`Progress`] looks for the end of a head and holds its sizes, each byte once, however slowly it comes: `httparse`
//! begins anew whenever a head is incomplete. [`parse`] reads a complete one.

use std::mem::MaybeUninit;
use std::net::Ipv6Addr;

use http::StatusCode;
use httparse::{Error, Header, Request, Status};
use memchr::memchr;

use crate::scoreboard::Rejection;

/// A request's target has less bytes than this.
pub const TARGET: usize = 31 * 1024;

/// A request's head has less bytes than this, the empty lines before it included.
pub const HEAD: usize = 32 * 1024;

/// A request has at most so many header lines.
pub const HEADER_LINES: usize = 100;

/// How the preface of HTTP/2 begins (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2";

/// The largest length of a body that is understood.
const LONGEST: u64 = u64::MAX - 2;

/// Why a head is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// It is the preface of HTTP/2.
    Http2,
    /// Its target has `TARGET` bytes.
    LongTarget,
    /// It has `HEAD` bytes.
    LongHead,
    /// It has more than `HEADER_LINES`.
    ManyHeaderLines,
    /// Two of its lines frame the body: what the body is depends on who reads it.
    FramedTwice,
    /// Its Content-Length is no number, or one of more than 64 bits.
    BadLength,
    /// Its Content-Length is one of the largest two that 64 bits have.
    LongLength,
    /// HTTP/1.0 knows no Transfer-Encoding.
    CodedInHttp10,
    /// Its last Transfer-Encoding is not `chunked`.
    NotChunked,
    /// It has a Transfer-Encoding before `chunked`.
    UnknownCoding,
    /// It is `chunked` twice.
    ChunkedTwice,
    /// HTTP/1.1 without a Host.
    NoHost,
    /// Two Hosts.
    TwoHosts,
    /// A Host that is none.
    BadHost,
    /// Its method or target is none, or its lines are not as they must be.
    RequestLine,
    /// Neither HTTP/1.0 nor HTTP/1.1.
    Version,
    /// A header's name is no token, or a line is folded.
    HeaderName,
    /// A header's value has a control character.
    HeaderValue,
    /// A line doesn't end as it must.
    LineEnd,
}

impl BadHead {
    /// As what it is counted, and what it is answered.
    #[must_use]
    pub fn answer(self) -> (Rejection, StatusCode, String) {
        const LARGE: StatusCode = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
        const BAD: StatusCode = StatusCode::BAD_REQUEST;
        let (reason, status, sentence) = match self {
            Self::Http2 => (Rejection::Http2, BAD, "quintain does not speak HTTP/2; use HTTP/1.1"),
            Self::LongTarget => {
                let sentence = format!("a target has less than {TARGET} bytes");
                return (Rejection::LongTarget, StatusCode::URI_TOO_LONG, sentence);
            }
            Self::LongHead => {
                return (Rejection::LargeHead, LARGE, format!("a request's head has less than {HEAD} bytes"));
            }
            Self::ManyHeaderLines => {
                return (Rejection::LargeHead, LARGE, format!("a request has at most {HEADER_LINES} header lines"));
            }
            Self::LongLength => {
                return (Rejection::LargeHead, LARGE, format!("a Content-Length is at most {LONGEST}"));
            }
            Self::FramedTwice => {
                let sentence = "a request has one Content-Length or one Transfer-Encoding, not two of them";
                (Rejection::BadFraming, BAD, sentence)
            }
            Self::BadLength => (Rejection::BadFraming, BAD, "a Content-Length is one whole number of bytes"),
            Self::CodedInHttp10 => (Rejection::BadFraming, BAD, "HTTP/1.0 has no Transfer-Encoding"),
            Self::NotChunked => (Rejection::BadFraming, BAD, "the last Transfer-Encoding of a request is chunked"),
            Self::UnknownCoding => {
                let sentence = "no Transfer-Encoding but chunked is understood";
                (Rejection::BadFraming, StatusCode::NOT_IMPLEMENTED, sentence)
            }
            Self::ChunkedTwice => (Rejection::BadFraming, BAD, "a body must not be chunked twice"),
            Self::NoHost => (Rejection::NoHost, BAD, "an HTTP/1.1 request must have a Host header"),
            Self::TwoHosts => (Rejection::TwoHosts, BAD, "a request must not have two Host headers"),
            Self::BadHost => (Rejection::BadHost, BAD, "the Host header is not a host with an optional port"),
            Self::RequestLine => (
                Rejection::BadSyntax,
                BAD,
                "a request line is a method, a target and HTTP/1.1, with one space between",
            ),
            Self::Version => (Rejection::BadSyntax, BAD, "the version of a request is HTTP/1.0 or HTTP/1.1"),
            Self::HeaderName => {
                (Rejection::BadSyntax, BAD, "a header line is a name, a colon and a value, and is not folded")
            }
            Self::HeaderValue => (Rejection::BadSyntax, BAD, "a header's value has no control characters"),
            Self::LineEnd => (Rejection::BadSyntax, BAD, "a line of a head ends with CR and LF"),
        };
        (reason, status, sentence.to_owned())
    }
}

impl From<Error> for BadHead {
    fn from(error: Error) -> Self {
        match error {
            Error::HeaderName => Self::HeaderName,
            Error::HeaderValue => Self::HeaderValue,
            Error::NewLine => Self::LineEnd,
            Error::Version => Self::Version,
            // The last is held by `Progress`; a response's status is in no request.
            Error::Token | Error::Status | Error::TooManyHeaders => Self::RequestLine,
        }
    }
}

/// How far a head has come that is not complete.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Where the line begins that has not ended.
    line: usize,
    /// So many bytes have no line end that isn't known.
    searched: usize,
    /// So many bytes were parsed when it was last incomplete.
    parsed: usize,
    /// Lines that have ended, without the empty ones before the request line.
    lines: u8,
}

impl Progress {
    /// Whether the first byte of a request has come.
    #[must_use]
    pub fn has_begun(&self) -> bool {
        self.lines > 0 || self.searched > self.line
    }

    /// Whether anything has come.
    #[must_use]
    pub fn is_begun(&self) -> bool {
        self.searched > 0
    }

    /// Where the head ends at whose first byte `bytes` begins; `None` when its end is still to come.
    ///
    /// # Errors
    /// It is too large in some way, or HTTP/2.
    pub fn find_end(&mut self, bytes: &[u8]) -> Result<Option<usize>, BadHead> {
        // The byte that fills it is one too many.
        let seen = &bytes[..bytes.len().min(HEAD - 1)];
        let (mut line, mut searched) = (self.line, self.searched);
        loop {
            if let Some(first) = seen.get(line)
                && usize::from(self.lines) > HEADER_LINES
                && !matches!(first, b'\r' | b'\n')
            {
                return Err(BadHead::ManyHeaderLines);
            }
            let end = memchr(b'\n', &seen[searched..]).map(|at| searched + at + 1);
            if self.lines == 0 {
                request_line(&seen[line..end.unwrap_or(seen.len())])?;
            }
            let Some(end) = end else { break };
            let is_empty = matches!(&seen[line..end], b"\n" | b"\r\n");
            (line, searched) = (end, end);
            match (is_empty, self.lines) {
                (true, 0) => {}
                (true, _) => return Ok(Some(end)),
                (false, _) => self.lines += 1,
            }
        }
        if seen.len() < bytes.len() {
            return Err(BadHead::LongHead);
        }
        (self.line, self.searched) = (line, seen.len());
        Ok(None)
    }

    /// Looks at an incomplete head for what makes it none already, whenever it is twice as long as before: what no
    /// client of HTTP/1 sends may never have an end.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn check(&mut self, bytes: &[u8]) -> Result<(), BadHead> {
        if bytes.len() < 2 * self.parsed {
            return Ok(());
        }
        self.parsed = bytes.len();
        let mut room = [const { MaybeUninit::uninit() }; HEADER_LINES];
        Request::new(&mut []).parse_with_uninit_headers(bytes, &mut room)?;
        Ok(())
    }
}

/// What is looked for in a request line, or in what has come of it.
fn request_line(line: &[u8]) -> Result<(), BadHead> {
    if line.starts_with(PREFACE) {
        return Err(BadHead::Http2);
    }
    if line.len() > TARGET && line.split(|&byte| byte == b' ').any(|word| word.len() >= TARGET) {
        return Err(BadHead::LongTarget);
    }
    Ok(())
}

/// How long a body is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BodyLength {
    /// So many bytes; 0 is no body.
    Known(u64),
    /// Its chunks say so.
    Chunked,
}

/// What a head says.
pub struct Head<'h, 'b> {
    /// Its method, a token.
    pub method: &'b str,
    /// Its target, of printable characters.
    pub target: &'b str,
    /// HTTP/1.1, and not HTTP/1.0.
    pub is_http_11: bool,
    /// The names and values of its lines.
    pub headers: &'h [Header<'b>],
    /// What it says of its body.
    pub body: BodyLength,
    /// Whether the connection is to go on.
    pub keep_alive: bool,
    /// Whether the client waits to be told to send its body.
    pub expects_continue: bool,
    /// The page that sends it, where it says so.
    pub referer: Option<&'b [u8]>,
}

/// Where the header lines of a head are kept while it is read.
pub type Room<'b> = [MaybeUninit<Header<'b>>; HEADER_LINES];

/// Reads a head that is as long as [`Progress::find_end`] says.
///
/// # Errors
/// What is wrong with it.
pub fn parse<'h, 'b>(bytes: &'b [u8], room: &'h mut Room<'b>) -> Result<Head<'h, 'b>, BadHead> {
    match parse_first(bytes, room)? {
        Some((head, end)) if end == bytes.len() => Ok(head),
        Some(_) | None => Err(BadHead::LineEnd),
    }
}

/// Reads the head at whose first byte `bytes` begins, if nothing is wrong with it and no limit is near, and says where it
/// ends: most heads come whole, and need not be searched for their end. For whatever is left there is [`Progress`].
pub fn parse_whole<'h, 'b>(bytes: &'b [u8], room: &'h mut Room<'b>) -> Option<(Head<'h, 'b>, usize)> {
    /// A head that ends within so many bytes keeps to [`HEAD`] and [`TARGET`].
    const SHORT: usize = 4 * 1024;
    parse_first(&bytes[..bytes.len().min(SHORT)], room).ok().flatten()
}

/// The head at whose first byte `bytes` begins, and where it ends; `None` if that is still to come.
fn parse_first<'h, 'b>(bytes: &'b [u8], room: &'h mut Room<'b>) -> Result<Option<(Head<'h, 'b>, usize)>, BadHead> {
    let mut request = Request::new(&mut []);
    let Status::Complete(end) = request.parse_with_uninit_headers(bytes, room)? else { return Ok(None) };
    let Request { method, path, version, headers } = request;
    let (Some(method), Some(target)) = (method, path) else { return Err(BadHead::RequestLine) };
    let is_http_11 = version == Some(1);
    let mut read = Lines { is_http_11, ..Lines::default() };
    for header in &*headers {
        read.line(header)?;
    }
    if is_http_11 && !read.has_host {
        return Err(BadHead::NoHost);
    }
    let Lines { length, is_chunked, closes, keeps_alive, expects_continue, referer, .. } = read;
    let head = Head {
        method,
        target,
        is_http_11,
        headers,
        body: if is_chunked { BodyLength::Chunked } else { BodyLength::Known(length.unwrap_or(0)) },
        keep_alive: !closes && (is_http_11 || keeps_alive),
        expects_continue: is_http_11 && expects_continue,
        referer,
    };
    Ok(Some((head, end)))
}

/// Reads the header lines of a head that [`parse`] has read, once more: their names and values.
pub fn each_line<'b>(bytes: &'b [u8], mut take: impl FnMut(&'b str, &'b [u8])) {
    let mut room: Room<'_> = [const { MaybeUninit::uninit() }; _];
    let mut request = Request::new(&mut []);
    if request.parse_with_uninit_headers(bytes, &mut room).is_ok() {
        request.headers.iter().for_each(|Header { name, value }| take(name, value));
    }
}

/// What the header lines say that are the connection's.
#[derive(Default)]
#[allow(clippy::struct_excessive_bools)] // one for each line that may come
struct Lines<'b> {
    is_http_11: bool,
    has_host: bool,
    length: Option<u64>,
    is_chunked: bool,
    closes: bool,
    keeps_alive: bool,
    expects_continue: bool,
    referer: Option<&'b [u8]>,
}

impl<'b> Lines<'b> {
    fn line(&mut self, header: &Header<'b>) -> Result<(), BadHead> {
        let Header { name, value } = header;
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        // Most lines are told by the length of their name.
        match name.len() {
            4 if is("host") => {
                if std::mem::replace(&mut self.has_host, true) {
                    return Err(BadHead::TwoHosts);
                }
                if !is_host(value) {
                    return Err(BadHead::BadHost);
                }
            }
            6 if is("expect") => self.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
            7 if is("referer") => self.referer = Some(value),
            10 if is("connection") => {
                for option in value.split(|&byte| byte == b',') {
                    let option = option.trim_ascii();
                    self.closes |= option.eq_ignore_ascii_case(b"close");
                    self.keeps_alive |= option.eq_ignore_ascii_case(b"keep-alive");
                }
            }
            14 if is("content-length") => {
                self.frame_once()?;
                self.length = Some(length(value)?);
            }
            17 if is("transfer-encoding") => {
                self.frame_once()?;
                if !self.is_http_11 {
                    return Err(BadHead::CodedInHttp10);
                }
                coding(value)?;
                self.is_chunked = true;
            }
            _ => {}
        }
        Ok(())
    }

    fn frame_once(&self) -> Result<(), BadHead> {
        if self.is_chunked || self.length.is_some() { Err(BadHead::FramedTwice) } else { Ok(()) }
    }
}

fn length(value: &[u8]) -> Result<u64, BadHead> {
    let more = |length: u64, &digit: &u8| {
        let digit = u64::from(digit.checked_sub(b'0').filter(|digit| *digit < 10)?);
        length.checked_mul(10)?.checked_add(digit)
    };
    let length = value.iter().try_fold(0, more).filter(|_| !value.is_empty()).ok_or(BadHead::BadLength)?;
    if length > LONGEST { Err(BadHead::LongLength) } else { Ok(length) }
}

/// RFC 9112, 6.1: `chunked` once, and nothing else.
fn coding(value: &[u8]) -> Result<(), BadHead> {
    let is_chunked = |name: &[u8]| name.trim_ascii().eq_ignore_ascii_case(b"chunked");
    let mut names = value.rsplit(|&byte| byte == b',');
    if !names.next().is_some_and(is_chunked) {
        return Err(BadHead::NotChunked);
    }
    match names.next() {
        None => Ok(()),
        Some(before) if is_chunked(before) => Err(BadHead::ChunkedTwice),
        Some(_) => Err(BadHead::UnknownCoding),
    }
}

/// `uri-host [ ":" port ]`, which may be empty.
fn is_host(bytes: &[u8]) -> bool {
    let (name, rest) = match bytes {
        [b'[', inside @ ..] => {
            let Some(end) = memchr(b']', inside) else { return false };
            let address = std::str::from_utf8(&inside[..end]).ok();
            if address.and_then(|text| text.parse::<Ipv6Addr>().ok()).is_none() {
                return false;
            }
            (&bytes[..0], &inside[end + 1..])
        }
        _ => bytes.split_at(memchr(b':', bytes).unwrap_or(bytes.len())),
    };
    let is_port = match rest {
        [] => true,
        [b':', port @ ..] => port.len() <= 5 && port.iter().all(u8::is_ascii_digit),
        _ => false,
    };
    is_port && is_name(name)
}

/// `reg-name` (RFC 3986, 3.2.2).
fn is_name(name: &[u8]) -> bool {
    /// Whether a byte stands for itself in a name: looked up, since every request has a Host.
    const STANDS: [bool; 256] = {
        let mut stands = [false; 256];
        let mut byte = 0_u8;
        while byte < 128 {
            stands[byte as usize] = byte.is_ascii_alphanumeric()
                || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'!' | b'$' | b'&'..=b',' | b';' | b'=');
            byte += 1;
        }
        stands
    };
    let is_hexadecimal = |at: usize| name.get(at).is_some_and(u8::is_ascii_hexdigit);
    let is_encoded = |at: usize| name[at] == b'%' && is_hexadecimal(at + 1) && is_hexadecimal(at + 2);
    name.iter().enumerate().all(|(at, &byte)| STANDS[usize::from(byte)] || is_encoded(at))
}

#[cfg(test)]
mod tests;
