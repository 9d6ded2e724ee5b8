//! Signals that the parent ignores or blocks change nothing for the target, and the command of `--while` is started with
//! the signals and the limit on descriptors that the target was started with.

use std::process::Command;

use rustix::process::Signal;

use crate::support::target::{MODES, Target, send};
use crate::support::wait_for;

/// A shell that ignores them and becomes the target.
const IGNORED: &str = "trap '' CHLD INT TERM QUIT HUP USR1 TTIN TTOU; exec";

/// A program that blocks all signals and becomes the target.
const BLOCKED: &str = "exec env --block-signal";

/// Whether this machine's `env` can block signals.
fn env_can_block() -> bool {
    let can = Command::new("env").args(["--block-signal", "true"]).output().is_ok_and(|done| done.status.success());
    if !can {
        println!("skipped: `env --block-signal` is missing here");
    }
    can
}

fn parents() -> impl Iterator<Item = &'static str> {
    [IGNORED, BLOCKED].into_iter().filter(|before| *before != BLOCKED || env_can_block())
}

#[test]
fn a_killed_worker_is_replaced_and_every_signal_is_obeyed() {
    for before in parents() {
        let target = Target::start_in_shell(before, MODES[2]);
        send(target.worker(0).pid, Signal::KILL);
        wait_for("a successor", || (target.worker(0).generation == 2).then_some(()));
        target.shows(0, "live");
        send(target.observer(), Signal::KILL);
        let events = target.run_directory().join("events.csv");
        wait_for("another observer", || {
            let text = std::fs::read_to_string(&events).unwrap_or_default();
            text.contains("observer-respawn").then_some(())
        });
        target.signal(Signal::HUP);
        wait_for("a reload", || (target.worker(1).generation == 2).then_some(()));
        let left = target.end();
        assert_eq!(left.code, Some(0), "{before}: {}", left.errors);
        assert!(left.done.contains_key("requests"), "{before}: {:?}", left.done);
    }
}

#[test]
fn the_command_ends_the_run_in_every_mode() {
    for before in parents() {
        for mode in MODES {
            let left = Target::start_in_shell(before, &[mode, &["--while", "exit 7"]].concat()).wait();
            assert_eq!(left.code, Some(7), "{before} {mode:?}: {}", left.errors);
        }
    }
}

#[test]
fn the_command_is_started_as_the_target_was() {
    // Builtins only: a shell blocks signals of its own while it forks.
    let seen = "ulimit -Sn; ulimit -Hn; while read -r line; do case $line in SigBlk*|SigIgn*) echo \"$line\";; esac; done < /proc/$$/status";
    for before in parents().chain(["exec"]) {
        let before = format!("ulimit -Sn 200; {before}");
        let directory = tempfile::TempDir::new().unwrap();
        let shell = format!("{before} sh -c \"$0\"");
        let direct = Command::new("sh").args(["-c", &shell, seen]).current_dir(directory.path()).output().unwrap();
        let expected = state(&String::from_utf8(direct.stdout).unwrap());
        for mode in MODES {
            let line = format!("{{ {seen}; }} > seen");
            let left = Target::start_in_shell(&before, &[mode, &["--while", &line]].concat()).wait();
            assert_eq!(left.code, Some(0), "{before} {mode:?}: {}", left.errors);
            let seen = std::fs::read_to_string(left.directory.path().join("seen")).unwrap();
            assert_eq!(state(&seen), expected, "{before} {mode:?}");
        }
    }
}

/// Soft and hard limit, what is blocked and what is ignored, without what nobody can put back: 32 and 33 belong to the C
/// library, and std gives PIPE, which Rust's runtime ignores, its default.
fn state(seen: &str) -> [u64; 4] {
    const OTHERS: u64 = 1 << 31 | 1 << 32 | 1 << (Signal::PIPE.as_raw() - 1);
    let lines: Vec<&str> = seen.lines().collect();
    let [soft, hard, blocked, ignored] = lines[..] else { panic!("{seen}") };
    let limit = |text: &str| text.parse().unwrap_or(u64::MAX);
    let set = |line: &str| u64::from_str_radix(line.split_once(":\t").unwrap().1, 16).unwrap() & !OTHERS;
    [limit(soft), limit(hard), set(blocked), set(ignored)]
}
