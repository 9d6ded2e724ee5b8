//! Reads what the workers' event loops do: run, wait for a processor, or sleep.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::processes::Processes;
use crate::maybe_known::MaybeKnown;
use crate::snapshot::{SlotReading, Snapshot, WorkerReading};
use crate::sys::procfs::{ThreadFile, ThreadTimes};

/// The open files of the loops' threads. For the observer's tick.
#[derive(Default)]
pub struct LoopReader {
    /// By slot and generation.
    open: HashMap<(usize, u64), Loop>,
    /// By slot: what all its loops have done since this reader began, ended ones too.
    sums: HashMap<usize, ThreadTimes>,
}

struct Loop {
    file: ThreadFile,
    last: ThreadTimes,
}

impl LoopReader {
    /// What the loops of each slot have done, in the order of the slots; unknown for a slot of which none was ever read.
    pub fn read(&mut self, snapshot: &Snapshot, processes: &Processes) -> Vec<MaybeKnown<ThreadTimes>> {
        self.open.retain(|&(slot, generation), _| {
            snapshot.workers().any(|worker| (worker.slot, worker.generation) == (slot, generation))
        });
        snapshot.slots.iter().map(|slot| self.read_slot(slot, processes).into()).collect()
    }

    fn read_slot(&mut self, slot: &SlotReading, processes: &Processes) -> Option<ThreadTimes> {
        for worker in &slot.workers {
            if let Some(more) = self.more(worker, processes) {
                let sum = self.sums.entry(slot.slot).or_default();
                sum.ran_ns += more.ran_ns;
                sum.waited_ns += more.waited_ns;
            }
        }
        self.sums.get(&slot.slot).copied()
    }

    /// What a loop has done since it was last read, or since it began.
    fn more(&mut self, worker: &WorkerReading, processes: &Processes) -> Option<ThreadTimes> {
        let Loop { file, last } = match self.open.entry((worker.slot, worker.generation)) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(new) => {
                let (pid, thread) = processes.loop_thread(worker)?;
                new.insert(Loop { file: ThreadFile::of(pid, thread)?, last: ThreadTimes::default() })
            }
        };
        let now = file.read()?;
        Some(now.since(std::mem::replace(last, now)))
    }
}
