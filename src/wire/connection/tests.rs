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
    (Connection::new(ours.into(), seat, Arc::default()).unwrap(), theirs)
}

/// Whether a sweep so long from now ends it.
fn ends_after(connection: &Connection, mut client: &UnixStream, seconds: u64) -> bool {
    connection.sweep(clock::monotonic_ns() + seconds * 1_000 * clock::MILLISECOND, TIMEOUTS);
    client.read(&mut [0]).is_ok()
}

#[tokio::test]
async fn an_idle_one_ends_after_the_keep_alive_timeout() {
    let (connection, client) = connection();
    assert!(!ends_after(&connection, &client, 74));
    assert!(ends_after(&connection, &client, 76));
}

#[tokio::test]
async fn a_busy_one_stays() {
    let (connection, client) = connection();
    connection.head_parsed(clock::monotonic_ns());
    assert!(!ends_after(&connection, &client, 1_000_000));
}

#[tokio::test]
async fn what_the_client_does_not_take_ends_it_wherever_it_stands() {
    let (connection, client) = connection();
    connection.head_parsed(clock::monotonic_ns());
    connection.stalled();
    assert!(!ends_after(&connection, &client, 29));
    // The first moment counts, until something is taken.
    connection.stalled();
    connection.sent(1);
    assert!(!ends_after(&connection, &client, 31));
    connection.stalled();
    assert!(ends_after(&connection, &client, 31));
}

#[tokio::test]
async fn a_slow_head_ends_it_and_is_counted_once() {
    let (connection, client) = connection();
    connection.head_begun();
    assert!(!ends_after(&connection, &client, 9));
    assert!(ends_after(&connection, &client, 11));
    assert!(ends_after(&connection, &client, 22));
    assert_eq!(Snapshot::without_cpu(connection.seat().board()).totals().counts.rejected, 1);
}
