//! Whatever child ends is collected: orphans, where the target is process 1, and what a shell had started before it became
//! the target.

use std::process::Command;

use crate::support::target::{MODES, Target, children};
use crate::support::wait_for;

/// Children that have ended and were not collected.
fn zombies(pid: u32) -> Vec<u32> {
    let is_zombie =
        |pid: &u32| std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "));
    children(pid).into_iter().filter(is_zombie).collect()
}

#[test]
fn what_a_shell_had_started_before_it_became_the_target() {
    for mode in MODES {
        let target = Target::start_in_shell("sleep 0.2 & true & exec", mode);
        let sleeps = |pid: &u32| {
            std::fs::read_to_string(format!("/proc/{pid}/comm"))
                .is_ok_and(|name| ["sleep", "true"].contains(&name.trim()))
        };
        wait_for("the end of them", || {
            (!children(target.pid()).iter().any(sleeps) && zombies(target.pid()).is_empty()).then_some(())
        });
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn orphans_of_the_command_where_the_target_is_process_1() {
    const UNSHARE: &str = "unshare --user --map-root-user --pid --fork --kill-child --mount-proc";
    let probe = Command::new("sh").args(["-c", &format!("{UNSHARE} true")]).output().unwrap();
    if !probe.status.success() {
        println!("skipped: no pid namespace can be made here: {}", String::from_utf8_lossy(&probe.stderr));
        return;
    }
    for mode in MODES {
        // Each inner shell ends before what it has started, which becomes an orphan, until there is nobody else left.
        let line = "for i in 1 2 3; do sh -c 'sh -c : & sleep 0.1 &'; done
            until [ $(cat /proc/[0-9]*/comm | grep -c sleep) = 0 ]; do :; done
            [ $$ != 1 ] && cat /proc/1/comm > first; cat /proc/1/task/1/children | wc -w > before
            until ! grep -q ') Z ' /proc/[0-9]*/stat; do :; done
            ps=$(grep -l ') Z ' /proc/[0-9]*/stat | wc -l); echo $ps > zombies";
        let target = Target::start_in_shell(UNSHARE, &[mode, &["--while", line]].concat());
        let left = target.wait();
        assert_eq!(left.code, Some(0), "{mode:?}: {}", left.errors);
        let said =
            |name: &str| std::fs::read_to_string(left.directory.path().join(name)).unwrap().trim().to_owned();
        assert_eq!((said("first").as_str(), said("zombies").as_str()), ("quintain", "0"), "{mode:?}");
    }
}
