//! The real program, on free ports, in a directory of its own.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use tempfile::TempDir;

use super::client::{Client, Response};
use super::wait_for;

/// The arrangements under test, each with what starts it with two workers where there can be two.
pub const MODES: [&[&str]; 3] =
    [&["--mode", "single"], &["--mode", "threads", "--workers", "2"], &["--mode", "cluster", "--workers", "2"]];

/// A target that runs until it is told to end, and is killed with the test at the latest.
pub struct Target {
    child: Child,
    output: Option<BufReader<ChildStdout>>,
    pub ready: HashMap<String, String>,
    pub directory: TempDir,
}

/// What a target left behind.
pub struct Left {
    pub code: Option<i32>,
    pub done: HashMap<String, String>,
    pub errors: String,
    pub directory: TempDir,
}

/// The program with free ports and a clean environment.
pub fn command(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_quintain"));
    command.args(arguments).current_dir(directory).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("QUINTAIN_")) {
        command.env_remove(name);
    }
    command
}

/// These arguments, and free ports, a run directory and a tick of 100 ms where they name none.
pub fn with_free_ports<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    let fixed =
        ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run", "--sample-interval", "100ms"];
    let given = |flag: &str| arguments.contains(&flag);
    let fixed = fixed.chunks(2).filter(|pair| !given(pair[0])).flatten().copied();
    arguments.iter().copied().chain(fixed).collect()
}

/// The same program from a shell that has set a limit first: `ulimit -n 64`.
pub fn with_limit(ulimit: &str, program: &Command) -> Command {
    let mut shell = Command::new("sh");
    shell
        .args(["-c", &format!("{ulimit}; exec \"$0\" \"$@\"")])
        .arg(program.get_program())
        .args(program.get_args());
    for (name, value) in program.get_envs() {
        match value {
            Some(value) => shell.env(name, value),
            None => shell.env_remove(name),
        };
    }
    if let Some(directory) = program.get_current_dir() {
        shell.current_dir(directory);
    }
    shell
}

/// A program that ends by itself: its code, stdout and stderr.
pub fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    outcome(&mut command(arguments, directory.path()))
}

/// What came of a program that ends by itself: its code, stdout and stderr.
pub fn outcome(command: &mut Command) -> (Option<i32>, String, String) {
    let child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut child = Mortal(child);
    let code = wait_for("the program to end by itself", || child.0.try_wait().unwrap()).code();
    let read = |pipe: &mut dyn Read| std::io::read_to_string(pipe).unwrap();
    let output = read(child.0.stdout.as_mut().unwrap());
    (code, output, read(child.0.stderr.as_mut().unwrap()))
}

/// A child that doesn't outlive its test.
struct Mortal(Child);

