//! A port belongs to one target at a time, and is free again as soon as that has ended.

use rustix::process::Signal;

use crate::support::kernel::in_time_wait;
use crate::support::target::{MODES, Target, run};
use crate::support::wait_for;

#[test]
fn a_second_one_on_the_port_is_refused_and_the_first_goes_on() {
    for first in MODES {
        let target = Target::start(first);
        for second in MODES {
            let listen = ["--listen", target.address(), "--admin", "127.0.0.1:0"];
            let sentence = format!("--listen {}: another program has it", target.address());
            refused(&[second, &listen].concat(), &sentence);
        }
        // Each connection of many, so that a listener of somebody else's would have got some.
        for _ in 0..16 {
            assert_eq!(target.get("/health").status, 200, "{first:?}");
        }
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), 16), "{first:?}");
    }
}

#[test]
fn a_taken_admin_port_is_refused() {
    let target = Target::start(MODES[0]);
    for mode in MODES {
        let admin = &target.ready["admin"];
        let listen = ["--listen", "127.0.0.1:0", "--admin", admin];
        refused(&[mode, &listen].concat(), &format!("--admin {admin}: another program has it"));
    }
    // The port that it took before the admin's was refused is free again, or the first one's answers would be none.
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(target.end().code, Some(0));
}

#[test]
fn the_next_one_starts_at_once_whatever_the_last_one_left_in_the_kernel() {
    for mode in MODES {
        let first = Target::start(mode);
        let (address, port) = (first.address().to_owned(), first.port());
        let mut clients: Vec<_> = (0..8).map(|_| first.begin_upload()).collect();
        first.signal(Signal::TERM);
        first.listens_no_more();
        for client in &mut clients {
            assert!(client.end_upload().unwrap().closes(), "{mode:?}");
            assert_eq!(client.read_to_end().unwrap(), b"", "{mode:?}");
        }
        assert_eq!(first.wait().code, Some(0), "{mode:?}");
        drop(clients);
        wait_for("connections that the target closed first", || (in_time_wait(port) >= 8).then_some(()));
        let second = Target::start(&[mode, &["--listen", &address]].concat());
        assert_eq!((second.address(), second.get("/health").status), (address.as_str(), 200), "{mode:?}");
        assert_eq!(second.end().code, Some(0), "{mode:?}");
    }
}

fn refused(arguments: &[&str], sentence: &str) {
    // One that is not refused ends by itself, with another code.
    let (code, output, errors) = run(&[arguments, &["--duration", "100ms"]].concat());
    assert_eq!((code, output.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
    assert!(errors.contains(sentence), "{arguments:?}: {errors}");
}
