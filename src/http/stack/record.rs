//! The record of a request: begun with its parsed head, ended when its answer is with the kernel, or when it is given up.

use std::net::SocketAddr;
use std::sync::Arc;

use super::figure::{push_all, push_timing, timing};
use crate::scoreboard::{FaultMark, Outcome, Spent};
use crate::sys::clock;
use crate::wire::{Connection, Ending};

/// What a handler may know of its request beyond the request itself.
#[derive(Clone)]
pub struct Exchange {
    connection: Arc<Connection>,
    head_ns: u64,
    arrival_ns: u64,
    stamped: bool,
    injected_ns: u64,
    /// The number of the route that it counts under, if that isn't the one it is answered by.
    counts_as: Option<usize>,
}

impl Exchange {
    pub(in crate::http) fn begin(connection: &Arc<Connection>, head_ns: u64, counts_as: Option<usize>) -> Self {
        connection.seat().started();
        let (arrival_ns, stamped) = connection.arrival();
        if stamped {
            connection.add_behind(arrival_ns, head_ns);
        }
        Self { connection: Arc::clone(connection), head_ns, arrival_ns, stamped, injected_ns: 0, counts_as }
    }

    /// When the kernel received the end of the head (monotonic).
    #[must_use]
    pub fn arrival_ns(&self) -> u64 {
        self.arrival_ns
    }

    /// From there until the head was parsed; `None` where the kernel gives no stamps.
    #[must_use]
    pub fn queue_ns(&self) -> Option<u64> {
        self.stamped.then(|| self.head_ns.saturating_sub(self.arrival_ns))
    }

    /// The number of its route, once the router has found it.
    #[must_use]
    pub fn route(&self) -> usize {
        self.connection.route()
    }

    /// When its head was parsed (monotonic).
    pub(in crate::http) fn head_ns(&self) -> u64 {
        self.head_ns
    }

    /// How long faults kept it from its handler.
    #[must_use]
    pub fn injected_ns(&self) -> u64 {
        self.injected_ns
    }

    /// Its handler says what it has spent, beside what faults and modifiers have; its response will say so.
    pub(in crate::http) fn spent(&self, spent: Spent) {
        self.connection.spend(Spent { injected_ns: self.injected_ns, ..spent });
    }

    /// Its handler refuses it, and says what it has spent until then, or a part of that. It counts for the route; a refusal is not
    /// modified, and has no `Server-Timing`.
    pub(in crate::http) fn spent_in_vain(&self, spent: &Spent) {
        self.connection.spend_in_vain(self.injected_ns, spent);
    }

    /// Whether its handler has said so: whether its work is done.
    pub(in crate::http) fn has_spent(&self) -> bool {
        self.connection.spent().is_some()
    }

    /// Writes the header lines of a workload's response, if its work is done: what its request has spent, in `Server-Timing`, and in
    /// `X-Quintain-Worker` whose work it was (`slot.generation`, or `instance/slot.generation`).
    ///
    /// The times are measured, in milliseconds, and none is a part of another; `total` is from the arrival until now, and has
    /// what the target itself needs beside them. `queue` is left out where the socket has no arrival stamps, `acquire` and `db`
    /// where no database was asked, `decode`, `resize` and `infer` where there was no picture: neither takes no time.
    pub(in crate::http) fn push_spent(&self, out: &mut Vec<u8>) {
        let Some(spent) = self.connection.spent() else { return };
        let Spent { cpu_ns, io_ns, pool_ns, acquire_ns, db_ns, decode_ns, resize_ns, infer_ns, injected_ns } =
            spent;
        let total_ns = clock::monotonic_ns().saturating_sub(self.arrival_ns());
        match self.queue_ns() {
            Some(queue_ns) => push_timing(out, timing!("server-timing: queue"), queue_ns),
            None => out.extend_from_slice(b"server-timing: "),
        }
        push_timing(out, timing!("loop"), self.loop_ns());
        push_timing(out, timing!("inject"), injected_ns);
        push_timing(out, timing!("pool"), pool_ns);
        if db_ns > 0 {
            push_timing(out, timing!("acquire"), acquire_ns);
            push_timing(out, timing!("db"), db_ns);
        }
        if infer_ns > 0 {
            push_timing(out, timing!("decode"), decode_ns);
            push_timing(out, timing!("resize"), resize_ns);
            push_timing(out, timing!("infer"), infer_ns);
        }
        push_timing(out, timing!("cpu"), cpu_ns);
        push_timing(out, timing!("io"), io_ns);
        push_timing(out, timing!("total"), total_ns);
        // What separates the last one from a next.
        out.truncate(out.len() - ", ".len());
        push_all(out, ["\r\nx-quintain-worker: ", self.worker(), "\r\n"]);
    }

    /// How long it has waited for the worker's loop until now, after a timer, a pool thread or a piece of its body was
    /// ready.
    #[must_use]
    pub fn loop_ns(&self) -> u64 {
        self.connection.loop_ns()
    }

    /// How long it is served by now: from its parsed head on, without its waits for the loop.
    pub(in crate::http) fn service_ns(&self) -> u64 {
        clock::monotonic_ns().saturating_sub(self.head_ns).saturating_sub(self.loop_ns())
    }

    /// A fault or modifier has kept it from its handler for so long.
    pub(in crate::http) fn add_injected(&mut self, nanoseconds: u64) {
        self.injected_ns += nanoseconds;
    }

    /// Ends its record at once, as broken by a fault: the process ends next.
    pub(in crate::http) fn finish_broken(&self) {
        self.connection.end_request(self.ending(Outcome::Broken, None));
    }

    fn ending(&self, outcome: Outcome, fault: Option<FaultMark>) -> Ending {
        let Self { connection, head_ns, arrival_ns, stamped, injected_ns: _, counts_as } = self;
        let (head_ns, arrival_ns, stamped) = (*head_ns, *arrival_ns, *stamped);
        let loop_ns = connection.loop_ns();
        let route = counts_as.unwrap_or_else(|| connection.route());
        Ending { route, outcome, fault, head_ns, arrival_ns, stamped, loop_ns }
    }

    /// The router has found its route.
    pub(in crate::http) fn set_route(&self, number: usize) {
        self.connection.set_route(number);
    }

    /// Its index among the requests of its route that draw one, in all workers together. Drawn when it is first asked for.
    #[must_use]
    pub fn index(&self) -> u64 {
        self.connection.index()
    }

    /// Where its connection comes from; `None` for a unix socket.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.connection.peer()
    }

    /// The worker that serves it.
    #[must_use]
    pub fn worker(&self) -> &str {
        self.connection.seat().worker()
    }
}

/// A started request. It ends when this is dropped: whoever gives up on it leaves its client.
pub struct Record {
    /// Its request.
    pub exchange: Exchange,
    /// How it ends.
    pub outcome: Outcome,
    /// The fault that its response is, or is to show.
    pub fault: Option<FaultMark>,
}

impl Record {
    /// Of a request whose client gets nothing so far.
    pub fn of(exchange: Exchange) -> Self {
        Self { exchange, outcome: Outcome::ClientGone, fault: None }
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let Self { exchange, outcome, fault } = self;
        let fault = fault.filter(|_| *outcome != Outcome::ClientGone);
        exchange.connection.end_request(exchange.ending(*outcome, fault));
    }
}
