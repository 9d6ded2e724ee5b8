//! What a profile is refused for, each mistake with its place; and what the built-in ones say.

use super::read::limits;
use super::*;
use crate::mistake::Mistake;

/// A few of what a target offers.
fn offered() -> Vec<Offered> {
    let offer = |method: &str, path: &str, is_fixed| Offered { method: method.into(), path: path.into(), is_fixed };
    vec![
        offer("GET", "/", true),
        offer("GET", "/health", true),
        offer("GET", "/io", false),
        offer("GET", "/bytes/{n}", false),
    ]
}

fn rules(offered: &[Offered]) -> Rules<'_> {
    Rules {
        delay: Limit { most: Duration::from_mins(1), setting: "max-delay" },
        cpu: Limit { most: Duration::from_secs(10), setting: "max-cpu" },
        bytes: Limit { most: Bytes(1 << 20), setting: "max-bytes" },
        body: Limit { most: Bytes(1 << 20), setting: "max-body" },
        memory: Limit { most: Bytes(1 << 20), setting: "max-mem" },
        db_rows: Limit { most: 1000, setting: "db-rows" },
        seed: 1,
        ..Rules::without_limits(offered, 8)
    }
}

fn read_text(text: &str) -> Result<Profile, Vec<Mistake>> {
    read("p.toml", text, &rules(&offered()))
}

fn sentences(text: &str) -> Vec<String> {
    read_text(text).expect_err(text).iter().map(ToString::to_string).collect()
}

/// What stands in a route after its path, line and column, key, and what the sentence says of it.
type Bad = (&'static str, &'static str, &'static str, &'static str);

