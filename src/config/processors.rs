//! How many workers there are where nobody has said how many.

use crate::maybe_known::MaybeKnown;

/// What this process may use of the machine's processors.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Processors {
    /// How many it may run on, by its affinity mask.
    pub allowed: usize,
    /// How many processors' worth of time its control group may use; `None` is without a quota.
    pub quota: MaybeKnown<Option<f64>>,
}

impl Processors {
    /// One for each whole processor, and one at least. A quota is rounded down: rounded up, the workers together would use
    /// it up before its period ends, and all of them would stand still for the rest of the period.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    pub fn workers(self) -> usize {
        // A cast from a float keeps to the type's range.
        let by_quota = self.quota.get().flatten().map_or(usize::MAX, |quota| quota as usize);
        self.allowed.min(by_quota).max(1)
    }

    /// Why there are so many, where a quota makes them fewer or nobody can tell whether it does.
    #[must_use]
    pub fn why(self) -> Option<String> {
        let Self { allowed, quota } = self;
        let said = format!("workers={}, since --workers is not given", self.workers());
        match quota.get() {
            Some(None) => None,
            #[allow(clippy::cast_precision_loss)]
            Some(Some(quota)) if quota >= allowed as f64 => None,
            Some(Some(quota)) => {
                Some(format!("{said}: the CPU quota is {quota} of {allowed} processors, and only whole ones count"))
            }
            None => Some(format!("{said}: {allowed} processors; whether a CPU quota allows fewer can't be read")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(quota: Option<f64>) -> (usize, Option<String>) {
        let processors = Processors { allowed: 4, quota: MaybeKnown::known(quota) };
        (processors.workers(), processors.why())
    }

    #[test]
    fn whole_processors_count_and_there_is_one_worker_at_least() {
        let why = |workers: usize, quota: &str| {
            let said = "since --workers is not given: the CPU quota is";
            Some(format!("workers={workers}, {said} {quota} of 4 processors, and only whole ones count"))
        };
        assert_eq!(of(Some(0.5)), (1, why(1, "0.5")));
        assert_eq!(of(Some(1.5)), (1, why(1, "1.5")));
        assert_eq!(of(Some(2.0)), (2, why(2, "2")));
        assert_eq!(of(Some(3.99)), (3, why(3, "3.99")));
    }

    #[test]
    fn a_quota_that_takes_nothing_is_not_worth_a_word() {
        for quota in [None, Some(4.0), Some(64.0)] {
            assert_eq!(of(quota), (4, None), "{quota:?}");
        }
        let unknown = Processors { allowed: 4, quota: MaybeKnown::UNKNOWN };
        assert_eq!(unknown.workers(), 4);
        assert!(unknown.why().unwrap().ends_with("whether a CPU quota allows fewer can't be read"));
        assert_eq!(Processors::default().workers(), 1);
    }
}
