//! Gates, on real listeners. Connecting needs nobody to accept: the kernel completes it.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};

use super::*;
use crate::config::{Addresses, Config};
use crate::http::{Routes, Target, routes};
use crate::profile::Profile;
use crate::scoreboard::{Scoreboard, SeatState, SeatWriter};
use crate::sys::listener::{Claim, accept_queue, address_of, tcp};
use crate::wire::Gauge;
use crate::work::inference::Inference;

const BACKLOG: u32 = 16;

/// A worker's connections, and how many it has accepted.
fn connections() -> (Arc<Connections>, impl Fn() -> u64) {
    let board = Scoreboard::map(1).unwrap();
    board.slots()[0].occupy(0, 1, 1);
    board.slots()[0].roster(0).set_state(SeatState::Live);
    let seat = Arc::new(SeatWriter::new(Arc::clone(&board), 0, 0));
    let config = Config::of(&[]);
    let target = Target::new(&config, Addresses::default(), Arc::clone(&seat), None, Inference::default());
    let routes = Arc::new(Routes::new(routes(&Profile::default()), &target));
    let connections = Connections::new(seat, target, routes, Gauge::default());
    (Arc::new(connections), move || board.slots()[0].seat(0).counters().read().accepts)
}

/// A listener that was bound to its port by number.
fn numbered(claim: Claim) -> (OwnedFd, SocketAddr) {
    loop {
        let free = tcp("127.0.0.1:0".parse().unwrap(), 1, Claim::First).unwrap();
        let address = address_of(&free).unwrap();
        drop(free);
        // Somebody else may have been faster.
        if let Ok(listener) = tcp(address, BACKLOG, claim) {
            return (listener, address);
        }
    }
}

fn on_a_runtime<F: Future>(test: F) -> F::Output {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(test)
}

