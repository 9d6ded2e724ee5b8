//! When the first request of a load came: its target is asked again and again, as rarely as the answer allows.
//!
//! Each question costs the target and the comparison some CPU, and a generator may take seconds to start. A wait of a second
//! need not be known to the millisecond: pauses grow with it.

use std::time::Duration;

/// A pause between two questions is a sixteenth of the wait so far, but no shorter and no longer than this.
const SHARE: u32 = 16;
const SHORTEST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(100);

/// The wait for the first request; times count from the start of the generator.
#[derive(Debug)]
pub struct FirstRequest {
    /// Requests that had begun before; `None` where nobody counts them.
    before: Option<u64>,
    /// When the target was last asked that had none yet.
    none_at: Duration,
    came: Option<Duration>,
}

impl FirstRequest {
    /// Nothing is waited for where `before`, the requests that had begun, is not known.
    pub fn after(before: Option<u64>) -> Self {
        Self { before, none_at: Duration::ZERO, came: None }
    }

    /// Asks how many requests have begun, unless that is settled.
    pub fn look(&mut self, now: impl Fn() -> Duration, started: impl FnOnce() -> Option<u64>) {
        if !self.is_awaited() {
            return;
        }
        let asked_at = now();
        if started() > self.before {
            // Between two questions, and no moment there is likelier than another.
            self.came = Some((self.none_at + now()) / 2);
        } else {
            self.none_at = asked_at;
        }
    }

    /// How long to wait until the next question; `None`: there is none.
    pub fn pause(&self) -> Option<Duration> {
        self.is_awaited().then(|| (self.none_at / SHARE).clamp(SHORTEST, LONGEST))
    }

    /// When it came, to a 32nd of the wait (from 5 to 50 ms); 0 where it never came or nobody tells.
    pub fn came(&self) -> Duration {
        self.came.unwrap_or_default()
    }

    fn is_awaited(&self) -> bool {
        self.before.is_some() && self.came.is_none()
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    /// Waits for a request that comes then, with answers that take no time: what is said, and how many questions it took.
    fn wait_for(comes: Duration) -> (Duration, u32) {
        let mut first = FirstRequest::after(Some(7));
        let (mut now, asked) = (Duration::ZERO, Cell::new(0));
        while let Some(pause) = first.pause() {
            first.look(
                || now,
                || {
                    asked.set(asked.get() + 1);
                    Some(if now >= comes { 9 } else { 7 })
                },
            );
            now += pause;
        }
        (first.came(), asked.get())
    }

    #[test]
    fn it_is_told_to_a_share_of_the_wait() {
        for ms in [1_u64, 7, 33, 150, 500, 1_234, 1_700, 9_999] {
            let comes = Duration::from_millis(ms);
            let (said, _) = wait_for(comes);
            let off = (comes / 32).clamp(SHORTEST / 2, LONGEST / 2);
            assert!(said.abs_diff(comes) <= off + Duration::from_micros(1), "{said:?} instead of {comes:?}");
        }
    }

    #[test]
    fn a_long_wait_takes_ten_questions_a_second() {
        let (_, one) = wait_for(Duration::from_secs(1));
        let (_, ten) = wait_for(Duration::from_secs(10));
        assert!(one <= 50 && ten <= 150, "{one}, {ten}");
    }

    #[test]
    fn where_nobody_counts_nobody_is_asked() {
        let mut first = FirstRequest::after(None);
        first.look(|| Duration::ZERO, || unreachable!("nobody counts"));
        assert_eq!((first.pause(), first.came()), (None, Duration::ZERO));
    }

    #[test]
    fn a_target_that_does_not_answer_has_no_request_yet() {
        let mut first = FirstRequest::after(Some(0));
        first.look(|| Duration::from_secs(1), || None);
        assert_eq!(
            (first.pause(), first.came()),
            (Some(Duration::from_millis(62) + Duration::from_micros(500)), Duration::ZERO)
        );
    }
}
