//! What a socket, the requests on it and the worker's sweep share.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use tokio::sync::Notify;

use super::Breakage;
use crate::scoreboard::{FaultMark, Finished, Outcome, SeatWriter};
use crate::sys::socket::Received;
use crate::sys::{clock, socket};

/// Where a connection stands, for the timeouts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Phase {
    /// Nothing of a request has been read.
    Idle,
    /// Some of a request's head has been read.
    Head,
    /// A request is being served.
    Busy,
}

/// How long a connection may stand where it does.
#[derive(Clone, Copy, Debug)]
pub struct Timeouts {
    /// From a request's first byte to the end of its head.
    pub head: Duration,
    /// Between requests; `None` is for ever.
    pub idle: Option<Duration>,
    /// Without the client taking a byte of what is to be written.
    pub stall: Duration,
}

/// Wakes the worker when its last connection has ended.
#[derive(Default)]
pub struct Gauge {
    /// Notified at the end of each connection while [`Gauge::watch`] is on.
    pub ended: Notify,
    watched: AtomicBool,
}

impl Gauge {
    /// From here on the end of a connection is told.
    pub fn watch(&self) {
        self.watched.store(true, Relaxed);
    }
}

/// A request whose body hyper has taken, waiting for the flush.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The route's number.
    pub route: usize,
    /// How it has ended once all that was written is with the kernel.
    pub outcome: Outcome,
    /// The fault that is carried out if it ends so.
    pub fault: Option<FaultMark>,
    /// When its head was parsed (monotonic).
    pub head_ns: u64,
    /// When the kernel received it (monotonic).
    pub arrival_ns: u64,
    /// Whether the arrival is the kernel's stamp, and not only the time of our read.
    pub stamped: bool,
}

/// Who waits until all that was written is with the kernel.
#[derive(Default)]
struct Waiting {
    endings: Vec<Ending>,
    task: Option<Waker>,
}

/// One connection.
pub struct Connection {
    socket: OwnedFd,
    seat: Arc<SeatWriter>,
    gauge: Arc<Gauge>,
    phase: AtomicU8,
    since_ns: AtomicU64,
    arrival_ns: AtomicU64,
    stamped: AtomicBool,
    route: AtomicUsize,
    /// Somebody is [`Waiting`].
    awaited: AtomicBool,
    broken: AtomicBool,
    /// The [`Breakage`] that was ordered, plus one; 0 is none.
    breakage: AtomicU8,
    takes_interim: AtomicBool,
    unread: AtomicBool,
    /// Since when the kernel takes nothing of what is to be written; 0 while it does.
    stalled_ns: AtomicU64,
    waiting: Mutex<Waiting>,
}

