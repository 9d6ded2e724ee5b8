//! What a socket, the requests on it and the worker's sweep share.

use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, Waker};

use tokio::sync::Notify;

use super::Breakage;
use super::arrival::{Reading, WallClock};
use super::standing::{Phase, Standing, Timeouts, Verdict};
use crate::scoreboard::{Effort, FaultMark, Finished, Outcome, Rejection, SeatWriter, Spent, Times};
use crate::sys::socket::Received;
use crate::sys::{clock, lock, socket};
use crate::work::{loop_hold, loop_wait};

/// What the connections of a worker share: it wakes the worker when the last one has ended.
pub struct Gauge {
    /// Notified at the end of each connection while [`Gauge::watch`] is on.
    pub ended: Notify,
    watched: AtomicBool,
    /// What arrival stamps are read by; `None` where no times of requests are kept.
    wall_clock: Option<WallClock>,
}

impl Default for Gauge {
    fn default() -> Self {
        let wall_clock = Some(WallClock::seen(Reading::now()));
        Self { ended: Notify::default(), watched: AtomicBool::default(), wall_clock }
    }
}

impl Gauge {
    /// Of a worker that keeps no times of its requests: see `--without-times`.
    #[must_use]
    pub fn without_times() -> Self {
        Self { wall_clock: None, ..Self::default() }
    }

    /// From here on the end of a connection is told.
    pub fn watch(&self) {
        self.watched.store(true, Relaxed);
    }
}

/// A request whose body hyper has taken, waiting for the flush.
#[derive(Clone, Debug)]
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
    /// How long it has waited for the loop since its head was parsed.
    pub loop_ns: u64,
    /// What else is known of it.
    pub effort: Option<Box<Effort>>,
}

/// Who waits until all that was written is with the kernel.
#[derive(Default)]
struct Waiting {
    endings: Vec<Ending>,
    task: Option<Waker>,
    /// Whoever reads, and has to let the answers go first.
    reader: Option<Waker>,
}

/// One connection.
pub struct Connection {
    socket: OwnedFd,
    seat: Arc<SeatWriter>,
    gauge: Arc<Gauge>,
    standing: Standing,
    /// A head was parsed whose answer hyper has not yet taken.
    is_serving: AtomicBool,
    arrival_ns: AtomicU64,
    stamped: AtomicBool,
    /// How long the request in the router has waited for the loop.
    loop_ns: AtomicU64,
    /// Whether anything else is known of it: most requests need no more than this look.
    has_effort: AtomicBool,
    effort: Mutex<Box<Effort>>,
    /// Since when its body is waited for (monotonic); 0 while it is not.
    awaits_body_ns: AtomicU64,
    route: AtomicUsize,
    /// The index that the request in the router has drawn, plus one; 0 is none yet.
    index: AtomicU64,
    /// Somebody is [`Waiting`].
    awaited: AtomicBool,
    broken: AtomicBool,
    /// The [`Breakage`] that was ordered, plus one; 0 is none.
    breakage: AtomicU8,
    takes_interim: AtomicBool,
    unread: AtomicBool,
    in_body: AtomicBool,
    unflushed: AtomicBool,
    waiting: Mutex<Waiting>,
}

impl Connection {
    /// Takes over an accepted socket, and counts it.
    #[must_use]
    pub fn new(socket: OwnedFd, seat: Arc<SeatWriter>, gauge: Arc<Gauge>) -> Arc<Self> {
        let now_ns = clock::monotonic_ns();
        seat.accepted(now_ns);
        Arc::new(Self {
            socket,
            seat,
            gauge,
            standing: Standing::begin(now_ns),
            is_serving: AtomicBool::new(false),
            arrival_ns: AtomicU64::new(0),
            stamped: AtomicBool::new(false),
            loop_ns: AtomicU64::new(0),
            has_effort: AtomicBool::new(false),
            effort: Mutex::default(),
            awaits_body_ns: AtomicU64::new(0),
            route: AtomicUsize::new(0),
            index: AtomicU64::new(0),
            awaited: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            breakage: AtomicU8::new(0),
            takes_interim: AtomicBool::new(false),
            unread: AtomicBool::new(false),
            in_body: AtomicBool::new(false),
            unflushed: AtomicBool::new(false),
            waiting: Mutex::default(),
        })
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }

