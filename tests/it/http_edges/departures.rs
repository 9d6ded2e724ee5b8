//! Clients that never read, and clients that reset, in every state: nobody else is disturbed, nothing is left.

use std::time::Duration;

use super::{HIDDEN, get};
use crate::support::client::Client;
use crate::support::load::Load;
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

/// Memory of its own: pages of the program are read when their code first runs.
fn held_kb(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

/// Sends until the target takes no more, and reads nothing.
fn stuff(client: &mut Client, requests: &str) {
    client.refuse_to_wait(Duration::from_millis(200));
    while client.send(requests).is_ok() {}
}

#[test]
fn whoever_never_reads_is_not_read_either() {
    let target = Target::start(&["--mode", "single"]);
    target.get("/json");
    let before = held_kb(target.pid());
    let mut stuck: Vec<Client> = (0..8).map(|_| target.connect()).collect();
    // Answers that are heads alone, too.
    let requests = [HIDDEN.repeat(1_000), HIDDEN.replace("GET", "HEAD").repeat(1_000)];
    for (client, requests) in stuck.iter_mut().zip(requests.iter().cycle()) {
        stuff(client, requests);
    }
    let held = held_kb(target.pid()).saturating_sub(before);
    assert!(held < 8 * 200, "{held} kB for eight that never read");
    for _ in 0..50 {
        assert_eq!(target.get("/json").status, 200, "others are served");
    }
    // An answer may arrive a moment before its record ends.
    wait_for("none but theirs in flight", || {
        (target.stats()["totals"]["in_flight"].as_u64().unwrap() <= 8).then_some(())
    });
    for (number, client) in stuck.into_iter().enumerate() {
        if number % 2 == 0 { drop(client) } else { client.reset() }
    }
    let stats = at_rest(&target);
    assert_eq!((&stats["totals"]["started"], &stats["totals"]["lost"]), (&stats["totals"]["finished"], &0.into()));
}

#[test]
fn resets_in_every_state_disturb_nobody() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let descriptors =
        |target: &Target| std::fs::read_dir(format!("/proc/{}/fd", target.worker(0).pid)).unwrap().count();
    let load = Load::start(target.address(), "/json", 2);
    load.answers(10);
    let sent = [
        String::new(),
        "\r\n".to_owned(),
        "GET /js".to_owned(),
        "GET /json HTTP/1.1\r\nHost: target\r\n".to_owned(),
        get(&["X : y"]),
        get(&["Content-Length: 100"]) + "hello",
        get(&["Transfer-Encoding: chunked"]) + "5\r\nhel",
        get(&[]).replace("/json", "/io?ms=60000"),
        get(&["Content-Length: 100"]).replace("/json", "/io?ms=60000") + "hello",
        get(&[]).replace("/json", "/io?ms=50&mode=pool"),
        HIDDEN.repeat(2_000),
    ];
    for _ in 0..5 {
        for sent in &sent {
            for leave in [drop, Client::reset] {
                let mut client = target.connect();
                // The last ones of many may find the buffers full of answers.
                client.refuse_to_wait(Duration::from_millis(200));
                let _ = client.send(sent);
                leave(client);
            }
        }
    }
    load.answers(100);
    let tally = load.stop();
    assert_eq!((tally.failed, tally.refused, tally.not_ok), (0, 0, 0), "{tally:?}");
    let stats = at_rest(&target);
    let totals = &stats["totals"];
    assert_eq!((&totals["started"], &totals["lost"]), (&totals["finished"], &0.into()), "{stats}");
    let before = descriptors(&target);
    wait_for("no descriptor is left", || (descriptors(&target) <= before).then_some(()));
    assert!(before < 60, "{before} descriptors");
    let left = target.end();
    assert_eq!(left.code, Some(0));
    assert!(!left.errors.contains("panic"), "{}", left.errors);
}
