//! A worker's connections to its database: a pool of a fixed size, whose connections requests get in turn.
//!
//! The pool is deadpool's. This file keeps the account of it: which requests wait, which hold a connection, and for how long.

use std::future::Future;
use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use deadpool::Runtime;
use deadpool::managed::{Manager, Object, Pool, PoolError, TimeoutType, Timeouts};

use super::query::{Ask, Found, Kind, Queried, Trouble};
use crate::sys::clock;
use crate::work::{loop_wait, sleep};

/// A kind of database.
pub trait Backend: Manager<Type = Pooled<Self::Connection>, Error = Trouble> + Sized + 'static {
    /// What a query is sent over.
    type Connection: Send;

    /// Answers a query, on the thread or over the socket that is this database's way, and gives the connection back.
    fn run(held: Held<Self>, ask: Ask) -> impl Future<Output = Ran<Self>> + Send;
}

/// A query that was run.
pub struct Ran<B: Backend> {
    /// The connection that it was run on.
    pub held: Held<B>,
    /// What the database answered.
    pub answer: Answer,
}

/// What a database answered, and what it took.
pub struct Answer {
    /// What it came to.
    pub found: Result<Found, Trouble>,
    /// How long the database took, including the think time and the wait for the loop after it.
    pub took_ns: u64,
    /// How long the query waited for a thread before it began.
    pub pool_ns: u64,
    /// CPU that the database used, where it was read.
    pub cpu: Option<UsedCpu>,
}

/// CPU that a database used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsedCpu {
    /// For how many queries: those that were answered since it was read before.
    pub queries: u64,
    /// Nanoseconds.
    pub ns: u64,
}

/// A connection in the pool.
pub struct Pooled<C> {
    connection: C,
    /// When a request last gave it back (monotonic).
    released_ns: u64,
}

impl<C> Pooled<C> {
    /// Wraps a connection that was just opened.
    pub fn new(connection: C) -> Self {
        Self { connection, released_ns: 0 }
    }
}

impl<C> Deref for Pooled<C> {
    type Target = C;

    fn deref(&self) -> &C {
        &self.connection
    }
}

impl<C> DerefMut for Pooled<C> {
    fn deref_mut(&mut self) -> &mut C {
        &mut self.connection
    }
}

/// What happens to a request that needs a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// It waits for one.
    Asked,
    /// It waits no more: its client has left, or there is no connection to be had.
    GivenUp,
    /// It has waited for as long as it may.
    TimedOut,
    /// It has one, for which it has waited for so long.
    Acquired {
        /// Nanoseconds.
        wait_ns: u64,
    },
    /// It has given it back, after so long.
    Released {
        /// Nanoseconds.
        held_ns: u64,
    },
    /// The database has answered it.
    Answered {
        /// How long that took, in nanoseconds.
        db_ns: u64,
        /// Of it, the wait for the one writer, in nanoseconds.
        busy_ns: u64,
        /// CPU that the database used, where it was read.
        cpu: Option<UsedCpu>,
        /// Whether the database had to look for the rows without an index.
        is_scan: bool,
    },
    /// The database has failed it.
    Failed,
}

/// Called with every event, on the worker's loop and on the threads of its pool.
pub type Account = Arc<dyn Fn(Event) + Send + Sync>;

/// A request that waits for a connection. When it is dropped first, it counts as given up.
struct Waiting<'a> {
    account: Option<&'a Account>,
}

impl Waiting<'_> {
    /// Ends the wait, and counts why.
    fn ends(mut self, event: Event) {
        if let Some(account) = self.account.take() {
            account(event);
        }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(account) = self.account {
            account(Event::GivenUp);
        }
    }
}

/// A connection that a request holds until this is dropped.
pub struct Held<B: Backend> {
    /// `None` once it is given back.
    object: Option<Object<B>>,
    account: Account,
    since_ns: u64,
}

impl<B: Backend> Held<B> {
    /// The connection.
    ///
    /// # Panics
    /// Never: it is given back when this is dropped.
    pub fn connection(&mut self) -> &mut B::Connection {
        &mut self.object.as_mut().expect("it is given back when this is dropped").connection
    }
}

impl<B: Backend> Held<B> {
    /// Takes the connection out of the pool, which opens another one for the next.
    pub fn discard(&mut self) {
        drop(self.object.take().map(Object::take));
    }
}

impl<B: Backend> Drop for Held<B> {
    fn drop(&mut self) {
        let now_ns = clock::monotonic_ns();
        if let Some(object) = &mut self.object {
            object.released_ns = now_ns;
        }
        // Counted before the connection is free: the request that takes it next would else count as a second one in use.
        (self.account)(Event::Released { held_ns: now_ns.saturating_sub(self.since_ns) });
        drop(self.object.take());
    }
}

