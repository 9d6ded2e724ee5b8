//! A profile's routes do exactly what it says, in every mode; HUP takes over what was changed, and refuses what is wrong.

use std::fs;

use quintain::http::{ROOM, offered};
use quintain::profile::{BUILT_IN, Rules, Step, read};
use rustix::process::Signal;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::account::settle;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest, command, outcome, run};
use crate::support::wait_for;

/// A target with a profile in a file of its own directory.
pub fn start(text: &str, arguments: &[&str]) -> Target {
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("p.toml"), text).unwrap();
    let fixed = "--profile p.toml --listen 127.0.0.1:0 --admin 127.0.0.1:0 --run-dir run --sample-interval 100ms";
    let all: Vec<&str> = arguments.iter().copied().chain(fixed.split(' ')).collect();
    Target::start_with(command(&all, directory.path()), directory)
}

/// Puts another profile in its place and sends HUP.
pub fn change(target: &Target, text: &str) {
    fs::write(target.directory.path().join("p.toml"), text).unwrap();
    target.signal(Signal::HUP);
}

/// A route that does nothing.
fn route(path: &str) -> String {
    format!("[[route]]\npath = '{path}'\n")
}

/// Waits until `/stats` has so many under a route: an answer is counted when it is flushed, which its client may notice first.
fn counts(target: &Target, method: &str, path: &str, count: u64) {
    wait_for(&format!("{count} of {method} {path}"), || {
        (counted(target, method, path) == Some(count)).then_some(())
    });
}

/// What `/stats` has under a route.
fn counted(target: &Target, method: &str, path: &str) -> Option<u64> {
    let stats = target.stats();
    let route =
        stats["routes"].as_array().unwrap().iter().find(|one| one["method"] == method && one["route"] == path);
    route.map(|route| route["finished"].as_u64().unwrap())
}

const SHOP: &str = "
[[route]]
method = ['GET', 'POST']
path = '/users/{id}'
steps = [ { cpu = { iterations = 20_000 } }, { io = { ms = 3 } }, { cpu = { iterations = 30_000 } }, { io = { delay = 'uniform(1ms,2ms)' } } ]
response = { status = 201, size = 684, headers = { x-cache = 'miss', set-cookie = ['a=1', 'b=2'] } }
[[route]]
path = '/told'
steps = [ { cpu = { iterations = 20_000 } }, { mem = { bytes = '64KiB', ms = 1 } }, { io = { ms = 2 } } ]
[[route]]
path = '/io'
response = { status = 204 }
[[route]]
method = 'DELETE'
path = '/bytes/{size}'
steps = [ { bytes = { size = 3 } }, { bytes = { size = '1kB' } } ]
";

