//! When the machine's clock steps, rows keep their intervals, and no request is said to have waited for the step.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use crate::support::account::{figure, joined};
use crate::support::target::{Target, command, rows, with_free_ports};
use crate::support::wait_for;

/// Set where a test that is left out is a failure.
const NEEDED: &str = "FAKETIME_NEEDED";

/// Debian's libfaketime, which gives a program a clock of its own.
fn library() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").unwrap().flatten();
    folders.map(|folder| folder.path().join("faketime/libfaketimeMT.so.1")).find(|path| path.exists())
}

#[test]
fn intervals_and_queues_know_nothing_of_it() {
    let Some(library) = library() else {
        assert!(std::env::var_os(NEEDED).is_none(), "libfaketime is not installed");
        eprintln!("skipped: libfaketime is not installed");
        return;
    };
    let directory = TempDir::new().unwrap();
    let clock = directory.path().join("clock");
    let set = |clock: &Path, step: &str| fs::write(clock, step).unwrap();
    set(&clock, "+0");
    let arguments = with_free_ports(&["--mode", "cluster", "--workers", "2", "--sample-interval", "50ms"]);
    let mut program = command(&arguments, directory.path());
    program.env("LD_PRELOAD", library).env("FAKETIME_TIMESTAMP_FILE", &clock);
    program.env("FAKETIME_NO_CACHE", "1").env("FAKETIME_DONT_FAKE_MONOTONIC", "1");
    let target = Target::start_with(program, directory);
    let resources = target.run_directory().join("resources.csv");
    let more_rows = || {
        let before = rows(&resources).len();
        wait_for("three more rows", || (rows(&resources).len() >= before + 3).then_some(()));
    };
    more_rows();
    for step in ["+1h", "-1d"] {
        set(&clock, step);
        more_rows();
        let answer = target.get("/io?ms=1");
        assert_eq!(answer.status, 200, "{step}");
        // What the kernel stamps by another clock is unknown, or less than the step: here, than a minute.
        assert!(!answer.is_timed("queue") || answer.timing("queue") < 60_000.0, "{step}: {answer:?}");
    }
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    let rows = left.csv("resources.csv");
    joined(&rows);
    let steps =
        rows.windows(2).filter(|pair| (figure(&pair[1], "epoch_ms") - figure(&pair[0], "epoch_ms")).abs() > 6e4);
    assert_eq!(steps.count(), 2, "the clock did not step");
}
