//! What each route answers to each method, and the headers that clients rely on.

use crate::support::client::Client;
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

/// Paths whose answers are the same each time.
const FIXED: [&str; 6] = ["/", "/health", "/healthz", "/readyz", "/plaintext", "/json"];

/// Those of the paths below that take POST as they take GET.
const POSTED: [&str; 3] = ["/io", "/cpu", "/cpu?iterations=abc"];

/// Paths whose answers tell what was measured.
const WORKLOADS: [&str; 4] = ["/io?ms=0", "/io?ms=0&mode=pool", "/cpu?iterations=10", "/cpu?ms=0&on=pool"];

fn asked(client: &mut Client, path: &str, header: &str) -> crate::support::client::Response {
    client.send(format!("GET {path} HTTP/1.1\r\nHost: target\r\n{header}\r\n\r\n")).unwrap();
    client.receive().unwrap()
}

fn single() -> Target {
    Target::start(&["--mode", "single"])
}

#[test]
fn head_is_answered_wherever_get_is() {
    let target = single();
    let mut client = target.connect();
    for path in FIXED {
        let get = client.get(path).unwrap();
        let head = client.request("HEAD", path).unwrap();
        assert_eq!((get.status, head.status), (200, 200), "{path}");
        for header in ["content-length", "content-type"] {
            assert!(get.header(header).is_some(), "{path} has a {header}");
            assert_eq!(get.header(header), head.header(header), "{path} {header}");
        }
    }
    for path in WORKLOADS {
        let head = client.request("HEAD", path).unwrap();
        assert_eq!((head.status, head.header("content-type")), (200, Some("application/json")), "{path}");
        assert!(head.header("content-length").is_some_and(|length| length != "0"), "{path}: {:?}", head.headers);
        // A body would be taken for the head of this answer.
        assert_eq!(client.get("/health").unwrap().text(), "OK", "{path}");
    }
    let head = client.request("HEAD", "/nowhere").unwrap();
    assert_eq!((head.status, client.get("/health").unwrap().status), (404, 200));
    drop(client);
    let stats = at_rest(&target);
    let routes = stats["routes"].as_array().unwrap();
    let plaintext = routes.iter().find(|route| route["route"] == "/plaintext").unwrap();
    assert_eq!((&plaintext["method"], &plaintext["finished"]), (&"GET".into(), &2.into()), "HEAD counts as GET");
}

#[test]
fn other_methods_are_405_with_what_is_allowed() {
    let target = single();
    let mut client = target.connect();
    let mut refused = 0;
    for path in FIXED.into_iter().chain(["/io", "/cpu", "/cpu?iterations=abc", "/headers"]) {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB"] {
            let takes = if path == "/" { Some("OPTIONS") } else { POSTED.contains(&path).then_some("POST") };
            if takes == Some(method) {
                continue;
            }
            let request = format!("{method} {path} HTTP/1.1\r\nHost: target\r\nContent-Length: 0\r\n\r\n");
            client.send(request).unwrap();
            let response = client.receive().unwrap();
            assert_eq!(response.status, 405, "{method} {path}");
            let allow = response.header("allow").unwrap_or_else(|| panic!("Allow for {method} {path}"));
            let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
            allowed.sort_unstable();
            let expected: Vec<&str> = ["GET", "HEAD"].into_iter().chain(takes).collect();
            assert_eq!(allowed, expected, "{method} {path}");
            assert_eq!(response.header("content-type"), Some("application/json"), "{method} {path}");
            assert!(response.json()["error"].as_str().unwrap().contains(method), "{}", response.text());
            refused += 1;
        }
    }
    drop(client);
    let stats = at_rest(&target);
    let unmatched = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "(none)").unwrap();
    assert_eq!((&unmatched["status"]["405"], &stats["totals"]["finished"]), (&refused.into(), &refused.into()));
}

#[test]
fn what_is_not_there_is_404() {
    let target = single();
    let mut client = target.connect();
    let paths = ["/nowhere", "/health//", "/HEALTH", "/io/200", "//health", "/%2e%2e/etc/passwd", "/stats"];
    for path in paths {
        let response = client.get(path).unwrap();
        assert_eq!(response.status, 404, "{path}");
        assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
        assert!(response.json()["error"].as_str().unwrap().contains(path), "{path}: {}", response.text());
    }
    drop(client);
    let stats = at_rest(&target);
    let unmatched = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "(none)").unwrap();
    assert_eq!(unmatched["status"]["404"], paths.len());
}

