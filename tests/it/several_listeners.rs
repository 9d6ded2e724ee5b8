//! A target listens on several addresses at once, TCP and unix sockets, in every mode: workers that come and go serve all
//! of them, faults close all of them, and the figures are of all of them together.

use std::fs;
use std::net::{SocketAddr, TcpListener};

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest, command, is_stopped, outcome, run, send};
use crate::support::wait_for;

/// A TCP address, another one and a unix socket.
struct Places {
    _directory: TempDir,
    unix: String,
}

impl Places {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let unix = format!("unix:{}", directory.path().join("q").display());
        Self { _directory: directory, unix }
    }

    fn start(&self, arguments: &[&str]) -> (Target, Vec<String>) {
        let listen = ["--listen", "127.0.0.1:0", "--listen", &*self.unix, "--listen", "127.0.0.2:0"];
        let target = Target::start(&[arguments, &listen].concat());
        let addresses = listed(&target, "addrs");
        assert_eq!(addresses.len(), 3, "{addresses:?}");
        (target, addresses)
    }
}

fn record(target: &Target) -> Value {
    serde_json::from_slice(&fs::read(target.run_directory().join("run.json")).unwrap()).unwrap()
}

/// What `run.json` lists under a name.
fn listed(target: &Target, name: &str) -> Vec<String> {
    record(target)[name].as_array().unwrap().iter().map(|one| one.as_str().unwrap().to_owned()).collect()
}

fn status(address: &str, path: &str) -> u16 {
    Client::connect(address).unwrap().get(path).unwrap().status
}

#[test]
fn every_address_is_served_and_counted() {
    for mode in MODES {
        let places = Places::new();
        let (target, addresses) = places.start(mode);
        let record = record(&target);
        assert_eq!(record["addr"], addresses[0].as_str(), "{mode:?}");
        assert_eq!(record["config"]["listen"], json!(["127.0.0.1:0", places.unix, "127.0.0.2:0"]), "{mode:?}");
        for (number, address) in addresses.iter().enumerate() {
            for _ in 0..=number {
                assert_eq!(status(address, "/io?ms=0"), 200, "{mode:?} {address}");
            }
        }
        let totals = at_rest(&target)["totals"].clone();
        assert_eq!((&totals["finished"], &totals["accepts"]), (&json!(6), &json!(6)), "{mode:?}: {totals}");
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), 6), "{mode:?}");
        // A unix socket's drops are unknown, and a sum is known when all its parts are.
        assert!(left.csv("resources.csv").iter().all(|row| row["listen_drops_total"].is_empty()), "{mode:?}");
    }
}

#[test]
fn the_ready_line_has_a_pair_for_each() {
    let directory = TempDir::new().unwrap();
    let arguments =
        ["--no-csv", "--duration", "50ms", "--listen", "127.0.0.1:0", "--listen", "127.0.0.2:0", "--admin", "off"];
    let (code, output, errors) = outcome(&mut command(&arguments, directory.path()));
    assert_eq!(code, Some(0), "{errors}");
    let ready = output.lines().next().unwrap();
    let pairs: Vec<&str> = ready.split(' ').map(|pair| pair.split(':').next().unwrap()).collect();
    assert_eq!(
        pairs,
        ["ready", "addr=127.0.0.1", "addr=127.0.0.2", "admin=off", "mode=single", "workers=1", "run=off"]
    );
}

/// What the accept queues of all TCP listeners have dropped is summed.
#[test]
fn drops_are_summed_over_all_addresses() {
    let target = Target::start(&[
        "--mode",
        "single",
        "--listen",
        "127.0.0.1:0",
        "--listen",
        "127.0.0.2:0",
        "--backlog",
        "1",
        "--sample-interval",
        "50ms",
    ]);
    let addresses: Vec<SocketAddr> =
        listed(&target, "addrs").iter().map(|address| address.parse().unwrap()).collect();
    target.signal(Signal::STOP);
    wait_for("a target that stands still", || is_stopped(target.pid()).then_some(()));
    // The queue of each takes two connections; the kernel drops whoever comes then.
    let clients: Vec<Vec<_>> =
        addresses.iter().map(|address| (0..6).map(|_| begin_to_connect(*address)).collect()).collect();
    let is_connected = |client: &socket2::Socket| client.peer_addr().is_ok();
    wait_for("two connections to each", || {
        clients
            .iter()
            .all(|clients| clients.iter().filter(|client| is_connected(client)).count() == 2)
            .then_some(())
    });
    target.signal(Signal::CONT);
    // Four on each were dropped at least once.
    wait_for("the drops of both", || (target.total("listen_drops") >= 8).then_some(()));
    drop(clients);
    assert_eq!(target.end().code, Some(0));
}

