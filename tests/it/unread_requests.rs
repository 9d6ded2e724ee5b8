//! Requests that wait in sockets, which nobody has read, are counted as far as the kernel tells.

use rustix::process::Signal;
use serde_json::Value;

use crate::support::client::Client;
use crate::support::target::{Target, metrics, send};
use crate::support::wait_for;

/// Clients that have sent a request each.
const CLIENTS: u64 = 7;

fn asking(address: &str) -> Client {
    let mut client = Client::connect(address).unwrap();
    client.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    client
}

/// What one tick tells: `None` where it says that it is unknown.
fn told(target: &Target) -> Option<u64> {
    match &target.stats()["unread_connections"] {
        Value::Null => None,
        figure => Some(figure.as_u64().unwrap()),
    }
}

fn shows(target: &Target, count: u64) {
    wait_for(&format!("{count} unread"), || (told(target) == Some(count)).then_some(()));
}

#[test]
fn a_frozen_worker_leaves_them_unread() {
    for address in ["127.0.0.1:0", "0.0.0.0:0"] {
        let target = Target::start(&["--mode", "cluster", "--workers", "1", "--listen", address]);
        let address = format!("127.0.0.1:{}", target.port());
        // One that is open, and says nothing; one that was answered, and then goes on to ask.
        let silent = Client::connect(&address).unwrap();
        let mut open = Client::connect(&address).unwrap();
        assert_eq!(open.get("/health").unwrap().status, 200);
        shows(&target, 0);
        let frozen = target.worker(0).pid;
        send(frozen, Signal::STOP);
        open.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
        let mut clients: Vec<Client> = (1..CLIENTS).map(|_| asking(&address)).collect();
        clients.push(open);
        shows(&target, CLIENTS);
        wait_for("the same in /metrics", || {
            let line = metrics(&target, "quintain_unread_connections ");
            (line == format!("quintain_unread_connections {CLIENTS}\n")).then_some(())
        });
        send(frozen, Signal::CONT);
        for mut client in clients {
            assert_eq!(client.receive().unwrap().status, 200);
        }
        shows(&target, 0);
        drop(silent);
        let left = target.end();
        let rows = left.csv("resources.csv");
        assert!(rows.iter().any(|row| row["unread_connections"] == CLIENTS.to_string()), "{rows:?}");
    }
}
