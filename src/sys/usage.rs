//! What the kernel counts of a process or thread besides its time: `getrusage(2)`.

use crate::maybe_known::MaybeKnown;

/// Counts since the process or thread began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// How often it gave up its processor, to wait for something.
    pub voluntary_switches: u64,
    /// How often its processor was taken from it.
    pub involuntary_switches: u64,
    /// How often a page had to be read from a disk.
    pub major_faults: u64,
}

/// Of the calling process, all its threads, ended ones too.
#[must_use]
pub fn of_this_process() -> MaybeKnown<Usage> {
    // SAFETY: rusage is made of integers, for which all zeros is valid.
    let mut usage: libc::rusage = unsafe { std::mem::zeroed() };
    // SAFETY: the pointer is to a live rusage of ours, which the call fills or leaves alone.
    let result = unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) };
    let count = |number: libc::c_long| u64::try_from(number).unwrap_or(0);
    let read = (result == 0).then(|| Usage {
        voluntary_switches: count(usage.ru_nvcsw),
        involuntary_switches: count(usage.ru_nivcsw),
        major_faults: count(usage.ru_majflt),
    });
    read.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_waits_is_switched_away_from_and_counts_on_when_it_has_ended() {
        let before = of_this_process().get().unwrap();
        let (release, released) = std::sync::mpsc::channel::<()>();
        let waiting = std::thread::spawn(move || released.recv());
        while of_this_process().get().unwrap().voluntary_switches == before.voluntary_switches {
            std::thread::yield_now();
        }
        let _ = release.send(());
        let _ = waiting.join();
        assert!(of_this_process().get().unwrap().voluntary_switches > before.voluntary_switches);
    }
}