impl Drop for Mortal {
    fn drop(&mut self) {
        // It may have ended; then neither does anything.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Target {
    /// Starts with free ports, a tick of 100 ms and these arguments.
    pub fn start(arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let command = command(&with_free_ports(arguments), directory.path());
        Self::start_with(command, directory)
    }

    /// The same, started by a shell that runs `before` first, and then starts or executes it: `before` may be `trap '' CHLD; exec`.
    pub fn start_in_shell(before: &str, arguments: &[&str]) -> Self {
        let directory = TempDir::new().unwrap();
        let program = command(&with_free_ports(arguments), directory.path());
        let mut shell = Command::new("sh");
        shell.arg("-c").arg(format!("{before} \"$0\" \"$@\"")).arg(program.get_program()).args(program.get_args());
        shell.current_dir(directory.path()).stdin(Stdio::null());
        for (name, _) in program.get_envs() {
            shell.env_remove(name);
        }
        Self::start_with(shell, directory)
    }

    pub fn start_with(command: Command, directory: TempDir) -> Self {
        Self::begin(command, directory).unwrap_or_else(|errors| panic!("no ready line: {errors}"))
    }

    /// What it said, if it did not become ready.
    pub fn begin(command: Command, directory: TempDir) -> Result<Self, String> {
        let errors = std::fs::File::create(directory.path().join("stderr")).unwrap();
        Self::begin_with(command, directory, errors.into())
    }

    /// The same with another stderr than a file of its directory.
    pub fn begin_with(mut command: Command, directory: TempDir, errors: Stdio) -> Result<Self, String> {
        let mut child = command.stdout(Stdio::piped()).stderr(errors).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let said = || std::fs::read_to_string(directory.path().join("stderr")).unwrap_or_default();
        if !line.starts_with("ready ") {
            child.wait().unwrap();
            return Err(format!("{line:?} {}", said()));
        }
        Ok(Self { child, output: Some(output), ready: pairs(&line), directory })
    }

    pub fn address(&self) -> &str {
        &self.ready["addr"]
    }

    pub fn connect(&self) -> Client {
        Client::connect(self.address()).unwrap()
    }

    pub fn get(&self, path: &str) -> Response {
        self.connect().get(path).unwrap()
    }

    pub fn admin(&self) -> Client {
        Client::connect(&self.ready["admin"]).unwrap()
    }

    /// Starts an upload and holds back its last byte: the request stays in flight until [`Client::end_upload`]. With other
    /// clients at work, it may not have reached a worker yet.
    pub fn begin_upload(&self) -> Client {
        let before = self.total("started");
        let mut client = self.connect();
        client.send("POST /upload HTTP/1.1\r\nHost: target\r\nContent-Length: 2\r\n\r\n1").unwrap();
        wait_for("a request that has begun", || (self.total("started") > before).then_some(()));
        client
    }

    /// Waits until connections are refused. From then on every worker knows of the drain: its answers close connections.
    pub fn listens_no_more(&self) {
        wait_for("nobody to listen", || Client::connect(self.address()).is_err().then_some(()));
    }

    /// One figure of the totals in `/stats`.
    pub fn total(&self, name: &str) -> u64 {
        let stats = self.stats();
        stats["totals"][name].as_u64().unwrap_or_else(|| panic!("no {name} in {stats}"))
    }

    /// A request to the admin listener, with a JSON body.
    pub fn admin_post(&self, path: &str, body: &str) -> Response {
        let (host, length) = (&self.ready["admin"], body.len());
        let mut client = self.admin();
        client
            .send(format!("POST {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {length}\r\n\r\n{body}"))
            .unwrap();
        client.receive().unwrap()
    }

    pub fn stats(&self) -> Value {
        stats_over(&mut self.admin(), &self.ready["admin"]).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// The process of the observer of a cluster, once there is one.
    pub fn observer(&self) -> u32 {
        observer(self.pid())
    }

    pub fn signal(&self, signal: Signal) {
        send(self.pid(), signal);
    }

    pub fn run_directory(&self) -> PathBuf {
        self.directory.path().join("run")
    }

    pub fn port(&self) -> u16 {
        self.address().rsplit_once(':').unwrap().1.parse().unwrap()
    }

    pub fn worker(&self, slot: usize) -> Worker {
        Worker::from(&self.stats()["workers"][slot])
    }

    pub fn workers(&self) -> Vec<Worker> {
        self.stats()["workers"].as_array().unwrap().iter().map(Worker::from).collect()
    }

    /// Waits until every slot has a living worker of this generation.
    pub fn reaches(&self, generation: u64) {
        wait_for(&format!("generation {generation} in every slot"), || {
            let arrived = |worker: &Worker| worker.generation == generation && worker.state == "live";
            self.workers().iter().all(arrived).then_some(())
        });
    }

    /// Waits until every slot has a worker of this generation, and the one before it has ended: until then, it may take a
    /// connection, answer by what was before, and count.
    pub fn renewed(&self, generation: u64) {
        self.reaches(generation);
        for slot in 0..self.workers().len() {
            self.has_ended(slot, generation - 1);
        }
    }

    /// Waits until this worker has ended and its figures are a part of its slot's.
    pub fn has_ended(&self, slot: usize, generation: u64) {
        let said = format!("worker ended slot={slot} generation={generation} ");
        wait_for(&said, || self.errors().contains(&said).then_some(()));
    }

    /// Waits until a worker of a slot is in this state.
    pub fn shows(&self, slot: usize, state: &str) -> Worker {
        wait_for(&format!("slot {slot} {state}"), || Some(self.worker(slot)).filter(|worker| worker.state == state))
    }

    /// Waits until slot 0 has been told to drain; without connections it may have ended by then.
    pub fn drains(&self) {
        wait_for("a drain", || (self.worker(0).state != "live").then_some(()));
    }

    /// TERM, and another one as soon as that can't be part of the same stop any more.
    pub fn terminate_twice(&self) {
        const ONE_STOP: Duration = Duration::from_millis(100);
        self.signal(Signal::TERM);
        self.drains();
        let drained = Instant::now();
        wait_for("the end of what is one stop", || (drained.elapsed() > ONE_STOP).then_some(()));
        self.signal(Signal::TERM);
    }

    /// What it has said on stderr so far.
    pub fn errors(&self) -> String {
        std::fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default()
    }

    /// Waits for the program to end by itself, which may take as long as a drain may, and more.
    pub fn wait(mut self) -> Left {
        const LONGEST: Duration = Duration::from_mins(2);
        let mut output = self.output.take().expect("only this takes it");
        let reader = std::thread::spawn(move || io::read_to_string(&mut output).unwrap());
        let begun = Instant::now();
        let status = loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                break status;
            }
            assert!(begun.elapsed() < LONGEST, "it does not end");
            std::thread::park_timeout(Duration::from_millis(2));
        };
        let rest = reader.join().unwrap();
        let errors = self.errors();
        let done = rest.lines().find(|line| line.starts_with("done ")).map(pairs).unwrap_or_default();
        let directory = std::mem::replace(&mut self.directory, TempDir::new().unwrap());
        Left { code: status.code(), done, errors, directory }
    }

