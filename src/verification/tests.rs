//! Each check on accounts that are known: what agrees, what does not, and what is said of it.

mod counts;

use super::*;
use crate::generator::{Bytes, Failure, Kind, Latency, Statuses, Timing, Unit};
use crate::histogram::{Distribution, Histogram};
use crate::profile::{PUBLISHED, Published, published, published_named};
use crate::recording::{Gap, Outcome};

/// So many values of so many milliseconds.
fn distribution(values: &[(u64, u64)]) -> Distribution {
    let histogram: Box<Histogram> = bytemuck::allocation::zeroed_box();
    for (count, ms) in values {
        (0..*count).for_each(|_| histogram.record(ms * 1_000_000));
    }
    let mut distribution = Distribution::default();
    distribution.add(&histogram);
    distribution
}

/// 10,000 answers in 10 s on 10 connections, of which each took 10 ms.
fn target() -> Target {
    let row = Row {
        seconds: 0.5,
        rps: Some(1_000.0),
        connections: Some(10.0),
        host_cpu_pct: Some(40.0),
        cpu_of_host_pct: Some(20.0),
    };
    Target {
        stretch: "the whole run".to_owned(),
        statuses: Some([(200, 9_950), (500, 50)].into()),
        finished: Some(10_000),
        lost: Some(0),
        rejected: Some(0),
        refused: Some(0),
        client_gone: Some(0),
        broken: Some(0),
        accepts: Some(10),
        listen_drops: Some(0),
        bytes_out: Some(2_000_000),
        latency: Some(distribution(&[(10_000, 10)])),
        rows: vec![row; 20],
        processors: Some(2.0),
        client_ports: Some(28_232),
        ..Target::default()
    }
}

/// The same from the other side.
fn account() -> Account {
    Account {
        ended: Some(10_000),
        answered: Some(10_000),
        statuses: Statuses::Each([(200, 9_950), (500, 50)].into()),
        failures: Some(Vec::new()),
        duration_s: Some(10.0),
        requests_per_s: Some(1_000.0),
        bytes: Some(Bytes::Bodies(1_000_000)),
        connections: Some(10),
        latency: Latency {
            min_us: Some(10_000.0),
            mean_us: Some(10_020.0),
            max_us: Some(10_100.0),
            quantiles: vec![(0.5, 10_020.0), (0.9, 10_030.0), (0.99, 10_050.0)],
            ..Latency::default()
        },
        ..Account::of("oha", Unit::Seconds)
    }
}

/// The checks of a topic, with their verdicts and causes.
fn about(topic: Topic, account: &Account, target: &Target) -> Vec<Check> {
    verify(account, target, None).into_iter().filter(|check| check.topic == topic).collect()
}

fn one(topic: Topic, account: &Account, target: &Target) -> (Verdict, String) {
    let checks = about(topic, account, target);
    assert_eq!(checks.len(), 1, "{checks:#?}");
    (checks[0].verdict, checks[0].cause.clone())
}

fn differs(topic: Topic, account: &Account, target: &Target, why: &str) {
    let (verdict, cause) = one(topic, account, target);
    assert!(verdict == Verdict::Differs && cause.contains(why), "{verdict:?} {cause}");
}

#[test]
fn accounts_of_the_same_requests_agree_in_everything() {
    for check in verify(&account(), &target(), Some(1_000.0)) {
        assert_eq!(check.verdict, Verdict::Agrees, "{check:#?}");
    }
    assert_eq!(verdict(&verify(&account(), &target(), None)), Verdict::Agrees);
}

/// Connections over the limit are answered fast, by nobody whose time is measured.
#[test]
fn answers_to_connections_that_were_turned_away_have_no_times_to_be_held_against() {
    let fast =
        Latency { mean_us: Some(500.0), min_us: Some(100.0), quantiles: vec![(0.5, 200.0)], ..account().latency };
    let counted = Account { ended: Some(13_000), answered: Some(13_000), latency: fast.clone(), ..account() };
    let turned_away = Target { refused: Some(3_000), ..target() };
    for topic in [Topic::Bound, Topic::Bytes] {
        let checks = verify(&counted, &turned_away, None);
        let check = checks.iter().find(|check| check.topic == topic).unwrap();
        assert_eq!(check.verdict, Verdict::Unknown, "{check:#?}");
        assert!(check.cause.starts_with("3,000 answers were to connections that were turned away"), "{check:#?}");
    }
    let few = Target { refused: Some(50), ..target() };
    let checks = verify(&Account { latency: fast, ..account() }, &few, None);
    let check = checks.iter().find(|check| check.topic == Topic::Bound).unwrap();
    assert_eq!(check.verdict, Verdict::Differs, "{check:#?}");
}

