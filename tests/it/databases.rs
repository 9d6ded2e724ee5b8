//! A database behind a pool: every query does what it says, the same in every mode; who waits for a connection or for the
//! one writer is told so; and a run without a database has neither a file nor a cost.

mod pool;

use std::fs;
use std::time::{Duration, Instant};

use rusqlite::Connection;
use rustix::process::{Pid, Resource, Rlimit, Signal, prlimit};
use serde_json::Value;

use crate::support::client::Response;
use crate::support::target::{MODES, Target, command, outcome, run, with_limit};
use crate::support::wait_for;

/// Enough rows for a scan to be seen, and few enough to be made at once.
const ROWS: &str = "2000";

fn start(flags: &[&str]) -> Target {
    Target::start(&[flags, &["--db", "--db-rows", ROWS]].concat())
}

fn asked(response: &Response) -> Value {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()
}

/// What there was before anybody waited: neither parts of a whole exceed it, nor does one of them lack.
fn check_timing(response: &Response) {
    let parts = ["queue", "loop", "inject", "pool", "acquire", "db", "cpu", "io"];
    let sum: f64 = parts.iter().map(|part| response.timing(part)).sum();
    // Each is rounded to a microsecond.
    assert!(sum <= response.timing("total") + 0.005, "{sum} ms in parts: {:?}", response.headers);
}

fn request(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: target\r\n\r\n")
}

/// Connections in use, and requests that wait for one, now.
fn pool(target: &Target) -> (u64, u64) {
    let database = &target.stats()["totals"]["db"];
    (database["in_use"].as_u64().unwrap(), database["waiting"].as_u64().unwrap())
}

fn wait_for_pool(target: &Target, wanted: (u64, u64)) {
    wait_for("connections in use and requests that wait", || (pool(target) == wanted).then_some(()));
}

/// Milliseconds, as `Server-Timing` has them, less what is lost in rounding two of them.
fn at_least(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3 - 0.002
}

/// Takes the place of the database's one writer, from outside, until it is dropped.
fn hold_the_writer(target: &Target) -> Connection {
    let writer = Connection::open(target.run_directory().join("database.sqlite")).unwrap();
    writer.busy_timeout(Duration::from_mins(1)).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    writer
}

#[test]
fn only_a_server_has_a_pipeline() {
    let answer = start(&["--mode", "single"]).get("/db?pipeline=on");
    assert!(answer.status == 400 && answer.text().contains("needs a PostgreSQL server"), "{}", answer.text());
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("piped.toml");
    fs::write(&profile, "[[route]]\npath = '/a'\nsteps = [ { db = { pipeline = 'on' } } ]\n").unwrap();
    let mut program = command(&["--profile", profile.to_str().unwrap()], directory.path());
    let (code, _, errors) = outcome(&mut program);
    assert!(code == Some(2) && errors.contains("pipeline=on needs a PostgreSQL server"), "{code:?} {errors}");
}

#[test]
fn every_query_is_answered_alike_in_every_mode_on_both_threads() {
    let mut first: Option<Vec<(String, u64, u64)>> = None;
    for mode in MODES {
        let target = start(mode);
        let mut client = target.connect();
        let mut found = Vec::new();
        for on in ["loop", "pool"] {
            for (query, rows) in [
                ("query=point", 1),
                ("query=point&indexed=no", 1),
                ("query=point&rows=7", 7),
                ("query=range&rows=2000", 0),
                ("query=range&rows=500&indexed=no", 0),
                ("query=aggregate", 100),
                ("query=aggregate&rows=2000&indexed=no", 2_000),
                ("query=insert&rows=3", 3),
                ("query=update&rows=50", 50),
                ("query=update&indexed=no", 1),
                ("query=contend", 1),
            ] {
                let response = client.get(&format!("/db?{query}&on={on}")).unwrap();
                let answer = asked(&response);
                check_timing(&response);
                assert!(response.timing("db") > 0.0, "{query}: {:?}", response.headers);
                let (changed, sum) = (answer["rows"].as_u64().unwrap(), answer["sum"].as_u64().unwrap());
                if rows > 0 {
                    assert_eq!(changed, rows, "{mode:?} {query}: {answer}");
                }
                found.push((query.to_owned(), changed, sum));
            }
        }
        let ranges: Vec<u64> = found.iter().filter(|(query, ..)| query.contains("range")).map(|of| of.1).collect();
        assert!((800..1_200).contains(&ranges[0]) && (180..320).contains(&ranges[1]), "half pass: {ranges:?}");
        let whole = |query: &'static str| found.iter().filter(move |(of, ..)| of.starts_with(query)).map(|of| of.2);
        assert_eq!(whole("query=aggregate&rows=2000").min(), whole("query=aggregate&rows=2000").max());
        let known = first.get_or_insert_with(|| found.clone());
        assert_eq!(known, &found, "{mode:?}: the same seed, the same answers");
    }
}

