//! Files that can't be written: the target goes on, says so once, and what it could not write it writes later.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::account::joined;
use crate::support::target::{Left, Target, command, is_stopped, outcome, rows, send, with_free_ports};
use crate::support::wait_for;

const FAST: [&str; 4] = ["--mode", "cluster", "--sample-interval", "50ms"];

fn errors(target: &Target) -> String {
    fs::read_to_string(target.directory.path().join("stderr")).unwrap()
}

/// Waits for the complaint and for some rows that should have been written; meanwhile requests are answered.
fn unwritten_rows(target: &Target) {
    wait_for("the complaint", || errors(target).contains("can't be written").then_some(()));
    let begun = Instant::now();
    let mut client = target.connect();
    wait_for("rows that are due", || {
        assert_eq!(client.get("/health").unwrap().status, 200);
        (begun.elapsed() > Duration::from_millis(400)).then_some(())
    });
}

fn gaps(events: &Path) -> Vec<String> {
    let all = rows(events).into_iter().filter(|event| event["kind"] == "gap");
    all.map(|event| event["detail"].clone()).collect()
}

fn said_once(left: &Left) {
    assert_eq!(left.code, Some(0), "{}", left.errors);
    assert_eq!(left.errors.matches("can't be written").count(), 1, "{}", left.errors);
    assert!(!left.errors.contains("panicked"), "{}", left.errors);
}

#[test]
fn a_limit_on_the_size_of_files_is_outlived() {
    let target = Target::start(&FAST);
    let resources = target.run_directory().join("resources.csv");
    wait_for("two rows", || (rows(&resources).len() >= 2).then_some(()));
    let observer = Pid::from_raw(i32::try_from(target.observer()).unwrap());
    let allow = |current| prlimit(observer, Resource::Fsize, Rlimit { current, maximum: None }).unwrap();
    allow(Some(64));
    unwritten_rows(&target);
    allow(None);
    let events = target.run_directory().join("events.csv");
    let gap = wait_for("a gap row", || gaps(&events).into_iter().find(|gap| gap.starts_with("resources.csv")));
    assert!(gap.contains(" rows missing: 0, "), "{gap}");
    let left = target.end();
    said_once(&left);
    joined(&left.csv("resources.csv"));
}

/// A file system of its own, as small as that, where this user may mount one.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount(path: PathBuf) -> Option<Self> {
        fs::create_dir(&path).unwrap();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=128k", "none"]).arg(&path).output();
        mounted.is_ok_and(|output| output.status.success()).then_some(Self(path))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("--lazy").arg(&self.0).output();
    }
}

#[test]
fn a_full_disk_is_outlived() {
    let outside = tempfile::TempDir::new().unwrap();
    let Some(disk) = SmallDisk::mount(outside.path().join("disk")) else {
        eprintln!("this user may not mount a small disk: not tested");
        return;
    };
    let run = disk.0.join("run");
    let mut arguments = FAST.to_vec();
    arguments.extend(["--run-dir", run.to_str().unwrap()]);
    let target = Target::start(&arguments);
    wait_for("two rows", || (rows(&run.join("resources.csv")).len() >= 2).then_some(()));
    // What is left of the last pages of the files is soon full too.
    let ballast = disk.0.join("ballast");
    let _ = fs::write(&ballast, vec![0; 1 << 20]);
    unwritten_rows(&target);
    fs::remove_file(&ballast).unwrap();
    wait_for("a gap row", || (!gaps(&run.join("events.csv")).is_empty()).then_some(()));
    let left = target.end();
    said_once(&left);
    joined(&rows(&run.join("resources.csv")));
    let record: Value = serde_json::from_slice(&fs::read(run.join("run.json")).unwrap()).unwrap();
    assert!(record["totals"]["requests"].as_u64().unwrap() > 0, "{record}");
}

