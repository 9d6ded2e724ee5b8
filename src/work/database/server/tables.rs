//! The tables on a server: whether they are of this run's seed and rows, and how the start of a run makes them.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::{Server, Unusable, columns, unusable, whole};
use crate::units::Spelled;
use crate::work::database::schema;

/// The advisory lock that a run takes to make the tables, so that only one run does.
const LOCK: i64 = 0x7175_696e_7461_696e;

/// Rows that are sent at once.
const STRIDE: u64 = 5_000;

/// How long a step of the filling may take: sending [`STRIDE`] rows, or waiting for another run that fills the tables.
const STEP: Duration = Duration::from_secs(30);

impl Server {
    /// Whether there are tables. Tables of another seed, size or version are an error.
    pub(super) async fn has_tables(&self, client: &Client) -> Result<bool, Unusable> {
        let asked = client.query_opt("SELECT version, seed, rows FROM quintain_about", &[]);
        let row = match timeout(self.timeout, asked).await {
            Err(_) => return Err(self.is_silent(self.timeout)),
            Ok(Err(error)) if error.code() == Some(&SqlState::UNDEFINED_TABLE) => return Ok(false),
            Ok(Err(error)) => return Err(unusable(&self.place(), &error)),
            Ok(Ok(None)) => return Err(self.foreign("an empty quintain_about")),
            Ok(Ok(Some(row))) => row,
        };
        let about = (row.try_get(0), row.try_get(1), row.try_get(2));
        let (Ok(version), Ok(seed), Ok(rows)): (Result<i64, _>, Result<String, _>, Result<i64, _>) = about else {
            return Err(self.foreign("a quintain_about of another kind"));
        };
        if version != schema::VERSION {
            let sentence =
                format!("tables of version {version}, and this quintain has version {}", schema::VERSION);
            return Err(self.foreign(&sentence));
        }
        if (seed.as_str(), rows) != (&*self.seed.to_string(), whole(self.rows)) {
            let sentence = format!(
                "{rows} rows of seed {seed}, and this run has --db-rows {} and --seed {}",
                self.rows, self.seed
            );
            return Err(self.foreign(&sentence));
        }
        Ok(true)
    }

    fn foreign(&self, what: &str) -> Unusable {
        Unusable::Refused(format!(
            "{} holds {what}: start with the same ones, or remove them with DROP TABLE quintain_about, quintain_items, \
             quintain_orders",
            self.place()
        ))
    }

    /// The error of a run that has begun and finds no tables: they are made only at its start.
    pub(super) fn lacks_tables(&self) -> Unusable {
        Unusable::Refused(format!("{} has no quintain tables: they are made when quintain starts", self.place()))
    }

    /// Makes and fills the tables in one transaction. A second run that tries waits for the first, and makes none.
    pub(super) async fn fill(
        &self,
        client: &mut Client,
        mut progress: impl FnMut(u64) + Send,
    ) -> Result<(), Unusable> {
        let filling = self.limited(STEP, client.transaction()).await?;
        match timeout(STEP, filling.execute("SELECT pg_advisory_xact_lock($1)", &[&LOCK])).await {
            Err(_) => {
                let (place, limit) = (self.place(), Spelled(STEP));
                return Err(Unusable::Down(format!(
                    "{place}: somebody else has been making its tables for {limit}"
                )));
            }
            Ok(Err(error)) => return Err(unusable(&self.place(), &error)),
            Ok(Ok(_)) => {}
        }
        let there = filling.query_one("SELECT to_regclass('quintain_about') IS NOT NULL", &[]);
        if self.limited(STEP, there).await?.get(0) {
            return self.limited(STEP, filling.commit()).await;
        }
        let tables = format!(
            "{}, PRIMARY KEY (id)); CREATE TABLE quintain_orders (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, {}; \
             CREATE TABLE quintain_about (version BIGINT NOT NULL, seed TEXT NOT NULL, rows BIGINT NOT NULL)",
            schema::ITEMS,
            schema::ORDERS
        );
        self.limited(STEP, filling.batch_execute(&tables)).await?;
        let insert = filling.prepare(
            "INSERT INTO quintain_items (id, code, price, sold, name) SELECT id, id, price, 0, name FROM \
             unnest($1::bigint[], $2::bigint[], $3::text[]) AS row (id, price, name)",
        );
        let insert = self.limited(STEP, insert).await?;
        let mut next = 1;
        while next <= self.rows {
            let end = (next + STRIDE).min(self.rows + 1);
            let (ids, prices, names) = columns(self.seed, next, end);
            self.limited(STEP, filling.execute(&insert, &[&ids, &prices, &names])).await?;
            next = end;
            progress(next - 1);
        }
        let about = "INSERT INTO quintain_about (version, seed, rows) VALUES ($1, $2, $3)";
        let (seed, rows) = (self.seed.to_string(), whole(self.rows));
        self.limited(STEP, filling.execute(about, &[&schema::VERSION, &seed, &rows])).await?;
        self.limited(STEP, filling.commit()).await?;
        self.limited(STEP, client.batch_execute("ANALYZE quintain_items")).await
    }
}
