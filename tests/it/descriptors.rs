//! When a process may open no further descriptor, connections wait: nothing spins, nothing ends, and all of them are
//! served as soon as others are closed.

use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest, command, rows, with_limit};
use crate::support::wait_for;

/// A target whose shell has set a limit first.
fn limited(ulimit: &str, arguments: &[&str]) -> Target {
    let directory = TempDir::new().unwrap();
    let fixed =
        ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run", "--sample-interval", "50ms"];
    let program = command(&[&fixed, arguments].concat(), directory.path());
    Target::start_with(with_limit(ulimit, &program), directory)
}

/// CPU of the threads of a process, by the scheduler, in seconds.
fn cpu_seconds(pid: u32) -> f64 {
    let threads = std::fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let nanoseconds = threads.filter_map(|thread| {
        let text = std::fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split(' ').next()?.parse::<f64>().ok()
    });
    nanoseconds.sum::<f64>() / 1e9
}

#[test]
fn out_of_descriptors_and_back() {
    const MANY: usize = 150;
    for mode in [&["--mode", "single"][..], &["--mode", "cluster", "--workers", "1"]] {
        let target = limited("ulimit -n 64", mode);
        let worker = target.worker(0).pid;
        let mut clients: Vec<Client> = (0..MANY).map(|_| target.connect()).collect();
        let errors = target.directory.path().join("stderr");
        let said = || std::fs::read_to_string(&errors).unwrap();
        wait_for("the log to say that nothing can be accepted", || said().contains("accepting").then_some(()));
        // Twenty rows are a second.
        let before = cpu_seconds(worker);
        let resources = target.run_directory().join("resources.csv");
        let begun = rows(&resources).len();
        wait_for("twenty more rows", || (rows(&resources).len() >= begun + 20).then_some(()));
        let used = cpu_seconds(worker) - before;
        assert!(used < 0.3, "{mode:?}: {used} s of CPU in one second of waiting");
        let lines = said().lines().filter(|line| line.contains("accepting")).count();
        assert!(lines <= 2, "{mode:?}: {lines} lines of the same");
        // The first ones are connected and are served meanwhile.
        assert_eq!(clients[0].get("/health").unwrap().status, 200, "{mode:?}");
        let waiting = clients.split_off(MANY / 2);
        drop(clients);
        for mut client in waiting {
            assert_eq!(client.get("/health").unwrap().status, 200, "{mode:?}");
            // Its descriptor is for the next one.
            drop(client);
        }
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        let stats = at_rest(&target);
        let answered = MANY - MANY / 2 + 2;
        let totals = &stats["totals"];
        assert_eq!((&totals["finished"], &totals["refused"]), (&answered.into(), &0.into()), "{mode:?} {stats}");
        assert_eq!(stats["workers"][0]["generation"], 1, "{mode:?}: the worker is the first one still");
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn the_limit_is_raised_to_the_hard_one_and_written_down() {
    for mode in MODES {
        let target = limited("ulimit -S -n 200; ulimit -H -n 1000", mode);
        let limits = std::fs::read_to_string(format!("/proc/{}/limits", target.worker(0).pid)).unwrap();
        let line = limits.lines().find(|line| line.starts_with("Max open files")).unwrap();
        assert_eq!(line.split_whitespace().skip(3).take(2).collect::<Vec<_>>(), ["1000", "1000"], "{mode:?}");
        let record = std::fs::read(target.run_directory().join("run.json")).unwrap();
        let record: serde_json::Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(record["limits"]["open_files"], 1000, "{mode:?}");
    }
}
