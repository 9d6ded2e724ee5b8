//! A `PostgreSQL` server as the database: the same answers as the embedded one, a password that stands nowhere, and a target
//! that says what is wrong while the server is, and recovers with it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::client::Response;
use crate::support::kernel;
use crate::support::load::{Load, Style};
use crate::support::postgres::Postgres;
use crate::support::target::{MODES, Target, at_rest, command, outcome, with_free_ports};
use crate::support::wait_for;

const QUERIES: [&str; 9] = [
    "query=point",
    "query=point&indexed=no",
    "query=point&rows=7",
    "query=range&rows=200",
    "query=range&rows=200&indexed=no",
    "query=aggregate&rows=500",
    "query=insert&rows=3",
    "query=update&rows=20&indexed=no",
    "query=contend&think=1ms",
];

fn target(url: &str, flags: &[&str]) -> Target {
    let directory = tempfile::TempDir::new().unwrap();
    let mut program = command(&with_free_ports(&[&["--db-rows", "1000"], flags].concat()), directory.path());
    program.env("QUINTAIN_DATABASE_URL", url);
    Target::start_with(program, directory)
}

fn refused(url: &str, flags: &[&str]) -> String {
    let directory = tempfile::TempDir::new().unwrap();
    let mut program = command(&with_free_ports(&[&["--db-rows", "1000"], flags].concat()), directory.path());
    let (code, _, errors) = outcome(program.env("QUINTAIN_DATABASE_URL", url));
    assert_eq!(code, Some(2), "{errors}");
    errors
}

/// What it answers to each query: rows and sums.
fn answers(target: &Target) -> Vec<(Value, Value)> {
    let mut client = target.connect();
    let answers = QUERIES.iter().map(|query| {
        let response = client.get(&format!("/db?{query}")).unwrap();
        assert_eq!(response.status, 200, "{query}: {}", response.text());
        let parts = ["queue", "loop", "inject", "pool", "acquire", "db", "cpu", "io"];
        let sum: f64 = parts.iter().map(|part| response.timing(part)).sum();
        assert!(sum <= response.timing("total") + 0.005, "{query}: {sum} ms in parts: {:?}", response.headers);
        let answer = response.json();
        (answer["rows"].clone(), answer["sum"].clone())
    });
    answers.collect()
}

#[test]
fn it_answers_as_the_embedded_one_does_and_its_tables_are_made_once() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let embedded = answers(&Target::start(&["--mode", "single", "--db", "--db-rows", "1000"]));
    for mode in MODES {
        let target = target(&postgres.url, mode);
        assert_eq!(answers(&target), embedded, "{mode:?}");
        wait_for("/readyz to say so", || (target.get("/readyz").status == 200).then_some(()));
        let left = target.end();
        let record: Value = serde_json::from_slice(&fs::read(left.file("run.json")).unwrap()).unwrap();
        let database = &record["database"];
        assert_eq!((&database["kind"], &database["server_connections"]), (&"postgresql".into(), &97.into()));
    }
}

/// The server runs on this machine, so its processes can be seen: what they used is known, and grows with what is asked.
#[test]
fn the_cpu_of_the_sessions_is_known_on_this_machine() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-pool", "1"]);
    let used_after = |path: &str| {
        (0..49).for_each(|_| assert_eq!(target.get(path).status, 200));
        // A busy session is looked at every 10 ms: a query after that settles the account.
        wait_for("a look at the session after the last query", || {
            assert_eq!(target.get(path).status, 200);
            let database = target.stats()["totals"]["db"].clone();
            (database["measured"] == database["answered"]).then(|| database["cpu_seconds"].as_f64().unwrap())
        })
    };
    let points_s = used_after("/db?query=point");
    assert!(points_s > 0.0, "a query takes some CPU");
    let both_s = used_after("/db?query=point&rows=100&indexed=no");
    assert!(
        both_s - points_s > points_s,
        "{points_s} s of 50 rows, {both_s} s with 5,000 more, each read from all"
    );
}

