//! A rate is what happens: by the clients' count and by the target's, in every mode and width, with every spacing; and the
//! same seed has the same victims.

use std::collections::BTreeMap;
use std::thread;

use quintain::partition::Spacing;
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::account::settle;
use crate::support::client::Client;
use crate::support::faults::{SPACINGS, Statuses, ageless};
use crate::support::load::Tally;
use crate::support::target::{Target, at_rest, send};
use crate::support::wait_for;

const WIDTHS: [&[&str]; 5] = [
    &["--mode", "single"],
    &["--mode", "threads", "--workers", "3"],
    &["--mode", "cluster", "--workers", "1"],
    &["--mode", "cluster", "--workers", "2"],
    &["--mode", "cluster", "--workers", "4"],
];

const KINDS: [(u16, &str); 3] = [(500, "0.003"), (503, "0.002"), (418, "0.3")];

fn counted(statuses: impl IntoIterator<Item = u16>) -> BTreeMap<u16, u64> {
    let mut counts = BTreeMap::new();
    for status in statuses {
        *counts.entry(status).or_insert(0) += 1;
    }
    counts
}

fn answered(requests: u64) -> Tally {
    Tally::default().and_answered(requests)
}

/// Clients that send so many requests each, many at a time on one connection; the statuses that they saw.
fn statuses(target: &Target, clients: u64, each: u64) -> BTreeMap<u16, u64> {
    const AT_ONCE: u64 = 50;
    let ask = |address: &str| {
        let mut client = Client::connect(address).unwrap();
        let request = "GET /plaintext HTTP/1.1\r\nHost: target\r\n\r\n";
        let mut seen = Vec::new();
        for _ in 0..each / AT_ONCE {
            client.send(request.repeat(usize::try_from(AT_ONCE).unwrap())).unwrap();
            seen.extend((0..AT_ONCE).map(|_| client.receive().unwrap().status));
        }
        seen
    };
    thread::scope(|scope| {
        let clients: Vec<_> = (0..clients).map(|_| scope.spawn(|| ask(target.address()))).collect();
        counted(clients.into_iter().flat_map(|client| client.join().unwrap()))
    })
}

fn executed(counts: &BTreeMap<u16, u64>) -> Value {
    let faults = KINDS.map(|(code, _)| (format!("status {code}"), json!(counts.get(&code).unwrap_or(&0))));
    Value::Object(faults.into_iter().collect())
}

#[test]
fn every_spacing_counts_exactly_in_every_mode_and_width() {
    const CLIENTS: u64 = 4;
    const EACH: u64 = 500;
    for mode in WIDTHS {
        let target = Target::start(mode);
        for (turn, spacing) in (0..).zip(SPACINGS) {
            let plan = Statuses { spacing, seed: 7 + turn, kinds: &KINDS };
            target.order_faults(&json!([plan.plan("/plaintext")]));
            let seen = statuses(&target, CLIENTS, EACH);
            assert_eq!(seen, counted(plan.foretold(CLIENTS * EACH)), "{mode:?} {spacing:?}");
            // An answer is counted when it is flushed, and its client may be quicker.
            let stats = at_rest(&target);
            let known = &target.faults_in_force()[0];
            assert_eq!(known["matched"], CLIENTS * EACH, "{mode:?} {spacing:?}: {known}");
            assert_eq!(known["executed"], executed(&seen), "{mode:?} {spacing:?}: {known}");
            // Chance plans nothing.
            let planned = if spacing == Spacing::Random { &Value::Null } else { &known["executed"] };
            assert_eq!(&known["planned"], planned, "{mode:?} {spacing:?}: {known}");
            assert_eq!(ageless(stats["faults"].clone())[0], *known, "{mode:?} {spacing:?}");
        }
        settle(target, &answered(CLIENTS * EACH * 3), false);
    }
}

