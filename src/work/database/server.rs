//! `PostgreSQL`, over its own protocol.
//!
//! The start of a run makes and fills the tables where there are none. The password stands in `Server::config` alone, and
//! no message here is made of it.

mod session_cpu;
mod tables;

use std::collections::HashMap;
use std::error::Error as _;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Config, Error, NoTls, Row, Statement};

use super::connections::{Backend, Held, Pooled, Ran};
use super::health::Health;
use super::query::{Ask, Found, Kind, Query, Trouble};
use super::schema;
use crate::sys::clock;
use crate::units::Spelled;
use crate::work::sleep;
use session_cpu::SessionCpu;

/// A `PostgreSQL` server, and how long it may take for an answer.
#[derive(Clone, Debug)]
pub struct Server {
    /// Where it is, and who is asking; with the password.
    config: Arc<Config>,
    /// `--db-timeout`
    timeout: Duration,
    /// `--seed`
    seed: u64,
    /// `--db-rows`
    rows: u64,
    /// What is known of its health.
    health: Arc<Health>,
}

/// Why the start of a run can't use a server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It does not answer now, and may later.
    Down(String),
    /// It answers, and has no connection left.
    Full(String),
    /// It answers, and will refuse until somebody changes its tables, its settings or the URL.
    Refused(String),
}

/// What the start of a run learns from a server that answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// `server_version`
    pub version: String,
    /// `max_connections`, less those that are kept for superusers.
    pub connections: u64,
}

/// An open connection.
pub struct Client {
    session: tokio_postgres::Client,
    /// The task that reads and writes the connection's socket.
    connection: AbortHandle,
    /// Whether a query was begun and its answer is still to come: its request may have given up on it.
    is_busy: bool,
    statements: HashMap<&'static str, Statement>,
    /// Of the server's process for this connection, where it can be read.
    cpu: Option<SessionCpu>,
    server: Server,
}

impl Server {
    /// The server of a URL.
    ///
    /// # Errors
    /// When it is no such URL. The sentence quotes nothing of it.
    pub fn new(url: &str, timeout: Duration, seed: u64, rows: u64) -> Result<Self, String> {
        let mut config: Config = url.parse().map_err(|_| "is no URL of a PostgreSQL server".to_owned())?;
        config.application_name("quintain");
        Ok(Self { config: Arc::new(config), timeout, seed, rows, health: Arc::default() })
    }

    /// The same server, for a worker that watches its health itself.
    #[must_use]
    pub fn of_a_worker(&self) -> Self {
        Self { health: Arc::default(), ..self.clone() }
    }

    /// Host, port and database, for people.
    #[must_use]
    pub fn place(&self) -> String {
        let port = self.config.get_ports().first().copied().unwrap_or(5432);
        let host = match self.config.get_hosts().first() {
            Some(Host::Tcp(name)) => name.clone(),
            Some(Host::Unix(path)) => path.display().to_string(),
            None => "localhost".to_owned(),
        };
        let database = self.config.get_dbname().or(self.config.get_user()).unwrap_or_default();
        format!("{host}:{port}/{database}")
    }

    /// What is known of its health.
    #[must_use]
    pub fn health(&self) -> &Arc<Health> {
        &self.health
    }

    /// The same server, with another limit on how long an answer may take.
    #[must_use]
    pub fn within(&self, timeout: Duration) -> Self {
        Self { timeout, ..self.clone() }
    }

    /// Connects, and makes and fills the tables where there are none. `progress` is told how many rows are in.
    ///
    /// # Errors
    /// Why it can't be used.
    pub async fn reach(&self, progress: impl FnMut(u64) + Send) -> Result<Reached, Unusable> {
        let mut client = self.connect().await?;
        if !self.has_tables(&client.session).await? {
            self.fill(&mut client.session, progress).await?;
            // Somebody else may have been faster, with other rows.
            if !self.has_tables(&client.session).await? {
                return Err(self.lacks_tables());
            }
        }
        let settings = "SELECT current_setting('server_version'), current_setting('max_connections')::bigint - \
                        current_setting('superuser_reserved_connections')::bigint";
        let row = self.limited(self.timeout, client.session.query_one(settings, &[])).await?;
        Ok(Reached { version: row.get(0), connections: u64::try_from(row.get::<_, i64>(1)).unwrap_or(0) })
    }

    /// Whether it answers now.
    ///
    /// # Errors
    /// Why it does not.
    pub async fn probe(&self) -> Result<(), String> {
        match self.connect_to_tables().await {
            Ok(_) | Err(Unusable::Full(_)) => Ok(()),
            Err(Unusable::Down(reason) | Unusable::Refused(reason)) => Err(reason),
        }
    }

    /// A connection for queries: the tables are there, and those of this run.
    async fn connect_to_tables(&self) -> Result<Client, Unusable> {
        let mut client = self.connect().await?;
        client.is_busy = true;
        let has_tables = self.has_tables(&client.session).await;
        client.is_busy = matches!(has_tables, Err(Unusable::Down(_)));
        if has_tables? {
            client.cpu = self.limited(self.timeout, SessionCpu::of(&client.session)).await?;
            Ok(client)
        } else {
            Err(self.lacks_tables())
        }
    }

