//! A client that ends its sending direction still gets its answers; one that has left is noticed.

use super::{HIDDEN, final_response, get};
use crate::support::client::Client;
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

fn single() -> Target {
    Target::start(&["--mode", "single"])
}

fn half_closed(target: &Target, sent: &str) -> Client {
    let mut client = target.connect();
    client.send(sent).unwrap();
    client.end_sending();
    client
}

/// Requests whose client left, over all routes.
fn gone(target: &Target) -> u64 {
    let stats = target.stats();
    stats["routes"].as_array().unwrap().iter().filter_map(|route| route["client_gone"].as_u64()).sum()
}

#[test]
fn it_is_answered_to_the_last() {
    let target = single();
    let old = "GET /io?ms=100 HTTP/1.0\r\n\r\n";
    let pool = get(&[]).replace("/json", "/io?ms=100&mode=pool");
    let slow = get(&[]).replace("/json", "/io?ms=100");
    let blocking = get(&[]).replace("/json", "/cpu?ms=20");
    let body = get(&["Content-Length: 5"]).replace("/json", "/io?ms=20") + "hello";
    let mut finished = 0;
    for (sent, answers) in [
        (get(&[]), 1),
        (get(&["Connection: close"]), 1),
        (slow.clone(), 1),
        (pool, 1),
        (blocking, 1),
        (body, 1),
        (old.to_owned(), 1),
        (slow.repeat(2) + HIDDEN, 3),
        (HIDDEN.repeat(50), 50),
    ] {
        let mut client = half_closed(&target, &sent);
        for number in 0..answers {
            let response = final_response(&mut client, "GET");
            assert_eq!(response.map(|response| response.status).ok(), Some(200), "{number} of {sent:?}");
        }
        assert_eq!(client.read_to_end().unwrap(), b"", "{sent:?}");
        finished += answers;
    }
    let stats = at_rest(&target);
    assert_eq!((&stats["status"]["200"], &stats["totals"]["lost"]), (&finished.into(), &0.into()), "{stats}");
    assert_eq!(gone(&target), 0);
}

#[test]
fn half_a_request_is_none() {
    let target = single();
    for sent in ["G", "GET /json HTTP/1.1\r\n", "GET /json HTTP/1.1\r\nHost: target\r\n", "\r\n", ""] {
        assert_eq!(half_closed(&target, sent).read_to_end().unwrap(), b"", "{sent:?}");
    }
    // A head is one: it is answered, and the connection ends with what was promised and did not come.
    let mut client = half_closed(&target, &(get(&["Content-Length: 5"]) + "hell"));
    assert_eq!(final_response(&mut client, "GET").unwrap().status, 200);
    assert_eq!(client.read_to_end().unwrap(), b"");
    // One that is still being served is given up: nobody will send the rest.
    let cut = get(&["Content-Length: 5"]).replace("/json", "/io?ms=60000") + "hell";
    let mut client = half_closed(&target, &cut);
    assert_eq!(final_response(&mut client, "GET").unwrap().status, 400);
    assert_eq!(client.read_to_end().unwrap(), b"");
    assert_eq!(at_rest(&target)["totals"]["finished"], 2);
}

#[test]
fn whoever_left_is_noticed_while_being_served() {
    let target = single();
    for (number, leave) in (1..).zip([drop, Client::reset]) {
        let mut client = target.connect();
        client.send(get(&[]).replace("/json", "/io?ms=60000")).unwrap();
        wait_for("in flight", || (target.total("in_flight") == 1).then_some(()));
        leave(client);
        wait_for("noticed", || (target.total("in_flight") == 0).then_some(()));
        assert_eq!(gone(&target), number);
    }
    let stats = at_rest(&target);
    assert_eq!(
        (&stats["totals"]["finished"], &stats["status"]["200"]),
        (&2.into(), &serde_json::Value::Null),
        "{stats}"
    );
}

#[test]
fn whoever_left_before_the_answer_is_noticed_by_it() {
    let target = single();
    // HTTP/1.0 has no interim responses: it is asked by its answer.
    let mut client = target.connect();
    client.send("GET /io?ms=2000 HTTP/1.0\r\n\r\n").unwrap();
    wait_for("in flight", || (target.total("in_flight") == 1).then_some(()));
    drop(client);
    at_rest(&target);
    assert_eq!(gone(&target), 1);
}

#[test]
fn whoever_leaves_at_once_leaves_nothing() {
    let target = single();
    for _ in 0..200 {
        let mut client = target.connect();
        client.send(get(&[])).unwrap();
    }
    // The last of them may still be in the accept queue.
    wait_for("all of them", || (target.total("finished") == 200).then_some(()));
    let stats = at_rest(&target);
    assert_eq!((&stats["totals"]["started"], &stats["totals"]["finished"]), (&200.into(), &200.into()), "{stats}");
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_unix_socket_tells_as_much() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = format!("unix:{}", directory.path().join("socket").display());
    let target = Target::start(&["--mode", "single", "--listen", &path]);
    let mut waiting = half_closed(&target, &get(&[]).replace("/json", "/io?ms=100"));
    assert_eq!(final_response(&mut waiting, "GET").unwrap().status, 200);
    assert_eq!(waiting.read_to_end().unwrap(), b"");
    let mut leaving = target.connect();
    leaving.send(get(&[]).replace("/json", "/io?ms=60000")).unwrap();
    wait_for("in flight", || (target.total("in_flight") == 1).then_some(()));
    drop(leaving);
    at_rest(&target);
    assert_eq!(gone(&target), 1);
}
