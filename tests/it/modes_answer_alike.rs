//! The three modes answer alike.

use crate::support::target::{MODES, Target, at_rest};

/// Path, status, and what the body contains.
const ANSWERS: [(&str, u16, &str); 10] = [
    ("/health", 200, "OK"),
    ("/healthz?any=thing", 200, "OK"),
    ("/readyz", 200, "ready"),
    ("/plaintext", 200, "Hello, World!"),
    ("/json", 200, r#"{"message":"Hello, World!"}"#),
    ("/io?ms=1", 200, r#""asked_ms":      1.000000,"#),
    ("/io?delay=1ms&mode=pool", 200, r#""mode":"pool""#),
    ("/cpu?iterations=1000", 200, r#""checksum":"#),
    ("/nowhere", 404, "there is no /nowhere here"),
    ("/", 200, "quintain"),
];

#[test]
fn every_route_in_every_mode() {
    for mode in MODES {
        let target = Target::start(mode);
        for (path, status, contains) in ANSWERS {
            let response = target.get(path);
            assert_eq!(response.status, status, "{mode:?} {path}");
            assert!(response.text().contains(contains), "{mode:?} {path}: {}", response.text());
        }
        let stats = at_rest(&target);
        assert_eq!(stats["totals"]["finished"], ANSWERS.len(), "{mode:?}");
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), ANSWERS.len() as u64), "{mode:?} {}", left.errors);
    }
}
