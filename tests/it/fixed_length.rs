//! A response's length follows from what was asked, and never from how long it took: `ab` counts every other length as a
//! failed request.

use std::collections::BTreeSet;

use crate::support::target::{MODES, Target};

/// Steps that compute and wait as long as they like, and one that most requests are left out of.
const PROFILE: &str = "
[[route]]
path = '/steps'
steps = [ { cpu = { ms = 0.01 } }, { io = { delay = 'uniform(1us,1500us)' } }, { io = { delay = '1ms:20' } },
    { mem = { bytes = '64KiB', ms = 0 } } ]
";

/// What is asked, again and again; the figures in the answers differ by powers of ten.
const REQUESTS: [(&str, &str, &str); 12] = [
    ("GET", "/steps", ""),
    ("GET", "/io?ms=0", ""),
    ("GET", "/io?delay=uniform(0us,12ms)", ""),
    ("GET", "/io?delay=10us:50,1ms:50", ""),
    ("GET", "/io?ms=1&mode=pool", ""),
    ("GET", "/cpu?iterations=1000", ""),
    ("GET", "/cpu?ms=0.02", ""),
    ("GET", "/mem?bytes=64KiB&ms=0", ""),
    ("GET", "/db?query=range", ""),
    ("GET", "/delay/0.0001", ""),
    ("POST", "/upload", ""),
    ("POST", "/upload", "hello"),
];

#[test]
fn no_figure_changes_it() {
    for mode in MODES {
        let target = start(mode);
        for (method, path, body) in REQUESTS {
            let (mut bodies, mut lengths) = (BTreeSet::new(), BTreeSet::new());
            for _ in 0..4 {
                let mut client = target.connect();
                for _ in 0..15 {
                    let length = body.len();
                    let head = format!("{method} {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\n\r\n");
                    client.send(head + body).unwrap();
                    let response = client.receive().unwrap();
                    assert_eq!(response.status, 200, "{path}: {}", response.text());
                    response.json();
                    lengths.insert((response.body.len(), response.header("server-timing").map(str::len)));
                    bodies.insert(response.body);
                }
            }
            assert_eq!(lengths.len(), 1, "{mode:?} {path}: {lengths:?} of {bodies:?}");
            let has_figures = (path, body) != ("/upload", "");
            assert!(bodies.len() > 1 || !has_figures, "{mode:?} {path}: the figures are measured: {bodies:?}");
        }
    }
}

fn start(mode: &[&str]) -> Target {
    let directory = tempfile::TempDir::new().unwrap();
    let profile = directory.path().join("profile.toml");
    std::fs::write(&profile, PROFILE).unwrap();
    // The profile is read before the ready line.
    Target::start(&[mode, &["--db", "--db-rows", "1000", "--profile", profile.to_str().unwrap()]].concat())
}