#[test]
fn steps_are_done_in_order_and_the_answer_is_as_said() {
    for mode in MODES {
        let target = start(SHOP, mode);
        let mut client = target.connect();
        let users = client.get("/users/7?any=query").unwrap();
        assert_eq!((users.status, users.body.len(), users.header("x-cache")), (201, 684, Some("miss")), "{mode:?}");
        let cookies = users.headers.iter().filter(|(name, _)| name == "set-cookie").count();
        assert_eq!(cookies, 2, "{users:?}");
        assert!(users.timing("io") >= 4.0 && users.timing("cpu") > 0.0, "{users:?}");
        assert!(users.timing("total") >= users.timing("io") + users.timing("cpu"), "{users:?}");
        assert_eq!(users.body, client.get("/bytes/684").unwrap().body, "the bytes that a client can check");
        client.send("POST /users/8 HTTP/1.1\r\nHost: target\r\nContent-Length: 5\r\n\r\nhello").unwrap();
        assert_eq!(client.receive().unwrap().status, 201);
        let told = client.get("/told").unwrap().json();
        let [cpu, memory, io] = &told["steps"].as_array().unwrap()[..] else { panic!("{told}") };
        assert_eq!(cpu["checksum"], client.get("/cpu?iterations=20000").unwrap().json()["checksum"], "{told}");
        assert_eq!((&cpu["iterations"], &memory["bytes"]), (&20_000.into(), &65_536.into()), "{told}");
        assert!(io["waited_ms"].as_f64() >= Some(2.0), "{told}");
        let replaced = client.get("/io").unwrap();
        assert_eq!((replaced.status, &*replaced.text()), (204, ""), "the profile's, not the target's own");
        assert_eq!(client.request("DELETE", "/bytes/9").unwrap().body.len(), 1_003, "{mode:?}");
        assert_eq!(client.request("HEAD", "/users/7").unwrap().header("content-length"), Some("684"));
        assert_eq!(client.request("PUT", "/users/7").unwrap().header("allow"), Some("GET,HEAD,POST"));
        let page = client.get("/").unwrap().text();
        assert!(
            page.contains("POST /users/{id} ") && page.contains("computes 20000 iterations, waits 3ms"),
            "{page}"
        );
        drop(client);
        at_rest(&target);
        for (method, path, count) in [("GET", "/users/{id}", 2), ("POST", "/users/{id}", 1), ("GET", "/io", 1)] {
            counts(&target, method, path, count);
        }
        settle(target, &Tally::default().and_answered(10), false);
    }
}

/// Whatever the profile calls the parts of its paths.
#[test]
fn what_it_replaces_is_offered_no_more() {
    const TAKEN: &str = "
[[route]]
path = '/bytes/{size}'
[[route]]
path = '/delay/{wait}'
[[route]]
method = 'POST'
path = '/cpu'
";
    let target = start(TAKEN, MODES[0]);
    let page = target.connect().get("/").unwrap().text();
    assert!(page.contains("GET /bytes/{size} ") && page.contains("GET /delay/{wait} "), "{page}");
    assert!(!page.contains("/bytes/1MiB") && !page.contains("/delay/0.5"), "{page}");
    assert!(page.contains("GET /cpu?"), "who takes POST leaves GET: {page}");
}

#[test]
fn every_built_in_one_starts_and_serves_its_routes() {
    let offered = offered();
    for (name, text) in BUILT_IN {
        let target = Target::start(&["--profile", name]);
        let profile = read(name, text, &Rules::without_limits(&offered, ROOM)).unwrap();
        for route in &profile.routes {
            let (method, path) = (route.methods[0].as_str(), &route.path);
            let needs_a_session = route.steps.iter().any(|step| matches!(step, Step::Check(_)));
            let needs_a_picture = route.steps.iter().any(|step| matches!(step, Step::Infer(_)));
            let expected = match (needs_a_session, needs_a_picture) {
                (true, _) => 401,
                (_, true) => 400,
                _ => route.response.status.as_u16(),
            };
            // One of them may be among the errors that it has on purpose.
            wait_for(&format!("{expected} of {method} {path}"), || {
                (target.connect().request(method, path).unwrap().status == expected).then_some(())
            });
            wait_for("its count", || counted(&target, method, path).filter(|count| *count > 0));
        }
        let faults = target.stats()["faults"].as_array().unwrap().len();
        assert_eq!((faults, target.get("/health").status), (profile.faults.len(), 200), "{name}");
        let left = target.end();
        let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
        assert_eq!((&record["profile"]["name"], &record["config"]["profile"]), (&name.into(), &name.into()));
        assert_eq!(record["profile"]["content"]["summary"], profile.summary, "{name}");
    }
}