/// A connection that queries share outlives the failure of one, which takes nothing of the others' account along.
#[test]
fn a_query_that_fails_leaves_the_account_of_cpu_whole() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single"]);
    let ask = || {
        assert_eq!(target.get("/db?pipeline=on").status, 200);
        target.stats()["totals"]["db"].clone()
    };
    wait_for("queries since the last look at the session", || {
        let database = ask();
        (database["measured"] != database["answered"]).then_some(())
    });
    let (mut other, mut watcher) = (postgres.session(), postgres.session());
    other.run("BEGIN; LOCK TABLE quintain_items IN ACCESS EXCLUSIVE MODE");
    let mut client = target.connect();
    client.send("GET /db?pipeline=on HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    let cancel = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = 'quintain' AND wait_event_type = 'Lock'";
    wait_for("a query to cancel", || (watcher.run(cancel) == "t\n").then_some(()));
    assert_eq!(client.receive().unwrap().status, 503);
    other.run("ROLLBACK");
    wait_for("as many measured as answered", || {
        let database = ask();
        (database["measured"] == database["answered"] && database["failures"] == 1).then_some(())
    });
}

/// Far more queries at once than the pool has connections, all of them over one, each with its own answer.
#[test]
fn pipelined_queries_share_one_connection_and_each_gets_its_answer() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-pool", "1", "--db-timeout", "3s"]);
    let sum_of = |answer: &Response| answer.json()["sum"].as_u64();
    let paths: Vec<_> = (0..40).map(|rows| format!("/db?query=range&rows={rows}&pipeline=on")).collect();
    let mut clients: Vec<_> = paths.iter().map(|_| target.connect()).collect();
    let mut sessions = postgres.session();
    for round in 0..5 {
        for (client, path) in clients.iter_mut().zip(&paths) {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        }
        let answers: Vec<_> = clients.iter_mut().map(|client| client.receive().unwrap()).collect();
        assert!(answers.iter().all(|answer| answer.status == 200), "{round}");
        // A range of n rows reads at most n of them; none reads none.
        for (rows, answer) in (0..).zip(&answers) {
            assert!(answer.json()["rows"].as_u64() <= Some(rows) && (rows > 0 || sum_of(answer) == Some(0)));
        }
    }
    let open = sessions.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'quintain'");
    assert_eq!(open, "1\n");
    let database = target.stats()["totals"]["db"].clone();
    let (answered, acquired) = (&database["answered"], &database["acquired"]);
    assert_eq!((answered, acquired), (&200.into(), &0.into()), "{database}");
    // The same rows as over a connection of its own.
    let alike = |path: &str| target.get(path).json()["rows"].clone();
    assert_eq!(alike("/db?query=aggregate&rows=500&pipeline=on"), alike("/db?query=aggregate&rows=500"));
    for path in ["/db?query=contend&pipeline=on", "/db?think=1ms&pipeline=on"] {
        let answer = target.get(path);
        assert!(answer.status == 400 && answer.text().contains("a connection of its own"), "{}", answer.text());
    }
    // One that got no answer in time takes the connection along; the next one has a new one.
    postgres.order("hang");
    assert_eq!(target.get(&paths[1]).status, 503);
    postgres.order("continue");
    wait_for("a query that is answered", || (target.get(&paths[1]).status == 200).then_some(()));
}

/// Of twenty that wait for the shared connection, none waits for the time-outs of those before it.
#[test]
fn pipelined_queries_wait_for_one_opening_together() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-timeout", "1s"]);
    let mut clients: Vec<_> = (0..20).map(|_| target.connect()).collect();
    postgres.order("hang");
    let begun = Instant::now();
    for client in &mut clients {
        client.send("GET /db?pipeline=on HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    for client in &mut clients {
        let answer = client.receive().unwrap();
        assert!(answer.status == 503 && answer.text().contains("does not answer within 1s"), "{}", answer.text());
    }
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10), "{took:?} for twenty, of which each may take 1 s");
    assert_eq!(target.stats()["totals"]["db"]["failures"], 20);
    // Whoever asks later tries anew.
    postgres.order("continue");
    wait_for("a query that is answered", || (target.get("/db?pipeline=on").status == 200).then_some(()));
}