#[test]
fn what_a_workload_without_a_database_is_answered_with_names_none() {
    let target = start(&["--mode", "single"]);
    let response = target.get("/io?ms=1");
    assert!(!response.is_timed("acquire") && !response.is_timed("db"), "{:?}", response.headers);
}

#[test]
fn a_run_without_a_database_makes_no_file_and_says_how_to_have_one() {
    let target = Target::start(&["--mode", "single"]);
    let refusal = target.get("/db");
    assert_eq!(refusal.status, 404);
    assert!(refusal.text().contains("--db"), "{}", refusal.text());
    assert!(!target.run_directory().join("database.sqlite").exists());
    let left = target.end();
    let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
    assert_eq!(record["database"], Value::Null);
}

#[test]
fn its_file_lives_as_long_as_the_run_which_says_what_it_is() {
    for mode in MODES {
        let target = start(mode);
        let file = target.run_directory().join("database.sqlite");
        // Bytes 18 and 19 say how it is to be written and read: 2 is the write-ahead log.
        assert_eq!(fs::read(&file).unwrap()[18..20], [2, 2], "{mode:?}");
        asked(&target.get("/db?query=insert"));
        let left = target.end();
        let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
        let database = &record["database"];
        assert_eq!(database["kind"], "embedded", "{database}");
        assert_eq!((&database["journal_mode"], &database["synchronous"]), (&"WAL".into(), &"NORMAL".into()));
        assert_eq!(database["rows"], 2_000, "{database}");
        let beside = fs::read_dir(left.directory.path().join("run")).unwrap();
        let names: Vec<String> =
            beside.map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned()).collect();
        assert!(!names.iter().any(|name| name.contains("sqlite")), "{mode:?}: {names:?}");
    }
}

/// Somebody's file of the same name, or one that `SQLite` would take for its own, is neither changed nor removed.
#[test]
fn somebody_elses_database_is_refused_and_left_alone() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().to_str().unwrap();
    for name in ["database.sqlite", "database.sqlite-wal", "database.sqlite-journal"] {
        let file = directory.path().join(name);
        fs::write(&file, "").unwrap();
        let flags = ["--db", "--run-dir", path, "--listen", "127.0.0.1:0", "--admin", "off", "--duration", "1ms"];
        let (code, _, errors) = run(&[&["serve"], &flags[..]].concat());
        assert_eq!(code, Some(2), "{name}: {errors}");
        assert!(errors.contains(name) && errors.contains("name an empty or a new directory"), "{errors}");
        assert_eq!(fs::read(&file).unwrap(), b"", "{name}");
        let left = fs::read_dir(&directory).unwrap().count();
        fs::remove_file(&file).unwrap();
        assert_eq!(left, 1, "{name}");
    }
}

/// Whether somebody is in the place of the database's one writer.
fn writer_is_taken(outside: &Connection) -> bool {
    outside.execute_batch("BEGIN IMMEDIATE; ROLLBACK").is_err()
}

