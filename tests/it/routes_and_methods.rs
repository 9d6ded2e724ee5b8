//! What each route answers to each method, and the headers that clients rely on.

use crate::support::client::Client;
use crate::support::target::{Target, at_rest};

/// Paths whose answers are the same each time.
const FIXED: [&str; 6] = ["/", "/health", "/healthz", "/readyz", "/plaintext", "/json"];

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
    for path in FIXED.into_iter().chain(["/io", "/cpu", "/cpu?iterations=abc"]) {
        for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "FROB"] {
            let request = format!("{method} {path} HTTP/1.1\r\nHost: target\r\nContent-Length: 0\r\n\r\n");
            client.send(request).unwrap();
            let response = client.receive().unwrap();
            assert_eq!(response.status, 405, "{method} {path}");
            let allow = response.header("allow").unwrap_or_else(|| panic!("Allow for {method} {path}"));
            let mut allowed: Vec<&str> = allow.split(',').map(str::trim).collect();
            allowed.sort_unstable();
            assert_eq!(allowed, ["GET", "HEAD"], "{method} {path}");
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
    let paths = ["/nowhere", "/health/", "/HEALTH", "/io/200", "//health", "/%2e%2e/etc/passwd", "/stats"];
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
    let target = single();
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
        let worker = response.header("x-quintain-worker").unwrap_or_else(|| panic!("{path}: a worker"));
        assert!(["0.1", "1.1"].contains(&worker), "{path}: {worker}");
        let timings = response.header("server-timing").unwrap();
        let names: Vec<&str> = timings.split(", ").filter_map(|part| part.split(';').next()).collect();
        assert_eq!(names, ["queue", "inject", "cpu", "io", "total"], "{path}");
        assert!(names.iter().all(|name| response.timing(name) >= 0.0), "{path}: {timings}");
    }
}