/// The answer, once there is one.
async fn answer(client: &mut TcpStream) -> String {
    client.set_nonblocking(true).unwrap();
    let mut answer = Vec::new();
    let all = async {
        loop {
            let mut bytes = [0; 1000];
            match client.read(&mut bytes) {
                Ok(0) => return,
                Ok(length) => answer.extend(&bytes[..length]),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    tokio::time::sleep(Duration::from_millis(1)).await;
                }
                Err(error) => panic!("{error}"),
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(20), all).await.unwrap();
    String::from_utf8(answer).unwrap()
}

fn ask(address: SocketAddr) -> TcpStream {
    let mut client = TcpStream::connect(address).unwrap();
    client.write_all(b"GET /health HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n").unwrap();
    client
}

fn is_refused(address: SocketAddr) -> bool {
    TcpStream::connect(address).is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Long enough for a task that was runnable to have run.
async fn others_run() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    tokio::time::sleep(Duration::from_millis(5)).await;
}

#[test]
fn a_frozen_listener_leaves_connections_in_its_queue() {
    on_a_runtime(async {
        let (connections, accepted) = connections();
        let mut acceptors = Acceptors::new(BACKLOG);
        let (listener, address) = numbered(Claim::First);
        let same = listener.try_clone().unwrap();
        acceptors.add(0, vec![listener], &connections).await.unwrap();
        let mut early = TcpStream::connect(address).unwrap();
        while accepted() < 1 {
            tokio::task::yield_now().await;
        }
        acceptors.set(Gate::Frozen, &connections).await.unwrap();
        let (mut one, mut other) = (ask(address), ask(address));
        early.write_all(b"GET /health HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n").unwrap();
        assert!(answer(&mut early).await.ends_with("OK"), "what was accepted is served");
        others_run().await;
        assert_eq!((accepted(), accept_queue(same.as_fd()).get().flatten().unwrap().depth), (1, 2));
        acceptors.set(Gate::Open, &connections).await.unwrap();
        assert!(answer(&mut one).await.ends_with("OK") && answer(&mut other).await.ends_with("OK"));
        assert_eq!(accepted(), 3);
    });
}

#[test]
fn a_refusing_one_takes_what_waits_and_refuses_until_it_is_opened() {
    on_a_runtime(async {
        let (connections, accepted) = connections();
        let mut acceptors = Acceptors::new(BACKLOG);
        let (first, address) = numbered(Claim::First);
        let second = tcp(address, BACKLOG, Claim::Join).unwrap();
        let same = first.try_clone().unwrap();
        acceptors.add(0, vec![first], &connections).await.unwrap();
        acceptors.add(1, vec![second], &connections).await.unwrap();
        for round in 1..=3 {
            let mut waiting: Vec<_> = (0..8).map(|_| ask(address)).collect();
            acceptors.set(Gate::Refusing, &connections).await.unwrap();
            assert!((0..8).all(|_| is_refused(address)), "round {round}");
            for client in &mut waiting {
                assert!(answer(client).await.ends_with("OK"), "round {round}: it came before");
            }
            // By way of frozen, or at once.
            if round == 2 {
                acceptors.set(Gate::Frozen, &connections).await.unwrap();
                assert!(!is_refused(address));
            }
            acceptors.set(Gate::Open, &connections).await.unwrap();
            for mut client in (0..8).map(|_| ask(address)).collect::<Vec<_>>() {
                assert!(answer(&mut client).await.ends_with("OK"), "round {round}");
            }
        }
        // Both rounds of 8, thrice, and the one that only looked.
        assert_eq!(accepted(), 49);
        assert_eq!(accept_queue(same.as_fd()).get().flatten().unwrap().limit, u64::from(BACKLOG));
    });
}

/// A loan, or a successor: whatever its predecessor has left.
#[test]
fn who_gets_a_listener_brings_it_into_the_state_of_the_others() {
    on_a_runtime(async {
        let (connections, accepted) = connections();
        let (listener, address) = numbered(Claim::First);
        let another = || listener.try_clone().unwrap();
        let mut acceptors = Acceptors::new(BACKLOG);
        acceptors.set(Gate::Refusing, &connections).await.unwrap();
        acceptors.add(0, vec![another()], &connections).await.unwrap();
        assert!(is_refused(address));
        // Given back and got again, it still does.
        acceptors.remove(0);
        assert!(is_refused(address));
        acceptors.add(0, vec![another()], &connections).await.unwrap();
        assert!(is_refused(address));
        // It dies while it refuses; when the successor comes, the window has closed.
        drop(acceptors);
        let mut successor = Acceptors::new(BACKLOG);
        successor.add(0, vec![another()], &connections).await.unwrap();
        assert!(answer(&mut ask(address)).await.ends_with("OK"));
        let mut frozen = Acceptors::new(BACKLOG);
        frozen.set(Gate::Frozen, &connections).await.unwrap();
        successor.remove(0);
        others_run().await;
        frozen.add(0, vec![another()], &connections).await.unwrap();
        let _waits = ask(address);
        others_run().await;
        assert_eq!((accepted(), accept_queue(listener.as_fd()).get().flatten().unwrap().depth), (1, 1));
    });
}

#[test]
fn nobody_else_gets_the_port_meanwhile() {
    on_a_runtime(async {
        let (connections, _) = connections();
        let (listener, address) = numbered(Claim::First);
        let mut acceptors = Acceptors::new(BACKLOG);
        acceptors.add(0, vec![listener], &connections).await.unwrap();
        let mut kept = TcpStream::connect(address).unwrap();
        acceptors.set(Gate::Refusing, &connections).await.unwrap();
        // A second quintain, and a program that is content with any socket.
        assert_eq!(tcp(address, 1, Claim::First).unwrap_err().kind(), ErrorKind::AddrInUse);
        assert_eq!(std::net::TcpListener::bind(address).unwrap_err().kind(), ErrorKind::AddrInUse);
        acceptors.set(Gate::Open, &connections).await.unwrap();
        for client in [&mut TcpStream::connect(address).unwrap(), &mut kept] {
            client.write_all(b"GET /health HTTP/1.1\r\nHost: target\r\nConnection: close\r\n\r\n").unwrap();
            assert!(answer(client).await.ends_with("OK"));
        }
    });
}

#[test]
fn who_leaves_a_frozen_listener_leaves_its_queue_only_to_a_successor() {
    for (after, taken) in [(Afterwards::TakenOver, 0), (Afterwards::Shut, 1)] {
        on_a_runtime(async {
            let (connections, accepted) = connections();
            let (listener, address) = numbered(Claim::First);
            let same = listener.try_clone().unwrap();
            let mut acceptors = Acceptors::new(BACKLOG);
            acceptors.set(Gate::Frozen, &connections).await.unwrap();
            acceptors.add(0, vec![listener], &connections).await.unwrap();
            let mut client = ask(address);
            acceptors.stop(after, &connections).await;
            assert_eq!(accepted(), taken, "{after:?}");
            if after == Afterwards::Shut {
                assert!(answer(&mut client).await.ends_with("OK"));
                assert!(is_refused(address));
            } else {
                assert_eq!(accept_queue(same.as_fd()).get().flatten().unwrap().depth, 1);
            }
        });
    }
}
