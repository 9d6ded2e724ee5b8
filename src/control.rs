//! How the parts of a running target tell each other something: two mechanisms, no third.
//!
//! 1. A [`Channel`] between the supervisor and each worker and observer, made before it starts: [`Order`]s go down,
//!    [`Report`]s come up, an end of file means that the other side is dead. It is the same socket pair whether
//!    the other side is a process or a thread.
//! 2. The orders page of the scoreboard: what the observer wants of all workers at once ([`Standing`] orders). It is
//!    published under an epoch; each worker looks at the epoch on each request and once in 100 ms, and stores
//!    the epoch that it has applied.

mod counted;
mod faults;

use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Relaxed, Ordering::Release, fence};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::event::Event;
use crate::fault::{Faults, Written};
use crate::scoreboard::{ORDERS, Scoreboard};
use crate::sys::control_socket::{ControlSocket, Packet};

pub use counted::{Counted, KnownFaults, Moment, fault_tallies, faults_between, faults_in_force, known_faults};
pub use faults::{plans_in_force, put_faults};

/// From the supervisor to a worker or the observer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// To a worker, first of all: the listening sockets of its own slot, one an address, beside the message. To the
    /// observer: those of a slot that was added after it was started, to show their queues.
    Listeners {
        /// Whose they are.
        slot: usize,
    },
    /// To a worker: the listening sockets of a slot that has no worker at the moment, beside the message.
    Lend {
        /// Whose sockets they are.
        slot: usize,
    },
    /// To a worker: that slot has a worker again; stop accepting for it.
    Reclaim {
        /// Whose sockets they were.
        slot: usize,
    },
    /// To a worker: stop accepting, finish what there is, end.
    Drain(Drain),
    /// To a worker that is a thread: end at once. What is in flight has been given up.
    Abandon,
    /// To the observer: news, numbered from 1. It notes the number when it is done with them, and its successor is sent what
    /// it was not done with.
    News {
        /// Which these are.
        number: u64,
        /// What they are.
        news: News,
    },
    /// To the observer: all workers are reaped. Write the last row and end.
    Finish,
}

/// What the supervisor has for the observer, and no observer's death may take away.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum News {
    /// Something happened that belongs into `events.csv`.
    Happened(Event),
    /// A HUP has brought other fault plans. In parts that fit a packet each, the last one without more.
    Faults {
        /// Which part it is, from 0.
        part: usize,
        /// As understood.
        plans: Vec<Written>,
        /// Whether another part follows.
        more: bool,
    },
}

/// Why a worker is drained, which decides how long idle connections are kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Drain {
    /// The run ends: `/readyz` says 503 at once, `--drain-delay` later accepting stops, idle connections are closed
    /// after 2 s.
    Terminate,
    /// Another worker takes over: idle connections are kept until their next request.
    Replace,
}

/// From a worker or the observer to the supervisor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Report {
    /// It serves.
    Ready,
    /// It could not start, or not go on, and why.
    Failed {
        /// A sentence for the user.
        reason: String,
    },
    /// It has finished what it had, and ends.
    Drained,
}

/// The supervisor's end: orders out, reports in.
pub type SupervisorEnd = Channel<Order, Report>;

/// The other end: reports out, orders in.
pub type MemberEnd = Channel<Report, Order>;

/// One end of a control socket pair, with the kind of messages that go each way.
pub struct Channel<Out, In> {
    socket: ControlSocket,
    kinds: PhantomData<fn(Out) -> In>,
}

/// What a look at a channel found.
pub enum Received<T> {
    /// A message, and the descriptors beside it: all of them, or none where the kernel has no room for all.
    Message(T, Vec<OwnedFd>),
    /// Nothing at the moment.
    Nothing,
    /// The other side is dead.
    Closed,
}

/// A channel's two ends.
///
/// # Errors
/// What `socketpair(2)` says.
pub fn channel() -> io::Result<(SupervisorEnd, MemberEnd)> {
    let (one, other) = ControlSocket::pair()?;
    Ok((Channel { socket: one, kinds: PhantomData }, Channel { socket: other, kinds: PhantomData }))
}

impl<Out: Serialize, In: DeserializeOwned> Channel<Out, In> {
    /// Sends a message with descriptors beside it.
    ///
    /// # Errors
    /// When the other side is dead or has stopped reading.
    pub fn send(&self, message: &Out, descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
        self.socket.send(&serde_json::to_vec(message)?, descriptors)
    }

    /// Takes the next message, if there is one.
    ///
    /// # Errors
    /// What the kernel says, and `InvalidData` for a message that is none.
    pub fn receive(&self) -> io::Result<Received<In>> {
        Ok(match self.socket.receive()? {
            Packet::Message(bytes, descriptors) => Received::Message(serde_json::from_slice(&bytes)?, descriptors),
            Packet::Nothing => Received::Nothing,
            Packet::Closed => Received::Closed,
        })
    }
}

impl<Out, In> AsFd for Channel<Out, In> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl<Out, In> AsRawFd for Channel<Out, In> {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// What the observer wants of every worker until it says otherwise.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Standing {
    /// What `/readyz` says while nobody drains.
    pub ready: bool,
    /// The fault plans in force.
    pub faults: Faults,
}

