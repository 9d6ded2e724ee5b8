//! A log that nobody reads holds up nobody: workers are respawned, requests answered, and what was said comes later.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::Stdio;
use std::thread;

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, send};
use crate::support::wait_for;

const FILLER: u8 = b'.';

#[test]
fn it_holds_up_nobody_and_is_told_once_somebody_reads() {
    for mode in MODES {
        let (reader, writer) = std::io::pipe().unwrap();
        // For a moment only: it is a property of the pipe's end, which the target shares.
        let flags = fcntl_getfl(&writer).unwrap();
        fcntl_setfl(&writer, flags | OFlags::NONBLOCK).unwrap();
        let mut full = writer.try_clone().unwrap();
        while full.write(&[FILLER; 512]).is_ok() {}
        fcntl_setfl(&writer, flags).unwrap();
        drop(full);

        let directory = TempDir::new().unwrap();
        let fixed = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let command = command(&[mode, &fixed].concat(), directory.path());
        let target = Target::begin_with(command, directory, Stdio::from(writer)).unwrap();
        assert_eq!(target.get("/health").status, 200);
        if mode.contains(&"cluster") {
            let victim = target.worker(1);
            send(victim.pid, Signal::KILL);
            wait_for("its successor", || {
                Some(target.worker(1)).filter(|worker| worker.pid != victim.pid && worker.state == "live")
            });
        }
        target.signal(Signal::HUP);
        wait_for("new workers", || target.workers().iter().all(|worker| worker.generation > 1).then_some(()));
        assert_eq!(target.get("/health").status, 200, "{mode:?}");

        let told = thread::spawn(move || {
            let mut lines = BufReader::new(reader);
            let mut filler = Vec::new();
            lines.read_until(FILLER, &mut filler).unwrap();
            let mut text = String::new();
            lines.read_to_string(&mut text).unwrap();
            text
        });
        let left = target.end();
        assert_eq!(left.code, Some(0), "{mode:?}");
        let told = told.join().unwrap();
        let told = told.trim_start_matches(char::from(FILLER));
        assert!(told.contains("signal=\"HUP\"") && told.contains("signal=\"TERM\""), "{mode:?} {told:?}");
        assert!(told.find("HUP") < told.find("TERM"), "in their order: {told}");
        assert!(told.lines().all(|line| line.len() > 20), "whole: {told:?}");
    }
}
