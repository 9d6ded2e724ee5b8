//! Phases: a mark is put live, the figures of a stretch are what was counted between two marks, and an observer's death
//! takes none of them away.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::client::Response;
use crate::support::target::{MODES, Target, at_rest, rows, send};
use crate::support::wait_for;

fn mark(target: &Target, phase: &str) -> Response {
    target.admin_post("/marks", &format!("{{\"phase\": \"{phase}\"}}"))
}

fn stats(target: &Target, query: &str) -> Response {
    let host = &target.ready["admin"];
    let mut client = target.admin();
    client.send(format!("GET /stats?{query} HTTP/1.1\r\nHost: {host}\r\n\r\n")).unwrap();
    client.receive().unwrap()
}

fn finished(target: &Target, query: &str) -> Value {
    let response = stats(target, query);
    assert_eq!(response.status, 200, "{query}: {}", response.text());
    let told = response.json();
    // Every part is of the same stretch.
    let sum =
        |of: &str| told[of].as_array().unwrap().iter().map(|one| one["finished"].as_u64().unwrap()).sum::<u64>();
    assert_eq!((sum("routes"), sum("workers")), (sum("workers"), told["totals"]["finished"].as_u64().unwrap()));
    told["totals"]["finished"].clone()
}

fn send_requests(target: &Target, paths: &[&str]) {
    for path in paths {
        target.get(path);
    }
    at_rest(target);
}

