//! `quintain compare` says what is wrong with a generator, and gives no verdict on a busy machine.
//!
//! The generator is a script called `oha`: what it prints and does is the test's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use crate::support::comparison::{PROGRAM, command, compare, nothing_is_left, said};

/// The last argument of the script, which is the URL, is asked.
const ASK: &str = "for url; do :; done; $PROGRAM health \"$url\" >&2;";

/// Compares with a generator that does this.
fn with(oha: &str, home: &Path) -> Output {
    fs::create_dir_all(home.join("bin")).unwrap();
    let path = home.join("bin/oha");
    fs::write(&path, format!("#!/bin/sh\n{oha}\n")).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    let flags = ["--a", "", "--b", "", "--duration", "1s", "--hang-after", "30s", "--output", "it"];
    command(&flags, home)
        .env("PATH", format!("{}:/usr/bin:/bin", home.join("bin").display()))
        .env("PROGRAM", PROGRAM)
        .env("HERE", home)
        .output()
        .unwrap()
}

#[test]
fn a_generator_that_goes_wrong_gets_a_sentence_and_nothing_is_left() {
    let recorded = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/oha-counted/oha.json");
    for (oha, expected) in [
        (ASK.to_owned(), "what oha printed is empty"),
        (format!("{ASK} echo hello"), "what oha printed is no output of a generator that is known here"),
        (format!("{ASK} head -c 300 {recorded}"), "what oha printed is cut off in line"),
        (
            format!("{ASK} cat {recorded} {recorded}"),
            "has more behind oha's first JSON document, perhaps a second run",
        ),
        (format!("cat {recorded}"), "the target saw no request of the load"),
        (format!("{ASK} echo no memory >&2; exit 4"), "the load ended with exit code 4: no memory"),
    ] {
        let home = tempfile::tempdir().unwrap();
        let output = with(&oha, home.path());
        assert_eq!(output.status.code(), Some(3), "{oha}: {}", said(&output));
        for words in ["round 1: arm ", expected, "0 of the rounds are kept"] {
            assert_eq!(said(&output).matches(words).count(), 1, "{oha}: {} lacks {words}", said(&output));
        }
        nothing_is_left(&home.path().join("it"));
    }
}

#[test]
fn a_generator_that_hangs_is_ended_with_its_tree() {
    let home = tempfile::tempdir().unwrap();
    let hanging = "setsid sleep 1234 & echo $! >> $HERE/pids; sleep 1234 & echo $! >> $HERE/pids; wait";
    let load = format!("HERE={}; {hanging} # {{url}}", home.path().display());
    let output = compare(
        &["--a", "", "--b", "", "--load", &load, "--duration", "1s", "--hang-after", "1s", "--output", "it"],
        home.path(),
    );
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("the load did not end within 2 s: sh -c "), "{}", said(&output));
    let pids = fs::read_to_string(home.path().join("pids")).unwrap();
    assert_eq!(pids.lines().count(), 2);
    for pid in pids.lines() {
        let command = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&command).contains("1234"), "{pid} still runs");
    }
    nothing_is_left(&home.path().join("it"));
}

#[test]
fn a_generator_that_is_missing_is_named_before_the_first_round() {
    let home = tempfile::tempdir().unwrap();
    let flags = ["--a", "", "--b", "", "--with", "wrk"];
    let output = command(&flags, home.path()).env("PATH", "").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    let expected = "--with wrk: wrk is not installed; scripts/get-tools.sh wrk puts it below target/tools";
    assert!(said(&output).contains(expected), "{}", said(&output));
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "something was written");
}

/// Computes until it is dropped.
struct Spinner(std::process::Child);

impl Spinner {
    fn start() -> Self {
        let spin = ["-c", "while :; do :; done"];
        Self(Command::new("sh").args(spin).stdin(Stdio::null()).spawn().unwrap())
    }
}

impl Drop for Spinner {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_busy_machine_gets_no_verdict_and_a_bound_no_answer() {
    let home = tempfile::tempdir().unwrap();
    let _spinner = Spinner::start();
    let load = format!("sleep 1; {PROGRAM} health {{url}}; true");
    // Each process of a cluster has pages of its own: without the objection the bound is broken.
    let with = |more: &[&str]| {
        let flags = ["--a", "", "--b", "mode=cluster", "--load", &load, "--rounds", "6", "--judge", "memory_bytes"];
        compare(&[&flags[..], &["--busy", "1%"], more].concat(), home.path())
    };
    let output = with(&["--output", "it", "--fail-if", "memory_bytes > 5%"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    for words in [
        "No verdict, for the reasons below: memory, most",
        "Other processes kept the machine busy while A was measured.",
        "of its CPU time; --busy allows 1.0 %",
        "--fail-if 'memory_bytes > 5%': no answer, for the reasons above.",
    ] {
        assert!(said(&output).contains(words), "{} lacks {words}", said(&output));
    }
    let output = with(&["--output", "other"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}
