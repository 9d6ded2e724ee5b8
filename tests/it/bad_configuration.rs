//! What the target is told and can't do is refused before it starts, all of it at once: exit code 2, and on stderr a
//! sentence for each mistake with where it came from, the value, and what is allowed.

use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use crate::support::target::{Target, command, outcome, run};

/// Arguments, and what the sentence contains.
type Bad = (&'static str, &'static [&'static str]);

#[rustfmt::skip] // A table.
const FLAGS: [Bad; 50] = [
    ("--workers 0 --mode threads", &["--workers 0:", "1 to 64 (--max-workers)"]),
    ("--workers 100000 --mode cluster", &["--workers 100000:", "1 to 64 (--max-workers)"]),
    ("--workers -1 --mode cluster", &["--workers -1:", "1 to 64"]),
    ("--workers 99999999999999999999 --mode cluster", &["--workers 99999999999999999999:", "1 to 64"]),
    ("--workers 2", &["--workers 2:", "1 in mode single", "--mode threads or --mode cluster"]),
    ("--workers two --mode threads", &["--workers two:", "1 to 64"]),
    ("--workers= --mode threads", &["--workers \"\":", "1 to 64"]),
    ("--workers 2.5 --mode threads", &["--workers 2.5:", "1 to 64"]),
    ("--max-workers 257", &["--max-workers 257:", "1 to 256"]),
    ("--mode fork", &["--mode fork:", "single, threads or cluster"]),
    ("--mode Cluster", &["--mode Cluster:", "single, threads or cluster"]),
    ("--pool-threads 0", &["--pool-threads 0:", "1 to 512"]),
    ("--backlog 0", &["--backlog 0:", "1 to 65535"]),
    ("--backlog 65536", &["--backlog 65536:", "1 to 65535"]),
    ("--seed -1", &["--seed -1:", "0 to 18446744073709551615"]),
    ("--seed 18446744073709551616", &["--seed 18446744073709551616:", "0 to 18446744073709551615"]),
    ("--max-connections 0", &["--max-connections 0:", "1 to 1000000"]),
    ("--max-inflight 1000001", &["--max-inflight 1000001:", "1 to 1000000"]),
    ("--max-delay -5s", &["--max-delay -5s:", "negative", "0 to 1h"]),
    ("--max-delay 5", &["--max-delay 5:", "needs a unit", "0 to 1h"]),
    ("--max-delay 2h", &["--max-delay 2h:", "0 to 1h"]),
    ("--max-delay 99999999999h", &["--max-delay 99999999999h:", "584 years", "0 to 1h"]),
    ("--max-cpu 5sec", &["--max-cpu 5sec:", "unknown unit", "0 to 10m"]),
    ("--max-cpu 11m", &["--max-cpu 11m:", "0 to 10m"]),
    ("--max-body 5GiB", &["--max-body 5GiB:", "0 to 4GiB"]),
    ("--max-body -1", &["--max-body -1:", "negative", "0 to 4GiB"]),
    ("--max-body 1XB", &["--max-body 1XB:", "unknown unit"]),
    ("--keep-alive-timeout 61m", &["--keep-alive-timeout 61m:", "0 (never) to 1h"]),
    ("--shutdown-timeout 0", &["--shutdown-timeout 0:", "100ms to 1h"]),
    ("--drain-delay NaNs", &["--drain-delay NaNs:", "0 to 10m"]),
    ("--sample-interval 49ms", &["--sample-interval 49ms:", "50ms to 1m"]),
    ("--sample-interval 0", &["--sample-interval 0:", "50ms to 1m"]),
    ("--duration 0", &["--duration 0:", "above 0"]),
    ("--duration -1s", &["--duration -1s:", "negative"]),
    ("--phases warmup", &["--phases warmup:", "such as warmup:10s", "allowed is 1 to 255 of NAME:DURATION"]),
    ("--phases warmup:0", &["--phases warmup:0:", "longer than 0"]),
    ("--phases warmup:10,start:1s", &["--phases warmup:10,start:1s:", "needs a unit", "\"start\"", "not start"]),
    ("--phases warm/up:1s,:1s", &["\"warm/up\"", "1 to 64 of letters", "\"\""]),
    ("--phases=", &["--phases \"\":", "must be 1 to 255 of"]),
    ("--listen local/host:80", &["--listen local/host:80:", "IP:PORT, [IPV6]:PORT, NAME:PORT or unix:PATH"]),
    ("--listen 127.0.0.1:65536", &["--listen 127.0.0.1:65536:", "IP:PORT"]),
    ("--listen unix:", &["--listen unix::", "a path"]),
    ("--admin on", &["--admin on:", "or off"]),
    ("--log inof", &["--log inof:", "levels are off, error"]),
    ("--log quintain=inof,warn", &["--log quintain=inof,warn:", "MODULE=LEVEL"]),
    ("--log warn,", &["--log warn,:", "LEVEL or"]),
    ("--log quintain=", &["--log quintain=:", "LEVEL or"]),
    ("--log-format xml", &["--log-format xml:", "text or json"]),
    ("--wokers 4", &["--wokers:", "did you mean --workers?"]),
    ("--seed 1 --seed 2", &["--seed:", "more than once"]),
];

/// What a bad start says: exit code 2, nothing on stdout, and these parts in one line of stderr.
fn refused((code, output, errors): (Option<i32>, String, String), parts: &[&str]) {
    assert_eq!((code, &*output), (Some(2), ""), "{parts:?}: {errors}");
    let has_all = |line: &str| parts.iter().all(|part| line.contains(part));
    assert!(errors.lines().any(has_all), "{parts:?} in one line of: {errors}");
}

fn with_file(content: &str) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("q.toml"), content).unwrap();
    outcome(&mut command(&["check", "--config", "q.toml"], directory.path()))
}

