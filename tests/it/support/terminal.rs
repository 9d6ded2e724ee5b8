//! The real program on a terminal: a pseudo-terminal whose other side is the test.

use std::ffi::OsStr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use std::process::{Child, Command};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::Signal;
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use tempfile::TempDir;

use super::target::{command, send};
use super::wait_for;

/// What a terminal understands as: to the start of the line, and away with what stands there.
pub const ERASE: &str = "\r\x1b[K";

/// A target with a terminal for stdout and stderr, killed with the test at the latest.
pub struct OnTerminal {
    child: Child,
    pub directory: TempDir,
    /// The test's side; none once it was hung up.
    ours: Option<Arc<OwnedFd>>,
    said: Arc<Mutex<Vec<u8>>>,
    hang_up: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
    width: u16,
}

impl OnTerminal {
    /// Starts with free ports on a terminal of this width; `change` may set the environment.
    pub fn start(arguments: &[&str], width: u16, change: impl FnOnce(&mut Command)) -> Self {
        let directory = TempDir::new().unwrap();
        let fixed = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let mut command = command(&[&fixed, arguments].concat(), directory.path());
        command.env("TERM", "xterm").env_remove("NO_COLOR");
        change(&mut command);
        Self::start_with(command, directory, width)
    }

    /// Starts a program in a session of its own that has the terminal for its controlling one, as a login has: it ends
    /// when the terminal closes, unless it does something about HUP.
    pub fn start_session(program: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let mut command = Command::new("setsid");
        command.arg("-c").args(program).current_dir(directory.path());
        Self::start_with(command, directory, 200)
    }

    fn start_with(mut command: Command, directory: TempDir, width: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, Winsize { ws_row: 24, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 }).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs =
            std::fs::File::options().read(true).write(true).open(OsStr::from_bytes(name.as_bytes())).unwrap();
        command.stdout(theirs.try_clone().unwrap()).stderr(theirs.try_clone().unwrap());
        if command.get_program() == "setsid" {
            command.stdin(theirs);
        }
        let child = command.spawn().unwrap();
        // It keeps the child's side open.
        drop(command);
        let (ours, said, hang_up) = (Arc::new(ours), Arc::default(), Arc::new(AtomicBool::new(false)));
        let reader = {
            let (ours, said, hang_up) = (Arc::clone(&ours), Arc::clone(&said), Arc::clone(&hang_up));
            thread::spawn(move || read_all(&ours, &said, &hang_up))
        };
        Self { child, directory, ours: Some(ours), said, hang_up, reader: Some(reader), width }
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Everything that was written to it.
    pub fn said(&self) -> String {
        String::from_utf8_lossy(&self.said.lock().unwrap()).into_owned()
    }

    /// What stands there now.
    pub fn shown(&self) -> Vec<String> {
        shown(&self.said(), usize::from(self.width))
    }

    /// The status lines that were drawn so far, with their colours.
    pub fn drawn(&self) -> Vec<String> {
        let said = self.said();
        let frames = said.split(ERASE).skip(1).map(|frame| frame.split('\r').next().unwrap_or_default().to_owned());
        // The last one may be there in part.
        let complete = frames.filter(|frame| frame.contains(" req/s") && !frame.contains('='));
        complete.collect()
    }

    /// Waits for the ready line and gives one of its figures.
    pub fn ready(&self, name: &str) -> String {
        let name = format!("{name}=");
        wait_for("the ready line", || {
            let shown = self.shown().concat();
            let line = shown.split_once("ready addr=").filter(|(_, rest)| rest.contains(" run="))?.1.to_owned();
            let line = format!("addr={line}");
            line.split(' ').find_map(|word| word.strip_prefix(&name)).map(str::to_owned)
        })
    }

    /// Somebody types.
    pub fn press(&self, keys: &[u8]) {
        rustix::io::write(self.ours.as_ref().unwrap().as_fd(), keys).unwrap();
    }

    /// The terminal goes away.
    pub fn hang_up(&mut self) {
        self.hang_up.store(true, Relaxed);
        self.reader.take().unwrap().join().unwrap();
        assert!(Arc::into_inner(self.ours.take().unwrap()).is_some(), "closed by that");
    }

    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("run").join(name)
    }

    /// TERM, and the code that it ends with; everything that it said is here by then.
    pub fn end(&mut self) -> Option<i32> {
        send(self.pid(), Signal::TERM);
        self.wait()
    }

    /// The code that it ends with by itself.
    pub fn wait(&mut self) -> Option<i32> {
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        if let Some(reader) = self.reader.take() {
            reader.join().unwrap();
        }
        status.code()
    }
}

impl Drop for OnTerminal {
    fn drop(&mut self) {
        if thread::panicking() {
            let (state, said) = (self.child.try_wait(), self.said());
            eprintln!("{} columns, {state:?}, and what was written to them:\n{said:?}", self.width);
        }
        // It may have ended; then neither does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Until nobody has the other side any more, or it is to be hung up.
fn read_all(ours: &OwnedFd, said: &Mutex<Vec<u8>>, hang_up: &AtomicBool) {
    let mut bytes = [0; 4096];
    let soon = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
    while !hang_up.load(Relaxed) {
        if poll(&mut [PollFd::new(ours, PollFlags::IN)], Some(&soon)) == Ok(0) {
            continue;
        }
        match rustix::io::read(ours, &mut bytes[..]) {
            Ok(0) | Err(_) => break,
            Ok(length) => said.lock().unwrap().extend(&bytes[..length]),
        }
    }
}

/// What a terminal shows after these bytes, row by row. It knows as much as the program may use.
pub fn shown(said: &str, width: usize) -> Vec<String> {
    let (mut rows, mut column) = (vec![Vec::new()], 0);
    let mut letters = said.chars();
    while let Some(letter) = letters.next() {
        let row = rows.last_mut().unwrap();
        match letter {
            '\r' => column = 0,
            '\n' => rows.push(Vec::new()),
            '\x1b' => {
                let sequence = letters.by_ref().find(char::is_ascii_alphabetic);
                match sequence {
                    Some('K') => row.truncate(column),
                    Some('m') => {}
                    // Cut off, or unknown.
                    other => assert!(other.is_none(), "{other:?} in {said:?}"),
                }
            }
            letter => {
                if column == width {
                    rows.push(Vec::new());
                    column = 0;
                }
                let row = rows.last_mut().unwrap();
                row.resize(row.len().max(column + 1), ' ');
                row[column] = letter;
                column += 1;
            }
        }
    }
    rows.into_iter().map(|row| row.into_iter().collect()).collect()
}
