//! How long a request's body may take that is read.
//!
//! A long upload must be possible, and a client that trickles must not hold a request for ever. So what counts is the
//! time in which the body was wanted and didn't come: 15 s at a time, and 15 s in all with a second more for each kB
//! that came.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// For so long nothing may come.
const SILENCE: Duration = Duration::from_secs(15);

/// Whoever is slower than this, in bytes a second, uses up the silence that it has.
const SLOWEST: u64 = 1_000;

/// See the module.
#[derive(Default)]
pub struct BodyTimeout {
    /// For how long the body was waited for until something came of it.
    waited: Duration,
    /// Since when it is waited for now.
    since: Option<Instant>,
    /// Made when it is first waited for, and set anew when it has run out and more came meanwhile.
    alarm: Option<Pin<Box<Sleep>>>,
}

impl BodyTimeout {
    /// Something came.
    pub fn heard(&mut self) {
        if let Some(since) = self.since.take() {
            self.waited += since.elapsed();
        }
    }

    /// Nothing is there. Ready when it has taken too long, after so many bytes.
    pub fn poll_lost(&mut self, read: u64, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.since.get_or_insert_with(Instant::now);
        let deadline = since + still(self.waited, read);
        let alarm = self.alarm.get_or_insert_with(|| Box::pin(sleep_until(deadline)));
        loop {
            ready!(alarm.as_mut().poll(context));
            if Instant::now() >= deadline {
                return Poll::Ready(());
            }
            alarm.as_mut().reset(deadline);
        }
    }
}

/// For how long a body may be waited for that was waited for so long, until so much of it was read.
fn still(waited: Duration, read: u64) -> Duration {
    let earned = SILENCE + Duration::from_secs(read / SLOWEST);
    earned.saturating_sub(waited).min(SILENCE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_sends_on_may_take_long_and_who_trickles_may_not() {
        let seconds = Duration::from_secs;
        assert_eq!(still(seconds(0), 0), seconds(15));
        assert_eq!(still(seconds(10), 100), seconds(5), "a few bytes buy nothing");
        assert_eq!(still(seconds(16), 100), seconds(0));
        assert_eq!(still(seconds(600), 600_000), seconds(15), "as fast as the slowest that may be");
        assert_eq!(still(seconds(600), 590_000), seconds(5));
        assert_eq!(still(seconds(1), u64::MAX), seconds(15), "and no longer at a time");
    }
}