impl Connection {
    /// Takes over an accepted socket, and counts it.
    #[must_use]
    pub fn new(socket: OwnedFd, seat: Arc<SeatWriter>, gauge: Arc<Gauge>) -> Arc<Self> {
        seat.accepted();
        Arc::new(Self {
            socket,
            seat,
            gauge,
            phase: AtomicU8::new(Phase::Idle as u8),
            since_ns: AtomicU64::new(clock::monotonic_ns()),
            arrival_ns: AtomicU64::new(0),
            stamped: AtomicBool::new(false),
            route: AtomicUsize::new(0),
            awaited: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            breakage: AtomicU8::new(0),
            takes_interim: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            stalled_ns: AtomicU64::new(0),
            waiting: Mutex::default(),
        })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// The seat of the worker that serves it.
    #[must_use]
    pub fn seat(&self) -> &Arc<SeatWriter> {
        &self.seat
    }

    /// When the bytes that were read last arrived (monotonic), and whether the kernel said so. While a head is
    /// parsed that is the read which completed it: hyper reads on only when it has no whole head left.
    #[must_use]
    pub fn arrival(&self) -> (u64, bool) {
        (self.arrival_ns.load(Relaxed), self.stamped.load(Relaxed))
    }

    /// The route of the request that is in the router now. HTTP/1 serves one at a time.
    #[must_use]
    pub fn route(&self) -> usize {
        self.route.load(Relaxed)
    }

    /// The router has found the request's route.
    pub fn set_route(&self, number: usize) {
        self.route.store(number, Relaxed);
    }

    /// A head was parsed. Interim responses are for clients of HTTP/1.1.
    pub fn head_parsed(&self, now_ns: u64, takes_interim: bool) {
        self.route.store(0, Relaxed);
        self.takes_interim.store(takes_interim, Relaxed);
        self.enter(Phase::Busy, now_ns);
    }

    /// The response of the request in the router is there, and will be written next.
    pub fn answered(&self) {
        self.takes_interim.store(false, Relaxed);
    }

    /// Whether an interim response may be written now.
    pub(super) fn takes_interim(&self) -> bool {
        self.takes_interim.load(Relaxed)
    }

    /// Some of a request is left in the socket, and nobody will read it.
    pub fn leave_unread(&self) {
        self.unread.store(true, Relaxed);
    }

    /// Whether it was left so.
    #[must_use]
    pub fn has_unread(&self) -> bool {
        self.unread.load(Relaxed)
    }

    fn enter(&self, phase: Phase, now_ns: u64) {
        self.phase.store(phase as u8, Relaxed);
        self.since_ns.store(now_ns, Relaxed);
    }

    pub(super) fn phase(&self) -> Phase {
        let phase = self.phase.load(Relaxed);
        [Phase::Idle, Phase::Head].into_iter().find(|&known| known as u8 == phase).unwrap_or(Phase::Busy)
    }

    /// Something was read; `in_head` says whether it ended inside of a head.
    pub(super) fn received(&self, received: Received, in_head: bool) {
        let Received { bytes, arrival_realtime_ns } = received;
        self.seat.bytes_in(bytes);
        let now = clock::monotonic_ns();
        let waited = arrival_realtime_ns.map(|arrival| clock::realtime_ns().saturating_sub(arrival));
        self.arrival_ns.store(now.saturating_sub(waited.unwrap_or(0)), Relaxed);
        self.stamped.store(waited.is_some(), Relaxed);
        if in_head && self.phase() == Phase::Idle {
            self.enter(Phase::Head, now);
        }
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.seat.bytes_out(bytes);
        self.stalled_ns.store(0, Relaxed);
    }

    /// The kernel takes no more for now.
    pub(super) fn stalled(&self) {
        if self.stalled_ns.load(Relaxed) == 0 {
            self.stalled_ns.store(clock::monotonic_ns(), Relaxed);
        }
    }

    /// The response body of a request is in hyper's hands, or the request was given up.
    pub fn body_ended(&self, ending: Ending) {
        if self.broken.load(Relaxed) {
            self.end(ending, clock::monotonic_ns(), Outcome::ClientGone);
            return;
        }
        self.waiting().endings.push(ending);
        self.awaited.store(true, Relaxed);
    }

    /// A request ends here and now, as it says: its worker is about to.
    pub fn end_now(&self, ending: Ending) {
        self.end(ending, clock::monotonic_ns(), ending.outcome);
    }

    /// Waits until the answers to all earlier requests are with the kernel.
    pub fn poll_earlier_flushed(&self, context: &Context<'_>) -> Poll<()> {
        if self.waiting().endings.is_empty() {
            return Poll::Ready(());
        }
        self.await_flush(context);
        Poll::Pending
    }

    /// Wakes the task once everything is with the kernel that hyper has been given by now.
    pub fn await_flush(&self, context: &Context<'_>) {
        self.waiting().task = Some(context.waker().clone());
        self.awaited.store(true, Relaxed);
    }

    /// Whether it still waits for that.
    #[must_use]
    pub fn awaits_flush(&self) -> bool {
        self.waiting().task.is_some()
    }

    /// The connection is to be broken as soon as hyper lets go of it, which its service asks for by an error.
    pub fn order(&self, breakage: Breakage) {
        self.breakage.store(breakage as u8 + 1, Relaxed);
    }

    /// What was ordered.
    #[must_use]
    pub fn ordered(&self) -> Option<Breakage> {
        let ordered = self.breakage.load(Relaxed);
        Breakage::ALL.into_iter().find(|&known| known as u8 + 1 == ordered)
    }

    /// All that was written is with the kernel. `in_head` says whether the next head has begun.
    pub(super) fn flushed(&self, in_head: bool) {
        if !self.awaited.load(Relaxed) {
            return;
        }
        let now = clock::monotonic_ns();
        let (ended, task) = self.end_all(now, |ending| ending.outcome);
        if ended {
            self.enter(if in_head { Phase::Head } else { Phase::Idle }, now);
        }
        if let Some(task) = task {
            task.wake();
        }
    }

    /// It has been broken as ordered.
    pub(super) fn carried_out(&self) {
        self.broken.store(true, Relaxed);
        self.end_all(clock::monotonic_ns(), |ending| ending.outcome);
    }

    /// The socket is gone, or hyper is done with it: what was not flushed never will be.
    pub fn broken(&self) {
        self.broken.store(true, Relaxed);
        self.end_all(clock::monotonic_ns(), |_| Outcome::ClientGone);
    }

    /// Whether it is.
    pub(super) fn is_broken(&self) -> bool {
        self.broken.load(Relaxed)
    }

    /// Ends the requests that wait. Returns whether there were any, and the task to wake.
    fn end_all(&self, now_ns: u64, outcome: impl Fn(&Ending) -> Outcome) -> (bool, Option<Waker>) {
        self.awaited.store(false, Relaxed);
        let mut waiting = self.waiting();
        let any = !waiting.endings.is_empty();
        for ending in waiting.endings.drain(..) {
            self.end(ending, now_ns, outcome(&ending));
        }
        (any, waiting.task.take())
    }

    fn end(&self, ending: Ending, now_ns: u64, outcome: Outcome) {
        let Ending { route, outcome: planned, fault, head_ns, arrival_ns, stamped } = ending;
        if let Some(fault) = fault.filter(|_| outcome == planned) {
            self.seat.board().head().faults.carried_out(fault);
        }
        self.seat.finished(&Finished {
            route,
            outcome,
            queue_ns: stamped.then(|| head_ns.saturating_sub(arrival_ns)),
            service_ns: now_ns.saturating_sub(head_ns),
            latency_ns: now_ns.saturating_sub(arrival_ns),
        });
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        // Never held across anything that can panic.
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the connection if it has stood too long where it stands; a head that took too long counts as rejected.
    pub fn sweep(&self, now_ns: u64, timeouts: Timeouts) {
        let stalled_ns = self.stalled_ns.load(Relaxed);
        if stalled_ns > 0 && Duration::from_nanos(now_ns.saturating_sub(stalled_ns)) >= timeouts.stall {
            // An orderly end would keep all that is unsent in the kernel, for a client that takes none of it.
            socket::reset(self.socket());
            return;
        }
        let stood = Duration::from_nanos(now_ns.saturating_sub(self.since_ns.load(Relaxed)));
        match self.phase() {
            Phase::Head if stood >= timeouts.head => {
                self.seat.rejected();
                // Once is enough.
                self.enter(Phase::Idle, now_ns);
                socket::end(self.socket());
            }
            Phase::Idle if timeouts.idle.is_some_and(|idle| stood >= idle) => socket::end(self.socket()),
            Phase::Idle | Phase::Head | Phase::Busy => {}
        }
    }
}

impl AsFd for Connection {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.seat.closed();
        if self.gauge.watched.load(Relaxed) {
            self.gauge.ended.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
