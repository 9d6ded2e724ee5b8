//! What a run leaves in its directory: names and headers, for whoever writes the files and whoever reads them.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

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
/// What had been counted at each mark, and at the end.
pub const MARKS: &str = "marks.csv";
/// What happened, and when.
pub const EVENTS: &str = "events.csv";

/// All of them.
pub const ALL: [&str; 7] = [RECORD, RESOURCES, WORKERS, ROUTES, LATENCY, MARKS, EVENTS];

/// The header of `events.csv`.
pub const EVENT_COLUMNS: [&str; 9] =
    ["ts_utc", "epoch_ms", "elapsed_s", "kind", "slot", "generation", "pid", "detail", "plans"];

/// The header of `marks.csv`. The last row of a run that ended in order has no phase.
pub const MARK_COLUMNS: [&str; 4] = ["phase", "at_ns", "realtime_ns", "figures"];

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