#[test]
fn what_is_not_known_is_no_agreement_and_no_difference() {
    let nothing = verify(&Account::of("oha", Unit::Seconds), &Target::default(), Some(5.0));
    assert!(nothing.iter().all(|check| check.verdict == Verdict::Unknown), "{nothing:#?}");
    assert_eq!(verdict(&nothing), Verdict::Unknown);
    // Half of it is not enough either.
    for checks in
        [verify(&account(), &Target::default(), None), verify(&Account::of("oha", Unit::Seconds), &target(), None)]
    {
        assert!(checks.iter().all(|check| check.verdict != Verdict::Differs), "{checks:#?}");
    }
}

#[test]
fn failures_are_the_client_s_the_target_s_or_split() {
    let failing = |failures: Vec<Failure>| Account { failures: Some(failures), ..account() };
    let whose = |failures: Vec<Failure>, target: &Target| -> Vec<(String, Verdict, Certainty)> {
        let checks = about(Topic::Failures, &failing(failures), target);
        checks.into_iter().map(|check| (check.which, check.verdict, check.certainty)).collect()
    };
    let (client, ours, rest) =
        ("of the client".to_owned(), "of the target".to_owned(), "that the target never saw".to_owned());
    let ports = || Failure::told("[WinError 10048] Only one usage of each socket address", 7_046);
    assert_eq!(whose(vec![ports()], &target()), [(client.clone(), Verdict::Differs, Certainty::Certain)]);
    let dropped = Target { listen_drops: Some(40), ..target() };
    let late = || Failure::told("operation timed out", 12);
    assert_eq!(whose(vec![late()], &dropped), [(ours.clone(), Verdict::Agrees, Certainty::Likely)]);
    assert_eq!(
        whose(vec![late(), ports()], &dropped),
        [(client, Verdict::Differs, Certainty::Certain), (ours.clone(), Verdict::Agrees, Certainty::Likely)]
    );
    // Nobody says why: a drop explains one failure at most.
    let unsaid = || Failure { kind: Kind::Unsaid, message: "socket errors: connect".to_owned(), count: 100 };
    let split = about(Topic::Failures, &failing(vec![unsaid()]), &dropped);
    assert!(split[0].theirs.contains("40 ×") && split[1].theirs.contains("60 ×"), "{split:#?}");
    assert_eq!(whose(vec![unsaid()], &target()), [(rest.clone(), Verdict::Differs, Certainty::Likely)]);
    let unknown = Target { listen_drops: None, ..target() };
    assert_eq!(whose(vec![unsaid()], &unknown)[0].1, Verdict::Unknown);
    // Nearly all of its machine's ports were used.
    let opened = Target { accepts: Some(28_000), ..target() };
    differs(Topic::Failures, &failing(vec![unsaid()]), &opened, "may have run out");
    let broken = Target { broken: Some(12), ..target() };
    let by_peer = || Failure::told("Connection reset by peer (os error 104)", 12);
    assert_eq!(whose(vec![by_peer()], &broken), [(ours, Verdict::Agrees, Certainty::Certain)]);
    let refused = Failure::told("Connection refused (os error 111)", 5);
    differs(Topic::Failures, &failing(vec![refused]), &target(), "before it was ready or after its end");
    // Of one that was killed nobody knows what it has lost, so what is left over is nobody's.
    let gap = Gap { instance: None, after_s: 5.0, most: Some(7), open: Some(3) };
    let killed = Target { gaps: vec![gap], ..target() };
    let split = about(Topic::Failures, &failing(vec![unsaid()]), &killed);
    assert!(split[0].theirs.contains("10 ×") && split[1].theirs.contains("90 ×"), "{split:#?}");
    assert_eq!(split[1].verdict, Verdict::Unknown);
    assert!(split[1].cause.contains("did not end in order"), "{split:#?}");
    assert!(split.iter().all(|check| check.ours.contains("what it lost at its end: unknown")), "{split:#?}");
}

