//! What a run leaves in its directory: names and headers, for whoever writes the files and whoever reads them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

use crate::named_file::open;

/// What was run, on what, and at the end what came of it.
pub const RECORD: &str = "run.json";
/// A row a tick, for the whole target.
pub const RESOURCES: &str = "resources.csv";
/// A row a tick and slot.
pub const WORKERS: &str = "workers.csv";
/// A row a tick and route.
pub const ROUTES: &str = "routes.csv";
/// The histograms of each tick.
pub const LATENCY: &str = "latency.hlog";
/// The tags of the histograms in [`LATENCY`]: service, latency, queue, and the wait for the event loop.
pub const DURATIONS: [&str; 5] = ["svc", "lat", "queue", "loop", "db_acquire"];
/// What had been counted at each mark, and at the end.
pub const MARKS: &str = "marks.csv";
/// What happened, and when.
pub const EVENTS: &str = "events.csv";

/// In `run.json`: the kernel's counters of TCP before the run.
pub const TCP_BEFORE: &str = "tcp_before";
/// The same, after it.
pub const TCP_AFTER: &str = "tcp_after";

/// The embedded database, as long as the run lasts.
pub const DATABASE: &str = "database.sqlite";
/// The same, and what `SQLite` writes beside it.
pub const DATABASE_FILES: [&str; 4] =
    [DATABASE, "database.sqlite-wal", "database.sqlite-shm", "database.sqlite-journal"];

/// All of them that stay.
pub const ALL: [&str; 7] = [RECORD, RESOURCES, WORKERS, ROUTES, LATENCY, MARKS, EVENTS];

/// The header of `events.csv`.
pub const EVENT_COLUMNS: [&str; 9] =
    ["ts_utc", "epoch_ms", "elapsed_s", "kind", "slot", "generation", "pid", "detail", "plans"];

/// The header of `marks.csv`. The last row of a run that ended in order has no phase.
pub const MARK_COLUMNS: [&str; 4] = ["phase", "at_ns", "realtime_ns", "figures"];

/// The whole lines of a file, and whether there is half a line behind them.
///
/// # Errors
/// What the file system says, or that there is no regular file.
pub fn open_whole_lines(path: &Path) -> io::Result<(io::Take<File>, bool)> {
    let mut file = open(path)?;
    let whole = whole_lines(&mut file)?;
    let is_torn = file.metadata()?.len() > whole;
    file.rewind()?;
    Ok((file.take(whole), is_torn))
}

/// All of them at once, for files that are not long.
///
/// # Errors
/// What the file system says, or that there is no regular file.
pub fn read_whole_lines(path: &Path) -> io::Result<(Vec<u8>, bool)> {
    let (mut file, is_torn) = open_whole_lines(path)?;
    let mut text = Vec::new();
    file.read_to_end(&mut text)?;
    Ok((text, is_torn))
}

/// Up to where a file consists of whole lines: at most the last one of an observer that was killed has no end.
///
/// # Errors
/// What the file system says.
pub fn whole_lines(file: &mut File) -> io::Result<u64> {
    const PIECE: u64 = 64 * 1024;
    let mut end = file.metadata()?.len();
    let mut piece = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(PIECE);
        file.seek(SeekFrom::Start(start))?;
        piece.clear();
        Read::by_ref(file).take(end - start).read_to_end(&mut piece)?;
        if let Some(last) = piece.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + last as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}
