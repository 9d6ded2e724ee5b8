//! A target serves on sockets that a service manager has opened and passes to it, as `sd_listen_fds(3)` has it, and leaves them
//! listening.

use std::fs::{self, File};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use quintain::sys::listener;
use rustix::process::Signal;
use serde_json::{Value, json};
use socket2::{Domain, Socket, Type};
use tempfile::TempDir;

use crate::support::client::Client;
use crate::support::target::{MODES, Target, at_rest, command, outcome};
use crate::support::wait_for;

/// The program, started by a shell that passes it these sockets, from descriptor 3 on.
fn activated(sockets: &[&dyn AsRawFd], names: Option<&str>, arguments: &[&str], directory: &Path) -> Command {
    let program = command(arguments, directory);
    let mut shell = Command::new("sh");
    shell.args(["-c", "LISTEN_PID=${LISTEN_PID-$$} exec \"$0\" \"$@\""]);
    shell.arg(program.get_program()).args(program.get_args());
    shell.current_dir(directory).stdin(Stdio::null());
    for (name, _) in program.get_envs() {
        shell.env_remove(name);
    }
    shell.env("LISTEN_FDS", sockets.len().to_string()).env_remove("LISTEN_PID");
    shell.envs(names.map(|names| ("LISTEN_FDNAMES", names)));
    let given: Vec<i32> = sockets.iter().map(|socket| socket.as_raw_fd()).collect();
    // Above all numbers that they get.
    let aside = 100;
    let pass = move || {
        let checked = |result: i32| if result < 0 { Err(std::io::Error::last_os_error()) } else { Ok(()) };
        for (number, descriptor) in (0..).zip(&given) {
            // SAFETY: it touches no memory.
            checked(unsafe { libc::dup3(*descriptor, aside + number, libc::O_CLOEXEC) })?;
        }
        for (number, _) in (0..).zip(&given) {
            // SAFETY: it touches no memory.
            checked(unsafe { libc::dup2(aside + number, 3 + number) })?;
        }
        Ok(())
    };
    // SAFETY: between fork and exec, `pass` makes system calls only.
    unsafe { shell.pre_exec(pass) };
    shell
}

fn start(sockets: &[&dyn AsRawFd], names: Option<&str>, arguments: &[&str]) -> Target {
    let own = TempDir::new().unwrap();
    let arguments = [arguments, &["--run-dir", "run", "--sample-interval", "100ms"]].concat();
    let command = activated(sockets, names, &arguments, own.path());
    Target::start_with(command, own)
}

fn refused(sockets: &[&dyn AsRawFd], names: Option<&str>, arguments: &[&str]) -> String {
    let own = TempDir::new().unwrap();
    let (code, output, errors) =
        outcome(&mut activated(sockets, names, &[arguments, &["--no-csv"]].concat(), own.path()));
    assert_eq!((code, &*output), (Some(2), ""), "{errors}");
    errors
}

