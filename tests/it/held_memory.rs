//! `/mem` really takes memory, as long as it says, and gives it back to the kernel; and no more than `--max-mem`.

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest};
use crate::support::wait_for;

const MIB: u64 = 1 << 20;

/// Memory of the first worker's process, in bytes.
fn resident(target: &Target) -> u64 {
    let statm = std::fs::read_to_string(format!("/proc/{}/statm", target.worker(0).pid)).unwrap();
    statm.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4_096
}

fn hold(target: &Target, bytes: u64) -> Client {
    let mut client = target.connect();
    client.send(format!("GET /mem?bytes={bytes}&ms=60000 HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
    client
}

#[test]
fn memory_is_taken_and_given_back() {
    for arguments in [MODES[0], &["--mode", "cluster", "--workers", "1"]] {
        let target = Target::start(arguments);
        let before = resident(&target);
        let held = hold(&target, 50 * MIB);
        wait_for("50 MiB more", || (resident(&target) >= before + 49 * MIB).then_some(()));
        // Nobody waits for it any more.
        drop(held);
        wait_for("it to be given back", || (resident(&target) < before + 5 * MIB).then_some(()));
        let response = target.get("/mem?bytes=50MiB&ms=20");
        let said = response.json();
        assert_eq!((&said["bytes"], &said["pages"]), (&(50 * MIB).into(), &12_800.into()), "{said}");
        assert!(said["held_ms"].as_f64().unwrap() >= 20.0 && response.timing("io") >= 20.0, "{said}");
        assert!(said["cpu_us"].as_f64().unwrap() > 0.0 && response.timing("cpu") > 0.0, "{said}");
        assert!(resident(&target) < before + 5 * MIB, "before the answer");
        at_rest(&target);
    }
}

#[test]
fn a_worker_holds_no_more_than_max_mem() {
    let target = Target::start(&["--mode", "single", "--max-mem", "40MiB"]);
    let held = [hold(&target, 15 * MIB), hold(&target, 15 * MIB)];
    wait_for("both", || (target.total("in_flight") == 2).then_some(()));
    let mut client = target.connect();
    let refusal = client.get("/mem?bytes=11MiB").unwrap();
    assert_eq!(refusal.status, 503, "{}", refusal.text());
    assert!(refusal.json()["error"].as_str().unwrap().contains("--max-mem"), "{}", refusal.text());
    assert_eq!(client.get("/mem?bytes=10MiB&ms=0").unwrap().status, 200);
    assert_eq!(client.get("/mem?bytes=41MiB").unwrap().status, 400, "more than there ever is");
    drop(held);
    wait_for("room again", || (client.get("/mem?bytes=40MiB&ms=0").unwrap().status == 200).then_some(()));
    let small = Target::start(&["--mode", "single", "--max-mem", "1MiB"]);
    assert_eq!(small.get("/mem").status, 400, "the default is another work than the one allowed");
}
