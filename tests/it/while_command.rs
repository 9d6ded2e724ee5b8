//! `--while CMD`: up, run CMD, drain, and end as CMD did.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::target::{Left, MODES, Target, command, is_alive};
use crate::support::wait_for;

#[test]
fn it_ends_with_the_commands_code() {
    // How the command ends, and as what.
    for (line, code) in [
        ("exit 0", 0),
        ("exit 7", 7),
        ("kill -KILL $$", 137),
        ("kill -TERM $$", 143),
        ("/no/such/program", 127),
        ("no-such-program-anywhere", 127),
    ] {
        let target = Target::start(&["--while", line]);
        let left = target.wait();
        assert_eq!(left.code, Some(code), "{line}: {}", left.errors);
        assert_eq!(left.done("lost"), 0, "{line}");
    }
    for mode in MODES {
        assert_eq!(Target::start(&[mode, &["--while", "exit 3"]].concat()).wait().code, Some(3), "{mode:?}");
    }
}

/// The addresses are the real ones, and stdout has the ready line, what the command says, and the summary, in that order.
#[test]
fn it_knows_the_addresses_and_what_it_says_passes_through() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let fixed = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let line = "echo url={url} admin={admin}; echo 'on stderr' >&2";
        let output = command(&[mode, &fixed, &["--while", line]].concat(), directory.path()).output().unwrap();
        let (said, errors) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        assert_eq!(output.status.code(), Some(0), "{mode:?} {errors}");
        let [ready, echoed, done] = said.lines().collect::<Vec<_>>()[..] else { panic!("{mode:?}: {said}") };
        let words: Vec<&str> = ready.split(' ').collect();
        let (address, admin) = (words[1].strip_prefix("addr=").unwrap(), words[2].strip_prefix("admin=").unwrap());
        assert_eq!(echoed, format!("url=http://{address} admin=http://{admin}"), "{mode:?}");
        assert!(!address.ends_with(":0") && !admin.ends_with(":0"), "{mode:?}: {ready}");
        assert!(ready.starts_with("ready ") && done.starts_with("done "), "{mode:?}: {said}");
        assert!(errors.lines().any(|line| line == "on stderr"), "{mode:?}: {errors}");
    }
}

#[test]
fn a_signal_reaches_it_and_what_it_has_started() {
    for mode in MODES {
        // A child of the shell's, and one of its own that does not wait for anybody.
        let line = "sleep 300 & echo $! > inner; trap 'echo got TERM > told; exit 9' TERM; echo up > up; wait";
        let target = Target::start(&[mode, &["--while", line]].concat());
        let path = |name: &str| target.directory.path().join(name);
        wait_for("the command", || std::fs::read_to_string(path("up")).ok().filter(|text| text == "up\n"));
        let inner: u32 = std::fs::read_to_string(path("inner")).unwrap().trim().parse().unwrap();
        let left = target.end();
        assert_eq!(left.code, Some(9), "{mode:?} {}", left.errors);
        assert_eq!(std::fs::read_to_string(left.directory.path().join("told")).unwrap(), "got TERM\n", "{mode:?}");
        wait_for("the end of what it started", || (!is_alive(inner)).then_some(()));
    }
}

#[test]
fn one_that_ignores_the_signal_is_killed_after_the_shutdown_timeout() {
    let line = "trap '' TERM; echo $$ > pid; while :; do sleep 1; done";
    let target = Target::start(&["--while", line, "--shutdown-timeout", "300ms"]);
    let pid = target.directory.path().join("pid");
    let pid: u32 = wait_for("the command", || std::fs::read_to_string(&pid).ok()?.trim().parse().ok());
    let left = target.end();
    assert_eq!(left.code, Some(1), "{}", left.errors);
    wait_for("its end", || (!is_alive(pid)).then_some(()));
}

#[test]
fn with_a_duration_whichever_ends_first_ends_the_run() {
    let begun = Instant::now();
    let first =
        |line: &str, duration: &str| -> Left { Target::start(&["--while", line, "--duration", duration]).wait() };
    let left = first("exit 4", "300s");
    assert_eq!(left.code, Some(4), "{}", left.errors);
    let left = first("exec sleep 300", "300ms");
    assert_eq!(left.code, Some(128 + Signal::TERM.as_raw()), "{}", left.errors);
    assert!(begun.elapsed() < Duration::from_mins(1), "{:?}", begun.elapsed());
}