impl Default for Standing {
    fn default() -> Self {
        Self { ready: true, faults: Faults::default() }
    }
}

/// The current epoch; 0 before anything was published.
#[must_use]
pub fn epoch(board: &Scoreboard) -> u64 {
    board.head().orders_epoch.load(Acquire)
}

/// Publishes standing orders and returns their epoch. For the observer, of which there is one.
///
/// # Errors
/// `InvalidInput` when they don't fit the page; the old ones stay in force.
pub fn publish(board: &Scoreboard, orders: &Standing) -> io::Result<u64> {
    let bytes = serde_json::to_vec(orders)?;
    if bytes.len() > ORDERS {
        let sentence = format!("these orders take {} bytes, the page holds {ORDERS}", bytes.len());
        return Err(io::Error::new(io::ErrorKind::InvalidInput, sentence));
    }
    let head = board.head();
    let next = head.orders_epoch.load(Relaxed) + 1;
    // A reader of the epoch before last must notice, by the present epoch, that its buffer is written again.
    fence(Release);
    head.orders[usize::from(!next.is_multiple_of(2))].write(&bytes);
    head.orders_epoch.store(next, Release);
    Ok(next)
}

/// The orders in force, with their epoch.
#[must_use]
pub fn standing(board: &Scoreboard) -> (u64, Standing) {
    let head = board.head();
    loop {
        let epoch = head.orders_epoch.load(Acquire);
        if epoch == 0 {
            return (0, Standing::default());
        }
        let bytes = head.orders[usize::from(!epoch.is_multiple_of(2))].read();
        fence(Acquire);
        if head.orders_epoch.load(Relaxed) == epoch {
            return (epoch, serde_json::from_slice(&bytes).unwrap_or_default());
        }
    }
}

/// A worker's view of the orders page. One thread looks; the atomic is there because handlers share it.
pub struct OrdersReader {
    board: Arc<Scoreboard>,
    applied: AtomicU64,
}

impl OrdersReader {
    /// Begins with nothing applied.
    #[must_use]
    pub fn new(board: Arc<Scoreboard>) -> Self {
        Self { board, applied: AtomicU64::new(0) }
    }

    /// The orders, if they are newer than those this reader returned last. One load when they aren't.
    pub fn newer(&self) -> Option<(u64, Standing)> {
        if epoch(&self.board) == self.applied.load(Relaxed) {
            return None;
        }
        let (epoch, orders) = standing(&self.board);
        self.applied.store(epoch, Relaxed);
        Some((epoch, orders))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::fd::AsFd;

    fn ready(ready: bool) -> Standing {
        Standing { ready, ..Standing::default() }
    }

    #[test]
    fn messages_arrive_whole_in_order_with_their_descriptor_and_end_with_the_sender() {
        let (above, below) = channel().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        above.send(&Order::Listeners { slot: 3 }, &[listener.as_fd(), other.as_fd()]).unwrap();
        above.send(&Order::Drain(Drain::Replace), &[]).unwrap();
        let Received::Message(first, descriptors) = below.receive().unwrap() else { panic!("no message") };
        assert_eq!(first, Order::Listeners { slot: 3 });
        let address = |descriptor| std::net::TcpListener::from(descriptor).local_addr().unwrap();
        let received: Vec<_> = descriptors.into_iter().map(address).collect();
        assert_eq!(received, [listener.local_addr().unwrap(), other.local_addr().unwrap()]);
        let Received::Message(second, descriptors) = below.receive().unwrap() else { panic!("no message") };
        assert_eq!((second, descriptors.len()), (Order::Drain(Drain::Replace), 0));
        assert!(matches!(below.receive().unwrap(), Received::Nothing));
        drop(above);
        assert!(matches!(below.receive().unwrap(), Received::Closed));
    }

    #[test]
    fn orders_are_seen_once_for_each_epoch() {
        let board = Scoreboard::map(1).unwrap();
        let reader = OrdersReader::new(Arc::clone(&board));
        assert_eq!(reader.newer(), None);
        assert_eq!(publish(&board, &ready(false)).unwrap(), 1);
        assert_eq!(reader.newer(), Some((1, ready(false))));
        assert_eq!(reader.newer(), None);
        publish(&board, &ready(true)).unwrap();
        publish(&board, &ready(false)).unwrap();
        assert_eq!(reader.newer(), Some((3, ready(false))));
        assert_eq!(standing(&board), (3, ready(false)));
    }

    #[test]
    fn a_reader_never_sees_half_of_two_orders() {
        let board = Scoreboard::map(1).unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for turn in 0..20_000_u64 {
                    publish(&board, &ready(turn.is_multiple_of(2))).unwrap();
                }
            });
            let mut last = 0;
            while last < 20_000 {
                let (epoch, orders) = standing(&board);
                assert!(epoch >= last);
                assert_eq!(orders.ready, epoch == 0 || !epoch.is_multiple_of(2), "epoch {epoch}");
                last = epoch;
            }
        });
    }
}
