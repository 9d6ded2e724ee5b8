//! HUP replaces every worker, in every mode, and no client notices.

use rustix::process::Signal;

use crate::support::account::{Watch, settle};
use crate::support::client::{Client, Response};
use crate::support::load::{Load, Tally};
use crate::support::target::{MODES, Target, at_rest};

/// Clients of each of the two styles.
const EACH: usize = 3;

const ROUNDS: u64 = 4;

#[test]
fn under_load_nothing_fails_and_every_slot_gets_a_successor() {
    for mode in MODES {
        let target = Target::start(mode);
        let slots = target.workers().len();
        let load = Load::start(target.address(), "/io?ms=5", EACH);
        let watch = Watch::start(&target, 2 * EACH as u64);
        for round in 1..=ROUNDS {
            load.answers(20);
            target.signal(Signal::HUP);
            target.reaches(round + 1);
        }
        load.answers(20);
        let clients = load.stop();
        watch.stop();
        assert_eq!((clients.failed, clients.refused, clients.not_ok), (0, 0, 0), "{mode:?}");
        let left = settle(target, &clients, false);
        let reloads = left.csv("events.csv").iter().filter(|event| event["kind"] == "reload").count();
        assert_eq!(reloads as u64, ROUNDS * slots as u64, "{mode:?}");
    }
}

/// The next HUP comes while the one before is still at work: the two may become one, but none may leave a slot behind.
#[test]
fn one_hup_after_the_other_without_a_pause() {
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::start(target.address(), "/health", 1);
        for _ in 0..10 {
            let before: Vec<u64> = target.workers().iter().map(|worker| worker.generation).collect();
            target.signal(Signal::HUP);
            crate::support::wait_for("a successor somewhere", || {
                let after = target.workers();
                after.iter().zip(&before).any(|(worker, before)| worker.generation > *before).then_some(())
            });
        }
        let newest = crate::support::wait_for("every slot at the end of its last replacement", || {
            let workers = target.workers();
            let settled = workers.iter().all(|worker| worker.state == "live" && worker.generation > 1);
            settled.then(|| workers.iter().map(|worker| worker.generation).max())
        });
        assert!(newest >= Some(2), "{mode:?}");
        let clients = load.stop();
        assert_eq!((clients.failed, clients.refused, clients.not_ok), (0, 0, 0), "{mode:?}");
        settle(target, &clients, false);
    }
}

/// Has an answer on a connection.
type Ask = fn(&mut Client) -> std::io::Result<Response>;

#[test]
fn idle_connections_are_kept_until_their_next_request_and_requests_until_their_answer() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut idle = target.connect();
        assert_eq!(idle.get("/io?ms=0").unwrap().worker().1, 1, "{mode:?}");
        let busy = target.begin_upload();
        target.signal(Signal::HUP);
        target.reaches(2);
        let mut answered = 2;
        for (mut client, mut next) in [(idle, None), (busy, Some(Client::end_upload as Ask))] {
            crate::support::wait_for("the last answer", || {
                let ask = next.take().unwrap_or(|client| client.get("/io?ms=0"));
                let response = ask(&mut client).unwrap();
                assert_eq!((response.status, response.worker().1), (200, 1), "{mode:?}");
                answered += 1;
                // The worker may have heard of the drain after it answered.
                response.closes().then_some(())
            });
            assert_eq!(client.read_to_end().unwrap(), b"", "{mode:?}");
        }
        assert_eq!(target.get("/io?ms=0").worker().1, 2, "{mode:?}");
        at_rest(&target);
        settle(target, &Tally::default().and_answered(answered), false);
    }
}
