//! The knee of a real load is found, in the report of one run and in that of several instances, whose latencies over time are
//! those of their merged histograms; where more load brings more throughput there is none.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::load::{Load, Style};
use crate::support::target::{Target, command, outcome, with_free_ports};

/// Instances that were asked for a path by two clients each, then by eight each; and where their runs lie.
fn loaded(instances: usize, path: &str) -> (TempDir, Vec<PathBuf>) {
    const ANSWERS: u64 = 60;
    let place = TempDir::new().unwrap();
    let run = |number: usize| place.path().join(number.to_string());
    let start = |number: usize| {
        let (name, run) = (format!("web-{number}"), run(number));
        let own = ["--instance", &name, "--run-dir", run.to_str().unwrap(), "--mode", "cluster", "--workers", "1"];
        let directory = TempDir::new().unwrap();
        Target::start_with(command(&with_free_ports(&own), directory.path()), directory)
    };
    let targets: Vec<Target> = (0..instances).map(start).collect();
    for clients in [2, 8] {
        let load = |target: &Target| Load::with(target.address(), path, &vec![Style::KeepAlive; clients]);
        let loads: Vec<Load> = targets.iter().map(load).collect();
        for load in &loads {
            load.answers(ANSWERS);
        }
        for load in loads {
            assert_eq!(load.stop().failed, 0);
        }
    }
    for target in targets {
        assert_eq!(target.end().code, Some(0));
    }
    let runs = (0..instances).map(run).collect();
    (place, runs)
}

fn report(runs: &[PathBuf], format: &str) -> String {
    let runs = runs.iter().map(|run| run.to_str().unwrap());
    // A page does not fit into a pipe that is read afterwards.
    let arguments: Vec<&str> = ["report", "--output", "page", "--format", format].into_iter().chain(runs).collect();
    let directory = TempDir::new().unwrap();
    let (code, _, said) = outcome(&mut command(&arguments, directory.path()));
    assert_eq!((code, said.as_str()), (Some(0), ""));
    fs::read_to_string(directory.path().join("page")).unwrap()
}

/// What a plot draws: the figure's value in each stretch, without those that are unknown.
fn drawn(runs: &[PathBuf], figure: &str) -> Vec<f64> {
    let page = report(runs, "html");
    let (_, data) = page.split_once(r#"<script id="data" type="application/json">"#).unwrap();
    let data: Value = serde_json::from_str(data.split_once("</script>").unwrap().0).unwrap();
    let mean = data["lines"][figure]["mean"].as_array().unwrap();
    mean.iter().filter_map(Value::as_f64).collect()
}

#[test]
fn more_load_that_only_waits_is_behind_the_knee_of_one_and_of_several() {
    for instances in [1, 2] {
        // Each holds its worker, so that another one waits, however fast the machine is.
        let (_place, runs) = loaded(instances, "/io?ms=50&mode=blocking");
        let page = report(&runs, "md");
        let place = format!("The knee is at or below {} connections.", 2 * instances);
        assert!(page.contains(&place), "{page}");
        let (latency, service) = (drawn(&runs, "lat_p50_us"), drawn(&runs, "svc_p99_us"));
        let most = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
        let least = |values: &[f64]| values.iter().copied().fold(f64::INFINITY, f64::min);
        assert!(latency.len() >= 10 && service.len() >= 10, "{latency:?} {service:?}");
        assert!(least(&latency) >= 50e3 && most(&latency) >= 300e3, "{latency:?}");
    }
}

#[test]
fn where_more_load_brings_more_there_is_none() {
    let (_place, runs) = loaded(2, "/io?ms=50");
    let page = report(&runs, "md");
    assert!(!page.contains("The knee is"), "{page}");
    assert!(drawn(&runs, "lat_p50_us").len() >= 10);
}

#[test]
fn without_its_histograms_an_instance_is_named_and_nothing_is_drawn_for_all() {
    let (_place, runs) = loaded(2, "/io?ms=20");
    fs::remove_file(runs[1].join("latency.hlog")).unwrap();
    let runs: Vec<&str> = runs.iter().map(|run| run.to_str().unwrap()).collect();
    let directory = TempDir::new().unwrap();
    let arguments: Vec<&str> = ["report", "--output", "-", "--format", "md"].into_iter().chain(runs).collect();
    let (code, page, said) = outcome(&mut command(&arguments, directory.path()));
    assert_eq!(code, Some(0), "{said}");
    let sentence =
        "web-1: latency.hlog is missing; quantiles of all instances over time are not told where it lacks any";
    assert!(said.contains(sentence) && page.contains(sentence), "{said} {page}");
}
