//! Whatever a query holds that can't be done as asked is refused with a sentence, and the target goes on.

use crate::support::target::{Target, at_rest};

/// A bad request: path, the parameter and value that the refusal names, and what it says.
type Bad = (&'static str, &'static str, &'static str, &'static str);

const NUMBERS: &str = "a number of milliseconds with up to six decimals";
const WHOLE: &str = "a whole number";
const DURATION: &str = "such as 500us, 200ms or 1.5s";
const WAYS: &str = "async, blocking, pool";
const PLACES: &str = "loop, pool";

#[rustfmt::skip] // A table.
const BAD: [Bad; 65] = [
    // Of /io: milliseconds.
    ("/io?ms", "ms", "", NUMBERS),
    ("/io?ms=", "ms", "", NUMBERS),
    ("/io?ms=abc", "ms", "abc", NUMBERS),
    ("/io?ms=-1", "ms", "-1", NUMBERS),
    ("/io?ms=%2B1", "ms", "+1", NUMBERS),
    ("/io?ms=+1", "ms", " 1", NUMBERS),
    ("/io?ms=1+", "ms", "1 ", NUMBERS),
    ("/io?ms=NaN", "ms", "NaN", NUMBERS),
    ("/io?ms=inf", "ms", "inf", NUMBERS),
    ("/io?ms=1e3", "ms", "1e3", NUMBERS),
    ("/io?ms=0x10", "ms", "0x10", NUMBERS),
    ("/io?ms=1.", "ms", "1.", NUMBERS),
    ("/io?ms=1,5", "ms", "1,5", NUMBERS),
    ("/io?ms=200ms", "ms", "200ms", NUMBERS),
    ("/io?ms=0.0000001", "ms", "0.0000001", NUMBERS),
    ("/io?ms=18446744073710", "ms", "18446744073710", NUMBERS),
    ("/io?ms=99999999999999999999999999", "ms", "99999999999999999999999999", NUMBERS),
    ("/io?ms=60001", "ms", "60001", "0 to 60000"),
    ("/io?ms=60000.000001", "ms", "60000.000001", "0 to 60000"),
    ("/io?ms=1&ms=1", "ms", "1", "once"),
    // Of /io: a duration.
    ("/io?delay", "delay", "", DURATION),
    ("/io?delay=", "delay", "", DURATION),
    ("/io?delay=abc", "delay", "abc", DURATION),
    ("/io?delay=5", "delay", "5", DURATION),
    ("/io?delay=-1s", "delay", "-1s", DURATION),
    ("/io?delay=NaNms", "delay", "NaNms", DURATION),
    ("/io?delay=infs", "delay", "infs", DURATION),
    ("/io?delay=1sec", "delay", "1sec", DURATION),
    ("/io?delay=1e3ms", "delay", "1e3ms", DURATION),
    ("/io?delay=99999999999999999999h", "delay", "99999999999999999999h", DURATION),
    ("/io?delay=61s", "delay", "61s", "0 to 1m"),
    ("/io?delay=1m&delay=1m", "delay", "1m", "once"),
    ("/io?ms=1&delay=1s", "delay", "1s", "ms or delay"),
    ("/io?delay=1s&ms=1", "delay", "1s", "ms or delay"),
    // Of /io: how to wait.
    ("/io?mode", "mode", "", WAYS),
    ("/io?mode=", "mode", "", WAYS),
    ("/io?mode=ASYNC", "mode", "ASYNC", WAYS),
    ("/io?mode=thread", "mode", "thread", WAYS),
    ("/io?mode=async&mode=pool", "mode", "pool", "once"),
    // Of /cpu: iterations.
    ("/cpu?iterations", "iterations", "", WHOLE),
    ("/cpu?iterations=", "iterations", "", WHOLE),
    ("/cpu?iterations=abc", "iterations", "abc", WHOLE),
    ("/cpu?iterations=-1", "iterations", "-1", WHOLE),
    ("/cpu?iterations=%2B1", "iterations", "+1", WHOLE),
    ("/cpu?iterations=1.5", "iterations", "1.5", WHOLE),
    ("/cpu?iterations=1e6", "iterations", "1e6", WHOLE),
    ("/cpu?iterations=NaN", "iterations", "NaN", WHOLE),
    ("/cpu?iterations=18446744073709551616", "iterations", "18446744073709551616", WHOLE),
    ("/cpu?iterations=7000000001", "iterations", "7000000001", "0 to 7000000000"),
    ("/cpu?iterations=1&iterations=1", "iterations", "1", "once"),
    // Of /cpu: time.
    ("/cpu?ms=", "ms", "", NUMBERS),
    ("/cpu?ms=-1", "ms", "-1", NUMBERS),
    ("/cpu?ms=NaN", "ms", "NaN", NUMBERS),
    ("/cpu?ms=10001", "ms", "10001", "0 to 10000"),
    ("/cpu?iterations=1&ms=1", "ms", "1", "iterations or ms"),
    // Of /cpu: where.
    ("/cpu?on=", "on", "", PLACES),
    ("/cpu?on=gpu", "on", "gpu", PLACES),
    ("/cpu?on=loop&on=loop", "on", "loop", "once"),
    // Names, and what is no query at all.
    ("/io?mss=1", "mss", "1", "did you mean ms?"),
    ("/cpu?iteration=1", "iteration", "1", "did you mean iterations?"),
    ("/cpu?mode=async", "mode", "async", "iterations, ms, on"),
    ("/io?=1", "", "1", "ms, delay, mode"),
    ("/io?ms=%zz", "%zz", "%zz", "% and two hexadecimal digits"),
    ("/io?ms=1%", "%", "%", "% and two hexadecimal digits"),
    ("/io?ms=%ff", "ms", "\u{fffd}", NUMBERS),
];

