//! `quintain compare` runs real targets and a real load, says what its figures bear, and leaves nothing behind.
//!
//! The load is `quintain health` in a loop: a command that is there wherever the tests are.

use std::fs;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::comparison::{PROGRAM, command, compare, nothing_is_left, results, said};
use crate::support::target::Target;
use crate::support::wait_at_most;

const REQUESTS: u64 = 10;

fn load() -> String {
    load_by(&format!("{PROGRAM} health '{{url}}/health'"))
}

fn load_by(command: &str) -> String {
    let requests: Vec<String> = (0..REQUESTS).map(|number| number.to_string()).collect();
    format!("for i in {}; do {command} || exit 1; done", requests.join(" "))
}

#[test]
fn rounds_are_pairs_whose_figures_are_the_target_s() {
    let home = tempfile::tempdir().unwrap();
    let output = compare(
        &["--a", "", "--b", "mode=cluster,workers=2", "--load", &load(), "--rounds", "6", "--output", "it"],
        home.path(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let it = home.path().join("it");
    let results = results(&it);
    let rounds = results["rounds"].as_array().unwrap();
    assert_eq!(rounds.len(), 6, "{results}");
    for round in rounds {
        for arm in round["arms"].as_array().unwrap() {
            assert_eq!(arm["around"]["finished"], REQUESTS, "{round}");
            assert_eq!(arm["around"]["statuses"]["200"], REQUESTS, "{round}");
            assert!(arm["figures"]["requests_per_s"].as_f64().unwrap() > 0.0, "{round}");
            let figures = &arm["figures"];
            assert!(figures["p50_us"].as_f64() <= figures["max_us"].as_f64(), "{round}");
            assert_eq!(figures["errors_pct"], 0.0, "{round}");
        }
    }
    for name in ["results.txt", "results.md", "pairs.csv", "a.bench", "b.bench", "report.html"] {
        assert!(fs::metadata(it.join(name)).unwrap().len() > 0, "{name}");
    }
    let table = String::from_utf8(output.stdout).unwrap();
    for words in [
        "A: defaults",
        "B: mode=cluster,workers=2",
        "requests/s",
        "95 % interval",
        "6 pairs",
        "report: it/report.html",
    ] {
        assert!(table.contains(words), "{table} lacks {words}");
    }
    assert_eq!(fs::read_to_string(it.join("pairs.csv")).unwrap().lines().count(), 1 + 2 * 6);
    nothing_is_left(&it);
}

#[test]
fn a_change_beyond_a_bound_exits_with_1_and_one_within_it_with_0() {
    let home = tempfile::tempdir().unwrap();
    // Each process of a cluster has pages of its own: no machine makes it the other way round.
    // The load lasts longer than a tick, so that a row tells of memory. `health` gives up after a second, which is too soon on a
    // machine that is paused: then the load asks again.
    let ask = format!("{PROGRAM} health '{{url}}/io?ms=50'");
    let load = load_by(&format!("{{ {ask} || {ask} || {ask}; }}"));
    let with = |condition: &str, place: &str| {
        compare(
            &[
                "--a",
                "",
                "--b",
                "mode=cluster,workers=2",
                "--load",
                &load,
                "--rounds",
                "6",
                "--judge",
                "memory_bytes",
                "--fail-if",
                condition,
                "--output",
                place,
            ],
            home.path(),
        )
    };
    let broken = with("memory_bytes > 5%", "broken");
    assert_eq!(broken.status.code(), Some(1), "{}", said(&broken));
    assert!(said(&broken).contains("B is worse: memory, most +"), "{}", said(&broken));
    let held = with("memory_bytes < -5%", "held");
    assert_eq!(held.status.code(), Some(0), "{}", said(&held));
}

#[test]
fn an_interrupted_comparison_keeps_its_rounds_and_goes_on() {
    let home = tempfile::tempdir().unwrap();
    let it = home.path().join("it");
    let flags = ["--noise-floor", "--load", &load(), "--rounds", "7"];
    let child = command(&[&flags[..], &["--output", "it"]].concat(), home.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let rounds = || fs::read_to_string(it.join("rounds.jsonl")).unwrap_or_default().lines().count();
    wait_at_most(Duration::from_mins(2), "two rounds", || (rounds() >= 2).then_some(()));
    let pid = rustix::process::Pid::from_raw(i32::try_from(child.id()).unwrap()).unwrap();
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert!(said(&output).contains("It was interrupted"), "{}", said(&output));
    nothing_is_left(&it);
    let done = rounds();
    assert!((2..7).contains(&done), "{done}");

    let other = compare(&["--noise-floor", "--load", &load(), "--rounds", "8", "--resume", "it"], home.path());
    assert_eq!(other.status.code(), Some(2), "{}", said(&other));
    assert!(said(&other).contains("it was begun with other flags"), "{}", said(&other));

    let resumed = compare(&[&flags[..], &["--resume", "it"]].concat(), home.path());
    assert_eq!(resumed.status.code(), Some(0), "{}", said(&resumed));
    assert_eq!(rounds(), 7);
    assert_eq!(results(&it)["rounds"].as_array().unwrap().len(), 7);
    nothing_is_left(&it);
}

#[test]
fn a_load_that_fails_ends_it_with_3_and_keeps_what_was_done() {
    let home = tempfile::tempdir().unwrap();
    // The third load fails: the first arm of the second round.
    let failing = format!(
        "echo x >> {0}/count; [ $(wc -l < {0}/count) -lt 3 ] || {{ echo no more >&2; exit 7; }}; {1}",
        home.path().display(),
        load()
    );
    let output =
        compare(&["--a", "", "--b", "", "--load", &failing, "--rounds", "6", "--output", "it"], home.path());
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    for words in ["round 2: arm", "ended with exit code 7: no more", "1 of the rounds are kept", "--resume it"] {
        assert!(said(&output).contains(words), "{} lacks {words}", said(&output));
    }
    assert_eq!(fs::read_to_string(home.path().join("it/rounds.jsonl")).unwrap().lines().count(), 1);
    nothing_is_left(&home.path().join("it"));

    let silent = compare(
        &["--a", "", "--b", "", "--load", "true {url}", "--rounds", "6", "--output", "silent"],
        home.path(),
    );
    assert_eq!(silent.status.code(), Some(3), "{}", said(&silent));
    assert!(said(&silent).contains("the target saw no request of the load"), "{}", said(&silent));
}

#[test]
fn wrong_usage_is_refused_before_the_first_round_with_every_mistake() {
    let home = tempfile::tempdir().unwrap();
    for (arguments, expected) in [
        (&["--b", "mode=cluster"][..], "--a is missing"),
        (
            &["--a", "workers=2,mod=cluster", "--b", ""],
            "arm A: --mod: there is no such setting; did you mean --mode?",
        ),
        (&["--a", "workers=0", "--b", ""], "arm A: --workers 0"),
        (&["--a", "listen=127.0.0.1:1", "--b", ""], "--a listen=…: compare sets it itself"),
        (&["--a", "", "--b", "", "--with", "ohh"], "did you mean oha?"),
        (
            &["--a", "", "--b", "", "--with", "wrk", "--requests", "5"],
            "wrk runs for a time and knows no number of requests",
        ),
        (
            &["--a", "", "--b", "", "--with", "ab", "--requests", "9", "--warmup", "200ms"],
            "--warmup: ab takes whole seconds",
        ),
        (&["--a", "", "--b", "", "--with", "wrk", "--rate", "5"], "--rate: wrk sends as fast as answers come"),
        (&["--a", "", "--b", "", "--load", "curl localhost"], "there is no {url} in it"),
        (&["--a", "", "--b", "", "--load", "x {url}", "--rate", "5"], "--rate: --load is a whole command"),
        (&["--a", "", "--b", "", "--rounds", "5"], "--rounds 5: allowed: a whole number from 6 to 1000"),
        (&["--a", "", "--b", "", "--judge", "clients"], "--judge clients: it belongs to the load"),
        (&["--a", "", "--b", "", "--judge", "rps"], "--judge rps: there is no row \"rps\""),
        (&["--a", "", "--b", "", "--judge", "p99_us"], "offer both arms the same --rate"),
        (&["--a", "", "--b", "", "--floor", "much"], "--floor much: allowed: a percentage"),
        (&["--a", "", "--b", "", "--busy", "0%"], "--busy 0%: allowed: a percentage above 0%"),
        (&["--a", "", "--b", "", "--hang-after", "soon"], "--hang-after soon: "),
        (&["--a", "", "--b", "command=nginx"], "it takes both a command= and a url="),
        (
            &["--a", "", "--b", "command=x,url=http://127.0.0.1:1", "--load", "x {url} {admin}"],
            "an arm that is not quintain has no {admin}",
        ),
        (&["--a", "", "--b", "", "--fail-if", "requests_per_s = 5%"], "there is neither < nor >"),
        (&["--a", "", "--b", "", "--path", "health"], "a path that begins with /"),
        (&["--a", "", "--b", "", "--body", PROGRAM], "say with --path where to it is posted"),
        (&["--a", "", "--b", "", "--path", "/echo", "--body", "nowhere"], "--body nowhere: it can't be read ("),
        (
            &["--a", "", "--b", "", "--path", "/echo", "--body", "/tmp"],
            "--body /tmp: it can't be read (it is no regular file)",
        ),
        (
            &["--a", "", "--b", "", "--path", "/echo", "--body", PROGRAM, "--with", "locust"],
            "--body: locust posts no file",
        ),
        (&["--a", "", "--b", "", "--duration", "3s", "--requests", "5"], "give one of them"),
        (&["--a", "", "--b", "", "--warmup", "0s"], "--warmup 0s: allowed: a duration above 0"),
        (&["--a", "", "--b", "", "--pin", "4000"], "numbers of CPUs that this process may use"),
        (&["--a", "", "--b", "", "--seed", "1", "--seed", "2"], "--seed is given more than once"),
        (
            &["--a", "", "--b", "", "--load", "x {url}", "--resume", "nowhere"],
            "--resume nowhere: it holds no comparison",
        ),
        (&["--a", "", "--b", "", "--concurency", "5"], "did you mean --concurrency?"),
    ] {
        let output = compare(arguments, home.path());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        let times = said(&output).matches(expected).count();
        assert_eq!(times, 1, "{arguments:?}: {} should say once: {expected}", said(&output));
    }
    assert_eq!(fs::read_dir(home.path()).unwrap().count(), 0, "something was written");
}

#[test]
fn health_is_an_exit_code() {
    let ask = |url: &str| Command::new(PROGRAM).args(["health", url]).output().unwrap();
    let target = Target::start(&[]);
    let url = |path: &str| format!("http://{}{path}", target.address());
    assert_eq!(ask(&url("")).status.code(), Some(0));
    assert_eq!(ask(&url("/status/503")).status.code(), Some(1));
    assert_eq!(ask("http://127.0.0.1:1").status.code(), Some(1));
    assert_eq!(ask("127.0.0.1").status.code(), Some(2));
    // Nobody answers within a second.
    let begun = Instant::now();
    assert_eq!(ask(&url("/io?ms=20000")).status.code(), Some(1));
    assert!(begun.elapsed() < Duration::from_secs(15));
    target.end();
}
