//! `quintain compare` says what is wrong with a generator, and gives no verdict on a busy machine.
//!
//! The generator is a script called `oha`: what it prints and does is the test's.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::comparison::{PROGRAM, command, compare, nothing_is_left, results, said};

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
        (format!("sed 's/: 1990/: 0/; s/: 10$/: 0/' {recorded}"), "the warm-up sent no request to its end"),
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

/// Compares by rounds in which B did half of what A did with twice the memory, while its generator had no CPU left.
fn by_a_starved_generator(judged: &str, bound: &str) -> (Output, Value) {
    let home = tempfile::tempdir().unwrap();
    let load = format!("{PROGRAM} health {{url}}");
    let flags =
        ["--a", "", "--b", "mode=threads", "--load", &load, "--rounds", "6", "--judge", judged, "--fail-if", bound];
    let one = compare(&[&flags[..], &["--output", "it", "--time-limit", "1ms"]].concat(), home.path());
    assert_eq!(one.status.code(), Some(0), "{}", said(&one));
    let rounds = home.path().join("it/rounds.jsonl");
    let mut round: Value = serde_json::from_str(&fs::read_to_string(&rounds).unwrap()).unwrap();
    for (arm, work, generator_pct) in [(0, 100.0, 60.0), (1, 50.0, 99.0)] {
        let arm = &mut round["arms"][arm];
        for row in ["completed", "requests_per_s"] {
            arm["figures"][row] = work.into();
        }
        arm["figures"]["memory_bytes"] = (1e8 / work).into();
        arm["around"]["generator_thread_pct"] = generator_pct.into();
    }
    fs::write(&rounds, format!("{round}\n").repeat(6)).unwrap();
    let output = compare(&[&flags[..], &["--resume", "it"]].concat(), home.path());
    (output, results(&home.path().join("it")))
}

#[test]
fn an_objection_refuses_the_verdict_and_the_bounds_of_the_rows_it_bears_on_and_no_others() {
    let no_answer = "no answer, for the reasons above.";
    let refused = "No verdict, for the reasons below: requests/s -50.00 %";
    for (judged, bound, code, expected) in [
        ("memory_bytes", "requests_per_s < -5%", 3, ["B is worse: memory, most +100.00 %", no_answer]),
        ("memory_bytes", "completed > 5%", 3, ["B is worse: memory, most +100.00 %", no_answer]),
        ("memory_bytes", "memory_bytes > 5%", 1, ["B is worse: memory, most +100.00 %", "it is so."]),
        ("requests_per_s", "total_time_s > 5%", 3, [refused, no_answer]),
        ("requests_per_s", "memory_bytes > 5%", 1, [refused, "it is so."]),
        ("requests_per_s", "memory_bytes < -5%", 0, [refused, "it is not so."]),
    ] {
        let (output, results) = by_a_starved_generator(judged, bound);
        let said = said(&output);
        assert_eq!(output.status.code(), Some(code), "{judged}, {bound}: {said}");
        for words in expected {
            assert!(said.contains(words), "{judged}, {bound}: {said} lacks {words}");
        }
        assert!(said.contains("The load generator ran out of CPU against B"), "{said}");
        let alone =
            said.contains("bears on these rows alone: concurrent clients, completed, total time, requests/s");
        assert_eq!(alone, judged == "memory_bytes", "{said}");
        assert_eq!(results["verdict"] == "refused", judged == "requests_per_s", "{results}");
        let rows = results["objections"][0]["rows"].as_array().unwrap();
        assert!(rows.contains(&"completed".into()) && !rows.contains(&"memory_bytes".into()), "{results}");
    }
}
