//! What a connection's loop, the requests on it and the worker's sweep share.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard};
use std::task::{Context, Poll, ready};

use tokio::sync::Notify;

use super::arrival::{Reading, WallClock};
use super::connection_state::{ConnectionState, Phase, Timeouts, Verdict};
use super::disconnect_probe::DisconnectProbe;
use super::linger::linger;
use crate::scoreboard::{Effort, FaultMark, Finished, Outcome, Rejection, SeatWriter, Spent, Times};
use crate::sys::readiness::Watched;
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

/// How a request has ended, and what its times are counted from.
#[derive(Clone, Copy, Debug)]
pub struct Ending {
    /// The route's number.
    pub route: usize,
    /// How it has ended.
    pub outcome: Outcome,
    /// The fault that was carried out.
    pub fault: Option<FaultMark>,
    /// When its head was parsed (monotonic).
    pub head_ns: u64,
    /// When the kernel received it (monotonic).
    pub arrival_ns: u64,
    /// Whether the arrival is the kernel's stamp, and not only the time of our read.
    pub stamped: bool,
    /// How long it has waited for the loop since its head was parsed.
    pub loop_ns: u64,
}

/// One connection. It serves one request at a time.
pub struct Connection {
    pub(super) socket: Watched<OwnedFd>,
    seat: Arc<SeatWriter>,
    gauge: Arc<Gauge>,
    state: ConnectionState,
    arrival_ns: AtomicU64,
    stamped: AtomicBool,
    /// How long the request has waited for the loop.
    loop_ns: AtomicU64,
    /// Whether anything else is known of it: most requests need no more than this look.
    has_effort: AtomicBool,
    effort: Mutex<Effort>,
    /// Since when its body is waited for (monotonic); 0 while it is not.
    awaits_body_ns: AtomicU64,
    route: AtomicUsize,
    /// The index that the request has drawn, plus one; 0 is none yet.
    index: AtomicU64,
    unread: AtomicBool,
    probe: Mutex<Option<DisconnectProbe>>,
}

impl Connection {
    /// Takes over an accepted socket, registers it with the runtime, and counts it.
    ///
    /// # Errors
    /// What `epoll_ctl(2)` says. The connection is counted as ended.
    pub fn new(socket: OwnedFd, seat: Arc<SeatWriter>, gauge: Arc<Gauge>) -> io::Result<Arc<Self>> {
        let now_ns = clock::monotonic_ns();
        seat.accepted(now_ns);
        let socket = Watched::new(socket).inspect_err(|_| seat.closed(now_ns))?;
        Ok(Arc::new(Self {
            socket,
            seat,
            gauge,
            state: ConnectionState::begin(now_ns),
            arrival_ns: AtomicU64::new(0),
            stamped: AtomicBool::new(false),
            loop_ns: AtomicU64::new(0),
            has_effort: AtomicBool::new(false),
            effort: Mutex::default(),
            awaits_body_ns: AtomicU64::new(0),
            route: AtomicUsize::new(0),
            index: AtomicU64::new(0),
            unread: AtomicBool::new(false),
            probe: Mutex::default(),
        }))
    }

    pub(super) fn socket(&self) -> BorrowedFd<'_> {
        self.socket.get_ref().as_fd()
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

    /// When the bytes that were read last arrived (monotonic), and whether the kernel said so. When a head is parsed
    /// that is the read which completed it.
    #[must_use]
    pub fn arrival(&self) -> (u64, bool) {
        (self.arrival_ns.load(Relaxed), self.stamped.load(Relaxed))
    }

    /// The route of the request.
    #[must_use]
    pub fn route(&self) -> usize {
        self.route.load(Relaxed)
    }

    /// The router has found the request's route.
    pub fn set_route(&self, number: usize) {
        self.route.store(number, Relaxed);
        self.index.store(0, Relaxed);
    }

    /// The index of the request among those of its route that draw one, whichever worker serves them.
    #[must_use]
    pub fn index(&self) -> u64 {
        if let Some(drawn) = self.index.load(Relaxed).checked_sub(1) {
            return drawn;
        }
        let drawn = self.seat.board().route_index(self.route()).draw();
        self.index.store(drawn + 1, Relaxed);
        drawn
    }

    /// The first byte of a request's head has come.
    pub fn head_begun(&self) {
        if self.state.phase() == Phase::Idle {
            self.state.enter(Phase::Head, clock::monotonic_ns());
        }
    }

    /// A head was parsed, and its request is served from here on.
    pub fn head_parsed(&self, now_ns: u64) {
        self.route.store(0, Relaxed);
        self.loop_ns.store(0, Relaxed);
        self.has_effort.store(false, Relaxed);
        self.awaits_body_ns.store(0, Relaxed);
        self.state.enter(Phase::Busy, now_ns);
    }

    /// Polls what works for the request, and adds what it had waited for the loop to the request's account.
    pub fn polling<T>(&self, poll: impl FnOnce() -> T) -> T {
        // What is left there is no request's.
        loop_wait::discard();
        let polled = poll();
        self.add_loop_wait(loop_wait::take());
        self.add_held();
        polled
    }