#[rustfmt::skip] // A table.
const IN_A_ROUTE: [Bad; 80] = [
    ("metod = 'GET'", "3:1", "route.metod", "did you mean method?"),
    ("method = 'get'", "3:10", "route.method = get", "must be one of GET, POST"),
    ("method = 'HEAD'", "3:10", "route.method = HEAD", "name GET"),
    ("method = 7", "3:10", "route.method = 7", "must be a string, not an integer"),
    ("method = []", "3:10", "route.method", "at least one"),
    ("method = ['GET', 'GET']", "3:18", "route.method = GET", "twice"),
    ("weight = -1", "3:10", "route.weight = -1", "0 to 1000000"),
    ("weight = nan", "3:10", "route.weight = nan", "0 to 1000000"),
    ("weight = 'much'", "3:10", "route.weight = much", "must be a number"),
    ("steps = { cpu = 1 }", "3:9", "route.steps", "must be a list, not a table"),
    ("steps = [ 1 ]", "3:11", "route.steps = 1", "must be a table, not an integer"),
    ("steps = [ {} ]", "3:11", "route.steps", "not nothing"),
    ("steps = [ { cpu = { ms = 1 }, io = { ms = 1 } } ]", "3:11", "route.steps", "not cpu and io"),
    ("steps = [ { cpi = { ms = 1 } } ]", "3:13", "route.steps.cpi", "did you mean cpu?"),
    ("steps = [ { teleport = 1 } ]", "3:13", "route.steps.teleport", "a step is one of cpu, io, mem, db, infer, bytes"),
    ("steps = [ { infer = { on = 'moon' } } ]", "3:28", "route.steps.infer.on", "must be one of loop, pool"),
    ("steps = [ { db = { query = 'x' } } ]", "3:28", "route.steps.db.query", "must be one of point, range"),
    ("steps = [ { db = { rows = -2 } } ]", "3:27", "route.steps.db.rows = -2", "0 to 1000 (--db-rows)"),
    ("steps = [ { db = { indexed = true } } ]", "3:30", "route.steps.db.indexed", "a string"),
    ("steps = [ { db = { think = 5 } } ]", "3:28", "route.steps.db.think", "such as \"200ms\""),
    ("steps = [ { db = { sql = 'DROP' } } ]", "3:20", "route.steps.db.sql", "no such key"),
    ("steps = [ { infer = { quantised = true } } ]", "3:35", "route.steps.infer.quantised", "a string"),
    ("steps = [ { cache = { keys = 0, ttl = '1s' } } ]", "3:30", "route.steps.cache.keys = 0", "must be 1 to 100000"),
    ("steps = [ { cache = { keys = 1, ttl = '0s' } } ]", "3:39", "route.steps.cache.ttl = 0s", "must be 1ms to 1h"),
    ("steps = [ { cache = { keys = 1 } } ]", "3:21", "route.steps.cache.ttl", "is missing"),
    ("steps = [ { cache = { keys = 1, ttl = '1s' } }, { cache = { keys = 1, ttl = '1s' } } ]", "3:9", "route.steps", "2 caches"),
    ("steps = [ { cache = { keys = 1, ttl = '1s' } }, { issue = { cookie = 'a' } } ]", "3:9", "route.steps", "put them before it"),
    ("steps = [ { cache = { keys = 1, ttl = '1s' } }, { infer = {} } ]", "3:9", "route.steps", "would answer for other pictures"),
    ("steps = [ { infer = {} }, { cache = { keys = 1, ttl = '1s' } } ]", "3:9", "route.steps", "would answer for other pictures"),
    ("steps = [ { issue = { body = 'a' } }, { cache = { keys = 1, ttl = '1s' } } ]", "3:9", "route.steps", "keep a body that issues a value"),
    ("steps = [ { issue = { cookie = 'A' } } ]", "3:32", "route.steps.issue.cookie = A", "small letters"),
    ("steps = [ { issue = { path = 'a' } } ]", "3:23", "route.steps.issue.path", "allowed here: cookie, body, of"),
    ("steps = [ { issue = { cookie = 'a', body = 'a' } } ]", "3:44", "route.steps.issue.body = a", "together"),
    ("steps = [ { issue = { cookie = 'a', of = 'b' } } ]", "3:9", "route.steps", "a step before it must issue or check b"),
    ("steps = [ { issue = { cookie = 'a' } }, { check = { cookie = 'a' } } ]", "3:9", "route.steps", "have a twice"),
    ("steps = [ { check = { path = 'a' } } ]", "3:9", "route.steps", "its first open part must be {a}"),
    ("steps = [ { issue = { body = 'a' } }, { bytes = { size = 1 } } ]", "3:9", "route.steps", "leave its size out"),
    ("steps = [ { rate_limit = 5 } ]", "3:26", "route.steps.rate_limit = 5", "must be a table of rate, burst"),
    ("steps = [ { rate_limit = { rate = 5 } } ]", "3:26", "route.steps.rate_limit.burst", "is missing: how many at once"),
    ("steps = [ { rate_limit = { rate = 0, burst = 1 } } ]", "3:35", "rate_limit.rate = 0", "is too small; allowed: 0.001 to 1000000 with up to three decimals, or \"off\""),
    ("steps = [ { rate_limit = { rate = -1, burst = 1 } } ]", "3:35", "rate_limit.rate = -1", "is not a plain decimal"),
    ("steps = [ { rate_limit = { rate = 1e9, burst = 1 } } ]", "3:35", "rate_limit.rate = 1e9", "is not a plain decimal"),
    ("steps = [ { rate_limit = { rate = 0.0001, burst = 1 } } ]", "3:35", "rate_limit.rate = 0.0001", "is too fine"),
    ("steps = [ { rate_limit = { rate = 'on', burst = 1 } } ]", "3:35", "rate_limit.rate = on", "or \"off\""),
    ("steps = [ { rate_limit = { rate = '5', burst = 1 } } ]", "3:35", "rate_limit.rate = 5", "must be requests a second, a number without quotes"),
    ("steps = [ { rate_limit = { rate = 'off', burst = 0 } } ]", "3:50", "rate_limit.burst = 0", "must be 1 to 1000000"),
    ("steps = [ { rate_limit = { rate = 1, burst = 1 } }, { rate_limit = { rate = 2, burst = 1 } } ]", "3:9", "route.steps", "2 rate limits"),
    ("steps = [ { cpu = 5 } ]", "3:19", "route.steps.cpu = 5", "must be a table of iterations, ms"),
    ("steps = [ { cpu = {} } ]", "3:19", "route.steps.cpu.iterations", "give iterations or ms"),
    ("steps = [ { cpu = { ms = 1, iterations = 1 } } ]", "3:26", "route.steps.cpu.ms = 1", "together"),
    ("steps = [ { cpu = { iteration = 1 } } ]", "3:21", "route.steps.cpu.iteration", "did you mean iterations?"),
    ("steps = [ { cpu = { iterations = -1 } } ]", "3:34", "route.steps.cpu.iterations = -1", "0 to 7000000000 (--max-cpu 10s)"),
    ("steps = [ { cpu = { iterations = 7000000001 } } ]", "3:34", "iterations = 7000000001", "--max-cpu"),
    ("steps = [ { cpu = { iterations = 99999999999999999999 } } ]", "3:34", "iterations = 99999999999999999999", "--max-cpu"),
    ("steps = [ { cpu = { iterations = 1.5 } } ]", "3:34", "iterations = 1.5", "must be an integer"),
    ("steps = [ { cpu = { ms = 10001 } } ]", "3:26", "route.steps.cpu.ms = 10001", "--max-cpu 10s"),
    ("steps = [ { cpu = { ms = inf } } ]", "3:26", "ms = inf", "0 to 10000"),
    ("steps = [ { io = { ms = 60001 } } ]", "3:25", "route.steps.io.ms = 60001", "--max-delay 1m"),
    ("steps = [ { io = { delay = 20 } } ]", "3:28", "route.steps.io.delay = 20", "must be a string"),
    ("steps = [ { io = { delay = '20' } } ]", "3:28", "route.steps.io.delay = 20", "needs a unit"),
    ("steps = [ { io = { delay = '61s' } } ]", "3:28", "route.steps.io.delay = 61s", "--max-delay"),
    ("steps = [ { io = { delay = 'lognormal(p50=20ms)' } } ]", "3:28", "delay = lognormal(p50=20ms)", "p99"),
    ("steps = [ { io = { ms = 40000 } }, { io = { ms = 30000 } } ]", "3:9", "route.steps", "wait 70s in all"),
    ("steps = [ { cpu = { ms = 9999 } }, { cpu = { iterations = 700001 } } ]", "3:9", "route.steps", "compute too much in all"),
    ("steps = [ { mem = { ms = 1 } } ]", "3:19", "route.steps.mem.bytes", "is missing"),
    ("steps = [ { mem = { bytes = '2MiB', ms = 1 } } ]", "3:29", "mem.bytes = 2MiB", "0 to 1MiB (--max-mem)"),
    ("steps = [ { bytes = { size = '2MiB' } } ]", "3:30", "bytes.size = 2MiB", "0 to 1MiB (--max-bytes)"),
    ("steps = [ { bytes = { size = '1XB' } } ]", "3:30", "bytes.size = 1XB", "unknown unit"),
    ("steps = [ { bytes = { size = 1 } } ]\nresponse = { size = 1 }", "3:9", "route.steps", "said once"),
    ("request = { size = '2MiB' }", "3:20", "route.request.size = 2MiB", "0 to 1MiB (--max-body)"),
    ("request = {}", "3:11", "route.request.size", "is missing"),
    ("response = { status = 99 }", "3:23", "route.response.status = 99", "200 to 599"),
    ("response = { status = 600 }", "3:23", "route.response.status = 600", "200 to 599"),
    ("response = { status = 204, size = 1 }", "3:35", "route.response.size = 1", "a 204 has no body"),
    ("response = { size = -1 }", "3:21", "route.response.size = -1", "negative"),
    ("response = { siez = 1 }", "3:14", "route.response.siez", "did you mean size?"),
    ("response = { headers = { 'a b' = 'x' } }", "3:26", "route.response.headers.a b", "no header's name"),
    ("response = { headers = { content-length = '1' } }", "3:26", "headers.content-length", "can't be set"),
    ("response = { headers = { x-a = 1 } }", "3:32", "headers.x-a = 1", "must be a string"),
    ("response = { headers = { x-a = \"a\\nb\" } }", "3:32", "headers.x-a", "one line"),
];

