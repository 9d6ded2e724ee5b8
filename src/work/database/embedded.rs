//! The database that is a part of the program: `SQLite`, in a file that all workers open.
//!
//! The file is filled by a process that ends before the first worker is forked, as nothing of a connection may be carried
//! across a fork. It has one writer at a time; a query that waits to be it looks again and again, first after
//! `FIRST_PAUSE`.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, RecycleResult};
use rusqlite::{Connection, Error, ErrorCode, OpenFlags, Rows, params};

use super::connections::{Answer, Backend, Held, Pooled, Ran, UsedCpu};
use super::query::{Ask, Found, Kind, Query, Trouble};
use super::schema;
use crate::sys::clock;
use crate::work::cpu::Place;
use crate::work::loop_hold;
use crate::work::pool::{Pooled as OnPool, on_pool};

/// Statements that a connection keeps prepared: more than there are.
const STATEMENTS: usize = 32;

/// The pause after the first look that finds another writer. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_micros(20);

/// The longest pause between two looks.
const LONGEST_PAUSE: Duration = Duration::from_millis(1);

/// Rows between two signs of progress.
const STRIDE: u64 = 1_000;

/// What `PRAGMA synchronous` says, for `run.json`: a transaction is with the kernel when it is answered, and a checkpoint
/// alone waits for the disk.
pub const SYNCHRONOUS: &str = "NORMAL";

/// What `PRAGMA journal_mode` says, for `run.json`.
pub const JOURNAL: &str = "WAL";

/// Where the database is, and how long a query waits for its one writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Embedded {
    /// The file.
    pub file: PathBuf,
    /// `--db-timeout`
    pub timeout: Duration,
    /// `--seed`, of which the rows that are added are made as well.
    pub seed: u64,
    /// `--db-rows`; also the most orders that are kept.
    pub rows: u64,
}

/// An open connection.
pub struct Open {
    connection: Connection,
    busy: Arc<Busy>,
    seed: u64,
    rows: u64,
}

/// The wait of the query that runs for the one writer, as the busy handler counts it.
struct Busy {
    timeout: Duration,
    waited_ns: AtomicU64,
}

impl Busy {
    /// Pauses while there is another writer, as there was at the `earlier` looks before. Returns false once the query has
    /// waited for as long as it may.
    fn wait(&self, earlier: i32) -> bool {
        let waited_ns = self.waited_ns.load(Relaxed);
        let left = self.timeout.saturating_sub(Duration::from_nanos(waited_ns));
        if left.is_zero() {
            return false;
        }
        let pause = FIRST_PAUSE.saturating_mul(1 << earlier.clamp(0, 10)).min(LONGEST_PAUSE).min(left);
        let begun_ns = clock::monotonic_ns();
        thread::sleep(pause);
        self.waited_ns.store(waited_ns + clock::monotonic_ns().saturating_sub(begun_ns), Relaxed);
        true
    }
}

impl Embedded {
    fn open(&self) -> Result<Open, String> {
        let open = self.connect().map_err(|error| told(&error))?;
        set_synchronous(&open.connection, SYNCHRONOUS)?;
        Ok(open)
    }

    fn connect(&self) -> Result<Open, Error> {
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let mut connection = Connection::open_with_flags(&self.file, flags)?;
        let busy = Arc::new(Busy { timeout: self.timeout, waited_ns: AtomicU64::new(0) });
        let handler = Arc::clone(&busy);
        connection.busy_handler(Some(move |earlier| handler.wait(earlier)))?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        Ok(Open { connection, busy, seed: self.seed, rows: self.rows })
    }
}

impl Manager for Embedded {
    type Type = Pooled<Open>;
    type Error = Trouble;

    async fn create(&self) -> Result<Pooled<Open>, Trouble> {
        self.open().map(Pooled::new).map_err(Trouble::Failed)
    }

    async fn recycle(&self, _: &mut Pooled<Open>, _: &Metrics) -> RecycleResult<Trouble> {
        // A query leaves no transaction behind.
        Ok(())
    }
}

impl Backend for Embedded {
    type Connection = Open;

    async fn run(held: Held<Self>, ask: Ask) -> Ran<Self> {
        match ask.query.place {
            Place::Loop => {
                let (ran, begun_ns) = run(held, &ask);
                if let Ok(Found { busy_ns, think_ns, .. }) = &ran.answer.found {
                    loop_hold::blocked(busy_ns + think_ns);
                }
                loop_hold::held(begun_ns, begun_ns + ran.answer.took_ns);
                ran
            }
            Place::Pool => {
                let OnPool { done: (ran, _), pool_ns, loop_ns: _ } = on_pool(move || run(held, &ask)).await;
                Ran { answer: Answer { pool_ns, ..ran.answer }, ..ran }
            }
        }
    }
}

