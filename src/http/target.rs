//! What the handlers know of the worker they run in.

use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};

use crate::config::{Addresses, Config};
use crate::control::{OrdersReader, Standing};
use crate::http::faults::in_force::Faults;
use crate::scoreboard::{RouteTable, Scoreboard, SeatWriter};
use crate::sys::clock;
use crate::work::database::Database;
use crate::work::inference::Inference;
use crate::work::memory::Memory;

/// The state that every handler shares.
#[derive(Clone)]
pub struct Target(Arc<State>);

/// See [`Target`].
pub struct State {
    /// The settings of the run; a request that asks for more than their limits is refused, never cut down.
    pub config: Config,
    /// Where it and its admin routes listen.
    pub addresses: Addresses,
    /// What `/mem` takes, from all that a worker may hold.
    pub memory: Memory,
    /// The worker's connections to the database, where there is one.
    pub database: Option<Arc<Database>>,
    /// The worker's models.
    pub inference: Inference,
    seat: Arc<SeatWriter>,
    orders: OrdersReader,
    faults: Faults,
    /// An epoch whose orders the listeners have yet to follow; 0 is none.
    unconfirmed: AtomicU64,
    ready: AtomicBool,
    leaving: AtomicBool,
    closing: AtomicBool,
}

impl Target {
    /// Ready, and not leaving.
    #[must_use]
    pub fn new(
        config: &Config,
        addresses: Addresses,
        seat: Arc<SeatWriter>,
        database: Option<Database>,
        inference: Inference,
    ) -> Self {
        Self(Arc::new(State {
            memory: Memory::new(config.max_mem.most.0),
            database: database.map(Arc::new),
            inference,
            config: config.clone(),
            addresses,
            orders: OrdersReader::new(Arc::clone(seat.board())),
            seat,
            faults: Faults::default(),
            unconfirmed: AtomicU64::new(0),
            ready: AtomicBool::new(true),
            leaving: AtomicBool::new(false),
            closing: AtomicBool::new(false),
        }))
    }
}

impl Deref for Target {
    type Target = State;

    fn deref(&self) -> &State {
        &self.0
    }
}

impl State {
    /// Number → method and path.
    #[must_use]
    pub fn route_table(&self) -> &RouteTable {
        &self.seat.board().head().routes
    }

    /// Whether it wants traffic, and has a database that answers if it has one.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.ready.load(Relaxed) && !self.leaving.load(Relaxed) && self.database_is_up()
    }

    /// Whether its database answers, as far as is known; true where it has none.
    #[must_use]
    pub fn database_is_up(&self) -> bool {
        self.database.as_deref().is_none_or(Database::is_up)
    }

    /// Follows the orders page if it has changed, and says so in the seat; what is for the listeners waits for
    /// [`State::confirm`]. One load when it hasn't.
    pub fn follow_orders(&self) {
        if let Some((epoch, Standing { ready, faults })) = self.orders.newer() {
            self.ready.store(ready, Relaxed);
            let before = self.faults.concern_listeners();
            self.faults.follow(faults, self.board(), self.config.max_delay, clock::monotonic_ns());
            if before || self.faults.concern_listeners() {
                self.unconfirmed.store(epoch, Relaxed);
            } else {
                self.unconfirmed.store(0, Relaxed);
                self.seat.applied(epoch);
            }
        }
    }

    /// The listeners do what the orders say.
    pub fn confirm(&self) {
        let epoch = self.unconfirmed.swap(0, Relaxed);
        if epoch > 0 {
            self.seat.applied(epoch);
        }
    }

    /// A request has looked for its answer in a cache.
    pub fn looked_in_cache(&self, is_kept: bool) {
        self.seat.looked_in_cache(is_kept);
    }

    /// The fault plans that it follows.
    #[must_use]
    pub fn faults(&self) -> &Faults {
        &self.faults
    }

    /// The scoreboard that it writes on.
    #[must_use]
    pub fn board(&self) -> &Scoreboard {
        self.seat.board()
    }

    /// It will be drained: no more ready, whatever standing orders say.
    pub fn leave(&self) {
        self.leaving.store(true, Relaxed);
    }

    /// From here on each response ends its connection.
    pub fn close_connections(&self) {
        self.closing.store(true, Relaxed);
    }

    /// Whether each response ends its connection.
    #[must_use]
    pub fn closes_connections(&self) -> bool {
        self.closing.load(Relaxed)
    }
}
