//! A signal that comes while the database is filled means what it means to a run: it ends the start, with a line and a code that
//! say so, and leaves no database.

use std::fs;
use std::process::{Child, Stdio};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::target::{command, send, with_free_ports};
use crate::support::terminal::OnTerminal;
use crate::support::wait_for;

/// They take minutes to be made.
const MANY: [&str; 3] = ["--db", "--db-rows", "100000000"];

/// Ends with the test.
struct Filling {
    child: Child,
    directory: TempDir,
}

impl Filling {
    fn start() -> Self {
        let directory = TempDir::new().unwrap();
        let flags = [&["--run-dir", "run"], &MANY[..]].concat();
        let mut program = command(&with_free_ports(&flags), directory.path());
        let child = program.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let filling = Self { child, directory };
        filling.grows_beyond(0);
        filling
    }

    fn size(&self) -> u64 {
        fs::metadata(self.directory.path().join("run/database.sqlite")).map_or(0, |of| of.len())
    }

    fn grows_beyond(&self, size: u64) {
        wait_for("rows in the file", || (self.size() > size).then_some(()));
    }

    /// Its code, and what it said on stderr.
    fn ends(&mut self) -> (Option<i32>, String) {
        let status = wait_for("its end", || self.child.try_wait().unwrap());
        (status.code(), std::io::read_to_string(self.child.stderr.take().unwrap()).unwrap())
    }
}

impl Drop for Filling {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn it_says_so_and_exits_as_a_shell_says_of_a_signal() {
    for (signal, name, code) in [(Signal::TERM, "TERM", 143), (Signal::INT, "INT", 130)] {
        let mut filling = Filling::start();
        // Somebody's HUP reads a profile again, which no worker has yet.
        send(filling.child.id(), Signal::HUP);
        filling.grows_beyond(filling.size());
        send(filling.child.id(), signal);
        let (ended, said) = filling.ends();
        assert_eq!(ended, Some(code), "{said}");
        assert!(said.contains(&format!("signal {name} came before the database was ready")), "{said}");
        let left = fs::read_dir(filling.directory.path().join("run")).unwrap().count();
        assert_eq!(left, 0, "{said}");
    }
}

#[test]
fn a_terminal_that_closes_ends_it() {
    let program = env!("CARGO_BIN_EXE_quintain");
    let line = format!("exec {program} --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir run {}", MANY.join(" "));
    let mut terminal = OnTerminal::start_session(&["sh", "-c", &line]);
    let file = terminal.file("database.sqlite");
    wait_for("rows in the file", || fs::metadata(&file).ok().filter(|of| of.len() > 0));
    terminal.hang_up();
    assert_eq!(terminal.wait(), Some(129));
    assert!(!file.exists());
}
