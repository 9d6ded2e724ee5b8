//! `PostgreSQL`, over its own protocol.
//!
//! The start of a run makes and fills the tables where there are none. The password stands in `Server::config` alone, and
//! no message here is made of it.

mod pipeline;
mod session;
mod session_cpu;
mod tables;

use std::error::Error as _;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleError, RecycleResult};
use tokio::runtime::Handle;
use tokio::task::AbortHandle;
use tokio::time::timeout;
use tokio_postgres::config::Host;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Config, Error, NoTls};

use super::connections::{Answer, Backend, Held, Pooled, Ran};
use super::health::Health;
use super::query::{Ask, Found, Kind, Trouble};
use crate::sys::clock;
use crate::units::Spelled;
use pipeline::Pipeline;
use session::{Session, columns, whole};
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
    /// Over which pipelined queries are sent.
    pipeline: Arc<Pipeline>,
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
    session: Session,
    /// The task that reads and writes the connection's socket.
    connection: AbortHandle,
    /// Whether a query was begun and its answer is still to come: its request may have given up on it.
    is_busy: bool,
    /// Of the server's process for this connection, where it can be read.
    cpu: Mutex<Option<SessionCpu>>,
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
        Ok(Self { config: Arc::new(config), timeout, seed, rows, health: Arc::default(), pipeline: Arc::default() })
    }

    /// The same server, for a worker that watches its health and has connections itself.
    #[must_use]
    pub fn of_a_worker(&self) -> Self {
        Self { health: Arc::default(), pipeline: Arc::default(), ..self.clone() }
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
        if !self.has_tables(&client.session.client).await? {
            self.fill(&mut client.session.client, progress).await?;
            // Somebody else may have been faster, with other rows.
            if !self.has_tables(&client.session.client).await? {
                return Err(self.lacks_tables());
            }
        }
        let settings = "SELECT current_setting('server_version'), current_setting('max_connections')::bigint - \
                        current_setting('superuser_reserved_connections')::bigint";
        let row = self.limited(self.timeout, client.session.client.query_one(settings, &[])).await?;
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

    /// A connection for queries; one that can't be had raises a suspicion. To open one takes a large future and is seldom
    /// needed: in a box of its own it is no part of each request's.
    async fn client(&self) -> Result<Client, Trouble> {
        Box::pin(self.connect_to_tables()).await.map_err(|unusable| {
            if !matches!(unusable, Unusable::Full(_)) {
                self.health.suspect();
            }
            let (Unusable::Full(reason) | Unusable::Down(reason) | Unusable::Refused(reason)) = unusable;
            Trouble::Unreachable(reason)
        })
    }

    /// A connection for queries: the tables are there, and those of this run.
    async fn connect_to_tables(&self) -> Result<Client, Unusable> {
        let mut client = self.connect().await?;
        client.is_busy = true;
        let has_tables = self.has_tables(&client.session.client).await;
        client.is_busy = matches!(has_tables, Err(Unusable::Down(_)));
        if has_tables? {
            client.cpu = Mutex::new(self.limited(self.timeout, SessionCpu::of(&client.session.client)).await?);
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
        let (client, connection) = self.limited(self.timeout, self.config.connect(NoTls)).await?;
        let health = Arc::clone(&self.health);
        let connection = tokio::spawn(async move {
            // A connection that we close ends without an error.
            if connection.await.is_err() {
                health.suspect();
            }
        });
        let connection = connection.abort_handle();
        let session = Session::new(client, self.seed, self.rows);
        Ok(Client { session, connection, is_busy: false, cpu: Mutex::default(), server: self.clone() })
    }
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
        self.client().await.map(Pooled::new)
    }

    async fn recycle(&self, client: &mut Pooled<Client>, _: &Metrics) -> RecycleResult<Trouble> {
        let is_usable = !client.is_closed() && !client.is_busy;
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
        let client = held.connection();
        // Still so when this is dropped before its end.
        client.is_busy = true;
        let answer = client.answer(&ask).await;
        client.is_busy = matches!(answer.found, Err(Trouble::NoAnswer { .. }));
        if answer.found.is_err() {
            // The connection may be in the middle of a transaction, which ends with it.
            held.discard();
        }
        Ran { held, answer }
    }
}

impl Drop for Client {
    /// An idle connection closes by itself. One that still waits for an answer would stay open, with the server at work, until
    /// the answer comes.
    fn drop(&mut self) {
        if self.is_busy {
            self.abandon();
        }
    }
}

impl Client {
    fn is_closed(&self) -> bool {
        self.session.client.is_closed()
    }

    /// Closes the connection, whatever it is waiting for, and tells the server to cancel the query.
    fn abandon(&self) {
        self.connection.abort();
        // There is no runtime any more when the worker has ended.
        if let Ok(runtime) = Handle::try_current() {
            let (query, limit) = (self.session.client.cancel_token(), self.server.timeout);
            runtime.spawn(async move { timeout(limit, query.cancel_query(NoTls)).await });
        }
    }

    /// Answers a query.
    async fn answer(&self, ask: &Ask) -> Answer {
        let begun_ns = clock::monotonic_ns();
        let found = self.find(ask).await;
        let ended_ns = clock::monotonic_ns();
        let mut cpu = self.cpu.lock().unwrap_or_else(PoisonError::into_inner);
        // What failed is not counted as answered, and its CPU stays for the next look.
        let cpu = cpu.as_mut().filter(|_| found.is_ok()).and_then(|cpu| cpu.answered(ended_ns));
        Answer { found, took_ns: ended_ns.saturating_sub(begun_ns), pool_ns: 0, cpu }
    }

    /// The think time of a transaction does not count towards its time limit.
    async fn find(&self, ask: &Ask) -> Result<Found, Trouble> {
        let limit = self.server.timeout;
        let think = if ask.query.kind == Kind::Contend { ask.query.think } else { Duration::ZERO };
        match timeout(limit.saturating_add(think), self.session.ask(ask)).await {
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
}