/// Runs a query on the calling thread. Returns with it when it began (monotonic).
fn run(mut held: Held<Embedded>, ask: &Ask) -> (Ran<Embedded>, u64) {
    let (begun_ns, cpu_before_ns) = (clock::monotonic_ns(), clock::thread_cpu_ns());
    let found = held.connection().answer(ask);
    let cpu = Some(UsedCpu { queries: 1, ns: clock::thread_cpu_ns().saturating_sub(cpu_before_ns) });
    let took_ns = clock::monotonic_ns().saturating_sub(begun_ns);
    (Ran { held, answer: Answer { found, took_ns, pool_ns: 0, cpu } }, begun_ns)
}

impl Open {
    fn answer(&self, ask: &Ask) -> Result<Found, Trouble> {
        self.busy.waited_ns.store(0, Relaxed);
        let found = match ask.query.kind {
            Kind::Point | Kind::Range | Kind::Aggregate => self.read(ask),
            Kind::Insert | Kind::Update | Kind::Contend => self.write(ask),
        };
        let busy_ns = self.busy.waited_ns.load(Relaxed);
        found.map(|found| Found { busy_ns, ..found }).map_err(|error| match error.sqlite_error_code() {
            Some(ErrorCode::DatabaseBusy) => Trouble::Busy { timeout: self.busy.timeout },
            _ => Trouble::Failed(told(&error)),
        })
    }

    fn read(&self, ask: &Ask) -> Result<Found, Error> {
        let Ask { query: Query { kind, indexed, .. }, first } = *ask;
        let mut found = Found::default();
        if kind == Kind::Aggregate {
            let mut statement = self.connection.prepare_cached(schema::AGGREGATE.sql(indexed))?;
            (found.rows, found.sum) =
                statement.query_row([first, ask.last()], |row| Ok((row.get(0)?, row.get(1)?)))?;
            return Ok(found);
        }
        if kind == Kind::Range {
            let mut statement = self.connection.prepare_cached(schema::RANGE.sql(indexed))?;
            take(&mut found, statement.query(params![first, ask.last(), schema::FILTER])?)?;
            return Ok(found);
        }
        let mut statement = self.connection.prepare_cached(schema::POINT.sql(indexed))?;
        for id in first..=ask.last() {
            take(&mut found, statement.query([id])?)?;
        }
        Ok(found)
    }

    fn write(&self, ask: &Ask) -> Result<Found, Error> {
        self.execute("BEGIN IMMEDIATE")?;
        let written = self.change(ask).and_then(|found| self.execute("COMMIT").map(|()| found));
        if written.is_err() && !self.connection.is_autocommit() {
            // The first error is the one to report.
            let _ = self.execute("ROLLBACK");
        }
        written
    }

    fn execute(&self, sql: &str) -> Result<(), Error> {
        self.connection.prepare_cached(sql)?.execute([]).map(drop)
    }

    fn change(&self, ask: &Ask) -> Result<Found, Error> {
        let Ask { query: Query { kind, rows, indexed, think, .. }, first } = *ask;
        let mut found = Found { rows, ..Found::default() };
        match kind {
            Kind::Insert => {
                let mut statement = self.connection.prepare_cached(schema::INSERT)?;
                for id in first..first + rows {
                    let (price, name) = schema::row(self.seed, id);
                    statement.execute(params![id, price, name])?;
                    found.sum += price;
                }
                let last = u64::try_from(self.connection.last_insert_rowid()).unwrap_or(0);
                if let Some(beyond @ 1..) = last.checked_sub(self.rows) {
                    self.connection.prepare_cached(schema::REMOVE)?.execute([beyond])?;
                }
            }
            Kind::Point | Kind::Range | Kind::Aggregate | Kind::Update | Kind::Contend => {
                let mut statement = self.connection.prepare_cached(schema::UPDATE.sql(indexed))?;
                found.rows = statement.execute([first, ask.last()])? as u64;
            }
        }
        if kind == Kind::Contend && !think.is_zero() {
            // The thread sleeps and serves nobody: a second writer on this thread would wait for this transaction for ever.
            let begun_ns = clock::monotonic_ns();
            thread::sleep(think);
            found.think_ns = clock::monotonic_ns().saturating_sub(begun_ns);
        }
        Ok(found)
    }
}

