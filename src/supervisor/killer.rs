//! Who has ended a worker or the observer by SIGKILL: the kernel for want of memory, the supervisor, or somebody else.

use crate::event::Killer;
use crate::maybe_known::MaybeKnown;
use crate::sys::clock;

/// How long after the kernel's count has grown a death is put down to that. A process that is killed ends within moments; what
/// no death has explained by then was another process of the control group.
const EXPLAINED_WITHIN_NS: u64 = 10 * clock::SECOND;

/// The kernel's count of memory kills, and how many of them no death has explained yet.
#[derive(Debug)]
pub struct MemoryKills {
    count: MaybeKnown,
    /// Whether the last look could tell what it had grown by.
    is_known: bool,
    /// When the count was seen to grow (monotonic), once for each kill.
    unexplained: Vec<u64>,
}

impl MemoryKills {
    /// Begins with what has happened so far.
    pub fn since(count: MaybeKnown) -> Self {
        Self { count, is_known: false, unexplained: Vec::new() }
    }

    /// Takes in what the count is now.
    pub fn look(&mut self, count: MaybeKnown, now_ns: u64) {
        let grown = count.since(self.count).get();
        (self.count, self.is_known) = (count, grown.is_some());
        self.unexplained.retain(|seen| now_ns.saturating_sub(*seen) <= EXPLAINED_WITHIN_NS);
        self.unexplained.extend((0..grown.unwrap_or(0)).map(|_| now_ns));
    }

    /// Who has killed a process that SIGKILL has ended, by what was seen at the last look. `limit` is asked where it is told.
    pub fn killer(&mut self, limit: impl FnOnce() -> MaybeKnown<Option<u64>>) -> Killer {
        if !self.is_known {
            return Killer::Unknown;
        }
        match self.unexplained.pop() {
            Some(_) => Killer::KernelForMemory(limit().into()),
            None => Killer::Somebody,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::MemoryLimit;

    const LIMIT: MaybeKnown<Option<u64>> = MaybeKnown::known(Some(64 << 20));
    const FOR_MEMORY: Killer = Killer::KernelForMemory(MemoryLimit::Bytes(64 << 20));

    fn killers(kills: &mut MemoryKills, deaths: usize) -> Vec<Killer> {
        (0..deaths).map(|_| kills.killer(|| LIMIT)).collect()
    }

    #[test]
    fn as_many_deaths_are_put_down_to_the_kernel_as_it_has_counted() {
        let mut kills = MemoryKills::since(5.into());
        kills.look(5.into(), 1);
        assert_eq!(killers(&mut kills, 1), [Killer::Somebody], "what was before the run");
        kills.look(7.into(), 2);
        assert_eq!(killers(&mut kills, 3), [FOR_MEMORY, FOR_MEMORY, Killer::Somebody]);
        kills.look(7.into(), 3);
        assert_eq!(killers(&mut kills, 1), [Killer::Somebody]);
    }

    #[test]
    fn a_kill_that_no_death_explains_in_time_was_another_process() {
        let mut kills = MemoryKills::since(0.into());
        kills.look(1.into(), clock::SECOND);
        kills.look(1.into(), 11 * clock::SECOND);
        assert_eq!(killers(&mut kills, 1), [FOR_MEMORY]);
        kills.look(2.into(), clock::SECOND);
        kills.look(2.into(), 11 * clock::SECOND + 1);
        assert_eq!(killers(&mut kills, 1), [Killer::Somebody]);
    }

    #[test]
    fn without_a_count_nobody_can_tell() {
        const UNKNOWN: MaybeKnown = MaybeKnown::UNKNOWN;
        for (before, now) in [(UNKNOWN, UNKNOWN), (3.into(), UNKNOWN), (UNKNOWN, 3.into())] {
            let mut kills = MemoryKills::since(before);
            kills.look(now, 1);
            assert_eq!(killers(&mut kills, 1), [Killer::Unknown], "{before:?} {now:?}");
        }
    }
}
