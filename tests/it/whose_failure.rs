//! Whose fault a failure is, with real processes: a client that has no port left is to blame itself, a target whose accept
//! queue overflows is to blame, and a mixture is split.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Barrier;
use std::thread;
use std::time::Duration;

use quintain::findings::Certainty;
use quintain::generator::{Account, Failure, Statuses, Unit};
use quintain::recording;
use quintain::verification::{Check, Part, Target as TargetAccount, Topic, Verdict, verify};
use serde_json::json;

use crate::support::target::{Left, Target};
use crate::support::wait_for;

/// Set in the network namespace of a test.
const INSIDE: &str = "QUINTAIN_TEST_NAMESPACE";

/// Ports that a client has there, of which the target's two listeners take as many.
const PORTS: &str = "30000 30063";

/// So long a client waits for a connection or an answer.
const PATIENCE: Duration = Duration::from_secs(4);

/// Whether this is a namespace with few ports. Outside, runs the test of this name in one.
fn in_a_namespace(test: &str) -> bool {
    if std::env::var_os(INSIDE).is_some() {
        return true;
    }
    let unshare = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["--map-root-user", "--net", "sh", "-c", script]);
        command
    };
    let prepare = format!(
        "{{ ip link set lo up || ifconfig lo up; }} 2>/dev/null && echo '{PORTS}' > /proc/sys/net/ipv4/ip_local_port_range"
    );
    if !unshare(&prepare).output().is_ok_and(|output| output.status.success()) {
        eprintln!("skipped: no network namespace can be made here, or nothing that brings its loopback up");
        return false;
    }
    let again = unshare(&format!("{prepare} && exec \"$0\" --exact {test} --nocapture"))
        .arg(std::env::current_exe().unwrap())
        .env(INSIDE, "1")
        .output()
        .unwrap();
    let said = [again.stdout, again.stderr].map(|text| String::from_utf8_lossy(&text).into_owned()).concat();
    assert!(again.status.success() && said.contains("1 passed"), "{said}");
    false
}

/// One request on a connection of its own, which stays open.
fn ask(address: &str) -> io::Result<(u16, TcpStream)> {
    let mut socket = TcpStream::connect_timeout(&address.parse().unwrap(), PATIENCE)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.write_all(b"GET /health HTTP/1.1\r\nHost: target\r\n\r\n")?;
    let mut head = [0; 12];
    socket.read_exact(&mut head).map_err(|error| match error.kind() {
        // What the kernel calls a resource that is temporarily unavailable.
        io::ErrorKind::WouldBlock => io::Error::new(io::ErrorKind::TimedOut, "operation timed out"),
        _ => error,
    })?;
    let status = String::from_utf8_lossy(&head[9..]).parse().map_err(io::Error::other)?;
    Ok((status, socket))
}

/// So many clients at once, none of which lets go of its connection before all have had their answer or given up; in the
/// words of the account that a generator would give.
fn load(address: &str, clients: usize) -> Account {
    let all_begin = Barrier::new(clients);
    let outcomes: Vec<io::Result<(u16, TcpStream)>> = thread::scope(|scope| {
        let begin = || {
            all_begin.wait();
            ask(address)
        };
        let threads: Vec<_> = (0..clients).map(|_| scope.spawn(begin)).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    let (mut statuses, mut messages): (BTreeMap<u16, u64>, BTreeMap<String, u64>) = Default::default();
    for outcome in &outcomes {
        match outcome {
            Ok((status, _)) => *statuses.entry(*status).or_default() += 1,
            Err(error) => *messages.entry(error.to_string()).or_default() += 1,
        }
    }
    Account {
        ended: Some(clients as u64),
        answered: Some(statuses.values().sum()),
        statuses: Statuses::Each(statuses),
        failures: Some(messages.iter().map(|(message, count)| Failure::told(message, *count)).collect()),
        connections: Some(clients as u64),
        ..Account::of("a test", Unit::Seconds)
    }
}

/// The checks of what a target left.
fn checks(account: &Account, left: &Left) -> Vec<Check> {
    let run = recording::read(&left.directory.path().join("run"), &|_| ()).unwrap();
    verify(account, &TargetAccount::of(&run, &Part::Whole).unwrap(), None)
}

/// Whose failures there are, with their verdicts.
fn whose(checks: &[Check]) -> Vec<(&str, Verdict, Certainty)> {
    let failures = checks.iter().filter(|check| check.topic == Topic::Failures);
    failures.map(|check| (check.which.as_str(), check.verdict, check.certainty)).collect()
}

const OF_THE_CLIENT: (&str, Verdict, Certainty) = ("of the client", Verdict::Differs, Certainty::Certain);
const OF_THE_TARGET: (&str, Verdict, Certainty) = ("of the target", Verdict::Agrees, Certainty::Likely);

/// Nobody is taken out of the accept queue from here on.
fn freeze(target: &Target) {
    let plan = json!({ "route": "*", "kinds": [{ "kind": "freeze" }], "window": { "from": "0s", "to": "100s" } });
    assert_eq!(target.faults("PUT", &json!({ "faults": [plan] }).to_string()).status, 200);
}

/// Ends a target once it has counted at least one dropped connection, which it looks for once a tick.
fn end_with_drops(target: Target) -> Left {
    wait_for("dropped connections", || {
        target.stats()["totals"]["listen_drops"].as_u64().filter(|drops| *drops > 0)
    });
    assert_eq!(target.faults("DELETE", "").status, 200);
    target.end()
}

#[test]
fn a_client_without_ports_is_to_blame_itself() {
    if !in_a_namespace("whose_failure::a_client_without_ports_is_to_blame_itself") {
        return;
    }
    let target = Target::start(&["--mode", "single"]);
    let account = load(target.address(), 120);
    let answered = account.answered.unwrap();
    assert!((1..=64).contains(&answered), "{account:?}");
    let checks = checks(&account, &target.end());
    assert_eq!(whose(&checks), [OF_THE_CLIENT], "{checks:#?}");
    let failures = checks.iter().find(|check| check.topic == Topic::Failures).unwrap();
    assert!(failures.cause.contains("no port left to connect from"), "{failures:?}");
    let requests = checks.iter().find(|check| check.topic == Topic::Requests).unwrap();
    assert_eq!((requests.verdict, requests.cause.as_str()), (Verdict::Agrees, "to the request"));
}

#[test]
fn a_target_whose_accept_queue_overflows_is_to_blame() {
    let target = Target::start(&["--mode", "single", "--backlog", "8"]);
    freeze(&target);
    let account = load(target.address(), 40);
    assert_eq!(account.failed(), Some(40), "{account:?}");
    let checks = checks(&account, &end_with_drops(target));
    assert_eq!(whose(&checks), [OF_THE_TARGET], "{checks:#?}");
    let failures = checks.iter().find(|check| check.topic == Topic::Failures).unwrap();
    assert!(failures.cause.contains("its accept queue overflowed"), "{failures:?}");
}

#[test]
fn a_mixture_is_split() {
    if !in_a_namespace("whose_failure::a_mixture_is_split") {
        return;
    }
    let target = Target::start(&["--mode", "single", "--backlog", "8"]);
    freeze(&target);
    let account = load(target.address(), 100);
    assert_eq!(account.failed(), Some(100), "{account:?}");
    let checks = checks(&account, &end_with_drops(target));
    assert_eq!(whose(&checks), [OF_THE_CLIENT, OF_THE_TARGET], "{checks:#?}");
}
