//! `/status` and `/delay` are as httpbin users expect, and exact.

use std::collections::HashMap;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::account::settle;
use crate::support::client::Client;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest};

#[test]
fn each_status_gets_its_share_whichever_worker_answers() {
    const EACH: u64 = 2_500;
    for arguments in MODES {
        let target = Target::start(arguments);
        let ask = |_| {
            let address = target.address().to_owned();
            thread::spawn(move || {
                let mut client = Client::connect(&address).unwrap();
                let answers = (0..EACH).map(|_| client.get("/status/200:0.85,404:0.1,503:0.05").unwrap().status);
                answers.fold(HashMap::<u16, u64>::new(), |mut counts, status| {
                    *counts.entry(status).or_default() += 1;
                    counts
                })
            })
        };
        let clients: Vec<_> = (0..4).map(ask).collect();
        let seen: Vec<HashMap<u16, u64>> = clients.into_iter().map(|client| client.join().unwrap()).collect();
        let count = |status: u16| seen.iter().filter_map(|counts| counts.get(&status)).sum::<u64>();
        assert_eq!([200, 404, 503].map(count), [8_500, 1_000, 500], "{arguments:?}");
        let stats = at_rest(&target);
        let counted = &stats["status"];
        assert_eq!(
            (&counted["200"], &counted["404"], &counted["503"]),
            (&8_500.into(), &1_000.into(), &500.into())
        );
        settle(target, &Tally { sent: 4 * EACH, answered: 4 * EACH, ..Tally::default() }, false);
    }
}

#[test]
fn one_status_is_that_one_by_every_method() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for code in [200, 204, 205, 206, 299, 301, 304, 400, 401, 405, 407, 418, 426, 429, 500, 503, 599] {
        for method in ["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
            let response = client.request(method, &format!("/status/{code}")).unwrap();
            assert_eq!(response.status, code, "{method}");
            response.worker();
            let header = match code {
                301 => "location",
                401 => "www-authenticate",
                405 => "allow",
                407 => "proxy-authenticate",
                426 => "upgrade",
                _ => "date",
            };
            assert!(response.header(header).is_some(), "{method} {code}: {:?}", response.headers);
            match code {
                204 | 205 | 304 => assert_eq!(response.body, b"", "{method} {code}"),
                _ if method != "HEAD" => assert_eq!(response.json()["status"], code),
                _ => {}
            }
        }
    }
}

#[test]
fn a_plain_number_is_seconds() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.connect();
    for (delay, milliseconds) in [("0", 0.0), ("0.05", 50.0), ("30ms", 30.0), ("0.03s", 30.0), ("1500us", 1.5)] {
        for method in ["GET", "POST"] {
            let begun = Instant::now();
            let response = client.request(method, &format!("/delay/{delay}")).unwrap();
            let took = begun.elapsed();
            assert_eq!(response.status, 200, "{}", response.text());
            assert_eq!(response.json()["asked_ms"], milliseconds, "{delay}");
            assert!(took >= Duration::from_secs_f64(milliseconds / 1e3), "{delay}: {took:?}");
            assert!(response.timing("io") >= milliseconds, "{delay}: {:?}", response.headers);
        }
    }
}