#[test]
fn hup_takes_over_what_is_right_and_refuses_what_is_wrong() {
    let first = "[limits]\nmax_delay = '10ms'\n".to_owned() + &route("/a") + &route("/b");
    let second = "[limits]\nmax_delay = '20ms'\n".to_owned() + &route("/b") + &route("/c");
    for mode in MODES {
        let target = start(&first, mode);
        let statuses = |paths: [&str; 4]| paths.map(|path| target.get(path).status);
        assert_eq!(statuses(["/a", "/b", "/c", "/io?ms=15"]), [200, 200, 404, 400], "{mode:?}");
        change(&target, &second);
        target.renewed(2);
        assert_eq!(statuses(["/a", "/b", "/c", "/io?ms=15"]), [404, 200, 200, 200], "{mode:?}");
        counts(&target, "GET", "/a", 1);
        counts(&target, "GET", "/b", 2);
        for (wrong, says) in [
            (
                second.clone() + "[[route]]\npaht = '/d'\n",
                "p.toml line 8 column 1: route.paht: there is no such key",
            ),
            ("route = [".to_owned(), "not valid TOML"),
            ("[limits]\nmax_delay = '2h'\n".to_owned() + &route("/d"), "limits.max_delay = 2h: must be 0 to 1h"),
        ] {
            change(&target, &wrong);
            wait_for(says, || target.errors().contains(says).then_some(()));
        }
        fs::remove_file(target.directory.path().join("p.toml")).unwrap();
        target.signal(Signal::HUP);
        wait_for("a refusal", || target.errors().contains("can't be read as a file").then_some(()));
        assert!(target.workers().iter().all(|worker| worker.generation == 2), "a refused HUP changes nothing");
        assert_eq!(statuses(["/a", "/b", "/c", "/io?ms=15"]), [404, 200, 200, 200], "{mode:?}");
        change(&target, &first);
        target.renewed(3);
        assert_eq!(statuses(["/a", "/b", "/c", "/io?ms=15"]), [200, 200, 404, 400], "{mode:?}");
        counts(&target, "GET", "/a", 2);
        let left = settle(target, &Tally::default().and_answered(16), false);
        let events = left.csv("events.csv");
        let of = |kind: &str| events.iter().filter(|event| event["kind"] == kind).count();
        assert_eq!((of("profile"), of("refused")), (2, 4), "{events:?}");
    }
}

#[test]
fn a_name_keeps_its_number_and_there_is_room_for_64() {
    let routes =
        |letter: char, count: usize| -> String { (0..count).map(|n| route(&format!("/{letter}{n}"))).collect() };
    let target = start(&routes('a', 20), &["--mode", "cluster", "--workers", "2"]);
    change(&target, &routes('b', 60));
    wait_for("a refusal", || target.errors().contains("too many routes").then_some(()));
    let left = ROOM - offered().len() - 20;
    change(&target, &routes('c', left + 1));
    wait_for("a refusal", || target.errors().contains("keeps its number for the whole run").then_some(()));
    assert_eq!((target.get("/a19").status, target.get("/c0").status), (200, 404));
    change(&target, &routes('d', left));
    target.renewed(2);
    let last = format!("/d{}", left - 1);
    assert_eq!((target.get("/a19").status, target.get(&last).status), (404, 200));
    change(&target, &routes('a', 20));
    target.renewed(3);
    assert_eq!((target.get("/a19").status, target.get(&last).status), (200, 404));
    counts(&target, "GET", "/a19", 2);
    counts(&target, "GET", &last, 1);
    settle(target, &Tally::default().and_answered(6), false);
}

