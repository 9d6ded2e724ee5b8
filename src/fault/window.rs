//! When a plan applies.

use std::time::Duration;

/// A stretch of time from the plan's begin, or of its requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Window {
    /// As long as the plan is there.
    Always,
    /// From `from` until `to`, which may never come.
    Between {
        /// The first moment that is in it.
        from: Duration,
        /// The first moment that is not.
        to: Option<Duration>,
    },
    /// The first `open` of each `every`.
    Periods {
        /// From one opening to the next.
        every: Duration,
        /// How long it is open.
        open: Duration,
    },
    /// `count` requests, or all, after the first `after`.
    Requests {
        /// Requests before it.
        after: u64,
        /// Requests in it.
        count: Option<u64>,
    },
}

impl Window {
    /// Whether it is open so long after the plan's begin. A window in requests always is.
    #[must_use]
    pub fn is_open(&self, elapsed: Duration) -> bool {
        match self {
            Self::Always | Self::Requests { .. } => true,
            Self::Between { from, to } => *from <= elapsed && to.is_none_or(|to| elapsed < to),
            Self::Periods { every, open } => phase(elapsed, *every) < *open,
        }
    }

    /// How long it will stay open, if it is open now and ends by time.
    #[must_use]
    pub fn closes_in(&self, elapsed: Duration) -> Option<Duration> {
        if !self.is_open(elapsed) {
            return None;
        }
        match self {
            Self::Always | Self::Requests { .. } => None,
            Self::Between { to, .. } => to.map(|to| to.saturating_sub(elapsed)),
            Self::Periods { every, open } => Some(open.saturating_sub(phase(elapsed, *every))),
        }
    }

    /// How long until it next opens or closes, if it does by time.
    #[must_use]
    pub fn changes_in(&self, elapsed: Duration) -> Option<Duration> {
        match self {
            Self::Always | Self::Requests { .. } => None,
            Self::Between { from, .. } if elapsed < *from => from.checked_sub(elapsed),
            Self::Periods { every, open } if open >= every => None,
            Self::Periods { every, .. } if !self.is_open(elapsed) => every.checked_sub(phase(elapsed, *every)),
            Self::Between { .. } | Self::Periods { .. } => self.closes_in(elapsed),
        }
    }

    /// The longest that it is open at a stretch; `None` is without end.
    #[must_use]
    pub fn longest(&self) -> Option<Duration> {
        match self {
            Self::Always | Self::Requests { .. } => None,
            Self::Between { from, to } => to.map(|to| to.saturating_sub(*from)),
            Self::Periods { every, open } => (open < every).then_some(*open),
        }
    }

    /// The index of a draw: the window's first request has 0. `None` outside of a window in requests.
    #[must_use]
    pub fn index(&self, draw: u64) -> Option<u64> {
        match self {
            Self::Always | Self::Between { .. } | Self::Periods { .. } => Some(draw),
            Self::Requests { after, count } => {
                draw.checked_sub(*after).filter(|index| count.is_none_or(|count| *index < count))
            }
        }
    }
}

/// How far a period is. Checked plans have none of length 0.
fn phase(elapsed: Duration, every: Duration) -> Duration {
    let nanoseconds = elapsed.as_nanos() % every.as_nanos().max(1);
    // Less than the period, which is at most 2⁶⁴ − 1 ns.
    Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(milliseconds: u64) -> Duration {
        Duration::from_millis(milliseconds)
    }

    #[test]
    fn windows_open_and_close_where_they_say() {
        let between = Window::Between { from: ms(30), to: Some(ms(60)) };
        let periods = Window::Periods { every: ms(10), open: ms(3) };
        for (window, at, open, closes) in [
            (Window::Always, 0, true, None),
            (between, 29, false, None),
            (between, 30, true, Some(30)),
            (between, 59, true, Some(1)),
            (between, 60, false, None),
            (Window::Between { from: ms(5), to: None }, 1_000_000, true, None),
            (periods, 0, true, Some(3)),
            (periods, 2, true, Some(1)),
            (periods, 3, false, None),
            (periods, 9, false, None),
            (periods, 1_000_000_012, true, Some(1)),
            (Window::Requests { after: 3, count: None }, 0, true, None),
        ] {
            assert_eq!(
                (window.is_open(ms(at)), window.closes_in(ms(at))),
                (open, closes.map(ms)),
                "{window:?} {at}"
            );
        }
    }

    #[test]
    fn the_next_change_is_the_next_moment_at_which_it_is_otherwise() {
        let between = Window::Between { from: ms(30), to: Some(ms(60)) };
        let periods = Window::Periods { every: ms(10), open: ms(3) };
        for (window, at, changes) in [
            (Window::Always, 0, None),
            (between, 0, Some(30)),
            (between, 30, Some(30)),
            (between, 60, None),
            (Window::Between { from: ms(5), to: None }, 5, None),
            (periods, 0, Some(3)),
            (periods, 3, Some(7)),
            (periods, 19, Some(1)),
            (Window::Periods { every: ms(10), open: ms(10) }, 4, None),
        ] {
            assert_eq!(window.changes_in(ms(at)), changes.map(ms), "{window:?} {at}");
            for later in at + 1..at + changes.unwrap_or(20) {
                assert_eq!(window.is_open(ms(later)), window.is_open(ms(at)), "{window:?} {later}");
            }
            if let Some(changes) = changes {
                assert_ne!(window.is_open(ms(at + changes)), window.is_open(ms(at)), "{window:?} {at}");
            }
        }
    }

    #[test]
    fn a_window_in_requests_counts_from_its_first() {
        let window = Window::Requests { after: 1000, count: Some(500) };
        for (draw, index) in [(0, None), (999, None), (1000, Some(0)), (1499, Some(499)), (1500, None)] {
            assert_eq!(window.index(draw), index, "{draw}");
        }
        assert_eq!(Window::Always.index(7), Some(7));
    }
}
