//! The published figures of a profile stand beside what was measured: in the report of a run, and in all files of a comparison
//! beside each arm of their mode.
//!
//! The load generator of the comparison is a script that speaks loadtest's language: its requests are real, made by
//! `quintain health`.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::support::target::Target;

const PROGRAM: &str = env!("CARGO_BIN_EXE_quintain");

/// Asks one after the other for as many answers as `-n` says, and says that it had two clients.
const LOADTEST: &str = "#!/bin/sh
count=3
while [ $# -gt 1 ]; do
    case $1 in -n) count=$2 ;; esac
    shift
done
for one in $(seq $count); do PROGRAM health \"$1\" || exit 1; done
cat <<TEXT
Target URL:          $1
Concurrent clients:  2
Completed requests:  $count
Total errors:        0
Total time:          1 s
Mean latency:        1 ms
Effective rps:       $count
  50%      1 ms
 100%      1 ms (longest request)
TEXT
";

fn compare(directory: &Path, arguments: &[&str]) -> Output {
    let generator = directory.join("loadtest");
    fs::write(&generator, LOADTEST.replace("PROGRAM", PROGRAM)).unwrap();
    fs::set_permissions(&generator, fs::Permissions::from_mode(0o755)).unwrap();
    let path = format!("{}:{}", directory.display(), std::env::var("PATH").unwrap());
    let common = ["compare", "--profile", "node-cluster", "--with", "loadtest", "--requests", "5", "--rounds", "6"];
    let mut command = Command::new(PROGRAM);
    command.args(common).args(["--concurrency", "2"]).args(arguments);
    command.current_dir(directory).env("PATH", path).stdin(Stdio::null()).output().unwrap()
}

#[test]
fn each_arm_stands_beside_the_published_figures_of_its_mode() {
    let home = tempfile::tempdir().unwrap();
    let arms = ["--a", "mode=cluster,workers=2", "--b", "", "--path", "/work", "--output", "it"];
    let output = compare(home.path(), &arms);
    assert!(output.status.success(), "{output:?}");
    let file = |name: &str| fs::read_to_string(home.path().join("it").join(name)).unwrap();

    let results: Value = serde_json::from_str(&file("results.json")).unwrap();
    let published = &results["published"];
    assert_eq!(published["a"]["name"], "with cluster", "{published}");
    assert_eq!(published["b"]["name"], "without cluster", "{published}");
    assert_eq!(published["a"]["figures"]["clients"], 849.0, "{published}");
    assert_eq!(published["b"]["figures"]["errors_pct"], 38.83, "{published}");
    assert_eq!(published["b"]["figures"]["p99_us"], 261_000.0, "{published}");

    let table = String::from_utf8(output.stdout).unwrap();
    assert_eq!(table, file("results.txt"));
    let line = |title: &str| {
        let line = table.lines().find(|line| line.starts_with(title));
        line.unwrap_or_else(|| panic!("{table} has no {title}")).split("  ").map(str::trim).collect::<Vec<_>>()
    };
    let ends = |title: &str, published: [&str; 2]| {
        let cells: Vec<&str> = line(title).into_iter().filter(|cell| !cell.is_empty()).collect();
        assert_eq!(cells[cells.len() - 2..], published, "{table}");
        cells
    };
    ends("6 rounds", ["published A", "published B"]);
    ends("concurrent clients", ["849", "482"]);
    let completed = ends("completed", ["10,000", "10,000"]);
    assert_eq!(completed[1..4], ["5", "5", "0.00 %"], "{table}");
    ends("errors", ["12 %", "39 %"]);
    ends("total time", ["3.63 s", "4.75 s"]);
    ends("requests/s", ["2,758", "2,104"]);
    ends("mean latency", ["73 ms", "108 ms"]);
    ends("p95", ["152 ms", "223 ms"]);
    ends("max", ["250 ms", "335 ms"]);
    ends("imbalance", ["–", "–"]);
    for words in ["of another machine, for the shape", "Published, sets: clients: two things were changed at once"]
    {
        assert!(table.contains(words), "{table} lacks {words}");
    }

    let rows = file("results.csv");
    let clients = rows.lines().find(|line| line.starts_with("clients,")).unwrap();
    assert!(clients.ends_with(",849,482"), "{rows}");
    assert!(file("results.md").contains("| change | interval | published A | published B |"));
    let page = file("report.html");
    for cell in ["<th>published B</th>", "<td>849</td>", "<td>10,000</td>", "<td>335 ms</td>"] {
        assert!(page.contains(cell), "{page} lacks {cell}");
    }
}

#[test]
fn a_load_on_another_route_has_nothing_published() {
    let home = tempfile::tempdir().unwrap();
    let arms = ["--a", "", "--b", "mode=cluster,workers=2", "--path", "/health", "--output", "it"];
    let output = compare(home.path(), &arms);
    assert!(output.status.success(), "{output:?}");
    let results: Value =
        serde_json::from_str(&fs::read_to_string(home.path().join("it/results.json")).unwrap()).unwrap();
    assert_eq!(results["published"], Value::Null, "{results}");
    assert!(!String::from_utf8_lossy(&output.stdout).contains("ublished"), "{output:?}");
}

#[test]
fn a_report_has_what_was_published_beside_the_phase_of_its_name() {
    let target = Target::start(&["--profile", "flask-locust"]);
    assert_eq!(target.admin_post("/marks", r#"{"phase":"50 users"}"#).status, 201);
    (0..3).for_each(|_| assert_eq!(target.get("/io").status, 200));
    assert_eq!(target.get("/nowhere").status, 404);
    assert_eq!(target.admin_post("/marks", r#"{"phase":"end"}"#).status, 201);
    let page = target.end().report();
    let line = |begin: &str| {
        let line = page.lines().find(|line| line.starts_with(begin));
        line.unwrap_or_else(|| panic!("{page} has no {begin}")).split(" | ").collect::<Vec<_>>()
    };
    let mean = line("| 50 users | mean |");
    assert_eq!((mean[2], mean[5]), ("103 ms", "50 users |"), "{page}");
    assert!(mean[3].ends_with(" ms") && mean[4].ends_with(" ×"), "{mean:?}");
    assert_eq!(line("| 50 users | errors |")[2..4], ["0", "1"], "{page}");
    assert_eq!(line("| 10 users | mean |")[3..], ["–", "–", "– |"], "no phase has its name: {page}");
    let same_cpu = line("| sets: CPU |");
    assert_eq!(same_cpu[1], "CPU 54.4 % in all of 3 sets", "{page}");
}
