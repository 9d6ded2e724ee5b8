//! Garbage over a worker's seat in the shared memory ends nobody but that worker: rows are marked, and sums never fall.

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;
use std::time::Duration;

use rustix::process::Signal;
use rustix::time::{ClockId, clock_gettime};

use crate::support::account::{deltas, joined};
use crate::support::target::{Target, is_alive, rows, send};
use crate::support::wait_for;

/// What is written: more than the counters, and much of the routes.
const GARBAGE: usize = 256 * 1024;

/// Where a seat is aligned, and its counters.
const LINE: usize = 128;

/// The largest mapping of the shared memory, that of the slots: where it begins and ends.
fn slots(pid: u32) -> (usize, usize) {
    let maps = read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let shared = maps.lines().filter(|line| line.contains("/dev/zero"));
    let hex = |text: &str| usize::from_str_radix(text, 16).unwrap();
    let ranges = shared.map(|line| line.split(' ').next().unwrap().split_once('-').unwrap());
    ranges.map(|(from, to)| (hex(from), hex(to))).max_by_key(|(from, to)| to - from).unwrap()
}

/// Places at a line's begin with a time (monotonic) of the last second, and that time.
fn recent(memory: &File, (from, to): (usize, usize)) -> Vec<(usize, u64)> {
    let mut bytes = vec![0; to - from];
    memory.read_exact_at(&mut bytes, from as u64).unwrap();
    let now = u64::try_from(Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap().as_nanos()).unwrap();
    let lines = bytes.chunks(LINE).enumerate();
    let times =
        lines.map(|(number, line)| (from + number * LINE, u64::from_ne_bytes(*line.first_chunk().unwrap())));
    times.filter(|(_, time)| now.checked_sub(*time).is_some_and(|age_ns| age_ns < 1_000_000_000)).collect()
}

#[test]
fn garbage_ends_nobody_but_its_worker() {
    let target =
        Target::start(&["--mode", "cluster", "--workers", "2", "--max-workers", "2", "--sample-interval", "50ms"]);
    let resources = target.run_directory().join("resources.csv");
    let more_rows = || {
        let before = rows(&resources).len();
        wait_for("three more rows", || (rows(&resources).len() >= before + 3).then_some(()));
    };
    let answers = |count| (0..count).for_each(|_| assert_eq!(target.get("/health").status, 200));
    answers(200);
    more_rows();
    let (supervisor, observer, worker) = (target.pid(), target.observer(), target.worker(0).pid);
    let memory = File::options().read(true).write(true).open(format!("/proc/{worker}/mem")).unwrap();
    // A worker's beat stands behind its counters and changes ten times a second. Both workers' beats have to be seen: the one
    // at the lower address is the first slot's.
    let mut before = Vec::new();
    let beat = wait_for("two beats", || {
        let now = recent(&memory, slots(worker));
        let goes_on = |(place, time): &(usize, u64)| before.iter().any(|(at, then)| at == place && then != time);
        let beats: Vec<_> = now.iter().copied().filter(goes_on).collect();
        before.extend(now);
        (beats.len() == 2).then(|| beats[0])
    });
    let words = (0..GARBAGE as u64 / 8).map(|at| at.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    let garbage: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    memory.write_all_at(&garbage, (beat.0 - LINE) as u64).unwrap();
    let events = target.run_directory().join("events.csv");
    wait_for("a mark", || rows(&events).iter().any(|event| event["kind"] == "implausible").then_some(()));
    more_rows();
    answers(100);
    send(worker, Signal::KILL);
    wait_for("its successor", || (target.worker(0).generation == 2).then_some(()));
    answers(100);
    more_rows();
    assert!(is_alive(supervisor) && target.observer() == observer);
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    assert!(!left.errors.contains("panicked"), "{}", left.errors);
    let rows = left.csv("resources.csv");
    joined(&rows);
    deltas(&rows, "lost_total");
    assert!(deltas(&rows, "requests_total").iter().sum::<u64>() <= 400, "a sum grew by garbage");
}
