//! `freeze` and `refuse` hold for every listener while their window is open: whatever becomes of the workers, and
//! without harm to connections that are already there. `refuse` keeps the port.

use std::io::ErrorKind;
use std::net::TcpListener;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::{Client, Response};
use crate::support::kernel::queued;
use crate::support::target::{MODES, Target, command, is_alive, run, send};
use crate::support::wait_for;

/// New connections enough for the kernel to ask each worker.
const MANY: usize = 24;

/// One plan, whose window is open until it is removed.
fn order(target: &Target, kind: &str) -> Response {
    order_for(target, kind, &json!({ "from": "0s", "to": "100s" }))
}

fn order_for(target: &Target, kind: &str, window: &Value) -> Response {
    let plan = json!({ "name": kind, "route": "*", "kinds": [{ "kind": kind }], "window": window });
    target.admin_request("PUT", "/faults", &json!({ "faults": [plan] }).to_string())
}

fn remove(target: &Target) {
    assert_eq!(target.admin_request("DELETE", "/faults", "").status, 200);
}

/// A target on a port that was told to it by number.
fn with_a_number(arguments: &[&str]) -> Target {
    for _ in 0..20 {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
        let fixed = ["--admin", "127.0.0.1:0", "--run-dir", "run", "--sample-interval", "100ms", "--listen", &free];
        let directory = TempDir::new().unwrap();
        let command = command(&[arguments, &fixed].concat(), directory.path());
        // Somebody else may have been faster.
        if let Ok(target) = Target::begin(command, directory) {
            return target;
        }
    }
    panic!("no port stays free");
}

/// Connections that have asked and are not answered.
fn ask(target: &Target, many: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..many).map(|_| target.connect()).collect();
    for client in &mut clients {
        client.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    }
    clients
}

fn answered(clients: Vec<Client>) {
    for mut client in clients {
        assert_eq!(client.receive().unwrap().status, 200);
    }
}

/// Connects, and waits until so many more than before wait in the queues; returns those that do.
fn nobody_is_accepted(target: &Target, many: usize) -> Vec<Client> {
    let (before, accepts) = (queued(target.port()), target.total("accepts"));
    let waiting = ask(target, many);
    // The kernel's list may miss one, or have one twice, while others come and go.
    wait_for("all of them in the queues", || (queued(target.port()) == before + many).then_some(()));
    assert_eq!(target.total("accepts"), accepts);
    waiting
}

fn refuses(target: &Target) {
    for _ in 0..MANY {
        let refused = Client::connect(target.address()).err().map(|error| error.kind());
        assert_eq!(refused, Some(ErrorKind::ConnectionRefused));
    }
}

