//! A run becomes a page that says what limited it: its counts are those of `/stats`, what is damaged is said, and what holds
//! no run is refused.

use std::fmt::Write;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Stdio;

use quintain::columns::{names, resources};
use quintain::recording::Figure;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, outcome, rows, send};
use crate::support::wait_for;

/// What `quintain report` came to: code, stdout, stderr.
fn report(arguments: &[&str], directory: &Path) -> (Option<i32>, String, String) {
    let arguments: Vec<&str> = ["report"].iter().chain(arguments).copied().collect();
    outcome(&mut command(&arguments, directory))
}

/// So many requests on each of so many connections, one after the other.
fn ask(target: &Target, (clients, each): (usize, usize), path: &str) {
    for _ in 0..clients {
        let mut client = target.connect();
        for _ in 0..each {
            client.get(path).unwrap();
        }
    }
}

/// The page of a run in Markdown, and what was said on stderr.
fn markdown(directory: &Path) -> (String, String) {
    let (code, page, said) = report(&[&directory.to_string_lossy(), "--format", "md", "--output", "-"], directory);
    assert_eq!(code, Some(0), "{said}");
    (page, said)
}

/// The cells of the row of a table that begins with these words.
fn cells(page: &str, section: &str, first: &str) -> Vec<String> {
    let (_, section) =
        page.split_once(&format!("\n## {section}\n")).unwrap_or_else(|| panic!("no {section}: {page}"));
    let row = section.lines().find(|line| line.starts_with(&format!("| {first} |")));
    let row = row.unwrap_or_else(|| panic!("no row {first}: {section}"));
    row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect()
}

/// A number as a report shows it.
fn read(cell: &str) -> f64 {
    cell.replace(',', "").parse().unwrap_or_else(|_| panic!("{cell} is no number"))
}

#[test]
fn its_counts_are_those_of_the_target_in_every_mode() {
    for mode in MODES {
        let target = Target::start(mode);
        ask(&target, (4, 30), "/io?ms=1");
        // A client may have its answer before the worker has counted it.
        wait_for("all of them counted", || (target.total("finished") == 120).then_some(()));
        assert_eq!(target.admin_post("/marks", r#"{"phase":"measure"}"#).status, 201);
        ask(&target, (4, 50), "/cpu?iterations=1000");
        let stats =
            wait_for("its records", || Some(target.stats()).filter(|stats| stats["totals"]["finished"] == 320));
        let left = target.end();
        let run = left.directory.path().join("run");
        let (page, said) = markdown(&run);
        assert_eq!(said, "", "{mode:?}");
        assert_eq!(cells(&page, "Phases", "whole run")[3], "320", "{page}");
        assert_eq!(cells(&page, "Phases", "measure")[3], "200");
        let io = cells(&page, "Routes", "GET /io");
        assert_eq!((io[1].as_str(), io[3].as_str(), io[4].as_str()), ("120", "0", "200: 120"), "{mode:?}");
        // The quantile of `/stats`, as three digits show it.
        let p50_us = route_of(&stats, "/io")["svc_us"]["p50"].as_f64().unwrap();
        let shown = io[5].strip_suffix(" ms").map(read).unwrap() * 1e3;
        assert!((shown - p50_us).abs() <= 0.006 * p50_us, "{shown} for {p50_us}");
        assert!(page.contains("The account balances: 320 requests finished (320 answered, 0 broken by a fault, 0 whose client left), counted 5 ways."), "{page}");
    }
}

fn route_of<'a>(stats: &'a Value, path: &str) -> &'a Value {
    stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == path).unwrap()
}

#[test]
fn the_page_is_one_file_that_asks_for_nothing() {
    let target = Target::start(&["--mode", "single"]);
    ask(&target, (1, 10), "/health");
    let left = target.end();
    let run = left.directory.path().join("run");
    let (code, said, _) = report(&[&run.to_string_lossy()], &run);
    let path = run.join("report.html");
    assert_eq!((code, said.trim()), (Some(0), &*path.to_string_lossy()));
    let page = fs::read_to_string(&path).unwrap();
    assert!(page.contains("default-src 'none'") && page.contains("GET /health"), "{page}");
    for outside in ["src=\"http", "href=\"http", "@import", "src=\"/", "href=\"/"] {
        assert!(!page.contains(outside), "{outside}");
    }
    // Beside each other, and made anew.
    assert_eq!(report(&[&run.to_string_lossy(), "--format", "md"], &run).0, Some(0));
    assert!(run.join("report.md").exists());
    assert_eq!(report(&[&run.to_string_lossy()], &run).0, Some(0));
}