/// A whole text, line and column, key, and what the sentence says.
#[rustfmt::skip] // A table.
const TEXTS: [Bad; 53] = [
    ("", "1:1", "route", "at least one [[route]]"),
    ("rout = 1\n[[route]]\npath = '/a'", "1:1", "rout", "did you mean route?"),
    ("route = 1", "1:9", "route = 1", "must be a list"),
    ("[route]\npath = '/a'", "1:1", "route", "must be a list, not a table"),
    ("[[route]]\n", "1:1", "route.path", "is missing"),
    ("[[route]]\npath = 1", "2:8", "route.path = 1", "must be a string"),
    ("[[route]]\npath = 'a'", "2:8", "route.path = a", "begin with /"),
    ("[[route]]\npath = '/a b'", "2:8", "route.path = \"/a b\"", "' '"),
    ("[[route]]\npath = '/a?b=1'", "2:8", "route.path = /a?b=1", "'?'"),
    ("[[route]]\npath = '/ä'", "2:8", "route.path = /ä", "percent-encoded"),
    ("[[route]]\npath = '/:id'", "2:8", "route.path = /:id", "{id}"),
    ("[[route]]\npath = '/{id'", "2:8", "route.path = /{id", "no path pattern"),
    ("[[route]]\npath = '/{}'", "2:8", "route.path = /{}", "no path pattern"),
    ("[[route]]\npath = '/{*all}/x'", "2:8", "route.path = /{*all}/x", "no path pattern"),
    ("[[route]]\npath = '/health'", "2:8", "route.path", "/health can't be replaced: /, /health stay"),
    ("[[route]]\npath = '/'", "2:8", "route.path", "can't be replaced"),
    ("[[route]]\nmethod = 'POST'\npath = '/health'", "3:8", "route.path", "can't be replaced"),
    ("[[route]]\npath = '/a'\n[[route]]\npath = '/a'", "4:8", "route.path", "GET /a is the same as the route at line 2 column 8"),
    ("[[route]]\npath = '/{a}'\n[[route]]\npath = '/{b}'", "4:8", "route.path", "GET /{b} is the same as the route at line 2"),
    ("[[route]]\npath = '/{a}'\n[[route]]\npath = '/{*b}'", "4:8", "route.path", "can't be told apart"),
    ("[[route]]\npath = '/bytes/{*rest}'", "2:8", "route.path", "can't be told apart from /bytes/{n}"),
    ("[[route]]\nmethod = ['GET', 'PUT', 'POST', 'PATCH', 'DELETE']\npath = '/a'", "3:8", "route", "too many routes: with those that are served anyway there are 9, and 8 have room"),
    ("summary = ''\n[[route]]\npath = '/a'", "1:11", "summary = \"\"", "one line of 1 to 120"),
    ("summary = 'x\n", "1:13", "p.toml", "not valid TOML"),
    ("[limits]\nmax_inflihgt = 1\n[[route]]\npath = '/a'", "2:1", "limits.max_inflihgt", "did you mean max_inflight?"),
    ("[limits]\nlisten = 'x'\n[[route]]\npath = '/a'", "2:1", "limits.listen", "a profile sets max_connections"),
    ("[limits]\nmax_delay = 5.5\n[[route]]\npath = '/a'", "2:1", "limits.max_delay = 5.5", "must be a string"),
    ("limits = 1\n[[route]]\npath = '/a'", "1:10", "limits = 1", "must be a table"),
    ("[load]\nusers = 1\nrequests = 1\n[[route]]\npath = '/a'", "1:1", "load", "either requests and concurrency, or users"),
    ("[load]\nrequests = 0\nconcurrency = 1\n[[route]]\npath = '/a'", "2:12", "load.requests = 0", "1 to 1000000000"),
    ("[load]\nrequests = 1\n[[route]]\npath = '/a'", "1:1", "load.concurrency", "is missing"),
    ("[load]\nrequests = 1\nconcurrency = 1\nthink = '1'\n[[route]]\npath = '/a'", "4:9", "load.think = 1", "needs a unit"),
    ("[load]\nrequests = 1\nconcurrency = 1\nthink = ['2s', '1s']\n[[route]]\npath = '/a'", "4:9", "load.think", "the least and the most"),
    ("[load]\nrequests = 1\nconcurrency = 1\nlogin = 'GET /ab'\n[[route]]\npath = '/a'", "4:9", "load.login = \"GET /ab\"", "did you mean GET /a?"),
    ("[load]\nrequests = 1\nconcurrency = 1\nalso = { '/a' = 1 }\n[[route]]\npath = '/a'", "4:10", "load.also./a", "a method and a path"),
    ("[load]\nrequests = 1\nconcurrency = 1\nalso = { 'GET /a' = -1 }\n[[route]]\npath = '/a'", "4:21", "load.also.GET /a", "must be 0 to"),
    ("[load]\nstages = []\n[[route]]\npath = '/a'", "2:10", "load.stages", "at least one stage"),
    ("[load]\nstages = [ { users = 1, spawn_rate = 0, duration = '1s' } ]\n[[route]]\npath = '/a'", "2:38", "load.stages.spawn_rate = 0", "0.001 to"),
    ("[load]\nstages = [ { users = 1, spawn_rate = 1, duration = '1' } ]\n[[route]]\npath = '/a'", "2:52", "load.stages.duration = 1", "needs a unit"),
    ("[load]\nusers = 1\nstages = [ { requests = 1, concurrency = 1 } ]\n[[route]]\npath = '/a'", "2:9", "load.users = 1", "beside `stages`"),
    ("[published]\nmean_msec = 1\n[[route]]\npath = '/a'", "2:1", "published.mean_msec", "did you mean mean_ms?"),
    ("[published]\nmean_ms = -1\n[[route]]\npath = '/a'", "2:11", "published.mean_ms = -1", "must be 0 to"),
    ("[published]\nstatus = { 2x = 1 }\n[[route]]\npath = '/a'", "2:12", "published.status.2x", "100 to 599"),
    ("[[fault]]\nkinds = [ { kind = 'reset', rate = 1.5 } ]", "2:36", "fault.kinds.rate = 1.5", "too large; allowed: 0 to 1"),
    ("[[fault]]\nkinds = [ { kind = 'reset', rate = -0.1 } ]", "2:36", "fault.kinds.rate = -0.1", "0 to 1"),
    ("[[fault]]\nkinds = [ { kind = 'reset', rate = 0.6 }, { kind = 'empty', rate = 0.6 } ]", "2:9", "fault.kinds", "1"),
    ("[[fault]]\nkinds = [ { kind = 'rest', rate = 0.6 } ]", "2:20", "fault.kinds.kind = rest", "did you mean reset?"),
    ("[[fault]]\nkinds = [ { kind = 'status', rate = 0.6 } ]", "2:11", "fault.kinds.code", "status needs it"),
    ("[[fault]]\nroute = '/b'\nkinds = [ { kind = 'reset', rate = 0.1 } ]\n[[route]]\npath = '/a'", "2:9", "fault.route = /b", "no route of this target"),
    ("[[fault]]\nkinds = [ { kind = 'reset', rate = 0.1 } ]\nwindow = { every = '1s', for = '2s' }", "3:32", "fault.window.for = 2s", "at most every"),
    ("[[fault]]\nkinds = [ { kind = 'reset', rate = 0.1 } ]\nwindow = { from = '5s', to = '5s' }", "3:30", "fault.window.to = 5s", "not after its from"),
    ("[[fault]]\nkinds = [ { kind = 'stall' } ]", "1:1", "fault.window", "holds while it is open"),
    ("[[fault]]\nkind = []", "2:1", "fault.kind", "did you mean kinds?"),
];

