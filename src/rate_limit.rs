//! A token bucket, as arithmetic: what one number in shared memory means, and what it becomes. Pure.
//!
//! Since the clock's own zero a token comes at every whole multiple of `1 / rate` seconds, and the bucket holds at most
//! `burst` of them. In any stretch of `t` seconds fewer than `rate × t + 1` tokens come, and at its beginning there are at most
//! `burst`: so fewer than `rate × t + 1 + burst` requests take one. As long as requests find the bucket empty, each token that
//! comes is taken.
//!
//! The bucket's state is one time. It tells how many tokens are gone: as many as had come by that time. (That is the generic
//! cell rate algorithm with its theoretical arrival time, kept to whole tokens so that no rounding adds up.) A reload that
//! changes the limit leaves the state as it is: a time means the same to every limit, where a number of tokens would not.

use crate::units::PerSecond;

/// Nanoseconds times thousandths a second in one token.
const TOKEN: u128 = 1_000_000_000_000;

/// How often requests are let through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateLimit {
    /// How many a second, in the long run.
    pub rate: PerSecond,
    /// How many at once, after a pause: 1 to [`RateLimit::LARGEST_BURST`].
    pub burst: u64,
}

/// What becomes of a request. The caller puts the new state in the place of the old one, unless another request has changed
/// the old one meanwhile: then it judges again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It has taken a token.
    Taken {
        /// The new state.
        state_ns: u64,
    },
    /// There is none.
    Empty {
        /// How long until the next one comes.
        wait_ns: u64,
        /// The state as it was; or an earlier one, where another limit had let more tokens be taken than this one has.
        state_ns: u64,
    },
}

impl RateLimit {
    /// The largest burst.
    pub const LARGEST_BURST: u64 = 1_000_000;

    /// Judges a request at `now_ns` of a clock that never goes back. State 0 is a full bucket. The caller reads the state
    /// first and then the clock, so that no state was made at a time later than `now_ns`.
    #[must_use]
    pub fn judge(self, state_ns: u64, now_ns: u64) -> Verdict {
        let come = self.tokens_by(now_ns);
        let most = come + self.burst;
        let gone = self.tokens_by(state_ns).max(come);
        if gone < most {
            return Verdict::Taken { state_ns: self.time_of(gone + 1) };
        }
        // A slower limit, which was in force before, may have taken more than this one can.
        let state_ns = if gone > most { self.time_of(most) } else { state_ns };
        Verdict::Empty { wait_ns: self.time_of(come + 1) - now_ns, state_ns }
    }

    /// How many tokens have come by a time.
    fn tokens_by(self, time_ns: u64) -> u64 {
        let tokens = u128::from(time_ns) * u128::from(self.rate.thousandths()) / TOKEN;
        u64::try_from(tokens).expect("at most one token comes in 1,000 ns")
    }

    /// When that many have come.
    fn time_of(self, tokens: u64) -> u64 {
        let time = (u128::from(tokens) * TOKEN).div_ceil(self.rate.thousandths().into());
        u64::try_from(time).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn limits() -> impl Strategy<Value = RateLimit> {
        let rate = prop_oneof![1_u64..10_000, 1_u64..=1_000_000_000];
        (rate, prop_oneof![1_u64..20, 1..=RateLimit::LARGEST_BURST]).prop_map(|(thousandths, burst)| RateLimit {
            rate: format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000).parse().unwrap(),
            burst,
        })
    }

    /// A limit, when it begins, and pauses between requests, in tokens.
    fn requests() -> impl Strategy<Value = (RateLimit, Vec<u64>)> {
        let pause = prop_oneof![4 => 0.0..0.9_f64, 3 => Just(0.0), 2 => 0.9..3.0_f64, 1 => 3.0..60.0_f64];
        let run = (limits(), 0..1_u64 << 50, prop::collection::vec(pause, 1..300));
        run.prop_map(|(limit, begin_ns, pauses)| {
            #[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            let nanoseconds = |tokens: f64| (tokens * 1e12 / limit.rate.thousandths() as f64) as u64;
            let times = pauses.iter().scan(begin_ns, |now_ns, pause| {
                *now_ns += nanoseconds(*pause);
                Some(*now_ns)
            });
            (limit, times.collect())
        })
    }

    proptest! {
        /// A bucket that counts its tokens one by one lets the same requests through.
        #[test]
        fn a_token_is_taken_if_and_only_if_there_is_one((limit, times) in requests()) {
            let come = |time_ns: u64| u128::from(time_ns) * u128::from(limit.rate.thousandths()) / TOKEN;
            let (mut state_ns, mut tokens, mut before) = (0, limit.burst, come(times[0]));
            for now_ns in times {
                let added = u64::try_from(come(now_ns) - before).unwrap();
                before = come(now_ns);
                tokens = (tokens + added).min(limit.burst);
                match limit.judge(state_ns, now_ns) {
                    Verdict::Taken { state_ns: next } => {
                        prop_assert!(tokens > 0);
                        tokens -= 1;
                        state_ns = next;
                    }
                    Verdict::Empty { wait_ns, state_ns: same } => {
                        prop_assert_eq!((tokens, same), (0, state_ns));
                        prop_assert!(wait_ns > 0 && come(now_ns + wait_ns) == before + 1 && come(now_ns + wait_ns - 1) == before);
                        let after = limit.judge(state_ns, now_ns + wait_ns);
                        prop_assert!(matches!(after, Verdict::Taken { .. }), "{:?}", after);
                    }
                }
            }
        }

        /// In any stretch fewer than `rate × time + burst + 1` are taken. If the bucket has never overflowed and is empty at
        /// the end, more than `rate × time + burst - 2` are.
        #[test]
        fn any_stretch_is_within_one_of_rate_times_time_plus_burst((limit, times) in requests()) {
            let mut state_ns = 0;
            let mut taken = Vec::new();
            let full_ns = times[0];
            for now_ns in times {
                match limit.judge(state_ns, now_ns) {
                    Verdict::Taken { state_ns: next } => {
                        state_ns = next;
                        taken.push(now_ns);
                    }
                    Verdict::Empty { .. } => {
                        let least = u128::from(now_ns - full_ns) * u128::from(limit.rate.thousandths());
                        let bucket_never_overflowed = taken.windows(2).all(|two| limit.time_of(limit.tokens_by(two[0]) + 1) >= two[1]);
                        if bucket_never_overflowed {
                            let count = (taken.len() as u128 + 1) * TOKEN;
                            prop_assert!(count > least + u128::from(limit.burst - 1) * TOKEN, "{count} {least}");
                        }
                    }
                }
            }
            for (first, from_ns) in taken.iter().enumerate() {
                for (count, to_ns) in (1_u128..).zip(&taken[first..]) {
                    let most = u128::from(to_ns - from_ns) * u128::from(limit.rate.thousandths()) + u128::from(limit.burst + 1) * TOKEN;
                    prop_assert!(count * TOKEN < most, "{count} in {} ns", to_ns - from_ns);
                }
            }
        }

        /// Whatever state another limit has left, there is a token after the wait that this limit tells.
        #[test]
        fn another_limit_s_state_is_left_behind((limit, times) in requests(), state_ns: u64) {
            let now_ns = times[0];
            match limit.judge(state_ns, now_ns) {
                Verdict::Taken { .. } => {}
                Verdict::Empty { wait_ns, state_ns } => {
                    let after = limit.judge(state_ns, now_ns + wait_ns);
                    prop_assert!(matches!(after, Verdict::Taken { .. }), "{:?}", after);
                }
            }
        }
    }
}