    /// Where it comes from; `None` for a unix socket.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        socket::peer(self.socket())
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
        self.index.store(0, Relaxed);
    }

    /// The index of the request in the router among those of its route that draw one, whichever worker serves them.
    #[must_use]
    pub fn index(&self) -> u64 {
        if let Some(drawn) = self.index.load(Relaxed).checked_sub(1) {
            return drawn;
        }
        let drawn = self.seat.board().route_index(self.route()).draw();
        self.index.store(drawn + 1, Relaxed);
        drawn
    }

    /// A head was parsed. Interim responses are for clients of HTTP/1.1.
    pub fn head_parsed(&self, now_ns: u64, takes_interim: bool) {
        self.route.store(0, Relaxed);
        self.loop_ns.store(0, Relaxed);
        self.has_effort.store(false, Relaxed);
        self.awaits_body_ns.store(0, Relaxed);
        self.takes_interim.store(takes_interim, Relaxed);
        self.is_serving.store(true, Relaxed);
        self.standing.enter(Phase::Busy, now_ns);
    }

    /// Polls what works for the request in the router, and adds what it had waited for the loop to the request's account.
    pub fn polling<T>(&self, poll: impl FnOnce() -> T) -> T {
        // What is left there is no request's.
        loop_wait::discard();
        let polled = poll();
        self.add_loop_wait(loop_wait::take());
        self.add_held();
        polled
    }

    /// The same for what gives the response's body. It is not polled while the client takes nothing of what is written:
    /// then what it was late by is the client's.
    pub fn polling_body<T>(&self, poll: impl FnOnce() -> T) -> T {
        if !self.is_unflushed() {
            return self.polling(poll);
        }
        let polled = poll();
        loop_wait::discard();
        self.add_held();
        polled
    }

    /// How long the request in the router has waited for the loop since its head was parsed. Also while it is polled.
    #[must_use]
    pub fn loop_ns(&self) -> u64 {
        self.add_loop_wait(loop_wait::take());
        self.loop_ns.load(Relaxed)
    }

    /// What held the loop while the request in the router was polled was its work.
    fn add_held(&self) {
        if let Some(held_ns) = loop_hold::of_route(self.route()) {
            self.effort().held_ns += held_ns;
        }
    }

    /// Adds what was just taken from the thread.
    fn add_loop_wait(&self, waited_ns: u64) {
        if waited_ns > 0 {
            self.loop_ns.store(self.loop_ns.load(Relaxed).saturating_add(waited_ns), Relaxed);
            for (route, waited_ns) in loop_wait::take_behind() {
                self.effort().add_behind(route, waited_ns);
            }
        }
    }

    /// The request in the router has waited for the loop from one moment to another (monotonic): adds up for whom.
    pub fn add_behind(&self, from_ns: u64, to_ns: u64) {
        if loop_hold::is_after(from_ns) {
            loop_hold::each_between(from_ns, to_ns, |route, held_ns| self.effort().add_behind(route, held_ns));
        }
    }

    /// The same, where that wait is not a part of the queue.
    fn waited_for_loop(&self, from_ns: u64, to_ns: u64) {
        let waited_ns = to_ns.saturating_sub(from_ns);
        self.loop_ns.store(self.loop_ns.load(Relaxed).saturating_add(waited_ns), Relaxed);
        self.add_behind(from_ns, to_ns);
    }

    /// The handler of the request in the router says what the request has spent.
    pub fn spent(&self, spent: Spent) {
        self.effort().spent = Some(spent);
    }

    /// What is known of the request in the router, beside its times.
    fn effort(&self) -> MutexGuard<'_, Box<Effort>> {
        let mut effort = lock(&self.effort);
        if !self.has_effort.load(Relaxed) {
            self.has_effort.store(true, Relaxed);
            **effort = Effort::default();
        }
        effort
    }

    /// Takes that; `None` where there is nothing.
    #[must_use]
    pub fn take_effort(&self) -> Option<Box<Effort>> {
        if !self.has_effort.load(Relaxed) {
            return None;
        }
        self.has_effort.store(false, Relaxed);
        Some(std::mem::take(&mut *lock(&self.effort)))
    }

    /// The request in the router waits for more of its body than has arrived.
    pub(super) fn awaits_body(&self) {
        if self.awaits_body_ns.load(Relaxed) == 0 {
            self.awaits_body_ns.store(clock::monotonic_ns(), Relaxed);
        }
    }

    /// The response of the request in the router is there, and will be written next.
    pub fn answered(&self) {
        self.takes_interim.store(false, Relaxed);
    }

    /// Whether an interim response may be written now.
    pub(super) fn takes_interim(&self) -> bool {
        self.takes_interim.load(Relaxed)
    }

    /// Whether what was read last ended inside of a body.
    pub(super) fn is_in_body(&self) -> bool {
        self.in_body.load(Relaxed)
    }

    /// Whether hyper has something to write that the kernel has not all taken.
    pub(super) fn is_unflushed(&self) -> bool {
        self.unflushed.load(Relaxed)
    }

    /// See [`Connection::polling_body`].
    pub fn set_unflushed(&self, unflushed: bool) {
        self.unflushed.store(unflushed, Relaxed);
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

    pub(super) fn phase(&self) -> Phase {
        self.standing.phase()
    }

    /// Whether it is recorded how long its requests take.
    pub(super) fn keeps_times(&self) -> bool {
        self.gauge.wall_clock.is_some()
    }

    /// Something was read, which ended inside of a head, of a body, or between requests.
    pub(super) fn received(&self, received: Received, in_head: bool, in_body: bool) {
        let Received { bytes, arrival_realtime_ns } = received;
        self.seat.bytes_in(bytes);
        let (now, arrival) = match arrival_realtime_ns.zip(self.gauge.wall_clock.as_ref()) {
            Some((stamp_ns, wall_clock)) => {
                let now = Reading::now();
                (now.monotonic_ns, wall_clock.arrival_ns(stamp_ns, now, Reading::now))
            }
            None => (clock::monotonic_ns(), None),
        };
        let awaited_ns = self.awaits_body_ns.load(Relaxed);
        if awaited_ns > 0 {
            self.awaits_body_ns.store(0, Relaxed);
            if let Some(arrival_ns) = arrival {
                self.waited_for_loop(arrival_ns.max(awaited_ns), now);
            }
        }
        self.arrival_ns.store(arrival.unwrap_or(now), Relaxed);
        self.stamped.store(arrival.is_some(), Relaxed);
        self.in_body.store(in_body, Relaxed);
        if in_head && self.phase() == Phase::Idle {
            self.standing.enter(Phase::Head, now);
        }
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.seat.bytes_out(bytes);
        self.standing.moves();
    }

    /// The kernel takes no more for now.
    pub(super) fn stalled(&self) {
        self.standing.stalls();
    }

    /// The response body of a request is in hyper's hands, or the request was given up.
    pub fn body_ended(&self, ending: Ending) {
        self.is_serving.store(false, Relaxed);
        if self.broken.load(Relaxed) {
            self.end(ending, clock::monotonic_ns(), Outcome::ClientGone);
            return;
        }
        self.waiting().endings.push(ending);
        self.awaited.store(true, Relaxed);
    }

    /// A request that was the only one ends now, as it says, and the connection is idle.
    pub fn end_and_rest(&self, ending: Ending) {
        let (now_ns, outcome) = (clock::monotonic_ns(), ending.outcome);
        self.end(ending, now_ns, outcome);
        self.standing.enter(Phase::Idle, now_ns);
    }

    /// The first byte of a request's head has come.
    pub fn head_begun(&self) {
        if self.phase() == Phase::Idle {
            self.standing.enter(Phase::Head, clock::monotonic_ns());
        }
    }

    /// A request ends here and now, as it says: its worker is about to.
    pub fn end_now(&self, ending: Ending) {
        let outcome = ending.outcome;
        self.end(ending, clock::monotonic_ns(), outcome);
    }

    /// Waits until the answers to all earlier requests are with the kernel. hyper goes on to a request before that when
    /// the body of the one before has ended after its answer.
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

    /// Wakes the task once the answer to a request is with the kernel that is served now.
    pub(super) fn await_idle(&self, context: &Context<'_>) {
        self.waiting().reader = Some(context.waker().clone());
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
        let (ended, tasks) = self.end_all(now, |ending| ending.outcome);
        // The next one may be served by now: see `poll_earlier_flushed`.
        if ended && !self.is_serving.load(Relaxed) {
            self.standing.enter(if in_head { Phase::Head } else { Phase::Idle }, now);
        }
        for task in tasks.into_iter().flatten() {
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

    /// Ends the requests that wait. Returns whether there were any, and the tasks to wake.
    fn end_all(&self, now_ns: u64, outcome: impl Fn(&Ending) -> Outcome) -> (bool, [Option<Waker>; 2]) {
        self.awaited.store(false, Relaxed);
        let mut waiting = self.waiting();
        let any = !waiting.endings.is_empty();
        for ending in waiting.endings.drain(..) {
            let outcome = outcome(&ending);
            self.end(ending, now_ns, outcome);
        }
        (any, [waiting.task.take(), waiting.reader.take()])
    }

    fn end(&self, ending: Ending, now_ns: u64, outcome: Outcome) {
        let Ending { route, outcome: planned, fault, head_ns, arrival_ns, stamped, loop_ns, effort } = ending;
        if let Some(fault) = fault.filter(|_| outcome == planned) {
            self.seat.board().head().faults.carried_out(fault);
        }
        let times = self.keeps_times().then(|| Times {
            queue_ns: stamped.then(|| head_ns.saturating_sub(arrival_ns)),
            loop_ns,
            service_ns: now_ns.saturating_sub(head_ns).saturating_sub(loop_ns),
            latency_ns: now_ns.saturating_sub(arrival_ns),
        });
        if let Some(effort) = effort.filter(|_| times.is_some()) {
            self.seat.spent(route, &effort);
        }
        self.seat.finished(&Finished { route, outcome, times });
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        lock(&self.waiting)
    }

    /// Ends the connection if it has stood too long where it stands; a head that took too long counts as rejected.
    pub fn sweep(&self, now_ns: u64, timeouts: Timeouts) {
        match self.standing.verdict(now_ns, timeouts) {
            Verdict::Stay => {}
            Verdict::EndIdle => socket::end(self.socket()),
            Verdict::EndHead => {
                self.seat.rejected(Rejection::SlowHead);
                // Once is enough.
                self.standing.enter(Phase::Idle, now_ns);
                socket::end(self.socket());
            }
            // An orderly end would keep all that is unsent in the kernel, for a client that takes none of it.
            Verdict::Reset => socket::reset(self.socket()),
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
        self.seat.closed(clock::monotonic_ns());
        if self.gauge.watched.load(Relaxed) {
            self.gauge.ended.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