/// Checks that some sentence stands at this place and says this.
fn refused(text: &str, place: &str, key: &str, says: &str) {
    let sentences = sentences(text);
    let (line, column) = place.split_once(':').unwrap();
    let begins = format!("p.toml line {line} column {column}: ");
    let fits =
        |sentence: &&String| sentence.starts_with(&begins) && sentence.contains(says) && sentence.contains(key);
    assert!(sentences.iter().any(|sentence| fits(&sentence)), "{text}\n{place} {key} … {says}\n{sentences:#?}");
}

#[test]
fn every_mistake_has_its_place_and_says_what_is_allowed() {
    for (line, place, key, says) in IN_A_ROUTE {
        refused(&format!("[[route]]\npath = '/a'\n{line}\n"), place, key, says);
    }
    for (text, place, key, says) in TEXTS {
        refused(text, place, key, says);
    }
}

#[test]
fn all_mistakes_of_a_db_step_come_together() {
    let step = "{ query = 'x', rows = -2, indexed = true, think = 5, on = 'moon', pipeline = 'yes' }";
    let said = sentences(&format!("[[route]]\npath = '/a'\nsteps = [ {{ db = {step} }} ]\n"));
    for name in crate::work::database::Query::NAMES {
        let key = format!("route.steps.db.{name}");
        assert_eq!(said.iter().filter(|sentence| sentence.contains(&key)).count(), 1, "{key}: {said:#?}");
    }
}

