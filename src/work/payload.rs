//! Bytes that a client can check, wherever in a body they stand.
//!
//! The bytes of a seed repeat after [`PERIOD`]; the byte at position `i` is that of `p = i mod 65521`. With
//!
//! ```text
//! z ← seed + (⌊p / 8⌋ + 1) × 0x9E3779B97F4A7C15            (all mod 2⁶⁴)
//! z ← (z xor (z >> 30)) × 0xBF58476D1CE4E5B9
//! z ← (z xor (z >> 27)) × 0x94D049BB133111EB
//! z ← z xor (z >> 31)
//! ```
//!
//! it is `(z >> 8 × (p mod 8)) and 255`: the words are `splitmix64`'s, written little-endian. With seed 0 a body
//! begins `af cd 1d 7b 39 a8 20 e2`.
//!
//! That it repeats is what makes it free: the bytes of the default seed are computed once, and every response is
//! slices of them, without a copy. The period is a prime, so that no two blocks of a power of two that stand within
//! 65521 blocks of each other are alike, and longer than the window in which deflate looks for repetition.

use std::sync::LazyLock;

use bytes::{Bytes, BytesMut};

use crate::sys::clock;

/// After so many bytes they come again: the largest prime below 2¹⁶.
pub const PERIOD: u64 = 65_521;

/// The seed of a body that names none.
pub const DEFAULT_SEED: u64 = 0;

/// The longest slice.
pub const LONGEST: usize = 256 * 1024;

/// The longest slice of another seed than the default one: it is computed anew, so each that waits to be sent costs
/// its memory.
const LONGEST_COMPUTED: usize = 64 * 1024;

/// The default seed's bytes: a slice may begin anywhere in the first period.
static SHEET: LazyLock<&'static [u8]> = LazyLock::new(|| {
    let mut sheet = vec![0; PERIOD_BYTES + LONGEST];
    fill(DEFAULT_SEED, 0, &mut sheet[..PERIOD_BYTES]);
    for at in PERIOD_BYTES..sheet.len() {
        sheet[at] = sheet[at - PERIOD_BYTES];
    }
    // Kept for the life of the process, so that slices need no count of who holds them.
    Vec::leak(sheet)
});

#[allow(clippy::cast_possible_truncation)] // 16 bits
const PERIOD_BYTES: usize = PERIOD as usize;

/// A stretch of a seed's bytes, handed out in slices.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    seed: u64,
    position: u64,
    end: u64,
    /// How long a slice is, but the last.
    slice: usize,
}

impl Payload {
    /// The bytes of `seed` from position 0 to `length`.
    #[must_use]
    pub fn new(seed: u64, length: u64) -> Self {
        Self { seed, position: 0, end: length, slice: longest(seed) }
    }

    /// The part of it from the byte at `first` to before `end`.
    ///
    /// # Panics
    /// When that is no part of it.
    #[must_use]
    pub fn part(self, first: u64, end: u64) -> Self {
        assert!(
            self.position <= first && first <= end && end <= self.end,
            "{first} to {end} is a part of {self:?}"
        );
        Self { position: first, end, ..self }
    }

    /// The same in slices of this length, 1 to 65536.
    #[must_use]
    pub fn in_slices(self, length: usize) -> Self {
        Self { slice: length.clamp(1, longest(self.seed)), ..self }
    }

    /// Which bytes they are.
    #[must_use]
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// How many are left.
    #[must_use]
    pub fn left(&self) -> u64 {
        self.end - self.position
    }

    /// The next slice, of at most `most` bytes; `None` at the end.
    pub fn next(&mut self, most: u64) -> Option<Bytes> {
        let length = self.left().min(most).min(self.slice as u64);
        if length == 0 {
            return None;
        }
        let slice = slice(self.seed, self.position, usize::try_from(length).unwrap_or(self.slice));
        self.position += length;
        Some(slice)
    }
}

/// Computes the bytes that are computed once, if this is the first to need them. Returns the CPU time that took.
#[must_use]
pub fn prepare(seed: u64) -> u64 {
    if seed != DEFAULT_SEED || LazyLock::get(&SHEET).is_some() {
        return 0;
    }
    let begun = clock::thread_cpu_ns();
    LazyLock::force(&SHEET);
    clock::thread_cpu_ns() - begun
}