    /// Does one step of what comes before the first query.
    async fn limited<T>(
        &self,
        limit: Duration,
        step: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Unusable> {
        match timeout(limit, step).await {
            Ok(done) => done.map_err(|error| unusable(&self.place(), &error)),
            Err(_) => Err(self.is_silent(limit)),
        }
    }

    fn is_silent(&self, limit: Duration) -> Unusable {
        Unusable::Down(format!("{} does not answer within {}", self.place(), Spelled(limit)))
    }

    async fn connect(&self) -> Result<Client, Unusable> {
        let (session, connection) = self.limited(self.timeout, self.config.connect(NoTls)).await?;
        let health = Arc::clone(&self.health);
        let connection = tokio::spawn(async move {
            // A connection that we close ends without an error.
            if connection.await.is_err() {
                health.suspect();
            }
        });
        let connection = connection.abort_handle();
        Ok(Client {
            session,
            connection,
            is_busy: false,
            statements: HashMap::new(),
            cpu: None,
            server: self.clone(),
        })
    }
}

/// Numbers, prices and names of the rows from `first` to before `end`.
fn columns(seed: u64, first: u64, end: u64) -> (Vec<i64>, Vec<i64>, Vec<String>) {
    let mut columns = (Vec::new(), Vec::new(), Vec::new());
    for id in first..end {
        let (price, name) = schema::row(seed, id);
        columns.0.push(whole(id));
        columns.1.push(whole(price));
        columns.2.push(name);
    }
    columns
}

/// Rows and prices are far below 2⁶³.
fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

/// What an error says about a server that we tried to use.
fn unusable(place: &str, error: &Error) -> Unusable {
    let sentence = format!("{place}: {}", told(error));
    if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
        return Unusable::Full(sentence);
    }
    // A server that starts or ends, and an error of the system's sockets, may pass.
    let passing = [SqlState::CANNOT_CONNECT_NOW, SqlState::ADMIN_SHUTDOWN, SqlState::CRASH_SHUTDOWN];
    let of_the_system = error.source().is_some_and(|cause| cause.downcast_ref::<std::io::Error>().is_some());
    let passes = error.code().map_or(of_the_system || error.is_closed(), |code| passing.contains(code));
    if passes { Unusable::Down(sentence) } else { Unusable::Refused(sentence) }
}

/// What an error says, without what stands in the URL.
fn told(error: &Error) -> String {
    match (error.as_db_error(), error.source()) {
        (Some(said), _) => format!("{} (SQLSTATE {})", said.message(), said.code().code()),
        (None, Some(cause)) => format!("{error}: {cause}"),
        (None, None) => error.to_string(),
    }
}

impl Manager for Server {
    type Type = Pooled<Client>;
    type Error = Trouble;

    async fn create(&self) -> Result<Pooled<Client>, Trouble> {
        match self.connect_to_tables().await {
            Ok(client) => Ok(Pooled::new(client)),
            Err(Unusable::Full(reason)) => Err(Trouble::Unreachable(reason)),
            Err(Unusable::Down(reason) | Unusable::Refused(reason)) => {
                self.health.suspect();
                Err(Trouble::Unreachable(reason))
            }
        }
    }

    async fn recycle(&self, client: &mut Pooled<Client>, _: &Metrics) -> RecycleResult<Trouble> {
        let is_usable = !client.session.is_closed() && !client.is_busy;
        if is_usable {
            Ok(())
        } else {
            Err(RecycleError::message("it is closed, or still busy with a query that was given up"))
        }
    }
}

impl Backend for Server {
    type Connection = Client;

    async fn run(mut held: Held<Self>, ask: Ask) -> Ran<Self> {
        let begun_ns = clock::monotonic_ns();
        let found = held.connection().answer(&ask).await;
        let took_ns = clock::monotonic_ns().saturating_sub(begun_ns);
        let cpu_ns = held.connection().cpu.as_mut().and_then(SessionCpu::more_ns);
        if found.is_err() {
            // The connection may be in the middle of a transaction, which ends with it.
            held.discard();
        }
        Ran { held, found, took_ns, pool_ns: 0, cpu_ns }
    }
}

impl Drop for Client {
    /// An idle connection closes by itself. One that still waits for an answer would stay open, with the server at work, until
    /// the answer comes: so it is closed here, and the server is told to cancel the query.
    fn drop(&mut self) {
        if !self.is_busy {
            return;
        }
        self.connection.abort();
        // There is no runtime any more when the worker has ended.
        if let Ok(runtime) = Handle::try_current() {
            let (query, limit) = (self.session.cancel_token(), self.server.timeout);
            runtime.spawn(async move { timeout(limit, query.cancel_query(NoTls)).await });
        }
    }
}

