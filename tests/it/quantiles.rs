//! Quantiles in `/stats` and in the run's files are those of the requests that were finished, on all workers together,
//! within 0.78 %: held against what the clients know of each request.

use std::thread;
use std::time::Instant;

use hdrhistogram::Histogram;
use hdrhistogram::serialization::Deserializer;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};
use rustix::process::Signal;

use crate::support::target::{Left, MODES, Target, at_rest, send};
use crate::support::wait_for;

/// How far a quantile may be from the exact one.
const ERROR: f64 = 0.0078;

/// The quantiles of `/stats`.
const QUANTILES: [(&str, f64); 5] = [("p50", 0.50), ("p90", 0.90), ("p95", 0.95), ("p99", 0.99), ("max", 1.0)];

/// Waits that are so long that what is not known of a request is little beside them, and beside the error.
const DELAYS: [&str; 5] = ["60ms", "120ms", "uniform(40ms,200ms)", "180ms", "250ms"];

/// Clients at once.
const CLIENTS: usize = 8;

/// What is known of each request, in microseconds: it took at least what the target had spent when it wrote the head, and
/// at most what passed until it had recorded the request, which it does after it has sent the answer.
#[derive(Default)]
struct Known {
    least_service: Vec<f64>,
    least_latency: Vec<f64>,
    most: Vec<f64>,
}

impl Known {
    fn ask(&mut self, target: &Target, path: &str) {
        let mut client = target.connect();
        let begun = Instant::now();
        let response = client.get(path).unwrap();
        assert_eq!(response.status, 200, "{}", response.text());
        // The connection gets to its end, or to the next request, when this one is recorded.
        if response.closes() {
            // By a worker that is being replaced.
            assert_eq!(client.read_to_end().unwrap(), b"");
        } else {
            // Without Host it is in no figure itself.
            client.send("GET / HTTP/1.1\r\n\r\n").unwrap();
            assert_eq!(client.receive().unwrap().status, 400);
        }
        self.most.push(begun.elapsed().as_secs_f64() * 1e6);
        let (io, total) = (response.timing("io") * 1e3, response.timing("total") * 1e3);
        self.least_service.push(io);
        self.least_latency.push(total);
    }

    /// Each client waits in each of the ways.
    fn ask_all(&mut self, target: &Target) {
        let ask = || {
            let mut known = Self::default();
            for delay in DELAYS {
                known.ask(target, &format!("/io?delay={delay}"));
            }
            known
        };
        thread::scope(|scope| {
            let clients: Vec<_> = (0..CLIENTS).map(|_| scope.spawn(ask)).collect();
            for client in clients {
                let Self { least_service, least_latency, most } = client.join().unwrap();
                self.least_service.extend(least_service);
                self.least_latency.extend(least_latency);
                self.most.extend(most);
            }
        });
    }
}

/// The value of rank ⌈quantile × count⌉.
#[allow(clippy::cast_precision_loss, clippy::cast_possible_truncation, clippy::cast_sign_loss)]
fn exact(values: &[f64], quantile: f64) -> f64 {
    let mut values = values.to_vec();
    values.sort_by(f64::total_cmp);
    values[((quantile * values.len() as f64).ceil() as usize).clamp(1, values.len()) - 1]
}

/// All intervals of `latency.hlog` with a tag, summed, by the reader of its format's authors.
fn logged(left: &Left, tag: &str) -> Histogram<u64> {
    let text = std::fs::read(left.file("latency.hlog")).unwrap();
    let mut sum = Histogram::new_with_bounds(1, (1 << 36) - 1, 2).unwrap();
    let mut end = 0.0;
    for entry in IntervalLogIterator::new(&text) {
        let LogEntry::Interval(interval) = entry.unwrap() else { continue };
        if interval.tag().unwrap().as_str() == tag {
            let start = interval.start_timestamp().as_secs_f64();
            // Both are rounded to a millisecond.
            assert!(start >= end - 0.002, "{start} s is before {end} s");
            end = start + interval.duration().as_secs_f64();
            let bytes = base64(interval.encoded_histogram());
            let one: Histogram<u64> = Deserializer::new().deserialize(&mut &*bytes).unwrap();
            assert!(!one.is_empty());
            sum.add(&one).unwrap();
        }
    }
    sum
}

fn base64(text: &str) -> Vec<u8> {
    const DIGITS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bytes, mut bits, mut held) = (Vec::new(), 0_u32, 0);
    for digit in text.bytes().take_while(|&digit| digit != b'=') {
        bits = (bits << 6) | u32::try_from(DIGITS.find(char::from(digit)).unwrap()).unwrap();
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push((bits >> held).to_le_bytes()[0]);
        }
    }
    bytes
}

