//! A row as JSON, by the names of its columns: the same cells as in the CSV.

use serde_json::{Map, Value};

use crate::columns::{Column, Row};

/// Fields in the order of the columns.
pub type Object = Map<String, Value>;

/// Numbers are numbers, an unknown is null.
pub fn object<Figures>(columns: &[Column<Figures>], row: &Row<'_, Figures>) -> Object {
    columns.iter().map(|column| (column.name.to_owned(), value(column, (column.cell)(row)))).collect()
}

/// A cell as JSON.
pub fn value<Figures>(column: &Column<Figures>, cell: String) -> Value {
    if cell.is_empty() {
        return Value::Null;
    }
    // A phase may be called 7.
    if column.unit == "name" {
        return Value::String(cell);
    }
    serde_json::from_str(&cell).ok().filter(Value::is_number).unwrap_or(Value::String(cell))
}

/// The columns of `workers.csv` without those that each row of a tick has in common with that of the whole target.
pub fn of_slots_alone<Figures>(columns: Vec<Column<Figures>>) -> Vec<Column<Figures>> {
    const COMMON: [&str; 7] = ["ts_utc", "epoch_ms", "elapsed_s", "interval_s", "late_ms", "phase", "mode"];
    columns.into_iter().filter(|column| !COMMON.contains(&column.name)).collect()
}

/// Of the columns of `routes.csv` what a page shows of a route: few, since there are many routes.
pub fn of_routes_alone<Figures>(columns: Vec<Column<Figures>>) -> Vec<Column<Figures>> {
    const SHOWN: [&str; 8] =
        ["method", "route", "requests_total", "rps", "errors_total", "lat_p50_us", "lat_p99_us", "svc_p99_us"];
    columns.into_iter().filter(|column| SHOWN.contains(&column.name)).collect()
}

/// Exact to a microsecond, for more years than a run has.
#[allow(clippy::cast_precision_loss)]
pub fn seconds(nanoseconds: u64) -> f64 {
    (nanoseconds / 1_000) as f64 / 1e6
}
