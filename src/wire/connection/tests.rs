use std::io::Read;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use super::*;
use crate::scoreboard::Scoreboard;
use crate::snapshot::Snapshot;

const TIMEOUTS: Timeouts =
    Timeouts { head: Duration::from_secs(10), idle: Some(Duration::from_secs(75)), stall: Duration::from_secs(30) };

fn connection() -> (Arc<Connection>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let board = Scoreboard::map(1).unwrap();
    board.slots()[0].occupy(0, 1, 1);
    let seat = Arc::new(SeatWriter::new(board, 0, 0));
    (Connection::new(ours.into(), seat, Arc::default()), theirs)
}

/// Whether a sweep so long from now ends it.
fn ends_after(connection: &Connection, mut client: &UnixStream, seconds: u64) -> bool {
    connection.sweep(clock::monotonic_ns() + seconds * 1_000 * clock::MILLISECOND, TIMEOUTS);
    client.read(&mut [0]).is_ok()
}

#[test]
fn an_idle_one_ends_after_the_keep_alive_timeout() {
    let (connection, client) = connection();
    assert!(!ends_after(&connection, &client, 74));
    assert!(ends_after(&connection, &client, 76));
}

#[test]
fn a_busy_one_stays() {
    let (connection, client) = connection();
    connection.head_parsed(clock::monotonic_ns(), true);
    assert!(!ends_after(&connection, &client, 1_000_000));
}

#[test]
fn a_busy_one_stays_when_the_answer_before_is_flushed_meanwhile() {
    let (connection, client) = connection();
    for _ in 0..2 {
        connection.seat().started();
        connection.head_parsed(clock::monotonic_ns(), true);
        if connection.awaited.load(Relaxed) {
            connection.flushed(false);
            assert!(!ends_after(&connection, &client, 1_000_000), "the second is being served");
        }
        let now = clock::monotonic_ns();
        let outcome = Outcome::Answered(200);
        let ending = Ending {
            route: 0,
            outcome,
            fault: None,
            head_ns: now,
            arrival_ns: now,
            stamped: false,
            loop_ns: 0,
            effort: None,
        };
        connection.body_ended(ending);
    }
    connection.flushed(false);
    assert!(ends_after(&connection, &client, 76));
}

#[test]
fn what_the_client_does_not_take_ends_it_wherever_it_stands() {
    let (connection, client) = connection();
    connection.head_parsed(clock::monotonic_ns(), true);
    connection.stalled();
    assert!(!ends_after(&connection, &client, 29));
    // The first moment counts, until something is taken.
    connection.stalled();
    connection.sent(1);
    assert!(!ends_after(&connection, &client, 31));
    connection.stalled();
    assert!(ends_after(&connection, &client, 31));
}

#[test]
fn a_slow_head_ends_it_and_is_counted_once() {
    let (connection, client) = connection();
    connection.received(Received { bytes: 1, arrival_realtime_ns: None }, true, false);
    assert!(!ends_after(&connection, &client, 9));
    assert!(ends_after(&connection, &client, 11));
    assert!(ends_after(&connection, &client, 22));
    assert_eq!(Snapshot::without_cpu(connection.seat().board()).totals().counts.rejected, 1);
}

#[test]
fn a_break_waits_for_the_flush_of_earlier_answers() {
    let (connection, _client) = connection();
    let waker = Arc::new(Woken(AtomicBool::new(false)));
    let (task, woken) = (Waker::from(Arc::clone(&waker)), || waker.0.load(Relaxed));
    let context = Context::from_waker(&task);
    assert!(connection.poll_earlier_flushed(&context).is_ready(), "nothing is in front");
    for (number, outcome) in [(1, Outcome::Answered(200)), (2, Outcome::Broken)] {
        connection.seat().started();
        let now = clock::monotonic_ns();
        let ending = Ending {
            route: 0,
            outcome,
            fault: None,
            head_ns: now,
            arrival_ns: now,
            stamped: false,
            loop_ns: 0,
            effort: None,
        };
        connection.body_ended(ending);
        assert!(connection.poll_earlier_flushed(&context).is_pending() && !woken());
        if number == 1 {
            connection.flushed(false);
            assert!(woken() && connection.poll_earlier_flushed(&context).is_ready());
            waker.0.store(false, Relaxed);
        } else {
            connection.order(Breakage::Reset);
            assert_eq!(connection.ordered(), Some(Breakage::Reset));
            connection.carried_out();
        }
        let counts = Snapshot::without_cpu(connection.seat().board()).totals().counts;
        assert_eq!((counts.finished, counts.errors), (number, number - 1));
    }
}

/// What a task is told, kept.
struct Woken(AtomicBool);

impl std::task::Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Relaxed);
    }
}