#[test]
fn every_bad_query_is_a_400_that_says_why_and_the_target_goes_on() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (path, parameter, value, says) in BAD {
        let response = client.get(path).unwrap();
        assert_eq!(response.status, 400, "{path}: {}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"), "{path}");
        let said = response.json();
        assert_eq!((&said["parameter"], &said["value"]), (&parameter.into(), &value.into()), "{path}: {said}");
        let text = |field: &str| said[field].as_str().unwrap_or_else(|| panic!("{path}: {field} in {said}"));
        let (error, allowed) = (text("error"), text("allowed"));
        assert!(error.contains(parameter) && error.contains(' '), "{path}: {said}");
        assert!(!allowed.is_empty() && [error, allowed].iter().any(|said| said.contains(says)), "{path}: {said}");
        // On the same connection, at once.
        assert_eq!(client.get("/io?ms=0").unwrap().status, 200, "after {path}");
    }
    drop(client);
    let stats = at_rest(&target);
    assert_eq!((&stats["status"]["400"], &stats["status"]["200"]), (&BAD.len().into(), &BAD.len().into()));
    assert_eq!(stats["totals"]["errors"], 0, "a client's mistake is no error of the target");
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn what_looks_odd_and_can_be_done_is_done() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for path in ["/io?ms=%31", "/io?ms=0001.50", "/io?&ms=1&", "/io?", "/io?%6ds=1", "/cpu?iterations=%30&on=pool"]
    {
        assert_eq!(client.get(path).unwrap().status, 200, "{path}");
    }
}

#[test]
fn a_limit_that_is_no_whole_number_of_milliseconds_is_named_exactly() {
    let target = Target::start(&["--mode", "single", "--max-delay", "1500us", "--max-cpu", "2500us"]);
    let mut client = target.connect();
    for (within, over, says) in [
        ("/io?ms=1.5", "/io?ms=1.500001", "0 to 1.5"),
        ("/io?delay=1500us", "/io?delay=1501us", "0 to 1.5ms"),
        ("/cpu?ms=2.5", "/cpu?ms=2.500001", "0 to 2.5"),
        ("/cpu?iterations=1750000", "/cpu?iterations=1750001", "0 to 1750000"),
    ] {
        assert_eq!(client.get(within).unwrap().status, 200, "{within}");
        let refusal = client.get(over).unwrap();
        assert_eq!((refusal.status, &refusal.json()["allowed"]), (400, &says.into()), "{over}");
        assert!(refusal.text().contains("--max-"), "{over}: the limit's flag is named");
    }
}
