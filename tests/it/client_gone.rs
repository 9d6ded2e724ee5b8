//! A client that leaves before its answer is accounted for: finished, without a status, and nothing stays behind.

use std::time::Instant;

use crate::support::target::{MODES, Target, at_rest};
use crate::support::wait_for;

#[test]
fn a_client_that_closes_during_its_request_is_finished_as_gone() {
    for arguments in MODES {
        let target = Target::start(arguments);
        for (waiting, path) in [(1, "/io?ms=30000"), (2, "/io?ms=30000"), (3, "/io?ms=3000&mode=pool")] {
            let mut client = target.connect();
            client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")).unwrap();
            wait_for("the request to be started", || (target.total("started") == waiting).then_some(()));
            // The one before has been noticed to be gone.
            wait_for("this one alone", || (target.total("in_flight") == 1).then_some(()));
        }
        let stats = at_rest(&target);
        let io = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!((&io["client_gone"], &io["finished"]), (&3.into(), &3.into()), "{arguments:?} {stats}");
        assert_eq!(io["status"].as_object().unwrap().len(), 0, "{arguments:?}: nobody was answered: {io}");
        let totals = &stats["totals"];
        let wanted = [
            ("started", 3),
            ("finished", 3),
            ("client_gone", 3),
            ("answered", 0),
            ("lost", 0),
            ("errors", 0),
            ("rejected", 0),
        ];
        for (name, wanted) in wanted {
            assert_eq!(totals[name], wanted, "{arguments:?} {name}");
        }
        let ending = Instant::now();
        let left = target.end();
        assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(0), 3, 0), "{arguments:?}");
        assert_eq!((left.done("client_gone"), left.done("answered")), (3, 0), "{arguments:?}");
        assert_eq!(left.csv("resources.csv").last().unwrap()["client_gone_total"], "3", "{arguments:?}");
        assert!(ending.elapsed().as_secs() < 20, "{arguments:?}: nobody waits for 30 s that nobody wants");
    }
}

#[test]
fn a_client_that_pipelines_and_leaves_is_gone_once_for_each_request_that_was_begun() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let request = "GET /io?ms=0 HTTP/1.1\r\nHost: target\r\n\r\n";
    let last = "GET /io?ms=30000 HTTP/1.1\r\nHost: target\r\n\r\n";
    client.send(request.repeat(5) + last).unwrap();
    for _ in 0..5 {
        assert_eq!(client.receive().unwrap().status, 200);
    }
    wait_for("the long request", || (target.total("started") == 6).then_some(()));
    drop(client);
    let stats = at_rest(&target);
    let io = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
    assert_eq!((&io["status"]["200"], &io["client_gone"], &io["finished"]), (&5.into(), &1.into(), &6.into()));
}

/// Or the pool would work for nobody for a minute.
#[test]
fn what_nobody_awaits_any_more_leaves_the_queue_of_the_pool() {
    let target = Target::start(&["--mode", "single", "--pool-threads", "1"]);
    let request = "GET /io?ms=1000&mode=pool HTTP/1.1\r\nHost: target\r\n\r\n";
    let mut clients: Vec<_> = (0..60).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.send(request).unwrap();
    }
    wait_for("all to be started", || (target.total("started") == 60).then_some(()));
    drop(clients);
    wait_for("all to be gone", || (target.total("in_flight") == 0).then_some(()));
    assert_eq!(target.get("/io?ms=1&mode=pool").status, 200);
}

#[test]
fn a_connection_without_a_request_is_no_request() {
    let target = Target::start(&["--mode", "single"]);
    let (silent, mut half) = (target.connect(), target.connect());
    half.send("GET /health HTT").unwrap();
    wait_for("both connections", || (target.total("connections") == 2).then_some(()));
    drop((silent, half));
    let stats = at_rest(&target);
    let totals = &stats["totals"];
    assert_eq!((&totals["accepts"], &totals["started"], &totals["finished"]), (&2.into(), &0.into(), &0.into()));
}