fn longest(seed: u64) -> usize {
    if seed == DEFAULT_SEED { LONGEST } else { LONGEST_COMPUTED }
}

fn slice(seed: u64, position: u64, length: usize) -> Bytes {
    if seed == DEFAULT_SEED {
        let begin = phase(position);
        return Bytes::from_static(&SHEET[begin..begin + length]);
    }
    let mut bytes = BytesMut::zeroed(length);
    fill(seed, position, &mut bytes);
    bytes.freeze()
}

#[allow(clippy::cast_possible_truncation)] // below the period
fn phase(position: u64) -> usize {
    (position % PERIOD) as usize
}

/// Writes the bytes of `seed` from `position` on.
pub fn fill(seed: u64, position: u64, mut bytes: &mut [u8]) {
    let mut at = phase(position);
    while !bytes.is_empty() {
        let (now, rest) = bytes.split_at_mut(bytes.len().min(PERIOD_BYTES - at));
        fill_within(seed, at, now);
        (bytes, at) = (rest, 0);
    }
}

/// The same within one period.
fn fill_within(seed: u64, at: usize, bytes: &mut [u8]) {
    let (first, skipped) = (at / 8, at % 8);
    let head = if skipped == 0 { 0 } else { bytes.len().min(8 - skipped) };
    let (beginning, whole) = bytes.split_at_mut(head);
    beginning.copy_from_slice(&word(seed, first)[skipped..skipped + head]);
    let mut words = whole.chunks_exact_mut(8);
    let mut index = first + usize::from(head > 0);
    for eight in &mut words {
        eight.copy_from_slice(&word(seed, index));
        index += 1;
    }
    let last = words.into_remainder();
    last.copy_from_slice(&word(seed, index)[..last.len()]);
}

/// The word of this number, in the order of its bytes.
fn word(seed: u64, index: usize) -> [u8; 8] {
    let state = seed.wrapping_add((index as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    (state ^ (state >> 31)).to_le_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The definition, byte by byte.
    fn defined(seed: u64, position: u64) -> u8 {
        let place = position % 65_521;
        let mut state = seed.wrapping_add((place / 8 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15));
        state = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        state = (state ^ (state >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        state ^= state >> 31;
        (state >> (8 * (place % 8))).to_le_bytes()[0]
    }

    #[test]
    fn it_is_splitmix64() {
        // The first outputs of the reference implementation from state 0.
        assert_eq!(word(0, 0), 0xE220_A839_7B1D_CDAF_u64.to_le_bytes());
        assert_eq!(word(0, 1), 0x6E78_9E6A_A1B9_65F4_u64.to_le_bytes());
    }

    #[test]
    fn slices_have_the_length_that_was_asked_for_and_end() {
        for seed in [DEFAULT_SEED, 7] {
            let mut payload = Payload::new(seed, 100_000).part(10, 99_990).in_slices(1_000);
            let lengths: Vec<usize> =
                std::iter::from_fn(|| payload.next(u64::MAX).map(|slice| slice.len())).collect();
            assert_eq!((lengths.len(), lengths[0], lengths[98], lengths[99]), (100, 1_000, 1_000, 980), "{seed}");
            assert_eq!((payload.left(), payload.next(1)), (0, None), "{seed}");
        }
    }

    proptest! {
        #[test]
        fn every_slice_is_as_defined(
            seed in prop_oneof![Just(DEFAULT_SEED), any::<u64>()],
            position in prop_oneof![0_u64..200_000, any::<u64>().prop_map(|far| far >> 1)],
            length in 1_u64..70_000,
        ) {
            let mut payload = Payload::new(seed, position + length).part(position, position + length);
            let mut at = position;
            while let Some(slice) = payload.next(u64::MAX) {
                // Every byte in turn would take long: the ends, and some between.
                for place in (0..slice.len()).step_by(97).chain(slice.len().saturating_sub(9)..slice.len()) {
                    prop_assert_eq!(slice[place], defined(seed, at + place as u64), "{} + {}", at, place);
                }
                at += slice.len() as u64;
            }
            prop_assert_eq!(at, position + length);
        }
    }
}