#[test]
fn the_wait_for_the_one_writer_is_measured() {
    for mode in [MODES[1], MODES[2]] {
        let target = start(mode);
        let writer = hold_the_writer(&target);
        let mut client = target.connect();
        client.send(request("/db?query=contend&think=200ms&on=pool")).unwrap();
        wait_for_pool(&target, (1, 0));
        let seen = Instant::now();
        assert_eq!(target.get("/io?ms=2000").status, 200);
        let least = at_least(seen);
        drop(writer);
        let answer = client.receive().unwrap();
        check_timing(&answer);
        let busy_ms = asked(&answer)["busy_ms"].as_f64().unwrap();
        let (pool, db) = (answer.timing("pool"), answer.timing("db"));
        assert!(pool + db >= least && busy_ms <= db + 0.001, "{least} {:?} {}", answer.headers, answer.text());
        // Before it looked for the first time, it was not waiting yet.
        assert!(busy_ms >= least / 2.0, "{least} {}", answer.text());
        assert!(answer.timing("io") >= 200.0, "{:?}", answer.headers);
    }
}

#[test]
fn who_waits_too_long_for_the_one_writer_is_told_so() {
    let target = start(&["--mode", "single", "--db-timeout", "100ms"]);
    let writer = hold_the_writer(&target);
    let refused = target.get("/db?query=insert&on=pool");
    assert_eq!(refused.status, 503);
    assert!(refused.text().contains("one writer") && refused.text().contains("100ms"), "{}", refused.text());
    // Who reads waits for nobody.
    asked(&target.get("/db"));
    drop(writer);
    asked(&target.get("/db?query=insert"));
}

#[test]
fn the_oldest_orders_go_where_there_are_as_many_as_rows() {
    let target = start(&["--mode", "single"]);
    for _ in 0..3 {
        assert_eq!(asked(&target.get("/db?query=insert&rows=1500"))["rows"], 1_500);
    }
    let outside = Connection::open(target.run_directory().join("database.sqlite")).unwrap();
    let kept = outside.query_row("SELECT count(*), min(id), max(id) FROM quintain_orders", [], |row| {
        Ok((row.get::<_, u64>(0)?, row.get::<_, u64>(1)?, row.get::<_, u64>(2)?))
    });
    assert_eq!(kept.unwrap(), (2_000, 2_501, 4_500));
}

#[test]
fn contend_is_the_one_writer_while_it_thinks() {
    let target = start(&["--mode", "single"]);
    let outside = Connection::open(target.run_directory().join("database.sqlite")).unwrap();
    outside.busy_timeout(Duration::ZERO).unwrap();
    assert!(!writer_is_taken(&outside));
    let mut holder = target.connect();
    holder.send(request("/db?query=contend&think=4s&on=pool")).unwrap();
    wait_for("it to be the writer", || writer_is_taken(&outside).then_some(()));
    asked(&holder.receive().unwrap());
    assert!(!writer_is_taken(&outside));
}

#[test]
fn a_limit_that_is_read_again_is_kept_to() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("db.toml");
    let text = "[limits]\ndb_timeout = '100ms'\n[[route]]\npath = '/one'\n";
    fs::write(&profile, text).unwrap();
    let target = start(&["--mode", "cluster", "--workers", "1", "--profile", profile.to_str().unwrap()]);
    let writer = hold_the_writer(&target);
    let refusal = || {
        let answer = target.get("/db?query=insert");
        assert_eq!(answer.status, 503, "{}", answer.text());
        answer.text()
    };
    assert!(refusal().contains("within 100ms"), "{}", refusal());
    fs::write(&profile, text.replace("100", "200")).unwrap();
    target.signal(Signal::HUP);
    target.renewed(2);
    assert!(refusal().contains("within 200ms"), "{}", refusal());
    drop(writer);
    asked(&target.get("/db?query=insert"));
}