#[test]
fn the_figures_of_a_stretch_are_what_was_counted_in_it() {
    for mode in MODES {
        let target = Target::start(mode);
        send_requests(&target, &["/health", "/io?ms=30"]);
        let first = mark(&target, "warm-up");
        assert_eq!((first.status, &first.json()["index"]), (201, &0.into()), "{mode:?} {}", first.text());
        assert!(first.json()["elapsed_s"].as_f64().unwrap() > 0.0 && first.json()["phase"] == "warm-up");
        send_requests(&target, &["/io?ms=1", "/io?ms=1", "/nowhere"]);
        assert_eq!(mark(&target, "measure").json()["index"], 1);
        send_requests(&target, &["/health"]);

        let told = |query| finished(&target, query);
        assert_eq!([told(""), told("since=start"), told("since=warm-up"), told("since=measure")], [6, 6, 4, 1]);
        assert_eq!([told("until=warm-up"), told("since=warm-up&until=measure"), told("until=measure")], [2, 3, 5]);
        let between = stats(&target, "since=warm-up&until=measure").json();
        assert_eq!((&between["since"], &between["until"]), (&"warm-up".into(), &"measure".into()));
        let io = between["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        let before = stats(&target, "until=warm-up").json();
        let slow = before["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!((&io["finished"], &io["status"]["200"]), (&2.into(), &2.into()));
        assert!(slow["lat_us"]["p50"].as_f64().unwrap() >= 29_000.0, "{slow}");
        let longest = |of: &str| io[of]["max"].as_f64().unwrap();
        // The stretch has its own maximum: on a machine that is not so slow, below that of the run.
        assert!(longest("svc_us") >= 990.0 && longest("svc_us") <= longest("lat_us") * 1.0078, "{io}");
        assert_eq!(between["status"]["404"], 1);

        assert_eq!(stats(&target, "since=lunch").status, 404);
        assert_eq!(stats(&target, "until=lunch").status, 404);
        for bad in [
            "since=measure&until=warm-up",
            "since=a%0Ab",
            "since=",
            "until=start",
            "since=start&since=start",
            "sinse=start",
        ] {
            assert_eq!(stats(&target, bad).status, 400, "{bad}");
        }
        // A name may come again, and then means its last.
        mark(&target, "warm-up");
        assert_eq!([told("since=warm-up"), told("since=measure&until=warm-up")], [0, 1]);
        // A row has the phase in which it was taken.
        let resources = target.run_directory().join("resources.csv");
        wait_for("a row of the phase", || (rows(&resources).last().unwrap()["phase"] == "warm-up").then_some(()));
        let left = target.end();
        let events: Vec<_> = left.csv("events.csv").into_iter().filter(|event| event["kind"] == "mark").collect();
        let phases: Vec<&str> = events.iter().map(|event| event["detail"].as_str()).collect();
        assert_eq!(phases, ["warm-up", "measure", "warm-up"]);
        assert_eq!(left.csv("routes.csv").last().unwrap()["phase"], "warm-up");
        assert_eq!(left.csv("resources.csv")[0]["phase"], "run");
    }
}

#[test]
fn so_many_and_no_more() {
    let target = Target::start(&["--mode", "single", "--no-csv", "--run-dir", "none"]);
    for index in 0..256 {
        assert_eq!(mark(&target, &format!("phase {index}")).status, 201, "{index}");
    }
    let refused = mark(&target, "one more");
    assert_eq!(refused.status, 409, "{}", refused.text());
    assert!(refused.json()["error"].as_str().unwrap().contains("256"), "{}", refused.text());
    assert_eq!(stats(&target, "since=phase%20255").status, 200);
    for bad in [
        "{}",
        r#"{"phase": "start"}"#,
        r#"{"phase": ""}"#,
        r#"{"phase": 7}"#,
        r#"{"phase": "a", "at": 1}"#,
        "phase",
    ] {
        assert_eq!(target.admin_post("/marks", bad).status, 400, "{bad}");
    }
}

/// Which plans were in force, and what came of them, is of the stretch; and so is all that is the state of an instant.
#[test]
fn nothing_of_a_stretch_is_of_now() {
    for mode in MODES {
        let target = Target::start(mode);
        let plan = |name: &str, rate: f64| {
            let kinds = json!([{"kind": "status", "code": 500, "rate": rate}]);
            target.order_faults(&json!([{"name": name, "route": "/json", "spacing": "even", "kinds": kinds}]));
        };
        plan("half", 0.5);
        send_requests(&target, &["/json"; 10]);
        mark(&target, "first");
        send_requests(&target, &["/json"; 20]);
        mark(&target, "second");
        plan("none", 0.0);
        send_requests(&target, &["/json"; 4]);
        let told = |query: &str| {
            let stats = stats(&target, query).json();
            ["faults", "ended_faults"].map(|list| {
                let plans = stats[list].as_array().unwrap().iter();
                let counts = |plan: &Value| {
                    assert_eq!(plan["planned"], plan["executed"], "{mode:?} {query}: {plan}");
                    format!("{} {} {}", plan["name"], plan["matched"], plan["executed"]["status 500"])
                        .replace('"', "")
                };
                plans.map(counts).collect::<Vec<_>>().join(", ")
            })
        };
        assert_eq!(told("until=first"), ["half 10 5", ""], "{mode:?}");
        assert_eq!(told("since=first&until=second"), ["half 20 10", ""], "{mode:?}");
        assert_eq!(told("since=second"), ["none 4 0", "half 0 0"], "{mode:?}");
        assert_eq!(told(""), ["none 4 0", "half 30 15"], "{mode:?}");
        // As of the end of the stretch; by now its beats are old.
        wait_for("a second", || (stats(&target, "until=first").json()["age_ms"].as_u64()? > 1_000).then_some(()));
        let first = stats(&target, "until=first").json();
        assert_eq!(
            (&first["phase"], &stats(&target, "until=second").json()["phase"]),
            (&"run".into(), &"first".into())
        );
        for worker in first["workers"].as_array().unwrap() {
            assert!(worker["beat_age_ms"].as_u64().unwrap() < 900, "{mode:?} {worker}");
        }
    }
}

#[test]
fn they_survive_an_observer() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    send_requests(&target, &["/health"]);
    mark(&target, "first");
    send_requests(&target, &["/health", "/io?ms=1"]);
    mark(&target, "second");
    let events = target.run_directory().join("events.csv");
    let of_kind = |kind: &str| rows(&events).iter().filter(|event| event["kind"] == kind).count();
    wait_for("both marks", || (of_kind("mark") == 2).then_some(()));
    send(target.observer(), Signal::KILL);
    wait_for("another observer", || (of_kind("observer-respawn") == 1).then_some(()));
    assert_eq!([finished(&target, "since=first"), finished(&target, "since=first&until=second")], [2, 2]);
    assert_eq!(mark(&target, "third").json()["index"], 2);
    let left = target.end();
    assert_eq!(left.csv("resources.csv").last().unwrap()["phase"], "third");
    // What had been counted at the end stands behind them, under no name.
    let phases: Vec<String> = left.csv("marks.csv").into_iter().map(|row| row["phase"].clone()).collect();
    assert_eq!(phases, ["first", "second", "third", ""]);
}