/// In no file, in no line of the log, in no answer, whatever goes wrong.
#[test]
fn the_password_stands_nowhere() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let password = postgres.password().to_owned();
    let target = target(&postgres.url, &["--mode", "single", "--log", "trace"]);
    let mut said = vec![target.get("/db").text(), target.stats().to_string(), target.get("/").text()];
    postgres.order("stop");
    wait_for("a 503", || {
        let answer = target.get("/db");
        said.push(answer.text());
        (answer.status == 503).then_some(())
    });
    let mut admin = target.admin();
    for path in ["/metrics", "/stats", "/ready"] {
        admin.send(format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
        said.push(admin.receive().unwrap().text());
    }
    drop(admin);
    let left = target.end();
    look_through(left.directory.path(), &mut said);
    said.push(refused(&postgres.url.replace("postgresql://", "mysql://"), &[]));
    said.push(refused(&postgres.url.replace("127.0.0.1", "127.0.0.1:x"), &[]));
    said.push(refused(&format!("{}?nonsense={password}", postgres.url), &[]));
    postgres.order("start");
    said.push(refused(&postgres.url.replace("/postgres", "/nowhere"), &[]));
    for text in said {
        assert!(!text.contains(&password), "{text}");
    }
}

fn look_through(directory: &Path, said: &mut Vec<String>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            look_through(&path, said);
        } else {
            said.push(String::from_utf8_lossy(&fs::read(&path).unwrap()).into_owned());
        }
    }
}

#[test]
fn what_can_never_work_is_refused_at_the_start_with_a_sentence() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let url = &postgres.url;
    drop(target(url, &["--mode", "single"]));
    for (url, flags, says) in [
        (url.replace(postgres.password(), "wrong"), &[][..], "password authentication failed"),
        (url.replace("/postgres", "/nowhere"), &[], "database \"nowhere\" does not exist"),
        (url.replace("postgresql://", "mysql://"), &[], "must be postgresql://USER"),
        (url.replace(postgres.password(), "50%zz"), &[], "percent-encoded"),
        (format!("{url}?sslmode=require"), &[], "without sslmode=require"),
        (url.clone(), &["--seed", "7"], "this run has --db-rows 1000 and --seed 7"),
        (url.clone(), &["--db"], "a run has one database"),
    ] {
        let errors = refused(&url, flags);
        assert!(errors.contains(says), "{errors}");
    }
    postgres.run("UPDATE quintain_about SET version = 99");
    let errors = refused(url, &[]);
    assert!(errors.contains("tables of version 99") && errors.contains("DROP TABLE"), "{errors}");
}

/// Tables that can't be read are not taken for this run's, nor for none.
#[test]
fn tables_that_cant_be_read_are_refused_with_the_servers_own_words() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    drop(target(&postgres.url, &["--mode", "single"]));
    postgres.run("ALTER TABLE quintain_about DROP COLUMN seed");
    let errors = refused(&postgres.url, &["--duration", "1ms"]);
    assert!(errors.contains("column \"seed\" does not exist (SQLSTATE 42703)"), "{errors}");
}

/// Two runs find no tables and want to make them: the second one holds what the first one has made to the same rules.
#[test]
fn tables_that_somebody_else_makes_meanwhile_are_looked_at() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let mut other = postgres.session();
    // As `LOCK` in the program has it.
    other.run("SELECT pg_advisory_lock(x'7175696e7461696e'::bigint)");
    let errors = std::thread::scope(|scope| {
        let starting = scope.spawn(|| refused(&postgres.url, &["--duration", "1ms"]));
        wait_for("it to wait", || {
            let waiting = other.run("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted");
            (waiting == "1\n").then_some(())
        });
        other.run(
            "CREATE TABLE quintain_about AS SELECT 1::bigint AS version, '7'::text AS seed, 50::bigint AS rows",
        );
        other.run("SELECT pg_advisory_unlock_all()");
        starting.join().unwrap()
    });
    assert!(errors.contains("holds 50 rows of seed 7"), "{errors}");
}

#[test]
fn tables_that_are_locked_are_a_503_and_a_worker_that_is_not_ready() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-timeout", "300ms"]);
    wait_for("/readyz to say so", || (target.get("/readyz").status == 200).then_some(()));
    let mut other = postgres.session();
    other.run("BEGIN; LOCK TABLE quintain_about IN ACCESS EXCLUSIVE MODE");
    let answer = target.get("/db");
    assert_eq!(answer.status, 503);
    assert!(answer.text().contains("does not answer within 300ms"), "{}", answer.text());
    wait_for("/readyz to follow", || (target.get("/readyz").status == 503).then_some(()));
    other.run("ROLLBACK");
    wait_for("/readyz to follow", || (target.get("/readyz").status == 200).then_some(()));
    assert_eq!(target.get("/db").status, 200);
}

