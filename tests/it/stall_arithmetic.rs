//! A stall of S in every P shows in the target's `lat` with the percentiles that can be worked out by hand, for every
//! request that arrived, whatever its client makes of it.

use std::time::{Duration, Instant};

use serde_json::json;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest};

const PERIOD: Duration = Duration::from_secs(1);
const STALL: Duration = Duration::from_millis(400);

/// From one arrival to the next.
const EVERY: Duration = Duration::from_millis(4);

/// More than can wait at a time.
const CONNECTIONS: usize = 250;
const REQUESTS: u32 = 500;

/// Age of the plan in whole milliseconds, and stamps of the kernel that are up to 15 µs off.
const CLOCKS_APART_MS: f64 = 3.0;

/// What a machine adds to an answer that is not too busy.
const LATE_MS: f64 = 60.0;

/// The relative width of a histogram's bucket.
const BUCKET: f64 = 0.0079;

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// Sends one request after the other at a constant rate, on whatever connection is free. When each was sent.
fn arrive(target: &Target) -> Vec<Instant> {
    let mut clients: Vec<Option<Client>> = (0..CONNECTIONS).map(|_| Some(target.connect())).collect();
    let mut waiting = Vec::new();
    let begun = Instant::now();
    let sent = (0..REQUESTS)
        .map(|number| {
            let place = usize::try_from(number).unwrap() % CONNECTIONS;
            let mut client = clients[place].take().unwrap();
            if usize::try_from(number).unwrap() >= CONNECTIONS {
                assert_eq!(client.receive().unwrap().status, 200);
            }
            // The schedule is the client's own: this is no waiting for anything.
            std::thread::sleep((begun + EVERY * number).saturating_duration_since(Instant::now()));
            let now = Instant::now();
            client.send("GET /plaintext HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
            clients[place] = Some(client);
            now
        })
        .collect();
    waiting.extend(clients.into_iter().flatten());
    for mut client in waiting {
        assert_eq!(client.receive().unwrap().status, 200);
    }
    sent
}

/// What a request has to wait that comes so long after the plan's begin.
fn wait(since_begin: Duration) -> f64 {
    let phase = Duration::from_nanos(u64::try_from(since_begin.as_nanos() % PERIOD.as_nanos()).unwrap());
    milliseconds(STALL.saturating_sub(phase))
}

/// Runs the drill once. Nothing is ever shorter than its wait; whether nothing was much longer either, which is up to the
/// machine, is what comes back.
fn drill(mode: &[&str]) -> Result<(), String> {
    let target = Target::start(mode);
    target.order_faults(&json!([{"kinds": [{"kind": "stall"}], "window": {"every": "1s", "for": "400ms"}}]));
    let asked = Instant::now();
    let age = target.faults("GET", "").json()["faults"][0]["age_ms"].as_u64().unwrap();
    // It was so old somewhere between the question and its answer.
    let uncertain = milliseconds(asked.elapsed());
    let began = asked.checked_sub(Duration::from_millis(age)).unwrap();
    let sent = arrive(&target);
    let mut waits: Vec<f64> = sent.iter().map(|sent| wait(sent.duration_since(began))).collect();
    waits.sort_by(f64::total_cmp);
    let stats = at_rest(&target);
    let route = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/plaintext").unwrap();
    assert_eq!(route["finished"], REQUESTS, "{mode:?}: {route}");
    let known = &stats["faults"][0];
    assert_eq!(known["matched"], known["executed"]["stall"], "{mode:?}: {known}");
    let mut late = Ok(());
    for (name, per_cent) in [("p90", 90), ("p95", 95), ("p99", 99)] {
        let expected = waits[usize::try_from(REQUESTS * per_cent / 100).unwrap() - 1];
        let recorded = route["lat_us"][name].as_f64().unwrap() / 1e3;
        let least = expected * (1.0 - BUCKET) - CLOCKS_APART_MS - uncertain;
        let most = expected * (1.0 + BUCKET) + CLOCKS_APART_MS + uncertain + LATE_MS;
        let shown = format!("{mode:?} {name}: {recorded} ms, expected {expected} ms, uncertain {uncertain} ms");
        assert!(recorded >= least, "{shown}");
        late = late.and(if recorded <= most { Ok(()) } else { Err(shown) });
    }
    late
}

#[test]
fn what_is_recorded_is_what_each_arrival_had_to_wait() {
    const TRIES: usize = 5;
    for mode in [MODES[0], MODES[2]] {
        let tries: Vec<_> = (0..TRIES).map_while(|_| drill(mode).err()).collect();
        assert!(tries.len() < TRIES, "late again and again: {tries:#?}");
    }
}