#[test]
fn frozen_ones_leave_everybody_in_the_queue_and_serve_who_is_there() {
    for mode in MODES {
        let target = Target::start(mode);
        let mut kept: Vec<Client> = (0..8).map(|_| target.connect()).collect();
        for client in &mut kept {
            assert_eq!(client.get("/health").unwrap().status, 200);
        }
        for _ in 0..2 {
            assert_eq!(order(&target, "freeze").status, 200, "{mode:?}");
            let waiting = nobody_is_accepted(&target, MANY);
            for client in &mut kept {
                assert_eq!(client.get("/health").unwrap().status, 200, "{mode:?}");
            }
            remove(&target);
            answered(waiting);
        }
        drop(kept);
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn refusing_ones_refuse_keep_the_port_and_come_back() {
    for mode in MODES {
        let target = with_a_number(mode);
        let mut kept = target.connect();
        assert_eq!(kept.get("/health").unwrap().status, 200);
        for round in 0..2 {
            assert_eq!(order(&target, "refuse").status, 200, "{mode:?}");
            refuses(&target);
            assert_eq!(kept.get("/health").unwrap().status, 200, "{mode:?}");
            assert_eq!(TcpListener::bind(target.address()).unwrap_err().kind(), ErrorKind::AddrInUse, "{mode:?}");
            let second = run(&["--listen", target.address(), "--admin", "off"]);
            assert!(second.0 == Some(2) && second.2.contains("another program has it"), "{mode:?} {second:?}");
            if round == 0 {
                // Frozen, they listen.
                assert_eq!(order(&target, "freeze").status, 200, "{mode:?}");
                let waiting = nobody_is_accepted(&target, 4);
                assert_eq!(order(&target, "refuse").status, 200, "{mode:?}");
                // They were first.
                answered(waiting);
                refuses(&target);
            }
            remove(&target);
            answered(ask(&target, MANY));
        }
        drop(kept);
        let left = target.end();
        assert_eq!((left.code, left.done("lost")), (Some(0), 0), "{mode:?} {}", left.errors);
    }
}

#[test]
fn it_holds_for_successors_and_loans() {
    for kind in ["freeze", "refuse"] {
        let target = with_a_number(MODES[2]);
        let holds = |target: &Target| match kind {
            "freeze" => drop(nobody_is_accepted(target, MANY)),
            _ => refuses(target),
        };
        assert_eq!(order(&target, kind).status, 200);
        holds(&target);
        // Each of two signals would be enough to have one worker serve the other's listener for a while.
        for worker in target.workers() {
            send(worker.pid, Signal::KILL);
            wait_for("its end", || (!is_alive(worker.pid)).then_some(()));
            holds(&target);
        }
        target.reaches(2);
        holds(&target);
        target.signal(Signal::HUP);
        target.reaches(3);
        holds(&target);
        // A retired worker's listener is lent to the other.
        target.signal(Signal::TTOU);
        target.shows(1, "retired");
        holds(&target);
        remove(&target);
        answered(ask(&target, MANY));
        // Who comes when it is over knows nothing of it.
        send(target.worker(0).pid, Signal::KILL);
        wait_for("a successor", || (target.worker(0).generation == 4).then_some(()));
        answered(ask(&target, MANY));
        let left = target.end();
        assert_eq!((left.code, left.done("lost")), (Some(0), 0), "{kind} {}", left.errors);
    }
}

/// It died while it refused, and the window closed before anybody took its place.
#[test]
fn a_listener_whose_worker_is_gone_listens_again() {
    let target = with_a_number(MODES[2]);
    let stopped = target.worker(1).pid;
    assert_eq!(order_for(&target, "refuse", &json!({ "from": "0s", "to": "500ms" })).status, 200);
    send(stopped, Signal::KILL);
    target.shows(1, "live");
    let reached = || Client::connect(target.address()).is_ok();
    wait_for("every listener to listen", || (0..MANY).all(|_| reached()).then_some(()));
    answered(ask(&target, MANY));
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn windows_open_and_close_by_themselves() {
    let target = with_a_number(&["--mode", "single"]);
    assert_eq!(order_for(&target, "refuse", &json!({ "every": "300ms", "for": "150ms" })).status, 200);
    for _ in 0..3 {
        wait_for("a refusal", || Client::connect(target.address()).is_err().then_some(()));
        wait_for("an answer", || {
            // Who comes in the moment of closing is reset.
            Client::connect(target.address()).ok()?.get("/health").ok()
        });
    }
    let plan = target.admin_request("GET", "/faults", "").json()["faults"][0].clone();
    assert!(plan["executed"]["refuse"].as_u64().unwrap() >= 3, "a window each: {plan}");
    remove(&target);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_run_that_ends_meanwhile_ends_in_order() {
    for (kind, mode) in [("freeze", MODES[0]), ("freeze", MODES[2]), ("refuse", MODES[0]), ("refuse", MODES[2])] {
        let target = with_a_number(mode);
        assert_eq!(order(&target, kind).status, 200, "{kind}");
        let waiting = if kind == "freeze" { nobody_is_accepted(&target, MANY) } else { Vec::new() };
        let many = waiting.len() as u64;
        target.signal(Signal::TERM);
        // Nobody comes after them: a reset would be all that they'd ever get.
        answered(waiting);
        let left = target.wait();
        assert_eq!((left.code, left.done("requests"), left.done("lost")), (Some(0), many, 0), "{kind} {mode:?}");
    }
}

#[test]
fn a_port_that_could_be_lost_is_refused() {
    let directory = TempDir::new().unwrap();
    let socket = format!("unix:{}", directory.path().join("socket").display());
    for listen in ["127.0.0.1:0", &socket] {
        let target = Target::start(&["--mode", "single", "--listen", listen]);
        let answer = order(&target, "refuse");
        let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
        assert_eq!(answer.status, 400, "{listen} {}", answer.text());
        assert!(error.contains("refuse") && answer.text().contains("--listen"), "{}", answer.text());
        assert_eq!(order(&target, "freeze").status, 200, "{listen}");
        remove(&target);
        assert_eq!(target.end().code, Some(0), "{listen}");
    }
}