#[test]
fn what_needs_a_connection_of_its_own_cant_be_pipelined() {
    for (step, says) in [
        ("query = 'contend', pipeline = 'on'", "off where the query is contend"),
        ("think = '5ms', pipeline = 'on'", "off where there is a think time"),
    ] {
        let said = sentences(&format!("[[route]]\npath = '/a'\nsteps = [ {{ db = {{ {step} }} }} ]\n"));
        assert!(said.len() == 1 && said[0].contains("steps.db.pipeline") && said[0].contains(says), "{said:#?}");
    }
}

#[test]
fn all_mistakes_come_together_in_the_order_of_the_text() {
    let text = "
summary = 7
[[route]]
path = 'x'
weigt = 3
[[route]]
path = '/b'
steps = [ { io = { ms = -5 } }, { cpu = { iterations = 'many' } } ]
[load]
users = 0
";
    let sentences = sentences(text);
    let places = [(2, 11), (4, 8), (5, 1), (8, 25), (8, 56), (9, 1), (9, 1), (10, 9)];
    assert_eq!(sentences.len(), places.len(), "{sentences:#?}");
    for (sentence, (line, column)) in sentences.iter().zip(places) {
        assert!(sentence.starts_with(&format!("p.toml line {line} column {column}: ")), "{sentences:#?}");
    }
}

