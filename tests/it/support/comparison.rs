//! Comparisons, run as a user runs them.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

/// The program under test.
pub const PROGRAM: &str = env!("CARGO_BIN_EXE_quintain");

/// A comparison that lets other processes do what they do, unless it says how much: tests run beside each other.
pub fn command(arguments: &[&str], directory: &Path) -> Command {
    let mut command = Command::new(PROGRAM);
    command.arg("compare").args(arguments).current_dir(directory).stdin(Stdio::null());
    if !arguments.contains(&"--busy") {
        command.args(["--busy", "100%"]);
    }
    command
}

/// Runs it to its end.
pub fn compare(arguments: &[&str], directory: &Path) -> Output {
    command(arguments, directory).output().unwrap()
}

/// What it printed.
pub fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Its `results.json`.
pub fn results(directory: &Path) -> Value {
    serde_json::from_str(&fs::read_to_string(directory.join("results.json")).unwrap()).unwrap()
}

/// No target of a comparison is left: each has written in its `run.json` who it was.
pub fn nothing_is_left(directory: &Path) {
    let mut runs = 0;
    for round in fs::read_dir(directory.join("rounds")).unwrap() {
        for arm in ["a", "b"] {
            let path = round.as_ref().unwrap().path().join(arm).join("run/run.json");
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let Ok(record) = serde_json::from_str::<Value>(&text) else { continue };
            let command = fs::read(format!("/proc/{}/cmdline", record["pid"])).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).into_owned();
            assert!(!command.contains("serve"), "{} still runs: {command}", path.display());
            runs += 1;
        }
    }
    assert!(runs > 0, "no run was found");
}
