//! In a control group with a quota or a limit, as a container is, the figures are those of the group, and the default number
//! of workers follows from its quota. The groups are real ones, where the machine lets a test make any.

use std::collections::HashMap;
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::control_group::ControlGroup;
use crate::support::target::{Left, Target, Worker, rows, send};
use crate::support::wait_for;

/// The group, or a sentence that says why the test can't be run here.
fn or_skip(group: Result<ControlGroup, String>) -> Option<ControlGroup> {
    group.inspect_err(|why| println!("skipped: no control group can be made here: {why}")).ok()
}

fn start_in(group: &ControlGroup, arguments: &[&str]) -> Target {
    Target::start_in_shell(&format!("{} && exec", group.enter()), arguments)
}

/// A row of `resources.csv` of which this holds.
fn row_with(
    target: &Target,
    what: &str,
    holds: impl Fn(&HashMap<String, String>) -> bool,
) -> HashMap<String, String> {
    wait_for(what, || rows(&target.run_directory().join("resources.csv")).into_iter().find(&holds))
}

fn number(row: &HashMap<String, String>, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

#[test]
fn the_default_number_of_workers_follows_from_the_quota_and_the_log_says_so() {
    let processors = std::thread::available_parallelism().unwrap().get();
    for (hundredths, quota) in [(50, "0.5"), (150, "1.5")] {
        let Some(group) = or_skip(ControlGroup::with_cpu(hundredths)) else { return };
        if processors < 2 {
            println!("skipped: a quota of {quota} takes nothing away where there is one processor");
            return;
        }
        for mode in ["threads", "cluster"] {
            let target = start_in(&group, &["--mode", mode]);
            assert_eq!(target.ready["workers"], "1", "{mode}, {quota}");
            let said = format!("workers=1, since --workers is not given: the CPU quota is {quota} of ");
            assert!(target.errors().contains(&said), "{}", target.errors());
            target.end();
            let target = start_in(&group, &["--mode", mode, "--workers", "2"]);
            assert_eq!((&*target.ready["workers"], target.errors().contains("the CPU quota is")), ("2", false));
            target.end();
        }
        let target = start_in(&group, &[]);
        assert!(
            !target.errors().contains("the CPU quota is"),
            "one worker is what single has: {}",
            target.errors()
        );
        target.end();
    }
}

#[test]
fn a_quota_and_what_it_keeps_from_running_are_in_the_rows() {
    // So little that it is used up in each period, also where others keep the machine busy.
    let Some(group) = or_skip(ControlGroup::with_cpu(3)) else { return };
    let target = start_in(&group, &[]);
    let mut client = target.connect();
    client.send("GET /cpu?ms=50 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    let throttled = row_with(&target, "a tick in which it was throttled", |row| {
        row["cg_throttled_ms_total"].parse().is_ok_and(|total: f64| total > 0.0)
    });
    assert_eq!(client.receive().unwrap().status, 200);
    let used = row_with(&target, "a tick in which it used its quota", |row| {
        row["cpu_quota_pct"].parse().is_ok_and(|used: f64| used > 0.0)
    });
    // 100 is the quota, 3 % of a core; the cells have a tenth of a per cent.
    let (of_quota, of_core) = (number(&used, "cpu_quota_pct"), number(&used, "cpu_pct"));
    assert!((of_quota * 0.03 - of_core).abs() <= 0.1, "{of_quota} of the quota, {of_core} of a core");
    assert!(number(&throttled, "cg_throttled_ms_total") > 0.0);
    let left = target.end();
    let record: Value = serde_json::from_slice(&std::fs::read(left.file("run.json")).unwrap()).unwrap();
    assert_eq!(record["machine"]["cgroup_cpu_max"], "3000 100000");
}

#[test]
fn a_limit_of_memory_is_in_the_rows_and_below_need_it_is_a_warning() {
    const LIMIT: u32 = 96 << 20;
    let Some(group) = or_skip(ControlGroup::with_memory(LIMIT)) else { return };
    let target = start_in(&group, &[]);
    let row = row_with(&target, "a row", |_| true);
    assert_eq!(row["cg_mem_limit_bytes"], LIMIT.to_string());
    let used = number(&row, "cg_mem_bytes");
    assert!(used > 0.0 && used <= f64::from(LIMIT), "{used}");
    let warning = "--max-mem 256MiB in each of 1 worker is no guard: the control group's memory limit is 96MiB";
    assert!(target.errors().contains(warning), "{}", target.errors());
    target.end();
    let target = start_in(&group, &["--max-mem", "32MiB"]);
    assert!(!target.errors().contains("no guard"), "{}", target.errors());
    target.end();
}

/// The events of a run that tell of a worker's end, in its order.
fn ends(left: &Left) -> Vec<String> {
    let events = left.csv("events.csv");
    events
        .into_iter()
        .filter(|event| event["kind"] == "worker-ended")
        .map(|event| event["detail"].clone())
        .collect()
}

#[test]
fn what_the_kernel_kills_for_memory_is_told_apart_from_what_somebody_kills() {
    const LIMIT: u32 = 96 << 20;
    let Some(group) = or_skip(ControlGroup::with_memory(LIMIT)) else { return };
    let target = start_in(&group, &["--mode", "cluster", "--workers", "2"]);
    // More than there is, in whichever worker takes the connection.
    let mut client = target.connect();
    client.send("GET /mem?bytes=256MiB HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    let replaced = |generation: u64| {
        wait_for("a successor", || {
            let workers = target.workers();
            let is_one = |worker: &Worker| worker.generation == generation && worker.state == "live";
            workers.into_iter().find(is_one).map(|worker| worker.pid)
        })
    };
    let successor = replaced(2);
    send(successor, Signal::KILL);
    replaced(3);
    let left = target.end();
    let ends = ends(&left);
    assert_eq!(ends[0], "signal 9: killed by the kernel for memory (limit 96MiB), 1 request lost");
    assert_eq!(ends[1], "signal 9: by whom isn't known; not by the kernel for memory, 0 requests lost");
    for end in &ends[..2] {
        let sentence = end.rsplit_once(", ").unwrap().0;
        assert!(left.errors.contains(&format!("exit={sentence}")), "{}", left.errors);
    }
    let page = left.report();
    let kills: Vec<&str> = page.lines().filter(|line| line.contains("killed by the kernel for memory, ")).collect();
    assert!(kills.len() == 1 && kills[0].contains(" was killed by the kernel for memory, once."), "{page}");
    assert!(page.contains("limit 96MiB"), "{page}");
}

/// In mounts of its own that lack the files, as a container may.
#[test]
fn without_the_kernels_count_nobody_can_tell_who_killed() {
    const HIDDEN: &str = "exec unshare -m sh -c 'mount -t tmpfs none /sys/fs/cgroup && exec \"$0\" \"$@\"'";
    let can = Command::new("sh").args(["-c", &HIDDEN.replace("$0", "true")]).output().unwrap();
    if !can.status.success() {
        println!("skipped: no mounts can be made here: {}", String::from_utf8_lossy(&can.stderr));
        return;
    }
    let target = Target::start_in_shell(HIDDEN, &["--mode", "cluster"]);
    let said = "whether a CPU quota allows fewer can't be read";
    assert!(target.errors().contains(said), "{}", target.errors());
    let victim = target.worker(0);
    send(victim.pid, Signal::KILL);
    wait_for("a successor", || (target.worker(0).generation == 2).then_some(()));
    let end = "signal 9: by whom isn't known; the control group's count of memory kills (oom_kill) can't be read, 0 requests lost";
    assert_eq!(ends(&target.end())[0], end);
}