#[test]
fn what_is_right_is_read() {
    let profile = read_text(
        "
summary = 'a shop'
[[route]]
method = ['GET', 'POST']
path = '/users/{id}'
weight = 3
steps = [ { cpu = { iterations = 200_000 } }, { io = { delay = 'lognormal(p50=20ms,p99=200ms)' } },
          { mem = { bytes = '1kB', ms = 0.5 } }, { bytes = { size = 684 } } ]
response = { status = 201, headers = { x-cache = 'miss', set-cookie = ['a=1', 'b=2'] } }
[[route]]
path = '/io'
[[route]]
method = 'DELETE'
path = '/users/{name}'
[[fault]]
route = '/users/{id}'
method = 'POST'
kinds = [ { kind = 'status', code = 500, rate = 0.003 }, { kind = 'reset', rate = 0.002 } ]
[limits]
max_inflight = 1000
[load]
requests = 10
concurrency = 2
[published]
mean_ms = 1.5
status = { 200 = 3 }
",
    )
    .unwrap();
    let [users, io, delete] = &profile.routes[..] else { panic!("{profile:?}") };
    assert_eq!(users.methods, [Method::GET, Method::POST]);
    assert_eq!((&*users.path, users.response.size, users.response.headers.len()), ("/users/{id}", Some(684), 3));
    assert_eq!(users.steps.len(), 4);
    assert_eq!((io.methods.len(), io.response.status, io.response.size), (1, StatusCode::OK, None));
    assert_eq!(delete.methods, [Method::DELETE]);
    assert_eq!(profile.faults[0].name.as_deref(), Some("fault 1"));
    assert_eq!(profile.load.stages, [Stage::Requests { requests: 10, concurrency: 2 }]);
    assert_eq!((profile.published[0].figures["mean_ms"], profile.published[0].status[&200]), (1.5, 3));
    assert_eq!(profile.content()["limits"]["max_inflight"], 1000);
    assert_eq!(limits("p.toml", &profile.text, &[]).len(), 1);
}

