//! Answers to pictures that were classified, for those that are sent again.

use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroUsize;
use std::sync::Mutex;

use lru::LruCache;

use super::Classified;
use crate::sys::lock;

/// So many answers are kept; then the one that was used longest ago goes. Each takes about 200 bytes.
const MOST: NonZeroUsize = NonZeroUsize::new(1_000).expect("1,000 is not 0");

/// Stands for a picture and a model: the picture's length, a hash of its bytes (64 bits, keyed), and whether the model was the
/// quantised one. That any two of a thousand pictures of one length share it has a chance of about 1 in 10¹³.
pub type Key = (usize, u64, bool);

/// The answers.
pub struct Kept {
    answers: Mutex<LruCache<Key, Classified>>,
    hasher: RandomState,
}

impl Default for Kept {
    fn default() -> Self {
        Self { answers: Mutex::new(LruCache::new(MOST)), hasher: RandomState::new() }
    }
}

impl Kept {
    /// What stands for a picture.
    pub fn key(&self, encoded: &[u8], quantised: bool) -> Key {
        (encoded.len(), self.hasher.hash_one(encoded), quantised)
    }

    /// The answer that was kept, which took no time.
    pub fn get(&self, key: &Key) -> Option<Classified> {
        let kept = lock(&self.answers).get(key).cloned()?;
        Some(Classified { kept: Some(true), decode_ns: 0, resize_ns: 0, infer_ns: 0, batch: 0, pool_ns: 0, ..kept })
    }

    /// Keeps an answer.
    pub fn put(&self, key: Key, classified: &Classified) {
        lock(&self.answers).put(key, classified.clone());
    }
}
