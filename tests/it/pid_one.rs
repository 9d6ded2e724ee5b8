//! Whatever child ends is collected: orphans, where the target is process 1, and what a shell had started before it became
//! the target.

use std::path::Path;
use std::process::Command;

use rustix::process::Signal;

use crate::support::target::{MODES, Target, children, send};
use crate::support::wait_for;

#[test]
fn what_a_shell_had_started_before_it_became_the_target() {
    for mode in MODES {
        let target = Target::start_in_shell("sleep 0.2 & true & exec", mode);
        wait_for("the last trace of them", || {
            let are_there =
                children(target.pid()).iter().any(|&pid| ["sleep", "true", "sh"].contains(&&*name(pid)));
            (!are_there).then_some(())
        });
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn orphans_of_the_command_where_the_target_is_process_1() {
    const UNSHARE: &str = "exec unshare --user --map-root-user --pid --fork --kill-child --mount-proc";
    let probe = Command::new("sh").args(["-c", &format!("{UNSHARE} true")]).output().unwrap();
    if !probe.status.success() {
        println!("skipped: no pid namespace can be made here: {}", String::from_utf8_lossy(&probe.stderr));
        return;
    }
    for mode in MODES {
        // The inner shells leave theirs behind, which wait for a file.
        let orphan = "sh -c 'until [ -e go ]; do sleep 0.05; done &'";
        let line = format!("{orphan}; {orphan}; {orphan}; exec sleep 300");
        let target = Target::start_in_shell(UNSHARE, &[mode, &["--while", &line]].concat());
        let first = children(target.pid())[0];
        let orphans = wait_for("three orphans and the command", || {
            let named =
                |wanted: &str| children(first).into_iter().filter(|&pid| name(pid) == wanted).collect::<Vec<_>>();
            // In this order: once the command is `sleep`, no `sh` is the command's.
            (named("sleep").len() == 1).then(|| named("sh")).filter(|orphans| orphans.len() == 3)
        });
        std::fs::write(target.directory.path().join("go"), "").unwrap();
        let is_there = |pid: &u32| Path::new(&format!("/proc/{pid}")).exists();
        wait_for("the last trace of them", || (!orphans.iter().any(is_there)).then_some(()));
        send(first, Signal::TERM);
        let left = target.wait();
        assert_eq!(left.code, Some(128 + Signal::TERM.as_raw()), "the command's: {mode:?}: {}", left.errors);
        assert!(left.done.contains_key("requests"), "{mode:?}: {:?}", left.done);
    }
}

fn name(pid: u32) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default().trim().to_owned()
}