#[test]
fn figures_of_one_account_must_fit_each_other() {
    differs(Topic::Rate, &Account { requests_per_s: Some(900.0), ..account() }, &target(), "can't all be right");
    differs(Topic::LittlesLaw, &Account { connections: Some(8), ..account() }, &target(), "more requests at work");
    let with = |change: fn(&mut Latency)| {
        let mut account = account();
        change(&mut account.latency);
        account
    };
    differs(Topic::Order, &with(|latency| latency.quantiles[2].1 = 9_000.0), &target(), "can't be lower");
    differs(Topic::Mean, &with(|latency| latency.mean_us = Some(20_000.0)), &target(), "no requests have");
    // To two digits, a percentile may seem to lie above the maximum.
    let rounded = with(|latency| {
        latency.rounding = 0.05;
        latency.quantiles[2].1 = 10_500.0;
    });
    assert_eq!(one(Topic::Order, &rounded, &target()).0, Verdict::Agrees);
}

#[test]
fn a_thousandth_is_a_unit_and_a_part_can_t_be_more_than_the_whole() {
    let scaled = |factor: f64| {
        let mut account = account();
        account.latency.mean_us = account.latency.mean_us.map(|us| us * factor);
        account.latency.quantiles.iter_mut().for_each(|(_, us)| *us *= factor);
        account
    };
    differs(Topic::Unit, &scaled(1e-3), &target(), "seconds were taken for milliseconds");
    differs(Topic::Unit, &scaled(1e3), &target(), "a thousand times");
    for factor in [0.9, 2.0, 300.0] {
        assert_eq!(one(Topic::Unit, &scaled(factor), &target()).0, Verdict::Agrees, "{factor}");
    }
    differs(Topic::Bound, &scaled(0.9), &target(), "leaves slow requests out");
    differs(Topic::Bound, &Account { late: 7, ..scaled(0.9) }, &target(), "after its time-out");
    assert!(
        one(Topic::Bound, &scaled(2.0), &target()).1.ends_with("or in oha itself"),
        "{:?}",
        one(Topic::Bound, &scaled(2.0), &target())
    );
}

/// Requests of 5 ms and a target that stands still for half a second in every ten: with 50 connections that wait for their
/// answers, 50 of some 95,000 requests meet it.
fn stalled(account: Account) -> (Account, Target) {
    let full = Row { rps: Some(10_000.0), connections: Some(50.0), ..target().rows[0] };
    let still = Row { rps: Some(0.0), ..full };
    let rows = (0..120).map(|row| if row % 20 == 10 { still } else { full }).collect();
    let latency = distribution(&[(570_000, 5), (300, 500)]);
    let statuses = [(200, latency.count())].into();
    let target = Target { rows, statuses: Some(statuses), latency: Some(latency), accepts: Some(50), ..target() };
    (Account { connections: Some(50), duration_s: Some(60.0), ..account }, target)
}

#[test]
fn a_client_that_waits_omits_and_one_with_a_schedule_does_not() {
    let with_p99 = |ms: f64, timing| {
        let mut account = Account { timing, ..account() };
        if timing == Timing::Rewritten {
            account.generator = "wrk";
        }
        account.latency.quantiles = vec![(0.5, 5_000.0), (0.99, ms * 1e3)];
        stalled(account)
    };
    let (waits, target) = with_p99(5.1, Timing::Measured);
    differs(Topic::Omission, &waits, &target, "of a steady client's requests never came. Ask it for a rate");
    let check = &about(Topic::Omission, &waits, &target)[0];
    assert!(check.ours.contains("for steady arrivals"), "{check:?}");
    let (rewrites, target) = with_p99(400.0, Timing::Rewritten);
    differs(Topic::Omission, &rewrites, &target, "wrk adds times of requests that it did not send");
    let (scheduled, target) = with_p99(405.0, Timing::Measured);
    assert_eq!(one(Topic::Omission, &scheduled, &target).0, Verdict::Agrees);
    // The same latencies without a hole in the throughput: slow requests, and no stall.
    let (waits, mut target) = with_p99(5.1, Timing::Measured);
    target.rows.iter_mut().for_each(|row| row.rps = Some(9_500.0));
    assert!(one(Topic::Omission, &waits, &target).1.starts_with("the slow requests were slow by themselves"));
    // Steady arrivals themselves: what the target has seen is all.
    let (paced, mut target) = with_p99(405.0, Timing::Measured);
    target.latency = Some(distribution(&[(5_700, 5), (60, 105), (60, 205), (60, 305), (60, 405), (60, 500)]));
    target.statuses = Some([(200, 6_000)].into());
    assert_eq!(one(Topic::Omission, &paced, &target).1, "steady arrivals would have waited no longer");
}

