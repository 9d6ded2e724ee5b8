//! What queries are on a connection to `PostgreSQL`. Its statements are prepared once.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Error, Row, Statement};

use crate::sys::clock;
use crate::work::database::query::{Ask, Found, Kind, Query};
use crate::work::database::schema;
use crate::work::sleep;

/// A connection and its prepared statements.
pub struct Session {
    /// The connection.
    pub client: Client,
    statements: Mutex<HashMap<&'static str, Statement>>,
    seed: u64,
    rows: u64,
}

impl Session {
    /// On a connection that was just opened, to tables of this seed and so many rows.
    pub fn new(client: Client, seed: u64, rows: u64) -> Self {
        Self { client, statements: Mutex::default(), seed, rows }
    }

    async fn statement(&self, sql: &'static str) -> Result<Statement, Error> {
        let known = self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(sql).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let statement = self.client.prepare(sql).await?;
        self.statements.lock().unwrap_or_else(PoisonError::into_inner).insert(sql, statement.clone());
        Ok(statement)
    }

    /// Answers a query. Where it fails or is dropped before its end, its transaction may still be open.
    pub async fn ask(&self, ask: &Ask) -> Result<Found, Error> {
        let Ask { query: Query { kind, rows, indexed, think, .. }, first } = *ask;
        let (first_id, last_id) = (whole(first), whole(ask.last()));
        let mut found = Found::default();
        match kind {
            Kind::Point => {
                let statement = self.statement(schema::POINT.sql(indexed)).await?;
                for id in first_id..=last_id {
                    take(&mut found, &self.client.query(&statement, &[&id]).await?)?;
                }
            }
            Kind::Range => {
                let statement = self.statement(schema::RANGE.sql(indexed)).await?;
                let parameters: [&(dyn ToSql + Sync); 3] = [&first_id, &last_id, &schema::FILTER];
                take(&mut found, &self.client.query(&statement, &parameters).await?)?;
            }
            Kind::Aggregate => {
                let statement = self.statement(schema::AGGREGATE.sql(indexed)).await?;
                let row = self.client.query_one(&statement, &[&first_id, &last_id]).await?;
                found.rows = u64::try_from(row.try_get::<_, i64>(0)?).unwrap_or(0);
                found.sum = u64::try_from(row.try_get::<_, i64>(1)?).unwrap_or(0);
            }
            Kind::Insert => {
                let statement = self.statement(INSERT).await?;
                let (ids, prices, names) = columns(self.seed, first, first + rows);
                let most = whole(self.rows);
                let added = self.client.query_one(&statement, &[&ids, &prices, &names, &most]).await?;
                found.rows = u64::try_from(added.try_get::<_, i64>(0)?).unwrap_or(0);
                found.sum = prices.iter().map(|price| price.unsigned_abs()).sum();
            }
            Kind::Update => {
                let statement = self.statement(schema::UPDATE.sql(indexed)).await?;
                found.rows = self.client.execute(&statement, &[&first_id, &last_id]).await?;
            }
            Kind::Contend => {
                let free = self.statement(schema::FREE.sql(indexed)).await?;
                let statement = self.statement(schema::UPDATE.sql(indexed)).await?;
                self.client.batch_execute("BEGIN").await?;
                // Where another transaction holds any of the rows, the change waits for its end.
                let is_contended = (self.client.query(&free, &[&first_id, &last_id]).await?.len() as u64) < rows;
                let asked_ns = clock::monotonic_ns();
                found.rows = self.client.execute(&statement, &[&first_id, &last_id]).await?;
                if is_contended {
                    found.busy_ns = clock::monotonic_ns().saturating_sub(asked_ns);
                }
                if !think.is_zero() {
                    let begun_ns = clock::monotonic_ns();
                    found.loop_ns = sleep::sleep(think).await;
                    let slept_ns = clock::monotonic_ns().saturating_sub(begun_ns);
                    found.think_ns = slept_ns.saturating_sub(found.loop_ns);
                }
                self.client.batch_execute("COMMIT").await?;
            }
        }
        Ok(found)
    }
}

/// Numbers, prices and names of the rows from `first` to before `end`.
pub fn columns(seed: u64, first: u64, end: u64) -> (Vec<i64>, Vec<i64>, Vec<String>) {
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
pub fn whole(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
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
