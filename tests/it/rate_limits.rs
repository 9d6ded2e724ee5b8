//! A rate limit lets no more than one request beyond rate × time + burst through, in any stretch of time, whichever workers
//! they come to, also if one of them is killed; and what it turns away is counted apart.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Instant;

use rustix::process::Signal;

use crate::profiles::{change, start};
use crate::support::account::settle;
use crate::support::client::Client;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, at_rest, metrics, send};
use crate::support::wait_for;

/// When a request was sent and its answer was there, in seconds, and whether it was let through. No answer: its worker was killed.
#[derive(Clone, Copy, Debug)]
struct Asked {
    sent_s: f64,
    ended_s: f64,
    status: Option<u16>,
}

/// Asks over a new connection each time, so that the kernel spreads them over the workers, until told to stop.
fn ask(target: &Target, begin: Instant, stop: &AtomicBool, let_through: &AtomicU64) -> Vec<Asked> {
    let mut all = Vec::new();
    while !stop.load(Relaxed) {
        let Ok(mut client) = Client::connect(target.address()) else { continue };
        let sent_s = begin.elapsed().as_secs_f64();
        let status = client.get("/a").ok().map(|response| response.status);
        all.push(Asked { sent_s, ended_s: begin.elapsed().as_secs_f64(), status });
        let_through.fetch_add(u64::from(status == Some(200)), Relaxed);
    }
    all
}

#[test]
fn it_is_exact_over_all_workers_and_over_the_death_of_one() {
    is_exact(&["--mode", "cluster", "--workers", "3"], true);
}

#[test]
fn it_is_exact_over_all_threads() {
    is_exact(&["--mode", "threads", "--workers", "3"], false);
}

/// Asks for more than is let through, and kills a worker meanwhile if told to.
#[allow(clippy::cast_precision_loss)]
fn is_exact(arrangement: &[&str], with_a_death: bool) {
    const RATE: f64 = 400.0;
    const BURST: f64 = 400.0;
    const MORE: u64 = 600;
    let limit = format!("[rate_limit]\nrate = {RATE}\nburst = {BURST}\n[[route]]\npath = '/a'\n");
    let target = start(&limit, arrangement);
    let (begin, stop, let_through) = (Instant::now(), AtomicBool::new(false), AtomicU64::new(0));
    let mut all = thread::scope(|scope| {
        let clients: Vec<_> = (0..6).map(|_| scope.spawn(|| ask(&target, begin, &stop, &let_through))).collect();
        let more = || {
            let wanted = let_through.load(Relaxed) + MORE;
            wait_for("more to be let through", || (let_through.load(Relaxed) >= wanted).then_some(()));
        };
        more();
        if with_a_death {
            send(target.worker(1).pid, Signal::KILL);
            more();
        }
        stop.store(true, Relaxed);
        clients.into_iter().flat_map(|client| client.join().unwrap()).collect::<Vec<Asked>>()
    });
    all.sort_by(|one, other| one.ended_s.total_cmp(&other.ended_s));
    let with = |status: Option<u16>| all.iter().filter(move |asked| asked.status == status);
    let (taken, failed) = (with(Some(200)).count() as u64, with(None).count() as u64);

    // No more: a request is judged between its sending and its answer.
    let most = |from: &Asked, to: &Asked| RATE * (to.ended_s - from.sent_s) + BURST + 1.0;
    for from in with(Some(200)) {
        let within = with(Some(200)).filter(|asked| asked.sent_s >= from.sent_s);
        for (count, to) in (1_u32..).zip(within) {
            assert!(f64::from(count) <= most(from, to), "{count} from {from:?} to {to:?}");
        }
    }
    // No fewer while the bucket is empty: between two that were turned away, if no pause in between was so long that the bucket
    // could have filled.
    let turned_away: Vec<&Asked> = with(Some(429)).collect();
    let stretches = turned_away.chunk_by(|one, next| next.ended_s - one.sent_s < BURST / RATE);
    for stretch in stretches {
        let (first, last) = (stretch[0], stretch[stretch.len() - 1]);
        let within = |asked: &&Asked| asked.ended_s >= first.sent_s && asked.sent_s <= last.ended_s;
        let let_through = with(Some(200)).filter(within).count() as u64 + failed;
        let at_least = RATE * (last.sent_s - first.ended_s) - 1.0;
        assert!(let_through as f64 >= at_least, "{let_through} of {at_least} from {first:?} to {last:?}");
    }

    let limited = with(Some(429)).count() as u64;
    let clients = Tally { sent: all.len() as u64, answered: taken + limited, not_ok: limited, failed, refused: 0 };
    assert!(with_a_death || failed == 0, "{failed} failed");
    target.shows(1, "live");
    let stats = at_rest(&target);
    let workers = stats["workers"].as_array().unwrap();
    assert!(workers.iter().all(|worker| worker["finished"].as_u64() > Some(0)), "{stats}");
    let [counted, lost] = ["rate_limited", "lost"].map(|name| stats["totals"][name].as_u64().unwrap());
    // What a killed worker had answered and not yet recorded is lost.
    let at_least = limited.saturating_sub(lost);
    assert!((at_least..=limited + failed).contains(&counted), "{counted} of {limited}, {failed} and {lost}");
    settle(target, &clients, with_a_death);
}