#[test]
fn planned_carried_out_and_seen_are_three_counts() {
    let outcome = |planned: u64, executed: u64| Outcome {
        from_s: 0.0,
        to_s: 10.0,
        plan: "half a per cent".to_owned(),
        drawn: 10_000,
        planned: Some([("status 500".to_owned(), planned)].into()),
        executed: [("status 500".to_owned(), executed)].into(),
    };
    let with = |planned, executed| Target { outcomes: vec![outcome(planned, executed)], ..target() };
    let verdicts = |account: &Account, target: &Target| -> Vec<Verdict> {
        about(Topic::Faults, account, target).iter().map(|check| check.verdict).collect()
    };
    assert_eq!(verdicts(&account(), &with(50, 50)), [Verdict::Agrees, Verdict::Agrees]);
    assert_eq!(verdicts(&account(), &with(50, 49)), [Verdict::Differs, Verdict::Agrees]);
    let unseen = Account { statuses: Statuses::From400([(500, 40)].into()), ..account() };
    assert_eq!(verdicts(&unseen, &with(50, 50)), [Verdict::Agrees, Verdict::Differs]);
    let broken = Target { broken: Some(20), ..target() };
    differs(Topic::Faults, &account(), &broken, "hides failures");
}

#[test]
fn a_rate_that_was_not_kept_has_a_cause() {
    let slow = Account { requests_per_s: Some(1_000.0), ..account() };
    let cause = |target: &Target| strain::rate_kept(&slow, target, Some(2_000.0)).unwrap().cause;
    assert!(cause(&target()).contains("too few for this rate"), "{}", cause(&target()));
    let idle = Target { latency: Some(distribution(&[(10_000, 1)])), ..target() };
    assert!(cause(&idle).contains("the generator itself did not keep up"));
}

#[test]
fn a_core_that_others_use_up_may_be_the_generator_s() {
    let locust = Account { has_one_thread: true, ..account() };
    let rows =
        |host, own| vec![Row { host_cpu_pct: Some(host), cpu_of_host_pct: Some(own), ..target().rows[0] }; 20];
    let with = |host, own| Target { rows: rows(host, own), ..target() };
    differs(Topic::Cpu, &locust, &with(60.0, 10.0), "one thread");
    assert_eq!(one(Topic::Cpu, &account(), &with(60.0, 10.0)).0, Verdict::Agrees);
    let mut slow = account();
    slow.latency.quantiles[0].1 = 25_000.0;
    differs(Topic::Cpu, &slow, &with(99.0, 20.0), "no CPU left");
    assert!(one(Topic::Cpu, &account(), &with(99.0, 20.0)).1.contains("kept up"));
    assert_eq!(one(Topic::Cpu, &account(), &with(99.0, 95.0)).0, Verdict::Agrees, "the target used it");
}

#[test]
fn they_are_shown_a_line_each() {
    let heading = Heading { theirs: "oha in oha.json".to_owned(), ours: "the whole run of runs/1".to_owned() };
    let checks = [Check::new(Topic::Status, "oha: 1", "target: 2").of("500").differs(Certainty::Likely, "why")];
    assert_eq!(
        text(&heading, &checks, false),
        "oha in oha.json, against the whole run of runs/1\n\
         differs  status: 500  oha: 1  |  target: 2  |  why (likely)\n\
         1 checks: 0 agree, 1 differ, 0 can't be told\n"
    );
    assert!(text(&heading, &checks, true).contains("\u{1b}[31mdiffers\u{1b}[0m"));
    let object: serde_json::Value = serde_json::from_str(&json(&heading, &checks)).unwrap();
    assert_eq!((&object["verdict"], &object["checks"][0]["which"]), (&"differs".into(), &"500".into()));
    assert!(markdown(&heading, &checks).contains("| differs | status: 500 | oha: 1 | target: 2 | why (likely) |"));
}

/// What differs in the figures of a system, as titles.
fn contradicted(sets: &[Published]) -> Vec<String> {
    contradictions(sets).iter().map(Check::title).collect()
}

