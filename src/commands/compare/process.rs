//! A process that a round has started, with everything that it starts: it never outlives the round.

use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

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
    /// Watches for INT, TERM and HUP from here on.
    ///
    /// # Errors
    /// What the kernel says.
    pub fn watch() -> io::Result<Self> {
        let inherited = Inherited::read();
        process::adopt_orphans();
        Ok(Self {
            children: own_children(),
            signals: Signals::block(&[libc::SIGINT, libc::SIGTERM, libc::SIGHUP])?,
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
        if self.signals.next().is_some() {
            self.heard.set(true);
        }
        self.heard.get()
    }

    /// Waits until it is so, somebody wants an end, or it is too late; says whether it is so.
    pub fn wait_until(&self, limit: Duration, is_so: impl FnMut() -> bool) -> bool {
        self.look_until(limit, LOOK, is_so)
    }

    /// The same for a start, whose end has to be seen at once; says how long it waited.
    pub fn wait_for_start(&self, limit: Duration, is_so: impl FnMut() -> bool) -> Duration {
        let begun = Instant::now();
        self.look_until(limit, LOOK_AT_START, is_so);
        begun.elapsed()
    }

    fn look_until(&self, limit: Duration, pause: Duration, mut is_so: impl FnMut() -> bool) -> bool {
        let deadline = Instant::now() + limit;
        loop {
            if is_so() {
                return true;
            }
            if self.is_heard() || Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(pause);
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

/// The last line that a process has written into a file, to follow a sentence.
pub fn last_words(file: &Path) -> String {
    let said = std::fs::read_to_string(file).unwrap_or_default();
    said.lines().next_back().map_or_else(String::new, |line| format!(": {line}"))
}
