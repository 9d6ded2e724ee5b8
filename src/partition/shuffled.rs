//! Exact counts in each block, in an order that a key decides.

use super::{below, hash, place};

/// Indices in a block.
pub const BLOCK: u64 = 10_000;

/// The block as a square: a permutation of pairs below `SIDE` needs no table and no second try.
const SIDE: u64 = 100;

/// Rounds of the permutation. Four already pass for random (Luby and Rackoff), in halves much larger than these.
const ROUNDS: u64 = 8;

/// A rate of 1 has this many parts for each index of a block.
const PARTS: u64 = super::WHOLE / BLOCK;

pub(super) fn kind_at(seed: u64, parts: &[u64], index: u64) -> Option<usize> {
    let (block, at) = (index / BLOCK, index % BLOCK);
    let hits = |parts: &u64| hits_in(*parts, block);
    if parts.iter().all(|parts| hits(parts) == 0) {
        return None;
    }
    place(parts.iter().map(hits), permuted(hash(seed, block), at))
}

/// How many of the first `count` indices each kind gets.
pub(super) fn planned(seed: u64, parts: &[u64], count: u64) -> Vec<u64> {
    let (blocks, rest) = (count / BLOCK, count % BLOCK);
    let may_exceed = parts.iter().map(|parts| parts / PARTS + 1).sum::<u64>() > BLOCK;
    let mut planned = vec![0; parts.len()];
    if may_exceed {
        // The same again after so many blocks.
        let (rounds, within) = (blocks / PARTS, blocks % PARTS);
        for block in 0..if rounds == 0 { within } else { PARTS } {
            let times = rounds + u64::from(block < within);
            let mut left = BLOCK;
            for (planned, parts) in planned.iter_mut().zip(parts) {
                let hits = hits_in(*parts, block).min(left);
                *planned += hits * times;
                left -= hits;
            }
        }
    } else {
        for (planned, parts) in planned.iter_mut().zip(parts) {
            *planned = blocks / PARTS * parts + blocks % PARTS * parts / PARTS;
        }
    }
    for index in blocks * BLOCK..blocks * BLOCK + rest {
        if let Some(kind) = kind_at(seed, parts, index) {
            planned[kind] += 1;
        }
    }
    planned
}

/// ⌊(b+1)·10000·r⌋ − ⌊b·10000·r⌋
fn hits_in(parts: u64, block: u64) -> u64 {
    // The same again after so many blocks, in which the rate has a whole number of hits.
    let block = block % PARTS;
    (block + 1) * parts / PARTS - block * parts / PARTS
}

/// Where the key puts a place of the block: a Feistel network over pairs, with sums modulo the side.
fn permuted(key: u64, at: u64) -> u64 {
    let (mut left, mut right) = (at / SIDE, at % SIDE);
    for round in 0..ROUNDS {
        let moved = left + below(SIDE, hash(key, round * SIDE + right));
        (left, right) = (right, if moved >= SIDE { moved - SIDE } else { moved });
    }
    left * SIDE + right
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_key_permutes_the_block(key: u64) {
            let mut seen = vec![false; usize::try_from(BLOCK).unwrap()];
            for at in 0..BLOCK {
                let to = usize::try_from(permuted(key, at)).unwrap();
                prop_assert!(!std::mem::replace(&mut seen[to], true));
            }
        }
    }

    /// Each place goes to each tenth of the block equally often, over many keys: χ² with 9 degrees of freedom.
    #[test]
    fn no_place_is_preferred() {
        const KEYS: u64 = 20_000;
        for at in [0, 1, 99, 100, 5_000, 9_999] {
            let mut tenths = [0_u64; 10];
            for key in 0..KEYS {
                tenths[usize::try_from(permuted(hash(7, key), at) / (BLOCK / 10)).unwrap()] += 1;
            }
            let expected = f64::from(u32::try_from(KEYS).unwrap()) / 10.0;
            let chi: f64 = tenths
                .iter()
                .map(|&count| (f64::from(u32::try_from(count).unwrap()) - expected).powi(2) / expected)
                .sum();
            assert!(chi < 33.7, "place {at}: χ² {chi} is less likely than 1 in 10,000: {tenths:?}");
        }
    }
}
