//! Every column that explains a slow result: there, in order, and true.

use std::collections::HashMap;
use std::net::TcpStream;
use std::process::Command;

use quintain::columns::resources;
use rustix::process::Signal;

use crate::support::load::Load;
use crate::support::target::{MODES, Target, rows, send};
use crate::support::wait_for;

type Row = HashMap<String, String>;

/// What a kernel may be without, or a machine without a limit, by the file that it would be in.
fn is_offered(column: &str) -> bool {
    let is_there = |path: &str| std::fs::read(path).is_ok_and(|text| !text.is_empty());
    match column {
        // The group may have no limit, or be the root of version 2, which has no figures; PSS and USS are read every 10 s.
        // The kernel may list no sockets, or be asked again only after some rows.
        "unread_connections"
        | "cpu_quota_pct"
        | "cg_mem_limit_bytes"
        | "cg_throttled_ms_total"
        | "cg_mem_bytes"
        | "pss_bytes"
        | "uss_bytes"
        // This run has no database.
        | "db_acquire_p50_us"
        | "db_acquire_p99_us" => false,
        // What was finished in the interval, which on a machine that is busy elsewhere may be nothing.
        name if DURATIONS.iter().any(|prefix| name.starts_with(prefix)) => false,
        "psi_cpu_some_pct" => is_there("/proc/pressure/cpu"),
        "psi_mem_some_pct" => is_there("/proc/pressure/memory"),
        "psi_io_some_pct" => is_there("/proc/pressure/io"),
        // Empty while a late beat is still to come.
        "loop_lag_ran_us" | "loop_lag_wait_us" | "loop_lag_blocked_us" => false,
        "runq_wait_pct" | "loop_busy_pct" | "loop_runq_pct" => is_there("/proc/self/schedstat"),
        _ => true,
    }
}

/// How the columns of how long requests took begin.
const DURATIONS: [&str; 3] = ["svc_", "lat_", "queue_"];

fn resources_of(target: &Target) -> Vec<Row> {
    rows(&target.run_directory().join("resources.csv"))
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("{column}: {:?}", row[column]))
}

fn largest(rows: &[Row], column: &str) -> f64 {
    rows.iter().filter(|row| !row[column].is_empty()).map(|row| number(row, column)).fold(0.0, f64::max)
}

fn somaxconn() -> f64 {
    std::fs::read_to_string("/proc/sys/net/core/somaxconn").unwrap().trim().parse().unwrap()
}

#[test]
fn every_column_is_filled_in_order_and_plausible_in_each_mode() {
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::start(target.address(), "/health", 2);
        // On a busy machine, the first rows may be from before the first request and the first beat.
        let is_loaded = |row: &&Row| row["rps"].parse::<f64>().is_ok_and(|rate| rate > 0.0);
        wait_for("five loaded rows", || {
            (resources_of(&target).iter().filter(is_loaded).count() >= 5).then_some(())
        });
        load.stop();
        let left = target.end();

        let header = std::fs::read_to_string(left.directory.path().join("run/resources.csv")).unwrap();
        let names: Vec<&str> = header.lines().next().unwrap().split(',').collect();
        assert_eq!(names, resources().iter().map(|column| column.name).collect::<Vec<_>>());

        let rows = left.csv("resources.csv");
        let loaded: Vec<Row> = rows.iter().filter(is_loaded).skip(2).take(3).cloned().collect();
        let loaded = &loaded[..];
        for row in loaded {
            for name in names.iter().filter(|name| is_offered(name)) {
                assert!(!row[*name].is_empty(), "{mode:?}: {name} is empty in {row:?}");
            }
            for name in names.iter().filter(|name| name.ends_with("_pct") && !row[**name].is_empty()) {
                assert!(number(row, name) >= 0.0, "{mode:?}: {name} in {row:?}");
            }
            for name in ["psi_cpu_some_pct", "psi_mem_some_pct", "psi_io_some_pct", "host_steal_pct"] {
                assert!(row[name].is_empty() || number(row, name) <= 100.0, "{mode:?}: {name} in {row:?}");
            }
            assert!(number(row, "host_mem_avail_bytes") > 1e6, "{row:?}");
            assert!((number(row, "acceptq_max") - somaxconn().min(4096.0)).abs() < 0.5, "{row:?}");
            assert!(number(row, "acceptq_depth") <= number(row, "acceptq_max") + 1.0, "{row:?}");
            let workers = if mode.contains(&"single") { 1.0 } else { 2.0 };
            assert!((1.0..=workers).contains(&number(row, "worker_imbalance")), "{mode:?}: {row:?}");
        }
        let timed = |name: &&str| DURATIONS.iter().any(|prefix| name.starts_with(prefix));
        for name in names.iter().copied().filter(timed) {
            assert!(largest(&rows, name) > 0.0, "{mode:?}: {name} in {rows:?}");
        }
        assert!(largest(loaded, "ctx_vol_per_s") > 0.0, "{mode:?}: {loaded:?}");
        for row in [&rows[0], rows.last().unwrap()] {
            assert!(
                number(row, "uss_bytes") > 0.0 && number(row, "uss_bytes") <= number(row, "pss_bytes"),
                "{row:?}"
            );
        }
        let drops: Vec<f64> = rows.iter().map(|row| number(row, "listen_drops_total")).collect();
        assert!(drops.is_sorted(), "{drops:?}");
    }
}

