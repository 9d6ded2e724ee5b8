//! What a request may ask of a database, and what it gets. The SQL is in [`super::schema`].

use std::fmt;
use std::time::Duration;

use crate::spelling::words;
use crate::units::Spelled;
use crate::work::cpu::Place;

words! {
    /// What a query does.
    #[derive(Default)]
    pub enum Kind {
        /// Reads rows one by one, each with a query of its own.
        #[default]
        Point = "point",
        /// Looks at rows that follow each other and reads those that a filter lets through, about half.
        Range = "range",
        /// Looks at rows that follow each other and reads their number and sum.
        Aggregate = "aggregate",
        /// Adds rows to a second table, in one transaction.
        Insert = "insert",
        /// Changes rows that follow each other, in one transaction.
        Update = "update",
        /// Changes the first rows, the same for every request, in a transaction that lasts as long as the think time.
        Contend = "contend",
    }
}

impl Kind {
    /// How many rows it reads, adds or changes unless the request says otherwise.
    #[must_use]
    pub fn default_rows(self) -> u64 {
        match self {
            Self::Range | Self::Aggregate => 100,
            Self::Point | Self::Insert | Self::Update | Self::Contend => 1,
        }
    }
}

/// A query within the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Query {
    /// What it does.
    pub kind: Kind,
    /// How many rows it looks at, adds or changes.
    pub rows: u64,
    /// Whether it finds its rows by an index. Without one, the database reads the whole table.
    pub indexed: bool,
    /// How long the connection is held beyond the query, as by an application that computes something in between.
    pub think: Duration,
    /// Which thread an embedded database works on.
    pub place: Place,
    /// Whether it is sent over the worker's one shared connection to a server, right behind the queries before it, and needs
    /// none of the pool.
    pub pipelined: bool,
}

impl Query {
    /// What its fields are called in a request's query and in a profile's step, in their order here.
    pub const NAMES: [&'static str; 6] = ["query", "rows", "indexed", "think", "on", "pipeline"];

    /// What `pipeline` may be, the usual one first.
    pub const PIPELINED: [(&'static str, bool); 2] = [("off", false), ("on", true)];

    /// What `indexed` may be, the usual one first.
    pub const INDEXED: [(&'static str, bool); 2] = [("yes", true), ("no", false)];

    /// What `pipeline` may be instead, if it can't be what it is.
    #[must_use]
    pub fn pipeline_allowed(&self) -> Option<&'static str> {
        if !self.pipelined {
            None
        } else if self.kind == Kind::Contend {
            Some("off where the query is contend, whose transaction needs a connection of its own")
        } else if !self.think.is_zero() {
            Some("off where there is a think time, for which a connection of its own is held")
        } else {
            None
        }
    }

    /// What `query` may be, the usual one first.
    #[must_use]
    pub fn kinds() -> [(&'static str, Kind); 6] {
        Kind::ALL.map(|kind| (kind.name(), kind))
    }

    /// What `on` may be, the usual one first.
    #[must_use]
    pub fn places() -> [(&'static str, Place); 2] {
        Place::ALL.map(|place| (place.name(), place))
    }
}

/// A query, and which rows it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    /// What is asked.
    pub query: Query,
    /// The first of the rows that it looks at or changes, from 1.
    pub first: u64,
}

impl Ask {
    /// The last of its rows.
    #[must_use]
    pub fn last(&self) -> u64 {
        (self.first + self.query.rows).saturating_sub(1)
    }
}

/// What a query came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// Rows that were read, added or changed.
    pub rows: u64,
    /// The sum of the prices of those that were read or added.
    pub sum: u64,
    /// How long it waited for the database's one writer or, on a server, for rows that another transaction held.
    pub busy_ns: u64,
    /// How long its transaction was held open on purpose.
    pub think_ns: u64,
    /// How long it waited for the worker's loop after that; counted as a [`crate::work::loop_wait`].
    pub loop_ns: u64,
}

/// A query that was answered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Queried {
    /// What was asked.
    pub kind: Kind,
    /// Rows that were read, added or changed.
    pub rows: u64,
    /// The sum of the prices of those that were read or added.
    pub sum: u64,
    /// How long it waited for a connection.
    pub acquire_ns: u64,
    /// How long the database took, the wait for its one writer included.
    pub db_ns: u64,
    /// Of it, the wait for the one writer, or for rows that another transaction held.
    pub busy_ns: u64,
    /// How long the connection was held beyond that, on purpose.
    pub think_ns: u64,
    /// How long the query waited for a thread of the worker's pool.
    pub pool_ns: u64,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection became free in time.
    Exhausted {
        /// How many there are.
        size: usize,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// It was to be pipelined, and the database is embedded.
    NoServer,
    /// Another transaction kept the one writer's place.
    Busy {
        /// How long it was waited for.
        timeout: Duration,
    },
    /// The database did not answer in time.
    NoAnswer {
        /// How long it was waited for.
        timeout: Duration,
    },
    /// There is no connection to the database.
    Unreachable(String),
    /// The database said why.
    Failed(String),
}

impl fmt::Display for Trouble {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exhausted { size, timeout } => {
                let timeout = Spelled(*timeout);
                write!(
                    formatter,
                    "none of this worker's {size} database connections (--db-pool) became free within {timeout} \
                     (--db-acquire-timeout)"
                )
            }
            Self::NoServer => formatter.write_str("pipeline=on needs a PostgreSQL server (--database-url)"),
            Self::Busy { timeout } => {
                let timeout = Spelled(*timeout);
                write!(formatter, "the database's one writer did not become free within {timeout} (--db-timeout)")
            }
            Self::NoAnswer { timeout } => {
                write!(formatter, "the database did not answer within {} (--db-timeout)", Spelled(*timeout))
            }
            Self::Unreachable(reason) => write!(formatter, "the database can't be reached: {reason}"),
            Self::Failed(reason) => write!(formatter, "the database failed: {reason}"),
        }
    }
}
