//! Clients that take their time are let go in time. All wait at once: the longest takes 15 s.

use std::time::{Duration, Instant};

use super::{HIDDEN, final_response, get};
use crate::support::client::Client;
use crate::support::target::{Target, at_rest};

/// Sends something now and then until the target closes; how long that took.
fn held(mut client: Client, since: Instant, drip: Option<&str>) -> Duration {
    client.give_up_after(Duration::from_millis(500)).unwrap();
    loop {
        match client.read_to_end() {
            Ok(rest) => {
                assert_eq!(String::from_utf8_lossy(&rest), "");
                return since.elapsed();
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            // What was sent just after the end.
            Err(_) => return since.elapsed(),
        }
        assert!(since.elapsed() < Duration::from_secs(30), "held for ever");
        if let Some(drip) = drip {
            // The target may just have closed.
            let _ = client.send(drip);
        }
    }
}

#[test]
fn slow_clients_are_let_go() {
    let target = Target::start(&["--mode", "single", "--keep-alive-timeout", "3s"]);
    let patient = Target::start(&["--mode", "single", "--keep-alive-timeout", "0"]);
    let since = Instant::now();
    let to = |target: &Target, sent: &str| {
        let mut client = target.connect();
        client.send(sent).unwrap();
        client
    };
    let sending = |sent: &str| to(&target, sent);
    let answer = |mut client: Client| {
        assert_eq!(final_response(&mut client, "GET").unwrap().status, 200);
        client
    };
    let answered = |sent: &str| answer(sending(sent));
    let long = get(&["Content-Length: 100"]);
    let (idle, head, body) = (3, 10, 15);
    // What is sent, what then drips, and after how long it is over.
    let clients = [
        (target.connect(), None, idle),
        (answered(HIDDEN), None, idle),
        // An empty line is no request's first byte.
        (answered(&format!("{HIDDEN}\r\n")), None, idle),
        (sending("G"), None, head),
        (sending("GET /json HTTP/1.1\r\nHost: target\r\n"), Some("X: y\r\n"), head),
        (answered(&format!("{HIDDEN}GET /js")), Some("a"), head),
        // Nobody reads it, so that it is answered at once; then it is as idle as any other.
        (answered(&long), None, idle),
        (answered(&long.replace("/json", "/io?ms=20")), Some("x"), idle),
        // Where idle connections stay for ever, nobody waits as long for a body.
        (answer(to(&patient, &long)), Some("x"), body),
        (answer(to(&patient, &long.replace("/json", "/io?ms=20"))), None, body),
    ];
    let ends = clients.map(|(client, drip, after)| (after, std::thread::spawn(move || held(client, since, drip))));
    // One that is wanted, and of which nothing comes.
    let mut silent = sending(&long.replace("GET /json", "POST /upload"));
    let refused = std::thread::spawn(move || {
        let refusal = silent.receive().unwrap();
        assert_eq!((refusal.status, refusal.closes()), (408, true), "{}", refusal.text());
        held(silent, since, None)
    });
    for (number, (after, end)) in ends.into_iter().enumerate() {
        let took = end.join().unwrap().as_secs_f64();
        let least = f64::from(after) - 0.1;
        assert!(took >= least && took < f64::from(after) + 4.0, "client {number}: {took} s for {after}");
    }
    let took = refused.join().unwrap().as_secs_f64();
    assert!((14.9..19.0).contains(&took), "{took} s for a body that does not come");
    let stats = at_rest(&target);
    assert_eq!(stats["totals"]["rejected"], 3, "those whose head did not end: {stats}");
    assert_eq!(at_rest(&patient)["totals"]["rejected"], 0);
}
