//! Which places of an array were ever written to.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use bytemuck::Zeroable;

/// A bit for each place of an array that was ever written to: 64 of them a word. Most never are, and so a reader need not
/// look at them.
#[derive(Zeroable)]
#[repr(transparent)]
pub(crate) struct Marks<const WORDS: usize>([AtomicU64; WORDS]);

impl<const WORDS: usize> Marks<WORDS> {
    /// Before the place is written to for the first time: whoever is killed in between leaves nothing that nobody would
    /// clear. For the array's one writer.
    pub fn set(&self, place: usize) {
        let word = &self.0[place / 64];
        let before = word.load(Relaxed);
        let after = before | 1 << (place % 64);
        if after != before {
            word.store(after, Relaxed);
        }
    }

    /// Whether the place was ever written to.
    pub fn has(&self, place: usize) -> bool {
        self.0.get(place / 64).is_some_and(|word| word.load(Relaxed) >> (place % 64) & 1 == 1)
    }

    /// 64 places from `64 × word` on, the first in the lowest bit.
    pub fn word(&self, word: usize) -> u64 {
        self.0[word].load(Relaxed)
    }

    /// The marked places, in order.
    pub fn places(&self) -> impl Iterator<Item = usize> + '_ {
        (0..WORDS).flat_map(|word| bits(self.word(word)).map(move |bit| word * 64 + bit))
    }

    /// For the array's one writer.
    pub fn clear(&self) {
        for word in &self.0 {
            word.store(0, Relaxed);
        }
    }

    /// All words, for tests that fill them with garbage.
    #[cfg(test)]
    pub fn words(&self) -> &[AtomicU64; WORDS] {
        &self.0
    }
}

/// The numbers of the bits that are set, from the lowest on.
pub(super) fn bits(mut word: u64) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let bit = word.trailing_zeros();
        word &= word.wrapping_sub(1);
        (bit < u64::BITS).then_some(bit as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_set_is_listed_once_and_in_order() {
        let marks: Marks<3> = Zeroable::zeroed();
        assert_eq!(marks.places().count(), 0);
        for place in [191, 0, 63, 64, 100, 64] {
            marks.set(place);
        }
        assert!(marks.places().eq([0, 63, 64, 100, 191]));
        assert!(marks.has(100) && !marks.has(101) && !marks.has(192));
        assert_eq!((marks.word(0), marks.word(2)), (1 | 1 << 63, 1 << 63));
        marks.clear();
        assert_eq!(marks.places().count(), 0);
    }
}
