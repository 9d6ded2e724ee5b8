//! `quintain verify` holds what a load generator wrote against the run that it loaded, in a line a check; what can't be
//! compared is refused in a sentence. The outputs and runs are real ones (`scripts/generator-outputs.sh`).

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;
use tempfile::TempDir;

use crate::support::target::{command, outcome};

fn recorded(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/recorded").join(name)
}

/// What `quintain verify` came to: code, stdout, stderr.
fn verify(run: &Path, output: &Path, more: &[&str]) -> (Option<i32>, String, String) {
    let directory = TempDir::new().unwrap();
    let (run, output) = (run.to_string_lossy(), output.to_string_lossy());
    let arguments: Vec<&str> = ["verify", &run, &output].into_iter().chain(more.iter().copied()).collect();
    outcome(&mut command(&arguments, directory.path()))
}

/// The lines about a topic.
fn lines<'a>(text: &'a str, topic: &str) -> Vec<&'a str> {
    let is_about =
        |line: &&str| line.split_once("  ").is_some_and(|(_, rest)| rest.trim_start().starts_with(topic));
    text.lines().filter(is_about).collect()
}

/// Which of a generator's files is compared.
const OUTPUTS: [(&str, &str); 13] = [
    ("oha-counted", "oha.json"),
    ("oha-deadline", "oha.json"),
    ("wrk", "wrk.txt"),
    ("locust-csv", "locust_stats.csv"),
    ("locust-json", "locust.json"),
    ("loadtest", "loadtest.txt"),
    ("loadtest-time", "loadtest.txt"),
    ("autocannon", "autocannon.json"),
    ("ab", "ab.txt"),
    ("ab-lengths", "ab.txt"),
    ("hey", "hey.txt"),
    ("h2load", "h2load.txt"),
    ("h2load-time", "h2load.txt"),
];

#[test]
fn real_generators_agree_with_the_run_that_they_loaded() {
    for (name, file) in OUTPUTS {
        // A run of an older version may lack columns, which is said on stderr.
        let (code, said, errors) = verify(&recorded(name).join("run"), &recorded(name).join(file), &[]);
        assert_eq!(code, Some(0), "{name}: {said} {errors}");
        assert!(!said.contains("differs") && !said.contains('\u{1b}'), "{name}: {said}");
    }
}

#[test]
fn a_count_of_requests_agrees_to_the_request_and_a_time_within_those_in_flight() {
    let (_, said, _) = verify(&recorded("oha-counted/run"), &recorded("oha-counted/oha.json"), &[]);
    for topic in ["requests", "status: 200", "status: 500", "faults: status 500 seen"] {
        assert!(lines(&said, topic)[0].ends_with("to the request"), "{topic}: {said}");
    }
    assert!(lines(&said, "faults: status 500 ")[0].contains("planned: 10"), "{said}");
    for (name, file) in [
        ("loadtest", "loadtest.txt"),
        ("autocannon", "autocannon.json"),
        ("ab", "ab.txt"),
        ("hey", "hey.txt"),
        ("h2load", "h2load.txt"),
    ] {
        let (_, said, _) = verify(&recorded(name).join("run"), &recorded(name).join(file), &[]);
        for topic in ["requests", "status", "faults: status 500 seen"] {
            assert!(lines(&said, topic)[0].ends_with("to the request"), "{name} {topic}: {said}");
        }
    }
    let (_, said, _) = verify(&recorded("wrk/run"), &recorded("wrk/wrk.txt"), &[]);
    assert!(lines(&said, "requests")[0].ends_with("at most 10 connections were open"), "{said}");
    let (_, said, _) = verify(&recorded("locust-csv/run"), &recorded("locust-csv/locust_stats.csv"), &[]);
    assert!(lines(&said, "requests")[0].contains("may lack the last 1.5 s"), "{said}");
}

#[test]
fn an_account_of_another_run_differs() {
    let (code, said, _) = verify(&recorded("wrk/run"), &recorded("oha-counted/oha.json"), &[]);
    assert_eq!(code, Some(1), "{said}");
    assert!(lines(&said, "requests")[0].contains("of another run or stretch"), "{said}");
    let (code, said, _) = verify(&recorded("oha-counted/run"), &recorded("wrk/wrk.txt"), &["--format", "json"]);
    let object: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, &object["verdict"]), (Some(1), &"differs".into()), "{said}");
}

