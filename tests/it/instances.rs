//! Several instances of the target under one test are one account: their report and `verify` sum them, say what one of them
//! lacks, and refuse in a sentence what is not one test.

use std::fmt::Write;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::load::{Load, Tally};
use crate::support::target::{Target, command, outcome, rows, with_free_ports};
use crate::support::wait_for;

/// Instances of these names, whose runs lie beside each other.
fn start(place: &Path, names: &[&str], more: &[&str]) -> Vec<Target> {
    let one = |(number, name): (usize, &&str)| {
        let run = place.join(format!("{number}-{name}"));
        let own = ["--instance", name, "--run-dir", run.to_str().unwrap()];
        let directory = TempDir::new().unwrap();
        let command = command(&with_free_ports(&[&own[..], more].concat()), directory.path());
        Target::start_with(command, directory)
    };
    names.iter().enumerate().map(one).collect()
}

/// The run directories, in the order of their names.
fn runs(place: &Path) -> Vec<PathBuf> {
    let mut runs: Vec<PathBuf> =
        fs::read_dir(place).unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_dir()).collect();
    runs.sort();
    runs
}

/// What a verb came to: code, stdout, stderr.
fn quintain(verb: &str, runs: &[PathBuf], more: &[&str]) -> (Option<i32>, String, String) {
    let runs = runs.iter().map(|run| run.to_str().unwrap());
    let arguments: Vec<&str> = [verb].into_iter().chain(runs).chain(more.iter().copied()).collect();
    let directory = TempDir::new().unwrap();
    outcome(&mut command(&arguments, directory.path()))
}

fn markdown(runs: &[PathBuf]) -> (String, String) {
    let (code, page, said) = quintain("report", runs, &["--format", "md", "--output", "-"]);
    assert_eq!(code, Some(0), "{said}");
    (page, said)
}

/// A client's account as oha would write it.
fn account(place: &Path, clients: &Tally) -> PathBuf {
    let path = place.join("oha.json");
    let content = json!({
        "summary": { "successRate": 1.0, "total": 1.0, "requestsPerSec": clients.answered, "totalData": 0 },
        "latencyPercentiles": {},
        "statusCodeDistribution": { "200": clients.answered },
        "errorDistribution": { "connection reset by peer": clients.failed, "Connection refused": clients.refused },
    });
    fs::write(&path, content.to_string()).unwrap();
    path
}

/// The check of this name among all that `verify` says.
fn check<'a>(all: &'a Value, name: &str) -> &'a Value {
    all["checks"].as_array().unwrap().iter().find(|check| check["check"] == name).unwrap()
}

/// The verdict of the check of requests, and all that `verify` says.
fn of_requests(runs: &[PathBuf], output: &Path) -> (String, Value) {
    let (_, said, errors) = quintain("verify", runs, &[output.to_str().unwrap(), "--format", "json"]);
    let object: Value = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{error}: {said} {errors}"));
    (check(&object, "requests")["verdict"].as_str().unwrap().to_owned(), object)
}

fn sum(tallies: &[Tally]) -> Tally {
    tallies.iter().fold(Tally::default(), |sum, one| Tally {
        sent: sum.sent + one.sent,
        answered: sum.answered + one.answered,
        not_ok: sum.not_ok + one.not_ok,
        failed: sum.failed + one.failed,
        refused: sum.refused + one.refused,
    })
}

#[test]
fn what_all_have_answered_is_one_account_to_the_request() {
    let place = TempDir::new().unwrap();
    let names = ["a", "b", "c"];
    let targets = start(place.path(), &names, &["--mode", "threads", "--workers", "2"]);
    let loads: Vec<Load> = targets.iter().map(|target| Load::start(target.address(), "/json", 1)).collect();
    for (load, answers) in loads.iter().zip([600, 300, 100]) {
        load.answers(answers);
    }
    let clients = sum(&loads.into_iter().map(Load::stop).collect::<Vec<_>>());
    for target in targets {
        assert_eq!(target.end().code, Some(0));
    }
    let runs = runs(place.path());
    let (page, said) = markdown(&runs);
    assert_eq!(said, "");
    let answered = clients.answered;
    for expected in [
        "# 3 instances (a, b, c)".to_owned(),
        format!("**The account balances: {} requests finished", thousands(answered)),
        "| a | 0-a | threads 2 |".to_owned(),
        "| b/1 |".to_owned(),
        "by its wall clock".to_owned(),
    ] {
        assert!(page.contains(&expected), "{expected}: {page}");
    }
    let (verdict, all) = of_requests(&runs, &account(place.path(), &clients));
    assert_eq!(verdict, "agrees", "{all:#}");
    let requests = check(&all, "requests");
    let [theirs, ours] = ["oha", "target"].map(|who| format!("{who}: {} answered", thousands(answered)));
    assert_eq!([&requests["theirs"], &requests["ours"]], [&theirs, &ours], "{all:#}");
    assert_eq!(requests["cause"], "to the request", "{all:#}");
    // One that is missing is missed.
    let (verdict, all) = of_requests(&runs[..2], &account(place.path(), &clients));
    assert_eq!(verdict, "differs", "{all:#}");
    assert!(all.to_string().contains("an instance"), "{all:#}");
}

