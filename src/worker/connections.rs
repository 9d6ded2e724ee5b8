//! The connections of one worker: served, counted, and swept when they stand still too long.

use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

use super::turn_away::turn_away;
use crate::http::{Routes, Stack, Target};
use crate::scoreboard::SeatWriter;
use crate::sys::{clock, lock};
use crate::wire::{Connection, Gauge, Timeouts};

/// From a request's first byte to the end of its head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

/// A client that takes nothing of its response for so long is let go.
const STALL_TIMEOUT: Duration = Duration::from_secs(30);

/// See the module.
pub struct Connections {
    seat: Arc<SeatWriter>,
    target: Target,
    routes: Arc<Routes>,
    timeouts: Timeouts,
    gauge: Arc<Gauge>,
    /// Ended ones are forgotten when the list is next walked.
    open: Mutex<Vec<Weak<Connection>>>,
}

impl Connections {
    /// None yet.
    pub fn new(seat: Arc<SeatWriter>, target: Target, routes: Arc<Routes>, gauge: Gauge) -> Self {
        let idle = target.config.keep_alive_timeout;
        Self {
            seat,
            target,
            routes,
            timeouts: Timeouts { head: HEAD_TIMEOUT, idle, stall: STALL_TIMEOUT },
            gauge: Arc::new(gauge),
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
        let limit = self.target.config.max_connections;
        if self.seat.connections() >= limit.most as u64 {
            self.seat.refused();
            tokio::spawn(turn_away(socket, limit));
            return;
        }
        match Connection::new(socket, Arc::clone(&self.seat), Arc::clone(&self.gauge)) {
            Ok(connection) => {
                self.remember(&connection);
                let stack = Stack::new(Arc::clone(&self.routes), self.target.clone(), connection);
                tokio::spawn(stack.serve());
            }
            Err(error) => tracing::warn!(%error, "a connection could not be watched and is closed"),
        }
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

#[cfg(test)]
mod tests;
