//! Whatever the path or query of a workload holds that can't be done as asked is refused with a sentence.

use crate::support::target::{Target, at_rest};

/// A bad request: method and path, the parameter and value that the refusal names, and what it says.
type Bad = (&'static str, &'static str, &'static str, &'static str);

const BYTES: &str = "such as 684, 64KiB or 1.5MB";
const SECONDS: &str = "a number of seconds, or a duration such as";
const MILLISECONDS: &str = "a number of milliseconds with up to six decimals";
const SEED: &str = "0 to 18446744073709551615";
const CHUNK: &str = "1 to 65536";
const CODE: &str = "200 to 599";
const STATUS: &str = "is not a status from 200 to 599";
const WEIGHT: &str = "from 0 to 10⁹ with up to six decimals";
const NONE: &str = "delay, status, size, header, gzip, close";
const HEXADECIMAL: &str = "% and two hexadecimal digits";

#[rustfmt::skip] // A table.
const BAD: &[Bad] = &[
    // Of /mem: how much.
    ("GET /mem?bytes", "bytes", "", BYTES),
    ("GET /mem?bytes=", "bytes", "", BYTES),
    ("GET /mem?bytes=1&bytes=1", "bytes", "1", "once"),
    ("GET /mem?bytes=abc", "bytes", "abc", BYTES),
    ("GET /mem?bytes=-1", "bytes", "-1", BYTES),
    ("GET /mem?bytes=%2B1", "bytes", "+1", BYTES),
    ("GET /mem?bytes=NaN", "bytes", "NaN", BYTES),
    ("GET /mem?bytes=inf", "bytes", "inf", BYTES),
    ("GET /mem?bytes=1.5", "bytes", "1.5", BYTES),
    ("GET /mem?bytes=1e6", "bytes", "1e6", BYTES),
    ("GET /mem?bytes=0x10", "bytes", "0x10", BYTES),
    ("GET /mem?bytes=18446744073709551616", "bytes", "18446744073709551616", BYTES),
    ("GET /mem?bytes=16777216TiB", "bytes", "16777216TiB", BYTES),
    ("GET /mem?bytes=1s", "bytes", "1s", BYTES),
    ("GET /mem?bytes=1mb", "bytes", "1mb", BYTES),
    ("GET /mem?bytes=257MiB", "bytes", "257MiB", "--max-mem"),
    ("GET /mem?bytes=268435457", "bytes", "268435457", "0 to 256MiB"),
    ("GET /mem?bytes=%zz", "%zz", "%zz", HEXADECIMAL),
    // Of /mem: how long.
    ("GET /mem?ms=", "ms", "", MILLISECONDS),
    ("GET /mem?ms=1&ms=1", "ms", "1", "once"),
    ("GET /mem?ms=abc", "ms", "abc", MILLISECONDS),
    ("GET /mem?ms=-1", "ms", "-1", MILLISECONDS),
    ("GET /mem?ms=NaN", "ms", "NaN", MILLISECONDS),
    ("GET /mem?ms=inf", "ms", "inf", MILLISECONDS),
    ("GET /mem?ms=1ms", "ms", "1ms", MILLISECONDS),
    ("GET /mem?ms=99999999999999999999999", "ms", "99999999999999999999999", MILLISECONDS),
    ("GET /mem?ms=60001", "ms", "60001", "--max-delay"),
    ("GET /mem?byte=1", "byte", "1", "did you mean bytes?"),
    ("GET /mem?seed=1", "seed", "1", "bytes, ms"),
    // Of /db: what, of how many, and how. Wrong is wrong, whether there is a database or not.
    ("GET /db?query", "query", "", "point, range, aggregate, insert, update, contend"),
    ("GET /db?query=SELECT", "query", "SELECT", "point, range, aggregate, insert, update, contend"),
    ("GET /db?query=point%27;DROP", "query", "point';DROP", "point, range"),
    ("GET /db?rows=x", "rows", "x", "a whole number"),
    ("GET /db?query=range&rows=", "rows", "", "a whole number"),
    ("GET /db?query=range&rows=-1", "rows", "-1", "a whole number"),
    ("GET /db?query=range&rows=1.5", "rows", "1.5", "a whole number"),
    ("GET /db?query=range&rows=100001", "rows", "100001", "--db-rows"),
    ("GET /db?query=range&rows=18446744073709551616", "rows", "18446744073709551616", "a whole number"),
    ("GET /db?indexed=maybe", "indexed", "maybe", "yes, no"),
    ("GET /db?think=5", "think", "5", "a duration such as"),
    ("GET /db?think=61s", "think", "61s", "--max-delay"),
    ("GET /db?on=moon", "on", "moon", "loop, pool"),
    ("GET /db?sql=x", "sql", "x", "query, rows, indexed, think, on"),
    // Of /bytes: how many.
    ("GET /bytes/abc", "n", "abc", BYTES),
    ("GET /bytes/-1", "n", "-1", BYTES),
    ("GET /bytes/+1", "n", "+1", BYTES),
    ("GET /bytes/NaN", "n", "NaN", BYTES),
    ("GET /bytes/inf", "n", "inf", BYTES),
    ("GET /bytes/1.5", "n", "1.5", BYTES),
    ("GET /bytes/1e3", "n", "1e3", BYTES),
    ("GET /bytes/18446744073709551616", "n", "18446744073709551616", BYTES),
    ("GET /bytes/1s", "n", "1s", BYTES),
    ("GET /bytes/%20", "n", " ", BYTES),
    ("GET /bytes/1%2F2", "n", "1/2", BYTES),
    ("GET /bytes/1073741825", "n", "1073741825", "--max-bytes"),
    ("GET /bytes/2GiB", "n", "2GiB", "0 to 1GiB"),
    ("GET /bytes/%zz", "n", "%zz", HEXADECIMAL),
    ("GET /bytes/1%", "n", "%", HEXADECIMAL),
    ("GET /bytes/%ff", "n", "/bytes/%ff", "UTF-8"),
    ("GET /bytes/1?n=1", "n", "1", "seed"),
    // Of /bytes: which.
    ("GET /bytes/1?seed", "seed", "", SEED),
    ("GET /bytes/1?seed=", "seed", "", SEED),
    ("GET /bytes/1?seed=1&seed=1", "seed", "1", "once"),
    ("GET /bytes/1?seed=abc", "seed", "abc", SEED),
    ("GET /bytes/1?seed=-1", "seed", "-1", SEED),
    ("GET /bytes/1?seed=%2B1", "seed", "+1", SEED),
    ("GET /bytes/1?seed=1.5", "seed", "1.5", SEED),
    ("GET /bytes/1?seed=NaN", "seed", "NaN", SEED),
    ("GET /bytes/1?seed=inf", "seed", "inf", SEED),
    ("GET /bytes/1?seed=1B", "seed", "1B", SEED),
    ("GET /bytes/1?seed=18446744073709551616", "seed", "18446744073709551616", SEED),
    ("GET /bytes/1?seed=%1", "%1", "%1", HEXADECIMAL),
    ("GET /bytes/1?sead=1", "sead", "1", "did you mean seed?"),
    ("GET /bytes/1?chunk=1", "chunk", "1", "seed"),
    // Of /stream.
    ("GET /stream/abc", "n", "abc", BYTES),
    ("GET /stream/-1", "n", "-1", BYTES),
    ("GET /stream/18446744073709551616", "n", "18446744073709551616", BYTES),
    ("GET /stream/2GiB", "n", "2GiB", "--max-bytes"),
    ("GET /stream/%zz", "n", "%zz", HEXADECIMAL),
    ("GET /stream/1?chunk", "chunk", "", CHUNK),
    ("GET /stream/1?chunk=", "chunk", "", CHUNK),
    ("GET /stream/1?chunk=1&chunk=1", "chunk", "1", "once"),
    ("GET /stream/1?chunk=abc", "chunk", "abc", CHUNK),
    ("GET /stream/1?chunk=-1", "chunk", "-1", CHUNK),
    ("GET /stream/1?chunk=0", "chunk", "0", CHUNK),
    ("GET /stream/1?chunk=1.5", "chunk", "1.5", CHUNK),
    ("GET /stream/1?chunk=NaN", "chunk", "NaN", CHUNK),
    ("GET /stream/1?chunk=inf", "chunk", "inf", CHUNK),
    ("GET /stream/1?chunk=1ms", "chunk", "1ms", CHUNK),
    ("GET /stream/1?chunk=65537", "chunk", "65537", CHUNK),
    ("GET /stream/1?chunk=18446744073709551616", "chunk", "18446744073709551616", CHUNK),
    ("GET /stream/1?seed=-1", "seed", "-1", SEED),
    ("GET /stream/1?seed=18446744073709551616", "seed", "18446744073709551616", SEED),
    ("GET /stream/1?chunks=1", "chunks", "1", "did you mean chunk?"),
    // Of /drip: for how long.
    ("GET /drip?duration", "duration", "", SECONDS),
    ("GET /drip?duration=", "duration", "", SECONDS),
    ("GET /drip?duration=1&duration=1", "duration", "1", "once"),
    ("GET /drip?duration=abc", "duration", "abc", SECONDS),
    ("GET /drip?duration=-1", "duration", "-1", SECONDS),
    ("GET /drip?duration=%2B1", "duration", "+1", SECONDS),
    ("GET /drip?duration=NaN", "duration", "NaN", SECONDS),
    ("GET /drip?duration=inf", "duration", "inf", SECONDS),
    ("GET /drip?duration=1e3", "duration", "1e3", SECONDS),
    ("GET /drip?duration=.5", "duration", ".5", SECONDS),
    ("GET /drip?duration=1.", "duration", "1.", SECONDS),
    ("GET /drip?duration=1KiB", "duration", "1KiB", SECONDS),
    ("GET /drip?duration=99999999999999999999", "duration", "99999999999999999999", SECONDS),
    ("GET /drip?duration=61", "duration", "61", "--max-delay"),
    ("GET /drip?duration=61s", "duration", "61s", "0 to 1m"),
    ("GET /drip?duration=%", "%", "%", HEXADECIMAL),
    // Of /drip: how many.
    ("GET /drip?numbytes", "numbytes", "", BYTES),
    ("GET /drip?numbytes=", "numbytes", "", BYTES),
    ("GET /drip?numbytes=1&numbytes=1", "numbytes", "1", "once"),
    ("GET /drip?numbytes=abc", "numbytes", "abc", BYTES),
    ("GET /drip?numbytes=-1", "numbytes", "-1", BYTES),
    ("GET /drip?numbytes=NaN", "numbytes", "NaN", BYTES),
    ("GET /drip?numbytes=inf", "numbytes", "inf", BYTES),
    ("GET /drip?numbytes=1s", "numbytes", "1s", BYTES),
    ("GET /drip?numbytes=18446744073709551616", "numbytes", "18446744073709551616", BYTES),
    ("GET /drip?numbytes=2GiB", "numbytes", "2GiB", "--max-bytes"),
    // Of /drip: after how long.
    ("GET /drip?delay", "delay", "", SECONDS),
    ("GET /drip?delay=", "delay", "", SECONDS),
    ("GET /drip?delay=1&delay=1", "delay", "1", "once"),
    ("GET /drip?delay=abc", "delay", "abc", SECONDS),
    ("GET /drip?delay=-1", "delay", "-1", SECONDS),
    ("GET /drip?delay=NaN", "delay", "NaN", SECONDS),
    ("GET /drip?delay=inf", "delay", "inf", SECONDS),
    ("GET /drip?delay=1sec", "delay", "1sec", SECONDS),
    ("GET /drip?delay=99999999999999999999h", "delay", "99999999999999999999h", SECONDS),
    ("GET /drip?delay=60.000001", "delay", "60.000001", "--max-delay"),
    // Of /drip: with which status, and which bytes.
    ("GET /drip?code", "code", "", CODE),
    ("GET /drip?code=", "code", "", CODE),
    ("GET /drip?code=200&code=200", "code", "200", "once"),
    ("GET /drip?code=abc", "code", "abc", CODE),
    ("GET /drip?code=-200", "code", "-200", CODE),
    ("GET /drip?code=200.5", "code", "200.5", CODE),
    ("GET /drip?code=NaN", "code", "NaN", CODE),
    ("GET /drip?code=inf", "code", "inf", CODE),
    ("GET /drip?code=200ms", "code", "200ms", CODE),
    ("GET /drip?code=100", "code", "100", CODE),
    ("GET /drip?code=600", "code", "600", CODE),
    ("GET /drip?code=18446744073709551616", "code", "18446744073709551616", CODE),
    ("GET /drip?code=204", "code", "204", "without 204, 205 and 304"),
    ("GET /drip?code=304", "code", "304", "no body"),
    ("GET /drip?seed=-1", "seed", "-1", SEED),
    ("GET /drip?num_bytes=1", "num_bytes", "1", "did you mean numbytes?"),
    // Of /upload and /echo: they have none.
    ("POST /upload?x=1", "x", "1", NONE),
    ("POST /upload?=1", "", "1", NONE),
    ("POST /upload?%zz", "%zz", "%zz", HEXADECIMAL),
    ("GET /echo?x=1", "x", "1", NONE),
    ("POST /echo?x=%", "%", "%", HEXADECIMAL),
    // Of /status.
    ("GET /status/abc", "codes", "abc", STATUS),
    ("GET /status/-200", "codes", "-200", STATUS),
    ("GET /status/+200", "codes", "+200", STATUS),
    ("GET /status/0200", "codes", "0200", STATUS),
    ("GET /status/200.5", "codes", "200.5", STATUS),
    ("GET /status/NaN", "codes", "NaN", STATUS),
    ("GET /status/inf", "codes", "inf", STATUS),
    ("GET /status/200ms", "codes", "200ms", STATUS),
    ("GET /status/100", "codes", "100", STATUS),
    ("GET /status/199", "codes", "199", STATUS),
    ("GET /status/600", "codes", "600", STATUS),
    ("GET /status/99999999999999999999", "codes", "99999999999999999999", STATUS),
    ("GET /status/200,", "codes", "200,", STATUS),
    ("GET /status/,200", "codes", ",200", STATUS),
    ("GET /status/200,,503", "codes", "200,,503", STATUS),
    ("GET /status/200;503", "codes", "200;503", STATUS),
    ("GET /status/200%20", "codes", "200 ", STATUS),
    ("GET /status/200:", "codes", "200:", WEIGHT),
    ("GET /status/200:abc", "codes", "200:abc", WEIGHT),
    ("GET /status/200:-1,503", "codes", "200:-1,503", WEIGHT),
    ("GET /status/200:NaN", "codes", "200:NaN", WEIGHT),
    ("GET /status/200:inf", "codes", "200:inf", WEIGHT),
    ("GET /status/200:1e3", "codes", "200:1e3", WEIGHT),
    ("GET /status/200:50%25", "codes", "200:50%", WEIGHT),
    ("GET /status/200:1:2", "codes", "200:1:2", WEIGHT),
    ("GET /status/200:0.0000001", "codes", "200:0.0000001", WEIGHT),
    ("GET /status/200:1000000001", "codes", "200:1000000001", WEIGHT),
    ("GET /status/200:99999999999999999999", "codes", "200:99999999999999999999", WEIGHT),
    ("GET /status/200:0", "codes", "200:0", "above 0"),
    ("GET /status/200:0,503:0", "codes", "200:0,503:0", "above 0"),
    ("GET /status/200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200", "codes",
        "200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200,200", "17 codes"),
    ("GET /status/%zz", "codes", "%zz", HEXADECIMAL),
    ("GET /status/%ff", "codes", "/status/%ff", "UTF-8"),
    ("GET /status/200?x=1", "x", "1", NONE),
    // Of /delay.
    ("GET /delay/abc", "d", "abc", SECONDS),
    ("GET /delay/-1", "d", "-1", SECONDS),
    ("GET /delay/+1", "d", "+1", SECONDS),
    ("GET /delay/NaN", "d", "NaN", SECONDS),
    ("GET /delay/inf", "d", "inf", SECONDS),
    ("GET /delay/1e1", "d", "1e1", SECONDS),
    ("GET /delay/1,5", "d", "1,5", SECONDS),
    ("GET /delay/1MiB", "d", "1MiB", SECONDS),
    ("GET /delay/0.0000000001", "d", "0.0000000001", SECONDS),
    ("GET /delay/99999999999999999999", "d", "99999999999999999999", SECONDS),
    ("GET /delay/61", "d", "61", "--max-delay"),
    ("POST /delay/61000ms", "d", "61000ms", "0 to 1m"),
    ("GET /delay/%zz", "d", "%zz", HEXADECIMAL),
    ("GET /delay/%ff", "d", "/delay/%ff", "UTF-8"),
    ("GET /delay/0?d=0", "d", "0", NONE),
    ("GET /delay/0?ms=1", "ms", "1", NONE),
];

