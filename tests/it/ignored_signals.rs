//! Signals whose default is death and that mean nothing here are ignored, and said once.

use std::process::Command;

use rustix::process::Signal;

use crate::support::account::settle;
use crate::support::load::Tally;
use crate::support::target::{MODES, Target, children, is_alive, send};
use crate::support::wait_for;

const IGNORED: [(&str, Signal); 8] = [
    ("USR1", Signal::USR1),
    ("USR2", Signal::USR2),
    ("ALRM", Signal::ALARM),
    ("VTALRM", Signal::VTALARM),
    ("PROF", Signal::PROF),
    ("IO", Signal::IO),
    ("STKFLT", Signal::STKFLT),
    ("XFSZ", Signal::XFSZ),
];

#[test]
fn they_end_nothing_and_the_log_says_so_once() {
    for mode in MODES {
        let target = Target::start(mode);
        let family = children(target.pid());
        for (name, signal) in IGNORED {
            for _ in 0..2 {
                target.signal(signal);
                // A signal that is pending and comes again is one. The next is sent when this one is taken.
                wait_for(name, || is_taken(target.pid(), signal).then_some(()));
            }
            for &pid in &family {
                send(pid, signal);
            }
        }
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        assert!(family.iter().all(|&pid| is_alive(pid)), "{mode:?}");
        let left = settle(target, &Tally::default().and_answered(1), false);
        for (name, _) in IGNORED {
            let said = left.errors.lines().filter(|line| line.contains(&format!("signal=\"{name}\"")));
            assert_eq!(said.filter(|line| line.contains("ignored")).count(), 1, "{mode:?} {name}: {}", left.errors);
        }
    }
}

#[test]
fn real_time_signals_too() {
    let target = Target::start(&["--mode", "single"]);
    for number in [0, 3, 10] {
        // rustix has no real-time signals, a shell has them by number.
        let line = format!("kill -{} {}", 34 + number, target.pid());
        assert!(Command::new("sh").args(["-c", &line]).status().unwrap().success());
    }
    assert_eq!(target.get("/health").status, 200);
    let left = settle(target, &Tally::default().and_answered(1), false);
    for name in ["RTMIN+0", "RTMIN+3", "RTMIN+10"] {
        assert!(left.errors.contains(&format!("signal=\"{name}\"")), "{name}: {}", left.errors);
    }
}

/// A failing power supply, and LXC's stop of its process 1.
#[test]
fn pwr_is_a_stop() {
    let target = Target::start(MODES[2]);
    target.signal(Signal::POWER);
    assert_eq!(target.wait().code, Some(0));
}

/// The soft limit on CPU time: the kernel says so each second, until the hard one kills.
#[test]
fn xcpu_drains_however_often_it_comes() {
    let target = Target::start(&["--mode", "single"]);
    let mut client = target.begin_upload();
    target.signal(Signal::XCPU);
    target.drains();
    for _ in 0..20 {
        send(target.pid(), Signal::XCPU);
        wait_for("another look", || is_taken(target.pid(), Signal::XCPU).then_some(()));
    }
    assert_eq!(client.end_upload().unwrap().status, 200);
    let left = target.wait();
    assert_eq!((left.code, left.done("lost")), (Some(0), 0), "{}", left.errors);
}

/// Whether a process has no such signal waiting.
fn is_taken(pid: u32, signal: Signal) -> bool {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("ShdPnd:")).unwrap();
    let pending = u64::from_str_radix(line.trim(), 16).unwrap();
    pending >> (signal.as_raw() - 1) & 1 == 0
}