impl Client {
    async fn statement(&mut self, sql: &'static str) -> Result<Statement, Error> {
        if let Some(known) = self.statements.get(sql) {
            return Ok(known.clone());
        }
        let statement = self.session.prepare(sql).await?;
        self.statements.insert(sql, statement.clone());
        Ok(statement)
    }

    /// Answers a query. The think time of a transaction does not count towards its time limit.
    async fn answer(&mut self, ask: &Ask) -> Result<Found, Trouble> {
        let limit = self.server.timeout;
        let think = if ask.query.kind == Kind::Contend { ask.query.think } else { Duration::ZERO };
        self.is_busy = true;
        let answer = timeout(limit.saturating_add(think), self.ask(ask)).await;
        self.is_busy = answer.is_err();
        match answer {
            Ok(Ok(found)) => Ok(found),
            Ok(Err(error)) => {
                if error.as_db_error().is_none() {
                    self.server.health.suspect();
                    return Err(Trouble::Unreachable(told(&error)));
                }
                Err(Trouble::Failed(told(&error)))
            }
            Err(_) => {
                self.server.health.suspect();
                Err(Trouble::NoAnswer { timeout: limit })
            }
        }
    }

    async fn ask(&mut self, ask: &Ask) -> Result<Found, Error> {
        let Ask { query: Query { kind, rows, indexed, think, .. }, first } = *ask;
        let (first_id, last_id) = (whole(first), whole(ask.last()));
        let mut found = Found::default();
        match kind {
            Kind::Point => {
                let statement = self.statement(schema::POINT.sql(indexed)).await?;
                for id in first_id..=last_id {
                    take(&mut found, &self.session.query(&statement, &[&id]).await?)?;
                }
            }
            Kind::Range => {
                let statement = self.statement(schema::RANGE.sql(indexed)).await?;
                let parameters: [&(dyn ToSql + Sync); 3] = [&first_id, &last_id, &schema::FILTER];
                take(&mut found, &self.session.query(&statement, &parameters).await?)?;
            }
            Kind::Aggregate => {
                let statement = self.statement(schema::AGGREGATE.sql(indexed)).await?;
                let row = self.session.query_one(&statement, &[&first_id, &last_id]).await?;
                found.rows = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
                found.sum = u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or(0);
            }
            Kind::Insert => {
                let statement = self.statement(INSERT).await?;
                let (ids, prices, names) = columns(self.server.seed, first, first + rows);
                let most = whole(self.server.rows);
                let added = self.session.query_one(&statement, &[&ids, &prices, &names, &most]).await?;
                found.rows = u64::try_from(added.try_get::<_, i64>(0)?).unwrap_or(0);
                found.sum = prices.iter().map(|price| price.unsigned_abs()).sum();
            }
            Kind::Update => {
                let statement = self.statement(schema::UPDATE.sql(indexed)).await?;
                found.rows = self.session.execute(&statement, &[&first_id, &last_id]).await?;
            }
            Kind::Contend => {
                let free = self.statement(schema::FREE.sql(indexed)).await?;
                let statement = self.statement(schema::UPDATE.sql(indexed)).await?;
                // Dropped before its end, it is rolled back.
                let transaction = self.session.transaction().await?;
                // Where another transaction holds any of the rows, the change waits for its end.
                let is_contended = (transaction.query(&free, &[&first_id, &last_id]).await?.len() as u64) < rows;
                let asked_ns = clock::monotonic_ns();
                found.rows = transaction.execute(&statement, &[&first_id, &last_id]).await?;
                if is_contended {
                    found.busy_ns = clock::monotonic_ns().saturating_sub(asked_ns);
                }
                if !think.is_zero() {
                    let begun_ns = clock::monotonic_ns();
                    found.loop_ns = sleep::sleep(think).await;
                    let slept_ns = clock::monotonic_ns().saturating_sub(begun_ns);
                    found.think_ns = slept_ns.saturating_sub(found.loop_ns);
                }
                transaction.commit().await?;
            }
        }
        Ok(found)
    }
}

/// Reads prices.
fn take(found: &mut Found, rows: &[Row]) -> Result<(), Error> {
    for row in rows {
        found.rows += 1;
        found.sum += u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
    }
    Ok(())
}

/// Adds all of a query's orders at once, removes the oldest beyond `$4`, and counts those that were added. Orders that another
/// transaction is removing or adding just now are left to a later query, so that no query waits for another.
const INSERT: &str = "WITH added AS (INSERT INTO quintain_orders (item, price, name) SELECT item, price, name FROM \
                      unnest($1::bigint[], $2::bigint[], $3::text[]) AS row (item, price, name) RETURNING id), \
                      removed AS (DELETE FROM quintain_orders WHERE id = ANY (ARRAY(SELECT id FROM quintain_orders \
                      WHERE id BETWEEN 1 AND (SELECT max(id) FROM added) - $4 FOR UPDATE SKIP LOCKED))) \
                      SELECT count(*) FROM added";
