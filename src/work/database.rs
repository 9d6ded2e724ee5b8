//! A database: queries that can be asked of it, and the connections that they are sent over.
//!
//! There is one trait with an implementation for each kind of database (`Backend`), and what comes before
//! and after a query, the wait for a connection and the time for which it is held, is the same for all of them.

mod connections;
pub mod embedded;
mod health;
mod query;
mod schema;
pub mod server;

use std::time::Duration;

pub use connections::{Account, Event, UsedCpu};
pub use query::{Ask, Kind, Queried, Query, Trouble};

use crate::sys::clock;
use connections::Connections;
use embedded::Embedded;
use server::Server;

/// Which database a run has, and how its workers use it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// `--db-rows`
    pub rows: u64,
    /// `--seed`
    pub seed: u64,
    /// `--db-pool`
    pub pool: usize,
    /// `--db-acquire-timeout`
    pub acquire_timeout: Duration,
    /// Where the database is.
    pub place: Place,
}

/// Where a database is.
#[derive(Clone, Debug)]
pub enum Place {
    /// In a file of this machine.
    Embedded(Embedded),
    /// On a `PostgreSQL` server.
    Server(Server),
}

impl Place {
    /// The same place, with `timeout` as the limit for a query.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        match self {
            Self::Embedded(embedded) => Self::Embedded(Embedded { timeout, ..embedded.clone() }),
            Self::Server(server) => Self::Server(server.within(timeout)),
        }
    }
}

/// A worker's connections to the database.
pub struct Database {
    connections: AnyConnections,
    rows: u64,
    seed: u64,
}

enum AnyConnections {
    Embedded(Connections<Embedded>),
    Server(Connections<Server>, Server),
}

impl Database {
    /// Connects nothing yet. `account` is told what happens to requests that need a connection.
    ///
    /// # Errors
    /// A sentence, when there can be no connections.
    pub fn new(settings: &Settings, account: Account) -> Result<Self, String> {
        let Settings { rows, seed, pool, acquire_timeout, place } = settings;
        let connections = match place {
            Place::Embedded(embedded) => {
                AnyConnections::Embedded(Connections::new(embedded.clone(), *pool, *acquire_timeout, account)?)
            }
            Place::Server(server) => {
                // Workers that are threads of one process each know what they have seen themselves.
                let server = server.of_a_worker();
                let connections = Connections::new(server.clone(), *pool, *acquire_timeout, account)?;
                AnyConnections::Server(connections, server)
            }
        };
        Ok(Self { connections, rows: *rows, seed: *seed })
    }

    /// Answers a query. Which rows it is about is decided by the request's index.
    ///
    /// # Errors
    /// Why it was not answered.
    pub async fn run(&self, query: Query, index: u64) -> Result<Queried, Trouble> {
        let first = match query.kind {
            Kind::Contend => 1,
            _ => schema::first(self.seed, index, query.rows, self.rows),
        };
        let ask = Ask { query, first };
        match &self.connections {
            AnyConnections::Embedded(_) if query.pipelined => Err(Trouble::NoServer),
            AnyConnections::Embedded(connections) => connections.run(ask).await,
            // In a box of its own: otherwise the future of each profile's route would have room for it.
            AnyConnections::Server(connections, server) => Box::pin(ask_server(connections, server, ask)).await,
        }
    }

    /// Whether it answers, as far as is known.
    #[must_use]
    pub fn is_up(&self) -> bool {
        match &self.connections {
            AnyConnections::Embedded(_) => true,
            AnyConnections::Server(_, server) => server.health().is_up(),
        }
    }

    /// Looks after its health, and logs when that changes. Never ends.
    pub async fn watch(&self, slot: usize) {
        match &self.connections {
            AnyConnections::Embedded(_) => std::future::pending().await,
            AnyConnections::Server(_, server) => {
                let changed = |state: Result<(), &str>| match state {
                    Ok(()) => tracing::info!(slot, "the database answers again"),
                    Err(reason) => tracing::warn!(slot, reason, "the database can't be reached; /readyz says so"),
                };
                server.health().watch(|| server.probe(), changed).await;
            }
        }
    }
}

/// Answers a query over one of the pool's connections, or over the one that pipelined queries share.
async fn ask_server(connections: &Connections<Server>, server: &Server, ask: Ask) -> Result<Queried, Trouble> {
    if !ask.query.pipelined {
        return connections.run(ask).await;
    }
    let begun_ns = clock::monotonic_ns();
    let client = server.shared().await.inspect_err(|_| connections.count_failure())?;
    let acquire_ns = clock::monotonic_ns().saturating_sub(begun_ns);
    connections.count(&ask, acquire_ns, client.answer_among_others(&ask).await)
}