/// The connections of one worker.
pub struct Connections<B: Backend> {
    pool: Pool<B>,
    account: Account,
    size: usize,
    timeout: Duration,
}

impl<B: Backend> Connections<B> {
    /// At most `size` connections, each opened when it is first needed.
    ///
    /// # Errors
    /// A sentence, when the pool can't be made.
    pub fn new(backend: B, size: usize, timeout: Duration, account: Account) -> Result<Self, String> {
        let pool = Pool::builder(backend).max_size(size).runtime(Runtime::Tokio1).build();
        let pool = pool.map_err(|error| format!("a pool of database connections can't be made: {error}"))?;
        Ok(Self { pool, account, size, timeout })
    }

    /// Waits for a connection, has the query answered on it, and holds the connection for the think time.
    ///
    /// # Errors
    /// Why it was not answered.
    pub async fn run(&self, ask: Ask) -> Result<Queried, Trouble> {
        let (held, acquire_ns) = self.acquire().await?;
        let Ran { held, answer } = B::run(held, ask).await;
        let queried = self.count(&ask, acquire_ns, answer)?;
        if queried.think_ns > 0 || ask.query.think.is_zero() {
            return Ok(queried);
        }
        let begun_ns = clock::monotonic_ns();
        let loop_ns = sleep::sleep(ask.query.think).await;
        let think_ns = clock::monotonic_ns().saturating_sub(begun_ns).saturating_sub(loop_ns);
        drop(held);
        Ok(Queried { think_ns, ..queried })
    }

    /// Counts a query that found no connection to be sent over.
    pub fn count_failure(&self) {
        (self.account)(Event::Failed);
    }

    /// Counts what the database answered to a query whose connection took so long to get.
    ///
    /// # Errors
    /// Why it was not answered.
    pub fn count(&self, ask: &Ask, acquire_ns: u64, answer: Answer) -> Result<Queried, Trouble> {
        let Answer { found, took_ns, pool_ns, cpu } = answer;
        let Found { rows, sum, busy_ns, think_ns, loop_ns } =
            found.inspect_err(|_| (self.account)(Event::Failed))?;
        let db_ns = took_ns.saturating_sub(think_ns).saturating_sub(loop_ns);
        // An insert looks for no row, with or without an index.
        let is_scan = !ask.query.indexed && ask.query.kind != Kind::Insert;
        (self.account)(Event::Answered { db_ns, busy_ns, cpu, is_scan });
        Ok(Queried { kind: ask.query.kind, rows, sum, acquire_ns, db_ns, busy_ns, think_ns, pool_ns })
    }

    /// A connection, and how long the request waited for it. The time from the connection's release to the loop's next
    /// turn is not counted in it: it was a wait for the loop.
    async fn acquire(&self) -> Result<(Held<B>, u64), Trouble> {
        (self.account)(Event::Asked);
        let waiting = Waiting { account: Some(&self.account) };
        let asked_ns = clock::monotonic_ns();
        let got = match self.pool.timeout_get(&without_waiting()).await {
            // Most of the time one is free, and no timer is needed.
            Err(PoolError::Timeout(TimeoutType::Wait)) => {
                let timeouts = Timeouts { wait: Some(self.timeout), create: None, recycle: None };
                self.pool.timeout_get(&timeouts).await
            }
            got => got,
        };
        let object = match got {
            Ok(object) => object,
            Err(PoolError::Timeout(_)) => {
                waiting.ends(Event::TimedOut);
                return Err(Trouble::Exhausted { size: self.size, timeout: self.timeout });
            }
            Err(error) => {
                drop(waiting);
                (self.account)(Event::Failed);
                return Err(match error {
                    PoolError::Backend(trouble) => trouble,
                    other => Trouble::Failed(other.to_string()),
                });
            }
        };
        let had_to_wait = object.released_ns > asked_ns;
        let loop_ns = if had_to_wait { loop_wait::was_ready(object.released_ns) } else { 0 };
        let since_ns = clock::monotonic_ns();
        let wait_ns = since_ns.saturating_sub(asked_ns).saturating_sub(loop_ns);
        waiting.ends(Event::Acquired { wait_ns });
        Ok((Held { object: Some(object), account: Arc::clone(&self.account), since_ns }, wait_ns))
    }
}

/// For a connection that is free now.
fn without_waiting() -> Timeouts {
    Timeouts { wait: Some(Duration::ZERO), create: None, recycle: None }
}