#[test]
fn its_fault_plans_begin_with_the_run_and_go_on_over_a_hup_that_leaves_them() {
    let plan = |rate: &str| {
        format!(
            "[[fault]]\nroute = '/a'\nspacing = 'even'\nkinds = [ {{ kind = 'status', code = 503, rate = {rate} }} ]\n"
        )
    };
    for mode in MODES {
        let target = start(&(plan("0.25") + &route("/a")), mode);
        let failed = |count: usize| (0..count).filter(|_| target.get("/a").status == 503).count();
        let matched = || target.stats()["faults"][0]["matched"].as_u64();
        let before = failed(10);
        change(&target, &(plan("0.25") + &route("/a") + &route("/b")));
        target.renewed(2);
        assert_eq!((before + failed(30), matched()), (10, Some(40)), "{mode:?}: it goes on");
        change(&target, &(plan("0.5") + &route("/a")));
        target.renewed(3);
        wait_for("the other plan", || (matched() == Some(0)).then_some(()));
        // The workers follow it on their next request.
        assert_eq!((failed(20), matched()), (10, Some(20)), "{mode:?}: another begins at 0");
        change(&target, &route("/a"));
        target.renewed(4);
        wait_for("no plan", || (target.stats()["faults"] == Value::Array(Vec::new())).then_some(()));
        assert_eq!(failed(20), 0, "{mode:?}");
        settle(target, &Tally::default().and_answered(80), false);
    }
}

#[test]
fn flags_win_over_environment_over_file_over_profile() {
    let directory = TempDir::new().unwrap();
    let limits = "[limits]\nmax_delay = '1s'\nmax_cpu = '1s'\nmax_body = 1\nmax_inflight = 1\n";
    fs::write(directory.path().join("p.toml"), limits.to_owned() + &route("/a")).unwrap();
    fs::write(
        directory.path().join("q.toml"),
        "profile = 'p.toml'\nmax_cpu = '2s'\nmax_body = 2\nmax_inflight = 2\n",
    )
    .unwrap();
    let arguments = ["check", "--config", "q.toml", "--max-inflight", "4"];
    let mut command = command(&arguments, directory.path());
    let (code, output, errors) = outcome(command.env("QUINTAIN_MAX_BODY", "3").env("QUINTAIN_MAX_INFLIGHT", "3"));
    assert_eq!(code, Some(0), "{errors}");
    for line in
        ["max_delay = \"1s\"", "max_cpu = \"2s\"", "max_body = \"3\"", "max_inflight = 4", "profile = \"p.toml\""]
    {
        assert!(output.lines().any(|printed| printed == line), "{line} in {output}");
    }
    assert!(output.contains("GET /a: 200"), "{output}");
}

#[test]
fn switches_are_set_by_flag_environment_and_file_and_written_down() {
    let text = "[[switch]]\nname = 'wait'\nabout = 'how long'\nrange = [0, 100]\ndefault = 0\n
        [[switch]]\nname = 'status'\nabout = 'what is answered'\nwords = ['ok', 'made']\ndefault = 'ok'\n
        [[route]]\npath = '/a'\nsteps = [ { io = { ms = { switch = 'wait' } } } ]
        response = { status = { switch = 'status', ok = 200, made = 201 } }\n";
    let target = start(text, &["--set", "wait=3", "--set", "status=made"]);
    let answer = target.get("/a");
    assert!(answer.status == 201 && answer.timing("io") >= 3.0, "{answer:?}");
    change(&target, &(text.to_owned() + &route("/b")));
    target.renewed(2);
    assert_eq!((target.get("/a").status, target.get("/b").status), (201, 200), "a HUP leaves them set");
    let left = target.end();
    let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
    let set =
        record["profile"]["switches"].as_array().unwrap().iter().map(|switch| (&switch["name"], &switch["value"]));
    assert_eq!(
        set.collect::<Vec<_>>(),
        [(&"wait".into(), &"3".into()), (&"status".into(), &"made".into())],
        "{record}"
    );

    let report = left.report();
    assert!(report.contains("p.toml, wait=3, status=made"), "{report}");

    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("p.toml"), text).unwrap();
    fs::write(directory.path().join("q.toml"), "profile = 'p.toml'\nset = ['wait=7', 'status=made']\n").unwrap();
    let check = |arguments: &[&str], variable: &str| {
        outcome(
            command(&[&["check", "--config", "q.toml"], arguments].concat(), directory.path())
                .env("QUINTAIN_SET", variable),
        )
    };
    let (code, output, errors) = check(&[], "");
    assert_eq!(code, Some(0), "{errors}");
    for line in [
        "set = [\"wait=7\", \"status=made\"]",
        "#   --set wait=7 (0 to 100): how long",
        "#   GET /a: waits 7ms; 201",
    ] {
        assert!(output.lines().any(|printed| printed.starts_with(line)), "{line} in {output}");
    }
    let (_, output, _) = check(&[], "wait=8,status=ok");
    assert!(output.contains("waits 8ms; 200"), "{output}");
    let (_, output, _) = check(&["--set", "wait=9"], "status=made");
    assert!(output.contains("waits 9ms; 200"), "the strongest layer alone counts: {output}");
    let (code, _, errors) = check(&["--set", "weight=9", "--set", "status"], "");
    assert_eq!(code, Some(2));
    for sentence in [
        "--set weight=9: there is no such switch; the profile has wait (0 to 100), status (ok or made)",
        "--set status: must be NAME=VALUE, of a switch that the profile declares",
    ] {
        assert!(errors.contains(sentence), "{errors}");
    }
}

