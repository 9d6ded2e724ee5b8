//! The report says how much of the service a model is, and takes a worker that waits for its model for none that somebody stopped.

use crate::support::target::Target;
use crate::support::wait_for;

fn report(path: &str) -> String {
    let target = Target::start(&["--mode", "single", "--sample-interval", "250ms"]);
    let picture: &[u8] = include_bytes!("../flags/000-Senegal.jpg");
    let body = if path.starts_with("/infer") { picture } else { &[] };
    let mut clients: Vec<_> = (0..4).map(|_| target.connect()).collect();
    for _ in 0..15 {
        for client in &mut clients {
            client.send_post(path, "", body).unwrap();
        }
        assert!(clients.iter_mut().all(|client| client.receive().unwrap().status == 200));
    }
    drop(clients);
    target.end().report()
}

#[test]
fn a_model_s_share_is_found_where_there_is_one_and_nobody_is_said_to_have_stopped_its_worker() {
    // Tried again when the machine was paused: the report says so, and is right.
    wait_for("a run that nobody is said to have stopped", || {
        let found = report("/infer");
        assert!(
            found.contains("nference is ")
                && found.contains("of the service of requests with a picture")
                && found.contains("the model's thread was busy "),
            "{found}"
        );
        (!found.contains("Something stopped it")).then_some(())
    });
    let silent = report("/io?ms=2");
    assert!(!silent.contains("nference is "), "{silent}");
}
