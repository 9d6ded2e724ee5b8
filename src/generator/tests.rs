//! Each adapter reads what its generator really wrote (`scripts/generator-outputs.sh`), and refuses the rest in a sentence.

mod loads;
mod refusals;

use std::path::PathBuf;

use super::*;

fn path(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name)
}

fn recorded(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Whatever its name, with what lies beside it.
fn account(name: &str) -> Result<Account, String> {
    let (directory, file) = name.split_once('/').unwrap();
    let beside = |other: &str| std::fs::read_to_string(path(directory).join(other)).ok();
    read(&recorded(name), file, beside)
}

fn wrong(content: &str) -> String {
    read(content, "output", |_| None).unwrap_err()
}

#[test]
fn oha_tells_statuses_errors_and_what_it_gave_up() {
    let counted = account("oha-counted/oha.json").unwrap();
    assert_eq!((counted.generator, counted.answered, counted.failed()), ("oha", Some(2_000), Some(0)));
    assert_eq!(counted.statuses, Statuses::Each([(200, 1_990), (500, 10)].into()));
    let (p50, max) = (counted.latency.at(0.5).unwrap(), counted.latency.max_us.unwrap());
    assert!((10.0..1e5).contains(&p50) && p50 < max, "in microseconds: {p50} {max}");
    assert!((counted.requests_per_s.unwrap() * counted.duration_s.unwrap() - 2_000.0).abs() < 1.0);

    let deadline = account("oha-deadline/oha.json").unwrap();
    assert_eq!((deadline.given_up(), deadline.failed()), (Some(10), Some(0)));
    assert_eq!(deadline.ended, deadline.answered);

    let refused = account("oha-refused/oha.json").unwrap();
    assert_eq!((refused.answered, refused.ended, refused.latency.mean_us), (Some(0), Some(20), None));
    assert_eq!(refused.failures.unwrap()[0].kind, Kind::Refused);
}

#[test]
fn wrk_tells_errors_from_400_on_and_rewrites_its_latencies() {
    let plain = account("wrk/wrk.txt").unwrap();
    assert_eq!((plain.generator, plain.timing, plain.connections), ("wrk", Timing::Rewritten, Some(10)));
    assert!(matches!(plain.statuses, Statuses::CountFrom400(count) if count > 0), "{:?}", plain.statuses);
    assert_eq!(plain.latency.quantiles.len(), 4);
    assert!(plain.latency.at(0.99).unwrap() > plain.latency.at(0.5).unwrap());
    let Some(Bytes::All { bytes, .. }) = plain.bytes else { panic!("{:?}", plain.bytes) };
    assert!(bytes > plain.answered.unwrap() * 100);

    let late = account("wrk-late/wrk.txt").unwrap();
    assert!(late.late > 0 && late.answered == Some(late.late), "{late:?}");
    assert_eq!((late.failed(), late.latency.mean_us), (Some(0), None));
}

#[test]
fn locust_tells_the_same_by_csv_and_by_json() {
    let csv = account("locust-csv/locust_stats.csv").unwrap();
    let Statuses::From400(statuses) = &csv.statuses else { panic!("{:?}", csv.statuses) };
    assert!(statuses[&500] > 0, "{statuses:?}");
    assert_eq!((csv.ended, csv.failed(), csv.connections), (csv.answered, Some(0), Some(10)));
    assert!(csv.ends_early_s > 0.0 && csv.has_one_thread);

    let json = account("locust-json/locust.json").unwrap();
    assert_eq!((json.answered, json.ends_early_s), (None, 0.0), "which of the failures were answers is not in it");
    assert!(json.ended.unwrap() > 1_000);
    for account in [&csv, &json] {
        let (p50, p99, mean) = (account.latency.at(0.5), account.latency.at(0.99), account.latency.mean_us);
        assert!((500.0..1e5).contains(&mean.unwrap()) && p50 <= p99, "in microseconds: {p50:?} {p99:?} {mean:?}");
    }

    let refused = account("locust-refused/locust_stats.csv").unwrap();
    assert_eq!((refused.answered, refused.ended), (Some(0), refused.failed()));
    assert!(refused.latency.has_failures);
    let alone = read(&recorded("locust-refused/locust_stats.csv"), "renamed", |_| None).unwrap();
    assert_eq!((alone.answered, alone.failures, alone.ended), (None, None, refused.ended));
}

/// An output of each shape that can be read, and whose it is.
const WHOLE: [(&str, &str); 12] = [
    ("oha-counted/oha.json", "oha"),
    ("wrk/wrk.txt", "wrk"),
    ("locust-csv/locust_stats.csv", "locust"),
    ("locust-json/locust.json", "locust"),
    ("loadtest/loadtest.txt", "loadtest"),
    ("loadtest-time/loadtest.txt", "loadtest"),
    ("autocannon/autocannon.json", "autocannon"),
    ("ab/ab.txt", "ab"),
    ("ab-lengths/ab.txt", "ab"),
    ("hey/hey.txt", "hey"),
    ("h2load/h2load.txt", "h2load"),
    ("h2load-time/h2load.txt", "h2load"),
];

#[test]
fn the_share_of_errors_is_told_where_the_statuses_are() {
    let errors = |name: &str| account(name).unwrap().errors_pct();
    for name in [
        "oha-counted/oha.json",
        "loadtest/loadtest.txt",
        "autocannon/autocannon.json",
        "hey/hey.txt",
        "h2load/h2load.txt",
    ] {
        assert_eq!(errors(name), Some(0.5), "{name}");
    }
    assert_eq!(errors("loadtest-time/loadtest.txt"), Some(0.0));
    assert_eq!(errors("hey-refused/hey.txt"), Some(100.0));
    assert_eq!(errors("ab/ab.txt"), None, "ab counts 3xx among them");
}

#[test]
fn loadtest_tells_answers_from_400_on_and_failures_as_one() {
    let counted = account("loadtest/loadtest.txt").unwrap();
    assert_eq!((counted.ended, counted.answered, counted.failed()), (Some(2_000), None, None));
    assert_eq!((&counted.statuses, counted.connections), (&Statuses::FailedOrFrom400(10), Some(10)));
    let timed = account("loadtest-time/loadtest.txt").unwrap();
    assert_eq!((timed.answered, timed.failed()), (timed.ended, Some(0)));
    let (p50, p99) = (timed.latency.at(0.5).unwrap(), timed.latency.at(0.99).unwrap());
    assert!((20e3..1e6).contains(&p50) && p50 <= p99, "in microseconds: {p50} {p99}");
}

#[test]
fn autocannon_tells_each_status_and_whole_milliseconds() {
    let account = account("autocannon/autocannon.json").unwrap();
    assert_eq!((account.answered, account.failed(), account.connections), (Some(2_000), Some(0), Some(10)));
    assert_eq!(account.statuses, Statuses::Each([(200, 1_990), (500, 10)].into()));
    assert!(account.latency.at(0.975).is_some() && account.latency.rounding_us > 999.0);
}

#[test]
fn ab_calls_an_answer_of_another_length_failed_and_it_is_none() {
    for name in ["ab/ab.txt", "ab-lengths/ab.txt"] {
        let account = account(name).unwrap();
        assert_eq!((account.answered, account.failed()), (Some(2_000), Some(0)), "{name}");
        assert_eq!(account.statuses, Statuses::CountNot2xx(10), "{name}");
    }
    let content = recorded("ab-lengths/ab.txt");
    assert!(content.contains("Failed requests:        10"), "{content}");
    let received = content.replace("Receive: 0, Length: 10", "Receive: 10, Length: 0");
    let broken = read(&received, "output", |_| None).unwrap();
    assert_eq!((broken.ended, broken.answered, broken.failed()), (Some(2_000), Some(1_990), Some(10)));
    let other = wrong(&content.replace("Length: 10", "Length: 9"));
    assert!(other.starts_with("is damaged"), "{other}");
}

#[test]
fn hey_tells_each_status_and_failures_by_their_words() {
    let counted = account("hey/hey.txt").unwrap();
    assert_eq!(counted.statuses, Statuses::Each([(200, 1_990), (500, 10)].into()));
    assert_eq!((counted.answered, counted.failed()), (Some(2_000), Some(0)));
    assert!((50.0..1e5).contains(&counted.latency.at(0.5).unwrap()), "in microseconds: {:?}", counted.latency);
    let refused = account("hey-refused/hey.txt").unwrap();
    assert_eq!((refused.ended, refused.answered, refused.latency.mean_us), (Some(20), Some(0), None));
    assert_eq!(refused.failures.unwrap()[0].kind, Kind::Refused);
}

#[test]
fn h2load_tells_statuses_by_their_hundreds_and_percentiles_where_its_version_does() {
    let counted = account("h2load/h2load.txt").unwrap();
    assert_eq!((counted.answered, counted.failed(), counted.connections), (Some(2_000), Some(0), Some(10)));
    assert_eq!(counted.statuses, Statuses::Classes([(2, 1_990), (3, 0), (4, 0), (5, 10)].into()));
    let timed = account("h2load-time/h2load.txt").unwrap();
    assert!((20e3..1e6).contains(&timed.latency.mean_us.unwrap()), "in microseconds: {:?}", timed.latency);
    let content = recorded("h2load-time/h2load.txt");
    let newer: Vec<String> = content
        .lines()
        .map(|line| match line.split_once("max         mean") {
            Some((before, after)) => format!("{before}max median p95 p99 mean{after}"),
            None if line.starts_with("time for request:") => {
                "time for request: 1us 9us 2us 3us 4us 3us 1us 90.00%".to_owned()
            }
            None => line.to_owned(),
        })
        .collect();
    let latency = read(&newer.join("\n"), "output", |_| None).unwrap().latency;
    assert_eq!(latency.quantiles, [(0.5, 2.0), (0.95, 3.0), (0.99, 4.0)]);
    assert_eq!((latency.max_us, latency.mean_us), (Some(9.0), Some(3.0)));
}

/// k6 and vegeta can't be had here: these are the shapes that their documentation shows.
#[test]
fn k6_is_read_in_its_three_documented_shapes() {
    let trend = r#""avg": 2.5, "min": 1, "med": 2, "max": 90, "p(90)": 4, "p(95)": 5"#;
    let flat = format!(
        r#"{{"metrics": {{"http_reqs": {{"count": 2000, "rate": 200}}, "http_req_duration": {{{trend}}},
            "http_req_failed": {{"passes": 10, "fails": 1990, "value": 0.005}}, "vus_max": {{"value": 10, "min": 10, "max": 10}},
            "data_received": {{"count": 266680, "rate": 26668}}}}}}"#
    );
    let nested = format!(
        r#"{{"state": {{"testRunDurationMs": 10000}}, "metrics": {{"http_reqs": {{"type": "counter", "values": {{"count": 2000, "rate": 200}}}},
            "http_req_duration": {{"type": "trend", "values": {{{trend}}}}}, "http_req_failed": {{"values": {{"rate": 0.005, "passes": 10}}}},
            "vus_max": {{"values": {{"value": 10, "max": 10}}}}, "data_received": {{"values": {{"count": 266680}}}}}}}}"#
    );
    let listed = format!(
        r#"{{"version": "1.0.0", "results": {{"metrics": [{{"name": "http_reqs", "type": "counter", "values": {{"count": 2000, "rate": 200}}}},
            {{"name": "http_req_duration", "type": "trend", "values": {{{trend}}}}}, {{"name": "vus_max", "values": {{"max": 10}}}},
            {{"name": "http_req_failed", "type": "rate", "values": {{"rate": 0.005}}}},
            {{"name": "data_received", "values": {{"count": 266680}}}}]}}}}"#
    );
    for content in [&flat, &nested, &listed] {
        let account = read(content, "output", |_| None).unwrap();
        assert_eq!((account.generator, account.ended, account.answered), ("k6", Some(2_000), None), "{content}");
        assert_eq!(
            (&account.statuses, account.connections),
            (&Statuses::FailedOrFrom400(10), Some(10)),
            "{content}"
        );
        assert_eq!(account.latency.quantiles, [(0.5, 2_000.0), (0.9, 4_000.0), (0.95, 5_000.0)], "{content}");
        assert_eq!(account.bytes, Some(Bytes::All { bytes: 266_680, within: 0 }), "{content}");
        assert!(wrong(&content[..content.len() - 3]).starts_with("is cut off in line"), "{content}");
        assert!(wrong(&content.repeat(2)).ends_with("give one of them"), "{content}");
    }
    for (right, damaged) in [
        (r#""count": 2000"#, r#""count": -2000"#),
        (r#""count": 2000"#, r#""count": 2000.4"#),
        (r#""count": 2000"#, r#""count": 1e19"#),
        (r#""value": 0.005"#, r#""value": 1.7"#),
        (r#""value": 0.005"#, r#""value": -0.5"#),
        (r#""max": 10}"#, r#""max": -4}"#),
        (r#""count": 266680"#, r#""count": -7"#),
    ] {
        let said = wrong(&flat.replace(right, damaged));
        assert!(said.starts_with("is damaged: "), "{damaged}: {said}");
    }
    let empty = wrong(r#"{"metrics": {"http_req_duration": {}}}"#);
    assert!(empty.contains("no count of `http_reqs`"), "{empty}");
}

#[test]
fn vegeta_is_read_in_its_two_documented_shapes() {
    let json = r#"{"latencies": {"total": 1, "mean": 2000000, "50th": 1500000, "90th": 3000000, "95th": 4000000, "99th": 9000000,
        "max": 90000000, "min": 1000000}, "bytes_in": {"total": 26610, "mean": 13.3}, "bytes_out": {"total": 0, "mean": 0},
        "duration": 10000000000, "wait": 2000000, "requests": 2000, "rate": 200, "throughput": 198, "success": 0.99,
        "status_codes": {"0": 5, "200": 1985, "500": 10}, "errors": ["500 Internal Server Error", "dial tcp: connection refused"]}"#;
    let text = "Requests      [total, rate, throughput]         2000, 200.00, 198.00\n\
        Duration      [total, attack, wait]             10.002s, 10s, 2ms\n\
        Latencies     [min, mean, 50, 90, 95, 99, max]  1ms, 2ms, 1.5ms, 3ms, 4000µs, 9ms, 0m0.09s\n\
        Bytes In      [total, mean]                     26610, 13.30\n\
        Bytes Out     [total, mean]                     0, 0.00\n\
        Success       [ratio]                           99.00%\n\
        Status Codes  [code:count]                      0:5  200:1985  500:10\n\
        Error Set:\n500 Internal Server Error\ndial tcp: connection refused\n";
    let [one, other] = [json, text].map(|content| read(content, "output", |_| None).unwrap());
    assert_eq!(
        (one.generator, one.ended, one.answered, one.failed()),
        ("vegeta", Some(2_000), Some(1_995), Some(5))
    );
    assert_eq!(one.statuses, Statuses::Each([(200, 1_985), (500, 10)].into()));
    assert_eq!(one.failures.as_ref().unwrap()[0].kind, Kind::Refused);
    assert_eq!((one.duration_s, one.latency.mean_us), (Some(10.0), Some(2_000.0)));
    let rounded = |account: &Account| -> Vec<String> {
        account.latency.quantiles.iter().map(|(at, us)| format!("{at} {us:.0}")).collect()
    };
    assert_eq!((rounded(&one), one.bytes, one.failures), (rounded(&other), other.bytes, other.failures));
    assert_eq!((one.statuses, one.ended, one.requests_per_s), (other.statuses, other.ended, other.requests_per_s));
    for length in 0..text.find("Error Set:").unwrap() + 9 {
        assert!(!text.is_char_boundary(length) || read(&text[..length], "output", |_| None).is_err(), "{length}");
    }
    assert!(wrong(&text.repeat(2)).ends_with("give one of them"));
    assert!(wrong(&text.replace("1.5ms", "1,5ms")).contains("as vegeta writes it"));
    assert!(wrong(&json.replace("1985", "1984")).starts_with("is damaged"));
}

#[test]
fn haproxy_tells_what_its_servers_answered() {
    let counted = account("haproxy/haproxy.csv").unwrap();
    assert_eq!((counted.generator, counted.answered, counted.failed()), ("haproxy", Some(2_000), Some(0)));
    assert_eq!(counted.statuses, Statuses::Classes([(2, 2_000), (3, 0), (4, 0), (5, 0)].into()));
    let served = |name: &str, answered| Served { name: name.to_owned(), answered };
    assert_eq!(counted.servers, [served("a", 1_000), served("b", 1_000)]);

    let text = recorded("haproxy/haproxy.csv");
    let twice = text.replace("figures,FRONTEND", "other,c");
    assert!(wrong(&twice).contains("several backends that were asked (web, other)"), "{}", wrong(&twice));
    assert!(wrong(text.trim_end()).contains("is cut off"));
    let header = text.lines().next().unwrap().to_owned() + "\n";
    assert!(wrong(&header).contains("has no server"));
    assert!(wrong(&text.replace(",2000,", ",many,")).contains("is no CSV of HAProxy's statistics"));
    assert!(wrong(&(header + "web,a,1\n")).contains("is no CSV of HAProxy's statistics"));
    // Of a server that died.
    let lines: Vec<&str> = text.lines().collect();
    let columns: Vec<&str> = lines[0].split(',').collect();
    let with = |line: &str, name: &str, value: &str| {
        let place = columns.iter().position(|column| *column == name).unwrap();
        let cells: Vec<&str> = line.split(',').collect();
        [&cells[..place], &[value], &cells[place + 1..]].concat().join(",")
    };
    let died = lines.iter().map(|line| {
        if line.contains("BACKEND") { with(&with(line, "econ", "3"), "eresp", "2") } else { (*line).to_owned() }
    });
    let died = account_of(&(died.collect::<Vec<_>>().join("\n") + "\n"));
    assert_eq!((died.answered, died.failed(), died.ended), (Some(2_000), Some(5), Some(2_005)));
    assert_eq!(died.failures.unwrap()[0].kind, Kind::Refused);
}

fn account_of(content: &str) -> Account {
    read(content, "output", |_| None).unwrap()
}