#[test]
fn a_cache_keeps_an_answer_for_each_key_and_its_hits_do_no_work() {
    let text = "[[route]]\npath = '/a'
        steps = [ { cache = { keys = 3, ttl = '1h' } }, { io = { delay = 'uniform(2ms,9ms)' } } ]
        [[route]]\npath = '/sized'\nsteps = [ { cache = { keys = 1, ttl = '200ms' } }, { io = { ms = 2 } }, { bytes = { size = 7 } } ]\n";
    for mode in MODES {
        let target = start(text, mode);
        // Each connection has one worker.
        let mut client = target.connect();
        let answers: Vec<_> = (0..9).map(|_| client.get("/a").unwrap()).collect();
        let told: Vec<_> = answers.iter().map(|answer| answer.header("x-cache").unwrap()).collect();
        assert_eq!(told, [vec!["MISS"; 3], vec!["HIT"; 6]].concat(), "{mode:?}");
        for (number, hit) in answers.iter().enumerate().skip(3) {
            assert_eq!(hit.body, answers[number % 3].body, "{mode:?} {number}");
            assert_eq!((hit.timing("io"), answers[number % 3].timing("io") >= 2.0), (0.0, true));
        }
        assert!(answers[0].body != answers[1].body && answers[1].body != answers[2].body, "each key has its own");
        assert_eq!(target.stats()["totals"]["cache"], serde_json::json!({ "hits": 6, "misses": 3 }), "{mode:?}");
        for expected in ["MISS", "HIT", "MISS", "HIT"] {
            wait_for(expected, || {
                let answer = client.get("/sized").unwrap();
                assert_eq!(answer.body.len(), 7);
                (answer.header("x-cache") == Some(expected)).then_some(())
            });
        }
        assert_eq!(target.end().code, Some(0));
    }
}

#[test]
fn profiles_are_listed_and_printed_and_their_mistakes_all_said() {
    let (code, list, errors) = run(&["profiles"]);
    assert!(include_str!("../../docs/profiles.md").contains(&format!("$ quintain profiles\n{list}")), "{list}");
    assert_eq!((code, &*errors, list.lines().count()), (Some(0), "", BUILT_IN.len()));
    for (name, text) in BUILT_IN {
        assert!(list.lines().any(|line| line.starts_with(&format!("{name} "))), "{name} in {list}");
        assert_eq!(run(&["profiles", name]), (Some(0), text.to_owned(), String::new()));
    }
    let (code, output, errors) = run(&["profiles", "baselin"]);
    assert_eq!((code, &*output), (Some(2), ""));
    assert!(errors.contains("did you mean baseline?"), "{errors}");
    let (code, _, errors) = run(&["check", "--profile", "nod-cluster"]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("--profile nod-cluster: ") && errors.contains("did you mean node-cluster?"),
        "{errors}"
    );
    let directory = TempDir::new().unwrap();
    fs::write(directory.path().join("p.toml"), "[[route]]\npath = 'a'\nweight = -1\nsteps = [ { cpi = 1 } ]\n")
        .unwrap();
    let arguments = ["check", "--profile", "p.toml", "--workers", "0"];
    let (code, output, errors) = outcome(&mut command(&arguments, directory.path()));
    assert_eq!((code, &*output), (Some(2), ""), "{errors}");
    for part in
        ["4 mistakes", "--workers 0: ", "line 2 column 8: route.path = a", "line 3 column 10", "line 4 column 13"]
    {
        assert!(errors.contains(part), "{part} in {errors}");
    }
}