    /// The same for what gives the response's body. After the client took nothing of what was written for a while it is
    /// polled late: that is the client's doing.
    pub fn polling_body<T>(&self, was_blocked: bool, poll: impl FnOnce() -> T) -> T {
        if !was_blocked {
            return self.polling(poll);
        }
        let polled = poll();
        loop_wait::discard();
        self.add_held();
        polled
    }

    /// How long the request has waited for the loop since its head was parsed. Also while it is polled.
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
    pub fn spend(&self, spent: Spent) {
        self.effort().spent = Some(spent);
    }

    /// The same of a request that it refuses. `more` is added to what was said before; where nothing was, faults and modifiers
    /// have kept the request for `injected_ns`.
    pub fn spend_in_vain(&self, injected_ns: u64, more: &Spent) {
        let mut effort = self.effort();
        effort.is_in_vain = true;
        effort.spent.get_or_insert(Spent { injected_ns, ..Spent::default() }).add(more);
    }

    /// What it has said, if the work is done.
    #[must_use]
    pub fn spent(&self) -> Option<Spent> {
        if !self.has_effort.load(Relaxed) {
            return None;
        }
        let effort = lock(&self.effort);
        effort.spent.filter(|_| !effort.is_in_vain)
    }

    /// What is known of the request in the router, beside its times.
    fn effort(&self) -> MutexGuard<'_, Effort> {
        let mut effort = lock(&self.effort);
        if !self.has_effort.load(Relaxed) {
            self.has_effort.store(true, Relaxed);
            *effort = Effort::default();
        }
        effort
    }

    /// The request waits for more of its body than has arrived.
    pub(super) fn awaits_body(&self) {
        if self.awaits_body_ns.load(Relaxed) == 0 {
            self.awaits_body_ns.store(clock::monotonic_ns(), Relaxed);
        }
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

    /// Whether it is recorded how long its requests take.
    pub(super) fn keeps_times(&self) -> bool {
        self.gauge.wall_clock.is_some()
    }

    /// Something was read.
    pub(super) fn received(&self, received: Received) {
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
    }

    pub(super) fn sent(&self, bytes: usize) {
        self.seat.bytes_out(bytes);
        self.state.moves();
    }

    /// The kernel takes no more for now.
    pub(super) fn stalled(&self) {
        self.state.stalls();
    }

    /// The request ends now, and the connection is idle.
    pub fn end_request(&self, ending: Ending) {
        let now_ns = clock::monotonic_ns();
        let Ending { route, outcome, fault, head_ns, arrival_ns, stamped, loop_ns } = ending;
        if let Some(fault) = fault {
            self.seat.board().head().faults.carried_out(fault);
        }
        let times = self.keeps_times().then(|| Times {
            queue_ns: stamped.then(|| head_ns.saturating_sub(arrival_ns)),
            loop_ns,
            service_ns: now_ns.saturating_sub(head_ns).saturating_sub(loop_ns),
            latency_ns: now_ns.saturating_sub(arrival_ns),
        });
        if self.has_effort.load(Relaxed) {
            self.has_effort.store(false, Relaxed);
            if times.is_some() {
                self.seat.spent(route, &lock(&self.effort));
            }
        }
        self.seat.finished(&Finished { route, outcome, times });
        self.state.enter(Phase::Idle, now_ns);
    }

    /// Whether the client has ended its sending direction, as far as anybody has asked.
    #[must_use]
    pub fn is_suspected(&self) -> bool {
        lock(&self.probe).is_some()
    }

    /// For whoever serves a request and has to wait: ready once its client has left. `takes_interim` says whether a
    /// `100 Continue` may be written now. The request's body must have been read to its end.
    ///
    /// A client that sends on is looked at when that is read.
    pub fn poll_left(&self, takes_interim: bool, context: &mut Context<'_>) -> Poll<()> {
        let closed = ready!(self.socket.poll_read_ready(context)).is_ok_and(|guard| guard.ready().is_read_closed());
        if !closed {
            return Poll::Pending;
        }
        let mut probe = lock(&self.probe);
        if let Some(probe) = &mut *probe {
            return probe.poll_left(self.socket(), takes_interim, |bytes| self.sent(bytes), context);
        }
        *probe = Some(DisconnectProbe::begin(context));
        Poll::Pending
    }

    /// Whether a client that was answered had left before: it resets what it is sent.
    #[must_use]
    pub fn had_left(&self) -> bool {
        (self.is_suspected() || self.has_unread()) && socket::has_failed(self.socket())
    }

    /// Ends the sending direction. The client may be gone.
    pub fn end_sending(&self) {
        let _ = socket::end_sending(self.socket());
    }

    /// See [`linger()`].
    pub async fn linger(&self, most: usize) {
        linger(&self.socket, most).await;
    }

    /// Ends the connection if it has stood too long where it stands; a head that took too long counts as rejected.
    pub fn sweep(&self, now_ns: u64, timeouts: Timeouts) {
        match self.state.verdict(now_ns, timeouts) {
            Verdict::Stay => {}
            Verdict::EndIdle => socket::end(self.socket()),
            Verdict::EndHead => {
                self.seat.rejected(Rejection::SlowHead);
                // Once is enough.
                self.state.enter(Phase::Idle, now_ns);
                socket::end(self.socket());
            }
            // An orderly end would keep all that is unsent in the kernel, for a client that takes none of it.
            Verdict::Reset => socket::reset(self.socket()),
        }
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
