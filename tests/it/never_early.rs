//! `/io` never waits shorter than asked, and says how long it really was.

use std::thread;
use std::time::Instant;

use crate::support::client::Client;
use crate::support::target::{MODES, Target};

/// A query, and the nanoseconds that it asks for.
const ASKED: [(&str, f64); 11] = [
    ("ms=0", 0.0),
    ("ms=0.000001", 1.0),
    ("ms=0.7", 700_000.0),
    ("ms=1", 1_000_000.0),
    ("ms=12.345678", 12_345_678.0),
    ("delay=1us", 1_000.0),
    ("delay=50us", 50_000.0),
    ("delay=200us", 200_000.0),
    ("delay=1500us", 1_500_000.0),
    ("delay=3ms", 3_000_000.0),
    ("delay=0.0123s", 12_300_000.0),
];

/// What `Server-Timing` shows is rounded to a microsecond.
const ROUNDED_MS: f64 = 0.000_6;

/// `total` begins with the kernel's stamp, which is carried over to the monotonic clock by a look at both, one after the
/// other.
const CLOCKS_APART_MS: f64 = 0.05;

fn ask(client: &mut Client, query: &str, asked_ns: f64, mode: &str) {
    let path = format!("/io?{query}&mode={mode}");
    let begun = Instant::now();
    let response = client.get(&path).unwrap();
    let passed_ms = begun.elapsed().as_secs_f64() * 1e3;
    let done = response.json();
    let waited_ms = done["waited_ms"].as_f64().unwrap();
    assert_eq!(done["asked_ms"].as_f64(), Some(asked_ns / 1e6), "{path}");
    assert_eq!(done["mode"], mode, "{path}");
    assert!((waited_ms * 1e6).round() >= asked_ns, "{path} was early by its own account: {done}");
    assert!(passed_ms * 1e6 >= asked_ns, "{path} was early by the client's clock: {passed_ms} ms");
    assert!(waited_ms <= passed_ms, "{path} claims more than the client saw, {passed_ms} ms: {done}");
    // What it waited beside what was asked for is named by itself.
    let [io, pool, looped, total] = ["io", "pool", "loop", "total"].map(|name| response.timing(name));
    assert!(((io + ROUNDED_MS) * 1e6).round() >= asked_ns, "{path} was early by its header: {io} ms");
    let parts = io + pool + looped;
    assert!((parts - waited_ms).abs() <= 3.0 * ROUNDED_MS, "{path}: Server-Timing has {parts}, the answer {done}");
    let most = passed_ms + ROUNDED_MS + CLOCKS_APART_MS;
    assert!(total + 3.0 * ROUNDED_MS >= parts && total <= most, "{path}: {total} of {passed_ms} ms");
}

#[test]
fn in_each_way_of_waiting() {
    for arguments in MODES {
        let target = Target::start(arguments);
        let mut client = target.connect();
        for mode in ["async", "blocking", "pool"] {
            for (query, asked_ns) in ASKED {
                for _ in 0..3 {
                    ask(&mut client, query, asked_ns, mode);
                }
            }
        }
    }
}

#[test]
fn with_many_that_wait_at_once() {
    at_once(&Target::start(&["--mode", "single"]));
}

#[test]
fn with_a_spin_before_the_end() {
    at_once(&Target::start(&["--mode", "single", "--spin-us", "300"]));
}

fn at_once(target: &Target) {
    let address = target.address();
    for mode in ["async", "pool"] {
        thread::scope(|scope| {
            for client in 0..8 {
                scope.spawn(move || {
                    let mut connection = Client::connect(address).unwrap();
                    for (query, asked_ns) in ASKED.iter().cycle().skip(client).take(16) {
                        ask(&mut connection, query, *asked_ns, mode);
                    }
                });
            }
        });
    }
}

#[test]
fn the_default_is_200_ms() {
    let target = Target::start(&["--mode", "single"]);
    let begun = Instant::now();
    let done = target.get("/io").json();
    assert!(begun.elapsed().as_millis() >= 200);
    assert_eq!((&done["asked_ms"], &done["mode"]), (&200.0.into(), &"async".into()));
}
