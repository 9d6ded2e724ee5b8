//! Fault plans are ordered, shown, followed and forgotten as they say.

use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::faults::ageless;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest, is_stopped, send};
use crate::support::{account, wait_for};

const CLUSTER: [&str; 4] = ["--mode", "cluster", "--workers", "2"];

fn always(kind: &str) -> Value {
    json!({"kind": kind, "rate": 1})
}

fn status(code: u16, rate: f64) -> Value {
    json!({"kind": "status", "code": code, "rate": rate})
}

fn statuses(target: &Target, path: &str, requests: usize) -> Vec<u16> {
    let mut client = target.connect();
    (0..requests).map(|_| client.get(path).unwrap().status).collect()
}

#[test]
fn what_is_ordered_is_shown_and_followed_until_it_is_removed() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--seed", "11"]].concat());
        assert_eq!(target.faults("GET", "").json(), json!({"epoch": 0, "faults": [], "ended_faults": []}));
        let body = json!({"faults": [{"kinds": [status(503, 0.5)]}], "ttl": "1h"});
        let put = target.faults("PUT", &body.to_string());
        let plan = json!({
            "name": "fault 1", "route": "*", "spacing": "shuffled", "seed": put.json()["faults"][0]["seed"],
            "kinds": [{"kind": "status", "rate": 0.5, "code": 503}], "matched": 0, "planned": {"status 503": 0}, "executed": {"status 503": 0},
        });
        assert_eq!(
            (put.status, &put.json()["epoch"], ageless(put.json()["faults"].clone())),
            (200, &1.into(), json!([plan]))
        );
        assert!(put.json()["expires_in_ms"].as_u64().unwrap() > 3_500_000, "{mode:?}: {}", put.text());
        let seen = statuses(&target, "/json", 100);
        assert!(seen.contains(&503) && seen.contains(&200), "{mode:?}: {seen:?}");
        // Exempt, and not drawn for.
        for path in ["/health", "/healthz", "/readyz"] {
            assert_eq!(statuses(&target, path, 20), [200; 20], "{mode:?} {path}");
        }
        // No route, no draw.
        assert_eq!(statuses(&target, "/nowhere", 20), [404; 20], "{mode:?}");
        assert_eq!(target.faults_in_force()[0]["matched"], 100, "{mode:?}");
        let removed = target.faults("DELETE", "");
        assert_eq!(
            (removed.status, &removed.json()["epoch"], &removed.json()["faults"]),
            (200, &2.into(), &json!([]))
        );
        assert_eq!(statuses(&target, "/json", 50), [200; 50], "{mode:?}");
        account::settle(target, &Tally::default().and_answered(230), false);
    }
}

#[test]
fn the_sentence_of_an_injected_status_says_that_it_is_one() {
    let target = Target::start(MODES[0]);
    target.order_faults(&json!([{"name": "now and then", "kinds": [status(500, 1.0)]}]));
    let answer = target.get("/io?ms=0");
    assert_eq!(answer.json(), json!({"error": "this status is injected by the fault plan \"now and then\""}));
    assert_eq!((answer.status, answer.header("content-type")), (500, Some("application/json")));
    target.order_faults(&json!([{"kinds": [status(204, 1.0)]}]));
    assert_eq!((target.get("/io?ms=0").status, target.get("/io?ms=0").body), (204, Vec::new()));
}

#[test]
fn the_first_plan_that_hits_wins_and_every_matching_plan_counts() {
    let target = Target::start(&CLUSTER);
    target.order_faults(&json!([
        {"name": "a", "route": "/json", "method": "GET", "spacing": "even", "kinds": [status(500, 0.5)]},
        {"name": "b", "spacing": "even", "kinds": [status(503, 1.0)]},
        {"name": "c", "route": "/json", "kinds": [status(501, 1.0)], "window": {"after": 10, "count": 5}},
        {"name": "d", "route": "/io", "kinds": [status(502, 1.0)]},
    ]));
    let seen = statuses(&target, "/json", 40);
    assert_eq!(seen, [500, 503].repeat(20));
    // HEAD is answered wherever GET is, and counts as GET.
    assert_eq!(target.connect().request("HEAD", "/json").unwrap().status, 500);
    assert_eq!(statuses(&target, "/plaintext", 3), [503; 3]);
    at_rest(&target);
    let known = target.faults_in_force();
    let counts: Vec<(u64, Value)> = known
        .as_array()
        .unwrap()
        .iter()
        .map(|plan| {
            (
                plan["matched"].as_u64().unwrap(),
                plan["executed"].as_object().unwrap().values().next().unwrap().clone(),
            )
        })
        .collect();
    assert_eq!(counts, [(41, 21.into()), (44, 23.into()), (41, 0.into()), (0, 0.into())], "{known}");
}

