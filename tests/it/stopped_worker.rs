//! A worker stopped by SIGSTOP is displayed as stale, and the others serve on.

use std::io;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::client::{Client, Response};
use crate::support::target::{Target, is_alive, send};
use crate::support::wait_for;

fn beat_age_ms(target: &Target, slot: usize) -> u64 {
    target.stats()["workers"][slot]["beat_age_ms"].as_u64().unwrap()
}

#[test]
fn it_is_shown_as_stale_while_the_others_serve_on() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let stopped = target.worker(0);
    send(stopped.pid, Signal::STOP);
    let mut ages = Vec::new();
    wait_for("an age that grows", || {
        ages.push(beat_age_ms(&target, 0));
        (ages.len() > 3 && *ages.last().unwrap() > 400).then_some(())
    });
    assert!(ages.windows(2).all(|pair| pair[1] + 101 >= pair[0]), "{ages:?}");
    wait_for("the other one's beat", || (beat_age_ms(&target, 1) < 400).then_some(()));

    // The kernel gives a new connection to either socket: to the stopped worker's until it goes on.
    let mut waiting = Vec::new();
    let mut answered = 0;
    while answered < 5 || waiting.is_empty() {
        let mut client = Client::connect(target.address()).unwrap();
        client.give_up_after(Duration::from_millis(300)).unwrap();
        match client.get("/health") {
            Ok(Response { status, .. }) => {
                assert_eq!(status, 200);
                answered += 1;
            }
            Err(error) => {
                assert!(matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut), "{error}");
                waiting.push(client);
            }
        }
        assert!(waiting.len() < 20, "the other worker does not serve");
    }

    // A stale beat kills nobody.
    assert!(is_alive(stopped.pid));
    send(stopped.pid, Signal::CONT);
    for mut client in waiting {
        client.give_up_after(Duration::from_secs(20)).unwrap();
        assert_eq!(client.receive().unwrap().status, 200);
    }
    assert_eq!(target.worker(0).pid, stopped.pid);
    assert_eq!(target.total("lost"), 0);
    assert_eq!(target.end().code, Some(0));
}
