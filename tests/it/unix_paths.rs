//! A target removes the socket files that it has made, whichever way it ends, and nothing else. The next one on the same
//! path starts without waiting, also while the one before it drains.

use std::fs;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::Signal;
use serde_json::Value;
use socket2::{Domain, SockAddr, Socket, Type};
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, is_stopped, outcome, run, send};
use crate::support::wait_for;

/// A socket's path and the address that names it.
struct Place {
    path: PathBuf,
    address: String,
}

impl Place {
    fn new(directory: &TempDir, name: &str) -> Self {
        let path = directory.path().join(name);
        Self { address: format!("unix:{}", path.display()), path }
    }

    fn is_refused(&self) -> bool {
        UnixStream::connect(&self.path).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    }
}

#[test]
fn a_successor_that_starts_during_a_drain_stays_reachable() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let place = Place::new(&directory, "q");
        let first = Target::start(&[mode, &["--listen", &place.address]].concat());
        let mut client = first.begin_upload();
        first.signal(Signal::TERM);
        wait_for("the first one to listen no more", || place.is_refused().then_some(()));
        let second = Target::start(&[mode, &["--listen", &place.address]].concat());
        assert_eq!(second.get("/health").status, 200, "{mode:?}");
        assert_eq!(client.end_upload().unwrap().status, 200, "{mode:?}: the first one finishes what it has");
        drop(client);
        assert_eq!(first.wait().code, Some(0), "{mode:?}");
        assert_eq!(second.get("/health").status, 200, "{mode:?}: the first one has left the second one's file");
        assert_eq!(second.end().code, Some(0), "{mode:?}");
        assert!(!place.path.exists(), "{mode:?}: the second one has removed its own");
    }
}

#[test]
fn what_others_have_put_at_the_paths_stays() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let (listen, admin) = (Place::new(&directory, "q"), Place::new(&directory, "a"));
        let target = Target::start(&[mode, &["--listen", &listen.address, "--admin", &admin.address]].concat());
        fs::remove_file(&listen.path).unwrap();
        fs::remove_file(&admin.path).unwrap();
        fs::write(&listen.path, "data").unwrap();
        let _foreign = UnixListener::bind(&admin.path).unwrap();
        assert_eq!(target.end().code, Some(0), "{mode:?}");
        assert_eq!(fs::read_to_string(&listen.path).unwrap(), "data", "{mode:?}");
        UnixStream::connect(&admin.path).unwrap_or_else(|error| panic!("{mode:?}: {error}"));
    }
}

/// Ends a target whose run has begun.
type End = fn(&Target);

/// Ways to end, and the exit code of each.
const ENDS: [(&str, End, Option<i32>); 4] = [
    ("TERM", |target| target.signal(Signal::TERM), Some(0)),
    ("a second TERM", end_twice, Some(1)),
    ("--duration", |_| {}, Some(0)),
    ("a killed worker, and TERM", kill_a_worker, Some(0)),
];

/// A request is in flight until the end, so that the second signal finds a target that drains.
fn end_twice(target: &Target) {
    let _client = target.begin_upload();
    target.terminate_twice();
}

/// Forked workers hold what the supervisor holds; their deaths must not remove its files.
fn kill_a_worker(target: &Target) {
    if target.worker(0).pid != target.pid() {
        send(target.worker(0).pid, Signal::KILL);
        wait_for("a successor", || {
            let worker = target.worker(0);
            (worker.generation == 2 && worker.state == "live").then_some(())
        });
        assert_eq!(target.get("/health").status, 200);
    }
    target.signal(Signal::TERM);
}

#[test]
fn no_end_leaves_a_socket_file() {
    for mode in MODES {
        for (what, end, code) in ENDS {
            let directory = TempDir::new().unwrap();
            let (listen, admin) = (Place::new(&directory, "q"), Place::new(&directory, "a"));
            let addresses = ["--listen", &*listen.address, "--admin", &*admin.address];
            let duration: &[&str] = if what == "--duration" { &["--duration", "1s"] } else { &[] };
            let target = Target::start(&[mode, &addresses, duration].concat());
            assert!(listen.path.exists() && admin.path.exists(), "{mode:?} {what}");
            end(&target);
            assert_eq!(target.wait().code, code, "{mode:?} {what}");
            assert!(!listen.path.exists() && !admin.path.exists(), "{mode:?} {what}");
        }
    }
}