#[test]
fn a_plan_with_a_method_leaves_the_others_of_its_route_alone() {
    let target = Target::start(MODES[0]);
    for (method, hit) in [("POST", &["POST"][..]), ("GET", &["GET", "HEAD"]), ("HEAD", &["HEAD"])] {
        target.order_faults(&json!([{"route": "/echo", "method": method, "kinds": [status(503, 1.0)]}]));
        for asked in ["GET", "HEAD", "POST", "PUT"] {
            let wanted = if hit.contains(&asked) { 503 } else { 200 };
            assert_eq!(target.connect().request(asked, "/echo").unwrap().status, wanted, "{asked} under {method}");
        }
        assert_eq!(target.faults_in_force()[0]["matched"], hit.len());
    }
}

#[test]
fn a_window_in_requests_is_counted_by_all_of_them() {
    let target = Target::start(&CLUSTER);
    target.order_faults(&json!([{"kinds": [status(500, 1.0)], "window": {"after": 7, "count": 3}}]));
    let seen: Vec<u16> = (0..20).map(|_| target.get("/json").status).collect();
    assert_eq!(seen, [&[200; 7][..], &[500; 3], &[200; 10]].concat());
}

#[test]
fn a_delay_is_never_short_and_stands_in_server_timing() {
    for mode in MODES {
        let target = Target::start(mode);
        target.order_faults(&json!([{"kinds": [{"kind": "delay", "delay": "30ms", "rate": 1}]}]));
        let begun = Instant::now();
        let answer = target.get("/io?ms=5");
        assert!(begun.elapsed() >= Duration::from_millis(35), "{mode:?}");
        assert!(answer.timing("inject") >= 30.0 && answer.timing("io") >= 5.0, "{mode:?}: {:?}", answer.headers);
        assert!(answer.timing("total") >= answer.timing("inject") + answer.timing("io"), "{:?}", answer.headers);
        assert_eq!(target.faults_in_force()[0]["executed"], json!({"delay 30ms": 1}), "{mode:?}");
        assert_eq!(target.faults("DELETE", "").status, 200);
        assert!(target.get("/io?ms=0").timing("inject") < f64::EPSILON, "{mode:?}");
    }
}