/// A route of two methods, which have a bucket each, and one whose limit is off and whose 429s are a fault plan's.
const LIMITS: &str = "
[[route]]
path = '/a'
method = ['GET', 'POST']
steps = [ { rate_limit = { rate = 0.001, burst = 3 } } ]
[[route]]
path = '/b'
steps = [ { rate_limit = { rate = 'off', burst = 3 } } ]
[[fault]]
route = '/b'
spacing = 'even'
kinds = [ { kind = 'status', code = 429, rate = 0.5 } ]
";

#[test]
fn what_it_turns_away_is_counted_apart_from_injected_statuses() {
    for mode in MODES {
        let target = start(LIMITS, mode);
        let asked = |method: &str, path: &str| {
            let answers = (0..10).map(|_| target.connect().request(method, path).unwrap());
            answers.filter(|answer| answer.status == 429).collect::<Vec<_>>()
        };
        let turned_away = asked("GET", "/a");
        assert_eq!([turned_away.len(), asked("POST", "/a").len(), asked("GET", "/b").len()], [7, 7, 5], "{mode:?}");
        for answer in turned_away {
            let after: u64 = answer.header("retry-after").unwrap().parse().unwrap();
            assert!((1..=1_000).contains(&after), "{after}");
            let error = answer.json()["error"].to_string();
            assert!(error.contains("0.001 requests a second (rate_limit), and 3 at once"), "{error}");
            assert_eq!(answer.header("server-timing"), None, "no work was done");
        }
        let stats = at_rest(&target);
        let routes = stats["routes"].as_array().unwrap();
        let of = |method: &str, path: &str| {
            let route = routes.iter().find(|route| route["method"] == method && route["route"] == path).unwrap();
            [&route["rate_limited"], &route["status"]["429"]].map(|count| count.as_u64().unwrap())
        };
        assert_eq!([of("GET", "/a"), of("POST", "/a"), of("GET", "/b")], [[7, 7], [7, 7], [0, 5]], "{stats}");
        let totals = &stats["totals"];
        assert_eq!([&totals["rate_limited"], &totals["errors"], &totals["finished"]], [14, 0, 30], "{stats}");
        assert_eq!(stats["faults"][0]["executed"]["status 429"], 5, "{stats}");
        wait_for("the next tick", || {
            let metric = metrics(&target, "quintain_rate_limited_requests_total");
            metric.contains(r#"{method="POST",route="/a"} 7"#).then_some(())
        });
        let tally = Tally { not_ok: 19, ..Tally::default().and_answered(30) };
        let left = settle(target, &tally, false);
        assert_eq!(left.csv("resources.csv").last().unwrap()["rate_limited_total"], "14");
        let row = left.csv("routes.csv").into_iter().rev().find(|row| row["method"] == "POST").unwrap();
        assert_eq!(row["rate_limited_total"], "7");
        let report = left.report();
        let finding = "46.7 % of the requests were answered 429 because a rate limit of the profile was reached.";
        assert!(report.contains(finding), "{report}");
    }
}

#[test]
fn one_for_all_routes_is_shared_and_goes_on_over_a_hup() {
    let limit = |rate: &str, burst: u64| {
        format!("[rate_limit]\nrate = {rate}\nburst = {burst}\n[[route]]\npath = '/a'\n[[route]]\npath = '/b'\n")
    };
    for mode in MODES {
        let target = start(&limit("0.001", 5), mode);
        let let_through = |count: usize, path: &str| (0..count).filter(|_| target.get(path).status == 200).count();
        assert_eq!((let_through(3, "/a"), let_through(9, "/b")), (3, 2), "{mode:?}");
        assert_eq!(
            (target.get("/health").status, target.get("/io?ms=0").status),
            (200, 200),
            "no routes of the profile"
        );
        change(&target, &(limit("0.001", 5) + "[[route]]\npath = '/c'\n"));
        target.renewed(2);
        assert_eq!(let_through(5, "/c"), 0, "{mode:?}: a HUP fills no bucket");
        change(&target, &limit("1000", 2));
        target.renewed(3);
        wait_for("a token of the other limit", || (target.get("/a").status == 200).then_some(()));
        assert_eq!(target.end().code, Some(0));
    }
}
