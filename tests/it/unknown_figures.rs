//! What the kernel does not show is unknown, and never told as a number: an empty cell, `null`, or left out, in every place
//! alike. A sum is known when all its parts are.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use rustix::process::geteuid;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, rows};
use crate::support::wait_for;

type Cells = HashMap<String, String>;

/// The rows of `resources.csv`, once there are several.
fn some_rows(target: &Target) -> Vec<Cells> {
    wait_for("three rows", || {
        let rows = rows(&target.run_directory().join("resources.csv"));
        (rows.len() >= 3).then_some(rows)
    })
}

fn cells<'a>(row: &'a Cells, names: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    names.iter().map(|name| (*name, row[*name].as_str())).collect()
}

fn assert_empty(rows: &[Cells], names: &[&str]) {
    for row in rows {
        assert!(cells(row, names).iter().all(|(_, cell)| cell.is_empty()), "{:?}", cells(row, names));
    }
}

/// The first tick that `/events` tells.
fn first_tick(target: &Target) -> Value {
    let mut client = target.admin();
    client.send("GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    loop {
        client.read_more().unwrap();
        let text = String::from_utf8_lossy(client.unread()).into_owned();
        let tick = text.split("event: tick\ndata: ").nth(1).and_then(|rest| rest.split_once("\n\n"));
        if let Some((tick, _)) = tick {
            return serde_json::from_str(tick).unwrap();
        }
    }
}

/// Whether the kernel and this user's rights let a shell do this with mounts of its own.
fn can(in_mounts_of_its_own: &str) -> bool {
    let script = format!("{in_mounts_of_its_own} && true");
    let tried = Command::new("unshare").args(["-rm", "sh", "-c", &script]).stderr(Stdio::null()).status();
    tried.is_ok_and(|status| status.success())
}

fn start_in_mounts_of_its_own(before: &str, arguments: &[&str]) -> Target {
    Target::start_in_shell(&format!("exec unshare -rm sh -c '{before} && exec \"$0\" \"$@\"'"), arguments)
}

#[test]
fn without_proc_nothing_that_it_says_is_told() {
    const NO_PROC: &str = "mount -t tmpfs none /proc";
    const FROM_PROC: [&str; 16] = [
        "threads",
        "fds",
        "cpu_user_pct",
        "cpu_sys_pct",
        "cpu_host_pct",
        "rss_bytes",
        "rss_peak_bytes",
        "pss_bytes",
        "uss_bytes",
        "host_cpu_pct",
        "host_mem_used_pct",
        "host_mem_avail_bytes",
        "runq_wait_pct",
        "cg_mem_bytes",
        "cg_throttled_ms_total",
        "psi_cpu_some_pct",
    ];
    if !can(NO_PROC) {
        eprintln!("this user may not mount anything over /proc: not tested");
        return;
    }
    let target = start_in_mounts_of_its_own(NO_PROC, &["--mode", "single"]);
    assert_eq!(target.get("/cpu?ms=5").status, 200);
    let read = some_rows(&target);
    assert_empty(&read, &FROM_PROC);
    assert!(read.iter().all(|row| row["procs"] == "1" && !row["cpu_seconds_total"].is_empty()), "{read:?}");

    let tick = first_tick(&target);
    for name in FROM_PROC {
        assert_eq!(tick[name], Value::Null, "{name}");
    }
    let mut client = target.admin();
    client.send("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let metrics = client.receive().unwrap().text();
    assert!(metrics.contains("process_cpu_seconds_total "), "{metrics}");
    for name in ["process_resident_memory_bytes", "process_threads", "process_open_fds", "NaN"] {
        assert!(!metrics.contains(name), "{name} in {metrics}");
    }
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    assert!(left.done.contains_key("cpu_seconds") && !left.done.contains_key("rss_peak_bytes"), "{:?}", left.done);
    let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
    for place in [
        "/machine/cpus",
        "/machine/memory_bytes",
        "/machine/cgroup_cpu_max",
        "/totals/rss_peak_bytes",
        "/limits/backlog",
    ] {
        assert_eq!(record.pointer(place), Some(&Value::Null), "{place} of {record}");
    }
    let text = left.report();
    assert!(!text.contains("0 CPUs") && !text.contains("NaN"), "{text}");
}

/// The program in a file that whoever runs it may not read: then the kernel lets nobody look into its memory.
fn unreadable_program(directory: &Path) -> (PathBuf, Option<u32>) {
    const NOBODY: u32 = 65_534;
    let program = directory.join("unreadable");
    fs::copy(env!("CARGO_BIN_EXE_quintain"), &program).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o111)).unwrap();
    fs::set_permissions(directory, fs::Permissions::from_mode(0o777)).unwrap();
    (program, geteuid().is_root().then_some(NOBODY))
}

#[test]
fn a_sum_over_processes_of_which_one_cannot_be_read_is_unknown() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let (program, user) = unreadable_program(directory.path());
        let arguments = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let like = command(&[], directory.path());
        let mut command = Command::new(program);
        command.args(mode).args(arguments).args(["--sample-interval", "100ms"]);
        command.current_dir(directory.path()).stdin(Stdio::null());
        for (name, _) in like.get_envs() {
            command.env_remove(name);
        }
        user.map(|user| command.uid(user).gid(user));
        let target = Target::start_with(command, directory);
        let read = some_rows(&target);
        assert!(read.iter().all(|row| !row["rss_bytes"].is_empty()), "{mode:?}: everybody may see that");
        let first = &read[0];
        if first["procs"] == "1" {
            // It may read itself.
            assert!(!first["pss_bytes"].is_empty() && !first["uss_bytes"].is_empty(), "{mode:?}: {first:?}");
        } else {
            assert_empty(&read, &["pss_bytes", "uss_bytes"]);
        }
        target.end();
    }
}

/// A control group of a test.
struct Group(PathBuf);

impl Drop for Group {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

/// Where the groups of memory are, and one more of them; `None` where this user may not make one.
fn other_group() -> Option<(PathBuf, Group)> {
    let name = format!("quintain-test-other-{}", std::process::id());
    ["/sys/fs/cgroup/memory", "/sys/fs/cgroup"].iter().map(PathBuf::from).find_map(|base| {
        let group = base.join(&name);
        fs::create_dir(&group).ok()?;
        let group = Group(group);
        // A limit that is not that of the target.
        let limit = ["memory.limit_in_bytes", "memory.max"].map(|file| group.0.join(file));
        let is_limited = limit.iter().any(|file| file.exists() && fs::write(file, "1073741824").is_ok());
        is_limited.then_some((base, group))
    })
}

#[test]
fn a_control_group_outside_of_what_is_mounted_is_unknown() {
    const FIGURES: [&str; 2] = ["cg_mem_bytes", "cg_mem_limit_bytes"];
    let Some((base, other)) = other_group() else {
        eprintln!("this user may not make a control group: not tested");
        return;
    };
    let over = format!("mount --bind {} {}", other.0.display(), base.display());
    if !can(&over) {
        eprintln!("this user may not mount a control group over another: not tested");
        return;
    }
    // Only the other group can be seen, on top of the mount that had shown all of them.
    let target = start_in_mounts_of_its_own(&over, &["--mode", "single"]);
    assert_empty(&some_rows(&target), &FIGURES);
    target.end();
}
