//! What a kernel or a sandbox may lack: simulated by a seccomp filter that refuses it.

use std::io;
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, metrics, outcome, send, with_free_ports};
use crate::support::wait_for;

/// Refuses a socket option as an unknown one, sockets of a family, system calls as unknown ones, or system calls as
/// forbidden ones.
#[derive(Clone, Copy)]
enum Lack {
    Option(libc::c_int),
    Family(libc::c_int),
    Calls(&'static [libc::c_long]),
    Forbidden(&'static [libc::c_long]),
}

/// By which processes and threads are made.
const MAKING: &[libc::c_long] = &[libc::SYS_clone, libc::SYS_clone3];

/// What is newer than the kernels and profiles of sandboxes that are still in use. Nothing here depends on one of them.
const NEW_CALLS: &[libc::c_long] = &[
    libc::SYS_pidfd_open,
    libc::SYS_pidfd_send_signal,
    libc::SYS_pidfd_getfd,
    libc::SYS_clone3,
    libc::SYS_close_range,
    libc::SYS_openat2,
    libc::SYS_faccessat2,
    libc::SYS_epoll_pwait2,
    libc::SYS_process_madvise,
    libc::SYS_memfd_create,
    libc::SYS_io_uring_setup,
    libc::SYS_rseq,
    libc::SYS_statx,
];

fn number(value: impl TryInto<u32>) -> u32 {
    value.try_into().unwrap_or_else(|_| panic!("a number that a filter can hold"))
}

fn filter(lack: Lack) -> Vec<libc::sock_filter> {
    let step = |code: u32, jt: usize, jf: usize, k: u32| libc::sock_filter {
        code: u16::try_from(code).unwrap(),
        jt: u8::try_from(jt).unwrap(),
        jf: u8::try_from(jf).unwrap(),
        k,
    };
    let load = |offset: u32| step(libc::BPF_LD | libc::BPF_W | libc::BPF_ABS, 0, 0, offset);
    let equals =
        |value: u32, jt: usize, jf: usize| step(libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K, jt, jf, value);
    let give = |action: u32| step(libc::BPF_RET | libc::BPF_K, 0, 0, action);
    let fails = |error: libc::c_int| give(libc::SECCOMP_RET_ERRNO | number(error));
    let passes = give(libc::SECCOMP_RET_ALLOW);
    // Of `struct seccomp_data`: the call's number, and the low halves of two arguments.
    let (call, low) = (0, if cfg!(target_endian = "little") { 0 } else { 4 });
    let (first_argument, third_argument) = (16 + low, 32 + low);
    match lack {
        Lack::Option(option) => vec![
            load(call),
            equals(number(libc::SYS_setsockopt), 0, 3),
            load(third_argument),
            equals(number(option), 0, 1),
            fails(libc::ENOPROTOOPT),
            passes,
        ],
        Lack::Family(family) => vec![
            load(call),
            equals(number(libc::SYS_socket), 0, 3),
            load(first_argument),
            equals(number(family), 0, 1),
            fails(libc::EAFNOSUPPORT),
            passes,
        ],
        Lack::Calls(calls) | Lack::Forbidden(calls) => {
            let error = if matches!(lack, Lack::Calls(_)) { libc::ENOSYS } else { libc::EPERM };
            let jumps = calls.iter().enumerate().map(|(at, one)| equals(number(*one), calls.len() - at, 0));
            std::iter::once(load(call)).chain(jumps).chain([passes, fails(error)]).collect()
        }
    }
}

/// Has a command run without something.
fn without(command: &mut Command, lack: Lack) {
    let steps = filter(lack);
    let install = move || {
        let program =
            libc::sock_fprog { len: u16::try_from(steps.len()).unwrap_or(0), filter: steps.as_ptr().cast_mut() };
        // SAFETY: no memory but the program's is read, which lives until the call returns.
        let refused = unsafe {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0
                || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) != 0
        };
        if refused { Err(io::Error::last_os_error()) } else { Ok(()) }
    };
    // SAFETY: what runs between fork and exec makes system calls only; the filter was made before.
    unsafe { command.pre_exec(install) };
}

/// Whether the kernel takes a filter; says so where it doesn't.
fn filters_work(lack: Lack) -> bool {
    let mut probe = Command::new("true");
    without(&mut probe, lack);
    let works = probe.status().is_ok_and(|status| status.success());
    if !works {
        println!("skipped: this kernel takes no seccomp filter");
    }
    works
}

fn start(mode: &[&str], lack: Lack) -> Target {
    let directory = TempDir::new().unwrap();
    let mut command = command(&with_free_ports(mode), directory.path());
    without(&mut command, lack);
    Target::start_with(command, directory)
}

fn missing(target: &Target) -> Value {
    let record = std::fs::read(target.run_directory().join("run.json")).unwrap();
    serde_json::from_slice::<Value>(&record).unwrap()["missing"].clone()
}

#[test]
fn without_arrival_stamps_only_the_queue_is_unknown() {
    let lack = Lack::Option(libc::SO_TIMESTAMPNS);
    if !filters_work(lack) {
        return;
    }
    for mode in MODES {
        let target = start(mode, lack);
        let response = target.get("/io?ms=1");
        assert!(response.status == 200 && !response.is_timed("queue"), "{mode:?}: {:?}", response.headers);
        assert_eq!(missing(&target), json!(["SO_TIMESTAMPNS"]), "{mode:?}");
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), 1), "{mode:?}: {}", left.errors);
        assert!(left.errors.contains("SO_TIMESTAMPNS"), "{mode:?}: {}", left.errors);
        let rows = left.csv("resources.csv");
        let of = |start: &str| rows.iter().flatten().filter(|(name, _)| name.starts_with(start)).count();
        let filled = |start: &str| {
            rows.iter().flatten().filter(|(name, value)| name.starts_with(start) && !value.is_empty()).count()
        };
        assert!(of("queue_") > 0 && filled("queue_") == 0 && filled("lat_") > 0, "{mode:?}: {rows:?}");
    }
}

