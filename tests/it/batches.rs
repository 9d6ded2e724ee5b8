//! A model is run on pictures of several requests at once: as many as they ask for, or as many as came until the first has waited
//! for as long as it may. Each answer is that of its own picture, and a client that leaves holds nobody up.

use rustix::process::Signal;

use crate::pictures::{pictures, post};
use crate::support::client::{Client, Response};
use crate::support::target::{Target, at_rest};
use crate::support::wait_for;

/// As many clients as pictures, each of which sends one, at once.
fn send_all<'p>(target: &Target, path: &str, pictures: &'p [(String, Vec<u8>)]) -> Vec<(&'p str, Client)> {
    let mut clients: Vec<_> = pictures.iter().map(|(label, _)| (label.as_str(), target.connect())).collect();
    for ((_, client), (_, picture)) in clients.iter_mut().zip(pictures) {
        client.send_post(path, "", picture).unwrap();
    }
    clients
}

/// A window of a minute: what is answered sooner was waited for by nobody longer than until the batch was full.
#[test]
fn a_full_batch_is_run_at_once_and_each_answer_is_that_of_its_picture() {
    let pictures = pictures();
    for mode in ["single", "threads", "cluster"] {
        let target = Target::start(&["--mode", mode, "--workers", "1"]);
        for (part, place) in [(&pictures[..32], "loop"), (&pictures[32..64], "pool")] {
            let path = format!("/infer?batch=8&max_batch_delay=1m&on={place}");
            let mut right = 0;
            for (label, mut client) in send_all(&target, &path, part) {
                let answer = client.receive().unwrap();
                assert_eq!(answer.status, 200, "{}", answer.text());
                let said = answer.json();
                assert_eq!(said["batch"], 8, "{said}");
                right += usize::from(said["class"] == label);
                let parts = ["queue", "loop", "inject", "pool", "decode", "resize", "infer", "cpu", "io"];
                let sum: f64 = parts.iter().map(|part| answer.timing(part)).sum();
                assert!(answer.timing("infer") > 0.0 && answer.timing("pool") > 0.0);
                assert!(sum <= answer.timing("total") + 0.005, "{sum} ms in parts: {:?}", answer.headers);
            }
            assert!(right >= 31, "{mode} on={place}: {right} of 32");
        }
        let counted = at_rest(&target)["totals"]["infer"].clone();
        assert_eq!((&counted["pictures"], &counted["runs"]), (&64.into(), &8.into()), "{mode}");
        assert_eq!(target.end().code, Some(0), "{mode}");
    }
}

#[test]
fn a_batch_that_does_not_fill_is_run_after_its_window() {
    let target = Target::start(&["--mode", "single"]);
    let pictures = pictures();
    // The first request of all waits for the model to be loaded, too.
    assert_eq!(post(&mut target.connect(), "/infer", "", &pictures[0].1).status, 200);
    for number in [1, 3] {
        let path = "/infer?batch=8&max_batch_delay=1500ms";
        // Tried again when this machine was paused for as long as the window.
        wait_for("a batch that was run in time", || {
            let mut clients = send_all(&target, path, &pictures[..number]);
            let answers: Vec<Response> = clients.iter_mut().map(|(_, client)| client.receive().unwrap()).collect();
            // The first has waited for all of its window, and for no second one; the others for a part of it.
            let longest = answers.iter().map(|answer| answer.timing("pool")).fold(0.0, f64::max);
            assert!(longest >= 1500.0, "{longest} ms");
            let is_one = answers.iter().all(|answer| answer.json()["batch"] == number);
            (is_one && longest < 3000.0).then_some(())
        });
    }
    // Without a window, for the model alone.
    let mut client = target.connect();
    let answer = post(&mut client, "/infer?batch=8&max_batch_delay=0ms", "", &pictures[0].1);
    assert_eq!((answer.status, &answer.json()["batch"]), (200, &1.into()));
    // Who asks for another number is in no batch that is larger, and no smaller one takes him in.
    let path = "/infer?max_batch_delay=1m&batch=";
    let mut of_three = send_all(&target, &format!("{path}3"), &pictures[..2]);
    wait_for("two that wait", || (target.total("in_flight") == 2).then_some(()));
    let mut of_two = send_all(&target, &format!("{path}2"), &pictures[2..4]);
    for (_, client) in &mut of_two {
        assert_eq!(client.receive().unwrap().json()["batch"], 2);
    }
    for (_, client) in &mut of_three {
        assert_eq!(client.receive().unwrap().json()["batch"], 2);
    }
}

#[test]
fn a_client_that_leaves_while_its_picture_waits_holds_nobody_up() {
    let target = Target::start(&["--mode", "single"]);
    let pictures = pictures();
    let path = "/infer?batch=4&max_batch_delay=1m";
    let mut stays = send_all(&target, path, &pictures[..2]);
    let leaves = send_all(&target, path, &pictures[2..4].iter().take(1).cloned().collect::<Vec<_>>()).len();
    wait_for("who has left", || (target.total("client_gone") == leaves as u64).then_some(()));
    stays.extend(send_all(&target, path, &pictures[4..6]));
    for (label, client) in &mut stays {
        let said = client.receive().unwrap().json();
        assert_eq!((&said["batch"], &said["class"]), (&4.into(), &(*label).into()), "{said}");
    }
    drop(stays);
    // None of them left alone holds the memory for its picture.
    drop(send_all(&target, path, &pictures[..3]));
    wait_for("who has left", || (target.total("client_gone") == 4).then_some(()));
    assert_eq!(post(&mut target.connect(), "/infer?batch=4&max_batch_delay=1ms", "", &pictures[0].1).status, 200);
    assert_eq!(at_rest(&target)["totals"]["infer"]["pictures"], 5);
}

#[test]
fn a_worker_that_drains_answers_what_waits_for_its_batch() {
    let target = Target::start(&["--mode", "cluster", "--workers", "1"]);
    let pictures = pictures();
    let mut clients = send_all(&target, "/infer?batch=8&max_batch_delay=4s", &pictures[..3]);
    wait_for("three that wait", || (target.total("in_flight") == 3).then_some(()));
    target.signal(Signal::TERM);
    for (label, client) in &mut clients {
        let answer = client.receive().unwrap();
        assert!(answer.closes() && answer.text().contains(*label), "{}", answer.text());
    }
    let left = target.wait();
    assert_eq!((left.code, left.done("lost")), (Some(0), 0));
}
