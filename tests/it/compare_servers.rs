//! `quintain compare` with arms that are another binary or another server: counted by the client, ended whole.
//!
//! The other server is a plain command that happens to be quintain, of which nothing is told; the load a client in shell that
//! prints what oha prints.

use std::fs;
use std::path::Path;
use std::process::Output;

use serde_json::Value;

use crate::support::comparison::{PROGRAM, compare, nothing_is_left, results, said};

const REQUESTS: u64 = 10;

/// Asks so often, and prints as oha does what came of it: `client.sh PROGRAM URL COUNT`.
const CLIENT: &str = r#"
count=0 good=0 bad=0 begun=$(date +%s%N)
while [ $count -lt $3 ]; do
    # What comes too late on a crowded machine is asked again.
    case $($1 health "$2" 2>&1) in
        "200 "*) good=$((good + 1)) ;;
        *"status: 404"*) bad=$((bad + 1)) ;;
        *) continue ;;
    esac
    count=$((count + 1))
done
ns=$(($(date +%s%N) - begun))
seconds() { printf '%d.%09d' $(($1 / 1000000000)) $(($1 % 1000000000)); }
mean=$(seconds $((ns / count))) rate=$((count * 1000000000 / ns))
[ $bad = 0 ] && statuses="\"200\": $good" || statuses="\"404\": $bad"
cat <<JSON
{"summary": {"successRate": 1.0, "total": $(seconds $ns), "slowest": $mean, "fastest": $mean, "average": $mean,
  "requestsPerSec": $rate, "totalData": $((2 * count))}, "latencyPercentiles": {"p50": $mean},
  "statusCodeDistribution": {$statuses}, "errorDistribution": {}}
JSON
"#;

/// Answers 404 to everything but `/health`.
const PROFILE: &str = r#"
[[route]]
method = "GET"
path = "/other"

[[fault]]
name = "nothing is there"
route = "*"
kinds = [{ kind = "status", code = 404, rate = 1.0 }]
"#;

struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("client.sh"), CLIENT).unwrap();
        fs::write(home.path().join("profile.toml"), PROFILE).unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    /// Six rounds, whose scripts lie where the user is.
    fn compare(&self, a: &str, b: &str, more: &[&str]) -> Output {
        let load = format!("sh client.sh {PROGRAM} '{{url}}/io?ms=0' {REQUESTS}");
        let flags = ["--a", a, "--b", b, "--load", &load, "--output", "it"];
        let rounds = if more.contains(&"--rounds") { &[][..] } else { &["--rounds", "6"] };
        compare(&[&flags[..], rounds, more].concat(), self.path())
    }

    fn results(&self) -> Value {
        results(&self.path().join("it"))
    }

    /// A server of a tree of processes, each of which names this directory in its command.
    fn server(&self, before: &str, settings: &str) -> String {
        let home = self.path().display();
        format!(
            "command={before}exec {PROGRAM} serve --mode cluster --workers 1 --listen 127.0.0.1:{{port}} --admin off --run-dir {home}/$$ {settings},url=http://127.0.0.1:{{port}}"
        )
    }

    /// Nothing that names this directory runs any more.
    fn is_quiet(&self) {
        let home = self.path().display().to_string();
        for process in fs::read_dir("/proc").unwrap().flatten() {
            let command = fs::read(process.path().join("cmdline")).unwrap_or_default();
            let command = String::from_utf8_lossy(&command).replace('\0', " ");
            assert!(!command.contains(&home), "{} still runs: {command}", process.path().display());
        }
    }
}

