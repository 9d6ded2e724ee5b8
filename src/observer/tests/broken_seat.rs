//! Garbage written over a worker's seat ends nobody, and leaves the sums as they were.

use super::*;

/// Xorshift: any seed will do.
fn random(seed: u64) -> impl FnMut() -> u64 {
    let mut state = seed;
    move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    }
}

#[test]
fn garbage_on_a_seat_ends_nobody_and_the_sums_stay_monotone() {
    let directory = TestDirectory::new("observer-garbage");
    let (board, writer) = board();
    let running = observe(&board, one_process(), Some(&directory), None);
    let resources = directory.join("resources.csv");
    let more_rows = || {
        let before = rows(&resources).len();
        until("two more rows", || rows(&resources).len() >= before + 2);
    };
    one_request(&writer, 200);
    one_request(&writer, 503);
    more_rows();
    let seat = board.slots()[0].seat(0);
    seat.scribble(random(7));
    assert_eq!(running.get("/stats").0, 200);
    more_rows();
    // Counting goes on from there.
    one_request(&writer, 200);
    more_rows();
    assert_eq!(rows(&resources).last().unwrap()["requests_total"], "3");
    for (seed, mask) in [(1, 0), (2, u64::MAX), (3, 0xffff_ffff), (4, u64::MAX << 32)] {
        let mut random = random(seed);
        seat.scribble(|| random() & mask);
        assert_eq!(running.get("/stats").0, 200);
        more_rows();
    }
    seat.scribble(|| u64::MAX);
    more_rows();
    // Its worker dies, and there is another.
    let slot = &board.slots()[0];
    slot.fold(0, 0.into());
    slot.occupy(1, 2, 2);
    slot.roster(1).set_state(SeatState::Live);
    more_rows();
    one_request(&SeatWriter::new(Arc::clone(&board), 0, 1), 200);
    assert_eq!(running.get("/stats").0, 200);
    more_rows();
    running.finish();

    for file in ["resources.csv", "workers.csv"] {
        let rows = rows(&directory.join(file));
        for column in ["requests_total", "errors_total", "lost_total", "rejected_total", "accepts_total"] {
            let told: Vec<u64> = rows.iter().map(|row| row[column].parse().unwrap()).collect();
            assert!(told.is_sorted(), "{file} {column}: {told:?}");
            assert!(*told.last().unwrap() < 1 << 40, "{file} {column}: {told:?}");
        }
        assert!(rows.iter().all(|row| row["rps"].is_empty() || row["rps"].parse::<f64>().unwrap() < 1e9));
    }
    let events = rows(&directory.join("events.csv"));
    let marked: Vec<_> = events.iter().filter(|event| event["kind"] == "implausible").collect();
    assert!(!marked.is_empty() && marked.iter().all(|event| event["slot"] == "0"), "{events:?}");
    let times: Vec<String> = rows(&resources).iter().map(|row| row["elapsed_s"].clone()).collect();
    assert!(marked.iter().all(|event| times.contains(&event["elapsed_s"])), "{marked:?}");
}
