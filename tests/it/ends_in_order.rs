//! Whatever the kernel refuses once the sockets are open: the run ends like every other, with drain, summary and files, and
//! says what was tried, on what, and the kernel's reason; or it goes on without.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use rustix::process::{Pid, Resource, Rlimit, Signal, getrlimit, getuid, prlimit};
use tempfile::TempDir;

use crate::support::account::check_left;
use crate::support::load::Tally;
use crate::support::target::{Left, MODES, Target, children, command, outcome, rows, send};
use crate::support::wait_for;

const FIXED: [&str; 6] = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];

/// The last event that says why the run failed.
fn failure(run: &Path) -> String {
    let events = rows(&run.join("events.csv"));
    let failure = events.iter().rfind(|event| event["kind"] == "failure");
    failure.unwrap_or_else(|| panic!("{events:?}"))["detail"].clone()
}

#[test]
fn without_a_shell_for_the_command() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let mut command = command(&[mode, &FIXED, &["--while", "true"]].concat(), directory.path());
        command.env("PATH", "/nonexistent");
        let left: Left = Target::start_with(command, directory).wait();
        let sentence = "--while: sh can't be started: No such file or directory (os error 2)";
        // As a shell says that it has not found a command.
        assert_eq!(left.code, Some(127), "{mode:?}: {}", left.errors);
        assert!(left.errors.contains(&format!("error: {sentence}")), "{mode:?}: {}", left.errors);
        assert_eq!(failure(&left.directory.path().join("run")), sentence, "{mode:?}");
        check_left(&left, &Tally::default(), false);
    }
}

/// Whom the limit on processes hit.
#[derive(Default, Debug)]
struct Hit {
    worker: u32,
    observer: u32,
    command: u32,
    nobody: u32,
}

/// Every limit that is too low, one after the other, for a user who has no other process: it doesn't hold for root.
#[test]
fn under_a_limit_on_processes() {
    if !getuid().is_root() {
        println!("skipped: only root can start a target as a user who has no other process");
        return;
    }
    // One that no other test run uses at the same time.
    let user = 20_000 + std::process::id() % 40_000;
    if let Err(error) = Command::new("true").uid(user).status() {
        println!("skipped: this root can't become another user: {error}");
        return;
    }
    for mode in MODES {
        let mut hit = Hit::default();
        for processes in 1..=10 {
            let directory = TempDir::new().unwrap();
            std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
            let program = command(&[mode, &FIXED, &["--while", "exit 3"]].concat(), directory.path());
            let mut shell = Command::new("sh");
            shell
                .args([
                    "-c",
                    &format!(
                        "{{ ulimit -p {processes} 2>/dev/null || ulimit -u {processes}; }} && exec \"$0\" \"$@\""
                    ),
                ])
                .arg(program.get_program());
            shell.args(program.get_args()).current_dir(directory.path()).uid(user);
            let (code, said, errors) = outcome(&mut shell);
            if errors.contains("Permission denied") {
                println!("skipped: another user may not run the program where it is: {errors}");
                return;
            }
            let context = format!("{mode:?} {processes}: {code:?} {said} {errors}");
            assert!(!errors.contains("panicked"), "{context}");
            if code == Some(3) {
                hit.nobody += 1;
                continue;
            }
            assert_eq!(code, Some(1), "{context}");
            let sentence = errors.lines().find_map(|line| line.strip_prefix("error: ")).expect(&context);
            assert!(sentence.contains("Resource temporarily unavailable (os error 11)"), "{context}");
            assert!(sentence.contains("ulimit -u"), "{context}");
            let is_ready = said.starts_with("ready ");
            assert_eq!(is_ready, said.contains("\ndone "), "{context}");
            let run = directory.path().join("run");
            if sentence.starts_with("worker ") {
                hit.worker += 1;
            } else if sentence.starts_with("the observer can't be started: ") {
                hit.observer += 1;
            } else {
                assert!(sentence.starts_with("--while: sh can't be started: ") && is_ready, "{context}");
                assert_eq!(failure(&run), sentence, "{context}");
                hit.command += 1;
            }
        }
        assert!(hit.worker > 0 && hit.observer > 0 && hit.command > 0 && hit.nobody > 0, "{mode:?}: {hit:?}");
    }
}

/// A supervisor that may hold fewer descriptors than it waits for: `poll` is refused.
#[test]
fn a_supervisor_that_may_not_wait_goes_on() {
    let target = Target::start(MODES[2]);
    let supervisor = Pid::from_raw(i32::try_from(target.pid()).unwrap());
    let maximum = getrlimit(Resource::Nofile).maximum;
    let limit = |current| prlimit(supervisor, Resource::Nofile, Rlimit { current, maximum }).unwrap();
    limit(Some(1));
    let victim = target.worker(0).pid;
    send(victim, Signal::KILL);
    wait_for("the sentence", || target.errors().contains("poll is refused").then_some(()));
    wait_for("the end of the victim", || (!children(target.pid()).contains(&victim)).then_some(()));
    limit(maximum);
    wait_for("a successor", || {
        let worker = target.worker(0);
        (worker.generation > 1 && worker.state == "live").then_some(())
    });
    assert_eq!(target.get("/health").status, 200);
    let left = target.end();
    assert_eq!((left.code, left.done("requests")), (Some(0), 1), "{}", left.errors);
    check_left(&left, &Tally::default().and_answered(1), true);
}