/// What is open stays writable, so the next observer has to open it.
#[test]
fn what_becomes_read_only_is_written_when_it_can_be() {
    const NOBODY: u32 = 65534;
    let directory = TempDir::new().unwrap();
    let home = directory.path().to_owned();
    let allow = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    let mut program = command(&with_free_ports(&FAST), &home);
    if rustix::process::geteuid().is_root() {
        // Nothing is read-only for root; and nobody else may run what stands in root's folders.
        let copy = home.join("quintain");
        fs::copy(program.get_program(), &copy).unwrap();
        let mut other = Command::new(copy);
        other.args(program.get_args()).current_dir(&home).stdin(Stdio::null()).uid(NOBODY).gid(NOBODY);
        program = other;
        allow(&home, 0o777);
    }
    let target = Target::start_with(program, directory);
    let run = target.run_directory();
    wait_for("two rows", || (rows(&run.join("resources.csv")).len() >= 2).then_some(()));
    let files: Vec<PathBuf> = fs::read_dir(&run).unwrap().map(|file| file.unwrap().path()).collect();
    let set = |directory, file| {
        allow(&run, directory);
        for path in &files {
            allow(path, file);
        }
    };
    set(0o555, 0o444);
    send(target.observer(), Signal::KILL);
    unwritten_rows(&target);
    set(0o755, 0o644);
    wait_for("a gap row", || (!gaps(&run.join("events.csv")).is_empty()).then_some(()));
    let left = target.end();
    said_once(&left);
    joined(&left.csv("resources.csv"));
}

#[test]
fn a_deleted_directory_is_made_anew() {
    let target = Target::start(&FAST);
    let run = target.run_directory();
    wait_for("two rows", || (rows(&run.join("resources.csv")).len() >= 2).then_some(()));
    // Otherwise the observer might recreate a file while the directory is being removed, which would then not be empty.
    let observer = target.observer();
    send(observer, Signal::STOP);
    wait_for("the stop", || is_stopped(observer).then_some(()));
    fs::remove_dir_all(&run).unwrap();
    send(observer, Signal::CONT);
    let files = ["resources.csv", "events.csv", "run.json"].map(|name| run.join(name));
    wait_for("new files", || files.iter().all(|file| file.exists()).then_some(()));
    wait_for("rows in them", || (rows(&run.join("resources.csv")).len() >= 2).then_some(()));
    assert_eq!(target.get("/health").status, 200);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    assert!(gaps(&run_of(&left).join("events.csv")).iter().any(|gap| gap.contains("removed")));
    joined(&left.csv("resources.csv"));
    let record: Value = serde_json::from_slice(&fs::read(run_of(&left).join("run.json")).unwrap()).unwrap();
    assert_eq!(record["totals"]["requests"], 1);
}

fn run_of(left: &Left) -> PathBuf {
    left.directory.path().join("run")
}

#[test]
fn a_log_that_can_t_be_written_ends_nothing() {
    let directory = tempfile::TempDir::new().unwrap();
    let mut command = Command::new("sh");
    let program = env!("CARGO_BIN_EXE_quintain");
    command.current_dir(directory.path()).arg("-c").arg(format!(
        "exec {program} --mode cluster --workers 1 --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir run --log debug 2> /dev/full"
    ));
    let target = Target::start_with(command, directory);
    let before = target.worker(0).generation;
    target.signal(rustix::process::Signal::HUP);
    wait_for("a successor", || (target.worker(0).generation > before).then_some(()));
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(target.end().code, Some(0));
}

/// As a container's volume that is mounted to be read only; in mounts of its own.
#[test]
fn a_read_only_volume_is_refused_in_a_sentence_and_without_files_it_serves() {
    const VOLUME: &str =
        "mkdir -p runs && exec unshare -m sh -c 'mount -t tmpfs -o ro none runs && exec \"$0\" \"$@\"'";
    let place = TempDir::new().unwrap();
    let can = VOLUME.replace("$0", "true");
    let can = Command::new("sh").args(["-c", &can]).current_dir(place.path()).output().unwrap();
    if !can.status.success() {
        println!("skipped: no mounts can be made here: {}", String::from_utf8_lossy(&can.stderr));
        return;
    }
    let program = env!("CARGO_BIN_EXE_quintain");
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "off", "--run-dir", "runs/one"];
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(format!("{VOLUME} \"$0\" \"$@\"")).arg(program).args(arguments).current_dir(place.path());
    let (code, output, errors) = outcome(&mut shell);
    assert_eq!((code, output.as_str()), (Some(2), ""), "{errors}");
    assert!(errors.starts_with("error: --run-dir runs/one: it can't be made (Read-only file system"), "{errors}");
    assert_eq!(errors.lines().count(), 1, "{errors}");
    let target = Target::start_in_shell(VOLUME, &["--run-dir", "runs/one", "--no-csv"]);
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(target.end().code, Some(0));
}