    /// TERM, and what it left.
    pub fn end(self) -> Left {
        self.signal(Signal::TERM);
        self.wait()
    }

    pub fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the target, {:?}, has said:\n{}", self.child.try_wait(), self.errors());
        }
        // It may have ended; then neither does anything.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A worker, as `/stats` shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worker {
    pub pid: u32,
    pub generation: u64,
    pub state: String,
    pub connections: u64,
    pub in_flight: u64,
    pub lost: u64,
}

impl From<&Value> for Worker {
    fn from(shown: &Value) -> Self {
        let number = |name: &str| shown[name].as_u64().unwrap_or_else(|| panic!("{name} in {shown}"));
        Self {
            pid: u32::try_from(number("pid")).unwrap(),
            generation: number("generation"),
            state: shown["state"].as_str().unwrap().to_owned(),
            connections: number("connections"),
            in_flight: number("in_flight"),
            lost: number("lost"),
        }
    }
}

impl Drop for Left {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the target, which ended with {:?}, has said:\n{}", self.code, self.errors);
        }
    }
}

impl Left {
    pub fn done(&self, name: &str) -> u64 {
        self.done.get(name).unwrap_or_else(|| panic!("no {name} in {:?}", self.done)).parse().unwrap()
    }

    /// A CSV of the run: its rows as maps.
    pub fn csv(&self, name: &str) -> Vec<HashMap<String, String>> {
        rows(&self.file(name))
    }

    /// The run's report, as Markdown.
    pub fn report(&self) -> String {
        let arguments = ["report", "run", "--format", "md", "--output", "-"];
        let (code, page, said) = outcome(&mut command(&arguments, self.directory.path()));
        assert_eq!(code, Some(0), "{said}");
        let findings = page.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("**"));
        for (found, _) in findings {
            for sentence in found.split(". ") {
                let words = sentence.split_whitespace().filter(|word| word.contains(char::is_alphanumeric));
                assert!(words.count() <= 25, "too long: {sentence}");
            }
        }
        page
    }

    /// A file of the run.
    pub fn file(&self, name: &str) -> PathBuf {
        self.directory.path().join("run").join(name)
    }
}

/// The lines of `/metrics` that begin so.
pub fn metrics(target: &Target, beginning: &str) -> String {
    let mut admin = target.admin();
    admin.send(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
    let all = admin.receive_whole().unwrap().text();
    all.lines().filter(|line| line.starts_with(beginning)).map(|line| line.to_owned() + "\n").collect()
}

/// What an admin listener says, asked over a connection to it.
pub fn stats_over(client: &mut Client, admin: &str) -> io::Result<Value> {
    client.send(format!("GET /stats HTTP/1.1\r\nHost: {admin}\r\n\r\n"))?;
    Ok(client.receive()?.json())
}

/// The rows of a CSV file. A row without its line's end is still being written: a reader sees a write page by page.
pub fn rows(path: &Path) -> Vec<HashMap<String, String>> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    csv::Reader::from_reader(&text.as_bytes()[..whole]).deserialize().map(|row| row.unwrap()).collect()
}

pub fn send(pid: u32, signal: Signal) {
    kill_process(Pid::from_raw(i32::try_from(pid).unwrap()).unwrap(), signal).unwrap();
}

pub fn is_alive(pid: u32) -> bool {
    // A zombie is dead.
    std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

/// The direct children of a process.
pub fn children(pid: u32) -> Vec<u32> {
    let path = format!("/proc/{pid}/task/{pid}/children");
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.split_whitespace().map(|pid| pid.parse().unwrap()).collect()
}

/// The observer of a cluster whose supervisor is this process, once there is one.
pub fn observer(supervisor: u32) -> u32 {
    let name = |pid: u32| std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    wait_for("an observer", || children(supervisor).into_iter().find(|pid| name(*pid).trim() == "observer"))
}

fn pairs(line: &str) -> HashMap<String, String> {
    let pairs = line.split_whitespace().filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Waits until nothing is in flight and no connection is open.
pub fn at_rest(target: &Target) -> Value {
    wait_for("nothing in flight and nothing open", || {
        let stats = target.stats();
        let totals = &stats["totals"];
        (totals["in_flight"] == 0 && totals["connections"] == 0).then(|| stats.clone())
    })
}

/// Whether a process stands still by SIGSTOP, with all its threads.
pub fn is_stopped(pid: u32) -> bool {
    let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    tasks.into_iter().all(|task| {
        let stat = task.and_then(|task| std::fs::read_to_string(task.path().join("stat")));
        stat.is_ok_and(|stat| stat.contains(") T "))
    })
}
