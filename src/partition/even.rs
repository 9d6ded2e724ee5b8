//! Error diffusion, for one sum and within it for each kind.
//!
//! After n indices there are H(n) = ⌊n·R + ½⌋ hits for the summed rate R. Hits are shared out to the kinds by splitting
//! them in two, again and again, each time by the same rounding: so any hit's kind is found in a few divisions, where
//! the known ways to serve several kinds at once have to walk there from the first.
//!
//! A kind's error is the sum over the splits above it, of ½ × (its rate / the rate that was split off): one for itself, one
//! for each larger share that holds it. With Huffman's tree a share that holds another which holds a third is at least
//! twice the third, so that the sum is below ½ × (1 + 1 + ½ + ½ + ¼ + ¼ + …) = 2.

use super::WHOLE;

/// Hits in the order of their indices, shared out to kinds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Even {
    /// The summed rate, in parts.
    sum: u64,
    /// How many kinds there are, those that never hit included.
    kinds: usize,
    /// The kinds' tree; none without a kind.
    root: Option<Share>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Share {
    Kind(usize),
    Split { first: u64, both: u64, children: Box<[Share; 2]> },
}

impl Even {
    pub(super) fn new(parts: &[u64]) -> Self {
        Self { kinds: parts.len(), ..Self::of(parts) }
    }

    fn of(parts: &[u64]) -> Self {
        let mut shares: Vec<(u64, Share)> = parts
            .iter()
            .enumerate()
            .filter(|(_, parts)| **parts > 0)
            .map(|(kind, parts)| (*parts, Share::Kind(kind)))
            .collect();
        loop {
            // The smallest at the end. The sort is stable, so that equal rates always make the same tree.
            shares.sort_by_key(|(parts, _)| std::cmp::Reverse(*parts));
            let Some((parts, share)) = shares.pop() else { return Self { sum: 0, kinds: 0, root: None } };
            let Some((others, other)) = shares.pop() else {
                return Self { sum: parts, kinds: 0, root: Some(share) };
            };
            let both = parts + others;
            shares.push((both, Share::Split { first: others, both, children: Box::new([other, share]) }));
        }
    }

    pub(super) fn kind_at(&self, index: u64) -> Option<usize> {
        let mut hit = next_of(self.sum, WHOLE, index)?;
        let mut share = self.root.as_ref()?;
        loop {
            match share {
                Share::Kind(kind) => return Some(*kind),
                Share::Split { first, both, children } => {
                    if let Some(of_first) = next_of(*first, *both, hit) {
                        (hit, share) = (of_first, &children[0]);
                    } else {
                        (hit, share) = (hit - rounded(*first, *both, hit), &children[1]);
                    }
                }
            }
        }
    }
}

impl Even {
    /// How many of the first `count` indices each kind gets.
    pub(super) fn planned(&self, count: u64) -> Vec<u64> {
        let mut planned = vec![0; self.kinds];
        if let Some(root) = &self.root {
            root.share_out(rounded(self.sum, WHOLE, count), &mut planned);
        }
        planned
    }
}

impl Share {
    fn share_out(&self, hits: u64, planned: &mut [u64]) {
        match self {
            Self::Kind(kind) => planned[*kind] = hits,
            Self::Split { first, both, children } => {
                let of_first = rounded(*first, *both, hits);
                children[0].share_out(of_first, planned);
                children[1].share_out(hits - of_first, planned);
            }
        }
    }
}

/// When `index` is one of those that `share` of `whole` gets: how many it got before.
fn next_of(share: u64, whole: u64, index: u64) -> Option<u64> {
    let before = rounded(share, whole, index);
    // From a whole round on the fractions are the same, which spares the case of an index at the end of its type.
    let within = index % whole;
    let gains = rounded(share, whole, within + 1) > rounded(share, whole, within);
    gains.then_some(before)
}

/// ⌊count · share / whole + ½⌋, for `share` ≤ `whole` ≤ 10⁹.
fn rounded(share: u64, whole: u64, count: u64) -> u64 {
    // In whole rounds and a rest, so that it fits in 64 bits.
    count / whole * share + ((count % whole) * 2 * share + whole) / (2 * whole)
}
