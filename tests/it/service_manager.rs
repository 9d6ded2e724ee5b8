//! A service manager is told when a target is ready, reloads and ends, and that it is alive, as `sd_notify(3)` has it.

use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use rustix::process::Signal;
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command};
use crate::support::wait_for;

/// The manager's end.
struct Manager {
    socket: UnixDatagram,
    directory: TempDir,
}

impl Manager {
    fn new() -> Self {
        let directory = TempDir::new().unwrap();
        let socket = UnixDatagram::bind(directory.path().join("notify")).unwrap();
        socket.set_read_timeout(Some(Duration::from_secs(40))).unwrap();
        Self { socket, directory }
    }

    fn start(&self, arguments: &[&str], watchdog_us: Option<u64>) -> Target {
        let own = TempDir::new().unwrap();
        let fixed = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--run-dir", "run"];
        let mut command = command(&[arguments, &fixed].concat(), own.path());
        command.env("NOTIFY_SOCKET", self.directory.path().join("notify"));
        command.envs(watchdog_us.map(|time| ("WATCHDOG_USEC", time.to_string())));
        Target::start_with(command, own)
    }

    fn next(&self) -> String {
        let mut bytes = [0; 4096];
        let length = self.socket.recv(&mut bytes).unwrap();
        String::from_utf8_lossy(&bytes[..length]).into_owned()
    }
}

#[test]
fn ready_reloading_and_stopping_are_told_in_order() {
    for mode in MODES {
        let manager = Manager::new();
        let target = manager.start(mode, None);
        assert_eq!(manager.next(), "READY=1\n", "{mode:?}");
        target.signal(Signal::HUP);
        let reloading = manager.next();
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").and_then(|rest| rest.strip_suffix('\n'));
        assert!(time.is_some_and(|time| time.parse::<u64>().is_ok_and(|time| time > 0)), "{mode:?}: {reloading}");
        assert_eq!(manager.next(), "READY=1\n", "{mode:?}");
        assert!(target.workers().iter().all(|worker| worker.generation == 2), "{mode:?}: the reload is over");
        target.signal(Signal::TERM);
        assert_eq!(manager.next(), "STOPPING=1\n", "{mode:?}");
        assert_eq!(target.wait().code, Some(0), "{mode:?}");
    }
}

#[test]
fn a_reload_that_is_refused_is_over_too() {
    let manager = Manager::new();
    let profile = manager.directory.path().join("p.toml");
    std::fs::write(&profile, "[[route]]\npath = '/a'\n").unwrap();
    let target = manager.start(&["--mode", "single", "--profile", profile.to_str().unwrap()], None);
    assert_eq!(manager.next(), "READY=1\n");
    std::fs::write(&profile, "nonsense").unwrap();
    target.signal(Signal::HUP);
    assert!(manager.next().starts_with("RELOADING=1\n"));
    assert_eq!(manager.next(), "READY=1\n");
    assert_eq!(target.worker(0).generation, 1);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn signs_of_life_come_while_a_worker_is_busy() {
    let manager = Manager::new();
    let target = manager.start(&["--mode", "single"], Some(200_000));
    let mut client = target.connect();
    client.send("GET /cpu?ms=1500 HTTP/1.1\r\nHost: target\r\n\r\n").unwrap();
    let mut beats = 0;
    while beats < 5 {
        let message = manager.next();
        assert!(["READY=1\n", "WATCHDOG=1\n"].contains(&&*message), "{message}");
        beats += u32::from(message == "WATCHDOG=1\n");
    }
    assert_eq!(client.receive().unwrap().status, 200);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_manager_that_does_not_read_or_is_not_there_holds_nothing_up() {
    let manager = Manager::new();
    // So many that its queue is full.
    let target = manager.start(&["--mode", "single"], Some(2_000));
    wait_for("a full queue", || target.errors().contains("was not told").then_some(()));
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(target.end().code, Some(0));
    let absent = Manager::new();
    std::fs::remove_file(absent.directory.path().join("notify")).unwrap();
    let target = absent.start(&["--mode", "single"], None);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn a_command_of_while_does_not_speak_for_the_target() {
    let manager = Manager::new();
    let target = manager
        .start(&["--mode", "single", "--while", "test -z \"$NOTIFY_SOCKET$WATCHDOG_USEC\""], Some(60_000_000));
    assert_eq!(target.wait().code, Some(0));
}
