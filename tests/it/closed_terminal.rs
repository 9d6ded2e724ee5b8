//! A terminal that closes ends the run in order, unless `nohup` was asked to rule that out; a HUP that somebody sends stays
//! a reload.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::support::client::Client;
use crate::support::target::{children, is_alive, rows, send, stats_over};
use crate::support::terminal::OnTerminal;
use crate::support::wait_for;

/// Whether this machine has these programs.
fn has(programs: &[&str]) -> bool {
    let missing = programs.iter().find(|program| Command::new(program).arg("--version").output().is_err());
    if let Some(program) = missing {
        println!("skipped: `{program}` is missing here");
    }
    missing.is_none()
}

/// What a shell is told to start the target.
fn line(mode: &str) -> String {
    let program = env!("CARGO_BIN_EXE_quintain");
    format!(
        "{program} --mode {mode} --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir run --sample-interval 100ms"
    )
}

/// The run in a directory has ended in order, by the closed terminal, with one request.
fn ended_in_order(directory: &Path) {
    let run = directory.join("run");
    let events = rows(&run.join("events.csv"));
    let drain = events.iter().find(|event| event["kind"] == "drain").unwrap_or_else(|| panic!("{events:?}"));
    assert_eq!(drain["detail"], "the terminal has closed (signal HUP)");
    assert!(!events.iter().any(|event| event["kind"] == "abandon"), "{events:?}");
    let record: serde_json::Value = serde_json::from_slice(&std::fs::read(run.join("run.json")).unwrap()).unwrap();
    assert_eq!(record["totals"]["requests"], 1, "{record}");
}

fn generation(admin: &str) -> u64 {
    let stats = stats_over(&mut Client::connect(admin).unwrap(), admin).unwrap();
    stats["workers"][0]["generation"].as_u64().unwrap()
}

fn ask(address: &str) {
    assert_eq!(Client::connect(address).unwrap().get("/health").unwrap().status, 200);
}

#[test]
fn the_kernel_says_so_to_who_is_in_the_foreground() {
    if !has(&["setsid"]) {
        return;
    }
    for mode in ["single", "cluster"] {
        // As the session's leader, and as a job of it that is in the foreground.
        for shell in [format!("exec {}", line(mode)), format!("{}; true", line(mode))] {
            let mut terminal = OnTerminal::start_session(&["sh", "-c", &shell]);
            ask(&terminal.ready("addr"));
            let pid = if shell.starts_with("exec") { terminal.pid() } else { children(terminal.pid())[0] };
            terminal.hang_up();
            wait_for("the end", || (!is_alive(pid)).then_some(()));
            ended_in_order(terminal.directory.path());
        }
    }
}

#[test]
fn a_shell_passes_it_on_to_its_jobs() {
    if !has(&["setsid", "bash"]) {
        return;
    }
    for mode in ["single", "cluster"] {
        let mut terminal = OnTerminal::start_session(&["bash", "--norc", "--noediting", "-i"]);
        terminal.press(format!("{} &\n", line(mode)).as_bytes());
        ask(&terminal.ready("addr"));
        let pid = children(terminal.pid())[0];
        // In this shell, with the terminal still there, it is a reload.
        terminal.press(b"kill -HUP %1\n");
        let admin = terminal.ready("admin");
        wait_for("a reload", || (generation(&admin) == 2).then_some(()));
        terminal.hang_up();
        wait_for("the end", || (!is_alive(pid)).then_some(()));
        ended_in_order(terminal.directory.path());
    }
}

#[test]
fn after_nohup_the_run_goes_on_and_can_be_reloaded() {
    if !has(&["setsid"]) {
        return;
    }
    let mut terminal = OnTerminal::start_session(&["sh", "-c", &format!("trap '' HUP; exec {}", line("cluster"))]);
    let (address, admin) = (terminal.ready("addr"), terminal.ready("admin"));
    terminal.hang_up();
    ask(&address);
    wait_for("a reload", || {
        // The terminal's may still be pending, and would take in another one.
        send(terminal.pid(), Signal::HUP);
        (generation(&admin) >= 2).then_some(())
    });
    assert_eq!(terminal.end(), Some(0));
}