#[test]
fn they_are_the_exact_ones_in_every_mode_across_deaths_and_reloads() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut known = Known::default();
        known.ask_all(&target);
        if mode.contains(&"cluster") {
            let victim = target.worker(1);
            send(victim.pid, Signal::KILL);
            wait_for("its successor", || {
                Some(target.worker(1)).filter(|worker| worker.pid != victim.pid && worker.state == "live")
            });
            known.ask_all(&target);
        }
        let replaced = target.workers();
        target.signal(Signal::HUP);
        wait_for("new workers", || {
            let workers = target.workers();
            let mut pairs = workers.iter().zip(&replaced);
            pairs.all(|(new, old)| new.generation > old.generation && new.state == "live").then_some(())
        });
        known.ask_all(&target);
        let stats = target.stats();
        let route = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!(route["finished"], known.most.len(), "{mode:?} {stats}");
        for (of, least) in [("svc_us", &known.least_service), ("lat_us", &known.least_latency)] {
            for (name, quantile) in QUANTILES {
                let told = route[of][name].as_f64().unwrap_or_else(|| panic!("{mode:?} {of} {name} in {route}"));
                let (least, most) = (exact(least, quantile), exact(&known.most, quantile));
                // Server-Timing is rounded to a microsecond.
                assert!(
                    (least * (1.0 - ERROR) - 1.0..=most * (1.0 + ERROR)).contains(&told),
                    "{mode:?}: {of} {name} is {told}, and not {least} to {most}"
                );
            }
        }
        at_rest(&target);
        let sent = known.most.len() as u64;
        let requests = sent.to_string();
        let left = target.end();
        let (resources, routes) = (left.csv("resources.csv"), left.csv("routes.csv"));
        let last =
            |rows: &[std::collections::HashMap<String, String>]| rows.last().unwrap()["requests_total"].clone();
        assert_eq!((last(&resources), last(&routes)), (requests.clone(), requests), "{mode:?}");
        for row in &routes {
            assert!(resources.iter().any(|whole| whole["elapsed_s"] == row["elapsed_s"]), "{row:?}");
            assert_eq!((&*row["method"], &*row["route"]), ("GET", "/io"), "{row:?}");
        }
        // From the first request on, in every row.
        let begun = resources.iter().position(|row| row["elapsed_s"] == routes[0]["elapsed_s"]).unwrap();
        assert_eq!(resources.len() - begun, routes.len());
        for (tag, of) in [("svc", "svc_us"), ("lat", "lat_us"), ("queue", "queue_us")] {
            let log = logged(&left, tag);
            assert_eq!(log.len(), sent, "{mode:?}: each request is in one interval");
            for (name, quantile) in QUANTILES {
                #[allow(clippy::cast_precision_loss)]
                let (logged, told) =
                    (log.value_at_quantile(quantile) as f64, route[of][name].as_f64().unwrap() * 1e3);
                assert!((logged - told).abs() <= logged * ERROR + 100.0, "{mode:?}: {tag} {name}: {logged} {told}");
            }
        }
        let longest = exact(&known.most, 1.0);
        for row in resources.iter().filter(|row| !row["lat_p50_us"].is_empty()) {
            let number = |column: &str| row[column].parse::<f64>().unwrap();
            assert!(number("lat_p50_us") <= number("lat_p99_us") && number("lat_p99_us") <= number("lat_max_us"));
            assert!(number("lat_max_us") <= longest * (1.0 + ERROR), "{row:?}");
            assert!(number("svc_p50_us") > 0.0 && number("queue_p99_us") >= number("queue_p50_us"), "{row:?}");
        }
    }
}

#[test]
fn there_is_no_queue_on_a_unix_socket() {
    let target = Target::start(&["--mode", "single", "--listen", "unix:sock"]);
    let path = target.directory.path().join("sock");
    let mut client = crate::support::client::Client::connect(&format!("unix:{}", path.display())).unwrap();
    assert_eq!(client.get("/io?ms=2").unwrap().status, 200);
    drop(client);
    at_rest(&target);
    let rows = target.end().csv("resources.csv");
    let timed: Vec<_> = rows.iter().filter(|row| !row["svc_max_us"].is_empty()).collect();
    assert_eq!(timed.len(), 1, "one request is in one row: {rows:?}");
    let row = timed[0];
    assert_eq!((&*row["queue_p50_us"], &*row["queue_p99_us"]), ("", ""), "{row:?}");
    assert!(row["lat_p50_us"].parse::<f64>().unwrap() >= 2_000.0 * (1.0 - ERROR), "{row:?}");
}
