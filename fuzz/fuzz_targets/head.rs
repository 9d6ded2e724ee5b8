//! The head of a request. The first byte of an input says in which pieces the rest comes.

#![no_main]

#[allow(dead_code)] // each target holds one of them
#[path = "../../tests/it/parsers/laws.rs"]
mod laws;

libfuzzer_sys::fuzz_target!(|input: &[u8]| {
    if let Some((piece, bytes)) = input.split_first() {
        laws::head(bytes, usize::from(*piece).max(1));
    }
});
