//! A target that can't boot says why, ends with a code that says so, and leaves nothing behind.

use std::io::Read;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, prlimit, test_kill_process_group};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::target::{Target, children, command, is_alive, is_stopped, send, with_limit};
use crate::support::wait_for;

/// Descriptors with which every mode boots.
const ENOUGH: u64 = 48;

/// Descriptors with which none gets as far as its first worker.
const LEAST: u64 = 5;

/// One worker, and an observer that opens little: else it is not the workers that fail first. In cluster too, where a
/// worker closes what is its supervisor's, and with its timer needs one more than that.
const MODES: [&[&str]; 3] =
    [&["--mode", "single"], &["--mode", "threads", "--workers", "1"], &["--mode", "cluster", "--workers", "1"]];

/// How a start with few descriptors went.
enum Outcome {
    Ready,
    Failed { code: i32, errors: String },
}

/// A real cause that lies in the kernel, and hits each step of the boot in turn: every number of descriptors that
/// is too low.
#[test]
fn with_too_few_descriptors_every_start_is_clean_or_refused_cleanly() {
    for mode in MODES {
        assert!(matches!(start_with(mode, ENOUGH), Outcome::Ready), "{mode:?}");
        let outcomes = (LEAST..ENOUGH).map(|descriptors| (descriptors, start_with(mode, descriptors)));
        let mut by_workers = 0;
        for (descriptors, outcome) in outcomes {
            let Outcome::Failed { code, errors } = outcome else { continue };
            assert!(code == 1 || code == 2, "{mode:?} {descriptors}: {code} {errors}");
            let says_why = |line: &str| line.starts_with("error: ") && line.contains("Too many open files");
            assert!(errors.lines().any(says_why), "{mode:?} {descriptors}: {errors}");
            by_workers += u32::from(code == 1 && errors.contains("error: worker "));
        }
        assert!(by_workers > 0, "{mode:?}");
    }
}

/// In cluster, as long as there is an observer, its descriptors in the supervisor are enough for a worker, which closes
/// them. Between two observers there is a number that is enough for a fork and not for what it makes.
#[test]
fn a_successor_that_cannot_boot_ends_the_run_and_one_that_cannot_be_forked_is_tried_again() {
    let outcomes: Vec<Respawn> = (0..6).map(respawn_with).collect();
    assert!(outcomes.contains(&Respawn::CouldNotBoot), "no worker failed: {outcomes:?}");
    assert!(outcomes.contains(&Respawn::TriedAgain), "no fork failed: {outcomes:?}");
}

/// What became of the successor of a worker that was killed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Respawn {
    /// It ended the run, and said why.
    CouldNotBoot,
    /// The supervisor had no descriptors for it, and served again once it had.
    TriedAgain,
    /// There was enough of everything.
    Served,
}