#[test]
fn a_step_of_a_profile_asks_it_and_a_profile_that_does_has_one() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("db.toml");
    let steps = "{ db = { query = 'range', rows = 20, think = '1ms' } }, { io = { ms = 1 } }, { db = { query = 'insert', on = 'pool' } }";
    let text = format!("[limits]\ndb_rows = 500\n[[route]]\npath = '/both'\nsteps = [ {steps} ]\n");
    fs::write(&profile, &text).unwrap();
    let target = Target::start(&["--mode", "cluster", "--workers", "1", "--profile", profile.to_str().unwrap()]);
    let answer = target.get("/both");
    check_timing(&answer);
    let done = asked(&answer);
    assert_eq!((&done["steps"][0]["query"], &done["steps"][2]["rows"]), (&"range".into(), &1.into()), "{done}");
    assert_eq!(target.get("/db?query=range&rows=501").status, 400);
    // The rows are there: their number can't follow a profile that is read again.
    fs::write(&profile, text.replace("500", "600")).unwrap();
    target.signal(Signal::HUP);
    wait_for("the refusal", || target.errors().contains("the database is filled with 500").then_some(()));
    assert_eq!(target.get("/both").status, 200);
}

#[test]
fn a_profile_that_is_read_again_finds_no_database_where_there_is_none() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("db.toml");
    fs::write(&profile, "[[route]]\npath = '/one'\n").unwrap();
    let target = Target::start(&["--mode", "single", "--profile", profile.to_str().unwrap()]);
    fs::write(&profile, "[[route]]\npath = '/one'\nsteps = [ { db = {} } ]\n").unwrap();
    target.signal(Signal::HUP);
    wait_for("the refusal", || target.errors().contains("this run has no database").then_some(()));
    assert_eq!(target.get("/one").status, 200);
}

#[test]
fn it_needs_a_run_directory() {
    let (code, _, errors) = run(&["serve", "--db", "--no-csv", "--listen", "127.0.0.1:0", "--admin", "off"]);
    assert_eq!(code, Some(2));
    assert!(errors.contains("--db needs a run directory") && errors.contains("--no-csv"), "{errors}");
}

const NO_ROOM: &str = "The disk of --run-dir may be full, or a limit on the size of files reached";

#[test]
fn a_file_that_can_grow_no_further_is_a_503_until_it_can() {
    let target = start(&["--mode", "cluster", "--workers", "1"]);
    let worker = target.worker(0).pid;
    let allow = |current| {
        let worker = Pid::from_raw(i32::try_from(worker).unwrap());
        prlimit(worker, Resource::Fsize, Rlimit { current, maximum: None }).unwrap()
    };
    let mut client = target.connect();
    asked(&client.get("/db").unwrap());
    allow(Some(64 << 10));
    let refused = client.get("/db?query=insert&rows=2000").unwrap();
    assert_eq!(refused.status, 503, "{}", refused.text());
    assert!(refused.text().contains(NO_ROOM), "{}", refused.text());
    // What is there can still be read, and the connection is back in its pool.
    asked(&client.get("/db?rows=100").unwrap());
    let stats = target.stats();
    let database = &stats["totals"]["db"];
    assert_eq!((&database["failures"], &database["in_use"]), (&1.into(), &0.into()), "{database}");
    allow(None);
    assert_eq!(asked(&client.get("/db?query=insert&rows=2000").unwrap())["rows"], 2_000);
    assert_eq!((target.worker(0).pid, target.worker(0).generation), (worker, 1));
}

#[test]
fn a_file_that_can_t_be_filled_for_want_of_room_is_told_and_removed() {
    let directory = tempfile::TempDir::new().unwrap();
    let program =
        command(&["--db", "--db-rows", "20000", "--run-dir", "run", "--listen", "127.0.0.1:0"], directory.path());
    let (code, _, errors) = outcome(&mut with_limit("ulimit -f 200", &program));
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("run/database.sqlite can't be filled: ") && errors.contains(NO_ROOM), "{errors}");
    let left: Vec<_> = fs::read_dir(directory.path().join("run")).into_iter().flatten().flatten().collect();
    assert!(!left.iter().any(|file| file.file_name().to_string_lossy().starts_with("database")), "{left:?}");
}