#[test]
fn what_fails_after_the_sockets_are_open_leaves_no_socket_file() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let (listen, admin) = (Place::new(&directory, "q"), Place::new(&directory, "a"));
        let addresses = ["--no-csv", "--listen", &*listen.address, "--admin", &*admin.address];
        // There is no `sh` that could run a command.
        let without_shell = [mode, &addresses, &["--while", "true"]].concat();
        let (code, _, errors) = outcome(command(&without_shell, directory.path()).env("PATH", "/nonexistent"));
        assert!(code.is_some_and(|code| code != 0), "{mode:?}: {code:?} {errors}");
        assert!(!listen.path.exists() && !admin.path.exists(), "{mode:?}: {errors}");
    }
    let directory = TempDir::new().unwrap();
    let (listen, admin) = (Place::new(&directory, "q"), Place::new(&directory, "a"));
    let arguments = ["--no-csv", "--listen", &*listen.address, "--admin", &*admin.address, "--max-workers", "256"];
    let (code, errors) = with_little_memory(&[MODES[2], &arguments].concat(), directory.path());
    assert_eq!(code, Some(2), "{errors}");
    assert!(errors.contains("no memory for --max-workers 256"), "{errors}");
    assert!(!listen.path.exists() && !admin.path.exists(), "{errors}");
}

/// Too little to map a large scoreboard.
fn with_little_memory(arguments: &[&str], directory: &Path) -> (Option<i32>, String) {
    let program = command(arguments, directory);
    let mut limited = Command::new("sh");
    limited
        .args(["-c", "ulimit -v 200000; exec \"$0\" \"$@\""])
        .arg(program.get_program())
        .args(program.get_args());
    let (code, _, errors) = outcome(limited.current_dir(directory));
    (code, errors)
}

#[test]
fn a_path_whose_owner_has_a_full_queue_is_refused_at_once() {
    let directory = TempDir::new().unwrap();
    let place = Place::new(&directory, "q");
    let address = SockAddr::unix(&place.path).unwrap();
    let owner = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
    owner.bind(&address).unwrap();
    owner.listen(0).unwrap();
    let waiting = fill(&place.path);
    assert!(!waiting.is_empty());
    for arguments in
        [["--listen", &*place.address, "--admin", "off"], ["--listen", "127.0.0.1:0", "--admin", &place.address]]
    {
        let (code, output, errors) = run(&[&arguments[..], &["--no-csv"]].concat());
        assert_eq!((code, &*output), (Some(2), ""), "{errors}");
        assert!(errors.contains(&place.address) && errors.contains("another program has it"), "{errors}");
    }
    assert!(place.path.exists());
}

/// Connects until the queue takes no more.
fn fill(path: &Path) -> Vec<Socket> {
    let address = SockAddr::unix(path).unwrap();
    let mut waiting = Vec::new();
    loop {
        let client = Socket::new(Domain::UNIX, Type::STREAM, None).unwrap();
        client.set_nonblocking(true).unwrap();
        match client.connect(&address) {
            Ok(()) => waiting.push(client),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return waiting,
            Err(error) => panic!("{error}"),
        }
    }
}

#[test]
fn the_backlog_holds_for_a_unix_socket() {
    let directory = TempDir::new().unwrap();
    let place = Place::new(&directory, "q");
    let target = Target::start(&["--mode", "single", "--listen", &place.address, "--backlog", "5"]);
    let record: Value =
        serde_json::from_slice(&fs::read(target.run_directory().join("run.json")).unwrap()).unwrap();
    assert_eq!(record["limits"]["backlog"], 5);
    target.signal(Signal::STOP);
    wait_for("a target that stands still", || is_stopped(target.pid()).then_some(()));
    // The kernel takes one more than it was told, on every listening socket.
    assert_eq!(fill(&place.path).len(), 6);
    target.signal(Signal::CONT);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn of_many_that_start_at_once_on_one_path_one_serves() {
    let directory = TempDir::new().unwrap();
    let place = Place::new(&directory, "q");
    for round in 0..4 {
        // What a killed target leaves, which each of them would replace.
        drop(UnixListener::bind(&place.path).unwrap());
        wait_for("nobody to listen", || place.is_refused().then_some(()));
        let started: Vec<_> = std::thread::scope(|scope| {
            let start = || {
                let own = TempDir::new().unwrap();
                let arguments = ["--no-csv", "--listen", &place.address, "--admin", "off"];
                Target::begin(command(&arguments, own.path()), own)
            };
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(start)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        let (mut serving, mut refused) = (Vec::new(), Vec::new());
        for result in started {
            match result {
                Ok(target) => serving.push(target),
                Err(errors) => refused.push(errors),
            }
        }
        assert_eq!((serving.len(), refused.len()), (1, 5), "round {round}: {refused:?}");
        assert!(refused.iter().all(|errors| errors.contains("another program has it")), "{refused:?}");
        let target = serving.remove(0);
        assert_eq!(target.get("/health").status, 200);
        assert_eq!(target.end().code, Some(0));
        assert!(!place.path.exists(), "round {round}");
    }
}
