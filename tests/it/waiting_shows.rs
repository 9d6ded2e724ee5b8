//! What a request waited for a blocked worker shows in its `queue`, in `Server-Timing` and in `/stats`: the waiting
//! that a client which measures from its own send to its own receive blames on the wrong request, or never sees.

use std::time::{Duration, Instant};

use crate::support::target::{MODES, Target, at_rest};
use crate::support::wait_for;

/// The arrival stamp is real time, and is carried over to the monotonic clock by two looks at both.
const CLOCKS_APART_MS: f64 = 1.0;

const ONE_WORKER: [&[&str]; 3] =
    [&["--mode", "single"], &["--mode", "threads", "--workers", "1"], &["--mode", "cluster", "--workers", "1"]];

fn milliseconds(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// The largest `queue` of a route, in milliseconds.
fn longest_queue(target: &Target, route: &str) -> f64 {
    let stats = at_rest(target);
    let routes = stats["routes"].as_array().unwrap();
    let one = routes.iter().find(|shown| shown["route"] == route).unwrap_or_else(|| panic!("{route} in {stats}"));
    one["queue_us"]["max"].as_f64().unwrap_or_else(|| panic!("a largest queue in {one}")) / 1e3
}

#[test]
fn a_pipelined_request_behind_a_blocking_one() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut client = target.connect();
        let request = |path| format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n");
        client.send(request("/cpu?ms=60") + &request("/io?ms=0")).unwrap();
        let (first, second) = (client.receive().unwrap(), client.receive().unwrap());
        let blocked = first.timing("cpu");
        let queue = second.timing("queue");
        assert!(blocked >= 60.0 && first.timing("queue") < blocked, "{mode:?}: {:?}", first.headers);
        assert!(queue >= blocked, "{mode:?}: {queue} ms in the queue behind {blocked} ms");
        assert!(second.timing("total") >= queue, "{mode:?}: {:?}", second.headers);
        assert!(second.timing("io") < blocked, "{mode:?}: waiting for the loop is not the request's own work");
        drop(client);
        let longest = longest_queue(&target, "/io");
        assert!(longest >= blocked, "{mode:?}: /stats has {longest} ms, the request waited {queue} ms");
    }
}

#[test]
fn a_request_of_another_connection_that_comes_while_the_loop_is_blocked() {
    const BLOCKED_MS: f64 = 250.0;
    for mode in ONE_WORKER {
        for block in ["/cpu?ms=250", "/io?ms=250&mode=blocking"] {
            let target = Target::start(mode);
            let (mut one, mut other) = (target.connect(), target.connect());
            assert_eq!(other.get("/health").unwrap().status, 200);
            // Again when this machine was so slow that the block was over before the second request was sent.
            let (queue, least) = wait_for("a request sent in time", || {
                let started = target.total("started");
                let begun = Instant::now();
                one.send(format!("GET {block} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
                wait_for("the first to be begun", || (target.total("started") > started).then_some(()));
                other.send("GET /io?ms=0 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
                let least = BLOCKED_MS - milliseconds(begun.elapsed()) - CLOCKS_APART_MS;
                let (_, second) = (one.receive().unwrap(), other.receive().unwrap());
                assert!(second.timing("total") >= second.timing("queue"));
                (least > 50.0).then(|| (second.timing("queue"), least))
            });
            assert!(queue >= least, "{mode:?} {block}: {queue} ms in the queue, at least {least} ms were left");
            drop((one, other));
            let longest = longest_queue(&target, "/io");
            assert!(longest >= least, "{mode:?} {block}: /stats has {longest} ms");
        }
    }
}