fn with_environment(pairs: &[(&str, &str)]) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    outcome(command(&["check"], directory.path()).envs(pairs.iter().copied()))
}

#[test]
fn every_bad_flag() {
    for (arguments, parts) in FLAGS {
        let arguments: Vec<&str> = arguments.split(' ').collect();
        refused(run(&[&["check"], &*arguments].concat()), parts);
    }
    // What `check` refuses, `serve` refuses.
    refused(
        run(&["--listen", "127.0.0.1:0", "--admin", "off", "--workers", "0"]),
        &["--workers 0:", "1 in mode single"],
    );
}

#[test]
fn every_bad_variable() {
    for (name, value, parts) in [
        ("QUINTAIN_WORKERS", "0", ["QUINTAIN_WORKERS=0:", "1 to 64"]),
        ("QUINTAIN_MAX_DELAY", "-5s", ["QUINTAIN_MAX_DELAY=-5s:", "negative"]),
        ("QUINTAIN_NO_CSV", "yes", ["QUINTAIN_NO_CSV=yes:", "true or false"]),
        ("QUINTAIN_WORKRES", "4", ["QUINTAIN_WORKRES:", "did you mean QUINTAIN_WORKERS?"]),
        ("QUINTAIN_CONFIG", "/nowhere/q.toml", ["QUINTAIN_CONFIG=/nowhere/q.toml:", "can't be read"]),
    ] {
        refused(with_environment(&[(name, value)]), &parts);
    }
}

#[test]
fn every_bad_file() {
    for (content, parts) in [
        ("workers = 0", ["q.toml line 1: workers = 0:", "1 to 64"]),
        ("\nmax_delay = \"-5s\"", ["q.toml line 2: max_delay = -5s:", "negative"]),
        ("max_delay = 5", ["q.toml line 1: max_delay = 5:", "needs a unit"]),
        ("workers = \"2\"", ["q.toml line 1: workers = \"2\":", "must be an integer"]),
        ("wokers = 2", ["q.toml line 1: wokers:", "did you mean workers?"]),
        ("max-delay = \"1s\"", ["q.toml line 1: max-delay:", "did you mean max_delay?"]),
        ("[limits]\nmax_delay = \"1s\"", ["q.toml line 1: limits:", "top level"]),
        ("mode = cluster", ["q.toml line 1 column 8", "not valid TOML"]),
        ("seed = 1\nseed = 2", ["q.toml line 2", "not valid TOML"]),
    ] {
        refused(with_file(content), &parts);
    }
}

#[test]
fn several_mistakes_are_reported_together() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("q.toml"), "max_cpu = \"1y\"\nlisten = \"here\"\n").unwrap();
    let arguments =
        ["--config", "q.toml", "--workers", "100000", "--mode", "cluster", "--sede", "7", "--backlog", "0"];
    let outcome = outcome(command(&arguments, directory.path()).env("QUINTAIN_MAX_BODY", "much"));
    for parts in [
        ["q.toml line 1: max_cpu = 1y:", "0 to 10m"],
        ["q.toml line 2: listen = here:", "IP:PORT"],
        ["--workers 100000:", "1 to 64"],
        ["--sede:", "did you mean --seed?"],
        ["--backlog 0:", "1 to 65535"],
        ["QUINTAIN_MAX_BODY=much:", "0 to 4GiB"],
    ] {
        refused(outcome.clone(), &parts);
    }
    assert!(outcome.2.contains("6 mistakes"), "{}", outcome.2);
}

