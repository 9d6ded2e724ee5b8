//! The whole stack of a worker's connection over a real socket, with a handler that panics: no route of the product
//! does, so the program itself can't be asked.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use tokio::sync::oneshot;

use super::openapi::operation::Described;
use super::{Route, Routes, Stack, Target, UNMATCHED, routes};
use crate::config::{Addresses, Config};
use crate::profile::Profile;
use crate::scoreboard::{Scoreboard, SeatState, SeatWriter};
use crate::snapshot;
use crate::sys::listener::{self, Claim};
use crate::sys::readiness::Watched;
use crate::wire::{Connection, Gauge};
use crate::work::inference::Inference;

async fn panics() -> &'static str {
    panic!("on purpose");
}

/// Panics on a thread of the pool, as a piece of work there may.
async fn panics_on_pool() -> &'static str {
    let failure = tokio::task::spawn_blocking(|| panic!("on purpose, elsewhere")).await;
    std::panic::resume_unwind(failure.map(|()| "never").unwrap_err().into_panic())
}

fn table() -> Vec<Route> {
    let extra = [Route::get("/panics", panics), Route::get("/panics-on-pool", panics_on_pool)];
    let extra = extra.map(|route| route.described_by(|_| Described::new("Panics")));
    routes(&Profile::default()).into_iter().chain(extra).collect()
}

fn scoreboard() -> (Arc<Scoreboard>, SeatWriter) {
    let board = Scoreboard::map(1).unwrap();
    board.head().routes.append("", UNMATCHED.1);
    for route in table() {
        board.head().routes.append(&route.method, &route.path);
    }
    board.slots()[0].occupy(0, 1, 1);
    board.slots()[0].roster(0).set_state(SeatState::Live);
    let seat = SeatWriter::new(Arc::clone(&board), 0, 0);
    (board, seat)
}

/// Serves connections on one thread, as a worker does, until told to stop.
async fn serve(listener: OwnedFd, seat: SeatWriter, mut stop: oneshot::Receiver<()>) {
    let seat = Arc::new(seat);
    let config = Config::of(&[("max-body", "1000"), ("max-bytes", "1000"), ("max-mem", "1000")]);
    let target = Target::new(&config, Addresses::default(), Arc::clone(&seat), None, Inference::default());
    let routes = Arc::new(Routes::new(table(), &target));
    let listener = Watched::new(listener).unwrap();
    let gauge = Arc::<Gauge>::default();
    loop {
        let mut ready = tokio::select! {
            _ = &mut stop => return,
            ready = listener.readable() => ready.unwrap(),
        };
        let Ok(socket) = listener::accept(listener.get_ref().as_fd()) else {
            ready.clear_ready();
            continue;
        };
        let connection = Connection::new(socket, Arc::clone(&seat), Arc::clone(&gauge)).unwrap();
        tokio::spawn(Stack::new(Arc::clone(&routes), target.clone(), connection).serve());
    }
}

fn ask(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_panic_in_a_handler_is_a_500_that_is_counted_and_the_worker_lives() {
    let (board, seat) = scoreboard();
    let listener = listener::tcp("127.0.0.1:0".parse().unwrap(), 16, Claim::First).unwrap();
    let address = listener::address_of(&listener).unwrap();
    let (stop, stopped) = oneshot::channel();
    let worker = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(serve(listener, seat, stopped));
    });
    for path in ["/panics", "/panics-on-pool"] {
        let answer = ask(address, path);
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 500 ") && head.contains("application/json"), "{path}: {answer}");
        assert!(body.contains("the handler panicked") && !body.contains("on purpose"), "{path}: {answer}");
        let next = ask(address, "/health");
        assert!(next.starts_with("HTTP/1.1 200 ") && next.ends_with("\r\n\r\nOK"), "after {path}: {next}");
    }
    stop.send(()).unwrap();
    worker.join().unwrap();
    let totals = snapshot::Snapshot::without_cpu(&board).totals();
    let counts = totals.counts;
    assert_eq!((counts.started, counts.finished, counts.errors, counts.rejected), (4, 4, 2, 0));
    let read = snapshot::routes(&board);
    let of = |path: &str| read.iter().find(|route| route.path == path).unwrap();
    for path in ["/panics", "/panics-on-pool"] {
        assert_eq!(of(path).statuses.iter().collect::<Vec<_>>(), [(&500, &1)], "{path}");
    }
}
