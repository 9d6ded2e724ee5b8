//! The switch by which a benchmark learns what the times of requests cost: with it everything is counted and nothing is
//! timed, and no figure says zero where nothing was measured. No user meets it.

use crate::support::target::{MODES, Target, at_rest, run};

#[test]
fn everything_is_counted_and_nothing_is_timed() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--without-times"]].concat());
        let waited = target.get("/io?ms=2");
        assert!(waited.timing("io") >= 2.0 && !waited.is_timed("queue"), "{mode:?}: {:?}", waited.headers);
        for path in ["/health", "/nowhere"] {
            target.get(path);
        }
        let stats = at_rest(&target);
        let routes = stats["routes"].as_array().unwrap();
        assert_eq!((&stats["totals"]["finished"], routes.len()), (&3.into(), 3), "{mode:?}: {stats}");
        for route in routes {
            for times in ["svc_us", "lat_us", "queue_us"] {
                assert_eq!(route[times], serde_json::json!({}), "{mode:?}: {route}");
            }
        }
        let mut admin = target.admin();
        admin.send(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
        let metrics = admin.receive().unwrap().text();
        assert!(
            metrics.contains("quintain_worker_requests_total") && !metrics.contains("duration_seconds"),
            "{metrics}"
        );
        let left = target.end();
        let (resources, by_route) = (left.csv("resources.csv"), left.csv("routes.csv"));
        assert_eq!(resources.last().unwrap()["requests_total"], "3");
        assert!(by_route.iter().any(|row| row["route"] == "/io" && row["requests_total"] == "1"), "{by_route:?}");
        for row in resources.iter().chain(&by_route) {
            for (column, cell) in row.iter().filter(|(column, _)| column.ends_with("_us")) {
                let is_of_requests = ["svc_", "lat_", "queue_"].iter().any(|times| column.starts_with(times));
                assert!(!is_of_requests || cell.is_empty(), "{mode:?}: {column} is {cell}");
            }
        }
        let log = std::fs::read_to_string(left.file("latency.hlog")).unwrap();
        assert!(!log.contains("Tag="), "{log}");
        let record = std::fs::read_to_string(left.file("run.json")).unwrap();
        assert!(record.contains("\"without_times\": true"), "{record}");
    }
}

#[test]
fn it_is_shown_to_nobody() {
    for arguments in [&["--help"][..], &["check"], &["check", "--without-tim"]] {
        let (_, output, errors) = run(arguments);
        assert!(
            !output.contains("without-times") && !errors.contains("without-times"),
            "{arguments:?}: {output} {errors}"
        );
        assert!(!output.contains("without_times"), "{output}");
    }
}