fn tcp() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// A client that has sent a request, whether somebody accepts it or not.
fn asking(address: &str) -> Client {
    let mut client = Client::connect(address).unwrap();
    client.send("GET /health HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    client
}

fn record(target: &Target) -> Value {
    serde_json::from_slice(&fs::read(target.run_directory().join("run.json")).unwrap()).unwrap()
}

const ADMIN: [&str; 2] = ["--admin", "127.0.0.1:0"];

#[test]
fn passed_sockets_are_served_and_listen_on() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let path = directory.path().join("q");
        let (tcp, address) = tcp();
        let unix = UnixListener::bind(&path).unwrap();
        let addresses = [address, format!("unix:{}", path.display())];
        let mut early: Vec<Client> = addresses.iter().map(|address| asking(address)).collect();
        let target = start(&[&tcp, &unix], None, &[mode, &ADMIN].concat());
        for client in &mut early {
            assert_eq!(client.receive().unwrap().status, 200, "{mode:?}: it has waited for the start");
        }
        let told = record(&target);
        assert_eq!((&told["addrs"], &told["missing"]), (&json!(addresses), &json!([])), "{mode:?}");
        assert_eq!(told["limits"]["backlog"], Value::Null, "{mode:?}: the manager has chosen it");
        let all_answer = || {
            for address in addresses.iter().chain(&addresses) {
                assert_eq!(asking(address).receive().unwrap().status, 200, "{mode:?} {address}");
            }
        };
        all_answer();
        target.signal(Signal::HUP);
        target.reaches(2);
        all_answer();
        drop(early);
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), 10), "{mode:?}: {}", left.errors);
        assert!(path.exists(), "{mode:?}: the file is the manager's");
        let mut waiting: Vec<Client> = addresses.iter().map(|address| asking(address)).collect();
        let next = start(&[&tcp, &unix], None, &[mode, &ADMIN].concat());
        for client in &mut waiting {
            assert_eq!(
                client.receive().unwrap().status,
                200,
                "{mode:?}: the next one answers who came between them"
            );
        }
        drop(waiting);
        assert_eq!(next.end().code, Some(0), "{mode:?}");
        // The test's own descriptors are as good as ever.
        let client = std::thread::spawn({
            let addresses = addresses.clone();
            move || addresses.map(|address| Client::connect(&address).unwrap())
        });
        tcp.set_nonblocking(false).unwrap();
        unix.set_nonblocking(false).unwrap();
        tcp.accept().unwrap();
        unix.accept().unwrap();
        client.join().unwrap();
    }
}

/// What was dropped before the run is not the run's, and workers that come later share the socket.
#[test]
fn drops_of_one_socket_are_the_runs_and_counted_once() {
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    socket.bind(&"127.0.0.1:0".parse::<SocketAddr>().unwrap().into()).unwrap();
    socket.listen(1).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    let socket = OwnedFd::from(socket);
    overflow(&socket, address);
    let before = drops(&socket);
    let target = start(&[&socket], None, &[&["--mode", "cluster", "--workers", "2"][..], &ADMIN].concat());
    target.signal(Signal::TTIN);
    wait_for("a third worker", || (target.workers().len() == 3 && target.worker(2).state == "live").then_some(()));
    let told = wait_for("a first reading", || target.stats()["totals"]["listen_drops"].as_u64());
    assert_eq!((told, drops(&socket)), (0, before));
    target.order_faults(&json!([closed_by("freeze")]));
    overflow(&socket, address);
    target.order_faults(&json!([]));
    let dropped = drops(&socket) - before;
    wait_for("the drops of the run", || (target.total("listen_drops") >= dropped).then_some(()));
    assert_eq!(target.total("listen_drops"), drops(&socket) - before);
    target.signal(Signal::TTOU);
    target.shows(2, "retired");
    for _ in 0..12 {
        assert_eq!(asking(&address.to_string()).receive().unwrap().status, 200);
    }
    assert_eq!(target.end().code, Some(0));
}

fn drops(socket: &OwnedFd) -> u64 {
    listener::drops(socket.as_fd()).get().unwrap()
}

/// More clients than a queue that nobody empties has room for. They are gone in the end.
fn overflow(socket: &OwnedFd, address: SocketAddr) {
    let before = drops(socket);
    let clients: Vec<Socket> = (0..6)
        .map(|_| {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
            client.set_nonblocking(true).unwrap();
            // It is under way.
            let _ = client.connect(&address.into());
            client
        })
        .collect();
    wait_for("dropped clients", || (drops(socket) >= before + 4).then_some(()));
    drop(clients);
}