#[test]
fn a_blocked_loop_is_late() {
    for mode in MODES {
        let target = Target::start(mode);
        assert_eq!(target.get("/cpu?ms=250").status, 200);
        wait_for("a late beat", || (largest(&resources_of(&target), "loop_lag_max_us") >= 100_000.0).then_some(()));
        // And once it turns again, it isn't late any more: a window has its own maximum.
        wait_for("a beat in time", || {
            let rows = resources_of(&target);
            (number(rows.last().unwrap(), "loop_lag_max_us") < 50_000.0).then_some(())
        });
    }
}

#[test]
fn a_worker_that_gets_all_requests_is_twice_the_mean_of_two() {
    for mode in &MODES[1..] {
        let target = Target::start(mode);
        let mut client = target.connect();
        let imbalance = wait_for("a row with requests", || {
            assert_eq!(client.get("/health").unwrap().status, 200);
            let rows = resources_of(&target);
            rows[1..].iter().map(|row| row["worker_imbalance"].clone()).find(|cell| !cell.is_empty())
        });
        assert_eq!(imbalance, "2.000", "{mode:?}");
        drop(client);
        wait_for("a row without requests", || {
            resources_of(&target).last().unwrap()["worker_imbalance"].is_empty().then_some(())
        });
    }
}

/// Doesn't wait for the connection.
fn begin_to_connect(target: &Target) -> TcpStream {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    let address: std::net::SocketAddr = target.address().parse().unwrap();
    let _ = socket.connect(&address.into());
    socket.into()
}

#[test]
fn what_overflows_the_accept_queue_of_a_stopped_worker_is_counted() {
    let target = Target::start(&["--mode", "cluster", "--workers", "1", "--backlog", "2"]);
    let worker = target.worker(0).pid;
    send(worker, Signal::STOP);
    // The kernel takes one more than the backlog; further ones are dropped, and tried again by the client's kernel.
    let _waiting: Vec<TcpStream> = (0..10).map(|_| begin_to_connect(&target)).collect();
    // The observer reads the depth before the drops, so the first row with drops may show a queue that was not full yet.
    let row = wait_for("drops of a full queue", || {
        let rows = resources_of(&target);
        rows.last().filter(|row| number(row, "listen_drops_total") > 0.0 && row["acceptq_depth"] == "3").cloned()
    });
    assert_eq!(row["acceptq_max"], "2");
    // A loop that stands still is late while it does.
    wait_for("lateness", || {
        (number(resources_of(&target).last().unwrap(), "loop_lag_max_us") > 300_000.0).then_some(())
    });
    send(worker, Signal::CONT);
    assert_eq!(target.get("/health").status, 200);
}