/// Kills the only worker of a target that may open only so many more descriptors.
fn respawn_with(free: usize) -> Respawn {
    let target = Target::start(&["--mode", "cluster", "--workers", "1"]);
    let worker = target.worker(0).pid;
    let observer = || children(target.pid()).into_iter().find(|&pid| pid != worker);
    let kill_observer = || {
        let observer = wait_for("an observer", observer);
        // Answered, so that it is one that died in service, and not one that never came up.
        target.stats();
        send(observer, Signal::KILL);
        wait_for("its end", || (!children(target.pid()).contains(&observer)).then_some(()));
    };
    // The supervisor replaces the last of these after 0.4 s, unless it is stopped. On a slow machine it may have been replaced
    // before the supervisor was stopped; then one more is killed.
    (1..=6).for_each(|_| kill_observer());
    wait_for("a stopped supervisor without an observer", || {
        target.signal(Signal::STOP);
        wait_for("the stop", || is_stopped(target.pid()).then_some(()));
        let is_alone = children(target.pid()) == [worker];
        if !is_alone {
            target.signal(Signal::CONT);
            kill_observer();
        }
        is_alone.then_some(())
    });
    let supervisor = Pid::from_raw(i32::try_from(target.pid()).unwrap());
    let limit = Some(limit_with_free(free, target.pid()));
    // The hard limit stays: not everybody may raise it again.
    let maximum = getrlimit(Resource::Nofile).maximum;
    prlimit(supervisor, Resource::Nofile, Rlimit { current: limit, maximum }).unwrap();
    send(worker, Signal::KILL);
    wait_for("its end", || (!is_alive(worker)).then_some(()));
    target.signal(Signal::CONT);
    let outcome = wait_for(&format!("an outcome with {free} free"), || {
        let errors = target.errors();
        let says = |what: &str| errors.contains(what).then_some(());
        let booted =
            || children(target.pid()).iter().any(|&child| child != worker && is_worker(child)).then_some(());
        says("no worker could be started")
            .map(|()| Respawn::TriedAgain)
            .or_else(|| says("error: worker 0 can't ").map(|()| Respawn::CouldNotBoot))
            // It may serve and have no descriptor left for a connection.
            .or_else(|| says("accepting pauses").map(|()| Respawn::Served))
            .or_else(|| booted().and_then(|()| answers(target.address())).map(|()| Respawn::Served))
    });
    if outcome == Respawn::CouldNotBoot {
        let left = target.wait();
        assert_eq!(left.code, Some(1), "{free}: {}", left.errors);
        assert!(left.errors.contains("Too many open files"), "{free}: {}", left.errors);
        return outcome;
    }
    if outcome == Respawn::TriedAgain {
        prlimit(supervisor, Resource::Nofile, Rlimit { current: maximum, maximum }).unwrap();
        assert_eq!(target.get("/health").status, 200, "{free}: served again");
    }
    outcome
}

/// Whether a new connection gets an answer without much waiting.
fn answers(address: &str) -> Option<()> {
    let mut client = Client::connect(address).ok()?;
    client.give_up_after(Duration::from_millis(200)).ok()?;
    client.get("/health").ok().map(drop)
}

fn is_worker(pid: u32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name.trim() == "w0")
}

/// The limit under which a process has so many descriptors free.
fn limit_with_free(free: usize, pid: u32) -> u64 {
    let number = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().to_str()?.parse().ok();
    let used: Vec<u64> = std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().filter_map(number).collect();
    (0..).filter(|number| !used.contains(number)).nth(free).unwrap()
}

fn start_with(mode: &[&str], descriptors: u64) -> Outcome {
    let directory = TempDir::new().unwrap();
    let errors = directory.path().join("stderr");
    let mut child = limited(mode, descriptors, directory.path())
        .stdout(Stdio::piped())
        .stderr(std::fs::File::create(&errors).unwrap())
        .process_group(0)
        .spawn()
        .unwrap();
    let group = Pid::from_child(&child);
    let is_ready = reads_ready_line(&mut child);
    let errors = || std::fs::read_to_string(&errors).unwrap();
    if is_ready {
        send(child.id(), Signal::TERM);
    }
    let what = format!("the end of {mode:?} with {descriptors}, ready: {is_ready}");
    let code = wait_for(&what, || child.try_wait().unwrap()).code();
    wait_for("the end of every process of it", || test_kill_process_group(group).is_err().then_some(()));
    if is_ready {
        assert_eq!(code, Some(0), "{mode:?} {descriptors}: {}", errors());
        return Outcome::Ready;
    }
    Outcome::Failed { code: code.expect("it is not killed"), errors: errors() }
}

/// Whether the first it says is that it is ready; else it says nothing until its end.
fn reads_ready_line(child: &mut Child) -> bool {
    let mut output = child.stdout.take().unwrap();
    let (told, hears) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let mut first = [0; 6];
        // Whoever hears may have given up.
        let _ = told.send(output.read_exact(&mut first).is_ok_and(|()| &first == b"ready "));
        // Kept open, so that the summary has a reader.
        let _ = output.read_to_end(&mut Vec::new());
    });
    wait_for("a first line or the end", || hears.try_recv().ok())
}

/// The program with a lower limit on its descriptors, as a shell sets it.
fn limited(mode: &[&str], descriptors: u64, directory: &Path) -> Command {
    let fixed = ["--listen", "127.0.0.1:0", "--admin", "off", "--no-csv"];
    let program = command(&[mode, &fixed].concat(), directory);
    let mut shell = with_limit(&format!("ulimit -n {descriptors}"), &program);
    shell.stdin(Stdio::null());
    shell
}