#[test]
fn plaintext_and_json_are_as_techempower_has_them() {
    let target = single();
    let mut client = target.connect();
    let cases = [
        ("/plaintext", "text/plain", "Hello, World!"),
        ("/json", "application/json", r#"{"message":"Hello, World!"}"#),
    ];
    for (path, content_type, body) in cases {
        for method in ["GET", "HEAD"] {
            let response = client.request(method, path).unwrap();
            assert_eq!(response.header("content-type"), Some(content_type), "{method} {path}");
            assert_eq!(response.header("content-length"), Some(&*body.len().to_string()), "{method} {path}");
            assert_eq!(response.header("server"), Some("quintain"), "{method} {path}");
            let date = response.header("date").expect("a date");
            assert!(date.ends_with(" GMT") && date.len() == "Sun, 06 Nov 1994 08:49:37 GMT".len(), "{date}");
            assert_eq!(response.text(), if method == "GET" { body } else { "" }, "{method} {path}");
        }
    }
}

#[test]
fn the_root_is_text_for_a_terminal_and_a_page_for_a_browser() {
    // What it offers asks a database too.
    let target = Target::start(&["--mode", "single", "--db", "--db-rows", "100"]);
    let mut client = target.connect();
    let text = asked(&mut client, "/", "Accept: */*");
    assert!(text.header("content-type").unwrap().starts_with("text/plain"), "{:?}", text.headers);
    let page = asked(&mut client, "/", "Accept: text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8");
    assert!(page.header("content-type").unwrap().starts_with("text/html"), "{:?}", page.headers);
    assert!(page.text().to_lowercase().starts_with("<!doctype html>"), "{}", page.text());
    for answer in [&text, &page] {
        let text = answer.text();
        assert!(text.contains(env!("CARGO_PKG_VERSION")) && text.contains("single"), "{text}");
        // Every path it offers is there.
        for path in text.split("GET ").skip(1).filter_map(|rest| rest.split([' ', '<']).next()) {
            assert_eq!(client.get(path).unwrap().status, 200, "{path}");
        }
    }
    let live = format!("http://{}/", target.ready["admin"]);
    assert!(text.text().contains(&format!("live page and figures: {live}\n")) && page.text().contains(&live));
    let off = Target::start(&["--mode", "single", "--admin", "off"]);
    for accept in ["Accept: */*", "Accept: text/html"] {
        let index = asked(&mut off.connect(), "/", accept).text();
        assert!(!index.to_lowercase().contains("live page"), "{index}");
    }
    assert_eq!(text.text().matches("GET /").count(), page.text().matches("GET /").count());
}

#[test]
fn probes_and_benchmarks_ignore_their_query() {
    let target = single();
    let mut client = target.connect();
    for path in ["/health", "/healthz", "/readyz", "/plaintext", "/json"] {
        let plain = client.get(path).unwrap();
        for query in ["", "x=1", "ms=abc&ms=abc", "%zz", "="] {
            let response = client.get(&format!("{path}?{query}")).unwrap();
            assert_eq!((response.status, &response.body), (200, &plain.body), "{path}?{query}");
        }
    }
}

#[test]
fn a_workload_says_who_did_it_and_what_it_took() {
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    for path in WORKLOADS {
        let response = target.get(path);
        assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
        let worker = response.worker();
        assert!([(0, 1), (1, 1)].contains(&worker), "{path}: {worker:?}");
        let timings = response.header("server-timing").unwrap();
        let names: Vec<&str> = timings.split(", ").filter_map(|part| part.split(';').next()).collect();
        assert_eq!(names, ["queue", "loop", "inject", "pool", "cpu", "io", "total"], "{path}");
        assert!(names.iter().all(|name| response.timing(name) >= 0.0), "{path}: {timings}");
    }
}

#[test]
fn a_slash_at_the_end_of_a_literal_route_is_the_same_route() {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("profile.toml");
    let text = "[[route]]\npath = '/shop/'\nresponse = { status = 201 }\n\n\
                [[route]]\npath = '/both'\nresponse = { status = 202 }\n\n\
                [[route]]\npath = '/both/'\nresponse = { status = 203 }\n\n\
                [[route]]\nmethod = 'POST'\npath = '/files'\nresponse = { status = 201 }\n\n\
                [[route]]\npath = '/files/{*rest}'\nresponse = { status = 200 }\n";
    std::fs::write(&profile, text).unwrap();
    let target =
        Target::start(&["--mode", "single", "--max-inflight", "1", "--profile", profile.to_str().unwrap()]);
    let mut client = target.connect();
    let mut ask = |method: &str, path: &str| {
        client.send(format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n")).unwrap();
        client.receive().unwrap().status
    };
    let cases = [
        ("GET", "/health/", 200),
        ("GET", "/io/?ms=0", 200),
        ("POST", "/io/?ms=0", 200),
        ("PUT", "/upload/", 200),
        ("PATCH", "/echo/", 200),
        ("GET", "/shop", 201),
        ("GET", "/shop/", 201),
        ("GET", "/both", 202),
        ("GET", "/both/", 203),
        ("POST", "/files/", 201),
        ("GET", "/files/a", 200),
        ("GET", "/io//", 404),
        ("POST", "/health/", 405),
    ];
    for (method, path, status) in cases {
        assert_eq!(ask(method, path), status, "{method} {path}");
    }
    drop(client);
    // Where it is too full for others, it still answers who watches it.
    let mut busy = target.connect();
    busy.send("GET /io?ms=60000 HTTP/1.1\r\nHost: a\r\n\r\n").unwrap();
    wait_for("it to be full", || (target.total("in_flight") == 1).then_some(()));
    assert_eq!((target.get("/json/").status, target.get("/health/").status), (503, 200));
    drop(busy);
    let stats = at_rest(&target);
    let recorded = |method: &str, path: &str| {
        let is_it = |route: &&serde_json::Value| route["method"] == method && route["route"] == path;
        stats["routes"].as_array().unwrap().iter().find(is_it).map(|route| route["finished"].as_u64().unwrap())
    };
    assert_eq!((recorded("GET", "/health"), recorded("GET", "/health/")), (Some(2), None), "{stats}");
    assert_eq!((recorded("POST", "/io"), recorded("PUT", "/upload")), (Some(1), Some(1)), "{stats}");
    assert_eq!(
        (recorded("GET", "/shop/"), recorded("GET", "/both"), recorded("GET", "/both/")),
        (Some(2), Some(1), Some(1))
    );
    assert_eq!(recorded("ANY", "/echo"), Some(1));
}

#[test]
fn the_page_of_all_routes_takes_the_slash_away() {
    let target = single();
    let response = target.get("/docs/");
    // The page's own addresses are relative: behind the slash they would be others.
    assert_eq!((response.status, response.header("location")), (308, Some("../docs")));
}

#[test]
fn a_balancer_may_ask_for_options() {
    let target = single();
    for request in [
        "OPTIONS / HTTP/1.0\r\n\r\n",
        "OPTIONS / HTTP/1.1\r\nHost: a\r\n\r\n",
        "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    ] {
        let mut client = target.connect();
        client.send(request).unwrap();
        let response = client.receive().unwrap();
        assert_eq!((response.status, response.body.len()), (204, 0), "{request:?}");
        assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS"), "{request:?}");
    }
    let stats = at_rest(&target);
    let routes = stats["routes"].as_array().unwrap();
    assert_eq!(routes.len(), 1, "{stats}");
    assert_eq!(
        (&routes[0]["method"], &routes[0]["route"], &routes[0]["finished"]),
        (&"OPTIONS".into(), &"/".into(), &3.into())
    );
}

#[test]
fn post_does_what_get_does_and_a_body_is_read_and_ignored() {
    let target = single();
    let mut client = target.connect();
    let form = "Content-Type: application/x-www-form-urlencoded";
    for (path, field, value) in [
        ("/io?ms=1", "asked_ms", 1),
        ("/cpu?iterations=10", "iterations", 10),
        ("/mem?bytes=4096&ms=0", "bytes", 4096),
    ] {
        for body in ["", "ms=60000&bytes=1TiB&iterations=x"] {
            let length = body.len();
            client
                .send(format!(
                    "POST {path} HTTP/1.1\r\nHost: a\r\n{form}\r\nContent-Length: {length}\r\n\r\n{body}"
                ))
                .unwrap();
            let response = client.receive().unwrap();
            assert_eq!(response.status, 200, "{path}: {}", response.text());
            assert_eq!(response.json()[field].as_f64(), Some(f64::from(value)), "{path}: {}", response.text());
        }
    }
    for method in ["PUT", "POST"] {
        client.send(format!("{method} /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello")).unwrap();
        assert_eq!(client.receive().unwrap().json()["crc32"], "3610a686", "{method}");
    }
    drop(client);
    let stats = at_rest(&target);
    let posts = stats["routes"].as_array().unwrap().iter().filter(|route| route["method"] == "POST");
    assert_eq!(posts.count(), 4, "counted apart from GET: {stats}");
}
