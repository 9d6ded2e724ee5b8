//! A thousand scrapers at once: each is answered, whether it keeps its connection or not, and the target serves on.

use std::thread;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::support::client::Client;
use crate::support::load::{Load, Style};
use crate::support::target::{MODES, Target, at_rest};

const SCRAPERS: usize = 1_000;

/// Who opens connections at the same time: one after the other would have had its answer before the last one came.
const THREADS: usize = 20;

fn as_many_descriptors_as_allowed() {
    let most = getrlimit(Resource::Nofile).maximum;
    setrlimit(Resource::Nofile, Rlimit { current: most, maximum: most }).unwrap();
}

/// Opens its share of the connections, then has an answer on each, from the first to the last. None is closed before.
fn scrape(admin: &str, connection: &str) -> Vec<Client> {
    let ask = |_| {
        let mut client = Client::connect(admin).unwrap();
        let request = format!("GET /metrics HTTP/1.1\r\nHost: {admin}\r\nConnection: {connection}\r\n\r\n");
        client.send(request).unwrap();
        client
    };
    let mut clients: Vec<Client> = (0..SCRAPERS / THREADS).map(ask).collect();
    for client in &mut clients {
        let answer = client.receive().unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
        assert!(answer.text().contains("quintain_worker_requests_total{slot=\"0\"}"), "{}", answer.text());
    }
    clients
}

#[test]
fn a_thousand_at_once_are_answered_and_the_target_serves_on() {
    as_many_descriptors_as_allowed();
    for mode in MODES {
        let target = Target::start(mode);
        let load = Load::with(target.address(), "/io?ms=1", &[Style::KeepAlive; 2]);
        load.answers(10);
        for connection in ["keep-alive", "close"] {
            let open: Vec<Client> = thread::scope(|scope| {
                let all: Vec<_> =
                    (0..THREADS).map(|_| scope.spawn(|| scrape(&target.ready["admin"], connection))).collect();
                all.into_iter().flat_map(|one| one.join().unwrap()).collect()
            });
            assert_eq!(open.len(), SCRAPERS);
            load.answers(10);
            // Those who stay do not keep others out.
            assert_eq!(target.admin_post("/marks", "{\"phase\": \"scraped\"}").status, 201, "{mode:?}");
        }
        let tally = load.stop();
        assert_eq!((tally.failed, tally.refused, tally.not_ok), (0, 0, 0), "{mode:?}: {tally:?}");
        let stats = at_rest(&target);
        assert_eq!(stats["totals"]["finished"], tally.sent, "{stats}");
    }
}
