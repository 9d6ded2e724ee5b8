//! `/headers` and `/anything` show what a client has sent, in httpbin's shape.

use serde_json::{Value, json};

use crate::support::client::Client;
use crate::support::target::Target;

fn sent(client: &mut Client, request: &[u8]) -> Value {
    client.send(request).unwrap();
    let response = client.receive().unwrap();
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/json")));
    assert_eq!(response.header("x-content-type-options"), Some("nosniff"));
    response.json()
}

#[test]
fn headers_are_shown_by_name_and_none_is_lost() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let request = b"GET /headers?any=thing HTTP/1.1\r\nhost: a\r\nUSER-AGENT: me\r\nX-one: 1\r\nx-ONE: 2\r\nX-Raw: \xe4\r\n\r\n";
    let headers = json!({"Host": "a", "User-Agent": "me", "X-One": "1,2", "X-Raw": "\u{e4}"});
    assert_eq!(sent(&mut client, request), json!({"headers": headers}));
}

#[test]
fn anything_shows_all_of_a_request() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    let get = sent(&mut client, b"GET /anything?a=1&b=%C3%A4&a=2 HTTP/1.1\r\nHost: x:1\r\n\r\n");
    let expected = json!({
        "args": {"a": ["1", "2"], "b": "\u{e4}"}, "data": "", "files": {}, "form": {}, "headers": {"Host": "x:1"},
        "json": null, "method": "GET", "origin": "127.0.0.1", "url": "http://x:1/anything?a=1&b=%C3%A4&a=2",
    });
    assert_eq!(get, expected);
    let cases: [(&str, &[u8], &str, Value); 4] = [
        ("application/json", b"{\"a\": [1]}", "json", json!({"a": [1]})),
        ("application/x-www-form-urlencoded", b"a=1&a=2&b=", "form", json!({"a": ["1", "2"], "b": ""})),
        ("text/plain", b"hello", "data", json!("hello")),
        ("image/png", b"\x89PNG", "data", json!("data:application/octet-stream;base64,iVBORw==")),
    ];
    for (kind, body, field, shows) in cases {
        let head = format!(
            "PATCH /anything/a/b HTTP/1.1\r\nHost: x\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        let shown = sent(&mut client, &[head.as_bytes(), body].concat());
        assert_eq!(
            (&shown[field], &shown["method"], &shown["url"]),
            (&shows, &"PATCH".into(), &"http://x/anything/a/b".into())
        );
        assert_eq!(shown["headers"]["Content-Type"], kind);
    }
    // Without Host nothing is made up.
    let old = sent(&mut client, b"GET /anything HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    assert_eq!((&old["url"], &old["headers"]), (&"/anything".into(), &json!({"Connection": "keep-alive"})));
    let absolute = sent(&mut client, b"GET http://y/anything HTTP/1.1\r\nHost: y\r\n\r\n");
    assert_eq!(absolute["url"], "http://y/anything");
}

#[test]
fn a_body_that_is_too_large_to_be_shown_is_refused() {
    let target = Target::start(&["--mode", "single"]);
    for (length, status) in [(1 << 20, 200), ((1 << 20) + 1, 413)] {
        let mut client = target.connect();
        client.send(format!("POST /anything HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n")).unwrap();
        client.send(vec![b'a'; length]).unwrap();
        let response = client.receive().unwrap();
        assert_eq!(response.status, status, "{length}");
        assert!(status == 200 || response.text().contains("1048576 bytes"), "{}", response.text());
    }
}

#[test]
fn over_a_unix_socket_there_is_no_origin() {
    let directory = tempfile::TempDir::new().unwrap();
    let path = directory.path().join("socket");
    let target = Target::start(&["--mode", "single", "--listen", &format!("unix:{}", path.display())]);
    let shown = sent(&mut target.connect(), b"GET /anything HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(shown["origin"], Value::Null);
}