#[test]
fn what_the_machine_refuses() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().to_string();
    let other = TcpListener::bind("127.0.0.1:0").unwrap();
    let other_port = other.local_addr().unwrap().to_string();
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "").unwrap();
    let below_a_file = file.join("run").display().to_string();
    let free = "127.0.0.1:0";
    refused(run(&["--listen", &port, "--admin", "off"]), &["--listen", &port, "another program has it"]);
    refused(run(&["--listen", free, "--admin", &port]), &["--admin", &port, "another program has it"]);
    let both = run(&["--listen", &port, "--admin", &other_port]);
    refused(both.clone(), &["--listen", &port]);
    refused(both, &["--admin", &other_port]);
    for flag in ["--listen", "--admin"] {
        let arguments = [[flag, "192.0.2.1:0"], [if flag == "--listen" { "--admin" } else { "--listen" }, free]];
        refused(run(&arguments.concat()), &[flag, "192.0.2.1:0", "no interface of this machine"]);
    }
    refused(
        run(&["--listen", free, "--admin", "off", "--run-dir", &below_a_file]),
        &["--run-dir", &below_a_file, "can't be made"],
    );
    refused(
        run(&["--listen", "127.0.0.1:8080", "--admin", "127.0.0.1:8080"]),
        &["--admin 127.0.0.1:8080:", "where the target listens"],
    );
}

#[test]
fn a_directory_that_holds_a_run_is_refused_and_left_alone() {
    let target = Target::start(&["--mode", "single"]);
    target.get("/health");
    let left = target.end();
    let run_directory = left.directory.path().join("run");
    let read = || std::fs::read(run_directory.join("resources.csv")).unwrap();
    let before = read();
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "off", "--run-dir", "run"];
    let outcome = outcome(&mut command(&arguments, left.directory.path()));
    refused(outcome, &["--run-dir run:", "holds a run or a database already"]);
    assert_eq!(before, read());
}

#[test]
fn flags_over_environment_over_file_over_defaults() {
    let directory = TempDir::new().unwrap();
    std::fs::write(directory.path().join("q.toml"), "seed = 2\nbacklog = 2\npool_threads = 2\n").unwrap();
    let arguments = ["check", "--config", "q.toml", "--seed", "4"];
    let mut command = command(&arguments, directory.path());
    let (code, output, errors) = outcome(command.env("QUINTAIN_SEED", "3").env("QUINTAIN_BACKLOG", "3"));
    assert_eq!(code, Some(0), "{errors}");
    for line in ["seed = 4", "backlog = 3", "pool_threads = 2", "max_delay = \"1m\""] {
        assert!(output.lines().any(|printed| printed == line), "{line} in {output}");
    }
}

#[test]
fn check_prints_what_loads_back_the_same() {
    let directory = TempDir::new().unwrap();
    let given = [
        "check",
        "--mode",
        "cluster",
        "--workers",
        "3",
        "--listen",
        "[::1]:0",
        "--admin",
        "off",
        "--max-body",
        "1536",
        "--keep-alive-timeout",
        "0",
        "--seed",
        "18446744073709551615",
        "--run-dir",
        "a \"run\" dir",
        "--no-csv",
        "--while",
        "echo '{url}' \\ done",
        "--duration",
        "90s",
        "--max-connections",
        "100",
        "--max-inflight",
        "10",
    ];
    let (code, printed, errors) = outcome(&mut command(&given, directory.path()));
    assert_eq!((code, &*errors), (Some(0), ""));
    // The products, for people.
    assert!(printed.contains("= 300\n") && printed.contains("= 30\n"), "{printed}");
    std::fs::write(directory.path().join("q.toml"), &printed).unwrap();
    let (code, again, errors) = outcome(&mut command(&["check", "--config", "q.toml"], directory.path()));
    assert_eq!((code, again), (Some(0), printed), "{errors}");
}

#[test]
fn what_cargo_adds_to_the_environment_is_no_mistake() {
    // As `cargo run` starts it: with the variables of the build, which `command` would take away.
    let mut command = Command::new(env!("CARGO_BIN_EXE_quintain"));
    let (code, _, errors) = outcome(command.arg("check"));
    assert_eq!((code, &*errors), (Some(0), ""));
}

#[test]
fn help_and_version() {
    let (code, output, errors) = run(&["--help"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    for part in ["Examples:", "quintain --mode cluster --workers 4", "--max-inflight", "QUINTAIN_MAX_BODY"] {
        assert!(output.contains(part), "{part} in {output}");
    }
    let (code, output, errors) = run(&["--version"]);
    assert_eq!((code, &*errors), (Some(0), ""));
    let commit = output.trim().strip_prefix(concat!("quintain ", env!("CARGO_PKG_VERSION"), " (")).unwrap();
    let commit = commit.strip_suffix(')').unwrap();
    let is_commit = commit.len() == 12 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
    assert!(is_commit || commit == "unknown", "{output}");
}