#[test]
fn every_built_in_profile_can_be_written_down_and_checked() {
    let directory = TempDir::new().unwrap();
    for (name, _) in BUILT_IN {
        let (code, text, errors) = run(&["profiles", name]);
        assert_eq!((code, &*errors), (Some(0), ""), "{name}");
        fs::write(directory.path().join("p.toml"), text).unwrap();
        let (code, _, errors) = outcome(&mut command(&["check", "--profile", "p.toml"], directory.path()));
        assert_eq!((code, &*errors), (Some(0), ""), "{name}");
    }
}

/// Python's own parser reads it, where there is one; what it can't import is not looked at.
#[test]
fn the_load_of_a_profile_is_a_locust_file() {
    let directory = tempfile::TempDir::new().unwrap();
    let bodies = "[load]\nrequests = 9\nconcurrency = 3\nlogin = \"PUT /up\"\nthink = \"1s\"\n
        [[route]]\nmethod = [\"POST\", \"PUT\"]\npath = \"/up\"\nrequest = { size = 300_000 }\n
        [[route]]\nmethod = \"PATCH\"\npath = \"/\"\n";
    fs::write(directory.path().join("up.toml"), bodies).unwrap();
    let print = |name: &str| outcome(&mut command(&["profiles", name, "--locustfile"], directory.path()));
    for (name, words) in [
        (
            "flask-locust",
            &[
                "(\"GET\", \"/io\", body(0))",
                "(\"GET\", \"/health\", body(0))",
                "WEIGHTS = [1, 1, 1]",
                "(100, 10, 180)",
                "THINK = (0.1, 0.5)",
                "LOGIN = None",
            ][..],
        ),
        ("node-cluster", &["(\"GET\", \"/work\", body(0))", "REQUESTS = 10000", "(482, 482, float(\"inf\"))"]),
        (
            "up.toml",
            &[
                "(\"POST\", \"/up\", body(300000))",
                "(\"PUT\", \"/up\", body(300000))",
                "(\"PATCH\", \"/\", body(64))",
                "LOGIN = (\"PUT\", \"/up\", body(300000))",
                "THINK = (1, 1)",
            ],
        ),
    ] {
        let (code, text, errors) = print(name);
        assert_eq!((code, errors.as_str()), (Some(0), ""), "{name}");
        assert!(words.iter().all(|word| text.contains(word)), "{name}: {text}");
        let file = directory.path().join("locustfile.py");
        std::fs::write(&file, text).unwrap();
        let parsed = std::process::Command::new("python3")
            .args(["-c", "import ast, sys; ast.parse(open(sys.argv[1]).read())"])
            .arg(&file)
            .output();
        match parsed {
            Ok(output) => assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => eprintln!("its syntax is not checked: python3 can't be run ({error})"),
        }
    }
    for (name, sentence) in [("default", "it has no [load]"), ("flask", "did you mean flask-locust?")] {
        let (code, text, errors) = print(name);
        assert_eq!((code, text.as_str()), (Some(2), ""), "{name}");
        assert!(errors.contains(sentence), "{name}: {errors}");
    }
    let (code, _, errors) = outcome(&mut command(&["profiles", "--locustfile"], directory.path()));
    assert!(code == Some(2) && errors.contains("name the profile"), "{errors}");
}
