//! Clients that send in an open loop, whatever is answered: a report names bursts where they send in bursts, and idle
//! connections where they send evenly.

use std::thread;
use std::time::Duration;

use crate::support::client::Client;
use crate::support::target::Target;
use crate::support::wait_for;

const CONNECTIONS: usize = 100;

const REQUEST: &str = "GET /health HTTP/1.1\r\nHost: x\r\n\r\n";

/// Beats that the finding needs, and some more; requests too.
const PAIRS: u64 = 30;

/// Sends a request on each of the next so many connections, then waits for so long, until the target has counted enough of
/// beats and requests. Answers are read at the end.
fn report(at_once: usize, wait: Duration) -> String {
    let target = Target::start(&["--mode", "cluster", "--workers", "1", "--sample-interval", "300ms"]);
    let mut clients: Vec<Client> = (0..CONNECTIONS).map(|_| target.connect()).collect();
    let (mut next, mut sent) = (0, vec![0; CONNECTIONS]);
    wait_for("beats and requests", || {
        for _ in 0..at_once {
            clients[next].send(REQUEST).unwrap();
            sent[next] += 1;
            next = (next + 1) % CONNECTIONS;
        }
        // The load, and no synchronisation.
        thread::sleep(wait);
        let totals = target.stats()["totals"].take();
        let is_more = |figure: &serde_json::Value, least| figure.as_u64().is_some_and(|count| count >= least);
        (is_more(&totals["arrivals"]["beat_pairs"], PAIRS) && is_more(&totals["finished"], 120)).then_some(())
    });
    for (client, sent) in clients.iter_mut().zip(sent) {
        (0..sent).for_each(|_| assert_eq!(client.receive().unwrap().status, 200));
    }
    target.end().report()
}

#[test]
fn bursts_are_named() {
    let page = report(CONNECTIONS, Duration::from_secs(1));
    assert!(page.contains("Requests came in bursts. Of "), "{page}");
    assert!(!page.contains("It waited for its clients more than they for it."), "{page}");
}

/// Two requests between two beats, and on a machine that is busy elsewhere fewer: never many at once.
#[test]
fn an_even_stream_is_none() {
    let page = report(1, Duration::from_millis(40));
    assert!(page.contains("It waited for its clients more than they for it."), "{page}");
    assert!(!page.contains("came in bursts"), "{page}");
}
