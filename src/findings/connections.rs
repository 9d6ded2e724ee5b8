//! A client that opens a connection for each request: each costs it a port, which `TIME_WAIT` may keep for a minute.

use super::{Certainty, Finding, Rule, Weight, evidence, or_unknown};
use crate::maybe_known::MaybeKnown;
use crate::recording::{Figure, Recording};
use crate::sys::procfs::TcpCounters;
use crate::units::shown::{count, number};

/// Fewer requests say too little of how a client goes on.
const REQUESTS: f64 = 1_000.0;

/// From so many connections per request on, hardly any is used again.
const HARDLY_ANY_AGAIN: f64 = 0.9;

/// How long Linux keeps a connection in `TIME_WAIT`.
const TIME_WAIT_S: f64 = 60.0;

pub fn find(run: &Recording) -> Vec<Finding> {
    let Some((accepts, first, last)) = run.target.gained(Figure::Accepts) else { return Vec::new() };
    let Some(requests) = run.target.whole(Figure::Requests).most() else { return Vec::new() };
    if requests < REQUESTS || accepts < HARDLY_ANY_AGAIN * requests {
        return Vec::new();
    }
    let seconds = last.to_s - first.from_s;
    let rate = (seconds > 0.0).then(|| accepts / seconds);
    let within_time_wait = rate.map(|rate| (rate * TIME_WAIT_S).min(accepts));
    let ports = run.about.text("/machine/settings/net.ipv4.ip_local_port_range").and_then(ports_in);
    let [before, after] = run.about.tcp();
    let gained = gained(&before, &after);
    vec![Finding {
        rule: Rule::Connections,
        weight: Weight::Note,
        sentence: format!(
            "{} requests came on {} connections: a client opened one for each request. This is how clients run out of ports.",
            number(requests),
            number(accepts)
        ),
        evidence: evidence([
            ("requests finished", number(requests)),
            ("connections taken", number(accepts)),
            ("new connections", or_unknown(rate, |rate| format!("{}/s", number(rate)))),
            (
                "connections within the 60 s that TIME_WAIT lasts, at this rate",
                or_unknown(within_time_wait, number),
            ),
            ("ports for connections from this machine to one address", or_unknown(ports, number)),
            ("connections of all programs in this network namespace during the run, by the kernel", gained),
            (
                "in TIME_WAIT there, before the run and after it",
                format!("{} and {}", known(before.time_wait), known(after.time_wait)),
            ),
        ]),
        at: Some((first.from_s, last.to_s)),
        certainty: Certainty::Certain,
        unknown: "who closed them: close=, HTTP/1.0 and faults make the target do it. Nor how many ports the client's machine has, where it is another one",
    }]
}

/// What each counter that tells of lost or short-lived connections has gained.
fn gained(before: &TcpCounters, after: &TcpCounters) -> String {
    let gained = |counter: fn(&TcpCounters) -> MaybeKnown| known(counter(after).since(counter(before)));
    format!(
        "opened {}, taken by listeners {}, failed attempts {}, resets sent {}, turned away by a full accept queue {}, dropped by \
         listeners {}",
        gained(|tcp| tcp.active_opens),
        gained(|tcp| tcp.passive_opens),
        gained(|tcp| tcp.attempt_fails),
        gained(|tcp| tcp.resets_sent),
        gained(|tcp| tcp.listen_overflows),
        gained(|tcp| tcp.listen_drops),
    )
}

fn known(counter: MaybeKnown) -> String {
    counter.get().map_or_else(|| "unknown".to_owned(), count)
}

/// How many ports a range such as `32768\t60999` has.
fn ports_in(range: &str) -> Option<f64> {
    let mut ends = range.split_whitespace().map(str::parse::<u16>);
    let (first, last) = (ends.next()?.ok()?, ends.next()?.ok()?);
    Some(f64::from(last.checked_sub(first)?) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::findings::sketch::run;
    use crate::recording::About;

    fn found(requests: f64, accepts: f64) -> Vec<Finding> {
        let mut run = run(&[(Figure::Requests, &[0.0, requests]), (Figure::Accepts, &[0.0, accepts])]);
        run.about = About::of(serde_json::json!({
            "machine": { "settings": { "net.ipv4.ip_local_port_range": "32768\t60999" } },
            "tcp_before": { "active_opens": 5, "passive_opens": 7, "listen_drops": 3, "time_wait": 2 },
            "tcp_after": { "active_opens": 1_005, "passive_opens": 1_107, "listen_drops": 3, "time_wait": 950 },
        }));
        find(&run)
    }

    #[test]
    fn a_connection_for_each_request_is_found_with_the_ports_there_are() {
        let found = found(1_000.0, 1_000.0);
        assert!(found[0].sentence.starts_with("1,000 requests came on 1,000 connections: "), "{found:?}");
        let values: Vec<&str> = found[0].evidence.iter().map(|(_, value)| &**value).collect();
        let counts = "opened 1,000, taken by listeners 1,100, failed attempts unknown, resets sent unknown, turned away by a full \
                      accept queue unknown, dropped by listeners 0";
        assert_eq!(values, ["1,000", "1,000", "1,000/s", "1,000", "28,232", counts, "2 and 950"]);
    }

    #[test]
    fn connections_that_are_used_again_and_few_requests_say_nothing() {
        assert!(found(1_000.0, 899.0).is_empty() && found(999.0, 999.0).is_empty());
        assert!(find(&run(&[(Figure::Requests, &[0.0, 2_000.0])])).is_empty(), "unknown");
    }

    #[test]
    fn what_is_not_known_is_told_as_such() {
        let found = find(&run(&[(Figure::Requests, &[0.0, 1_000.0]), (Figure::Accepts, &[0.0, 1_000.0])]));
        assert_eq!((&*found[0].evidence[4].1, &*found[0].evidence[6].1), ("unknown", "unknown and unknown"));
        assert_eq!((ports_in("60999 32768"), ports_in("32768"), ports_in("")), (None, None, None));
    }
}
