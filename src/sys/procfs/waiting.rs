//! How long threads have run, and have waited for a processor while they could have run.
//!
//! The scheduler says it for each thread in `/proc/PID/task/TID/schedstat`; `/proc/PID/schedstat` is the main thread's
//! alone.

use std::fs::File;
use std::os::fd::OwnedFd;

use rustix::fs::{Dir, Mode, OFlags, openat};

use super::room::Room;

/// The open files of one process's threads.
#[derive(Default)]
pub struct ThreadWaits {
    threads: Vec<Thread>,
}

struct Thread {
    /// Its id, as a directory's name.
    id: String,
    schedstat: OwnedFd,
    /// What it had waited when last read.
    waited_ns: u64,
}

impl ThreadWaits {
    /// What all threads have waited since they were last read, or since they began. The threads are listed anew only
    /// when one has ended or there is another number of them: a list costs as much as reading ten of them.
    /// `None` where the kernel doesn't say.
    pub fn more_ns(&mut self, process: &OwnedFd, threads: u64, room: &mut Room) -> Option<u64> {
        let before = self.threads.len();
        let mut more_ns = 0;
        self.threads.retain_mut(|thread| thread.add_to(&mut more_ns, room));
        if self.threads.len() != before || before as u64 != threads {
            let known = self.threads.len();
            self.open_new(process);
            self.threads[known..].iter_mut().for_each(|thread| {
                thread.add_to(&mut more_ns, room);
            });
        }
        (!self.threads.is_empty()).then_some(more_ns)
    }

    /// Opens the files of those that aren't known yet.
    fn open_new(&mut self, process: &OwnedFd) {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        let Ok(directory) = openat(process, "task", flags | OFlags::DIRECTORY, Mode::empty()) else { return };
        let Ok(listed) = Dir::new(directory) else { return };
        for entry in listed.flatten() {
            let Ok(id) = entry.file_name().to_str() else { continue };
            if id.starts_with('.') || self.threads.iter().any(|thread| thread.id == id) {
                continue;
            }
            // It may have ended since it was listed.
            if let Ok(schedstat) = openat(process, format!("task/{id}/schedstat"), flags, Mode::empty()) {
                self.threads.push(Thread { id: id.to_owned(), schedstat, waited_ns: 0 });
            }
        }
    }
}

impl Thread {
    /// Adds what it has waited since the last time; whether it is still there.
    fn add_to(&mut self, sum_ns: &mut u64, room: &mut Room) -> bool {
        let Some(now) = room.fill_text(&self.schedstat).and_then(times_in) else { return false };
        *sum_ns += now.waited_ns.saturating_sub(self.waited_ns);
        self.waited_ns = now.waited_ns;
        true
    }
}

/// What the scheduler has counted of a thread since it began. A thread that does neither sleeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ThreadTimes {
    /// On a processor.
    pub ran_ns: u64,
    /// Ready to run, and waiting for a processor.
    pub waited_ns: u64,
}

impl ThreadTimes {
    /// What has been added since an earlier reading of the same.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        Self {
            ran_ns: self.ran_ns.saturating_sub(before.ran_ns),
            waited_ns: self.waited_ns.saturating_sub(before.waited_ns),
        }
    }
}

/// The open file of one thread.
pub struct ThreadFile {
    schedstat: File,
    room: Room,
}

impl ThreadFile {
    /// Of the calling thread; `None` where the kernel keeps no such times.
    #[must_use]
    pub fn of_this_thread() -> Option<Self> {
        Self::open("/proc/thread-self/schedstat")
    }

    /// Of a thread of a process.
    #[must_use]
    pub fn of(pid: u32, thread: u32) -> Option<Self> {
        Self::open(&format!("/proc/{pid}/task/{thread}/schedstat"))
    }

    fn open(path: &str) -> Option<Self> {
        Some(Self { schedstat: File::open(path).ok()?, room: Room::default() })
    }

    /// What it says now; `None` when the thread has ended.
    pub fn read(&mut self) -> Option<ThreadTimes> {
        times_in(self.room.fill_text(&self.schedstat)?)
    }
}

/// The first two of "time on a processor, time waiting for one, times put on one".
fn times_in(text: &str) -> Option<ThreadTimes> {
    let mut fields = text.split_ascii_whitespace().map(str::parse);
    let (ran_ns, waited_ns) = (fields.next()?.ok()?, fields.next()?.ok()?);
    Some(ThreadTimes { ran_ns, waited_ns })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::fs::CWD;

    #[test]
    fn the_first_figure_is_time_on_a_processor_and_the_second_the_wait() {
        let times = ThreadTimes { ran_ns: 174_923_723, waited_ns: 10_443_025 };
        assert_eq!(times_in("174923723 10443025 403\n"), Some(times));
        assert_eq!((times_in(""), times_in("174923723 ?")), (None, None));
    }

    #[test]
    fn a_thread_that_computes_has_run() {
        let Some(mut file) = ThreadFile::of_this_thread() else {
            eprintln!("skipped: this kernel keeps no /proc/thread-self/schedstat");
            return;
        };
        let before = file.read().unwrap();
        // The scheduler counts up to its last tick.
        while file.read().unwrap().since(before).ran_ns < 20_000_000 {
            std::hint::spin_loop();
        }
        let id = rustix::thread::gettid().as_raw_nonzero().get().unsigned_abs();
        let other = ThreadFile::of(std::process::id(), id).unwrap().read().unwrap();
        assert!(other.ran_ns >= before.ran_ns + 20_000_000, "{other:?} after {before:?}");
    }

    #[test]
    fn threads_come_and_go_and_nothing_is_counted_twice() {
        // Not how many there are, so that they are listed each time.
        const MANY: u64 = u64::MAX;
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let process = openat(CWD, "/proc/self", flags, Mode::empty()).unwrap();
        let (mut waits, mut room) = (ThreadWaits::default(), Room::default());
        // A thread of the test runner ends when it likes; this one's own is there until the end.
        let this = rustix::thread::gettid().as_raw_nonzero().to_string();
        let knows_this = |waits: &ThreadWaits| waits.threads.iter().filter(|thread| thread.id == this).count();
        assert!(waits.more_ns(&process, MANY, &mut room).is_some());
        assert_eq!(knows_this(&waits), 1);
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (say, said) = std::sync::mpsc::channel();
        let other = std::thread::spawn(move || {
            say.send(rustix::thread::gettid().as_raw_nonzero().to_string()).unwrap();
            let _ = stopped.recv();
        });
        let id = said.recv().unwrap();
        let knows_other = |waits: &ThreadWaits| waits.threads.iter().any(|thread| thread.id == id);
        assert!(waits.more_ns(&process, MANY, &mut room).is_some());
        assert!(knows_other(&waits) && knows_this(&waits) == 1);
        drop(stop);
        other.join().unwrap();
        // A joined thread may still be listed for a moment.
        while knows_other(&waits) {
            assert!(waits.more_ns(&process, MANY, &mut room).is_some());
        }
        assert_eq!(knows_this(&waits), 1);
    }
}
