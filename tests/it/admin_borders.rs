//! The admin listener behind a proxy, under every spelling of loopback, and for clients that speak HTTP/1.0.

use crate::support::client::{Client, Response};
use crate::support::target::Target;

fn target(admin: &str) -> Target {
    Target::start(&["--mode", "single", "--no-csv", "--admin", admin])
}

fn ask(target: &Target, head: &str) -> Response {
    let mut client = target.admin();
    client.send(format!("{head}\r\n\r\n")).unwrap();
    client.receive_whole().unwrap()
}

/// Whatever comes behind an opening that begins an address.
fn addresses<'a>(text: &'a str, openings: &[&str]) -> Vec<&'a str> {
    let behind = openings.iter().flat_map(|opening| text.split(*opening).skip(1));
    behind.map(|rest| rest.split(['"', '\'', ' ']).next().unwrap()).collect()
}

#[test]
fn no_page_needs_to_be_at_the_root_of_its_host() {
    let target = target("127.0.0.1:0");
    let admin = target.ready["admin"].clone();
    let text = |host: &str, path: &str| {
        let mut client = Client::connect(host).unwrap();
        client.send(format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nAccept: text/html\r\n\r\n")).unwrap();
        let response = client.receive_whole().unwrap();
        assert_eq!(response.status, 200, "{path}");
        response.text()
    };
    let in_html = ["href=\"", "src=\""];
    let mut seen = 0;
    for (host, path) in [(&*admin, "/"), (&*admin, "/docs"), (target.address(), "/"), (target.address(), "/docs")] {
        let page = text(host, path);
        for address in addresses(&page, &in_html) {
            assert!(!address.starts_with('/') && !address.contains("//"), "{path}: {address}");
            seen += 1;
        }
    }
    assert!(seen > 20, "only {seen} addresses");
    let in_script =
        ["fetch('", "fetch(\"", "EventSource('", "SharedWorker('", "new URL('", "href: \"", "from '", "? '"];
    let scripts =
        ["page/page.js", "page/listen.js", "page/shared.js", "page/marking.js", "page/state.js", "docs/page.js"];
    for path in scripts {
        let script = text(&admin, &format!("/{path}"));
        let found = addresses(&script, &in_script);
        assert!(!found.is_empty(), "{path}");
        for address in found {
            assert!(!address.starts_with('/'), "{path}: {address}");
        }
    }
}

#[test]
fn a_proxy_is_told_to_pass_events_on_at_once() {
    let target = target("127.0.0.1:0");
    let mut client = target.admin();
    client.send(format!("GET /events HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
    let response = client.receive().unwrap();
    assert_eq!(response.header("x-accel-buffering"), Some("no"), "{:?}", response.headers);
}

#[test]
fn http_1_0_needs_no_host() {
    let target = target("127.0.0.1:0");
    assert_eq!(ask(&target, "GET /health HTTP/1.0").status, 200);
    assert_eq!(ask(&target, "GET /health HTTP/1.0\r\nHost: evil.example").status, 421);
    assert_eq!(ask(&target, "GET /health HTTP/1.1").status, 400);
}

#[test]
fn an_ipv4_mapped_loopback_address_is_loopback() {
    if std::net::TcpListener::bind("[::ffff:127.0.0.1]:0").is_err() {
        eprintln!("skipped: this machine has no IPv6");
        return;
    }
    let target = target("[::ffff:127.0.0.1]:0");
    let admin = &target.ready["admin"];
    assert!(admin.starts_with("[::ffff:127.0.0.1]:"), "{admin}");
    assert_eq!(ask(&target, &format!("GET /stats HTTP/1.1\r\nHost: {admin}")).status, 200);
    assert_eq!(target.admin_post("/marks", r#"{"phase": "a"}"#).status, 201);
    assert_eq!(ask(&target, "GET /stats HTTP/1.1\r\nHost: [::ffff:192.0.2.1]").status, 421);
}

#[test]
fn a_refusal_where_every_address_is_listened_on_says_what_to_do_and_not_where_the_client_is() {
    let target = target("0.0.0.0:0");
    let refused = target.admin_post("/marks", r#"{"phase": "a"}"#);
    assert_eq!(refused.status, 403);
    let sentence = refused.json()["error"].as_str().unwrap().to_owned();
    assert!(sentence.contains("--admin-token") && !sentence.contains("machine"), "{sentence}");
}
