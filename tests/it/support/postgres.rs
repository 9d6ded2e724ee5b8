//! A `PostgreSQL` server of a test's own, started by `scripts/postgres.sh`.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What the script exits with where no server is installed.
const NOT_INSTALLED: i32 = 69;

/// Set where a test that is left out is a failure.
const NEEDED: &str = "POSTGRES_NEEDED";

/// A server, which ends and goes with its data when this is dropped.
pub struct Postgres {
    script: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    /// Where it is, with its password.
    pub url: String,
}

impl Postgres {
    /// Starts one; `None` where none is installed, and the test is left out.
    pub fn start(settings: &[&str]) -> Option<Self> {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/postgres.sh");
        let mut script = Command::new(script)
            .args(settings)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut answers = BufReader::new(script.stdout.take().unwrap());
        let mut url = String::new();
        answers.read_line(&mut url).unwrap();
        if url.is_empty() {
            let output = script.wait_with_output().unwrap();
            let said = String::from_utf8_lossy(&output.stderr).into_owned();
            let may_skip = output.status.code() == Some(NOT_INSTALLED) && std::env::var_os(NEEDED).is_none();
            assert!(may_skip, "{}: {said}", output.status);
            eprintln!("skipped: {said}");
            return None;
        }
        let orders = script.stdin.take();
        Some(Self { script, orders, answers, url: url.trim_end().to_owned() })
    }

    /// `stop`, `start`, `hang` or `continue`; returns when it is done.
    pub fn order(&mut self, order: &str) {
        writeln!(self.orders.as_mut().unwrap(), "{order}").unwrap();
        let mut answer = String::new();
        self.answers.read_line(&mut answer).unwrap();
        assert_eq!(answer, "done\n", "{order}");
    }

    /// A session on it that stays open.
    pub fn session(&self) -> Session {
        let mut psql = Command::new("psql")
            .args([&*self.url, "-qAtX", "-v", "ON_ERROR_STOP=1"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let answers = BufReader::new(psql.stdout.take().unwrap());
        Session { orders: psql.stdin.take(), psql, answers }
    }

    /// The secret of its URL.
    pub fn password(&self) -> &str {
        let (_, rest) = self.url.split_once("quintain:").unwrap();
        rest.split_once('@').unwrap().0
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        let (_, address) = self.url.rsplit_once(':').unwrap();
        address.split_once('/').unwrap().0.parse().unwrap()
    }

    /// Runs statements on it, as whoever administers it does.
    pub fn run(&self, sql: &str) {
        let output = Command::new("psql").args([&*self.url, "-qAtc", sql]).output().unwrap();
        assert!(output.status.success(), "{sql}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of its orders is its end.
        drop(self.orders.take());
        let _ = self.script.wait();
    }
}

/// A session of whoever administers a server: it may hold locks. It ends when this is dropped.
pub struct Session {
    psql: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Session {
    /// Runs statements; their answer, a line a row.
    pub fn run(&mut self, sql: &str) -> String {
        writeln!(self.orders.as_mut().unwrap(), "{sql};\nSELECT 'done';").unwrap();
        let mut answer = String::new();
        loop {
            let before = answer.len();
            assert_ne!(self.answers.read_line(&mut answer).unwrap(), 0, "{sql}: psql has ended");
            if answer[before..] == *"done\n" {
                answer.truncate(before);
                return answer;
            }
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        drop(self.orders.take());
        let _ = self.psql.wait();
    }
}
