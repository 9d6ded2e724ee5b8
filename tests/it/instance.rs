//! A target that has a name among others says it wherever its figures are told, in one form: headers, `/stats`,
//! `/metrics`, `run.json` and the name of its run directory. In a container it is the host's name.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::target::{MODES, Target, command, outcome};

/// Starts it with a run directory of its own choice.
fn start(arguments: &[&str]) -> Target {
    let directory = TempDir::new().unwrap();
    let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
    let command = command(&[arguments, &ports].concat(), directory.path());
    Target::start_with(command, directory)
}

/// What each place where it is told says.
struct Told {
    header: String,
    stats: Value,
    metrics: String,
    record: Value,
    directory: String,
}

fn told(target: &Target) -> Told {
    let run = target.ready["run"].clone();
    let record = fs::read(target.directory.path().join(&run).join("run.json")).unwrap();
    let metrics = crate::support::wait_for("the first tick", || {
        let mut client = target.admin();
        client.send(format!("GET /metrics HTTP/1.1\r\nHost: {}\r\n\r\n", target.ready["admin"])).unwrap();
        let answer = client.receive().unwrap();
        (answer.status == 200).then(|| answer.text())
    });
    Told {
        header: target.get("/io?ms=0").header("x-quintain-worker").unwrap().to_owned(),
        stats: target.stats()["instance"].clone(),
        metrics: metrics.lines().filter(|line| line.starts_with("quintain_instance_info")).collect(),
        record: serde_json::from_slice::<Value>(&record).unwrap()["instance"].clone(),
        directory: run,
    }
}

fn host() -> String {
    fs::read_to_string("/proc/sys/kernel/hostname").unwrap().trim().to_owned()
}

fn is_container(variables: &[&str]) -> bool {
    ["/.dockerenv", "/run/.containerenv", "/run/systemd/container"].iter().any(|file| Path::new(file).exists())
        || variables.iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()))
}

#[test]
fn it_is_told_everywhere_in_one_form() {
    for mode in MODES {
        let target = start(&[mode, &["--instance", "web-1.b"]].concat());
        let Told { header, stats, metrics, record, directory } = told(&target);
        let worker = header.strip_prefix("web-1.b/").unwrap_or_else(|| panic!("{header}"));
        assert!(["0.1", "1.1"].contains(&worker), "{header}");
        assert_eq!((stats, record), ("web-1.b".into(), "web-1.b".into()));
        assert_eq!(metrics, "quintain_instance_info{name=\"web-1.b\"} 1");
        assert!(
            directory.starts_with("runs/") && directory.ends_with(&format!("-{}-web-1.b", mode[1])),
            "{directory}"
        );
        assert!(target.get("/").text().contains(", instance web-1.b\n"));
        assert_eq!(target.get("/health").header("x-quintain-worker"), None, "the smallest answer stays so");
        assert_eq!(target.end().code, Some(0));
    }
}

#[test]
fn it_is_the_hosts_in_a_container_and_none_elsewhere() {
    let target = start(&[]);
    let Told { header, stats, metrics, record, directory } = told(&target);
    if is_container(&["container", "KUBERNETES_SERVICE_HOST"]) {
        let host = host();
        assert_eq!(header, format!("{host}/0.1"));
        assert_eq!((stats, record), (host.clone().into(), host.clone().into()));
        assert_eq!(metrics, format!("quintain_instance_info{{name=\"{host}\"}} 1"));
        assert!(directory.ends_with(&format!("-single-{host}")), "{directory}");
    } else {
        assert_eq!((&*header, stats, record, &*metrics), ("0.1", Value::Null, Value::Null, ""));
        assert!(directory.ends_with("-single"), "{directory}");
    }
}

#[test]
fn a_variable_of_an_engine_says_that_it_is_a_container() {
    for variable in ["container", "KUBERNETES_SERVICE_HOST"] {
        let directory = TempDir::new().unwrap();
        let mut command = command(&["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"], directory.path());
        command.env(variable, "10.0.0.1");
        let target = Target::start_with(command, directory);
        assert_eq!(target.stats()["instance"], host(), "{variable}");
    }
}

#[test]
fn the_containers_name_is_no_part_of_a_printed_configuration() {
    let directory = TempDir::new().unwrap();
    let printed = |arguments: &[&str]| {
        let (code, output, errors) = outcome(command(arguments, directory.path()).env("container", "lxc"));
        assert_eq!((code, &*errors), (Some(0), ""));
        output
    };
    assert!(!printed(&["check"]).contains("instance"), "other containers would call themselves like this one");
    assert!(printed(&["check", "--instance", "b"]).contains("instance = \"b\"\n"));
}

#[test]
fn two_that_share_a_volume_have_a_directory_each() {
    let directory = TempDir::new().unwrap();
    let arguments = ["--listen", "127.0.0.1:0", "--admin", "off", "--sample-interval", "100ms"];
    let other = TempDir::new().unwrap();
    let targets = ["a", "b", "b"].map(|name| {
        let mut command = command(&[&arguments[..], &["--instance", name]].concat(), other.path());
        command.current_dir(directory.path());
        Target::start_with(command, TempDir::new().unwrap())
    });
    for target in &targets {
        assert!(directory.path().join(&target.ready["run"]).join("run.json").is_file());
    }
    assert_eq!(fs::read_dir(directory.path().join("runs")).unwrap().count(), 3);
}

#[test]
fn a_name_that_would_need_quoting_is_refused() {
    let directory = TempDir::new().unwrap();
    for name in ["a/b", "../a", ".a", "-a", "a b", "a\r\nb", "ä", "", &"x".repeat(64)] {
        let (code, output, errors) = outcome(&mut command(&[&format!("--instance={name}")], directory.path()));
        assert_eq!((code, &*output), (Some(2), ""), "{name:?}: {errors}");
        let allowed = "must be 1 to 63 letters, digits, dots, underscores and hyphens, the first a letter or digit";
        assert!(errors.contains("--instance") && errors.contains(allowed), "{name:?}: {errors}");
    }
}

/// They share a directory, as replicas share a volume. There is a run of every second that may be the one in which it begins.
#[test]
fn two_with_one_name_that_begin_in_the_same_second_are_a_warning() {
    for (arguments, is_said) in [(&["--instance", "web-1"][..], true), (&["--instance", "web-2"], false)] {
        let directory = TempDir::new().unwrap();
        let now = Timestamp::now();
        for seconds in 0..60 {
            let name = (now + SignedDuration::from_secs(seconds)).strftime("%Y-%m-%dT%H-%M-%SZ-single-web-1");
            fs::create_dir_all(directory.path().join("runs").join(name.to_string())).unwrap();
        }
        let ports = ["--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0"];
        let command = command(&[arguments, &ports].concat(), directory.path());
        let target = Target::start_with(command, directory);
        assert_eq!(target.ready["run"].ends_with("-single-web-1-2"), is_said, "{:?}", target.ready);
        let errors = target.errors();
        assert_eq!(
            errors.contains("another target called web-1 began here in the same second"),
            is_said,
            "{errors}"
        );
        target.end();
    }
}