#[test]
fn a_step_says_where_it_computes_and_what_waits() {
    let text =
        "[[route]]\npath = '/a'\nsteps = [ { cpu = { ms = 1, on = 'pool' } }, { io = { ms = 1, mode = 'pool' } } ]";
    let profile = read_text(text).unwrap();
    assert_eq!(
        profile.routes[0].to_string(),
        "computes for 1ms on the pool, waits 1ms on the pool; 200, what was done as JSON"
    );
    let usual =
        read_text(&text.replace(", on = 'pool'", "").replace(", mode = 'pool'", ", mode = 'async'")).unwrap();
    assert_eq!(usual.routes[0].to_string(), "computes for 1ms, waits 1ms; 200, what was done as JSON");
    let mistakes = read_text(&text.replace("'pool'", "'poool'")).unwrap_err();
    let told: Vec<String> = mistakes.iter().map(ToString::to_string).collect();
    assert!(told[0].contains("loop, pool") && told[1].contains("async, blocking, pool"), "{told:?}");
}

#[test]
fn two_delays_of_a_route_are_not_long_for_the_same_requests() {
    let text = "[[route]]\npath = '/a'\nsteps = [ { io = { delay = '1s:50' } }, { io = { delay = '1s:50' } } ]";
    let profile = read_text(text).unwrap();
    let [Step::Io { delay: one, .. }, Step::Io { delay: other, .. }] = &profile.routes[0].steps[..] else {
        panic!("{profile:?}")
    };
    let both = (0..10_000).filter(|&index| one.at(index).is_some() && other.at(index).is_some()).count();
    assert!((2_000..3_000).contains(&both), "{both} of 10,000");
}

#[test]
fn the_built_in_ones_are_right_and_say_what_they_are() {
    for (name, text) in BUILT_IN {
        let offered = offered();
        let rules = Rules { room: 63, ..rules(&offered) };
        let profile = read(name, text, &rules).unwrap_or_else(|mistakes| panic!("{name}: {mistakes:#?}"));
        assert!(!profile.summary.is_empty() && profile.summary == summary_of(text), "{name}");
        assert_eq!(profile.routes.is_empty(), name == DEFAULT, "{name}");
        assert!(text.lines().all(|line| line.chars().count() <= 140), "{name} fits a screen");
    }
}

#[test]
#[allow(clippy::cast_precision_loss)]
fn the_market_has_the_published_errors() {
    let (name, text) = BUILT_IN.into_iter().find(|(name, _)| *name == "market").unwrap();
    let offered = offered();
    let profile = read(name, text, &Rules { room: 63, ..rules(&offered) }).unwrap();
    let published = &profile.published[0];
    let mut errors = std::collections::BTreeMap::<u16, f64>::new();
    for fault in &profile.faults {
        let route = profile.routes.iter().find(|route| Some(&route.path) == fault.route.as_ref()).unwrap();
        let kind = &fault.kinds[0];
        let count = route.weight * kind.rate.unwrap().parts() as f64 / 1e9;
        *errors.entry(u16::try_from(kind.code.unwrap()).unwrap()).or_default() += count;
        let worked = published.succeeded[&format!("{} {}", route.methods[0], route.path)];
        assert!((route.weight - count - worked as f64).abs() < 0.01, "{}: {worked} and {count}", route.path);
    }
    for (status, count) in &published.status {
        assert!((errors[status] - *count as f64).abs() < 0.01, "{status}: {count} and {errors:?}");
    }
}

#[test]
fn the_baseline_has_the_published_shape() {
    let (_, text) = BUILT_IN[1];
    let profile = read("baseline", text, &rules(&offered())).unwrap();
    let [_, Step::Io { delay, .. }] = &profile.routes[0].steps[..] else { panic!("{profile:?}") };
    let mut drawn: Vec<f64> = (0..50_000).map(|index| delay.at(index).unwrap().as_secs_f64() * 1e3).collect();
    drawn.sort_by(f64::total_cmp);
    let published = &profile.published[0].figures;
    let mean = drawn.iter().sum::<f64>() / 50_000.0;
    for (figure, is, within) in [
        ("mean_ms", mean, 0.03),
        ("min_ms", drawn[0], 0.04),
        ("p95_ms", drawn[47_500], 0.04),
        ("p99_ms", drawn[49_500], 0.04),
        ("max_ms", drawn[49_999], 0.02),
    ] {
        assert!((is / published[figure] - 1.0).abs() < within, "{figure}: {is} for {}", published[figure]);
    }
}
