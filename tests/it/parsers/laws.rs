//! What holds for the readers of heads and of chunked bodies, whatever bytes they get. The fuzz targets in `fuzz` look for
//! bytes that break these laws.

use std::convert::Infallible;
use std::mem::MaybeUninit;
use std::sync::Mutex;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body::Body;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use quintain::wire::{BadHead, BodyLength, Decoded, Decoder, HEAD, Head, Progress, Room, parse, parse_whole};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a head says.
#[derive(Debug, PartialEq, Eq)]
struct Said {
    method: String,
    target: String,
    is_http_11: bool,
    /// Name and value of each line; the names in small letters.
    lines: Vec<(String, Vec<u8>)>,
    body: BodyLength,
    keep_alive: bool,
}

/// What became of some bytes.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// A head of so many bytes.
    Head(usize, Said),
    Bad(BadHead),
    Incomplete,
}

/// A head is read alike whether it comes whole or in pieces, and as hyper reads it where both take it; what is no head
/// is none in any pieces, nor for hyper, unless a rule refuses it that hyper doesn't have. What is read without a search
/// for its end is what is read with it.
///
/// # Panics
/// When that does not hold.
pub fn head(bytes: &[u8], piece: usize) {
    let whole = read(bytes, bytes.len());
    let in_pieces = read(bytes, piece);
    match (&whole, &in_pieces) {
        // A long head may turn out to be bad before it turns out to be long. And what has no end yet is not looked at
        // with each piece.
        (Outcome::Bad(_), Outcome::Bad(_) | Outcome::Incomplete) => {}
        _ => assert_eq!(whole, in_pieces, "whole, and in pieces of {piece}"),
    }
    let mut room: Room<'_> = [const { MaybeUninit::uninit() }; _];
    match parse_whole(bytes, &mut room) {
        Some((head, end)) => assert_eq!(Outcome::Head(end, said(&head)), whole, "at once, and after a search"),
        None => assert!(!matches!(whole, Outcome::Head(..=1_000, _)), "at once: {whole:?}"),
    }
    match whole {
        Outcome::Head(end, said) => {
            assert!(matches!(read(&bytes[..end], end), Outcome::Head(..)), "without what is behind it");
            assert_eq!(read(&bytes[..end - 1], end), Outcome::Incomplete, "without its last byte");
            // What the target is gets looked at later, and by the same parser.
            if let Ok(uri) = said.target.parse::<Uri>()
                && said.method != Method::CONNECT.as_str()
            {
                let said = Said { target: uri.to_string(), ..said };
                assert_eq!(hyper(&bytes[..end]), Some(said), "hyper, and ours");
            }
        }
        Outcome::Bad(bad) if !is_ours_alone(bad) && !is_framed_twice(bytes) && bytes.len() < HEAD => {
            assert_eq!(hyper(bytes), None, "hyper takes what is refused as {bad:?}");
        }
        Outcome::Bad(_) | Outcome::Incomplete => {}
    }
}

/// Reads the head at the start of some bytes as a connection does to which they come in pieces of this length.
fn read(bytes: &[u8], piece: usize) -> Outcome {
    let mut progress = Progress::default();
    let mut come = 0;
    while come < bytes.len() {
        come = (come + piece).min(bytes.len());
        match progress.find_end(&bytes[..come]) {
            Err(bad) => return Outcome::Bad(bad),
            Ok(Some(end)) => return complete(&bytes[..end]),
            Ok(None) => {}
        }
        if let Err(bad) = progress.check(&bytes[..come]) {
            return Outcome::Bad(bad);
        }
    }
    Outcome::Incomplete
}

fn complete(bytes: &[u8]) -> Outcome {
    let mut room: Room<'_> = [const { MaybeUninit::uninit() }; _];
    parse(bytes, &mut room).map_or_else(Outcome::Bad, |head| Outcome::Head(bytes.len(), said(&head)))
}

fn said(head: &Head<'_, '_>) -> Said {
    let line = |line: &httparse::Header<'_>| (line.name.to_ascii_lowercase(), line.value.to_vec());
    Said {
        method: head.method.to_owned(),
        target: head.target.to_owned(),
        is_http_11: head.is_http_11,
        lines: sorted(head.headers.iter().map(line).collect()),
        body: head.body,
        keep_alive: head.keep_alive,
    }
}

/// Lines of one name in their order.
fn sorted(mut lines: Vec<(String, Vec<u8>)>) -> Vec<(String, Vec<u8>)> {
    lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    lines
}