#[test]
fn without_shared_ports_single_serves_and_the_others_say_what_they_lack() {
    let lack = Lack::Option(libc::SO_REUSEPORT);
    if !filters_work(lack) {
        return;
    }
    let target = start(&["--mode", "single"], lack);
    assert_eq!((target.get("/health").status, missing(&target)), (200, json!(["SO_REUSEPORT"])));
    assert_eq!(target.end().code, Some(0));
    for mode in ["threads", "cluster"] {
        let directory = TempDir::new().unwrap();
        let mut command = command(&with_free_ports(&["--mode", mode, "--workers", "2"]), directory.path());
        without(&mut command, lack);
        let (code, output, errors) = outcome(&mut command);
        assert!(code.is_some_and(|code| code > 0) && !output.contains("ready "), "{mode}: {code:?} {output}");
        assert!(errors.contains("SO_REUSEPORT") && errors.contains("--mode single"), "{mode}: {errors}");
    }
}

#[test]
fn no_newer_system_call_is_needed() {
    let lack = Lack::Calls(NEW_CALLS);
    if !filters_work(lack) {
        return;
    }
    for mode in MODES {
        let target = start(mode, lack);
        assert_eq!((target.get("/cpu?ms=1&on=pool").status, missing(&target)), (200, json!([])), "{mode:?}");
        if mode.contains(&"cluster") {
            let worker = target.worker(0);
            send(worker.pid, Signal::KILL);
            wait_for("its successor", || {
                let worker = target.worker(0);
                (worker.generation == 2 && worker.state == "live").then_some(())
            });
        }
        assert_eq!(target.end().code, Some(0), "{mode:?}");
    }
}

#[test]
fn a_sandbox_that_forbids_processes_and_threads_gets_a_sentence() {
    let lack = Lack::Forbidden(MAKING);
    if !filters_work(lack) {
        return;
    }
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let mut command =
            command(&[mode, &["--listen", "unix:here", "--admin", "unix:admin"]].concat(), directory.path());
        command.current_dir(directory.path());
        without(&mut command, lack);
        let (code, output, errors) = outcome(&mut command);
        assert_eq!(code, Some(1), "{mode:?}: {output} {errors}");
        assert!(errors.contains("Operation not permitted"), "{mode:?}: {errors}");
        for left in ["here", "admin"] {
            assert!(!directory.path().join(left).exists(), "{mode:?}: {left} is left behind");
        }
    }
}

#[test]
fn nothing_is_missing_on_a_whole_kernel() {
    assert_eq!(missing(&Target::start(&["--mode", "single"])), json!([]));
    assert_eq!(missing(&Target::start(&["--mode", "single", "--without-times"])), json!([]), "not asked for");
}

#[test]
fn where_the_kernel_lists_no_sockets_the_unread_are_unknown() {
    let lack = Lack::Family(libc::AF_NETLINK);
    if !filters_work(lack) {
        return;
    }
    let target = start(&["--mode", "cluster", "--workers", "1"], lack);
    wait_for("a tick", || (!metrics(&target, "quintain_requests_in_flight ").is_empty()).then_some(()));
    assert_eq!(target.stats()["unread_connections"], Value::Null);
    assert_eq!(metrics(&target, "quintain_unread_connections "), "");
    let left = target.end();
    let rows = left.csv("resources.csv");
    assert!(!rows.is_empty() && rows.iter().all(|row| row["unread_connections"].is_empty()), "{rows:?}");
}
