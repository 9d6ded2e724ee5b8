//! When the rows are due: at the start of the run plus whole multiples of the interval, whoever observes.

/// The deadlines of a run.
#[derive(Clone, Copy, Debug)]
pub struct Schedule {
    /// When the run began (monotonic).
    pub started_ns: u64,
    /// From one deadline to the next; not 0.
    pub interval_ns: u64,
}

impl Schedule {
    /// The first deadline after an instant.
    #[must_use]
    pub fn after(&self, instant_ns: u64) -> u64 {
        let passed = instant_ns.saturating_sub(self.started_ns) / self.interval_ns;
        self.started_ns + (passed + 1) * self.interval_ns
    }

    /// The deadline of the row that follows one taken at this instant. Those that a late row has missed are skipped,
    /// and so is one less than half an interval away: its row would say little, at twice the cost.
    #[must_use]
    pub fn next(&self, taken_ns: u64) -> u64 {
        self.after(taken_ns + self.interval_ns / 2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_late_row_moves_no_deadline() {
        let schedule = Schedule { started_ns: 1_000, interval_ns: 100 };
        assert_eq!(schedule.next(1_000), 1_100);
        assert_eq!(schedule.next(1_103), 1_200);
        assert_eq!(schedule.next(1_349), 1_400);
        assert_eq!(schedule.next(1_380), 1_500);
        assert_eq!(schedule.after(1_399), 1_400);
    }

    proptest! {
        #[test]
        fn deadlines_are_multiples_and_neither_bunched_nor_far(
            started_ns in 0_u64..1 << 50, interval_ns in 1_u64..1 << 40, later in 0_u64..1 << 50,
        ) {
            let schedule = Schedule { started_ns, interval_ns };
            let next = schedule.next(started_ns + later);
            prop_assert_eq!((next - started_ns) % interval_ns, 0);
            let gap = next - started_ns - later;
            prop_assert!(gap >= interval_ns - interval_ns / 2 - 1 || gap * 2 >= interval_ns, "{gap}");
            prop_assert!(gap * 2 <= interval_ns * 3 + 2, "{gap}");
        }
    }
}
