//! How much earlier than its deadline a timer is set, because no wake-up is sooner than that. Pure.
//!
//! From the timer's interrupt until the service runs pass at least some microseconds. A timer that is set so much earlier
//! costs nothing and takes them off each lateness; what is sometimes too early is spent watching the clock. So the lead
//! follows the smallest delays: slowly up, quickly down. Ups and downs are in balance where that watching comes to
//! `STEP_NS × BACK` = 0.4 µs a wake-up, or less, however the delays are spread.

/// Nanoseconds before a deadline.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lead(u64);

impl Default for Lead {
    /// Few machines are quicker.
    fn default() -> Self {
        Self(5_000)
    }
}

impl Lead {
    /// Below the usual delay on purpose. On a busy machine, with deadlines 20 µs apart, 50 µs made the median lateness 2 µs
    /// instead of 5, at 1.8 to 2 × a bare timerfd's CPU instead of 1.3 ×.
    const MOST_NS: u64 = 15_000;

    /// At most so much up a wake-up …
    const STEP_NS: u64 = 100;

    /// … and this part of what it was too much down.
    const BACK: u64 = 4;

    pub fn ns(self) -> u64 {
        self.0
    }

    /// After a wake-up that came so long after its timer's time.
    #[must_use]
    pub fn after(self, delay_ns: u64) -> Self {
        let Self(lead) = self;
        match delay_ns.checked_sub(lead) {
            Some(over) => Self((lead + over.min(Self::STEP_NS)).min(Self::MOST_NS)),
            None => Self(lead - (lead - delay_ns).div_ceil(Self::BACK)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn it_finds_a_steady_delay() {
        let lead = (0..1_000).fold(Lead::default(), |lead, _| lead.after(7_000));
        assert_eq!(lead.ns(), 7_000);
    }

    #[test]
    fn it_stays_among_the_shortest_delays_and_watches_little() {
        for (least, spread) in [(10_000, 20_000), (0, 200_000), (40_000, 1), (2_000_000, 1_000_000)] {
            let mut lead = Lead::default();
            let mut watched = 0;
            for wake in 0_u64..100_000 {
                let delay = least + wake * 7_919 % spread;
                watched += lead.ns().saturating_sub(delay);
                lead = lead.after(delay);
            }
            assert!(watched / 100_000 <= Lead::STEP_NS * Lead::BACK, "{least} to {spread} more: {watched}");
            assert!(lead.ns() >= least.min(Lead::MOST_NS) && lead.ns() <= least + spread / 3, "{lead:?}");
        }
    }

    proptest! {
        #[test]
        fn it_is_never_more_than_its_most(delays in proptest::collection::vec(any::<u64>(), 0..2_000)) {
            let mut lead = Lead::default();
            for delay in delays {
                lead = lead.after(delay);
                prop_assert!(lead.ns() <= Lead::MOST_NS);
            }
        }
    }
}
