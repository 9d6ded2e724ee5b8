//! The connections of one worker: served, counted, and swept when they stand still too long.

use std::future::poll_fn;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use hyper::server::conn::http1;

use super::turn_away::turn_away;
use crate::http::{Recorded, Routes, Stack, Target, unread_head};
use crate::scoreboard::SeatWriter;
use crate::sys::{clock, lock};
use crate::wire::{Connection, Departure, Gauge, HEAD, Timeouts, Wire};

/// From a request's first byte to the end of its head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that takes nothing of its response for so long is let go.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// How much of what nobody asked for is read, so that a last answer arrives.
const LINGER_BYTES: usize = 1024 * 1024;

/// See the module.
pub struct Connections {
    seat: Arc<SeatWriter>,
    target: Target,
    routes: Arc<Routes>,
    http: Arc<http1::Builder>,
    most: u64,
    timeouts: Timeouts,
    gauge: Arc<Gauge>,
    /// By our own loop, and not by hyper's.
    is_own: bool,
    /// Ended ones are forgotten when the list is next walked.
    open: Mutex<Vec<Weak<Connection>>>,
}

impl Connections {
    /// None yet.
    pub fn new(
        seat: Arc<SeatWriter>,
        target: Target,
        routes: Arc<Routes>,
        most: u64,
        idle: Option<Duration>,
        gauge: Gauge,
    ) -> Self {
        let mut http = http1::Builder::new();
        // The buffer's size alone is no limit: it grows by more than it needs.
        http.max_buf_size(HEAD.into()).max_header_size(HEAD.into());
        // Whether a client has left is for `wire::Departure` to find out.
        http.half_close(true);
        Self {
            seat,
            target,
            routes,
            http: Arc::new(http),
            most,
            timeouts: Timeouts { head: HEAD_TIMEOUT, idle, stall: STALL_TIMEOUT },
            gauge: Arc::new(gauge),
            is_own: std::env::var_os("QT_WIRE").is_some_and(|value| value == "own"),
            open: Mutex::default(),
        }
    }

    /// Wakes whoever waits for the last one to end.
    pub fn gauge(&self) -> &Arc<Gauge> {
        &self.gauge
    }

    /// Whether none is open.
    pub fn is_empty(&self) -> bool {
        self.seat.connections() == 0
    }

    /// Serves an accepted socket, or turns it away when there are too many.
    pub fn take(&self, socket: OwnedFd) {
        if self.seat.connections() >= self.most {
            self.seat.refused();
            tokio::spawn(turn_away(socket, self.most));
            return;
        }
        let connection = Connection::new(socket, Arc::clone(&self.seat), Arc::clone(&self.gauge));
        self.remember(&connection);
        if self.is_own {
            return match Departure::new(connection) {
                Ok(link) => {
                    let stack = Stack::new(Arc::clone(&self.routes), self.target.clone(), Arc::new(link));
                    drop(tokio::spawn(stack.serve()));
                }
                Err(error) => tracing::warn!(%error, "a connection could not be watched and is closed"),
            };
        }
        let wire = match Wire::new(Arc::clone(&connection)) {
            Ok(wire) => wire,
            Err(error) => {
                tracing::warn!(%error, "a connection could not be watched and is closed");
                return;
            }
        };
        let service = Recorded::new(Arc::clone(&self.routes), self.target.clone(), &wire);
        tokio::spawn(serve(Arc::clone(&self.http), wire, service));
    }

    fn remember(&self, connection: &Arc<Connection>) {
        let mut open = self.open();
        if open.len() == open.capacity() {
            open.retain(|known| known.strong_count() > 0);
            // Room for as many again, or each one that comes would have the list walked.
            let live = open.len();
            open.reserve(live.max(4));
        }
        open.push(Arc::downgrade(connection));
    }

    /// Ends what stands still too long.
    pub fn sweep(&self, now_ns: u64) {
        self.sweep_with(now_ns, self.timeouts);
    }

    /// Ends what has no request.
    pub fn close_idle(&self) {
        self.sweep_with(clock::monotonic_ns(), Timeouts { idle: Some(Duration::ZERO), ..self.timeouts });
    }

    fn sweep_with(&self, now_ns: u64, timeouts: Timeouts) {
        self.open().retain(|known| {
            let connection = known.upgrade();
            connection.inspect(|connection| connection.sweep(now_ns, timeouts)).is_some()
        });
    }

    fn open(&self) -> MutexGuard<'_, Vec<Weak<Connection>>> {
        lock(&self.open)
    }
}

/// One connection from its first byte to its end.
async fn serve(http: Arc<http1::Builder>, mut wire: Wire, service: Recorded) {
    if poll_fn(|context| wire.poll_readable(context)).await.is_err() {
        return;
    }
    // Boxed, as is what seldom happens: a connection that has sent nothing yet has no room for any of it.
    let served = Box::pin(http.serve_connection(&mut wire, service)).await;
    let connection = wire.connection();
    if let Some(breakage) = connection.ordered() {
        return Box::pin(wire.break_off(breakage)).await;
    }
    connection.broken();
    let rejection = wire.rejection(served.as_ref().err());
    if let Some(reason) = rejection {
        connection.seat().rejected(reason);
    }
    if let Some(refused) = wire.refused() {
        Box::pin(wire.send_last(&unread_head(refused))).await;
    }
    if rejection.is_some() || connection.has_unread() {
        Box::pin(wire.linger(LINGER_BYTES)).await;
    }
}

#[cfg(test)]
mod tests;
