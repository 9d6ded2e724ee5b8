//! A worker that is killed takes at most its own open connections with it, and what it had in flight is counted.

use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::account::{Watch, settle};
use crate::support::client::Client;
use crate::support::kernel::{held_by, queued};
use crate::support::load::{Load, Tally};
use crate::support::target::{Target, Worker, is_stopped, send};
use crate::support::wait_for;

const CLUSTER: [&str; 4] = ["--mode", "cluster", "--workers", "2"];

/// Clients of each of the two styles.
const EACH: usize = 4;

/// Connections that are opened at once: among so many, the kernel gives each of two listeners some.
const MANY: usize = 32;

/// Three are made good at once, the next after 0.1 s, then 0.2, 0.4, 0.8 and …
const DEATHS: u64 = 8;

/// … this.
const BACK_OFF: Duration = Duration::from_millis(1600);

#[test]
fn under_load_no_more_fails_than_it_had_open_and_its_successor_serves() {
    let target = Target::start(&CLUSTER);
    let load = Load::start(target.address(), "/io?ms=5", EACH);
    let watch = Watch::start(&target, 2 * EACH as u64);
    let (mut most, mut lost) = (0, 0);
    // Three deaths in a row are made good at once.
    for round in 1..=3 {
        load.answers(100);
        let victim = stop(&target, 1);
        // Stopped, it has what it has: so many connections, of which so many have a request in it.
        most += held_by(victim.pid, target.port()) as u64;
        lost += target.worker(1).in_flight;
        send(victim.pid, Signal::KILL);
        let successor = wait_for("the successor", || {
            Some(target.worker(1)).filter(|worker| worker.pid != victim.pid && worker.state == "live")
        });
        assert_eq!(successor.generation, round + 1);
        assert_eq!(successor.lost, lost, "what was in flight is lost, and nothing else");
    }
    load.answers(100);
    let clients = load.stop();
    watch.stop();
    assert!(clients.failed <= most, "{clients:?}, {most} connections");
    assert_eq!((clients.refused, clients.not_ok), (0, 0), "{clients:?}");
    let left = settle(target, &clients, true);
    assert_eq!(left.done("lost"), lost);
    let warned = left.errors.lines().any(|line| line.contains("WARN worker ended with requests in flight"));
    assert_eq!(warned, lost > 0, "{}", left.errors);
    let events = left.csv("events.csv");
    for kind in ["worker-ended", "respawn"] {
        let of_kind = events.iter().filter(|event| event["kind"] == kind && event["slot"] == "1").count();
        assert!(of_kind >= 3, "{kind}: {events:?}");
    }
}

#[test]
fn nothing_in_its_accept_queue_is_lost() {
    let target = Target::start(&CLUSTER);
    let victim = stop(&target, 0);
    let mut clients = open_many(&target, MANY);
    let waiting = wait_for("each connection with a worker or in a queue", || {
        let (taken, waiting) = (held_by(target.worker(1).pid, target.port()), queued(target.port()));
        (taken + waiting == MANY).then_some(waiting)
    });
    assert!(waiting > 0, "the stopped worker's listener got none of {MANY} connections");
    assert_eq!(held_by(victim.pid, target.port()), 0);
    send(victim.pid, Signal::KILL);
    for client in &mut clients {
        assert_eq!(client.receive().unwrap().status, 200);
    }
    drop(clients);
    target.shows(0, "live");
    let left = settle(target, &Tally::default().and_answered(MANY as u64), true);
    assert_eq!((left.done("requests"), left.done("lost")), (MANY as u64, 0));
}

#[test]
fn deaths_in_a_row_are_answered_ever_later_and_meanwhile_the_survivor_serves_the_socket() {
    let target = wait_for("answers in time", || {
        let target = Target::start(&CLUSTER);
        let died = kill_until_it_backs_off(&target);
        assert_eq!(served_meanwhile(&target, died)?, [(0, 1)]);
        Some(target)
    });
    // It serves its own socket again.
    assert_eq!(target.shows(1, "live").generation, DEATHS + 1);
    wait_for("an answer of the successor", || (target.get("/io?ms=0").worker() == (1, DEATHS + 1)).then_some(()));
    let left = target.end();
    assert_eq!((left.code, left.done("lost")), (Some(0), 0), "{}", left.errors);
}

/// Nobody is left to be lent anything. The first that is back serves the sockets of all.
#[test]
fn whoever_comes_back_first_serves_for_all() {
    let target = wait_for("answers in time", || {
        let target = Target::start(&CLUSTER);
        let died = kill_until_it_backs_off(&target);
        send(target.worker(0).pid, Signal::KILL);
        wait_for("the first to come back", || {
            Some(target.worker(0)).filter(|worker| worker.generation == 2 && worker.state == "live")
        });
        assert_eq!(served_meanwhile(&target, died)?, [(0, 2)]);
        Some(target)
    });
    assert_eq!(target.end().code, Some(0));
}

/// Kills slot 1's worker as often as it takes for the next one to wait for 1.6 s. Returns when the last one was killed.
fn kill_until_it_backs_off(target: &Target) -> Instant {
    let mut died = Instant::now();
    for death in 1..=DEATHS {
        let victim = target.shows(1, "live");
        assert_eq!(victim.generation, death);
        died = Instant::now();
        send(victim.pid, Signal::KILL);
        wait_for("its end", || Some(target.worker(1)).filter(|worker| *worker != victim));
    }
    let is_over = || died.elapsed() >= BACK_OFF;
    wait_for("to be shown", || (target.worker(1).state == "backing-off" || is_over()).then_some(()));
    died
}

/// Opens connections to both sockets while slot 1 has no worker, and returns who answered. `None` when that took so long that
/// slot 1 may have had a worker again.
fn served_meanwhile(target: &Target, died: Instant) -> Option<Vec<(usize, u64)>> {
    let mut clients = open_many(target, MANY);
    let answers = clients.iter_mut().map(|client| client.receive().unwrap().worker());
    let mut workers: Vec<_> = answers.collect();
    workers.sort_unstable();
    workers.dedup();
    (died.elapsed() < BACK_OFF).then_some(workers)
}

/// SIGSTOP, and what it was before.
fn stop(target: &Target, slot: usize) -> Worker {
    let worker = target.worker(slot);
    send(worker.pid, Signal::STOP);
    wait_for("the stop", || is_stopped(worker.pid).then_some(()));
    worker
}

/// Connections with a request on each.
fn open_many(target: &Target, many: usize) -> Vec<Client> {
    let request = |_| {
        let mut client = target.connect();
        client.send("GET /io?ms=0 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
        client
    };
    (0..many).map(request).collect()
}