#[test]
fn every_contradiction_of_the_published_systems_is_found_and_no_other() {
    for (name, agreeing, expected) in [
        ("baseline", 5, &["Little's law"][..]),
        ("node-cluster", 8, &["mean: without cluster", "sets: clients"]),
        ("flask-locust", 6, &["failures: 100 users", "claim: 100 users", "sets: CPU"]),
        ("image-inference", 4, &["claim", "claim"]),
        ("market", 6, &["success: 10,000 users", "generator's CPU: 10,000 users"]),
    ] {
        let sets = published_named(name).unwrap();
        assert_eq!(contradicted(&sets), expected, "{name}");
        let agrees = of_published(&sets).iter().filter(|check| check.verdict == Verdict::Agrees).count();
        assert_eq!(agrees, agreeing, "{name}");
    }
    assert_eq!(PUBLISHED.len(), 5);
}

fn figures(text: &str) -> Vec<Published> {
    published("a test", text).unwrap_or_else(|mistakes| panic!("{mistakes:?}"))
}

#[test]
fn figures_that_are_true_pass_each_check() {
    for text in [
        // What the baseline would be with 50 at a time.
        "[published]\nrequests = 10000\nconcurrency = 50\nduration_s = 24.1\nrequests_per_s = 415\nmean_ms = 120\nmin_ms = 45\n\
         p95_ms = 250\np99_ms = 450\nmax_ms = 580\nbytes_per_s = 283860\nresponse_bytes = 684\nerrors = 50\nerror_pct = 0.5\n\
         status = { 200 = 9950, 500 = 50 }\nsucceeded = { \"GET /page\" = 9950 }",
        "[published]\nmin_ms = 100\nmax_ms = 150\nclaims = [\"varies-little\"]",
        "[published]\nrequests = 100\nerrors = 30\nmean_ms = 108\np50_ms = 110",
        "[published]\nerrors = 10\nmessages = { \"Connection reset by peer\" = 10 }\nclaims = [\"server-failed\"]",
        "[[published]]\nname = \"a\"\nconcurrency = 50\nclaims = [\"compares-arrangements\"]\n\
         [[published]]\nname = \"b\"\nconcurrency = 50\nclaims = [\"compares-arrangements\"]",
        // Other measurements may well have other clients.
        "[[published]]\nname = \"a\"\nconcurrency = 50\n[[published]]\nname = \"b\"\nconcurrency = 90",
        "[[published]]\nname = \"a\"\nusers = 1\ncpu_pct = 20\nrequests_per_s = 10\n[[published]]\nname = \"b\"\ncpu_pct = 40\nrequests_per_s = 20\n\
         [[published]]\nname = \"c\"\ncpu_pct = 80\nrequests_per_s = 40",
        // Users who think longer than they wait.
        "[published]\nusers = 1000\nrequests_per_s = 100\nmean_ms = 10",
        // An open load, of which nobody knows how many it may have in flight.
        "[published]\nrequests_per_s = 1000\nmean_ms = 500",
    ] {
        assert_eq!(contradicted(&figures(text)), [""; 0], "{text}");
    }
}

#[test]
fn figures_that_are_not_true_fail_the_check_that_is_about_them() {
    for (text, title) in [
        ("[published]\nrequests = 10000\nduration_s = 10\nrequests_per_s = 658", "rate × duration"),
        ("[published]\nbytes_per_s = 1000\nrequests_per_s = 10\nresponse_bytes = 684", "bytes"),
        ("[published]\nconcurrency = 50\nrequests_per_s = 415\nmean_ms = 0.12", "unit"),
        ("[published]\nconcurrency = 50\nrequests_per_s = 415\nmean_ms = 120000", "unit"),
        ("[published]\nmin_ms = 45\np95_ms = 250\np99_ms = 200", "percentiles"),
        ("[published]\nmean_ms = 700\nmin_ms = 45\nmax_ms = 580", "mean"),
        ("[published]\nrequests = 100\nstatus = { 200 = 90, 500 = 20 }", "status"),
        ("[published]\nrequests = 100\nerrors = 5\nerror_pct = 6", "failures"),
        ("[published]\nrequests = 100\nerrors = 5\nstatus = { 500 = 6 }", "status"),
    ] {
        assert_eq!(contradicted(&figures(text)), [title], "{text}");
    }
}
