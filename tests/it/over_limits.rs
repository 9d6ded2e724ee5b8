//! Over a limit, a request or a connection is refused with the name of the flag, and counted.

use crate::support::client::{Client, Response};
use crate::support::target::{Target, at_rest, metrics};
use crate::support::wait_for;

fn single(arguments: &[&str]) -> Target {
    Target::start(&[&["--mode", "single"], arguments].concat())
}

fn wait_for_total(target: &Target, name: &str, wanted: u64) {
    wait_for(&format!("{wanted} {name}"), || (target.total(name) == wanted).then_some(()));
}

/// A connection that asks for a wait which outlasts the test.
fn hold(target: &Target) -> Client {
    let mut client = target.connect();
    client.send("GET /io?ms=60000 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    client
}

#[test]
fn max_inflight_is_a_503_and_probes_get_through() {
    let target = single(&["--max-inflight", "2"]);
    let held = [hold(&target), hold(&target)];
    wait_for_total(&target, "in_flight", 2);
    let mut client = target.connect();
    for (method, path) in [
        ("GET", "/io?ms=0"),
        ("HEAD", "/io"),
        ("GET", "/cpu?iterations=1"),
        ("PUT", "/delay/0"),
        ("GET", "/nowhere"),
    ] {
        let refusal = client.request(method, path).unwrap();
        assert_eq!(refusal.status, 503, "{path}");
        assert_eq!(refusal.header("content-type"), Some("application/json"));
        if method == "HEAD" {
            continue;
        }
        let error = refusal.json()["error"].as_str().unwrap().to_owned();
        assert!(error.contains("--max-inflight 2"), "{error}");
    }
    for path in ["/health", "/healthz", "/readyz"] {
        for method in ["GET", "HEAD"] {
            assert_eq!(client.request(method, path).unwrap().status, 200, "{method} {path}");
        }
    }
    drop((held, client));
    assert_eq!(target.get("/io?ms=0").status, 200, "there is room again");
    let stats = at_rest(&target);
    let shed = |method: &str, path: &str| {
        let routes = stats["routes"].as_array().unwrap();
        let route = routes.iter().find(|route| route["method"] == method && route["route"] == path).unwrap();
        (route["shed"].as_u64().unwrap(), route["status"]["503"].as_u64().unwrap_or(0))
    };
    let by_route = [("GET", "/io"), ("GET", "/cpu"), ("ANY", "/delay/{d}"), ("", "(none)"), ("GET", "/health")];
    assert_eq!(
        by_route.map(|(method, path)| shed(method, path)),
        [(2, 2), (1, 1), (1, 1), (1, 1), (0, 0)],
        "{stats}"
    );
    assert_eq!(stats["totals"]["shed"], 5, "{stats}");
    let totals = &stats["totals"];
    assert_eq!((&totals["started"], &totals["finished"]), (&14.into(), &14.into()), "{stats}");
    assert_eq!((&stats["status"]["503"], &totals["errors"]), (&5.into(), &5.into()), "{stats}");
    wait_for("the next tick", || {
        metrics(&target, "quintain_shed_requests_total").contains(r#"{method="GET",route="/cpu"} 1"#).then_some(())
    });
    let left = target.end();
    assert_eq!(left.done("shed"), 5);
    assert_eq!(left.csv("resources.csv").last().unwrap()["shed_total"], "5");
    let row = left.csv("routes.csv").into_iter().rev().find(|row| row["route"] == "/io").unwrap();
    assert_eq!((row["shed_total"].as_str(), row["client_gone_total"].as_str()), ("2", "2"));
    let report = left.report();
    let finding = "35.7 % of the requests were answered 503 because --max-inflight 2 was reached.";
    assert!(report.contains(finding), "{report}");
    assert!(!report.contains("requests failed"), "what was shed is told once: {report}");
}

#[test]
fn max_inflight_is_not_reached_by_that_many() {
    let target = single(&["--max-inflight", "3"]);
    let _held = [hold(&target), hold(&target)];
    wait_for_total(&target, "in_flight", 2);
    assert_eq!(target.get("/io?ms=0").status, 200);
}

/// Two connections, which is all that the target takes.
fn full() -> (Target, [Client; 2]) {
    let target = single(&["--max-connections", "2"]);
    let mut held = [target.connect(), target.connect()];
    for client in &mut held {
        assert_eq!(client.get("/health").unwrap().status, 200);
    }
    (target, held)
}

/// Reads the refusal, and the end of the connection after it: an end, and no reset.
fn turned_away(mut client: Client) {
    let refusal: Response = client.receive().unwrap();
    assert_eq!((refusal.status, refusal.closes()), (503, true), "{:?}", refusal.headers);
    assert_eq!(refusal.header("content-type"), Some("application/json"));
    assert!(refusal.json()["error"].as_str().unwrap().contains("--max-connections 2"), "{}", refusal.text());
    assert_eq!(client.read_to_end().unwrap(), b"");
}

#[test]
fn a_connection_over_max_connections_is_told_so() {
    let (target, held) = full();
    // The request at once; a whole one with a body; two of them.
    for request in [
        "GET /health HTTP/1.1\r\nHost: target\r\n\r\n".to_owned(),
        format!("POST /health HTTP/1.1\r\nHost: target\r\nContent-Length: 30000\r\n\r\n{}", "x".repeat(30_000)),
        "GET /health HTTP/1.1\r\nHost: target\r\n\r\n".repeat(2),
    ] {
        let mut over = target.connect();
        over.send(request).unwrap();
        turned_away(over);
    }
    // Later, when the target has been waiting for it; and in two pieces.
    for (refused, pieces) in [
        (4, &["GET /health HTTP/1.1\r\nHost: target\r\n\r\n"][..]),
        (5, &["GET /hea", "lth HTTP/1.1\r\nHost: target\r\n\r\n"]),
    ] {
        let mut over = target.connect();
        let (last, first) = pieces.split_last().unwrap();
        for piece in first {
            over.send(piece).unwrap();
        }
        wait_for_total(&target, "refused", refused);
        over.send(last).unwrap();
        turned_away(over);
    }
    // A client that says nothing is told all the same, and so is one that will say nothing more.
    turned_away(target.connect());
    let mut over = target.connect();
    over.send("GET /health HTTP/1.1\r\n").unwrap();
    over.end_sending();
    turned_away(over);
    let totals = target.stats()["totals"].clone();
    assert_eq!((&totals["refused"], &totals["accepts"], &totals["connections"]), (&7.into(), &2.into(), &2.into()));
    assert_eq!((&totals["started"], &totals["rejected"], &totals["errors"]), (&2.into(), &0.into(), &0.into()));
    drop(held);
    wait_for_total(&target, "connections", 0);
    assert_eq!(target.get("/health").status, 200, "there is room again");
    let left = target.end();
    assert_eq!((left.code, left.done("refused"), left.done("requests")), (Some(0), 7, 3));
    assert_eq!(left.csv("resources.csv").last().unwrap()["refused_total"], "7");
}

#[test]
fn a_body_over_max_body_is_a_413() {
    let target = single(&["--max-body", "1kB"]);
    let post = |length: usize, body: &str| {
        let mut client = target.connect();
        client
            .send(format!("POST /cpu HTTP/1.1\r\nHost: target\r\nContent-Length: {length}\r\n\r\n{body}"))
            .unwrap();
        client.receive().unwrap()
    };
    for body in ["", &"x".repeat(1_001)] {
        let refusal = post(1_001, body);
        assert_eq!(refusal.status, 413, "{}", refusal.text());
        assert!(refusal.json()["error"].as_str().unwrap().contains("--max-body"), "{}", refusal.text());
    }
    assert_eq!(post(1_000, &"x".repeat(1_000)).status, 200);
    assert_eq!(target.get("/health").status, 200);
    let stats = at_rest(&target);
    assert_eq!((&stats["status"]["413"], &stats["totals"]["errors"]), (&2.into(), &0.into()), "{stats}");
}

#[test]
fn max_delay_and_max_cpu_refuse_and_never_clamp() {
    let target = single(&["--max-delay", "100ms", "--max-cpu", "5ms"]);
    let mut client = target.connect();
    for (path, flag) in [
        ("/io?ms=101", "--max-delay"),
        ("/io?delay=101ms&mode=pool", "--max-delay"),
        // The default is 200 ms: a wait of 100 would be another work than the documented one.
        ("/io", "--max-delay"),
        ("/cpu?ms=6", "--max-cpu"),
        ("/cpu?iterations=3500001", "--max-cpu"),
        ("/cpu", "--max-cpu"),
    ] {
        let refusal = client.get(path).unwrap();
        assert_eq!(refusal.status, 400, "{path}: {}", refusal.text());
        assert!(refusal.json()["error"].as_str().unwrap().contains(flag), "{path}: {}", refusal.text());
    }
    for path in ["/io?ms=100", "/io?delay=0.1s", "/cpu?ms=5", "/cpu?iterations=3500000"] {
        assert_eq!(client.get(path).unwrap().status, 200, "{path}");
    }
}