/// As reports write counts.
fn thousands(count: u64) -> String {
    let digits = count.to_string();
    let first = digits.len() % 3;
    let groups = std::iter::once(&digits[..first])
        .chain(digits.as_bytes()[first..].chunks(3).map(|group| str::from_utf8(group).unwrap()));
    groups.filter(|group| !group.is_empty()).collect::<Vec<_>>().join(",")
}

#[test]
fn what_a_killed_instance_finished_after_its_last_row_is_a_gap_and_no_disagreement() {
    let place = TempDir::new().unwrap();
    let mut targets = start(place.path(), &["a", "b"], &["--sample-interval", "500ms"]);
    let loads: Vec<Load> = targets.iter().map(|target| Load::start(target.address(), "/io?ms=2", 2)).collect();
    let file = place.path().join("1-b/resources.csv");
    wait_for("five rows", || (rows(&file).len() > 5).then_some(()));
    let in_file = || rows(&file).last().unwrap()["requests_total"].parse::<u64>().unwrap();
    // Something that no row has.
    loads[1].answers(20);
    targets[1].kill();
    let in_file = in_file();
    let tallies: Vec<Tally> = loads.into_iter().map(Load::stop).collect();
    let clients = sum(&tallies);
    let killed = targets.pop().unwrap();
    drop(killed);
    for target in targets {
        assert_eq!(target.end().code, Some(0));
    }
    assert!(tallies[1].answered > in_file, "the kill came in the middle of a tick: {tallies:?} {in_file}");
    let runs = runs(place.path());
    let (page, said) = markdown(&runs);
    for text in [&page, &said] {
        assert!(text.contains("instance b has no row after") && text.contains("in no file"), "{text}");
    }
    assert!(page.contains("| b | 1-b | single 1 |") && page.contains("| not in order |"), "{page}");
    let (verdict, all) = of_requests(&runs, &account(place.path(), &clients));
    assert_eq!(verdict, "agrees", "{all:#}");
    let failures = all["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "failures");
    assert!(
        failures.clone().count() > 0 && failures.into_iter().all(|check| check["verdict"] == "agrees"),
        "{all:#}"
    );
    let missing = thousands(tallies[1].answered - in_file);
    assert!(all.to_string().contains(&format!("{missing} are in none of its files: instance b")), "{all:#}");
    // The same of a run by itself.
    let (verdict, all) = of_requests(&runs[1..], &account(place.path(), &tallies[1]));
    assert_eq!(verdict, "agrees", "{all:#}");
    assert!(all.to_string().contains(&format!("{missing} are in none of its files: the run")), "{all:#}");
}

/// A run as an instance leaves it: what its `run.json` says beside its name, when it began (s since 1970), and its requests
/// row by row, a second each.
fn made(place: &Path, name: &str, record: &Value, began_s: u64, requests: &[u64]) -> PathBuf {
    let run = place.join(name);
    fs::create_dir(&run).unwrap();
    fs::write(run.join("run.json"), record.to_string()).unwrap();
    let mut text = "epoch_ms,elapsed_s,interval_s,phase,rps,requests_total\n".to_owned();
    let mut before = None;
    for (second, total) in (0_u64..).zip(requests) {
        let rps = before.replace(total).map(|before| (total - before).to_string()).unwrap_or_default();
        let interval = if second == 0 { "" } else { "1.0" };
        let _ = writeln!(text, "{},{second}.0,{interval},run,{rps},{total}", 1_000 * (began_s + second));
    }
    fs::write(run.join("resources.csv"), text).unwrap();
    run
}

fn record(name: &str, more: &Value) -> Value {
    let mut record = json!({ "instance": name, "seed": 1, "profile": { "name": "default" }, "config": { "sample_interval": "1s" } });
    record.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    record
}

#[test]
fn what_is_not_one_test_is_refused_in_a_sentence() {
    let place = TempDir::new().unwrap();
    let none = json!({});
    let a = made(place.path(), "a", &record("a", &none), 1_000, &[0, 10, 20, 30]);
    let later = made(place.path(), "later", &record("later", &none), 4_600, &[0, 10, 20]);
    let profile = json!({ "profile": { "name": "market" } });
    let other = made(place.path(), "other", &record("other", &profile), 1_000, &[0, 10, 20]);
    let switched = json!({ "profile": { "name": "default", "switches": [ { "name": "pool", "value": "50" } ] } });
    let switched = made(place.path(), "switched", &record("switched", &switched), 1_000, &[0, 10, 20]);
    let seeded = made(place.path(), "seeded", &record("seeded", &json!({ "seed": 7 })), 1_000, &[0, 10, 20]);
    let timeless = place.path().join("timeless");
    fs::create_dir(&timeless).unwrap();
    fs::write(timeless.join("run.json"), "{}").unwrap();
    let empty = place.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let output = account(place.path(), &Tally::default());
    for (second, sentence) in [
        (a.join("../a"), "are one directory: its requests would count twice"),
        (
            later,
            "a and later have no time in common: later began 59 min 57 s after the end of a, by their wall clocks",
        ),
        (other, "a and other have other profiles (default and market): they are not instances under one test"),
        (switched, "a and switched have other profiles (default and default, pool=50)"),
        (seeded, "a and seeded have other seeds (1 and 7)"),
        (timeless, "when "),
        (empty, "holds no run"),
        (output.clone(), "is no directory"),
        (place.path().join("nothing"), "there is no such run directory"),
    ] {
        let runs = [a.clone(), second];
        for (verb, more) in
            [("report", &["--format", "md", "--output", "-"][..]), ("verify", &[output.to_str().unwrap()])]
        {
            let (code, said, errors) = quintain(verb, &runs, more);
            assert_eq!((code, said.as_str()), (Some(2), ""), "{sentence}: {errors}");
            assert!(errors.starts_with("error: ") && errors.contains(sentence), "{sentence}: {errors}");
            assert_eq!(errors.lines().count(), 1, "{errors}");
        }
    }
    // Each by itself, as before.
    let (code, said, errors) =
        quintain("report", &[a.clone(), place.path().join("other")], &["--each", "--format", "md"]);
    assert_eq!((code, said.lines().count()), (Some(0), 2), "{errors}");
    assert!(a.join("report.md").is_file() && place.path().join("other/report.md").is_file());
}

#[test]
fn what_instances_need_not_have_in_common_is_said() {
    let place = TempDir::new().unwrap();
    let tick = json!({ "config": { "sample_interval": "2s" }, "version": "2" });
    let runs = [
        made(place.path(), "1", &record("web", &json!({ "version": "1" })), 1_000, &[0, 10, 20, 30, 40]),
        made(place.path(), "2", &record("web", &tick), 1_001, &[0, 5, 10, 15, 20]),
    ];
    let (page, said) = markdown(&runs);
    for sentence in [
        "2 runs at the same time are of instances called web: they are told apart as web#1, web#2",
        "the instances have other ticks (web#1: 1s, web#2: 2s); rows of all of them are as long as the longest",
        "the instances have other versions (web#1: 1, web#2: 2)",
        "web#2: marks.csv is missing",
        "instance web#1 has no row after 0:04, and did not end in order: it was killed, or still goes on; up to 10 requests",
    ] {
        assert!(said.contains(sentence), "{sentence}: {said}");
    }
    for expected in [
        r"# 2 instances (web\#1, web\#2)",
        "the wall clocks of several machines; how far those are apart is not known",
        "| run | 0:00 | 5 s | 60 |",
    ] {
        assert!(page.contains(expected), "{expected}: {page}");
    }
    // Beside the directories, unless it is told where.
    let (code, at, errors) = quintain("report", &runs, &[]);
    assert_eq!((code, at.trim()), (Some(0), place.path().join("report.html").to_str().unwrap()), "{errors}");
    let elsewhere = TempDir::new().unwrap();
    let far = made(elsewhere.path(), "3", &record("c", &json!({})), 1_000, &[0, 1, 2]);
    let (code, _, errors) = quintain("report", &[runs[0].clone(), far], &[]);
    assert_eq!(code, Some(2));
    assert!(
        errors.contains("these runs don't lie beside each other: name a place for their page with --output"),
        "{errors}"
    );
}

/// What `HAProxy`, the generator before it and two instances have really counted (`scripts/generator-outputs.sh`).
#[test]
fn a_balancers_account_is_held_against_each_instance() {
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded/haproxy");
    let runs = [recorded.join("a"), recorded.join("b")];
    for output in ["haproxy.csv", "hey.txt"] {
        let (verdict, all) = of_requests(&runs, &recorded.join(output));
        assert_eq!(verdict, "agrees", "{all:#}");
        let checks = all.to_string();
        assert!(
            checks.contains("to the request; ") && checks.contains("answers to health checks are left out"),
            "{all:#}"
        );
        let servers = all["checks"].as_array().unwrap().iter().filter(|check| check["check"] == "servers");
        let agreeing = servers.filter(|check| check["cause"] == "to the request").count();
        assert_eq!(agreeing, if output == "hey.txt" { 0 } else { 2 }, "{all:#}");
    }
    // The run of one is missing; and it is there by another name.
    let directory = TempDir::new().unwrap();
    let renamed = directory.path().join("c");
    fs::create_dir(&renamed).unwrap();
    for file in fs::read_dir(&runs[1]).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&file).unwrap().replace("\"instance\": \"b\"", "\"instance\": \"c\"");
        fs::write(renamed.join(file.file_name().unwrap()), text).unwrap();
    }
    let (_, all) = of_requests(&[runs[0].clone(), renamed], &recorded.join("haproxy.csv"));
    assert_eq!(all["verdict"], "agrees", "{all:#}");
    let (verdict, all) = of_requests(&runs[..1], &recorded.join("haproxy.csv"));
    assert_eq!(verdict, "differs", "{all:#}");
    assert!(all.to_string().contains("an instance is missing here"), "{all:#}");
}