/// However they ended, and whatever became of the observer.
#[test]
fn what_came_of_ended_plans_stays_known() {
    for mode in MODES {
        let target = Target::start(mode);
        target.order_faults(&json!([
            {"name": "slow", "route": "/io", "kinds": [{"kind": "delay", "delay": "300ms", "rate": 1}]},
            {"name": "half", "route": "/json", "spacing": "even", "kinds": [status(503, 0.5)]},
        ]));
        assert_eq!(statuses(&target, "/json", 20).iter().filter(|status| **status == 503).count(), 10);
        // Of a plan that is replaced while a request waits by its order.
        let mut under_way = target.connect();
        under_way.send("GET /io?ms=0 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
        wait_for("its draw", || (target.faults_in_force()[0]["matched"] == 1).then_some(()));
        target.order_faults(&json!([{"name": "none", "kinds": [status(500, 0.0)]}]));
        assert_eq!(under_way.receive().unwrap().status, 200);
        drop(under_way);
        if mode.contains(&"cluster") {
            let first = target.observer();
            send(first, Signal::KILL);
            wait_for("another observer", || (target.observer() != first).then_some(()));
        }
        let expected = |plan: &Value| {
            let of = |name: &str| plan[name].clone();
            assert!(plan["ended_ms"].as_u64() < plan["age_ms"].as_u64(), "{plan}");
            (of("name"), of("matched"), of("planned"), of("executed"))
        };
        let delayed = json!({"delay 300ms": 1});
        let half = json!({"status 503": 10});
        let wanted =
            [("slow".into(), 1.into(), delayed.clone(), delayed), ("half".into(), 20.into(), half.clone(), half)];
        let told =
            |known: &Value| known["ended_faults"].as_array().unwrap().iter().map(expected).collect::<Vec<_>>();
        assert_eq!(told(&target.faults("GET", "").json()), wanted, "{mode:?}");
        assert_eq!(told(&at_rest(&target)), wanted, "{mode:?}");
        let left = target.end();
        let record: Value = serde_json::from_slice(&std::fs::read(left.file("run.json")).unwrap()).unwrap();
        assert_eq!(told(&record), wanted, "{mode:?}");
        assert_eq!((&record["faults"][0]["name"], record["faults"][0].get("ended_ms")), (&"none".into(), None));
    }
}

#[test]
fn plans_end_with_their_ttl() {
    let target = Target::start(&CLUSTER);
    let body = json!({"faults": [{"name": "short", "kinds": [status(500, 1.0)]}], "ttl": "300ms"});
    let ordered = Instant::now();
    assert_eq!(target.faults("PUT", &body.to_string()).status, 200);
    let (mut open, mut seen) = (target.connect(), Vec::new());
    wait_for("the end of the plan", || {
        let status = open.get("/json").unwrap().status;
        seen.push(status);
        (status == 200).then_some(())
    });
    assert!(ordered.elapsed() >= Duration::from_millis(300), "{seen:?}");
    let shown = wait_for("an epoch without it", || {
        let shown = target.faults("GET", "").json();
        (shown["epoch"] == 2).then_some(shown)
    });
    assert_eq!(shown["faults"], json!([]));
    let (ended, asked) = (&shown["ended_faults"][0], seen.len() as u64 - 1);
    assert_eq!((&ended["name"], &ended["executed"]), (&"short".into(), &json!({"status 500": asked})));
    assert!(ended["age_ms"].as_u64().unwrap() - ended["ended_ms"].as_u64().unwrap() >= 299, "{ended}");
    drop(open);
    let left = target.end();
    let events: Vec<String> = left
        .csv("events.csv")
        .into_iter()
        .filter(|event| event["kind"] == "fault plan")
        .map(|event| event["detail"].clone())
        .collect();
    assert_eq!(events, ["epoch 1: short (status 1) on *; for 300ms", "epoch 2: none, as their ttl is over"]);
}

#[test]
fn every_request_waits_for_the_end_of_a_stall() {
    for mode in MODES {
        let target = Target::start(mode);
        let begun = Instant::now();
        target.order_faults(&json!([{"kinds": [{"kind": "stall"}], "window": {"to": "300ms"}}]));
        let answer = target.get("/io?ms=0");
        assert_eq!(answer.status, 200);
        // At the earliest the plan began when it was sent.
        assert!(begun.elapsed() >= Duration::from_millis(300), "{mode:?}");
        assert!(target.get("/io?ms=0").timing("inject") < f64::EPSILON, "{mode:?}: the window is closed");
        let known = &target.faults_in_force()[0];
        let stalled = u64::from(answer.timing("inject") > 0.0);
        assert_eq!(
            (&known["matched"], &known["executed"]["stall"]),
            (&stalled.into(), &stalled.into()),
            "{mode:?}"
        );
    }
}

#[test]
fn whoever_is_stalled_goes_on_when_the_plan_is_removed() {
    let target = Target::start(&CLUSTER);
    target.order_faults(&json!([{"kinds": [{"kind": "stall"}], "window": {"to": "60s"}}]));
    let mut client = target.connect();
    client.send("GET /json HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    wait_for("a request that waits", || (target.total("in_flight") == 1).then_some(()));
    let begun = Instant::now();
    assert_eq!(target.faults("DELETE", "").status, 200);
    assert_eq!(client.receive().unwrap().status, 200);
    assert!(begun.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_crash_takes_its_worker_and_is_counted() {
    let target = Target::start(&CLUSTER);
    target.order_faults(&json!([{"kinds": [always("crash")], "window": {"after": 3, "count": 1}}]));
    let before: u64 = target.workers().iter().map(|worker| worker.generation).sum();
    let mut tally = Tally::default();
    for _ in 0..6 {
        tally.sent += 1;
        match target.connect().get("/json") {
            Ok(_) => tally.answered += 1,
            Err(_) => tally.failed += 1,
        }
    }
    assert_eq!((tally.answered, tally.failed), (5, 1));
    wait_for("a successor", || {
        let workers = target.workers();
        let generations: u64 = workers.iter().map(|worker| worker.generation).sum();
        (generations == before + 1 && workers.iter().all(|worker| worker.state == "live")).then_some(())
    });
    assert_eq!(target.faults_in_force()[0]["executed"], json!({"crash": 1}));
    // A client may have its answer before the worker has counted it.
    let stats = at_rest(&target);
    let route = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/json").unwrap();
    assert_eq!((&route["broken_by_fault"], &stats["totals"]["lost"]), (&1.into(), &0.into()), "{stats}");
    assert_eq!(stats["totals"]["finished"], 6, "{stats}");
    let left = target.end();
    assert_eq!(left.code, Some(0), "{}", left.errors);
    assert!(left.csv("events.csv").iter().any(|event| event["detail"].starts_with("exit status 70")));
}

#[test]
fn a_leak_is_kept_limited_and_freed() {
    const SIZE: u64 = 16 << 20;
    let rss = |target: &Target| {
        let status = std::fs::read_to_string(format!("/proc/{}/status", target.worker(0).pid)).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    };
    for mode in [&["--mode", "single"][..], &["--mode", "cluster", "--workers", "1"]] {
        let target = Target::start(&[mode, &["--max-leak", "48MiB"]].concat());
        let before = rss(&target);
        target.order_faults(&json!([{"kinds": [{"kind": "leak", "bytes": "16MiB", "rate": 1}]}]));
        assert_eq!(statuses(&target, "/json", 5), [200; 5], "{mode:?}");
        let known = &target.faults_in_force()[0];
        assert_eq!((&known["matched"], &known["executed"]), (&5.into(), &json!({"leak 16MiB": 3})), "{mode:?}");
        let grown = rss(&target).saturating_sub(before);
        assert!(grown >= 3 * SIZE, "{mode:?}: {grown} bytes more");
        assert_eq!(target.faults("DELETE", "").status, 200);
        let left = rss(&target).saturating_sub(before);
        assert!(left < SIZE, "{mode:?}: {left} bytes more");
    }
}

#[test]
fn what_is_no_plan_is_refused_with_its_place_and_changes_nothing() {
    let target = Target::start(MODES[1]);
    target.order_faults(&json!([{"name": "old", "kinds": [status(500, 0.0)]}]));
    // It fits a body, and with what is filled in no page.
    let cut = json!({"kind": "truncate", "bytes": 1_000_000_000, "rate": 0.050_000_001});
    let long: Vec<Value> = (0..64).map(|_| json!({"kinds": vec![cut.clone(); 16]})).collect();
    for (body, code, place, sentence) in [
        (json!({"faults": [{"kinds": [always("crash")]}]}), 400, "faults[0].kinds[0].kind", "in mode cluster"),
        (
            json!({"faults": [{"kinds": [{"kind": "refuse"}], "window": {"to": "1s"}}]}),
            400,
            "faults[0].kinds[0].kind",
            "on a TCP port that is named",
        ),
        (json!({"faults": [{"kinds": [status(500, 2.0)]}]}), 400, "faults[0].kinds[0].rate", "2 is too large"),
        (
            json!({"faults": [{"route": "/jsno", "kinds": [always("reset")]}]}),
            400,
            "faults[0].route",
            "did you mean /json?",
        ),
        (json!({"faults": [{"route": "/health", "kinds": [always("reset")]}]}), 400, "faults[0].route", "exempt"),
        (
            json!({"faults": [{"route": "/json", "method": "POST", "kinds": [always("reset")]}]}),
            400,
            "faults[0].method",
            "GET",
        ),
        (json!({"faults": [], "ttl": "never"}), 400, "ttl", "a number and a unit"),
        (json!([]), 400, "the body", "allowed: {\"faults\""),
        (json!({"faults": long}), 413, "", "the page holds 65536"),
    ] {
        let answer = target.faults("PUT", &body.to_string());
        let said = answer.json();
        assert_eq!(answer.status, code, "{sentence}: {:.300}", answer.text());
        assert!(said["error"].as_str().unwrap().contains(sentence), "{sentence}: {:.300}", answer.text());
        assert_eq!(said["parameter"].as_str().unwrap_or(""), place, "{said}");
    }
    let known = target.faults("GET", "").json();
    assert_eq!((&known["epoch"], &known["faults"][0]["name"]), (&1.into(), &"old".into()), "{known}");
}

#[test]
fn whoever_does_not_follow_is_named() {
    let target = Target::start(&CLUSTER);
    let lame = target.worker(1).pid;
    send(lame, Signal::STOP);
    wait_for("the stop", || is_stopped(lame).then_some(()));
    let body = json!({"faults": [{"kinds": [status(500, 1.0)]}]}).to_string();
    let answer = target.faults("PUT", &body);
    let error = answer.json()["error"].as_str().unwrap().to_owned();
    assert_eq!(answer.status, 504, "{error}");
    assert!(error.contains("worker 1.1 ") && !error.contains("0.1"), "{error}");
    send(lame, Signal::CONT);
    // The order is in force all the same.
    wait_for("the other one to follow", || (0..10).all(|_| target.get("/json").status == 500).then_some(()));
}

#[test]
fn a_foreign_page_orders_nothing() {
    let target = Target::start(MODES[0]);
    let host = &target.ready["admin"];
    for (method, body) in [("PUT", r#"{"faults": []}"#), ("DELETE", "")] {
        let mut client = target.admin();
        let length = body.len();
        let head = format!("{method} /faults HTTP/1.1\r\nHost: {host}\r\nOrigin: http://evil.example\r\n");
        client.send(format!("{head}Content-Length: {length}\r\n\r\n{body}")).unwrap();
        assert_eq!(client.receive().unwrap().status, 403, "{method}");
    }
    assert_eq!(target.faults("GET", "").json()["epoch"], 0);
}