/// Only the added worker is stopped, so that the queue which stays full is its listener's: the first observer was handed
/// it, and so is the next one.
#[test]
fn a_listener_that_was_added_is_counted_too() {
    let target = Target::start(&["--mode", "cluster", "--workers", "1", "--max-workers", "2", "--backlog", "1"]);
    target.signal(Signal::TTIN);
    wait_for("a second worker", || {
        let stats = target.stats();
        (stats["workers"][1]["state"] == "live").then_some(())
    });
    let added = target.worker(1).pid;
    send(added, Signal::STOP);
    let _waiting: Vec<TcpStream> = (0..40).map(|_| begin_to_connect(&target)).collect();
    let full = |least: f64| {
        let rows = resources_of(&target);
        let row = rows.last().filter(|row| row["acceptq_depth"] == "2")?;
        Some(number(row, "listen_drops_total")).filter(|drops| *drops >= least)
    };
    let drops = wait_for("a full queue that drops", || full(1.0));
    send(target.observer(), Signal::KILL);
    let events = target.run_directory().join("events.csv");
    wait_for("another observer", || {
        rows(&events).iter().any(|event| event["kind"] == "observer-respawn").then_some(())
    });
    let before = resources_of(&target).len();
    wait_for("its second row", || (resources_of(&target).len() > before + 1).then_some(()));
    wait_for("the same queue", || full(drops));
    send(added, Signal::CONT);
    assert_eq!(target.end().code, Some(0));
}

/// A control group of its own, where this user may make one; it is removed with the test.
struct Quota(std::path::PathBuf);

impl Quota {
    fn a_fifth_of_a_processor() -> Option<Self> {
        let name = format!("quintain-test-{}", std::process::id());
        let root = std::path::Path::new("/sys/fs/cgroup");
        let one =
            (root.join("cpu").join(&name), vec![("cpu.cfs_period_us", "20000"), ("cpu.cfs_quota_us", "4000")]);
        let two = (root.join(&name), vec![("cpu.max", "4000 20000")]);
        [one, two].into_iter().find_map(|(group, limits)| {
            std::fs::create_dir(&group).ok()?;
            let made = Self(group);
            let set = limits.iter().all(|(file, value)| std::fs::write(made.0.join(file), value).is_ok());
            set.then_some(made)
        })
    }
}

impl Drop for Quota {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir(&self.0);
    }
}

#[test]
fn a_quota_is_shown_with_what_it_costs() {
    let Some(group) = Quota::a_fifth_of_a_processor() else {
        eprintln!("this user may not make a control group with a quota: not tested");
        return;
    };
    let directory = tempfile::TempDir::new().unwrap();
    let program = env!("CARGO_BIN_EXE_quintain");
    let procs = group.0.join("cgroup.procs");
    let line = format!(
        "echo $$ > {} && exec {program} --mode single --listen 127.0.0.1:0 --admin off --run-dir run --sample-interval 100ms",
        procs.display()
    );
    let mut command = Command::new("sh");
    command.arg("-c").arg(line).current_dir(directory.path());
    let target = Target::start_with(command, directory);
    let mut client = target.connect();
    let row = wait_for("a throttled row", || {
        assert_eq!(client.get("/cpu?ms=50").unwrap().status, 200);
        let rows = resources_of(&target);
        let is_throttled = |row: &&Row| row["cg_throttled_ms_total"].parse::<f64>().is_ok_and(|ms| ms > 50.0);
        // Cells are rounded to hundredths of a percent: with less CPU, rounding alone would exceed the tolerance below.
        rows.last().filter(is_throttled).filter(|row| number(row, "cpu_pct") > 2.0).cloned()
    });
    let (share, cpu) = (number(&row, "cpu_quota_pct"), number(&row, "cpu_pct"));
    assert!((share / cpu - 5.0).abs() < 0.02, "{share} of {cpu}");
    drop(client);
    target.end();
}