fn begin_to_connect(address: SocketAddr) -> socket2::Socket {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.set_nonblocking(true).unwrap();
    // It is under way.
    let _ = socket.connect(&address.into());
    socket
}

#[test]
fn replaced_killed_and_retired_workers_leave_no_address_unserved() {
    let places = Places::new();
    let (target, addresses) = places.start(&["--mode", "cluster", "--workers", "2"]);
    let all_answer = |when: &str| {
        // Often enough that each of the slots' sockets is met.
        for address in &addresses {
            for _ in 0..12 {
                assert_eq!(status(address, "/health"), 200, "{when}: {address}");
            }
        }
    };
    target.signal(Signal::HUP);
    target.reaches(2);
    all_answer("after HUP");
    let killed = target.worker(1).pid;
    send(killed, Signal::KILL);
    wait_for("a successor", || {
        (target.worker(1).generation == 3 && target.worker(1).state == "live").then_some(())
    });
    all_answer("after a kill");
    target.signal(Signal::TTIN);
    wait_for("a third worker", || (target.workers().len() == 3 && target.worker(2).state == "live").then_some(()));
    all_answer("after TTIN");
    target.signal(Signal::TTOU);
    target.shows(2, "retired");
    target.signal(Signal::TTOU);
    target.shows(1, "retired");
    all_answer("after two TTOU");
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_freeze_holds_every_address_and_lets_all_of_them_go() {
    for mode in MODES {
        let places = Places::new();
        let (target, addresses) = places.start(mode);
        target.order_faults(&json!([closed_by("freeze")]));
        let mut clients: Vec<Client> = addresses
            .iter()
            .map(|address| {
                let mut client = Client::connect(address).unwrap();
                client.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
                client
            })
            .collect();
        assert_eq!(target.total("accepts"), 0, "{mode:?}");
        target.order_faults(&json!([]));
        for client in &mut clients {
            assert_eq!(client.receive().unwrap().status, 200, "{mode:?}");
        }
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn refuse_needs_a_numbered_port_everywhere_and_closes_all() {
    let directory = TempDir::new().unwrap();
    let unix = format!("unix:{}", directory.path().join("q").display());
    let (with_unix, _) = on_numbered_ports(&["--mode", "single", "--listen", &unix]);
    let plans = json!({ "faults": [closed_by("refuse")] }).to_string();
    assert_eq!(with_unix.faults("PUT", &plans).status, 400);
    assert_eq!(with_unix.end().code, Some(0));
    let (target, ports) = on_numbered_ports(&["--mode", "cluster", "--workers", "2"]);
    target.order_faults(&json!([closed_by("refuse")]));
    for port in &ports {
        assert!(Client::connect(port).is_err(), "{port}");
    }
    target.order_faults(&json!([]));
    for port in &ports {
        assert_eq!(status(port, "/health"), 200, "{port}");
    }
    assert_eq!(target.end().code, Some(0));
}

/// A plan whose window is open until it is removed.
fn closed_by(kind: &str) -> Value {
    json!({ "name": kind, "route": "*", "kinds": [{ "kind": kind }], "window": { "from": "0s", "to": "1h" } })
}

/// A target on two ports that were told to it by number.
fn on_numbered_ports(arguments: &[&str]) -> (Target, [String; 2]) {
    for _ in 0..20 {
        let free = |ip: &str| TcpListener::bind((ip, 0)).unwrap().local_addr().unwrap().to_string();
        let ports = [free("127.0.0.1"), free("127.0.0.2")];
        let listen = ["--listen", &ports[0], "--listen", &ports[1], "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let directory = TempDir::new().unwrap();
        let command = command(&[arguments, &listen].concat(), directory.path());
        // Somebody else may have been faster.
        if let Ok(target) = Target::begin(command, directory) {
            return (target, ports);
        }
    }
    panic!("no ports stay free");
}

#[test]
fn a_drain_ends_all_of_them() {
    for mode in MODES {
        let places = Places::new();
        let (target, addresses) = places.start(mode);
        let mut waiting = Client::connect(&addresses[2]).unwrap();
        waiting.send("POST /upload HTTP/1.1\r\nHost: target\r\nContent-Length: 2\r\n\r\n1").unwrap();
        wait_for("a request in flight", || (target.total("in_flight") == 1).then_some(()));
        target.signal(Signal::TERM);
        for address in &addresses {
            wait_for("nobody to listen", || Client::connect(address).is_err().then_some(()));
        }
        waiting.send("2").unwrap();
        assert_eq!(waiting.receive().unwrap().status, 200, "{mode:?}");
        drop(waiting);
        assert_eq!(target.wait().code, Some(0), "{mode:?}");
    }
}

#[test]
fn localhost_is_both_loopbacks_on_one_port() {
    let has_ipv6 = TcpListener::bind("[::1]:0").is_ok();
    for mode in MODES {
        let target = Target::start(&[mode, &["--listen", "localhost:0", "--admin", "localhost:0"]].concat());
        for name in ["addrs", "admin_addrs"] {
            let addresses: Vec<SocketAddr> =
                listed(&target, name).iter().map(|address| address.parse().unwrap()).collect();
            assert_eq!(addresses.len(), if has_ipv6 { 2 } else { 1 }, "{mode:?} {name}: {addresses:?}");
            assert!(addresses.iter().all(|address| address.ip().is_loopback()), "{addresses:?}");
            assert!(addresses.iter().all(|address| address.port() == addresses[0].port()), "{addresses:?}");
            for address in addresses {
                let mut client = Client::connect(&address.to_string()).unwrap();
                client.send(format!("GET /health HTTP/1.1\r\nHost: localhost:{}\r\n\r\n", address.port())).unwrap();
                assert_eq!(client.receive().unwrap().status, 200, "{mode:?} {address}");
            }
        }
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn the_environment_and_a_file_take_several_too() {
    let directory = TempDir::new().unwrap();
    let start = |in_file: &str, in_environment: Option<&str>| {
        let own = TempDir::new().unwrap();
        let file = directory.path().join("q.toml");
        fs::write(&file, in_file).unwrap();
        let config = file.display().to_string();
        let mut command = command(&["--config", &config, "--admin", "off", "--run-dir", "run"], own.path());
        command.envs(in_environment.map(|value| ("QUINTAIN_LISTEN", value)));
        let target = Target::start_with(command, own);
        let addresses = listed(&target, "addrs");
        assert!(addresses.iter().all(|address| status(address, "/health") == 200), "{addresses:?}");
        addresses.iter().map(|address| address.split(':').next().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(start("listen = ['127.0.0.3:0', '127.0.0.4:0']", None), ["127.0.0.3", "127.0.0.4"]);
    let stronger = start("listen = ['127.0.0.3:0', '127.0.0.4:0']", Some("127.0.0.5:0, 127.0.0.6:0"));
    assert_eq!(stronger, ["127.0.0.5", "127.0.0.6"], "a stronger layer takes the place of the whole list");
}

#[test]
fn what_is_wrong_with_one_of_several_is_said_with_it() {
    let holder = TcpListener::bind("127.0.0.2:0").unwrap();
    let taken = holder.local_addr().unwrap().to_string();
    let places = Places::new();
    for (arguments, sentences) in [
        (vec!["--listen", "127.0.0.1:0", "--listen", "127.0.0.1"], vec!["--listen 127.0.0.1: must be IP:PORT"]),
        (
            vec!["--listen", "127.0.0.1:9999", "--listen", "localhost:9999"],
            vec!["--listen localhost:9999: must not be where the target listens already, 127.0.0.1:9999"],
        ),
        (
            vec!["--listen", &places.unix, "--listen", &taken, "--listen", "192.0.2.1:0"],
            vec!["another program has it", "--listen 192.0.2.1:0: no interface"],
        ),
        (vec!["--listen", "127.0.0.1:0", "--listen", "'127.0.0.2:0'"], vec!["quotes"]),
        (
            vec!["--listen", "no-such-name.invalid:8080"],
            vec!["no-such-name.invalid:8080: the name can't be looked up"],
        ),
    ] {
        let (code, output, errors) = run(&[&arguments[..], &["--admin", "off", "--no-csv"]].concat());
        assert_eq!((code, &*output), (Some(2), ""), "{arguments:?}: {errors}");
        for sentence in sentences {
            assert!(errors.contains(sentence), "{arguments:?}: {errors}");
        }
    }
    assert!(!std::path::Path::new(places.unix.strip_prefix("unix:").unwrap()).exists());
    drop(holder);
}
