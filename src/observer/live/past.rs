//! What an observer before this one has told, out of the run's files.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use serde_json::Value;

use super::Happened;
use super::row::value;
use crate::columns::Column;
use crate::event::EventKind;

/// Longer than any row of `resources.csv`.
const ROW: u64 = 1024;

/// The newest so many events, as [`super::Live::event`] tells them; none where none were written.
pub fn events(path: &Path, room: usize) -> VecDeque<Happened> {
    let mut events = VecDeque::new();
    let Ok(mut rows) = ::csv::Reader::from_path(path) else { return events };
    for event in rows.deserialize::<Happened>().filter_map(Result::ok) {
        let death = EventKind::read(&event.kind, &event.detail, "").is_death();
        super::push(&mut events, room, Happened { death, ..event });
    }
    events
}

/// The newest so many rows of `resources.csv`, each a JSON array; none where none were written.
pub fn rows<Figures>(path: &Path, columns: &[Column<Figures>], room: usize) -> VecDeque<String> {
    let mut rows = VecDeque::new();
    let Ok(end) = end(path, room as u64 * ROW) else { return rows };
    // What has no end of its own is half of a row. So may be the first, which is one too many then.
    let whole = end.rsplit_once('\n').map_or("", |(whole, _)| whole);
    let mut reader = ::csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(whole.as_bytes());
    for cells in reader.records().filter_map(Result::ok) {
        if cells.len() == columns.len() && cells.get(0) != columns.first().map(|column| column.name) {
            let cells = columns.iter().zip(&cells).map(|(column, cell)| value(column, cell.to_owned()));
            super::push(&mut rows, room, Value::Array(cells.collect()).to_string());
        }
    }
    rows
}

/// The last so many bytes of a file.
fn end(path: &Path, bytes: u64) -> io::Result<String> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(bytes);
    file.seek(SeekFrom::Start(start))?;
    let mut end = Vec::new();
    file.read_to_end(&mut end)?;
    Ok(String::from_utf8_lossy(&end).into_owned())
}
