//! What the loop's thread does from one beat to the next.

use crate::maybe_known::MaybeKnown;
use crate::scoreboard::Late;
use crate::sys::procfs::{ThreadFile, ThreadTimes};
use crate::work::loop_hold;

/// For the worker, on its loop's thread.
pub struct Stopwatch {
    file: Option<ThreadFile>,
    last: MaybeKnown<ThreadTimes>,
    last_blocked_ns: u64,
}

impl Stopwatch {
    /// Of the calling thread.
    pub fn start() -> Self {
        let mut file = ThreadFile::of_this_thread();
        let last = file.as_mut().and_then(ThreadFile::read).into();
        Self { file, last, last_blocked_ns: loop_hold::blocked_ns() }
    }

    /// A beat that came so late, with what the thread has done since the beat before. The rest of that time it slept, or stood
    /// still.
    pub fn late(&mut self, lag_ns: u64) -> Late {
        let now: MaybeKnown<ThreadTimes> = self.file.as_mut().and_then(ThreadFile::read).into();
        let more = std::mem::replace(&mut self.last, now).zip(now).map(|(before, now)| now.since(before));
        let blocked_ns = loop_hold::blocked_ns();
        let before_ns = std::mem::replace(&mut self.last_blocked_ns, blocked_ns);
        Late {
            lag_ns,
            ran_ns: more.map(|more| more.ran_ns),
            waited_ns: more.map(|more| more.waited_ns),
            blocked_ns: (blocked_ns - before_ns).into(),
        }
    }
}