#[test]
fn three_in_a_thousand_are_thirty_of_ten_thousand() {
    const ALL: u64 = 10_000;
    let target = Target::start(&["--mode", "cluster", "--workers", "4"]);
    for spacing in [Spacing::Shuffled, Spacing::Even] {
        target.order_faults(&json!([Statuses { spacing, seed: 3, kinds: &KINDS }.plan("*")]));
        let seen = statuses(&target, 8, ALL / 8);
        let expected = BTreeMap::from([(200, 6950), (418, 3000), (500, 30), (503, 20)]);
        assert_eq!(seen, expected, "{spacing:?}");
        let stats = at_rest(&target);
        let of_stats: BTreeMap<u16, u64> =
            seen.keys().map(|status| (*status, stats["status"][status.to_string()].as_u64().unwrap())).collect();
        let turns = if spacing == Spacing::Shuffled { 1 } else { 2 };
        assert_eq!(of_stats, expected.into_iter().map(|(status, count)| (status, count * turns)).collect());
    }
    settle(target, &answered(2 * ALL), false);
}

/// One client after the other, so that the order of the draws is known.
fn victims(target: &Target, from: &mut Option<Client>, requests: usize) -> Vec<u16> {
    const EACH: usize = 20;
    let mut seen = Vec::new();
    while seen.len() < requests {
        let mut client = from.take().unwrap_or_else(|| target.connect());
        for _ in 0..EACH.min(requests - seen.len()) {
            let response = client.get("/plaintext").unwrap();
            seen.push(response.status);
            if response.closes() {
                break;
            }
        }
    }
    seen
}

#[test]
fn the_same_seed_has_the_same_victims_in_every_mode_and_width() {
    const REQUESTS: usize = 400;
    let mut seeds = Vec::new();
    for mode in WIDTHS {
        // From which every plan's is drawn that has none of its own.
        let arguments: Vec<&str> = mode.iter().copied().chain(["--seed", "99"]).collect();
        let target = Target::start(&arguments);
        for spacing in SPACINGS {
            let mut written = Statuses { spacing, seed: 0, kinds: &KINDS }.plan("/plaintext");
            written.as_object_mut().unwrap().remove("seed");
            let understood = target.order_faults(&json!([written]));
            let plan = Statuses { spacing, seed: understood[0]["seed"].as_u64().unwrap(), kinds: &KINDS };
            seeds.push(plan.seed);
            let seen = victims(&target, &mut None, REQUESTS);
            assert_eq!(seen, plan.foretold(REQUESTS as u64), "{mode:?} {spacing:?}");
        }
        settle(target, &answered(REQUESTS as u64 * 3), false);
    }
    seeds.dedup();
    assert_eq!(seeds.len(), 1, "{seeds:?}");
}

#[test]
fn a_plan_goes_on_with_its_index_after_a_killed_worker_and_a_hup() {
    const REQUESTS: usize = 200;
    for mode in [&["--mode", "cluster", "--workers", "2"][..], &["--mode", "threads", "--workers", "2"]] {
        let target = Target::start(mode);
        let plan = Statuses { spacing: Spacing::Shuffled, seed: 5, kinds: &KINDS };
        target.order_faults(&json!([plan.plan("*")]));
        let mut seen = victims(&target, &mut None, REQUESTS);
        let killed = mode[1] == "cluster";
        if killed {
            wait_for("no connection open", || (target.total("connections") == 0).then_some(()));
            let before = target.worker(0);
            send(before.pid, Signal::KILL);
            wait_for("a successor", || {
                let now = target.worker(0);
                (now.generation > before.generation && now.state == "live").then_some(())
            });
            seen.extend(victims(&target, &mut None, REQUESTS));
        }
        // Across the change, on a connection of before, too.
        let mut open = target.connect();
        seen.push(open.get("/plaintext").unwrap().status);
        let generations: Vec<u64> = target.workers().iter().map(|worker| worker.generation).collect();
        target.signal(Signal::HUP);
        wait_for("successors everywhere", || {
            let workers = target.workers();
            let changed = workers.iter().zip(&generations).all(|(now, before)| now.generation > *before);
            (changed && workers.iter().all(|worker| worker.state == "live")).then_some(())
        });
        seen.extend(victims(&target, &mut Some(open), REQUESTS));
        assert_eq!(seen, plan.foretold(seen.len() as u64), "{mode:?}");
        let known = &target.faults_in_force()[0];
        assert_eq!(known["matched"], seen.len(), "{mode:?}: {known}");
        settle(target, &answered(seen.len() as u64), false);
    }
}