/// Reads prices and names to their end.
fn take(found: &mut Found, mut rows: Rows<'_>) -> Result<(), Error> {
    while let Some(row) = rows.next()? {
        found.rows += 1;
        found.sum += row.get::<_, u64>(0)?;
        // A client would read the name; the answer has no use for it.
        row.get_ref(1)?.as_str()?;
    }
    Ok(())
}

/// What an error says. Where there is no room for a write, `SQLite` often knows no more than that it failed.
fn told(error: &Error) -> String {
    match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull | ErrorCode::SystemIoFailure) => {
            format!("{error}. The disk of --run-dir may be full, or a limit on the size of files reached")
        }
        _ => error.to_string(),
    }
}

/// The version of `SQLite`.
#[must_use]
pub fn version() -> &'static str {
    rusqlite::version()
}

/// Sets `journal_mode`.
///
/// # Errors
/// A sentence, also when the file keeps another mode: `SQLite` doesn't call that an error.
fn set_journal(connection: &Connection, wanted: &str) -> Result<(), String> {
    let set = connection.pragma_update_and_check(None, "journal_mode", wanted, |row| row.get::<_, String>(0));
    let set = set.map_err(|error| told(&error))?;
    if set.eq_ignore_ascii_case(wanted) {
        Ok(())
    } else {
        Err(format!("its journal_mode stays {set}, not {wanted}"))
    }
}

/// Sets `synchronous`.
///
/// # Errors
/// A sentence, also when the connection keeps another level: `SQLite` doesn't call that an error.
fn set_synchronous(connection: &Connection, wanted: &str) -> Result<(), String> {
    /// `SQLite` answers with a name's place among these.
    const LEVELS: [&str; 4] = ["OFF", "NORMAL", "FULL", "EXTRA"];
    connection.pragma_update(None, "synchronous", wanted).map_err(|error| told(&error))?;
    let set = connection.pragma_query_value(None, "synchronous", |row| row.get::<_, usize>(0));
    let set = set.map_err(|error| told(&error))?;
    if LEVELS.get(set) == Some(&wanted) {
        Ok(())
    } else {
        Err(format!("its synchronous stays {set}, not {wanted}"))
    }
}

/// Fills an empty file with `items` items. `progress` is called now and then with the number that are in.
///
/// # Errors
/// A sentence, with the file's name.
pub fn fill(file: &Path, seed: u64, items: u64, progress: impl FnMut(u64)) -> Result<(), String> {
    try_fill(file, seed, items, progress)
        .map_err(|error| format!("the database {} can't be filled: {error}", file.display()))
}

fn try_fill(file: &Path, seed: u64, items: u64, progress: impl FnMut(u64)) -> Result<(), String> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(file, flags).map_err(|error| told(&error))?;
    // No journal is needed: a run that can't fill the file to its end removes it.
    set_journal(&connection, "OFF")?;
    set_synchronous(&connection, "OFF")?;
    insert_items(&mut connection, seed, items, progress).map_err(|error| told(&error))?;
    set_synchronous(&connection, "FULL")?;
    set_journal(&connection, JOURNAL)
}

/// Makes the tables and their rows.
fn insert_items(
    connection: &mut Connection,
    seed: u64,
    items: u64,
    mut progress: impl FnMut(u64),
) -> Result<(), Error> {
    let filling = connection.transaction()?;
    filling.execute_batch(&format!(
        "{}, PRIMARY KEY (id)) WITHOUT ROWID; CREATE TABLE quintain_orders (id INTEGER PRIMARY KEY, {}",
        schema::ITEMS,
        schema::ORDERS
    ))?;
    {
        let mut statement = filling.prepare(schema::FILL)?;
        for id in 1..=items {
            let (price, name) = schema::row(seed, id);
            statement.execute(params![id, price, name])?;
            if id % STRIDE == 0 {
                progress(id);
            }
        }
    }
    filling.commit()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A database in memory has no write-ahead log, and `SQLite` says so without an error.
    #[test]
    fn a_journal_that_is_not_to_be_had_is_an_error() {
        let connection = Connection::open_in_memory().unwrap();
        let sentence = set_journal(&connection, JOURNAL).unwrap_err();
        assert!(sentence.contains("stays memory, not WAL"), "{sentence}");
        set_synchronous(&connection, SYNCHRONOUS).unwrap();
        assert!(set_synchronous(&connection, "SOMETIMES").is_err());
    }
}
