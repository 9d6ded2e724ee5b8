//! Heads and chunks are read alike in whatever pieces they come, and heads as hyper reads them: for the corpus of the fuzz
//! targets and for bytes that are drawn anew in each run.

mod laws;

use std::fs;
use std::path::Path;

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// What is committed for a target. The first byte of an input is the length of its pieces.
fn corpus(target: &str) -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/parsers").join(target);
    let files: Vec<_> =
        fs::read_dir(folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
    assert!(files.len() > 10, "{target} has a corpus of {}", files.len());
    files
}

fn hold_for_corpus(target: &str, law: impl Fn(&[u8], usize)) {
    for input in corpus(target) {
        let (piece, bytes) = input.split_first().unwrap();
        for piece in [usize::from(*piece).max(1), 1, 2, 7] {
            law(bytes, piece);
        }
    }
}

#[test]
fn the_corpus_of_heads() {
    hold_for_corpus("head", laws::head);
}

#[test]
fn the_corpus_of_chunks() {
    hold_for_corpus("chunks", laws::chunks);
}

/// Pieces of heads, good ones and bad ones.
#[rustfmt::skip]
const PARTS: &[&str] = &[
    "GET", "POST", "HEAD", "CONNECT", "PRI", "get", " ", " ", "  ", "\t", "/", "/a?b=c", "*", "http://a/b", "#x",
    "\u{e9}", "a", ":", "0", "HTTP/1.1", "HTTP/1.0", "HTTP/2.0", "HTTP/1.2", "\r\n", "\r\n", "\r\n", "\r\n\r\n", "\n",
    "\r", "\0", "\x7f", "GET / HTTP/1.1\r\n", "GET / HTTP/1.0\r\n", "POST /a HTTP/1.1\r\n", "Host: a\r\n",
    "Host: a\r\n", "host:[::1]:80\r\n", "Host:\r\n", "X: y\r\n", "X : y\r\n", "X: y\r\n z\r\n",
    "Content-Length: 5\r\n", "Content-Length: +5\r\n", "Content-Length: 18446744073709551615\r\n",
    "content-length:\r\n", "Transfer-Encoding: chunked\r\n", "Transfer-Encoding: gzip, chunked\r\n",
    "Transfer-Encoding: chunked, gzip\r\n", "Connection: close\r\n", "Connection: x, Keep-Alive\r\n",
    "Connection: keep-alive, close\r\n", "Expect: 100-continue\r\n",
];

/// Pieces of chunked bodies.
#[rustfmt::skip]
const CHUNKS: &[&str] = &[
    "0", "1", "5", "a", "F", "00", "ffffffffffffffff", "\r\n", "\r\n", "\r\n", "\n", "\r", ";", ";a=b", " ", "x",
    "hello", "\0", "X: y\r\n", "1\r\nx\r\n", "5;a\r\nhello\r\n", "0\r\n\r\n", "0\r\nX: y\r\n\r\n",
];

fn made_of(parts: &'static [&'static str]) -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        12 => select(parts).prop_map(|part| part.as_bytes().to_vec()),
        1 => vec(any::<u8>(), 1..4),
    ];
    vec(part, 0..14).prop_map(|parts| parts.concat())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8 * ProptestConfig::default().cases, ..ProptestConfig::default() })]

    #[test]
    fn heads_of_any_parts(bytes in made_of(PARTS), piece in 1..40_usize) {
        laws::head(&bytes, piece);
        // With an end, if it is one.
        laws::head(&[b"GET / HTTP/1.1\r\nHost: a\r\n", &bytes[..], b"\r\n\r\n"].concat(), piece);
    }

    #[test]
    fn chunks_of_any_parts(bytes in made_of(CHUNKS), piece in 1..40_usize) {
        laws::chunks(&bytes, piece);
    }
}
