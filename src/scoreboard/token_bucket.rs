//! Buckets of tokens that all workers take from.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};

use bytemuck::Zeroable;

use crate::rate_limit::{RateLimit, Verdict};

/// A bucket, in a cache line of its own. It begins full. A worker that is killed while it takes a token has taken it or not:
/// there is no lock that it could leave behind.
#[derive(Zeroable)]
#[repr(C, align(128))]
pub struct TokenBucket(AtomicU64);

impl TokenBucket {
    /// Takes a token, if this limit has one, by a clock that all workers share.
    ///
    /// # Errors
    /// How many nanoseconds it is until the next token, if there is none.
    pub fn take(&self, limit: RateLimit, now_ns: impl Fn() -> u64) -> Result<(), u64> {
        let mut state = self.0.load(Acquire);
        loop {
            // The clock is read after the state, so that it shows no earlier time than to the worker that wrote the state.
            let (next, taken) = match limit.judge(state, now_ns()) {
                Verdict::Taken { state_ns } => (state_ns, Ok(())),
                Verdict::Empty { wait_ns, state_ns } => (state_ns, Err(wait_ns)),
            };
            if next == state {
                return taken;
            }
            match self.0.compare_exchange_weak(state, next, AcqRel, Acquire) {
                Ok(_) => return taken,
                Err(changed) => state = changed,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering::Relaxed;
    use std::thread;

    use super::*;

    /// Each request moves the clock on by a microsecond, so that more requests come than tokens.
    #[test]
    fn threads_take_each_token_once_and_leave_none() {
        const REQUESTS: u64 = 50_000;
        let limit = RateLimit { rate: "123456.789".parse().unwrap(), burst: 17 };
        let (bucket, clock) = (TokenBucket::zeroed(), AtomicU64::new(1_000_000_000));
        let requests = || {
            let take = |_: &u64| bucket.take(limit, || clock.fetch_add(1_000, Relaxed) + 1_000).is_ok();
            (0..REQUESTS).filter(take).count() as u64
        };
        let taken: u64 = thread::scope(|scope| {
            let threads: Vec<_> = (0..4).map(|_| scope.spawn(requests)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).sum()
        });
        let passed_ns = clock.into_inner() - 1_000_000_000;
        // Thousandths of a token and nanoseconds.
        let come = u128::from(passed_ns) * 123_456_789 / 1_000_000_000_000;
        let within = come + 16..=come + 18;
        assert!(within.contains(&u128::from(taken)), "{taken} of {within:?} in {passed_ns} ns");
    }
}