/// A worker looks at tables that are locked again and again: each look that it gives up on ends on the server too.
#[test]
fn what_is_given_up_on_leaves_no_session_on_the_server() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-timeout", "1s"]);
    let (mut other, mut watcher) = (postgres.session(), postgres.session());
    other.run("BEGIN; LOCK TABLE quintain_about IN ACCESS EXCLUSIVE MODE");
    let mut waiting = || -> BTreeSet<String> {
        let sql =
            "SELECT pid FROM pg_stat_activity WHERE application_name = 'quintain' AND wait_event_type = 'Lock'";
        watcher.run(sql).lines().map(str::to_owned).collect()
    };
    let mut seen = BTreeSet::new();
    wait_for("several looks at the tables", || {
        // The first one gives the worker a reason for its own.
        assert_eq!(target.get("/db").status, 503);
        seen.append(&mut waiting());
        (seen.len() >= 6).then_some(())
    });
    wait_for("the end of their sessions", || waiting().is_disjoint(&seen).then_some(()));
}

/// A server that hangs closes nothing: a query that is given up on closes its connection itself.
#[test]
fn what_is_given_up_on_leaves_no_connection_open() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-timeout", "3s"]);
    let mut clients: Vec<_> = (0..8).map(|_| target.connect()).collect();
    let mut ask_all = |path: &str| {
        for client in &mut clients {
            client.send(format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n")).unwrap();
        }
        clients.iter_mut().map(|client| client.receive().unwrap().status).collect::<Vec<_>>()
    };
    assert_eq!(ask_all("/db?think=300ms"), [200; 8]);
    let port = postgres.port();
    let opened = || kernel::opened_to(port);
    let before = wait_for("the kernel's list of them", || Some(opened()).filter(|opened| opened.len() >= 8));
    postgres.order("hang");
    assert_eq!(ask_all("/db"), [503; 8]);
    wait_for("their end", || opened().is_disjoint(&before).then_some(()));
}

/// The start makes the tables, and neither a request nor a probe does.
#[test]
fn a_run_that_has_begun_makes_no_tables() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    postgres.order("stop");
    let target = target(&postgres.url, &["--mode", "single"]);
    postgres.order("start");
    wait_for("the server's answer", || target.get("/db").text().contains("has no quintain tables").then_some(()));
    assert_eq!(target.get("/readyz").status, 503);
    assert_eq!(postgres.session().run("SELECT to_regclass('quintain_about') IS NULL"), "t\n");
}

#[test]
fn a_worker_is_ready_when_the_server_has_answered_it_and_not_before() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    drop(target(&postgres.url, &["--mode", "single"]));
    for mode in [MODES[0], MODES[2]] {
        postgres.order("hang");
        // The first probe of a worker takes as long as the start did.
        let target = target(&postgres.url, &[mode, &["--db-timeout", "3s"]].concat());
        assert_eq!(target.get("/readyz").status, 503, "{mode:?}");
        postgres.order("continue");
        wait_for("/readyz to follow", || (target.get("/readyz").status == 200).then_some(()));
    }
}

