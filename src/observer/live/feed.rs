//! Who listens to the server-sent events, and how far each is behind.
//!
//! A message is made once and shared. It waits in its client's queue until the connection takes it, which it does for as
//! long as the client reads. One that takes nothing for too long, or is too far behind, is cut off: a tick waits for
//! nobody. What the kernels on both sides buffer counts as taken, since nobody can see through them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;
use http_body::{Body, Frame};
use tokio::sync::Notify;

use super::Live;
use crate::sys::clock;

/// Clients at once: half of the places that the admin listener has, so that there is always room to ask.
const CLIENTS: usize = 32;

/// A client may have so much waiting for it.
const BEHIND: usize = 256 * 1024;

/// A client must take something this often, if there is anything.
const PATIENCE_NS: u64 = 10 * clock::SECOND;

/// Ends a connection from outside.
#[derive(Clone, Default)]
pub struct Cut(Arc<Notify>);

impl Cut {
    /// Returns when the connection is to end.
    pub async fn wanted(&self) {
        self.0.notified().await;
    }

    fn cut(&self) {
        self.0.notify_one();
    }
}

/// Everybody who listens.
#[derive(Default)]
pub struct Clients {
    entered: u64,
    clients: BTreeMap<u64, Client>,
}

struct Client {
    waiting: VecDeque<Bytes>,
    /// Their length.
    behind: usize,
    /// When something was last taken, or began to wait (monotonic).
    since_ns: u64,
    waker: Option<Waker>,
    cut: Cut,
}

impl Clients {
    /// Whether nobody listens.
    pub fn is_empty(&self) -> bool {
        self.clients.is_empty()
    }

    /// One more, with its number; `None` when there is no room.
    pub fn enter(&mut self, cut: Cut) -> Option<u64> {
        if self.clients.len() == CLIENTS {
            return None;
        }
        self.entered += 1;
        let client = Client { waiting: VecDeque::new(), behind: 0, since_ns: 0, waker: None, cut };
        self.clients.insert(self.entered, client);
        Some(self.entered)
    }

    /// Queues a message for everybody; drops those who are too slow and says how many they were.
    pub fn tell(&mut self, message: &Bytes, now_ns: u64) -> u64 {
        let before = self.clients.len();
        self.clients.retain(|_, client| {
            let keeps_up = client.queue(message, now_ns);
            if !keeps_up {
                client.cut.cut();
            }
            keeps_up
        });
        (before - self.clients.len()) as u64
    }

    /// Whether nothing waits for anybody.
    pub fn have_taken_all(&self) -> bool {
        self.clients.values().all(|client| client.waiting.is_empty())
    }

    /// The next message for a client: `None` when it was dropped.
    fn take(&mut self, number: u64, context: &Context<'_>, now_ns: u64) -> Poll<Option<Bytes>> {
        let Some(client) = self.clients.get_mut(&number) else { return Poll::Ready(None) };
        let Some(message) = client.waiting.pop_front() else {
            client.waker = Some(context.waker().clone());
            return Poll::Pending;
        };
        client.behind -= message.len();
        client.since_ns = now_ns;
        Poll::Ready(Some(message))
    }

    fn leave(&mut self, number: u64) {
        self.clients.remove(&number);
    }
}

impl Client {
    /// Whether the client is fast enough to be told.
    fn queue(&mut self, message: &Bytes, now_ns: u64) -> bool {
        if self.waiting.is_empty() {
            self.since_ns = now_ns;
        }
        if now_ns.saturating_sub(self.since_ns) >= PATIENCE_NS || self.behind + message.len() > BEHIND {
            return false;
        }
        self.behind += message.len();
        self.waiting.push_back(message.clone());
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
        true
    }
}

/// The body of one client's answer: it has no end of its own.
pub struct Feed {
    live: Arc<Live>,
    number: u64,
    hello: Option<Bytes>,
}

/// The client was too slow.
#[derive(Debug)]
pub struct TooSlow;

impl fmt::Display for TooSlow {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("the client does not read its events")
    }
}

impl std::error::Error for TooSlow {}

impl Feed {
    pub(super) fn new(live: Arc<Live>, number: u64, hello: Bytes) -> Self {
        Self { live, number, hello: Some(hello) }
    }
}

impl Body for Feed {
    type Data = Bytes;
    type Error = TooSlow;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, TooSlow>>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(Ok(Frame::data(hello))));
        }
        let taken = self.live.inner().clients.take(self.number, context, clock::monotonic_ns());
        taken.map(|message| Some(message.map(Frame::data).ok_or(TooSlow)))
    }
}

impl Drop for Feed {
    fn drop(&mut self) {
        self.live.inner().clients.leave(self.number);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MESSAGE: Bytes = Bytes::from_static(&[b'x'; 64 * 1024]);

    fn take(clients: &mut Clients, number: u64, now_ns: u64) -> Option<usize> {
        match clients.take(number, &Context::from_waker(Waker::noop()), now_ns) {
            Poll::Ready(Some(message)) => Some(message.len()),
            Poll::Ready(None) | Poll::Pending => None,
        }
    }

    #[test]
    fn who_is_too_far_behind_is_dropped_and_the_others_are_not() {
        let mut clients = Clients::default();
        let (slow, quick) = (clients.enter(Cut::default()).unwrap(), clients.enter(Cut::default()).unwrap());
        for tick in 0..4 {
            assert_eq!(clients.tell(&MESSAGE, tick), 0);
            assert_eq!(take(&mut clients, quick, tick), Some(MESSAGE.len()));
        }
        assert_eq!(clients.tell(&Bytes::from_static(b"x"), 4), 1, "256 KiB are waiting already");
        assert_eq!((take(&mut clients, slow, 5), take(&mut clients, quick, 5)), (None, Some(1)));
        assert_eq!(clients.clients.len(), 1);
    }

    #[test]
    fn who_takes_nothing_for_10_s_is_dropped() {
        let mut clients = Clients::default();
        let number = clients.enter(Cut::default()).unwrap();
        let small = Bytes::from_static(b"x");
        // Nothing waits for it for an hour.
        assert_eq!(clients.tell(&small, 3_600 * clock::SECOND), 0);
        assert_eq!(clients.tell(&small, 3_609 * clock::SECOND), 0);
        assert_eq!(take(&mut clients, number, 3_609 * clock::SECOND), Some(1));
        assert_eq!(clients.tell(&small, 3_618 * clock::SECOND), 0, "it took one 9 s ago");
        assert_eq!(clients.tell(&small, 3_619 * clock::SECOND), 1);
        assert!(clients.is_empty());
    }

    #[test]
    fn there_is_room_for_so_many() {
        let mut clients = Clients::default();
        let numbers: Vec<_> = (0..CLIENTS).map(|_| clients.enter(Cut::default()).unwrap()).collect();
        assert_eq!(clients.enter(Cut::default()), None);
        clients.leave(numbers[3]);
        assert!(clients.enter(Cut::default()).is_some());
    }
}