#[test]
fn every_bad_request_is_a_400_that_says_why_and_the_target_goes_on() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (request, parameter, value, says) in BAD {
        let (method, path) = request.split_once(' ').unwrap();
        let response = client.request(method, path).unwrap();
        assert_eq!(response.status, 400, "{request}: {}", response.text());
        assert_eq!(response.header("content-type"), Some("application/json"), "{request}");
        let said = response.json();
        assert_eq!(
            (&said["parameter"], &said["value"]),
            (&(*parameter).into(), &(*value).into()),
            "{request}: {said}"
        );
        let text = |field: &str| said[field].as_str().unwrap_or_else(|| panic!("{request}: {field} in {said}"));
        let (error, allowed) = (text("error"), text("allowed"));
        assert!(!allowed.is_empty() && error.contains(' '), "{request}: {said}");
        assert!([error, allowed].iter().any(|said| said.contains(says)), "{request}: {said}");
    }
    // What is missing or too much in a path is no such path.
    let nowhere = ["/bytes", "/bytes/", "/bytes/1/2", "/stream/", "/status", "/status/", "/delay/", "/delay/1/1"];
    for path in nowhere {
        assert_eq!(client.get(path).unwrap().status, 404, "{path}");
    }
    assert_eq!(client.get("/health").unwrap().text(), "OK");
    drop(client);
    let stats = at_rest(&target);
    assert_eq!(stats["status"]["400"], BAD.len(), "{stats}");
    assert_eq!((&stats["totals"]["errors"], &stats["totals"]["rejected"]), (&0.into(), &0.into()), "{stats}");
}

#[test]
fn what_looks_odd_and_can_be_done_is_done() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (path, status) in [
        ("/bytes/%31", 200),
        ("/bytes/0001", 200),
        ("/bytes/1?", 200),
        ("/bytes/1?&seed=%30&", 200),
        ("/status/%35%30%33", 503),
        ("/status/503%3A1", 503),
        ("/status/503:0.000001,200:0", 503),
        ("/delay/0.000000001", 200),
        ("/delay/0ns", 200),
        ("/mem?bytes=0&ms=0", 200),
        ("/drip?numbytes=1&duration=60", 200),
    ] {
        assert_eq!(client.get(path).unwrap().status, status, "{path}");
    }
}
