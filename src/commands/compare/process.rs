//! A process that a round has started, with everything that it starts: it never outlives the round.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};

use crate::sys::inherited::Inherited;
use crate::sys::process;
use crate::sys::procfs::own_children;
use crate::sys::signals::Signals;

/// How often a process is looked at that is waited for, and one whose start is being measured.
const LOOK: Duration = Duration::from_millis(5);
const LOOK_AT_START: Duration = Duration::from_micros(200);

/// What a comparison watches while it waits.
pub struct Stop {
    signals: Signals,
    inherited: Inherited,
    /// Children that this process was started with: jobs of a shell that was replaced by it.
    children: Vec<u32>,
    heard: std::cell::Cell<bool>,
}

impl Stop {
    /// Watches for INT, TERM and HUP from here on, and for the end of a child.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn watch() -> io::Result<Self> {
        let inherited = Inherited::read();
        process::adopt_orphans();
        Ok(Self {
            children: own_children(),
            signals: Signals::block(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGCHLD])?,
            inherited,
            heard: std::cell::Cell::new(false),
        })
    }

    /// Kills what a round has left behind outside of the groups that it ended.
    pub fn end_strays(&self) {
        process::end_strays(&self.children);
    }

    /// Whether somebody wants the comparison to end.
    pub fn is_heard(&self) -> bool {
        while let Some(received) = self.signals.next() {
            if received.number != libc::SIGCHLD {
                self.heard.set(true);
            }
        }
        self.heard.get()
    }

    /// Waits for a start, whose end has to be seen at once; says how long it waited.
    pub fn wait_for_start(&self, limit: Duration, mut is_so: impl FnMut() -> bool) -> Duration {
        let begun = Instant::now();
        self.look_until(limit, || (!is_so()).then_some(LOOK_AT_START));
        begun.elapsed()
    }

    /// Waits until it is so, somebody wants an end, or it is too late; says whether it is so. If it is not so, `look` says
    /// after which pause it has to look again; the end of a child ends the pause.
    pub fn look_until(&self, limit: Duration, mut look: impl FnMut() -> Option<Duration>) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            let Some(pause) = look() else { return true };
            let left = deadline.saturating_duration_since(Instant::now());
            if self.is_heard() || left.is_zero() {
                return false;
            }
            // What can't be a timespec is no pause: it looks at once.
            let pause = Timespec::try_from(pause.min(left)).unwrap_or_default();
            let _ = poll(&mut [PollFd::new(&self.signals, PollFlags::IN)], Some(&pause));
        }
    }
}

/// A process that leads a group of its own.
pub struct Started {
    child: Child,
}

impl Started {
    /// Starts it in `directory`, with its output in files in `folder`. A terminal's signals don't reach it.
    ///
    /// # Errors
    /// A sentence that names the program.
    pub fn start(
        words: &[String],
        directory: &Path,
        folder: &Path,
        (stdout, stderr): (&str, &str),
        stop: &Stop,
    ) -> Result<Self, String> {
        let [program, arguments @ ..] = words else { return Err("there is no program to start".to_owned()) };
        let file = |name: &str| {
            File::create(folder.join(name))
                .map_err(|error| format!("{}: it can't be written ({error})", folder.join(name).display()))
        };
        let mut command = Command::new(program);
        command.args(arguments).current_dir(directory).process_group(0);
        command.stdin(Stdio::null()).stdout(file(stdout)?).stderr(file(stderr)?);
        stop.inherited.put_back_in(&mut command);
        let child = command.spawn().map_err(|error| format!("{program} can't be started: {error}"))?;
        Ok(Self { child })
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Its exit code, once it has ended; 128 + n when signal n ended it.
    pub fn ended(&mut self) -> Option<i32> {
        use std::os::unix::process::ExitStatusExt;
        let status = self.child.try_wait().ok()??;
        Some(status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or_default()))
    }

    /// Tells it to end, waits, and ends it by force when it does not; says its exit code if it ended by itself.
    pub fn end(mut self, limit: Duration) -> Option<i32> {
        self.group().terminate_group();
        let deadline = Instant::now() + limit;
        while Instant::now() < deadline {
            if let Some(code) = self.ended() {
                return Some(code);
            }
            std::thread::sleep(LOOK);
        }
        None
    }

    /// Tells its whole group to end, and waits until nothing of it is left, for at most so long.
    pub fn end_group(mut self, limit: Duration) {
        self.group().terminate_group();
        let deadline = Instant::now() + limit;
        // A process whose parent has ended is reaped by this one.
        while {
            let _ = self.ended();
            process::reap_others(|_| false);
            self.group().has_group()
        } && Instant::now() < deadline
        {
            std::thread::sleep(LOOK);
        }
    }

    fn group(&self) -> process::Child {
        process::Child { pid: self.pid() }
    }
}

impl Drop for Started {
    /// Nothing of its group is left, however the round ends.
    fn drop(&mut self) {
        self.group().kill_group();
        let _ = self.child.wait();
    }
}

/// A command for the shell, as the words of a program.
pub fn shell(command: String) -> Vec<String> {
    vec!["sh".to_owned(), "-c".to_owned(), command]
}

/// The last line that a process has written into a file, to follow a sentence.
pub fn last_words(file: &Path) -> String {
    let said = std::fs::read_to_string(file).unwrap_or_default();
    said.lines().next_back().map_or_else(String::new, |line| format!(": {line}"))
}