#[test]
fn a_byte_order_mark_is_no_part_of_an_output() {
    let directory = TempDir::new().unwrap();
    let (run, output) = (recorded("wrk/run"), recorded("wrk/wrk.txt"));
    let marked = directory.path().join("wrk.txt");
    fs::write(&marked, "\u{feff}".to_owned() + &fs::read_to_string(&output).unwrap()).unwrap();
    let (code, said, notes) = verify(&run, &output, &[]);
    let of_marked = said.replace(output.to_str().unwrap(), marked.to_str().unwrap());
    assert!(of_marked != said, "{said}");
    assert_eq!(verify(&run, &marked, &[]), (code, of_marked, notes));
}

#[test]
fn what_can_t_be_compared_is_a_sentence_and_code_2() {
    let directory = TempDir::new().unwrap();
    let file = |name: &str, content: &[u8]| {
        let path = directory.path().join(name);
        fs::write(&path, content).unwrap();
        path
    };
    let whole = fs::read(recorded("oha-counted/oha.json")).unwrap();
    let run = recorded("oha-counted/run");
    let output = recorded("oha-counted/oha.json");
    for (run, output, sentence) in [
        (&run, &directory.path().join("none"), "can't be read"),
        (&run, &directory.path().to_owned(), "can't be read"),
        (&run, &file("empty", b""), "is empty"),
        (&run, &file("cut", &whole[..whole.len() / 2]), "is cut off in line"),
        (&run, &file("twice", &whole.repeat(2)), "give one of them"),
        (&run, &file("picture", &[0xff; 64]), "is no text"),
        (
            &run,
            &run.join("resources.csv"),
            "is no output of a generator that is known here (oha, wrk, locust, loadtest, autocannon, ab, hey, h2load, k6, vegeta, haproxy)",
        ),
        (&directory.path().join("no-run"), &output, "there is no such run directory"),
        (&output, &output, "is no directory"),
        (&directory.path().to_owned(), &output, "holds no run"),
    ] {
        let (code, said, errors) = verify(run, output, &[]);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{sentence}");
        assert!(errors.starts_with("error: ") && errors.contains(sentence), "{sentence}: {errors}");
        assert_eq!(errors.trim_end().lines().count(), 1, "{errors}");
    }
    for (more, sentence) in [
        (&["--phase", "warm"][..], "it has run"),
        (&["--since", "warm"], "--since warm: the run has no such phase"),
        (&["--rate", "-1"], "--rate"),
        (&["--phase", "a", "--since", "b"], "cannot be used with"),
    ] {
        let (code, said, errors) = verify(&run, &output, more);
        assert_eq!((code, said.as_str()), (Some(2), ""), "{more:?}");
        assert!(errors.contains(sentence), "{sentence}: {errors}");
    }
}

#[test]
fn a_run_that_was_killed_is_compared_by_its_rows() {
    let directory = TempDir::new().unwrap();
    for file in ["run.json", "resources.csv"] {
        fs::copy(recorded("wrk/run").join(file), directory.path().join(file)).unwrap();
    }
    let (code, said, errors) = verify(directory.path(), &recorded("wrk/wrk.txt"), &[]);
    assert!(said.contains("it did not end in order") && errors.contains("marks.csv is missing"), "{said} {errors}");
    assert_eq!(code, Some(0), "{said}");
    assert!(lines(&said, "status")[0].starts_with("unknown"), "{said}");
}

/// What `quintain verify --published` came to.
fn published(name: &str, directory: &Path) -> (Option<i32>, String, String) {
    outcome(&mut command(&["verify", "--published", name], directory))
}

#[test]
fn published_figures_are_held_against_each_other() {
    let directory = TempDir::new().unwrap();
    let (code, said, errors) = published("market", directory.path());
    assert_eq!((code, errors.as_str()), (Some(1), ""));
    let success = lines(&said, "success")[0];
    assert!(success.contains("18,319") && success.contains("7,005"), "{said}");
    let file = |content: &str| fs::write(directory.path().join("mine.toml"), content).unwrap();
    file("[published]\nrequests = 100\nduration_s = 10\nrequests_per_s = 10\n");
    assert_eq!(published("mine.toml", directory.path()).0, Some(0));
    for (content, sentence) in [
        ("[published]\nrequests = 1,5\n", "not valid TOML"),
        ("[published]\nrequets = 100\n", "did you mean requests?"),
        ("[published]\nclaims = [\"best\"]\n", "must be one of varies-little"),
        ("summary = \"no figures\"\n", "published: is missing"),
        ("", "published: is missing"),
        ("[published]\nusers = 5\n", "nothing in the two accounts can be compared"),
    ] {
        file(content);
        let (code, _, errors) = published("mine.toml", directory.path());
        assert!(code == Some(2) && errors.contains(sentence), "{content:?}: {code:?} {errors}");
    }
    let (code, _, errors) = published("markets", directory.path());
    assert!(code == Some(2) && errors.contains("did you mean market?"), "{errors}");
}
