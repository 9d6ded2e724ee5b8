//! The target and its admin routes listen on IPv4, IPv6 and unix sockets, in every mode, and leave no socket file behind.

use std::net::TcpListener;
use std::os::unix::net::{UnixListener, UnixStream};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::target::{MODES, Target, at_rest, run};
use crate::support::wait_for;

/// A short path: the kernel takes no long ones.
fn socket_in(directory: &TempDir, name: &str) -> (std::path::PathBuf, String) {
    let path = directory.path().join(name);
    let address = format!("unix:{}", path.display());
    (path, address)
}

#[test]
fn port_0_is_answered_with_the_real_one() {
    for mode in MODES {
        let target = Target::start(mode);
        for name in ["addr", "admin"] {
            let port = target.ready[name].strip_prefix("127.0.0.1:").unwrap().parse::<u16>().unwrap();
            assert_ne!(port, 0, "{mode:?} {name}");
        }
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        let record = std::fs::read(target.run_directory().join("run.json")).unwrap();
        let record: Value = serde_json::from_slice(&record).unwrap();
        assert_eq!(
            (&record["addr"], &record["admin"]),
            (&(*target.ready["addr"]).into(), &(*target.ready["admin"]).into())
        );
    }
}

#[test]
fn ipv6() {
    if TcpListener::bind("[::1]:0").is_err() {
        eprintln!("skipped: this machine has no ::1");
        return;
    }
    for mode in MODES {
        let target = Target::start(&[mode, &["--listen", "[::1]:0", "--admin", "[::1]:0"]].concat());
        assert!(target.address().starts_with("[::1]:") && target.ready["admin"].starts_with("[::1]:"));
        let response = target.get("/io?ms=0");
        assert_eq!(response.status, 200, "{mode:?}");
        assert!(response.is_timed("queue"), "{mode:?}: arrivals are stamped on IPv6 too");
        assert_eq!(at_rest(&target)["totals"]["finished"], 1, "{mode:?}");
    }
}

#[test]
fn unix_sockets_for_target_and_admin() {
    for mode in MODES {
        let directory = TempDir::new().unwrap();
        let ((listen, listens), (admin, administers)) = (socket_in(&directory, "q"), socket_in(&directory, "a"));
        let target = Target::start(&[mode, &["--listen", &listens, "--admin", &administers]].concat());
        assert_eq!((target.address(), &*target.ready["admin"]), (&*listens, &*administers), "{mode:?}");
        let mut client = target.connect();
        for path in ["/io?ms=1", "/cpu?iterations=1"] {
            let response = client.get(path).unwrap();
            assert_eq!(response.status, 200, "{mode:?} {path}");
            assert!(!response.is_timed("queue"), "{mode:?}: a unix socket has no arrival stamps");
            assert!(response.is_timed("io") && response.is_timed("total"), "{mode:?}: {:?}", response.headers);
        }
        drop(client);
        // All workers take from the one queue.
        let mut many: Vec<_> = (0..20).map(|_| target.connect()).collect();
        assert!(many.iter_mut().all(|client| client.get("/health").unwrap().status == 200), "{mode:?}");
        drop(many);
        let stats = at_rest(&target);
        assert_eq!(
            (&stats["totals"]["finished"], &stats["totals"]["accepts"]),
            (&22.into(), &21.into()),
            "{mode:?}"
        );
        let io = stats["routes"].as_array().unwrap().iter().find(|route| route["route"] == "/io").unwrap();
        assert_eq!(io["queue_us"].as_object().unwrap().len(), 0, "{mode:?}: unknown is empty, not 0: {io}");
        assert!(io["lat_us"]["p50"].as_f64().unwrap() >= 1_000.0, "{mode:?}: {io}");
        assert_eq!(target.admin_post("/ready", r#"{"ready": false}"#).status, 200, "{mode:?}");
        assert_eq!(target.get("/readyz").status, 503, "{mode:?}");
        assert_eq!(target.end().code, Some(0), "{mode:?}");
        assert!(!listen.exists() && !admin.exists(), "{mode:?}: socket files are removed at the end");
    }
}

#[test]
fn a_socket_file_that_nobody_listens_on_is_replaced() {
    let directory = TempDir::new().unwrap();
    let ((listen, listens), (admin, administers)) = (socket_in(&directory, "q"), socket_in(&directory, "a"));
    // Dropping a listener leaves its file.
    drop((UnixListener::bind(&listen).unwrap(), UnixListener::bind(&admin).unwrap()));
    // A child that another test has just forked holds them until it is the program that it is to be.
    let is_left = |path: &std::path::Path| UnixStream::connect(path).is_err();
    wait_for("nobody to listen", || (is_left(&listen) && is_left(&admin)).then_some(()));
    let target = Target::start(&["--mode", "single", "--listen", &listens, "--admin", &administers]);
    assert_eq!(target.get("/health").status, 200);
    assert_eq!(at_rest(&target)["totals"]["finished"], 1);
}

#[test]
fn a_socket_that_somebody_listens_on_and_a_file_that_is_none_are_refused_and_kept() {
    let directory = TempDir::new().unwrap();
    let (path, address) = socket_in(&directory, "q");
    let target = Target::start(&["--mode", "single", "--listen", &address]);
    for arguments in [["--listen", &*address, "--admin", "off"], ["--listen", "127.0.0.1:0", "--admin", &address]] {
        let (code, output, errors) = run(&arguments);
        assert_eq!((code, &*output), (Some(2), ""), "{errors}");
        assert!(errors.contains(&*address) && errors.contains("another program has it"), "{errors}");
    }
    assert_eq!(target.get("/health").status, 200, "the first one goes on");
    drop(target);
    let (file, of_a_file) = socket_in(&directory, "precious");
    std::fs::write(&file, "data").unwrap();
    let (code, output, errors) = run(&["--listen", &of_a_file, "--admin", "off"]);
    assert_eq!((code, &*output), (Some(2), ""), "{errors}");
    assert!(errors.contains(&*of_a_file) && errors.contains("no socket"), "{errors}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "data");
    assert!(path.exists(), "a killed target leaves its file, for the next one to replace");
}

#[test]
fn a_start_that_is_refused_leaves_no_socket_file() {
    let directory = TempDir::new().unwrap();
    let ((listen, listens), (admin, administers)) = (socket_in(&directory, "q"), socket_in(&directory, "a"));
    for more in [["--admin", "192.0.2.1:0", "--no-csv"], ["--admin", &administers, "--run-dir=/dev/null/x"]] {
        let arguments = [&["--listen", &*listens], &more[..]].concat();
        let (code, output, errors) = run(&arguments);
        assert_eq!((code, &*output), (Some(2), ""), "{errors}");
        assert!(!listen.exists() && !admin.exists(), "{more:?}");
    }
}

#[test]
fn admin_can_be_off() {
    for mode in MODES {
        let target = Target::start(&[mode, &["--admin", "off"]].concat());
        assert_eq!(target.ready["admin"], "off");
        assert_eq!(target.get("/health").status, 200, "{mode:?}");
        let left = target.end();
        assert_eq!((left.code, left.done("requests")), (Some(0), 1), "{mode:?}");
    }
}