#[test]
fn one_named_admin_is_the_admin_listener() {
    let ((web, address), (admin, admin_address)) = (tcp(), tcp());
    let target = start(&[&admin, &web], Some("admin:web"), &["--mode", "single"]);
    assert_eq!((target.address(), &target.ready["admin"]), (&*address, &admin_address));
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(record(&target)["admin_addrs"], json!([admin_address]));
    assert_eq!(at_rest(&target)["totals"]["finished"], 1);
    assert_eq!(target.end().code, Some(0));
    let target = start(&[&admin], Some("admin"), &["--mode", "single", "--listen", "127.0.0.1:0"]);
    assert_ne!(target.address(), admin_address);
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(at_rest(&target)["totals"]["finished"], 1);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn sockets_for_another_process_are_left_alone() {
    let (tcp, address) = tcp();
    let own = TempDir::new().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "off", "--run-dir", "run"];
    let mut command = activated(&[&tcp], None, &arguments, own.path());
    command.env("LISTEN_PID", "1");
    let target = Target::start_with(command, own);
    assert_ne!(target.address(), address);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_command_of_while_gets_neither_variables_nor_descriptors() {
    let (tcp, address) = tcp();
    let line = "test -z \"$LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES\" && ! ls -l /proc/self/fd | grep socket:";
    let target = start(&[&tcp], Some("web"), &["--mode", "cluster", "--while", line, "--admin", "off"]);
    assert_eq!(target.address(), address);
    assert_eq!(target.wait().code, Some(0));
}

/// A plan whose window is open until it is removed.
fn closed_by(kind: &str) -> Value {
    json!({ "name": kind, "route": "*", "kinds": [{ "kind": kind }], "window": { "from": "0s", "to": "1h" } })
}

#[test]
fn a_passed_socket_is_not_made_to_refuse() {
    let (tcp, address) = tcp();
    let target = start(&[&tcp], None, &[&["--mode", "single"][..], &ADMIN].concat());
    let answer = target.faults("PUT", &json!({ "faults": [closed_by("refuse")] }).to_string());
    assert_eq!(answer.status, 400);
    assert!(answer.text().contains("a service manager has passed"), "{}", answer.text());
    assert_eq!(asking(&address).receive().unwrap().status, 200);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn what_is_wrong_with_passed_sockets_is_said() {
    let (tcp, _) = tcp();
    let datagrams = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mute: OwnedFd = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap().into();
    let file = File::open("/dev/null").unwrap();
    let off = ["--admin", "off"];
    for (sockets, names, arguments, sentences) in [
        (
            vec![&tcp as &dyn AsRawFd, &file, &datagrams, &mute],
            None,
            &off[..],
            vec![
                "LISTEN_FDS, descriptor 4: must be a TCP or unix stream socket that listens, and it is no socket",
                "LISTEN_FDS, descriptor 5: must be a TCP or unix stream socket that listens, and it is one for datagrams",
                "LISTEN_FDS, descriptor 6: must be a TCP or unix stream socket that listens, and it does not listen",
            ],
        ),
        (
            vec![&tcp],
            None,
            &["--admin", "off", "--listen", "127.0.0.1:0", "--backlog", "7"],
            vec!["--listen: can't be given with sockets that", "--backlog: can't be given with sockets that"],
        ),
        (vec![&tcp], Some("admin"), &off, vec!["--admin: can't be given with sockets that"]),
        (vec![&tcp, &tcp], Some("admin:admin"), &[], vec!["LISTEN_FDNAMES: must name one socket admin at most"]),
        (vec![&tcp], Some("a:b"), &off, vec!["LISTEN_FDS=1: must count open sockets", "invalid LISTEN_FDNAMES"]),
    ] {
        let errors = refused(&sockets, names, arguments);
        for sentence in sentences {
            assert!(errors.contains(sentence), "{arguments:?}: {errors}");
        }
    }
    let own = TempDir::new().unwrap();
    for (count, says) in [("2", "descriptor 4 is not open"), ("two", "invalid LISTEN_FDS")] {
        let mut command = activated(&[&tcp], None, &["--no-csv"], own.path());
        let (code, _, errors) = outcome(command.env("LISTEN_FDS", count));
        assert_eq!(code, Some(2), "{errors}");
        assert!(errors.contains(&format!("LISTEN_FDS={count}: ")) && errors.contains(says), "{errors}");
    }
}
