//! A delay that is drawn is drawn by the request's index: the same in every mode, in exact shares, and said in the answer.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::thread;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest};

const DRAWN: &str = "/io?delay=exponential(1ms,max=5ms):40,uniform(1ms,2ms):30,0:30";

/// What was asked of each request, one after the other.
fn asked(target: &Target, count: usize) -> Vec<f64> {
    let mut client = target.connect();
    let mut one = || {
        let done = client.get(DRAWN).unwrap().json();
        let [asked, waited] = ["asked_ms", "waited_ms"].map(|name| done[name].as_f64().unwrap());
        assert!(waited >= asked, "{done}");
        asked
    };
    (0..count).map(|_| one()).collect()
}

#[test]
fn the_same_index_has_the_same_delay_in_each_mode() {
    let seen: Vec<_> = MODES.iter().map(|mode| asked(&Target::start(mode), 50)).collect();
    assert_eq!(seen[0], seen[1]);
    assert_eq!(seen[0], seen[2]);
    let other = asked(&Target::start(&["--mode", "single", "--seed", "2"]), 50);
    assert_ne!(seen[0], other);
}

#[test]
fn a_plain_duration_takes_no_index() {
    let [plain, other] = [(); 2].map(|()| Target::start(&["--mode", "single"]));
    let expected = asked(&plain, 20);
    let mut drawn = asked(&other, 10);
    for path in ["/io?delay=1ms", "/io?ms=1", "/io?delay=fixed(0):100"] {
        assert_eq!(other.get(path).status, 200, "{path}");
    }
    drawn.extend(asked(&other, 10));
    assert_eq!(drawn, expected);
}

#[test]
fn shares_are_exact_over_all_workers() {
    const CLIENTS: usize = 8;
    const EACH: usize = 1_250;
    let target = Target::start(&["--mode", "cluster", "--workers", "2"]);
    let counts = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..CLIENTS {
            scope.spawn(|| {
                let mut client = Client::connect(target.address()).unwrap();
                for _ in 0..EACH {
                    let done = client.get("/io?delay=10us:20,30us:0.5,0:79.5").unwrap().json();
                    *counts.lock().unwrap().entry(done["asked_ms"].to_string()).or_insert(0) += 1;
                }
            });
        }
    });
    let expected = [("0.0", 7_950), ("0.01", 2_000), ("0.03", 50)];
    let expected = expected.map(|(asked, count)| (asked.to_owned(), count));
    assert_eq!(counts.into_inner().unwrap().into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(at_rest(&target)["totals"]["finished"], CLIENTS * EACH);
}

#[test]
fn whom_it_leaves_out_waits_as_if_it_was_not_given() {
    let target = Target::start(&["--mode", "single", "--max-delay", "300ms"]);
    assert_eq!(target.get("/io?delay=0:0").json()["asked_ms"], 200.0);
    // The default is then held to the limit.
    let target = Target::start(&["--mode", "single", "--max-delay", "100ms"]);
    assert_eq!(target.get("/io?delay=normal(1ms,1ms)").status, 200);
    assert_eq!(target.get("/io?delay=normal(1ms,1ms):99").status, 400);
}

/// A query's delay, and a piece of the sentence that refuses it.
#[rustfmt::skip] // A table.
const BAD: [(&str, &str); 18] = [
    ("normal", "delay=normal is not a duration such as 500us, 200ms or 1.5s, nor a distribution; did you mean normal(…)?"),
    ("norml(1ms,1ms)", "delay=norml(1ms,1ms) names no distribution; did you mean normal(…)?"),
    ("normal(1ms)", "delay=normal(1ms) does not have the values that it needs"),
    ("normal(1,1ms)", "delay=normal(1,1ms): 1 is not a duration such as 500us, 200ms or 1.5s: it needs a unit"),
    ("normal(1ms,0)", "needs a standard deviation above 0"),
    ("normal(1ms,1ms", "has a parenthesis or a quotation mark without its other one"),
    ("normal(1ms,61s)", "delay=normal(1ms,61s): 61s is over the limit that --max-delay sets"),
    ("normal(1ms,1ms,min=1s)", "has too little within 1s to 1m: 0.000 %"),
    ("uniform(2ms,1ms)", "must rise"),
    ("lognormal(1ms,2ms)", "does not have the values that it needs"),
    ("pareto(1ms,NaN)", "NaN is no alpha"),
    ("mixture(1ms)", "has no weight"),
    ("mixture(1:mixture(1:1ms))", "stands in another mixture"),
    ("empirical(\"x.csv\")", "names a file, which only a profile may"),
    ("1ms:101", "101 is too large: it stands for a percentage"),
    ("1ms:-1", "-1 is not a number from 0"),
    ("1ms:60,2ms:41", "gives its items 101 % in sum"),
    ("1ms,2ms", "gives its items 200 % in sum (one without a percentage takes 100)"),
];

#[test]
fn what_is_no_delay_is_refused_with_its_place() {
    let target = Target::start(&["--mode", "single"]);
    for (delay, says) in BAD {
        let response = target.get(&format!("/io?delay={}", delay.replace('"', "%22")));
        let refusal = response.json();
        assert_eq!(response.status, 400, "{delay}");
        assert_eq!((&refusal["parameter"], &refusal["value"]), (&"delay".into(), &delay.into()), "{refusal}");
        assert!(refusal["error"].as_str().unwrap().contains(says), "{delay}: {refusal}");
        assert!(!refusal["allowed"].as_str().unwrap().is_empty(), "{refusal}");
    }
}