#[test]
fn a_killed_worker_and_a_plan_are_found() {
    const PLAN: &str = "tenth (status 0.1) on /json";
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let kinds = json!([{ "kind": "status", "code": 500, "rate": 0.1 }]);
    target.order_faults(&json!([{ "name": "tenth", "route": "/json", "spacing": "even", "kinds": kinds }]));
    ask(&target, (1, 50), "/json");
    assert_eq!(target.faults("DELETE", "").status, 200);
    let mut client = target.connect();
    client.send("GET /io?ms=30000 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let victim =
        wait_for("a worker with a request", || target.workers().into_iter().find(|worker| worker.in_flight > 0));
    send(victim.pid, Signal::KILL);
    wait_for("a lost request", || (target.total("lost") == 1).then_some(()));
    let left = target.end();
    let (page, _) = markdown(&left.directory.path().join("run"));
    assert!(page.contains("1 request was in flight when their worker died"), "{page}");
    assert!(!page.contains("killed by the kernel for memory, "), "somebody killed it: {page}");
    assert!(page.contains("5 of 50 requests failed (10 %), all while fault plans were in force."), "{page}");
    assert!(page.contains("status 500: 5"), "{page}");
    let plan = cells(&page, "Fault plans", PLAN);
    assert_eq!(plan[3..], ["50", "status 500: 5", "status 500: 5"]);
}

#[test]
fn memory_that_only_grows_is_found_although_the_end_gives_it_back() {
    let target = Target::start(&["--mode", "single"]);
    let kinds = json!([{ "kind": "leak", "bytes": "1MiB", "rate": 1 }]);
    target.order_faults(&json!([{ "name": "drip", "route": "/json", "kinds": kinds }]));
    let resources = target.run_directory().join("resources.csv");
    // One request a row, or they would not grow one after the other.
    let mut client = target.connect();
    for _ in 0..40 {
        let before = rows(&resources).len();
        client.get("/json").unwrap();
        wait_for("the next row", || (rows(&resources).len() > before).then_some(()));
    }
    let left = target.end();
    let (page, _) = markdown(&left.directory.path().join("run"));
    assert!(page.contains("**Memory only grew: from") && page.contains("A fault plan leaks on purpose."), "{page}");
}

#[test]
fn what_holds_no_run_is_refused() {
    let directory = TempDir::new().unwrap();
    let file = directory.path().join("a-file");
    fs::write(&file, "").unwrap();
    let empty = directory.path().join("empty");
    fs::create_dir(&empty).unwrap();
    for (name, sentence) in [
        ("nothing-here", "nothing-here: there is no such run directory"),
        ("a-file", "a-file is no directory; name the one that holds resources.csv"),
        ("empty", "empty holds no run: neither resources.csv nor run.json is there"),
    ] {
        let (code, output, said) = report(&[name], directory.path());
        assert_eq!((code, output.as_str()), (Some(2), ""), "{said}");
        assert!(said.starts_with(&format!("error: {sentence}")), "{said}");
    }
    for (arguments, sentence) in [
        (&["a", "b", "--each", "--output", "x"][..], "error: --output is one place for the pages of 2 runs"),
        (&[], "error: the following required arguments were not provided:\n  <RUN_DIR>"),
        (
            &["a", "--format", "pdf"],
            "error: invalid value 'pdf' for '--format <FORMAT>'\n  [possible values: html, md]",
        ),
        (&["a", "--ouput", "x"], "error: --ouput: there is no such"),
    ] {
        let (code, _, said) = report(arguments, directory.path());
        assert_eq!(code, Some(2), "{said}");
        assert!(said.starts_with(sentence), "{said}");
    }
}

/// A run directory as a target leaves it, made of these files.
fn made(files: &[(&str, &str)]) -> TempDir {
    let directory = TempDir::new().unwrap();
    for (name, text) in files {
        fs::write(directory.path().join(name), text).unwrap();
    }
    directory
}

const HEADER: &str = "epoch_ms,elapsed_s,interval_s,phase,rps,requests_total\n";

#[test]
fn what_is_damaged_is_said_and_the_rest_is_reported() {
    let with =
        |more: &str| format!("{HEADER}1000,0.0,,run,,0\n2000,1.0,1.0,run,10,10\n3000,2.0,1.0,run,20,30\n{more}");
    for (text, sentence, requests) in [
        (String::new(), "resources.csv is empty", None),
        ("epoch_ms,ela".to_owned(), "resources.csv is cut off in its first line", None),
        (HEADER.to_owned(), "resources.csv has no rows", None),
        (format!("{HEADER}x\n"), "resources.csv has no row that can be read", None),
        ("a,b\n1,2\n".to_owned(), "resources.csv has no column elapsed_s: without it no row has a time", None),
        (with("4000,3.0,1.0,run,30,60"), "the last line of resources.csv has no end", Some(30.0)),
        (with("4000,3.0\n"), "1 row of resources.csv can't be read, line 5: it is left out", Some(30.0)),
        (with("\0\0\0\0,\0,,,,\n"), "1 row of resources.csv can't be read", Some(30.0)),
        (
            with("4000,3.0,1.0,\"run,30,60\n5000,4.0,1.0,run,40,100\n"),
            "1 row of resources.csv can't be read, line 5: it is left out",
            Some(100.0),
        ),
        (
            with("4000,1e300,1.0,run,30,60\n5000,4.0,1.0,run,40,100\n"),
            "1 row of resources.csv can't be read, line 5: it is left out",
            Some(100.0),
        ),
        (
            with("4000,30000,1.0,run,30,60\n5000,4.0,1.0,run,40,100\n"),
            "elapsed_s jumps in resources.csv, from 2 to 30000: 1 row is left out",
            Some(100.0),
        ),
        (
            with("2500,1.5,0.5,run,5,31\n4000,3.0,1.0,run,30,60\n"),
            "elapsed_s jumps in resources.csv, from 2 to 1.5: 1 row is left out",
            Some(60.0),
        ),
        (
            with("4000,3.0,1.0,run,fast,60\n"),
            "1 cell of resources.csv is no possible number: it counts as unknown",
            Some(60.0),
        ),
        (
            with("").replace("rps", "rps,warp_factor").replace("run,", "run,1,"),
            "resources.csv has columns that this version does not know, and leaves out: warp_factor",
            Some(30.0),
        ),
        (with(""), "resources.csv lacks late_ms,", Some(30.0)),
        (with(""), "run.json is missing: what ran where is not known", Some(30.0)),
        (with(""), "events.csv is missing", Some(30.0)),
    ] {
        let directory = made(&[("resources.csv", &text)]);
        let (page, said) = markdown(directory.path());
        assert!(said.contains(sentence), "{text:?}\nsays   {said}\nwanted {sentence}");
        assert!(page.contains("What is missing or damaged"), "{page}");
        match requests {
            Some(requests) => {
                let shown = read(&cells(&page, "Phases", "run")[3]);
                assert!((shown - requests).abs() < 0.5, "{shown} of {requests}: {text}");
            }
            None => {
                assert!(!page.contains("## Phases") && page.contains("None: there are too few figures"), "{page}");
            }
        }
    }
}

#[test]
fn a_clock_that_stepped_back_is_found_and_moves_nothing() {
    let directory = made(&[(
        "resources.csv",
        &format!(
            "{HEADER}10000,0.0,,run,,0\n11000,1.0,1.0,run,10,10\n5000,2.0,1.0,run,20,30\n6000,3.0,1.0,run,20,50\n"
        ),
    )]);
    let (page, _) = markdown(directory.path());
    assert!(page.contains("The wall clock stepped back by 7 s at 0:02"), "{page}");
    assert_eq!(cells(&page, "Phases", "run")[2..4], ["3 s", "50"]);
}

#[test]
fn damaged_neighbours_leave_the_rest_as_it_is() {
    let resources = format!("{HEADER}1000,0.0,,run,,0\n2000,1.0,1.0,run,10,10\n");
    for (name, text, sentence) in [
        ("run.json", "{", "run.json is no JSON"),
        ("run.json", "[]", "run.json is no object"),
        ("events.csv", "kind\nmark\n", "events.csv has no elapsed_s and no kind"),
        (
            "events.csv",
            "elapsed_s,kind,detail\nsoon,mark,x\n1.0,mark,y\n",
            "1 row of events.csv can't be read: it is left out",
        ),
        ("events.csv", "", "events.csv is empty"),
        ("events.csv", "ts_utc,ep", "events.csv is cut off in its first line"),
        ("marks.csv", "phase", "marks.csv is cut off in its first line: quantiles of whole phases are not known"),
        ("marks.csv", "phase,at_ns,realtime_ns,figures\nx,1,2,{\n", "what had been counted can't be read in 1 row"),
        ("marks.csv", "phase,at_ns,realtime_ns,figures\nx,1\n", "1 row of marks.csv can't be read: it is left out"),
        ("marks.csv", "", "marks.csv is empty: quantiles of whole phases are not known"),
        ("workers.csv", "slot\n0\n", "workers.csv has no column elapsed_s"),
        ("routes.csv", "", "routes.csv is empty"),
    ] {
        let directory = made(&[("resources.csv", &resources), (name, text)]);
        let (page, said) = markdown(directory.path());
        assert!(said.contains(sentence), "{name}: {said}\nwanted {sentence}");
        assert_eq!(cells(&page, "Phases", "run")[3], "10");
    }
}

#[test]
fn a_file_that_is_none_is_said_and_waited_for_by_nobody() {
    let resources = format!("{HEADER}1000,0.0,,run,,0\n2000,1.0,1.0,run,10,10\n");
    for name in ["resources.csv", "workers.csv", "routes.csv", "marks.csv", "events.csv", "run.json"] {
        for is_pipe in [true, false] {
            let directory = made(&[("resources.csv", &resources), ("run.json", "{}")]);
            let path = directory.path().join(name);
            let _ = fs::remove_file(&path);
            if is_pipe {
                mknodat(CWD, &path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
            } else {
                fs::create_dir(&path).unwrap();
            }
            let (page, said) = markdown(directory.path());
            let is_said = |text: &str| {
                text.lines().any(|line| {
                    line.contains(&format!("{name} can't be read")) && line.contains("it is no regular file")
                })
            };
            assert!(is_said(&said) && is_said(&page), "{said}");
        }
    }
}

#[test]
fn a_run_that_answered_nothing_is_no_damaged_one() {
    let target = Target::start(&["--mode", "single"]);
    let left = target.end();
    let run = left.directory.path().join("run");
    let (page, said) = markdown(&run);
    assert!(said.is_empty() && !page.contains("missing or damaged"), "{said}");
    // Of one that answered something, they are missing.
    let resources = format!("{HEADER}1000,0.0,,run,,0\n2000,1.0,1.0,run,10,10\n");
    let directory = made(&[("resources.csv", &resources), ("routes.csv", "elapsed_s\n")]);
    fs::copy(run.join("routes.csv"), directory.path().join("routes.csv")).unwrap();
    let (_, said) = markdown(directory.path());
    assert!(said.contains("routes.csv has no rows, although requests were finished"), "{said}");
}

#[test]
fn a_page_is_not_written_over_the_run_itself() {
    let directory = made(&[("resources.csv", HEADER), ("mine", "")]);
    let path = directory.path();
    symlink("resources.csv", path.join("a-link")).unwrap();
    for (output, name) in [
        ("resources.csv", "resources.csv"),
        ("a-link", "resources.csv"),
        ("../x/workers.csv", "workers.csv"),
        (&*path.join("run.json").to_string_lossy(), "run.json"),
    ] {
        let output = output.replace("../x", &path.to_string_lossy());
        let (code, page, said) = report(&[".", "--output", &output], path);
        assert_eq!((code, &*page), (Some(2), ""), "{said}");
        let sentence =
            format!("error: --output would write the page over {name} of the run in .: name another file\n");
        assert_eq!(said, sentence);
    }
    assert_eq!(fs::read_to_string(path.join("resources.csv")).unwrap(), HEADER);
    assert!(!path.join("workers.csv").exists());
    assert_eq!(report(&[".", "--output", "mine"], path).0, Some(0));
}

#[test]
fn a_run_has_its_name_wherever_one_stands() {
    let directory = made(&[("resources.csv", HEADER)]);
    let run = directory.path().join("named");
    fs::create_dir(&run).unwrap();
    fs::copy(directory.path().join("resources.csv"), run.join("resources.csv")).unwrap();
    let (code, page, said) = report(&[".", "--format", "md", "--output", "-"], &run);
    assert_eq!(code, Some(0), "{said}");
    assert!(page.starts_with("# named\n"), "{page}");
}

#[test]
fn whoever_reads_a_page_need_not_read_all_of_it() {
    let directory = made(&[("resources.csv", HEADER)]);
    let (reader, writer) = std::io::pipe().unwrap();
    drop(reader);
    let mut command = command(&["report", ".", "--output", "-"], directory.path());
    let left = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&left.stderr);
    assert!(!said.contains("error:"), "{said}");
    assert_eq!(left.status.code(), Some(0));
    let full = fs::File::options().write(true).open("/dev/full").unwrap();
    let mut command = self::command(&["report", ".", "--output", "-"], directory.path());
    let left = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
    let said = String::from_utf8_lossy(&left.stderr);
    assert!(said.contains("error: stdout can't be written: No space left on device"), "{said}");
    assert_eq!(left.status.code(), Some(1));
}

#[test]
fn the_last_rows_that_are_missing_change_no_total() {
    let target = Target::start(&["--mode", "single", "--sample-interval", "100ms"]);
    ask(&target, (2, 20), "/health");
    assert_eq!(target.admin_post("/marks", r#"{"phase":"measure"}"#).status, 201);
    ask(&target, (2, 10), "/io?ms=150");
    let left = target.end();
    let run = left.directory.path().join("run");
    let phases = |name| cells(&markdown(&run).0, "Phases", name)[1..12].to_vec();
    let whole = ["whole run", "measure"].map(phases);
    let resources = run.join("resources.csv");
    let text = fs::read_to_string(&resources).unwrap();
    let begin: String = text.lines().take(4).map(|line| line.to_owned() + "\n").collect();
    fs::write(&resources, begin).unwrap();
    assert_eq!(["whole run", "measure"].map(phases), whole);
    let (_, said) = markdown(&run);
    assert!(said.contains("resources.csv ends at ") && said.contains("not known of the rest"), "{said}");
}

#[test]
fn a_killed_run_counts_no_request_for_two_phases() {
    let mut target = Target::start(&["--mode", "single"]);
    ask(&target, (2, 20), "/health");
    wait_for("all of them counted", || (target.total("finished") == 40).then_some(()));
    assert_eq!(target.admin_post("/marks", r#"{"phase":"measure"}"#).status, 201);
    ask(&target, (2, 15), "/health");
    let run = target.run_directory();
    wait_for("rows with all of them", || {
        let rows = rows(&run.join("resources.csv"));
        rows.last().filter(|row| row["requests_total"] == "70").map(|_| ())
    });
    target.kill();
    let (page, _) = markdown(&run);
    assert_eq!(
        ["whole run", "run", "measure"].map(|phase| cells(&page, "Phases", phase)[3].clone()),
        ["70", "40", "30"]
    );
}

#[test]
fn a_run_that_was_killed_or_still_goes_on_has_a_page() {
    let mut target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    ask(&target, (2, 20), "/health");
    let run = target.run_directory();
    wait_for("rows with all of them", || {
        let rows = rows(&run.join("resources.csv"));
        rows.last().filter(|row| row["requests_total"] == "40").map(|_| ())
    });
    let (page, _) = markdown(&run);
    assert!(page.contains("not in order: it was killed, or still goes on"), "{page}");
    target.kill();
    let (page, _) = markdown(&run);
    assert_eq!(cells(&page, "Routes", "GET /health")[1], "40");
    assert!(page.contains("It was not recorded what had been counted at the end"), "{page}");
    assert!(!page.contains("account balances"), "one file may be a row ahead of another: {page}");
}

#[test]
fn a_long_run_is_merged_keeps_its_extremes_and_says_so() {
    let mut text = "elapsed_s,interval_s,phase,rps,requests_total,lat_max_us\n0.0,,run,,0,\n".to_owned();
    for second in 1..=9_000 {
        let (rps, worst) = if second == 4_321 { (77_777, 987_654) } else { (100, 5_000) };
        let phase = if second > 8_997 { "last" } else { "run" };
        let _ = writeln!(text, "{second}.0,1.0,{phase},{rps},{},{worst}", second * 100);
    }
    let directory = made(&[("resources.csv", &text)]);
    let (page, _) = markdown(directory.path());
    assert!(page.contains("9,001 rows are shown as 1,126 stretches of up to 8 s"), "{page}");
    assert_eq!(cells(&page, "Phases", "last")[2..4], ["3 s", "300"], "a phase of three rows is still one");
    assert_eq!(report(&[&directory.path().to_string_lossy()], directory.path()).0, Some(0));
    let page = fs::read_to_string(directory.path().join("report.html")).unwrap();
    for extreme in ["77780", "987700"] {
        assert!(page.contains(extreme), "{extreme}, to four digits, is drawn");
    }
    assert!(page.len() < 3_000_000, "{}", page.len());
}

#[test]
fn every_column_that_is_read_is_written() {
    let written = names(&resources());
    for name in Figure::ALL.iter().map(|figure| figure.name()) {
        assert!(written.contains(&name), "{name} is read, and nobody writes it");
    }
}
