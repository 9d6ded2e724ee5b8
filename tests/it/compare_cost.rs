//! While a load runs, `quintain compare` leaves the machine to it: it takes at most 1 % of a core.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::wait_at_most;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quintain");

/// CPU time of all threads, from the scheduler's account.
fn cpu(pid: u32) -> Duration {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
    let ns = |task: fs::DirEntry| {
        let account = fs::read_to_string(task.path().join("schedstat")).unwrap();
        account.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    Duration::from_nanos(tasks.map(|task| ns(task.unwrap())).sum())
}

#[test]
fn while_a_load_runs_it_takes_at_most_1_pct_of_a_core() {
    let home = tempfile::tempdir().unwrap();
    let file = |name: &str| home.path().join(name);
    let (begun, end) = (file("begun"), file("end"));
    // After its first request, which it waits for, the load goes on until it is told to end.
    let load = format!(
        "{PROGRAM} health {{url}}/health && sleep 1 && touch {} && until [ -e {} ]; do sleep 0.1; done",
        begun.display(),
        end.display()
    );
    let mut compare = Command::new(PROGRAM)
        .args(["compare", "--a", "", "--b", "mode=threads", "--rounds", "6", "--output", "it", "--load", &load])
        .current_dir(home.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_at_most(Duration::from_mins(2), "the load to begin", || begun.exists().then_some(()));
    let (before, since) = (cpu(compare.id()), Instant::now());
    // The stretch that is measured, and no wait for anything.
    std::thread::sleep(Duration::from_secs(5));
    let (used, passed) = (cpu(compare.id()).saturating_sub(before), since.elapsed());
    // The other rounds end at once.
    fs::write(&end, "").unwrap();
    assert!(compare.wait().unwrap().success());
    assert!(used * 100 <= passed, "{used:?} of {passed:?}");
}