#[test]
fn a_pool_larger_than_the_server_allows_is_said_at_the_start_and_to_whom_it_concerns() {
    let Some(postgres) = Postgres::start(&["max_connections=8", "superuser_reserved_connections=3"]) else {
        return;
    };
    // The probe of the start is a superuser's, and so are the workers: what the server says decides.
    let target = target(&postgres.url, &["--mode", "single", "--db-pool", "12"]);
    assert!(target.errors().contains("are 12 connections") && target.errors().contains("allows 5"));
    let mut clients: Vec<_> = (0..12).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.send("GET /db?think=3s HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    }
    let answers: Vec<_> = clients.iter_mut().map(|client| client.receive().unwrap()).collect();
    let refused: Vec<_> = answers.iter().filter(|answer| answer.status == 503).collect();
    assert!(!refused.is_empty() && refused.len() < 12, "{}", refused.len());
    for answer in &refused {
        assert!(answer.text().contains("too many clients"), "{}", answer.text());
    }
    drop(clients);
    let stats = at_rest(&target);
    assert_eq!(stats["totals"]["db"]["failures"], refused.len(), "{stats}");
    wait_for("a query that is answered", || (target.get("/db").status == 200).then_some(()));
}

#[test]
fn a_server_that_is_down_or_hangs_is_a_503_and_comes_back_by_itself() {
    let Some(mut postgres) = Postgres::start(&[]) else { return };
    // The tables are there.
    drop(target(&postgres.url, &["--mode", "single"]));
    for mode in [MODES[0], MODES[2]] {
        postgres.order("stop");
        let target = target(&postgres.url, &[mode, &["--db-timeout", "500ms"]].concat());
        assert!(target.errors().contains("the database is down"), "{}", target.errors());
        let answer = target.get("/db");
        assert_eq!(answer.status, 503);
        assert!(answer.text().contains("can't be reached"), "{}", answer.text());
        wait_for("/readyz to say so", || (target.get("/readyz").status == 503).then_some(()));
        assert_eq!(target.get("/health").status, 200);
        postgres.order("start");
        wait_for("/readyz to follow", || (target.get("/readyz").status == 200).then_some(()));
        wait_for("a query that is answered", || (target.get("/db").status == 200).then_some(()));
        // Nothing answers, and nothing closes.
        postgres.order("hang");
        let answer = wait_for("a query without an answer", || {
            let answer = target.get("/db");
            (answer.status == 503).then_some(answer)
        });
        let said = answer.text();
        assert!(said.contains("500ms") || said.contains("does not answer"), "{said}");
        wait_for("/readyz to say so", || (target.get("/readyz").status == 503).then_some(()));
        postgres.order("continue");
        wait_for("/readyz to follow", || (target.get("/readyz").status == 200).then_some(()));
        wait_for("a query that is answered", || (target.get("/db").status == 200).then_some(()));
        let stats = at_rest(&target);
        let database = &stats["totals"]["db"];
        assert!(database["failures"].as_u64().unwrap() >= 2 && database["in_use"] == 0, "{database}");
    }
}

#[test]
fn the_oldest_orders_go_where_there_are_as_many_as_rows() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "cluster", "--workers", "2"]);
    // All at once: nobody waits for anybody, and none fails.
    let mut clients: Vec<_> = (0..8).map(|_| target.connect()).collect();
    for _ in 0..5 {
        for client in &mut clients {
            client.send("GET /db?query=insert&rows=700 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
        }
        for client in &mut clients {
            let answer = client.receive().unwrap();
            assert_eq!(answer.status, 200, "{}", answer.text());
            assert_eq!(answer.json()["rows"], 700, "{}", answer.text());
        }
    }
    assert_eq!(target.get("/db?query=insert&rows=7").status, 200);
    let kept = postgres.session().run("SELECT count(*), max(id) - min(id) FROM quintain_orders");
    assert_eq!(kept, "1000|999\n");
}

/// A client that leaves in the middle of a transaction leaves neither it nor the row's lock behind.
#[test]
fn whoever_leaves_takes_the_transaction_along() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "single", "--db-pool", "2"]);
    let mut client = target.connect();
    client.send("GET /db?query=contend&think=50s HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    wait_for("a connection in use", || (target.stats()["totals"]["db"]["in_use"] == 1).then_some(()));
    drop(client);
    wait_for("it to be given up", || (target.total("in_flight") == 0).then_some(()));
    for _ in 0..3 {
        let answer = target.get("/db?query=contend");
        assert_eq!(answer.status, 200, "{}", answer.text());
    }
}

/// Each holds the row for 5 ms; three others wait for it meanwhile.
#[test]
fn a_row_that_is_contended_is_measured_and_found() {
    let Some(postgres) = Postgres::start(&[]) else { return };
    let target = target(&postgres.url, &["--mode", "cluster", "--workers", "1"]);
    let mut client = target.connect();
    let alone = client.get("/db?query=contend").unwrap().json();
    assert_eq!((&alone["rows"], &alone["busy_ms"]), (&1.into(), &0.0.into()), "nobody else held it: {alone}");
    drop(client);
    let load = Load::with(target.address(), "/db?query=contend&think=5ms", &[Style::KeepAlive; 4]);
    load.answers(150);
    load.stop();
    let database = at_rest(&target)["totals"]["db"].clone();
    let [busy, answered] = ["busy_seconds", "answer_seconds"].map(|name| database[name].as_f64().unwrap());
    assert!(busy > 0.5 * answered && busy < answered, "{database}");
    let page = target.end().report();
    assert!(page.contains(" of the database's time was waiting for rows that other transactions held: "), "{page}");
}