#[test]
fn another_server_is_counted_by_the_client_and_ended_with_its_tree() {
    let home = Home::new();
    let output = home.compare(&home.server("", ""), "mode=single", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let words = "A is not quintain: the figures of both arms are the client's";
    assert!(said(&output).contains(words), "{}", said(&output));
    let results = home.results();
    assert_eq!(results["figures_by"], "client");
    for arm in results["rounds"].as_array().unwrap().iter().flat_map(|round| round["arms"].as_array().unwrap()) {
        assert_eq!(arm["around"]["finished"], REQUESTS, "{arm}");
        assert_eq!(arm["around"]["statuses"]["200"], REQUESTS, "{arm}");
        assert_eq!(arm["around"]["bytes_per_request"], 2.0, "{arm}");
        assert_eq!(arm["figures"], {
            let mut client = arm["client"].clone();
            for outside in ["tree_cpu_s_per_1000", "memory_bytes", "memory_growth_bytes", "start_s"] {
                assert!(arm["figures"][outside].as_f64().unwrap() >= 0.0, "{arm}");
                client[outside] = arm["figures"][outside].clone();
            }
            client
        });
    }
    assert!(
        said(&output).contains("requests/s") && !said(&output).contains("by the client\n"),
        "{}",
        said(&output)
    );
    home.is_quiet();
}

#[test]
fn arms_that_do_not_answer_alike_get_no_verdict() {
    let home = Home::new();
    let output = home.compare("", &home.server("", "--profile profile.toml"), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for words in ["No verdict, for the reasons below", "0 % of A's answers and 100 % of B's had status 404"] {
        assert!(said(&output).contains(words), "{} lacks {words}", said(&output));
    }
}

#[test]
fn a_server_that_leaves_its_group_or_ignores_term_is_ended_all_the_same() {
    let home = Home::new();
    // The child ignores TERM and leads a session of its own.
    let child = "while :; do sleep 1234; done";
    let before = format!("trap '' TERM; setsid sh -c 'trap \"\" TERM; {child}' {} & ", home.path().display());
    let output = home.compare("", &home.server(&before, ""), &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    home.is_quiet();
}

#[test]
fn a_server_that_does_not_serve_gets_a_sentence() {
    for (server, more, expected) in [
        (
            "command=echo no such module >&2; exit 3,url=http://127.0.0.1:1",
            &[][..],
            "exit code 3 before it was loaded",
        ),
        ("command=true,url=http://127.0.0.1:1", &[], "it has to stay in the foreground"),
        (
            "command=exec sleep 1000 {port},url=http://127.0.0.1:{port}",
            &["--hang-after", "1s", "--duration", "10m"],
            "/health did not answer within 1 s",
        ),
        ("command=/nowhere/server {port},url=http://127.0.0.1:{port}", &[], "not found"),
    ] {
        let home = Home::new();
        let output = home.compare("", server, more);
        assert_eq!(output.status.code(), Some(3), "{server}: {}", said(&output));
        assert!(said(&output).contains(expected), "{} lacks {expected}", said(&output));
        assert!(said(&output).contains("round 1: arm B: "), "{}", said(&output));
        home.is_quiet();
    }
    // Somebody else would be measured.
    let home = Home::new();
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", taken.local_addr().unwrap());
    let output = home.compare("", &format!("command=exec sleep 1000,url={url}"), &[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("is taken before B's server is started"), "{}", said(&output));
}

#[test]
fn a_load_that_can_t_be_read_is_enough_for_what_is_seen_from_outside() {
    let home = Home::new();
    let with = |place: &str, row: &str| {
        let load = format!("{PROGRAM} health {{url}}/health; true");
        let flags = [
            "--a",
            &home.server("", ""),
            "--b",
            "",
            "--load",
            &load,
            "--rounds",
            "6",
            "--judge",
            row,
            "--output",
            place,
        ];
        compare(&flags, home.path())
    };
    let memory = with("memory", "memory_bytes");
    assert_eq!(memory.status.code(), Some(0), "{}", said(&memory));
    assert!(said(&memory).contains("B is ") || said(&memory).contains("Can't tell yet"), "{}", said(&memory));
    let start = with("start", "start_s");
    assert_eq!(start.status.code(), Some(0), "{}", said(&start));
    assert!(said(&start).contains(": start "), "{}", said(&start));
    let rate = with("rate", "requests_per_s");
    assert_eq!(rate.status.code(), Some(3), "{}", said(&rate));
    assert!(said(&rate).contains("one arm is not quintain: nothing tells requests/s"), "{}", said(&rate));
}

#[test]
fn a_command_that_takes_seconds_is_run_for_the_warm_up_too() {
    let home = Home::new();
    let load = format!("echo {{seconds}} >> seconds; {PROGRAM} health {{url}}/health; true");
    let flags = ["--a", "", "--b", "", "--load", &load, "--duration", "2s", "--rounds", "6", "--output", "it"];
    let output = compare(&flags, home.path());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    assert_eq!(fs::read_to_string(home.path().join("seconds")).unwrap(), "1\n2\n".repeat(12));
    let output = compare(&[&flags[..6], &["--duration", "1500ms"]].concat(), home.path());
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
    assert!(said(&output).contains("--duration: {seconds} in --load takes whole seconds"), "{}", said(&output));
}

#[test]
fn what_runs_beside_an_arm_is_there_while_it_is_measured_and_ends_with_it() {
    let home = Home::new();
    let output = home.compare("", "beside=exec sleep 1000, 2000", &[]);
    assert_eq!(output.status.code(), Some(3), "sleep takes no comma: {}", said(&output));
    assert!(said(&output).contains("what runs beside it ended with exit code 1: Try"), "{}", said(&output));

    let home = Home::new();
    let beside = format!("beside=echo {{url}} {{admin}} >> beside; tail -f {}/beside", home.path().display());
    let output = home.compare("", &beside, &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let addresses = fs::read_to_string(home.path().join("beside")).unwrap();
    assert_eq!((addresses.lines().count(), addresses.matches("http://127.0.0.1:").count()), (6, 12), "{addresses}");
    home.is_quiet();
}

#[test]
fn an_arm_that_fails_to_start_in_round_7_keeps_six_rounds() {
    let home = Home::new();
    let before = "echo >> starts; [ $(wc -l < starts) -lt 7 ] || { echo worn out >&2; exit 9; }; ";
    let server = home.server(before, "");
    let output = home.compare("", &server, &["--rounds", "8"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    for words in ["round 7: arm B: the server ended with exit code 9", "worn out", "6 of the rounds are kept"] {
        assert!(said(&output).contains(words), "{} lacks {words}", said(&output));
    }
    assert_eq!(fs::read_to_string(home.path().join("it/rounds.jsonl")).unwrap().lines().count(), 6);
    nothing_is_left(&home.path().join("it"));
    home.is_quiet();
}

#[test]
fn another_binary_of_quintain_tells_its_own_figures() {
    let home = Home::new();
    fs::copy(PROGRAM, home.path().join("other")).unwrap();
    let output = home.compare("", "binary=other,mode=threads,workers=2", &[]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    let results = home.results();
    assert_eq!(results["figures_by"], "target");
    let record = fs::read_to_string(home.path().join("it/rounds/001/b/run/run.json")).unwrap();
    let record: Value = serde_json::from_str(&record).unwrap();
    assert!(record["command"].to_string().contains("/other"), "{record}");
    for arm in results["rounds"].as_array().unwrap().iter().flat_map(|round| round["arms"].as_array().unwrap()) {
        assert!(arm["around"]["finished"].as_u64().unwrap() >= REQUESTS, "{arm}");
        let [tree, workers] = ["tree_cpu_s_per_1000", "cpu_s_per_1000"].map(|row| arm["figures"][row].as_f64());
        assert!(tree.unwrap() > 0.9 * workers.unwrap(), "{arm}");
    }
}

#[test]
fn a_binary_that_is_none_is_refused_before_the_first_round() {
    let home = Home::new();
    let script = |name: &str, text: &str| {
        use std::os::unix::fs::PermissionsExt;
        fs::write(home.path().join(name), text).unwrap();
        fs::set_permissions(home.path().join(name), fs::Permissions::from_mode(0o755)).unwrap();
    };
    script("other.sh", "#!/bin/sh\necho something else\n");
    fs::copy(PROGRAM, home.path().join("other")).unwrap();
    for (arm, expected) in [
        ("binary=nowhere", "binary=nowhere: there is no such file"),
        ("binary=other.sh", "it is not quintain; command='…',url=… runs any server"),
        ("binary=other,workers=0", "arm B: --workers 0"),
        ("binary=other,wokers=1", "arm B: --wokers: there is no such setting; did you mean --workers?"),
        ("command=x", "it takes both a command= and a url="),
    ] {
        let output = home.compare("", arm, &[]);
        assert_eq!(output.status.code(), Some(2), "{arm}: {}", said(&output));
        assert_eq!(said(&output).matches(expected).count(), 1, "{arm}: {} lacks {expected}", said(&output));
        assert!(!home.path().join("it").exists(), "{arm}: something was written");
    }
}

/// nginx, where there is one; `daemon` says whether it leaves the foreground.
fn nginx(home: &Home, daemon: &str) -> String {
    let place = home.path().display();
    // Whoever runs it owns the files.
    let user = if rustix::process::getuid().is_root() { "user root; " } else { "" };
    let conf = format!(
        "{user}daemon {daemon}; pid {place}/nginx.pid; error_log {place}/error.log; events {{}}
         http {{ access_log off; server {{ listen 127.0.0.1:@PORT@; location / {{ return 200 OK; }} }} }}"
    );
    fs::write(home.path().join("nginx.in"), conf).unwrap();
    let start = "sed s/@PORT@/{port}/ nginx.in > nginx.conf && exec nginx";
    format!("command={start} -p {place} -c {place}/nginx.conf,url=http://127.0.0.1:{{port}}")
}

#[test]
fn nginx_is_an_arm_in_the_foreground_and_refused_as_a_daemon() {
    if let Err(error) = std::process::Command::new("nginx").arg("-v").output() {
        eprintln!("nginx as an arm is not tested: it can't be run ({error})");
        return;
    }
    let home = Home::new();
    let output = home.compare(&nginx(&home, "off"), "", &["--judge", "tree_cpu_s_per_1000"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for row in ["tree_cpu_s_per_1000", "memory_bytes", "requests_per_s"] {
        assert!(home.results()["rows"][row]["a"].as_f64().unwrap() > 0.0, "{}", home.results()["rows"]);
    }
    home.is_quiet();

    let home = Home::new();
    let output = home.compare(&nginx(&home, "on"), "", &[]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("it has to stay in the foreground"), "{}", said(&output));
    home.is_quiet();
}