/// Whether hyper leaves it to whom it serves, or takes it.
fn is_ours_alone(bad: BadHead) -> bool {
    match bad {
        BadHead::NoHost
        | BadHead::TwoHosts
        | BadHead::BadHost
        | BadHead::FramedTwice
        | BadHead::LongTarget
        | BadHead::UnknownCoding
        | BadHead::ChunkedTwice => true,
        BadHead::Http2
        | BadHead::LongHead
        | BadHead::ManyHeaderLines
        | BadHead::BadLength
        | BadHead::LongLength
        | BadHead::CodedInHttp10
        | BadHead::NotChunked
        | BadHead::RequestLine
        | BadHead::Version
        | BadHead::HeaderName
        | BadHead::HeaderValue
        | BadHead::LineEnd => false,
    }
}

/// Whether two lines frame the body, which hyper allows: the first of them may be what is bad.
fn is_framed_twice(bytes: &[u8]) -> bool {
    let text = bytes.to_ascii_lowercase();
    let count = |name: &[u8]| text.windows(name.len()).filter(|part| *part == name).count();
    count(b"transfer-encoding:") + count(b"content-length:") > 1
}

/// What hyper makes of a head; `None` where it doesn't serve it.
fn hyper(bytes: &[u8]) -> Option<Said> {
    // With its body, which would be unwanted once it is dropped, and the connection then closed.
    let seen = Mutex::new(None);
    let service = service_fn(|request: Request<Incoming>| {
        let (parts, body) = request.into_parts();
        let length = body.size_hint().exact();
        let said = Said {
            method: parts.method.to_string(),
            target: parts.uri.to_string(),
            is_http_11: parts.version == Version::HTTP_11,
            lines: lines(&parts.headers),
            body: length.map_or(BodyLength::Chunked, BodyLength::Known),
            keep_alive: false,
        };
        seen.lock().unwrap().get_or_insert((said, body));
        async { Ok::<_, Infallible>(Response::new(Empty::<Bytes>::new())) }
    });
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let answer = runtime.block_on(async {
        let (mut client, server) = tokio::io::duplex(2 * HEAD + bytes.len());
        client.write_all(bytes).await.unwrap();
        let serving = http1::Builder::new().serve_connection(TokioIo::new(server), service);
        let reading = async {
            let mut answer = Vec::new();
            while !answer.windows(4).any(|end| end == b"\r\n\r\n") {
                if client.read_buf(&mut answer).await.unwrap() == 0 {
                    break;
                }
            }
            String::from_utf8(answer).unwrap().to_ascii_lowercase()
        };
        tokio::pin!(reading);
        tokio::select! {
            answer = &mut reading => answer,
            _ = serving => reading.await,
        }
    });
    let (mut said, _body) = seen.into_inner().unwrap()?;
    let asks = |option: &str| answer.contains(&format!("\r\nconnection: {option}\r\n"));
    said.keep_alive = if said.is_http_11 { !asks("close") } else { asks("keep-alive") };
    Some(said)
}

fn lines(headers: &HeaderMap) -> Vec<(String, Vec<u8>)> {
    sorted(headers.iter().map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec())).collect())
}

/// A chunked body is the same in any pieces, takes nothing of what is behind it, and is broken in any pieces or none.
///
/// # Panics
/// When that does not hold.
pub fn chunks(bytes: &[u8], piece: usize) {
    assert_eq!(decode(bytes, bytes.len().max(1)), decode(bytes, piece), "whole, and in pieces of {piece}");
}

/// The body, and how many bytes it took; `None` where it is broken. Of one that has no end, what came of it.
fn decode(bytes: &[u8], piece: usize) -> Option<(Vec<u8>, Option<usize>)> {
    let mut decoder = Decoder::new(BodyLength::Chunked);
    let (mut buffer, mut body, mut taken) = (BytesMut::new(), Vec::new(), 0);
    for piece in bytes.chunks(piece) {
        buffer.extend_from_slice(piece);
        taken += piece.len();
        loop {
            match decoder.decode(&mut buffer) {
                Decoded::Data(data) => {
                    assert!(!data.is_empty(), "a piece of nothing");
                    body.extend_from_slice(&data);
                }
                Decoded::More => break,
                Decoded::End => return Some((body, Some(taken - buffer.len()))),
                Decoded::Broken => return None,
            }
        }
    }
    Some((body, None))
}
